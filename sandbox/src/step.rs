//! The vocabulary of the list that a sandbox is compiled to: what each step is and how it reads.
//!
//! A step holds only what system calls take: C strings, flags, numbers, bytes. Its `Display`
//! completes both "failed to …" in an error and a line of `belljar run --explain`.

use std::ffi::{CStr, CString};
use std::fmt;
use std::sync::Arc;

use rustix::mount::MountFlags;

use crate::sys::Arguments;

/// One prepared step of a sandbox. Relative paths are below the base, the sandbox's own tmpfs.
#[derive(Debug)]
pub(crate) enum Step {
    /// Close every descriptor of the parent's but those that the child was given.
    CloseInherited,
    /// Let new files be writable for their owner only.
    SetUmask,
    /// Wait until the parent has written the maps of user and group ids.
    AwaitIdMaps,
    /// Become root of the user namespace, where its map has one.
    BecomeRoot,
    /// Have the kernel kill this process when its parent ends, and end where it has ended already.
    DieWithParent,
    /// Keep every mount that follows from spreading to the host.
    MakeMountsPrivate,
    /// Mount the base, the tmpfs that holds every writable byte, and go there.
    MountBase { size: CString, inodes: CString },
    /// Make a directory in the base.
    MakeDirectory { path: CString, mode: u32 },
    /// Make a symbolic link in the base.
    MakeSymlink { path: &'static CStr, target: &'static CStr },
    /// Bind a directory of the host, one layer of an image, into the base.
    BindLayer { source: CString, at: CString },
    /// Attach a layer whose ids the parent has mapped: the `index`th mount that it hands over.
    AttachLayer { source: CString, index: usize, at: CString },
    /// Mount a file system in the base.
    Mount { kind: &'static CStr, at: CString, flags: MountFlags, options: Option<CString> },
    /// Bind one of the host's harmless character devices into the base's `dev`.
    BindDevice { source: &'static CStr, at: &'static CStr, major: u32, minor: u32 },
    /// Put a directory of the base, with what is mounted below it, in its place in the root file
    /// system. The place is made where it is missing and looked up beneath the root, through no
    /// symbolic link.
    Place { from: CString, at: CString, no_exec: bool },
    /// Make the root file system `/` and let go of the host's.
    EnterRoot,
    /// Set the host name.
    SetHostname { name: &'static CStr },
    /// Bring the loopback interface up.
    RaiseLoopback,
    /// Make a directory and its missing parents inside the sandbox.
    PlaceDirectory { path: InsidePath, owner: Option<(u32, u32)> },
    /// Write a file inside the sandbox, in place of one that is there.
    PlaceFile {
        directory: InsidePath,
        name: CString,
        content: Arc<[u8]>,
        mode: u32,
        owner: Option<(u32, u32)>,
    },
    /// Go to the payload's working directory.
    ChangeDirectory { path: CString },
    /// Keep the payload from looking into this process, whose command line names paths of the host.
    HideFromPayload { arguments: Arguments },
    /// Leave the terminal and process group of the host.
    StartSession,
    /// Bound the number of processes and threads, and write no core dump.
    LimitProcesses { processes: u64 },
    /// Empty the bounding set, while there is still the capability to do so.
    DropBoundingSet,
    /// Take on the payload's user and groups, where the map has them.
    ChangeIdentity { uid: u32, gid: u32, groups: Vec<rustix::process::Gid> },
    /// Lose every capability, and with `no_new_privs` every way to gain one.
    DropPrivileges,
    /// Refuse the system calls with which the payload could harm init.
    FilterSystemCalls,
    /// Give every signal its default disposition and block none.
    ResetSignals,
}

/// A directory inside the sandbox, as the child needs it to walk there without an allocation:
/// every prefix of its path, relative to the root and shortest first; none for the root itself.
#[derive(Debug)]
pub(crate) struct InsidePath {
    pub(crate) prefixes: Vec<CString>,
}

impl fmt::Display for InsidePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefixes.last() {
            Some(whole) => write!(formatter, "/{}", text(whole)),
            None => formatter.write_str("/"),
        }
    }
}

impl fmt::Display for Step {
    #[expect(clippy::too_many_lines, reason = "a flat table: one arm for each kind of step")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseInherited => formatter.write_str("close the descriptors of the parent"),
            Self::SetUmask => formatter.write_str("set the umask 022"),
            Self::AwaitIdMaps => formatter.write_str("wait for the maps of user and group ids"),
            Self::BecomeRoot => formatter.write_str("become root of the user namespace"),
            Self::DieWithParent => formatter.write_str("arrange to be killed with the parent"),
            Self::MakeMountsPrivate => formatter.write_str("make every mount private"),
            Self::MountBase { size, inodes } => {
                write!(
                    formatter,
                    "mount the writable tmpfs (size={}, nr_inodes={})",
                    text(size),
                    text(inodes)
                )
            }
            Self::MakeDirectory { path, mode } => {
                write!(formatter, "make the directory {} (mode {mode:o})", text(path))
            }
            Self::MakeSymlink { path, target } => {
                write!(formatter, "link {} to {}", text(path), text(target))
            }
            Self::BindLayer { source, at } => {
                write!(formatter, "bind the layer {} on {}", text(source), text(at))
            }
            Self::AttachLayer { source, at, .. } => {
                write!(
                    formatter,
                    "attach the layer {}, its ids mapped, on {}",
                    text(source),
                    text(at)
                )
            }
            Self::Mount { kind, at, options, .. } => {
                write!(formatter, "mount {} on {}", text(kind), text(at))?;
                match options {
                    Some(options) => write!(formatter, " ({})", text(options)),
                    None => Ok(()),
                }
            }
            Self::BindDevice { source, at, .. } => {
                write!(formatter, "bind the device {} on {}", text(source), text(at))
            }
            Self::Place { from, at, .. } => {
                write!(formatter, "put {} in place on /{}", text(from), text(at))
            }
            Self::EnterRoot => formatter.write_str("make the root file system / (pivot_root)"),
            Self::SetHostname { name } => write!(formatter, "set the host name {}", text(name)),
            Self::RaiseLoopback => formatter.write_str("bring the loopback interface up"),
            Self::PlaceDirectory { path, .. } => {
                write!(formatter, "make the directory {path} inside")
            }
            Self::PlaceFile { directory, name, content, mode, .. } => {
                let (name, bytes) = (text(name), content.len());
                write!(
                    formatter,
                    "write the file {name} in {directory} inside ({bytes} bytes, mode {mode:o})"
                )
            }
            Self::ChangeDirectory { path } => {
                write!(formatter, "change to the working directory {}", text(path))
            }
            Self::HideFromPayload { .. } => formatter.write_str("hide init from the payload"),
            Self::StartSession => formatter.write_str("start a session of its own"),
            Self::LimitProcesses { processes } => {
                write!(formatter, "limit the payload to {processes} processes and no core dump")
            }
            Self::ChangeIdentity { uid, gid, groups } => {
                write!(
                    formatter,
                    "become user {uid}, group {gid} with {} further groups",
                    groups.len()
                )
            }
            Self::DropBoundingSet => formatter.write_str("empty the capability bounding set"),
            Self::DropPrivileges => {
                formatter.write_str("drop every capability and set no_new_privs")
            }
            Self::FilterSystemCalls => formatter.write_str("filter system calls"),
            Self::ResetSignals => formatter.write_str("reset every signal"),
        }
    }
}

/// A C string for a person to read.
fn text(string: &CStr) -> std::borrow::Cow<'_, str> {
    string.to_string_lossy()
}
