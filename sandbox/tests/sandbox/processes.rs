//! Processes: how many there may be, who reaps them, and that none is left.

use std::time::Duration;

use belljar_sandbox::{Ending, Limits};

use crate::support::{output, shell, try_run};

#[test]
fn orphans_are_reaped() {
    let script = "for i in $(seq 50); do (true &) ; done; sleep 0.2; grep -l '^State:.Z' /proc/[0-9]*/status | wc -l";
    assert_eq!(output(script), "0\n");
}

#[test]
fn the_number_of_processes_has_a_limit() {
    let script = "for i in $(seq 100); do sleep 1000 & done; echo all";
    let few = Limits { processes: 50, ..Limits::default() };
    let outcome = try_run(&shell(script), &few, b"").unwrap();
    let errors = String::from_utf8_lossy(&outcome.stderr.bytes).into_owned();
    assert!(errors.contains("Cannot fork"), "the limit was never met: {errors}");
    assert_ne!(outcome.ending, Ending::Exited(0));
    // The control, which also shows that each sandbox has a count of its own.
    assert_eq!(output(script), "all\n");
}

#[test]
fn a_fork_bomb_stays_in_its_jar() {
    let limits = Limits {
        processes: 64,
        wall: Some(Duration::from_secs(1)),
        output: 1 << 16,
        ..Limits::default()
    };
    try_run(&shell("bomb() { bomb | bomb & }; bomb; sleep 1000"), &limits, b"").unwrap();
    assert_eq!(output("true & true & wait; echo fine"), "fine\n");
}

#[test]
fn no_descriptor_and_no_child_is_left() {
    let count = |directory: &str| std::fs::read_dir(directory).unwrap().count();
    output("true");
    let before = count("/proc/self/fd");
    for _ in 0..50 {
        output("true");
    }
    // Tests beside this one hold a few.
    assert!(count("/proc/self/fd") < before + 60, "{} then {}", before, count("/proc/self/fd"));
}

#[test]
fn two_sandboxes_share_nothing() {
    let write = "echo secret > /dev/shm/x; echo secret > /tmp/x; sleep 0.3";
    let beside = std::thread::spawn(move || output(write));
    std::thread::sleep(Duration::from_millis(100));
    let seen = output("ls /dev/shm /tmp; set -- /proc/[0-9]*; echo $#");
    beside.join().unwrap();
    assert_eq!(seen, "/dev/shm:\n\n/tmp:\n2\n");
}
