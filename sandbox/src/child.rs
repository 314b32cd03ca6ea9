//! The children's side: who each process is, and what it may still do.
//!
//! Everything here runs in copies of a process that had several threads, so it keeps the rule of
//! [`crate::sys`]: nothing allocates, locks or panics.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::signal::kill;
use rustix::io::Errno;
use rustix::process;

use crate::command::PidOne;
use crate::perform::{Context, Failure, Run, close_inherited, perform};
use crate::program::{Header, Reader};
use crate::report::Message;
use crate::request::Request;
use crate::step::Step;
use crate::sys::{self, Mapping};

/// The namespaces that every run has for itself. The others are the nursery's: no payload can change
/// anything in them.
const NAMESPACES: i32 = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC;

/// The nursery: holds the namespaces that a run does not have for itself, and starts an init in them
/// for each request. Each init is a child of the parent's own, which alone waits for it; it works in the nursery's
/// memory, and the nursery goes on when it is ending. Ends with the parent.
pub(crate) fn nurse(socket: BorrowedFd<'_>, steps: &[Step<'_>]) -> u8 {
    let context = Context { lifeline: socket, run: None };
    let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    if let Err((index, failure)) = walk(&mut steps.iter().copied(), count, 0, context) {
        Message::StepFailed { index, errno: failure.0 }.send(socket);
        return 1;
    }
    Message::Ready.send(socket);
    while let Some(request) = Request::receive(socket) {
        if let Err(errno) = start_init(&request, socket) {
            Message::NoProcess { errno: errno as i32 }.send(socket);
        }
    }
    0
}

fn start_init(request: &Request, socket: BorrowedFd<'_>) -> Result<(), nix::errno::Errno> {
    let program = Mapping::of_file(request.program.as_fd(), request.program_bytes)?;
    let (header, steps) = Reader::new(program.bytes()).ok_or(nix::errno::Errno::EBADMSG)?;
    let scratch = Mapping::new(sys::scratch_bytes(header.strings))?;
    let run = Run { request, scratch: &scratch };
    let flags = NAMESPACES | libc::CLONE_PARENT;
    sys::clone_until_exec(flags, || live(run, header, steps, socket)).map(drop)
}

/// PID 1 of a sandbox, from clone to exit.
fn live(run: Run<'_>, header: Header, mut steps: Reader<'_>, socket: BorrowedFd<'_>) -> u8 {
    let report = run.request.report.as_fd();
    let context = Context { lifeline: report, run: Some(run) };
    // The socket tells the parent who sent this.
    Message::Started.send(socket);
    for number in [run.request.program.as_raw_fd(), socket.as_raw_fd()] {
        let _ = sys::close_range(number.cast_unsigned(), number.cast_unsigned());
    }
    if let Err((index, failure)) = walk(&mut steps, header.setup, 0, context) {
        Message::StepFailed { index, errno: failure.0 }.send(report);
        return 1;
    }
    let mut become_payload = || {
        let result = walk(&mut steps, header.payload, header.setup, context);
        if let Err((index, failure)) = result {
            Message::StepFailed { index, errno: failure.0 }.send(report);
        }
        1
    };
    match header.pid_one {
        PidOne::Payload => become_payload(),
        PidOne::Init => be_init(report, become_payload),
    }
}

/// Init: starts the payload, reaps whatever ends, and ends with the payload; the kernel then kills
/// what is left in the PID namespace. It keeps the capabilities of its user namespace, which the
/// payload lacks, so the payload can neither trace nor read it.
fn be_init(report: BorrowedFd<'_>, become_payload: impl FnOnce() -> u8) -> u8 {
    let payload = match sys::clone_until_exec(0, become_payload) {
        Ok(payload) => payload,
        Err(errno) => {
            Message::NoProcess { errno: errno as i32 }.send(report);
            return 1;
        }
    };
    // Init keeps nothing of the payload's: only the report.
    let _ = close_inherited(report);
    loop {
        match process::wait(process::WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == payload.as_raw() => {
                let alone = kill(nix::unistd::Pid::from_raw(-1), None) == Err(nix::Error::ESRCH);
                Message::PayloadEnded { status: status.as_raw(), alone }.send(report);
                return 0;
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => {
                Message::NoProcess { errno: errno.raw_os_error() }.send(report);
                return 1;
            }
        }
    }
}

/// The guard, a process beside a sandbox whose PID 1 is the payload: such a payload can revoke its
/// wish to die with the parent, but not touch a process outside. Kills it when the parent is gone.
pub(crate) fn guard(init: BorrowedFd<'_>, lifeline: BorrowedFd<'_>) -> u8 {
    use rustix::event::{PollFd, PollFlags, poll};
    // A signal from the terminal is meant for the parent, whose end the guard has to outlive.
    if process::setsid().is_err() || close_all_but(init, lifeline).is_err() {
        return 1;
    }
    let mut polled = [PollFd::new(&lifeline, PollFlags::empty())];
    while !polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
        if !matches!(poll(&mut polled, None), Ok(_) | Err(Errno::INTR)) {
            break;
        }
    }
    u8::from(process::pidfd_send_signal(init, process::Signal::KILL).is_err())
}

fn close_all_but(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Result<(), nix::errno::Errno> {
    let (one, other) = (one.as_raw_fd().cast_unsigned(), other.as_raw_fd().cast_unsigned());
    let (low, high) = (one.min(other), one.max(other));
    for (first, end) in [(0, low), (low + 1, high)] {
        if first < end {
            sys::close_range(first, end - 1)?;
        }
    }
    sys::close_range(high + 1, u32::MAX)
}

/// Performs the next `count` steps in order; the first failure comes back with its number, counted
/// from `offset`. A list that ends early is damaged.
fn walk<'a>(
    steps: &mut impl Iterator<Item = Step<'a>>,
    count: u32,
    offset: u32,
    context: Context<'_>,
) -> Result<(), (u32, Failure)> {
    for index in offset..offset.saturating_add(count) {
        let step = steps.next().ok_or((index, Failure(libc::EBADMSG)))?;
        perform(&step, context).map_err(|failure| (index, failure))?;
    }
    Ok(())
}
