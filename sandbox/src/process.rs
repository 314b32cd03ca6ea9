//! A child process that cannot be forgotten: dropping it kills and reaps it.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::error::{Kind, Result};
use crate::sys;

/// How long a killed process may take to end. Past it the kernel is stuck in a device.
const KILLED_MAX: Duration = Duration::from_secs(10);

/// A running child of this process.
#[derive(Debug)]
pub(crate) struct Process {
    child: sys::Child,
    reaped: bool,
}

impl Process {
    /// Starts a child in new `namespaces`; [`sys::clone_child`] says what `body` may do.
    pub(crate) fn start(namespaces: i32, body: impl FnOnce() -> u8) -> Result<Self> {
        let child = sys::clone_child(namespaces, body)
            .map_err(Kind::namespaces("make the namespaces of a sandbox"))?;
        Ok(Self { child, reaped: false })
    }

    /// Takes on a child of this process that another one has started. Its number is its own until
    /// it is reaped, which nobody else does.
    pub(crate) fn adopt(pid: rustix::process::Pid) -> Result<Self> {
        let failed = Kind::system("open the process of a sandbox");
        let flags = rustix::process::PidfdFlags::empty();
        let pidfd = rustix::process::pidfd_open(pid, flags)
            .map_err(|errno| failed(Errno::from_raw(errno.raw_os_error())))?;
        let pid = Pid::from_raw(pid.as_raw_nonzero().get());
        Ok(Self { child: sys::Child { pid, pidfd }, reaped: false })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.child.pid
    }

    /// A descriptor that becomes readable when the process has ended (pidfd_open(2)).
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// Kills the process; where it is PID 1 of a namespace, everything in it. One that has ended
    /// already is no error.
    pub(crate) fn kill(&self) {
        let _ = rustix::process::pidfd_send_signal(self.pidfd(), rustix::process::Signal::KILL);
    }

    /// Waits for a process that has ended or been killed.
    pub(crate) fn reap(&mut self) -> Result<WaitStatus> {
        wait_readable(self.pidfd(), KILLED_MAX)?;
        self.reaped = true;
        loop {
            match waitid(Id::PIDFd(self.child.pidfd.as_fd()), WaitPidFlag::WEXITED) {
                Err(Errno::EINTR) => {}
                result => return result.map_err(Kind::system("wait for a sandbox")),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            let _ = self.reap();
        }
    }
}

fn wait_readable(descriptor: BorrowedFd<'_>, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout) {
            Ok(0) if left.is_zero() => {
                return Err(Kind::Unkillable { seconds: limit.as_secs() }.into());
            }
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(Kind::system("wait for a sandbox")(errno)),
        }
    }
}
