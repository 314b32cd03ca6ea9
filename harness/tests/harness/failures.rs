//! Judgements to text.

use std::time::{Duration, Instant};

use belljar_harness::failure::Failure;
use belljar_harness::{Case, Verdict, judge};
use belljar_sandbox::{Ending, NotStarted, Outcome, Stream};

use crate::folder::case;
use crate::verdicts::{expecting, outcome};

fn render(case: &Case, outcome: &Outcome, rerun: Option<&str>, colour: bool) -> String {
    let verdict = &judge(&case.command, &case.expect, outcome);
    let shown = Failure { case, verdict, outcome: Some(outcome), rerun, colour }.render();
    let folder = case.place.path().parent().unwrap().display().to_string();
    shown.replace(&format!("{folder}/"), "")
}

fn plain(expect: &str, ending: Ending, stdout: &[u8], stderr: &[u8]) -> String {
    render(&expecting(expect), &outcome(ending, stdout, stderr), None, false)
}

#[test]
fn a_difference_is_shown_with_all_that_helps() {
    let case = expecting("stdout = \"a\\nb\\n\"");
    let outcome = outcome(Ending::Exited(3), b"a\n\x1b[2Jc", b"warning\n\x07failed\xff\n");
    let expected = "\
x.toml:3:1: expected exit code 0, got exit code 3
x.toml:4:1: stdout differs
< expected, > actual
 a
<b
>\\u{1b}[2Jc
>\\ no newline at the end
stderr:
    warning
    \\u{7}failed\\xff
run it alone: belljar test x.toml
";
    assert_eq!(render(&case, &outcome, Some("belljar test x.toml"), false), expected);
}

/// The line above each difference.
const EMPTY: &str =
    "hint: a stdout that is left out must be empty; `{ any = true }` leaves it unchecked";
const LEGEND: &str = "< expected, > actual";

/// What is expected, how the run ended, what it printed, and what is shown.
type Row = (&'static str, Ending, &'static [u8], &'static [u8], &'static [&'static str]);

fn check(table: &[Row]) {
    for (expect, ending, stdout, stderr, lines) in table {
        let shown = plain(expect, *ending, stdout, stderr);
        assert_eq!(shown.lines().collect::<Vec<_>>(), *lines, "{expect}");
        assert!(shown.ends_with('\n'), "{shown:?}");
    }
}

#[test]
fn a_run_that_was_cut_short_says_by_what() {
    let timed_out = Ending::TimedOut { limit: Duration::from_secs(1) };
    let limit = Ending::OutputLimit { stream: Stream::Stderr, limit: 4 };
    let not_found = Ending::NotStarted(NotStarted::NotFound);
    let not_executable = Ending::NotStarted(NotStarted::NotExecutable(13));
    check(&[
        ("", timed_out, b"so\n", b"", &["x.toml:1:1: timed out after 1s", "stdout:", "    so"]),
        (
            "",
            limit,
            b"",
            b"abcd",
            &["x.toml:2:1: stderr passed the limit of 4 bytes", "stderr:", "    abcd"],
        ),
        ("", Ending::Signaled(11), b"", b"", &["x.toml:3:1: crashed: SIGSEGV ended the command"]),
        (
            "",
            not_found,
            b"",
            b"",
            &[
                "x.toml:2:1: the program `tool` was not found",
                "hint: it is looked for in the sandbox; nor is a file found whose interpreter or \
                 loader is missing",
            ],
        ),
        (
            "",
            not_executable,
            b"",
            b"",
            &["x.toml:2:1: the program `tool` cannot be executed: \
               Permission denied (os error 13)"],
        ),
    ]);
}

#[test]
fn each_mismatch_has_its_words() {
    let zero = Ending::Exited(0);
    check(&[
        ("", zero, b"x\n", b"", &["x.toml:3:1: stdout is not empty", LEGEND, ">x", EMPTY]),
        ("stdout = \"x\\n\"", zero, b"", b"", &["x.toml:4:1: stdout is empty", LEGEND, "<x"]),
        (
            "stderr = \"x\\n\"",
            zero,
            b"",
            b"y\n",
            &["x.toml:4:1: stderr differs", LEGEND, "<x", ">y"],
        ),
        (
            "signal = \"SIGKILL\"",
            Ending::Exited(1),
            b"",
            b"",
            &["x.toml:4:1: expected SIGKILL, got exit code 1"],
        ),
        (
            "stdout = { contains = [\"a\\u001b\"] }",
            zero,
            b"b\n",
            b"",
            &["x.toml:4:1: stdout does not contain \"a\\u{1b}\"", "stdout:", "    b"],
        ),
        (
            "stdout = { contains = [\"a\"] }",
            zero,
            b"",
            b"",
            &["x.toml:4:1: stdout is empty and does not contain \"a\""],
        ),
    ]);
}

#[test]
fn a_missing_shell_is_explained() {
    let case = case("image = \"i\"\ncommand = \"true\"\n");
    let shown =
        render(&case, &outcome(Ending::NotStarted(NotStarted::NotFound), b"", b""), None, false);
    assert!(
        shown.starts_with(
            "x.toml:2:1: the program `/bin/sh` was not found\nhint: a command written as a string"
        ),
        "{shown}"
    );
}

#[test]
fn what_could_not_be_judged_says_why() {
    let case = expecting("");
    let verdict =
        &Verdict::Error { message: "no\u{1b} namespaces\nhint: more".to_owned(), place: None };
    let shown =
        Failure { case: &case, verdict, outcome: None, rerun: None, colour: false }.render();
    assert!(
        shown.ends_with("x.toml:1:1: could not be judged: no\\u{1b} namespaces\nhint: more\n"),
        "{shown}"
    );
}

#[test]
fn of_a_long_stream_the_end_is_shown() {
    let lines: String = (0..100).map(|line| format!("line {line}\n")).collect();
    let shown = plain("", Ending::Exited(1), b"", lines.as_bytes());
    let left_out: usize = (0..80).map(|line| format!("line {line}\n").len()).sum();
    assert!(
        shown.contains(&format!("stderr, without its first {left_out} bytes:\n    line 80\n")),
        "{shown}"
    );
    assert!(shown.ends_with("    line 99\n"), "{shown}");

    let mut outcome = outcome(Ending::Exited(1), b"", b"kept\n");
    outcome.stderr.total = 12;
    let shown = render(&expecting(""), &outcome, None, false);
    assert!(shown.ends_with("stderr:\n    kept\n… 7 more bytes were not kept …\n"), "{shown}");
}

#[test]
fn huge_outputs_take_no_time() {
    let lines = "some line or other\n".repeat(550_000);
    let mut other = lines.clone().into_bytes();
    other[5 << 20] = b'#';
    let case = expecting("stdout = { any = true }\nstderr = \"\"");
    let mut expecting_lines = case.clone();
    expecting_lines.expect.stdout.value = belljar_harness::Printed::Exactly(lines.clone());
    for (case, stdout, stderr) in [
        (&expecting_lines, &other[..], &b""[..]),
        (&expecting_lines, &b"\n".repeat(10 << 20)[..], &b""[..]),
        (&case, &other[..], lines.as_bytes()),
    ] {
        let outcome = outcome(Ending::Exited(1), stdout, stderr);
        let start = Instant::now();
        let shown = render(case, &outcome, None, false);
        // Without optimization, on a busy machine; the comparison of all would take minutes.
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        assert!(shown.len() < 100_000, "{} bytes", shown.len());
    }
}

/// Numbers that look random, the same in each run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Text of any kind: control characters, other scripts, halves of characters, long lines.
    fn bytes(&mut self) -> Vec<u8> {
        const PIECES: [&[u8]; 16] = [
            b"\x1b[31m",
            b"\n",
            b"\r",
            b"\x00",
            b"\x7f",
            b"\xc2\x9b",
            b"\xff",
            b"\xe2\x80",
            b"\xe2\x80\xae",
            b"\xe2\x80\x8b",
            b"\x08",
            b"\x1b]0;x\x07",
            b"word ",
            b"\xc3\xa4",
            b"\t",
            b"\\",
        ];
        let count = self.next() % 40;
        (0..count)
            .flat_map(|_| {
                let piece = PIECES[usize::try_from(self.next() % 16).unwrap()];
                let times = if self.next().is_multiple_of(8) { 500 } else { 1 };
                piece.repeat(times)
            })
            .collect()
    }
}

#[test]
fn no_byte_of_a_payload_reaches_the_terminal_raw() {
    let mut numbers = Numbers(0x5eed);
    let case = expecting("stderr = \"\"");
    let endings = [
        Ending::Exited(0),
        Ending::Exited(1),
        Ending::Signaled(11),
        Ending::TimedOut { limit: Duration::from_secs(1) },
        Ending::NotStarted(NotStarted::NotFound),
    ];
    for round in 0..600 {
        let mut case = case.clone();
        let expected = String::from_utf8_lossy(&numbers.bytes()).into_owned();
        case.expect.stdout.value = match round % 3 {
            0 => belljar_harness::Printed::Containing(vec![format!("{expected}never")]),
            _ => belljar_harness::Printed::Exactly(expected.clone()),
        };
        case.command.argv = vec![expected.clone()];
        let outcome = outcome(endings[round % endings.len()], &numbers.bytes(), &numbers.bytes());
        let shown = render(&case, &outcome, Some(&expected), false);
        let raw = shown.chars().find(|character| is_raw(*character));
        assert_eq!(raw, None, "round {round}: {shown:?}");

        let coloured = render(&case, &outcome, Some(&expected), true);
        let mut parts = coloured.split('\u{1b}');
        let raw = parts.next().unwrap().chars().find(|character| is_raw(*character));
        assert_eq!(raw, None, "round {round}: {coloured:?}");
        for part in parts {
            let (code, rest) = part.split_once('m').unwrap();
            let is_code = |byte: u8| matches!(byte, b'0'..=b'9' | b';');
            let code = code.strip_prefix('[').unwrap();
            assert!(code.bytes().all(is_code), "round {round}: {coloured:?}");
            assert_eq!(rest.chars().find(|character| is_raw(*character)), None);
        }
    }
}

fn is_raw(character: char) -> bool {
    let invisible = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
    (character.is_control() && character != '\n') || invisible
}
