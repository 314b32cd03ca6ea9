//! The child's side: who it is after clone, and what it may still do.
//!
//! Everything here runs between clone and exec in a copy of a process that had several threads, so
//! it keeps the rule of [`crate::sys`]: nothing allocates, locks or panics.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::process;

use crate::command::PidOne;
use crate::compile::Program;
use crate::descriptors::ChildEnds;
use crate::perform::{Failure, await_id_maps, close_inherited, perform};
use crate::step::Step;
use crate::{report, sys};

/// The life of the child, from clone to exit; returns the exit code of init.
pub(crate) fn live(program: &Program, ends: &ChildEnds) -> u8 {
    if let Err((index, failure)) = walk(&program.setup, 0, ends) {
        report::Message::StepFailed { index, errno: failure.0 }.send(ends.report.as_fd());
        return 1;
    }
    match program.pid_one {
        PidOne::Payload => become_payload(program, ends),
        PidOne::Init => be_init(program, ends),
    }
}

/// PID 1: starts the payload, reaps whatever ends, and ends with the payload; the kernel then
/// kills what is left in the PID namespace. It keeps the capabilities of its user namespace, which
/// the payload lacks, so the payload can neither trace nor read it.
fn be_init(program: &Program, ends: &ChildEnds) -> u8 {
    let payload = match sys::clone_child(0, || become_payload(program, ends)) {
        Ok(child) => child.pid,
        Err(errno) => {
            report::Message::NoPayload { errno: errno as i32 }.send(ends.report.as_fd());
            return 1;
        }
    };
    // Init keeps nothing of the payload's: only the report.
    let _ = close_inherited(&[ends.report.as_raw_fd()]);
    loop {
        match process::wait(process::WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == payload.as_raw() => {
                report::Message::PayloadEnded { status: status.as_raw() }.send(ends.report.as_fd());
                return 0;
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => {
                let errno = errno.raw_os_error();
                report::Message::NoPayload { errno }.send(ends.report.as_fd());
                return 1;
            }
        }
    }
}

/// The life of the guard, a process beside a sandbox whose PID 1 is the payload: such a payload can
/// revoke its wish to die with the parent, but not touch a process outside. Kills it when the
/// parent is gone.
pub(crate) fn guard(init: BorrowedFd<'_>, go: BorrowedFd<'_>) -> u8 {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut keep = [init.as_raw_fd(), go.as_raw_fd()];
    keep.sort_unstable();
    // A signal from the terminal is meant for the parent, whose end the guard has to outlive.
    if close_inherited(&keep).is_err() || process::setsid().is_err() {
        return 1;
    }
    let mut polled = [PollFd::new(&go, PollFlags::empty())];
    while !polled[0].revents().contains(PollFlags::HUP) {
        if !matches!(poll(&mut polled, None), Ok(_) | Err(Errno::INTR)) {
            break;
        }
    }
    u8::from(process::pidfd_send_signal(init, process::Signal::KILL).is_err())
}

/// The life of the holder: it only keeps a user namespace alive until the parent lets go.
pub(crate) fn hold(go: BorrowedFd<'_>) -> u8 {
    let kept = close_inherited(&[go.as_raw_fd()]);
    u8::from(kept.is_err() || await_id_maps(go).is_err())
}

/// Walks the payload's own steps and executes its program; returns only when that failed.
fn become_payload(program: &Program, ends: &ChildEnds) -> u8 {
    let message = match walk(&program.payload, program.setup.len(), ends) {
        Err((index, failure)) => report::Message::StepFailed { index, errno: failure.0 },
        Ok(()) => match wire_streams(ends) {
            Err(failure) => report::Message::NoPayload { errno: failure.0 },
            Ok(()) => report::Message::NotExecuted { errno: program.executable.execute() as i32 },
        },
    };
    message.send(ends.report.as_fd());
    1
}

/// Makes the pipes of the parent the payload's standard streams.
fn wire_streams(ends: &ChildEnds) -> Result<(), Failure> {
    rustix::stdio::dup2_stdin(&ends.stdin)?;
    rustix::stdio::dup2_stdout(&ends.stdout)?;
    Ok(rustix::stdio::dup2_stderr(&ends.stderr)?)
}

/// Performs `steps` in order; the first failure comes back with its index, counted from `offset`.
fn walk(steps: &[Step], offset: usize, ends: &ChildEnds) -> Result<(), (usize, Failure)> {
    steps.iter().enumerate().try_for_each(|(index, step)| {
        perform(step, ends).map_err(|failure| (offset + index, failure))
    })
}
