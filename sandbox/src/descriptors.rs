//! The descriptors of one run: the child's ends of its pipes, and the parent's.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{fchown, pipe2};

use crate::error::{Kind, Result};

/// What the child works with. Each is close-on-exec.
#[derive(Debug)]
pub(crate) struct ChildEnds {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Where the child says what became of it.
    pub(crate) report: OwnedFd,
}

/// What the parent keeps. None of them blocks.
#[derive(Debug)]
pub(crate) struct ParentEnds {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Open for as long as this process lives and wants the sandbox.
    pub(crate) report: OwnedFd,
}

/// Makes the pipes of a run. The standard streams are given to `owner`, the payload's ids on the
/// host where they are not this process's: it may want to open them again as /dev/stdout.
pub(crate) fn make(owner: Option<(u32, u32)>) -> Result<(ChildEnds, ParentEnds)> {
    let (stdin, stdin_write) = pipe()?;
    let (stdout_read, stdout) = pipe()?;
    let (stderr_read, stderr) = pipe()?;
    let (report_read, report) = pipe()?;
    for end in [&stdin_write, &stdout_read, &stderr_read, &report_read] {
        fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .map_err(Kind::system("make a pipe non-blocking"))?;
    }
    if let Some((uid, gid)) = owner {
        for end in [&stdin, &stdout, &stderr] {
            fchown(end, Some(uid.into()), Some(gid.into()))
                .map_err(Kind::system("give a pipe to the payload"))?;
        }
    }
    let child = ChildEnds { stdin, stdout, stderr, report };
    let parent = ParentEnds {
        stdin: stdin_write,
        stdout: stdout_read,
        stderr: stderr_read,
        report: report_read,
    };
    Ok((child, parent))
}

/// A pipe as (read end, write end), both close-on-exec.
fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(Kind::system("make a pipe"))?;
    Ok((clear_of_standard_streams(read)?, clear_of_standard_streams(write)?))
}

/// Moves a descriptor away from the numbers of the standard streams, which a child overwrites.
pub(crate) fn clear_of_standard_streams(end: OwnedFd) -> Result<OwnedFd> {
    if end.as_raw_fd() > 2 {
        return Ok(end);
    }
    rustix::io::fcntl_dupfd_cloexec(&end, 3).map_err(|errno| {
        Kind::system("duplicate a descriptor")(Errno::from_raw(errno.raw_os_error()))
    })
}
