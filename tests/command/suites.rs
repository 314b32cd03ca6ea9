//! `belljar test`: good suites, failing suites and suites with mistakes.

use crate::support::Folder;

const ECHO: &str = "image = 'host'\ncommand = ['echo', 'hey']\nexpect.stdout = \"hey\\n\"\n";

#[test]
fn a_good_suite_ends_like_cargo_test() {
    let folder = Folder::new(&[("a.toml", ECHO), ("deep/er/b.toml", ECHO)]);
    let ended = folder.test(&[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.starts_with("\nrunning 2 tests\n"), "{ended:?}");
    assert!(ended.stdout.contains("test a ... ok\n"), "{ended:?}");
    assert!(ended.stdout.contains("test deep::er::b ... ok\n"), "{ended:?}");
    let result =
        "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in ";
    assert!(ended.stdout.contains(result), "{ended:?}");
}

#[test]
fn one_changed_line_fails_exactly_one_case_and_the_diff_points_at_it() {
    let wrong = ECHO.replace("hey\\n\"", "hay\\n\"");
    let folder = Folder::new(&[("a.toml", ECHO), ("b.toml", &wrong)]);
    let ended = folder.test(&[]);
    assert_eq!(ended.code, 101, "{ended:?}");
    assert!(ended.stdout.contains("test a ... ok\n"), "{ended:?}");
    assert!(ended.stdout.contains("test b ... FAILED\n"), "{ended:?}");
    for expected in [
        "b.toml:3:8: stdout differs",
        "<hay",
        ">hey",
        "run it alone: belljar test . --exact -- b\n",
        "test result: FAILED. 1 passed; 1 failed;",
    ] {
        assert!(ended.stdout.contains(expected), "{expected} is not in {}", ended.stdout);
    }
}

#[test]
fn the_way_to_run_it_alone_runs_it_alone() {
    let folder = Folder::new(&[("a.toml", ECHO), ("ab.toml", ECHO)]);
    let ended = folder.test(&["--exact", "--", "a"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stdout.contains("1 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out"),
        "{ended:?}"
    );
}

#[test]
fn all_mistakes_are_shown_at_once_with_their_places() {
    let folder = Folder::new(&[
        ("a.toml", "image = 'host'\ncomand = ['true']\n"),
        ("b.toml", "image = 'host'\ncommand = 5\n"),
        ("c.toml", "command = ['true']\n"),
        ("d.toml", "image = 'host'\ncommand = []\n"),
        ("e.toml", "image = 'oci:'\ncommand = ['true']\n"),
        (
            "f.toml",
            "image = 'host'\n[[case]]\nname = 'x'\ncommand = 'true'\n[[case]]\nname = 'x'\ncommand = 'true'\n",
        ),
        ("good.toml", ECHO),
    ]);
    folder.write("g.toml", b"command = '\xff'\n");
    let ended = folder.test(&[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "nothing is run: {ended:?}");
    for expected in [
        "a.toml:2:1",
        "comand",
        "b.toml:2:11",
        "c.toml:1:1",
        "d.toml:2:11",
        "e.toml:1:9",
        "f.toml:5:1",
        "two cases are named `f::x`",
        "g.toml:1:",
        "not UTF-8",
    ] {
        assert!(ended.stderr.contains(expected), "{expected} is not in {}", ended.stderr);
    }
}

#[test]
fn a_missing_image_is_an_error_of_its_cases_only() {
    let folder = Folder::new(&[
        ("a.toml", ECHO),
        ("b.toml", "image = 'oci:no/such/folder'\ncommand = ['true']\n"),
    ]);
    let ended = folder.test(&[]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stdout.contains("test a ... ok\n"), "{ended:?}");
    assert!(ended.stdout.contains("test b ... ERROR\n"), "{ended:?}");
    assert!(ended.stdout.contains("b.toml:1:9: could not be judged: "), "{ended:?}");
    assert!(ended.stdout.contains("no/such/folder"), "{ended:?}");
    assert!(ended.stdout.contains("\n1 could not be judged\n"), "{ended:?}");
}

#[test]
fn a_failure_weighs_more_than_an_error() {
    let folder = Folder::new(&[
        ("a.toml", "image = 'host'\ncommand = ['false']\n"),
        ("b.toml", "image = 'oci:no/such/folder'\ncommand = ['true']\n"),
    ]);
    assert_eq!(folder.test(&[]).code, 101);
}

#[test]
fn an_empty_selection_is_an_error() {
    let folder = Folder::new(&[("a.toml", ECHO)]);
    let ended = folder.test(&["--", "nothing"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("no case in . has `nothing` in its name"), "{ended:?}");
    let ended = Folder::new(&[]).test(&[]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("there is no case in ."), "{ended:?}");
}

#[test]
fn what_is_no_path_is_a_filter() {
    let folder = Folder::new(&[("a.toml", ECHO), ("other.toml", ECHO)]);
    let ended = folder.test(&["oth"]);
    assert!(ended.stdout.contains("running 1 test\n"), "{ended:?}");
    let ended = folder.test(&["--list"]);
    assert_eq!(ended.stdout, "a: test\nother: test\n");
    let ended = folder.test(&["not/here"]);
    assert_eq!(ended.code, 2, "a slash makes a path: {ended:?}");
    assert!(ended.stderr.contains("not/here"), "{ended:?}");
}

#[test]
fn each_ending_has_a_verdict_of_its_own() {
    let case = |rest: &str| format!("image = 'host'\n{rest}\n");
    let table = [
        (
            "timeout",
            "command = 'echo so far; sleep 1000'\ntimeout = '300ms'",
            "timed out after 300ms",
        ),
        ("flood", "command = 'yes'", "stdout passed the limit of 1048576 bytes"),
        ("crash", "command = 'kill -SEGV $$'", "crashed: SIGSEGV"),
        ("absent", "command = ['no-such-program']", "the program `no-such-program` was not found"),
        (
            "directory",
            "command = ['/usr']",
            "the program `/usr` cannot be executed: Permission denied",
        ),
        ("code", "command = 'echo why >&2; exit 9'", "expected exit code 0, got exit code 9"),
        (
            "lost",
            "command = 'true'\nexpect.stdout = { contains = ['x'] }",
            "stdout is empty and does not contain",
        ),
    ];
    let files: Vec<_> = table.map(|(name, rest, _)| (format!("{name}.toml"), case(rest))).into();
    let files: Vec<_> = files.iter().map(|(name, rest)| (name.as_str(), rest.as_str())).collect();
    let ended = Folder::new(&files).test(&[]);
    assert_eq!(ended.code, 101, "{ended:?}");
    for (name, _, expected) in table {
        assert!(ended.stdout.contains(expected), "{name}: {expected} is not in {}", ended.stdout);
    }
    for expected in ["so far", "    why"] {
        assert!(ended.stdout.contains(expected), "{expected} is not in {}", ended.stdout);
    }
}

#[test]
fn no_control_byte_of_a_payload_reaches_the_terminal() {
    let folder = Folder::new(&[(
        "a.toml",
        "image = 'host'\ncommand = '''printf '\\033]0;title\\007\\033[2J\\r\\000\\377' | tee /dev/stderr; exit 1'''\n",
    )]);
    let ended = folder.test(&[]);
    assert_eq!(ended.code, 101);
    let allowed = |character: char| !character.is_control() || character == '\n';
    assert!(ended.stdout.chars().all(allowed), "{:?}", ended.stdout);
}

#[test]
fn a_program_that_is_not_here_skips_its_case() {
    let folder = Folder::new(&[(
        "a.toml",
        "image = 'host'\nrequires = ['no-such-program']\ncommand = ['no-such-program']\n",
    )]);
    let ended = folder.test(&[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stdout.contains("test a ... ignored, `no-such-program` is not on this machine"),
        "{ended:?}"
    );
}
