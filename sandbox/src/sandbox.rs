//! The parent's side of a run: start the child, keep its limits from outside, say what happened.

use std::fmt::Display;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::WaitStatus;

use crate::child;
use crate::command::{Command, Identity, PidOne, Rootfs};
use crate::compile::{self, Program};
use crate::descriptors;
use crate::error::{Kind, Result};
use crate::id_map::{self, IdMap};
use crate::limits::Limits;
use crate::outcome::{Ending, NotStarted, Outcome, Stream};
use crate::process::Process;
use crate::report::{MESSAGE_BYTES, Message};
use crate::streams::{Drain, Feed, LimitPassed, Streams};

/// The namespaces of every sandbox: nothing of the host's is shared but the kernel.
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWNET;

/// A sandbox that is ready to run, once or many times, each time afresh.
#[derive(Debug)]
pub struct Sandbox {
    program: Program,
    identity: Identity,
    limits: Limits,
    id_map: IdMap,
}

impl Sandbox {
    /// Compiles the list of steps; what could not be built is refused here.
    ///
    /// # Errors
    /// Paths that are relative or hold `..`, text with NUL bytes, ids that have no room in the
    /// map, no program, too many layers.
    pub fn new(rootfs: &Rootfs, command: &Command, limits: &Limits) -> Result<Self> {
        let id_map = IdMap::of_this_process();
        id_map.check(&command.identity)?;
        let program = compile::compile(rootfs, command, limits, id_map)?;
        Ok(Self { program, identity: command.identity.clone(), limits: *limits, id_map })
    }

    /// The steps that the child will perform, in words: PID 1's first, then the payload's own.
    pub fn steps(&self) -> impl Iterator<Item = &dyn Display> {
        let steps = self.program.setup.iter().chain(&self.program.payload);
        steps.map(|step| step as &dyn Display)
    }

    /// Runs the payload to its end, or to the limit that it passes.
    ///
    /// The thread that calls this must live until it returns: the kernel kills the sandbox with
    /// the thread that made it.
    ///
    /// # Errors
    /// The sandbox could not be set up, or was ended from outside. Whatever happened, nothing of
    /// it is left.
    pub fn run(&self, streams: Streams) -> Result<Outcome> {
        let layers = id_map::map_layers(&self.program.mapped_layers)?;
        let owner = self.id_map.outside(&self.identity);
        let (child_ends, parent_ends) = descriptors::make(owner, layers)?;
        let init = Process::start(NAMESPACES, || child::live(&self.program, &child_ends))?;
        let guard = match self.program.pid_one {
            PidOne::Init => None,
            PidOne::Payload => {
                let (init, go) = (init.pidfd(), child_ends.go.as_fd());
                Some(Process::start(0, || child::guard(init, go))?)
            }
        };
        // The child's ends must be the last ones, or a stream would never end.
        drop(child_ends);
        self.id_map.write(init.pid(), &self.identity)?;
        nix::unistd::write(&parent_ends.go, b"g").map_err(Kind::system("let the sandbox go"))?;
        let limit = self.limits.output;
        let running = Running {
            init,
            _guard: guard,
            _go: parent_ends.go,
            report: parent_ends.report,
            stdin: Feed::new(parent_ends.stdin, streams.stdin),
            stdout: Drain::new(Stream::Stdout, parent_ends.stdout, streams.stdout, limit),
            stderr: Drain::new(Stream::Stderr, parent_ends.stderr, streams.stderr, limit),
            started: Instant::now(),
        };
        running.watch(&self.limits).and_then(|ended| ended.judge_report(&self.program))
    }
}

/// A sandbox that has been let go. Fields are dropped in order: killed first, then let go of.
struct Running {
    init: Process,
    _guard: Option<Process>,
    /// Open for as long as this process lives and wants the sandbox.
    _go: OwnedFd,
    report: OwnedFd,
    stdin: Feed,
    stdout: Drain,
    stderr: Drain,
    started: Instant,
}

/// A sandbox of which nothing runs any more.
struct Ended {
    /// Why we killed it, if we did.
    killed: Option<Ending>,
    status: WaitStatus,
    message: Option<Message>,
    outcome: Outcome,
}

impl Running {
    /// Moves bytes until the sandbox has ended by itself or passed a limit.
    fn watch(mut self, limits: &Limits) -> Result<Ended> {
        let deadline = limits.wall.and_then(|wall| Some((self.started.checked_add(wall)?, wall)));
        let mut killed = loop {
            let left = deadline.map(|(at, _)| at.saturating_duration_since(Instant::now()));
            if let Some((_, limit)) = deadline
                && left.is_some_and(|left| left.is_zero())
            {
                break Some(Ending::TimedOut { limit });
            }
            match self.step(left)? {
                Progress::Running => {}
                Progress::Ended => break None,
                Progress::LimitPassed(stream) => {
                    break Some(Ending::OutputLimit { stream, limit: limits.output });
                }
            }
        };
        self.init.kill();
        let status = self.init.reap()?;
        let wall = self.started.elapsed();
        for drain in [&mut self.stdout, &mut self.stderr] {
            if let Err(LimitPassed(stream)) = drain.finish() {
                killed.get_or_insert(Ending::OutputLimit { stream, limit: limits.output });
            }
        }
        let message = read_message(&self.report);
        let outcome = Outcome {
            ending: Ending::Exited(0),
            stdout: self.stdout.into_captured(),
            stderr: self.stderr.into_captured(),
            wall,
        };
        Ok(Ended { killed, status, message, outcome })
    }

    /// Waits until something can be moved, the sandbox has ended or `left` has passed.
    fn step(&mut self, left: Option<Duration>) -> Result<Progress> {
        let init = Some((self.init.pidfd(), PollFlags::POLLIN));
        let interests =
            [init, self.stdin.interest(), self.stdout.interest(), self.stderr.interest()];
        let mut polled: Vec<_> = interests
            .into_iter()
            .flatten()
            .map(|(descriptor, flags)| PollFd::new(descriptor, flags))
            .collect();
        match poll(&mut polled, poll_timeout(left)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Progress::Running),
            Err(errno) => return Err(Kind::system("watch the sandbox")(errno)),
        }
        let mut ready = polled.iter().map(|polled| polled.any().unwrap_or(true));
        let [ended, stdin, stdout, stderr] =
            interests.map(|interest| interest.is_some() && ready.next().unwrap_or(false));
        if stdin {
            self.stdin.advance();
        }
        for (drain, ready) in [(&mut self.stdout, stdout), (&mut self.stderr, stderr)] {
            if ready && let Err(LimitPassed(stream)) = drain.advance() {
                return Ok(Progress::LimitPassed(stream));
            }
        }
        Ok(if ended { Progress::Ended } else { Progress::Running })
    }
}

enum Progress {
    Running,
    Ended,
    LimitPassed(Stream),
}

/// Rounds up to poll's milliseconds, so that a loop does not spin through the last one.
fn poll_timeout(left: Option<Duration>) -> PollTimeout {
    match left {
        None => PollTimeout::NONE,
        Some(left) => {
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        }
    }
}

fn read_message(report: &OwnedFd) -> Option<Message> {
    let mut bytes = [0; MESSAGE_BYTES];
    match nix::unistd::read(report, &mut bytes) {
        Ok(MESSAGE_BYTES) => Message::from_bytes(bytes),
        _ => None,
    }
}

impl Ended {
    /// Makes one story of why we killed it, what the child reported and how PID 1 ended.
    fn judge_report(mut self, program: &Program) -> Result<Outcome> {
        self.outcome.ending = match (self.message, self.killed, self.status) {
            (Some(Message::StepFailed { index, errno }), ..) => {
                let steps = program.setup.iter().chain(&program.payload);
                let step = steps.skip(index).map(ToString::to_string).next();
                let errno = Errno::from_raw(errno);
                return Err(Kind::Step { step: step.unwrap_or_default(), errno }.into());
            }
            (Some(Message::NoPayload { errno }), ..) => {
                return Err(Kind::system("start the payload's process")(Errno::from_raw(errno)));
            }
            (Some(Message::NotExecuted { errno }), ..) => {
                Ending::NotStarted(not_started(Errno::from_raw(errno)))
            }
            (_, Some(ending), _) => ending,
            (Some(Message::PayloadEnded { status }), None, _) => ending_of(status),
            (None, None, WaitStatus::Exited(_, code)) => match program.pid_one {
                PidOne::Payload => Ending::Exited(code),
                PidOne::Init => return Err(Kind::InitEnded { code }.into()),
            },
            (None, None, status) => match (program.pid_one, status) {
                (PidOne::Payload, WaitStatus::Signaled(_, signal, _)) => {
                    Ending::Signaled(signal as i32)
                }
                (_, WaitStatus::Signaled(_, signal, _)) => {
                    return Err(Kind::InitKilled { signal: signal as i32 }.into());
                }
                _ => return Err(Kind::InitEnded { code: -1 }.into()),
            },
        };
        Ok(self.outcome)
    }
}

/// Reads a wait status (wait(2)) of a process that has ended.
fn ending_of(status: i32) -> Ending {
    if libc::WIFEXITED(status) {
        Ending::Exited(libc::WEXITSTATUS(status))
    } else {
        Ending::Signaled(libc::WTERMSIG(status))
    }
}

fn not_started(errno: Errno) -> NotStarted {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => NotStarted::NotFound,
        errno => NotStarted::NotExecutable(errno as i32),
    }
}
