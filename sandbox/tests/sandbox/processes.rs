//! Processes: how many there may be, who reaps them, and that none is left.

use std::time::Duration;

use belljar_sandbox::{Ending, Limits, Sandbox, Streams};

use crate::support::{output, rootfs, shell, try_run};

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
fn as_many_processes_as_allowed_can_run() {
    let limits = Limits { processes: 3, ..Limits::default() };
    let script = "sleep 1000 & sleep 1000 & echo $?";
    for _ in 0..10 {
        let outcome = try_run(&shell(script), &limits, b"").unwrap();
        assert_eq!(outcome.stdout.bytes, b"0\n", "{outcome:?}");
    }
    let script = "for i in 1 2 3 4 5 6; do sleep 1000 & done; echo all";
    let outcome = try_run(&shell(script), &limits, b"").unwrap();
    assert_ne!(outcome.stdout.bytes, b"all\n", "three more at the most: {outcome:?}");
}

#[test]
fn two_sandboxes_share_nothing() {
    let (told, wrote) = std::sync::mpsc::channel();
    let beside = std::thread::spawn(move || {
        let (read, write) = nix::unistd::pipe().unwrap();
        let streams = Streams {
            stdin: belljar_sandbox::Input::Bytes([].into()),
            stdout: belljar_sandbox::Output::Forward(write),
            stderr: belljar_sandbox::Output::Capture,
        };
        let script = "echo secret > /dev/shm/x; echo secret > /tmp/x; echo wrote; sleep 1";
        let sandbox = Sandbox::new(&rootfs(), &shell(script), &Limits::default()).unwrap();
        let reader = std::thread::spawn(move || {
            nix::unistd::read(&read, &mut [0; 16]).unwrap();
            told.send(std::time::Instant::now()).unwrap();
        });
        sandbox.run(streams).unwrap();
        reader.join().unwrap();
        std::time::Instant::now()
    });
    wrote.recv().unwrap();
    let seen = output("ls /dev/shm /tmp; set -- /proc/[0-9]*; echo $#");
    let looked = std::time::Instant::now();
    assert_eq!(seen, "/dev/shm:\n\n/tmp:\n2\n");
    assert!(beside.join().unwrap() > looked, "the control: both ran at the same time");
}

#[test]
fn one_sandbox_runs_on_several_threads_at_a_time() {
    let mut command = shell("");
    command.argv = vec!["no-such-program".into()];
    let sandbox = Sandbox::new(&rootfs(), &command, &Limits::default()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let outcome = sandbox.run(Streams::captured(Vec::new())).unwrap();
                    assert!(matches!(outcome.ending, Ending::NotStarted(_)), "{outcome:?}");
                }
            });
        }
    });
}
