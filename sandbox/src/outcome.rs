//! What happened: facts, without judgement.

use std::time::Duration;

/// Everything a finished run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What was captured of standard output.
    pub stdout: Captured,
    /// What was captured of standard error.
    pub stderr: Captured,
    /// Wall-clock time from the moment the sandbox was let go to its end.
    pub wall: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The payload returned this exit code (0 to 255).
    Exited(i32),
    /// This signal, which came from inside the sandbox, ended the payload.
    Signaled(i32),
    /// The wall-clock limit passed and everything was killed.
    TimedOut {
        /// The limit that passed.
        limit: Duration,
    },
    /// A stream passed the output limit and everything was killed.
    OutputLimit {
        /// The stream that passed it.
        stream: Stream,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The payload could not be started at all.
    NotStarted(NotStarted),
}

/// Why a payload could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStarted {
    /// No such program (ENOENT, ENOTDIR): shells and docker return 127.
    NotFound,
    /// The program is there but cannot be executed, with execve's error number: shells and docker
    /// return 126.
    NotExecutable(i32),
}

/// One of the payload's output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, descriptor 1.
    Stdout,
    /// Standard error, descriptor 2.
    Stderr,
}

/// What was kept of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// The bytes, from the beginning; never more than the output limit.
    pub bytes: Vec<u8>,
    /// How many bytes were read from the payload in all; more than `bytes.len()` where cut off.
    pub total: u64,
}
