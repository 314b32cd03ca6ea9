//! The parent's side of a run: start the child, keep its limits from outside, say what happened.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::WaitStatus;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::child;
use crate::command::{Command, Identity, PidOne, Rootfs};
use crate::compile;
use crate::descriptors;
use crate::error::{Kind, Result};
use crate::id_map::IdMap;
use crate::limits::Limits;
use crate::nursery::Nursery;
use crate::outcome::{Captured, Ending, NotStarted, Outcome, Stream};
use crate::process::Process;
use crate::program::Reader;
use crate::report::{MESSAGE_BYTES, Message};
use crate::request::LAYERS_MAX;
use crate::step::Step;
use crate::streams::{Drain, Feed, LimitPassed, Streams};
use crate::template;

/// A sandbox that is ready to run, once or many times, each time afresh.
#[derive(Debug)]
pub struct Sandbox {
    /// The encoded list of steps, in memory that nobody can change.
    program: File,
    program_bytes: usize,
    mapped_layers: Vec<PathBuf>,
    pid_one: PidOne,
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
        let compiled = compile::compile(rootfs, command, limits, id_map)?;
        let layers = compiled.mapped_layers.len();
        if layers > LAYERS_MAX {
            return Err(Kind::TooManyLayers { layers }.into());
        }
        Ok(Self {
            program: sealed(&compiled.program)?,
            program_bytes: compiled.program.len(),
            mapped_layers: compiled.mapped_layers,
            pid_one: command.pid_one,
            identity: command.identity.clone(),
            limits: *limits,
            id_map,
        })
    }

    /// The steps that make the sandbox, in words and in order: the nursery's, PID 1's, and the
    /// payload's own.
    ///
    /// # Errors
    /// The list could not be read back.
    pub fn steps(&self) -> Result<Vec<String>> {
        let program = self.read_program()?;
        let own = Reader::new(&program).into_iter().flat_map(|(_, steps)| steps);
        let steps = template::steps(self.id_map)?.into_iter().chain(own);
        Ok(steps.map(|step| step.to_string()).collect())
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
        let mut nursery = Nursery::take(self.id_map, &self.identity)?;
        let layers = nursery.map_layers(&self.mapped_layers)?;
        let (child_ends, ends) = descriptors::make(self.id_map.outside(&self.identity))?;
        let program = self.program.as_fd();
        let init = nursery.start_init(program, self.program_bytes, &child_ends, &layers)?;
        let started = Instant::now();
        let guard = match self.pid_one {
            PidOne::Init => None,
            PidOne::Payload => {
                let (init, lifeline) = (init.pidfd(), child_ends.report.as_fd());
                Some(Process::start(0, || child::guard(init, lifeline))?)
            }
        };
        // The child's ends must be the last ones, or a stream would never end.
        drop((child_ends, layers));
        let limit = self.limits.output;
        let running = Running {
            init,
            _guard: guard,
            report: ends.report,
            awaits_report: true,
            message: None,
            stdin: Feed::new(ends.stdin, streams.stdin),
            stdout: Drain::new(Stream::Stdout, ends.stdout, streams.stdout, limit),
            stderr: Drain::new(Stream::Stderr, ends.stderr, streams.stderr, limit),
            started,
        };
        let ended = running.watch(&self.limits)?;
        let ending = self.explain(&ended);
        nursery.put_back(ended.init);
        let Ended { stdout, stderr, wall, .. } = ended;
        Ok(Outcome { ending: ending?, stdout, stderr, wall })
    }

    fn read_program(&self) -> Result<Vec<u8>> {
        let mut program = vec![0; self.program_bytes];
        self.program.read_exact_at(&mut program, 0).map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            Kind::system("read the list of steps back")(errno)
        })?;
        Ok(program)
    }
}

/// A file in memory with this content, for ever.
fn sealed(content: &[u8]) -> Result<File> {
    let failed = |errno: i32| Kind::system("keep the list of steps")(Errno::from_raw(errno));
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create(c"belljar", flags).map_err(|errno| failed(errno.raw_os_error()))?;
    let mut file = File::from(file);
    file.write_all(content).map_err(|error| failed(error.raw_os_error().unwrap_or(0)))?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).map_err(|errno| failed(errno.raw_os_error()))?;
    Ok(file)
}

/// A sandbox that has been let go. Fields are dropped in order: killed first, then let go of.
struct Running {
    init: Process,
    _guard: Option<Process>,
    report: OwnedFd,
    awaits_report: bool,
    message: Option<Message>,
    stdin: Feed,
    stdout: Drain,
    stderr: Drain,
    started: Instant,
}

/// A sandbox whose payload runs no more.
struct Ended {
    /// Init, which may still be taking the sandbox down.
    init: Process,
    /// Why we killed it, if we did.
    killed: Option<Ending>,
    /// How PID 1 ended, if that was waited for.
    status: Option<WaitStatus>,
    message: Option<Message>,
    stdout: Captured,
    stderr: Captured,
    wall: Duration,
}

impl Running {
    /// Moves bytes until the sandbox has ended by itself or passed a limit.
    fn watch(mut self, limits: &Limits) -> Result<Ended> {
        let deadline = limits.wall.and_then(|wall| Some((self.started.checked_add(wall)?, wall)));
        let (mut killed, told_all) = loop {
            let left = deadline.map(|(at, _)| at.saturating_duration_since(Instant::now()));
            if let Some((_, limit)) = deadline
                && left.is_some_and(|left| left.is_zero())
            {
                // A payload that has ended was in time, whatever it left behind.
                let killed = self.message.is_none().then_some(Ending::TimedOut { limit });
                break (killed, false);
            }
            match self.step(left)? {
                Progress::Running if self.has_told_all() => break (None, true),
                Progress::Running => {}
                Progress::Ended => break (None, false),
                Progress::LimitPassed(stream) => {
                    break (Some(Ending::OutputLimit { stream, limit: limits.output }), false);
                }
            }
        };
        // What has told all is on its way out already, and need not be waited for.
        let status = match told_all {
            true => None,
            false => {
                self.init.kill();
                Some(self.init.reap()?)
            }
        };
        let wall = self.started.elapsed();
        for drain in [&mut self.stdout, &mut self.stderr] {
            if let Err(LimitPassed(stream)) = drain.finish() {
                killed.get_or_insert(Ending::OutputLimit { stream, limit: limits.output });
            }
        }
        let message = self.message.or_else(|| read_message(&self.report));
        let (stdout, stderr) = (self.stdout.into_captured()?, self.stderr.into_captured()?);
        Ok(Ended { init: self.init, killed, status, message, stdout, stderr, wall })
    }

    /// Whether the payload has ended, no process of its is left, and nothing can follow on its
    /// streams.
    fn has_told_all(&self) -> bool {
        matches!(self.message, Some(Message::PayloadEnded { alone: true, .. }))
            && self.stdout.is_at_end()
            && self.stderr.is_at_end()
    }

    /// Waits until something can be moved, the sandbox has ended or `left` has passed.
    fn step(&mut self, left: Option<Duration>) -> Result<Progress> {
        let interests = [
            Some((self.init.pidfd(), PollFlags::POLLIN)),
            self.awaits_report.then_some((self.report.as_fd(), PollFlags::POLLIN)),
            self.stdin.interest(),
            self.stdout.interest(),
            self.stderr.interest(),
        ];
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
        let [ended, reported, stdin, stdout, stderr] =
            interests.map(|interest| interest.is_some() && ready.next().unwrap_or(false));
        if stdin {
            self.stdin.advance();
        }
        for (drain, ready) in [(&mut self.stdout, stdout), (&mut self.stderr, stderr)] {
            if ready && let Err(LimitPassed(stream)) = drain.advance() {
                return Ok(Progress::LimitPassed(stream));
            }
        }
        if ended {
            return Ok(Progress::Ended);
        }
        if reported {
            self.message = read_message(&self.report);
            self.awaits_report = false;
        }
        Ok(Progress::Running)
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

impl Sandbox {
    /// Makes one story of why we killed it, what the child reported and how PID 1 ended.
    fn explain(&self, ended: &Ended) -> Result<Ending> {
        match (ended.message, ended.killed, ended.status) {
            (Some(Message::StepFailed { index, errno }), ..) => self.failed_step(index, errno),
            (Some(Message::NoProcess { errno }), ..) => {
                Err(Kind::system("start the payload's process")(Errno::from_raw(errno)))
            }
            (_, Some(ending), _) => Ok(ending),
            (Some(Message::PayloadEnded { status, .. }), None, _) => Ok(ending_of(status)),
            (_, None, Some(WaitStatus::Exited(_, code))) if self.pid_one == PidOne::Payload => {
                Ok(Ending::Exited(code))
            }
            (_, None, Some(WaitStatus::Signaled(_, signal, _))) => match self.pid_one {
                PidOne::Payload => Ok(Ending::Signaled(signal as i32)),
                PidOne::Init => Err(Kind::InitKilled { signal: signal as i32 }.into()),
            },
            (_, None, _) => Err(Kind::InitEnded.into()),
        }
    }

    /// A program that cannot be executed is an ending; any other step is our failure.
    fn failed_step(&self, index: u32, errno: i32) -> Result<Ending> {
        let program = self.read_program()?;
        let errno = Errno::from_raw(errno);
        let step = Reader::new(&program).and_then(|(_, mut steps)| steps.nth(index as usize));
        match step {
            Some(Step::Execute { .. }) if is_about_program(errno) => {
                Ok(Ending::NotStarted(not_started(errno)))
            }
            step => {
                let step = step.map(|step| step.to_string()).unwrap_or_default();
                Err(Kind::Step { step, errno }.into())
            }
        }
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

/// Whether execve(2) refused the program, and not the machine was short of something.
fn is_about_program(errno: Errno) -> bool {
    !matches!(
        errno,
        Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE | Errno::EIO | Errno::EFAULT
    )
}

fn not_started(errno: Errno) -> NotStarted {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => NotStarted::NotFound,
        errno => NotStarted::NotExecutable(errno as i32),
    }
}
