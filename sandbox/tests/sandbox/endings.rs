//! How a run can end, and that it always does.

use std::time::{Duration, Instant};

use belljar_sandbox::{Ending, Limits, NotStarted, PidOne, Stream};

use crate::support::{run, shell, try_run};

/// Long enough for a loaded machine, far shorter than what the payloads would take.
const SOON: Duration = Duration::from_secs(5);

fn limits(wall_ms: u64) -> Limits {
    Limits { wall: Some(Duration::from_millis(wall_ms)), ..Limits::default() }
}

#[test]
fn streams_arrive_apart_and_the_exit_code_passes_through() {
    let outcome = run("echo out; echo err >&2; exit 7");
    assert_eq!(outcome.stdout.bytes, b"out\n");
    assert_eq!(outcome.stderr.bytes, b"err\n");
    assert_eq!(outcome.ending, Ending::Exited(7));
}

#[test]
fn a_signal_is_told_from_an_exit_code() {
    assert_eq!(run("kill -TERM $$").ending, Ending::Signaled(15));
    assert_eq!(run("exit 143").ending, Ending::Exited(143));
}

#[test]
fn pid_one_passes_its_exit_code_and_pid() {
    let command = belljar_sandbox::Command { pid_one: PidOne::Payload, ..shell("echo $$; exit 9") };
    let outcome = try_run(&command, &Limits::default(), b"").unwrap();
    assert_eq!((outcome.stdout.bytes.as_slice(), outcome.ending), (&b"1\n"[..], Ending::Exited(9)));
}

#[test]
fn beside_init_the_payload_is_pid_two() {
    assert_eq!(run("echo $$ $PPID").stdout.bytes, b"2 1\n");
}

#[test]
fn a_missing_program_is_not_started() {
    let mut command = shell("");
    for (program, expected) in [
        ("no-such-program", NotStarted::NotFound),
        ("/no/such/program", NotStarted::NotFound),
        ("/usr", NotStarted::NotExecutable(libc_eacces())),
        ("/etc/hosts", NotStarted::NotExecutable(libc_eacces())),
    ] {
        command.argv = vec![program.into()];
        let outcome = try_run(&command, &Limits::default(), b"").unwrap();
        assert_eq!(outcome.ending, Ending::NotStarted(expected), "{program}");
    }
}

fn libc_eacces() -> i32 {
    nix::errno::Errno::EACCES as i32
}

#[test]
fn a_payload_that_ignores_every_signal_times_out_with_its_output() {
    let script = "trap '' HUP INT QUIT TERM; echo before; sleep 1000";
    let started = Instant::now();
    let outcome = try_run(&shell(script), &limits(300), b"").unwrap();
    assert_eq!(outcome.ending, Ending::TimedOut { limit: Duration::from_millis(300) });
    assert_eq!(outcome.stdout.bytes, b"before\n");
    assert!(started.elapsed() < SOON);
}

#[test]
fn stopping_every_process_does_not_stop_the_clock() {
    let outcome = try_run(&shell("kill -STOP 1; kill -STOP -1; kill -STOP $$"), &limits(300), b"");
    assert!(matches!(outcome.unwrap().ending, Ending::TimedOut { .. }));
}

#[test]
fn a_flood_ends_at_the_output_limit() {
    for (script, stream) in [("yes", Stream::Stdout), ("yes >&2", Stream::Stderr)] {
        let limits = Limits { output: 100_000, ..Limits::default() };
        let outcome = try_run(&shell(script), &limits, b"").unwrap();
        assert_eq!(outcome.ending, Ending::OutputLimit { stream, limit: 100_000 });
        let captured = if stream == Stream::Stdout { outcome.stdout } else { outcome.stderr };
        assert_eq!(captured.bytes.len(), 100_000);
        assert!(captured.total > 100_000);
    }
}

#[test]
fn output_of_exactly_the_limit_is_no_flood() {
    let limits = Limits { output: 4, ..Limits::default() };
    let outcome = try_run(&shell("printf 1234"), &limits, b"").unwrap();
    assert_eq!((outcome.ending, outcome.stdout.total), (Ending::Exited(0), 4));
    let outcome = try_run(&shell("printf 12345"), &limits, b"").unwrap();
    assert_eq!(outcome.ending, Ending::OutputLimit { stream: Stream::Stdout, limit: 4 });
    assert_eq!(outcome.stdout.bytes, b"1234");
}

#[test]
fn ten_megabytes_of_stdin_go_through_or_are_left_unread() {
    let stdin = vec![b'x'; 10_000_000];
    let outcome = try_run(&shell("wc -c"), &Limits::default(), &stdin).unwrap();
    assert_eq!(outcome.stdout.bytes.trim_ascii(), b"10000000");
    // Not read at all, and stderr filled first: nothing may wait for the other.
    let script = "head -c 500000 /dev/zero >&2; echo done";
    let outcome = try_run(&shell(script), &Limits::default(), &stdin).unwrap();
    assert_eq!(outcome.stdout.bytes, b"done\n");
    assert_eq!(outcome.stderr.total, 500_000);
}

#[test]
fn an_empty_stdin_is_at_its_end() {
    assert_eq!(run("cat; echo end").stdout.bytes, b"end\n");
}

#[test]
fn a_closed_stdin_and_closed_outputs_hold_nothing_up() {
    let outcome = try_run(&shell("exec <&- >&- 2>&-; sleep 0.1"), &limits(5000), &[0; 1 << 20]);
    assert_eq!(outcome.unwrap().ending, Ending::Exited(0));
}

#[test]
fn a_daemon_that_keeps_stdout_open_ends_with_the_payload() {
    let started = Instant::now();
    let outcome = run("setsid sleep 1000 & echo started");
    assert_eq!(
        (outcome.stdout.bytes.as_slice(), outcome.ending),
        (&b"started\n"[..], Ending::Exited(0))
    );
    assert!(started.elapsed() < SOON);
}
