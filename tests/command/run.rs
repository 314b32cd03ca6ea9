//! `belljar run`: what docker's users expect.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Ended, belljar};

fn run(arguments: &[&str]) -> Ended {
    Ended::of(belljar().arg("run").args(arguments))
}

#[test]
fn both_streams_and_the_exit_code_pass_through() {
    let ended = run(&["host", "/bin/sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (7, "out\n", "err\n"));
}

#[test]
fn the_payload_is_process_one() {
    assert_eq!(run(&["host", "sh", "-c", "echo $$"]).stdout, "1\n");
}

#[test]
fn a_signal_gives_128_and_its_number() {
    // Process 1 is spared signals from inside that it has no handler for; a child is not.
    assert_eq!(run(&["host", "sh", "-c", "sh -c 'kill -KILL $$'"]).code, 137);
    let kill_from_outside = "kill -KILL 1; echo spared";
    assert_eq!(run(&["host", "sh", "-c", kill_from_outside]).stdout, "spared\n");
}

#[test]
fn docker_s_codes_for_what_cannot_be_run() {
    let ended = run(&["host", "no-such-program"]);
    let expected = "belljar: `no-such-program` was not found in the image\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (127, expected));
    let ended = run(&["host", "/etc/hosts"]);
    assert_eq!(ended.code, 126);
    assert!(
        ended.stderr.contains("`/etc/hosts` cannot be executed: Permission denied"),
        "{ended:?}"
    );
    let ended = run(&["oci:/no/such/folder", "true"]);
    assert_eq!(ended.code, 125);
    assert!(
        ended.stderr.starts_with("belljar: ") && ended.stderr.contains("/no/such/folder"),
        "{ended:?}"
    );
    assert_eq!(run(&["no:such:reference", "true"]).code, 125);
    let empty = tempfile::tempdir().unwrap();
    let ended = run(&[&format!("rootfs:{}", empty.path().display())]);
    assert_eq!(ended.code, 125);
    assert!(ended.stderr.contains("no command of its own"), "{ended:?}");
}

#[test]
fn variables_user_and_working_directory() {
    let ended = Ended::of(belljar().env("FROM_HERE", "passed on").env("SECRET", "x").args([
        "run",
        "-e",
        "A=b=c",
        "-e",
        "FROM_HERE",
        "-e",
        "NOT_SET_AT_ALL",
        "-w",
        "/work",
        "-u",
        "1000:1000",
        "host",
        "sh",
        "-c",
        "pwd; id -u; env | sort",
    ]));
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = format!(
        "/work\n1000\nA=b=c\nFROM_HERE=passed on\nHOME=/\nHOSTNAME=belljar\n{path}\nPWD=/work\n"
    );
    assert_eq!(ended.stdout, expected, "{ended:?}");
}

#[test]
fn options_behind_the_image_belong_to_the_command() {
    let ended = run(&["host", "printf", "%s %s", "-e", "--explain"]);
    assert_eq!(ended.stdout, "-e --explain");
    assert_eq!(run(&["host", "sh", "-u", "-c", "echo $0 $1", "--rm", "-i"]).stdout, "--rm -i\n");
    let ended = run(&["host", "-u", "5", "id"]);
    assert_eq!(ended.code, 127, "the program is -u: {ended:?}");
    assert_eq!(run(&["--no-such-option", "host", "true"]).code, 2);
    assert_eq!(run(&["--rm", "host", "true"]).code, 0);
}

#[test]
fn stdin_is_passed_on_when_asked_for() {
    for (arguments, expected) in
        [(&["run", "-i", "host", "cat"][..], "typed\n"), (&["run", "host", "cat"][..], "")]
    {
        let mut child =
            belljar().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"typed\n");
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}

#[test]
fn much_output_arrives_whole() {
    let output = belljar().args(["run", "host", "head", "-c", "20000000", "/dev/zero"]).output();
    assert_eq!(output.unwrap().stdout.len(), 20_000_000);
}

#[test]
fn a_reader_that_leaves_ends_the_payload() {
    let mut child = belljar()
        .args(["run", "host", "sh", "-c", "yes; echo $? >&2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "141\n");
}

#[test]
fn a_full_disk_under_the_output_is_told() {
    let full = || std::fs::File::create("/dev/full").unwrap();
    let ended = belljar().args(["run", "host", "echo", "lost"]).stdout(full()).output().unwrap();
    assert_eq!(ended.status.code(), Some(125));
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(error.contains("failed to pass the payload's standard output on: ENOSPC"), "{error}");
    let explain = ["run", "--explain", "host", "true"];
    let ended = belljar().args(explain).stdout(full()).output().unwrap();
    assert_eq!(ended.status.code(), Some(125), "and no panic");
}

#[test]
fn the_program_itself_is_out_of_reach() {
    // Until a payload is executed, /proc/self/exe is belljar's own file: here a copy in memory.
    let ended = run(&["host", "/proc/self/exe", "run", "--explain", "host", "true"]);
    let file = std::fs::metadata(env!("CARGO_BIN_EXE_belljar")).unwrap();
    assert!(std::os::unix::fs::MetadataExt::mode(&file) & 0o7777 == 0o755, "{ended:?}");
    let mut child = belljar().args(["run", "host", "sleep", "1005.001"]).spawn().unwrap();
    let exe = std::fs::read_link(format!("/proc/{}/exe", child.id()));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let mut shown = exe.unwrap();
    while !shown.to_string_lossy().starts_with("/memfd:belljar") {
        assert!(std::time::Instant::now() < deadline, "{}", shown.display());
        shown = std::fs::read_link(format!("/proc/{}/exe", child.id())).unwrap();
    }
    let path = format!("/proc/{}/exe", child.id());
    let written = std::fs::OpenOptions::new().write(true).open(path).unwrap_err();
    assert!(matches!(written.raw_os_error(), Some(1 | 26)), "sealed or busy: {written}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_plan_is_explained() {
    let ended = run(&["--explain", "host", "true"]);
    assert_eq!(ended.code, 0);
    for expected in [
        "mount overlay on root",
        "make the root file system / (pivot_root)",
        "drop every capability",
    ] {
        assert!(ended.stdout.contains(expected), "{expected} is not in {}", ended.stdout);
    }
}
