//! Whatever becomes of belljar, nothing of it is left behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Folder, belljar};

/// Whether a process lives whose first words these are. A process that has ended and waits for its
/// parent has no command line any more.
fn lives(words: &str) -> bool {
    let start: Vec<u8> = words.bytes().map(|byte| if byte == b' ' { 0 } else { byte }).collect();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.flat_map(|process| std::fs::read(process.path().join("cmdline")));
    lines.any(|line| line.starts_with(&start))
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within ten seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn mounts() -> usize {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count()
}

/// Kills belljar without a warning once `word` lives, and waits until it does not.
fn kill_and_look(mut child: Child, word: &str) {
    wait_until("the payload starts", || lives(word));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the payload ends", || !lives(word));
}

#[test]
fn killing_a_run_leaves_nothing() {
    let before = mounts();
    for (word, command) in [
        ("sleep 1001.001", &["sleep", "1001.001"][..]),
        // A payload that revokes its wish to die with its parent.
        ("sleep 1001.002", &["setpriv", "--pdeathsig", "clear", "sleep", "1001.002"][..]),
        ("sleep 1001.003", &["sh", "-c", "trap '' TERM INT HUP; setsid sleep 1001.003 & wait"][..]),
    ] {
        let child = belljar().args(["run", "host"]).args(command).spawn().unwrap();
        kill_and_look(child, word);
    }
    assert_eq!(mounts(), before);
}

#[test]
fn killing_a_suite_leaves_nothing() {
    let folder = Folder::new(&[
        ("a.toml", "image = 'host'\ncommand = 'setsid sleep 1002.001 & wait'\n"),
        (
            "b.toml",
            "image = 'host'\ncommand = ['setpriv', '--pdeathsig', 'clear', 'sleep', '1002.002']\n",
        ),
    ]);
    let command = |name: &str| {
        let mut command = belljar();
        command.current_dir(folder.path()).args(["test", ".", "--exact", "--", name]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let before = mounts();
    kill_and_look(command("a"), "sleep 1002.001");
    kill_and_look(command("b"), "sleep 1002.002");
    assert_eq!(mounts(), before);
}

#[test]
fn a_time_limit_leaves_nothing() {
    let folder = Folder::new(&[(
        "a.toml",
        "image = 'host'\ntimeout = '500ms'\ncommand = 'setsid sleep 1003.001 & wait'\n",
    )]);
    assert_eq!(folder.test(&[]).code, 101);
    assert!(!lives("sleep 1003.001"));
}

#[test]
fn the_end_of_the_terminal_reaches_the_payload() {
    let mut child = belljar()
        .args(["run", "host", "sh", "-c", "echo ready; sleep 1004.001"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    child.wait().unwrap();
    wait_until("the payload ends", || !lives("sleep 1004.001"));
}

#[test]
fn writes_of_a_payload_stay_in_the_sandbox() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("made");
    let script = format!("mkdir -p {0}; echo x > {0}/made; cat {0}/made", outside.path().display());
    let output = belljar().args(["run", "host", "sh", "-c", &script]).output().unwrap();
    assert_eq!(output.stdout, b"x\n", "the control: the payload could write");
    assert!(!Path::new(&file).exists());
}
