//! What a run may use up.

use std::time::Duration;

/// Bounds on one run. There is no value for "unlimited" but for time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time from the moment the sandbox is let go; `None` waits for ever, which only a
    /// person at a terminal wants.
    pub wall: Option<Duration>,
    /// Bytes kept of each of stdout and stderr when they are captured; one byte more ends the run.
    pub output: usize,
    /// Bytes that the payload may store in the writable layer, /tmp and /dev/shm together.
    pub disk: u64,
    /// Files and directories that the payload may create there.
    pub inodes: u64,
    /// Processes and threads that the payload may have at a time; up to three more where none of
    /// belljar's own has its user id.
    pub processes: u64,
}

impl Default for Limits {
    /// Ten seconds, 1 MiB of each stream, 256 MiB in 65,536 files, 512
    /// processes.
    fn default() -> Self {
        Self {
            wall: Some(Duration::from_secs(10)),
            output: 1 << 20,
            disk: 256 << 20,
            inodes: 1 << 16,
            processes: 512,
        }
    }
}
