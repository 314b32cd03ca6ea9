//! The vocabulary of the list that a sandbox is compiled to: what each step is and how it reads.
//!
//! A step holds only what system calls take: C strings, flags, numbers, bytes. It borrows all of
//! them from the encoded list, so that the child reads a step without an allocation. Its `Display`
//! completes both "failed to …" in an error and a line of `belljar run --explain`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::Arguments;
use crate::text::{Bytes, Strings, Text};

/// One prepared step of a sandbox. Relative paths are below the base, the sandbox's own tmpfs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Step<'a> {
    /// Close every descriptor of the parent's but the one that ends with it.
    CloseInherited,
    /// Let new files be writable for their owner only.
    SetUmask,
    /// Wait until the parent has written the maps of user and group ids.
    AwaitIdMaps,
    /// Become root of the user namespace, where its map has one.
    BecomeRoot,
    /// Have the kernel kill this process when its parent ends, and end where it has ended already.
    DieWithParent,
    /// Bring the loopback interface up.
    RaiseLoopback,
    /// Write a limit of the user namespace (namespaces(7), "/proc/sys/user").
    LimitNamespace { path: Text<'a>, value: Text<'a> },
    /// Keep every mount that follows from spreading to the host; what the host mounts and unmounts
    /// is followed.
    KeepMountsIn,
    /// Mount a tmpfs and go there: the base, which holds every byte that a payload can write, or
    /// the nursery's.
    MountTmpfs {
        #[serde(borrow)]
        size: Text<'a>,
        inodes: Text<'a>,
        at: Text<'a>,
    },
    /// Make the nursery's tmpfs its root, with the host's at /host where layers have to be looked up
    /// there; otherwise only the host's /proc stays there.
    LeaveHost { keep: bool },
    /// Make a directory in the base.
    MakeDirectory { path: Text<'a>, mode: u32 },
    /// Make a symbolic link in the base.
    MakeSymlink { path: Text<'a>, target: Text<'a> },
    /// Bind a directory of the host, one layer of an image, into the base.
    BindLayer { source: Text<'a>, at: Text<'a> },
    /// Attach a layer whose ids the parent has mapped: the `index`th mount that it hands over.
    AttachLayer { source: Text<'a>, index: u32, at: Text<'a> },
    /// Mount an overlay in the base.
    MountOverlay { at: Text<'a>, options: Text<'a> },
    /// Mount a file system of the kernel's, without programs, in its place in the root file system;
    /// see `Place`.
    MountAt { kind: Text<'a>, at: Text<'a>, no_dev: bool, options: Text<'a> },
    /// Make what lies at a place in the root file system unchangeable.
    MakeReadOnly { at: Text<'a> },
    /// Bind one of the host's harmless character devices into the base's `dev`.
    BindDevice { source: Text<'a>, at: Text<'a>, major: u32, minor: u32 },
    /// Put a directory of the base, with what is mounted below it, in its place in the root file
    /// system. The place is made where it is missing and looked up beneath the root, through no
    /// symbolic link.
    Place { from: Text<'a>, at: Text<'a>, no_exec: bool, read_only: bool },
    /// Make the root file system `/` and let go of the host's.
    EnterRoot,
    /// Set the host name.
    SetHostname { name: Text<'a> },
    /// Make a directory and its missing parents inside the sandbox.
    PlaceDirectory { path: Prefixes<'a>, owner: Option<(u32, u32)> },
    /// Write a file inside the sandbox, in place of one that is there.
    PlaceFile {
        directory: Prefixes<'a>,
        name: Text<'a>,
        content: Bytes<'a>,
        mode: u32,
        owner: Option<(u32, u32)>,
    },
    /// Go to the payload's working directory.
    ChangeDirectory { path: Text<'a> },
    /// Be known as init, and keep the payload from looking into this process.
    HideFromPayload,
    /// Leave the terminal and process group of the host.
    StartSession,
    /// Bound the number of processes and threads, and write no core dump.
    LimitProcesses { processes: u64 },
    /// Empty the bounding set, while there is still the capability to do so.
    DropBoundingSet,
    /// Take on the payload's user and groups.
    ChangeIdentity { uid: u32, gid: u32, groups: Groups },
    /// Lose every capability, and with `no_new_privs` every way to gain one.
    DropPrivileges,
    /// Refuse the system calls with which the payload could harm init or a later run.
    FilterSystemCalls,
    /// Give every signal its default disposition and block none.
    ResetSignals,
    /// Make the parent's pipes the standard streams.
    WireStreams,
    /// Become the payload's program, the first candidate that can be executed.
    Execute { candidates: Strings<'a>, argv: Strings<'a>, env: Strings<'a> },
    /// Empty the command line that everybody can read: it names paths of the host. The nursery's
    /// only, and never encoded: the addresses must be what the kernel said. The last one, since
    /// encoding counts the variants.
    #[serde(skip)]
    HideArguments { arguments: Arguments },
}

/// A directory inside the sandbox, as the child needs it to walk there without an allocation: every
/// prefix of its path, relative to the root and shortest first; none for the root itself.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Prefixes<'a>(#[serde(borrow)] pub(crate) Strings<'a>);

/// Supplementary group ids: the first `count` of `ids`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Groups {
    pub(crate) count: u32,
    pub(crate) ids: [u32; GROUPS_MAX],
}

/// The most supplementary groups that a payload can have.
pub(crate) const GROUPS_MAX: usize = 32;

impl fmt::Display for Prefixes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.iter().last() {
            Some(whole) => write!(formatter, "/{}", whole.to_string_lossy()),
            None => formatter.write_str("/"),
        }
    }
}

impl fmt::Display for Step<'_> {
    #[expect(clippy::too_many_lines, reason = "a flat table: one arm for each kind of step")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseInherited => formatter.write_str("close the descriptors of the parent"),
            Self::SetUmask => formatter.write_str("set the umask 022"),
            Self::AwaitIdMaps => formatter.write_str("wait for the maps of user and group ids"),
            Self::BecomeRoot => formatter.write_str("become root of the user namespace"),
            Self::DieWithParent => formatter.write_str("arrange to be killed with the parent"),
            Self::RaiseLoopback => formatter.write_str("bring the loopback interface up"),
            Self::LimitNamespace { path, value } => write!(formatter, "write {value} to {path}"),
            Self::KeepMountsIn => formatter.write_str("keep mounts from spreading to the host"),
            Self::MountTmpfs { size, inodes, at } => {
                write!(formatter, "mount tmpfs on {at} (size={size}, nr_inodes={inodes})")
            }
            Self::LeaveHost { keep: true } => formatter.write_str("move the host's root to /host"),
            Self::LeaveHost { keep: false } => formatter.write_str("leave the host's root"),
            Self::MakeDirectory { path, mode } => {
                write!(formatter, "make the directory {path} (mode {mode:o})")
            }
            Self::MakeSymlink { path, target } => write!(formatter, "link {path} to {target}"),
            Self::BindLayer { source, at } => {
                write!(formatter, "bind the layer {source} on {at}")
            }
            Self::AttachLayer { source, at, .. } => {
                write!(formatter, "attach the layer {source}, its ids mapped, on {at}")
            }
            Self::MountOverlay { at, options } => {
                write!(formatter, "mount overlay on {at} ({options})")
            }
            Self::MountAt { kind, at, options, .. } if options.is_empty() => {
                write!(formatter, "mount {kind} on /{at}")
            }
            Self::MountAt { kind, at, options, .. } => {
                write!(formatter, "mount {kind} on /{at} ({options})")
            }
            Self::MakeReadOnly { at } => write!(formatter, "make /{at} read-only"),
            Self::BindDevice { source, at, .. } => {
                write!(formatter, "bind the device {source} on {at}")
            }
            Self::Place { from, at, .. } => write!(formatter, "put {from} in place on /{at}"),
            Self::EnterRoot => formatter.write_str("make the root file system / (pivot_root)"),
            Self::SetHostname { name } => write!(formatter, "set the host name {name}"),
            Self::PlaceDirectory { path, .. } => {
                write!(formatter, "make the directory {path} inside")
            }
            Self::PlaceFile { directory, name, content, mode, .. } => {
                let bytes = content.0.len();
                write!(
                    formatter,
                    "write the file {name} in {directory} inside ({bytes} bytes, mode {mode:o})"
                )
            }
            Self::ChangeDirectory { path } => {
                write!(formatter, "change to the working directory {path}")
            }
            Self::HideArguments { .. } => formatter.write_str("empty the command line"),
            Self::HideFromPayload => formatter.write_str("hide init from the payload"),
            Self::StartSession => formatter.write_str("start a session of its own"),
            Self::LimitProcesses { processes } => {
                write!(formatter, "limit the payload to {processes} processes and no core dump")
            }
            Self::DropBoundingSet => formatter.write_str("empty the capability bounding set"),
            Self::ChangeIdentity { uid, gid, groups } => {
                let count = groups.count;
                write!(formatter, "become user {uid}, group {gid} with {count} further groups")
            }
            Self::DropPrivileges => {
                formatter.write_str("drop every capability and set no_new_privs")
            }
            Self::FilterSystemCalls => formatter.write_str("filter system calls"),
            Self::ResetSignals => formatter.write_str("reset every signal"),
            Self::WireStreams => formatter.write_str("connect the standard streams"),
            Self::Execute { argv, .. } => {
                formatter.write_str("execute")?;
                argv.iter().try_for_each(|word| write!(formatter, " {:?}", word.to_string_lossy()))
            }
        }
    }
}
