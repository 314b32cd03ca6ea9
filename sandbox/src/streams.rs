//! The payload's standard streams as the parent sees them: what goes in, and where it goes out.
//!
//! One poll loop moves all three, and no read or write of the payload's in it can block, so one that
//! reads nothing, floods a stream or closes one cannot hold anything up. A target that output is
//! passed on to may.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{read, write};

use crate::error::{Kind, Result};
use crate::outcome::{Captured, Stream};

/// Where the payload's standard input comes from.
#[derive(Debug)]
pub enum Input {
    /// These bytes, then the end.
    Bytes(Arc<[u8]>),
    /// Whatever can be read from this descriptor, as it comes.
    Forward(OwnedFd),
}

/// Where an output stream of the payload's goes.
#[derive(Debug)]
pub enum Output {
    /// Into the outcome, up to the output limit.
    Capture,
    /// To this descriptor, as it comes and without a limit.
    Forward(OwnedFd),
}

/// The three standard streams.
#[derive(Debug)]
pub struct Streams {
    /// Descriptor 0 of the payload.
    pub stdin: Input,
    /// Descriptor 1 of the payload.
    pub stdout: Output,
    /// Descriptor 2 of the payload.
    pub stderr: Output,
}

impl Streams {
    /// Feeds `stdin` and captures both outputs.
    #[must_use]
    pub fn captured(stdin: impl Into<Arc<[u8]>>) -> Self {
        Self { stdin: Input::Bytes(stdin.into()), stdout: Output::Capture, stderr: Output::Capture }
    }
}

/// The most that is moved by one system call.
const CHUNK: usize = 64 * 1024;

/// What poll(2) promises to take without blocking when it calls a pipe writable (pipe(7)).
const PIPE_BUF: usize = 4096;

/// The parent's end of the payload's stdin.
pub(crate) struct Feed {
    pipe: Option<OwnedFd>,
    source: Option<OwnedFd>,
    pending: Pending,
}

/// Bytes on their way, from `start` on.
struct Pending {
    bytes: Arc<[u8]>,
    start: usize,
}

impl Pending {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl Feed {
    pub(crate) fn new(pipe: OwnedFd, input: Input) -> Self {
        let (bytes, source) = match input {
            Input::Bytes(bytes) => (bytes, None),
            Input::Forward(source) => (Arc::default(), Some(source)),
        };
        let mut feed = Self { pipe: Some(pipe), source, pending: Pending { bytes, start: 0 } };
        feed.close_when_done();
        feed
    }

    /// The descriptor to poll, and for what.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let pipe = self.pipe.as_ref()?;
        match &self.source {
            Some(source) if self.pending.rest().is_empty() => {
                Some((source.as_fd(), PollFlags::POLLIN))
            }
            _ => Some((pipe.as_fd(), PollFlags::POLLOUT)),
        }
    }

    /// Moves what can be moved now. A payload that closed its stdin gets no more.
    pub(crate) fn advance(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        if self.pending.rest().is_empty()
            && let Some(source) = &self.source
        {
            let mut chunk = [0; PIPE_BUF];
            match read(source, &mut chunk) {
                Ok(0) | Err(_) => self.source = None,
                Ok(count) => {
                    let bytes = chunk.get(..count).unwrap_or_default();
                    self.pending = Pending { bytes: bytes.into(), start: 0 };
                }
            }
        } else {
            let rest = self.pending.rest();
            match write(pipe, rest.get(..CHUNK).unwrap_or(rest)) {
                Ok(count) => self.pending.start += count,
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(_) => self.pipe = None,
            }
        }
        self.close_when_done();
    }

    fn close_when_done(&mut self) {
        if self.source.is_none() && self.pending.rest().is_empty() {
            self.pipe = None;
        }
    }
}

/// The parent's end of one of the payload's output streams.
pub(crate) struct Drain {
    stream: Stream,
    pipe: Option<OwnedFd>,
    sink: Sink,
}

enum Sink {
    Capture { captured: Captured, limit: usize },
    Forward { target: OwnedFd, pending: Vec<u8>, failed: Option<Errno> },
}

/// Whether a read brought bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Received {
    Something,
    Nothing,
}

/// Waits until a descriptor that the caller made non-blocking takes bytes again.
fn wait_writable(target: BorrowedFd<'_>) {
    let _ = poll(&mut [PollFd::new(target, PollFlags::POLLOUT)], PollTimeout::NONE);
}

/// The stream that passed its limit.
pub(crate) struct LimitPassed(pub(crate) Stream);

impl Drain {
    pub(crate) fn new(stream: Stream, pipe: OwnedFd, output: Output, limit: usize) -> Self {
        let sink = match output {
            Output::Capture => Sink::Capture { captured: Captured::default(), limit },
            Output::Forward(target) => Sink::Forward { target, pending: Vec::new(), failed: None },
        };
        Self { stream, pipe: Some(pipe), sink }
    }

    /// The descriptor to poll, and for what: the payload's pipe, or the target of bytes that wait.
    pub(crate) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.sink {
            Sink::Forward { target, pending, .. } if !pending.is_empty() => {
                Some((target.as_fd(), PollFlags::POLLOUT))
            }
            _ => self.pipe.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::POLLIN)),
        }
    }

    /// Moves what can be moved now.
    pub(crate) fn advance(&mut self) -> std::result::Result<(), LimitPassed> {
        match &mut self.sink {
            Sink::Forward { target, pending, failed } if !pending.is_empty() => {
                match write(target, pending.get(..PIPE_BUF).unwrap_or(pending)) {
                    Ok(count) => drop(pending.drain(..count)),
                    Err(Errno::EAGAIN | Errno::EINTR) => {}
                    // Nobody reads any more: let the payload see that too.
                    Err(errno) => {
                        *failed = Some(errno);
                        pending.clear();
                        self.pipe = None;
                    }
                }
                Ok(())
            }
            _ => self.receive().map(drop),
        }
    }

    /// Takes what is still in the pipe once everything that wrote to it is dead. A write end that
    /// lives on elsewhere is not waited for.
    pub(crate) fn finish(&mut self) -> std::result::Result<(), LimitPassed> {
        while self.pipe.is_some() && self.receive()? == Received::Something {}
        self.pipe = None;
        while let Sink::Forward { target, pending, failed } = &mut self.sink
            && !pending.is_empty()
        {
            match write(&target, pending) {
                Ok(count) => drop(pending.drain(..count)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => wait_writable(target.as_fd()),
                Err(errno) => {
                    *failed = Some(errno);
                    pending.clear();
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> std::result::Result<Received, LimitPassed> {
        let Some(pipe) = &self.pipe else { return Ok(Received::Nothing) };
        // Not zeroed: most payloads print far less.
        let mut chunk = [MaybeUninit::<u8>::uninit(); CHUNK];
        let bytes: &[u8] = match rustix::io::read(pipe, &mut chunk) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {
                return Ok(Received::Nothing);
            }
            Ok(([], _)) | Err(_) => {
                self.pipe = None;
                return Ok(Received::Nothing);
            }
            Ok((bytes, _)) => bytes,
        };
        match &mut self.sink {
            Sink::Forward { pending, .. } => pending.extend_from_slice(bytes),
            Sink::Capture { captured, limit } => {
                let room = limit.saturating_sub(captured.bytes.len());
                captured.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                captured.total += bytes.len() as u64;
                if bytes.len() > room {
                    return Err(LimitPassed(self.stream));
                }
            }
        }
        Ok(Received::Something)
    }

    /// Whether nothing can follow, and nothing waits to be passed on.
    pub(crate) fn is_at_end(&self) -> bool {
        self.interest().is_none()
    }

    /// Ends the stream and gives what was kept. What could not be passed on is an error, unless
    /// the reader had left.
    pub(crate) fn into_captured(self) -> Result<Captured> {
        match self.sink {
            Sink::Capture { captured, .. } => Ok(captured),
            Sink::Forward { failed: None | Some(Errno::EPIPE), .. } => Ok(Captured::default()),
            Sink::Forward { failed: Some(errno), .. } => {
                let name = match self.stream {
                    Stream::Stdout => "standard output",
                    Stream::Stderr => "standard error",
                };
                Err(Kind::system(format!("pass the payload's {name} on"))(errno))
            }
        }
    }
}
