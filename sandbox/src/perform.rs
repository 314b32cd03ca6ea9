//! The interpreter: how each kind of step is performed, in one or a few system calls.
//!
//! It runs between clone and exec and keeps the rule of [`crate::sys`]: nothing allocates, locks or
//! panics. System calls go through rustix, which issues them itself: glibc's wrappers for changing
//! ids wait for threads that do not exist in the child.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{self, MountFlags, MoveMountFlags, OpenTreeFlags};
use rustix::process::{self, DumpableBehavior, Resource, Rlimit};
use rustix::thread;

use crate::request::Request;
use crate::step::{Groups, Prefixes, Step};
use crate::sys::Mapping;
use crate::{filter, sys};

/// What a process works with besides the step.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Its other end is the parent's alone, so it tells whether there is a parent.
    pub(crate) lifeline: BorrowedFd<'a>,
    /// The run that it is made for; the nursery has none.
    pub(crate) run: Option<Run<'a>>,
}

/// What a run has for itself.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) request: &'a Request,
    /// Memory for [`sys::execute`].
    pub(crate) scratch: &'a Mapping,
}

impl<'a> Context<'a> {
    fn run(self) -> Result<Run<'a>, Failure> {
        Ok(self.run.ok_or(Errno::BADF)?)
    }
}

/// The number of the error that a system call gave.
pub(crate) struct Failure(pub(crate) i32);

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self(errno.raw_os_error())
    }
}

impl From<nix::errno::Errno> for Failure {
    fn from(errno: nix::errno::Errno) -> Self {
        Self(errno as i32)
    }
}

/// The interpreter: one arm for each kind of step.
pub(crate) fn perform(step: &Step<'_>, context: Context<'_>) -> Result<(), Failure> {
    match *step {
        Step::CloseInherited => close_inherited(context.lifeline),
        Step::SetUmask => {
            process::umask(Mode::from_raw_mode(0o022));
            Ok(())
        }
        Step::AwaitIdMaps => await_id_maps(context.lifeline),
        Step::BecomeRoot => change_ids(0, 0, &[]),
        Step::DieWithParent => die_with_parent(context.lifeline),
        Step::RaiseLoopback => raise_loopback(),
        Step::MakeMountsPrivate => Ok(mount::mount_change(
            c"/",
            mount::MountPropagationFlags::PRIVATE | mount::MountPropagationFlags::REC,
        )?),
        Step::MountTmpfs { size, inodes, at } => mount_tmpfs(&size, &inodes, &at),
        Step::LeaveHost { keep } => leave_host(keep),
        Step::MakeDirectory { path, mode } => make_directory(&path, mode),
        Step::MakeSymlink { path, target } => Ok(rustix::fs::symlinkat(&*target, CWD, &*path)?),
        Step::BindLayer { source, at } => bind_layer(&source, &at),
        Step::AttachLayer { index, at, .. } => attach_layer(context.run()?.request, index, &at),
        Step::MountOverlay { at, options } => {
            let flags = MountFlags::NOSUID | MountFlags::NODEV;
            Ok(mount::mount(c"overlay", &*at, c"overlay", flags, &*options)?)
        }
        Step::MountAt { kind, at, no_dev, options } => mount_at(&kind, &at, no_dev, &options),
        Step::MakeReadOnly { at } => make_read_only(&at),
        Step::BindDevice { source, at, major, minor } => bind_device(&source, &at, major, minor),
        Step::Place { from, at, no_exec, read_only } => {
            let mut attributes = 0;
            attributes |= if no_exec { libc::MOUNT_ATTR_NOEXEC } else { 0 };
            attributes |= if read_only { libc::MOUNT_ATTR_RDONLY } else { 0 };
            place(&from, &at, attributes)
        }
        Step::EnterRoot => enter_root(),
        Step::SetHostname { name } => Ok(rustix::system::sethostname(name.to_bytes())?),
        Step::PlaceDirectory { path, owner } => open_or_make(path, owner).map(drop),
        Step::PlaceFile { directory, name, content, mode, owner } => {
            place_file(directory, &name, content, mode, owner)
        }
        Step::ChangeDirectory { path } => Ok(process::chdir(&*path)?),
        Step::HideArguments { ref arguments } => {
            sys::blank_arguments(arguments);
            Ok(())
        }
        Step::HideFromPayload => {
            thread::set_name(c"init")?;
            Ok(process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
        }
        Step::StartSession => Ok(process::setsid().map(drop)?),
        Step::LimitProcesses { processes } => limit_processes(processes),
        Step::ChangeIdentity { uid, gid, ref groups } => change_identity(uid, gid, groups),
        Step::DropBoundingSet => Ok(sys::drop_bounding_set()?),
        Step::DropPrivileges => drop_privileges(),
        Step::FilterSystemCalls => Ok(sys::install_filter(&filter::PROGRAM)?),
        Step::ResetSignals => reset_signals(),
        Step::WireStreams => wire_streams(context.run()?.request),
        Step::Execute { candidates, argv, env } => {
            Err(sys::execute(candidates, argv, env, context.run()?.scratch).into())
        }
    }
}

fn reset_signals() -> Result<(), Failure> {
    use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
    sys::default_signal_dispositions();
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// Makes the pipes of the parent the payload's standard streams.
fn wire_streams(request: &Request) -> Result<(), Failure> {
    rustix::stdio::dup2_stdin(&request.stdin)?;
    rustix::stdio::dup2_stdout(&request.stdout)?;
    Ok(rustix::stdio::dup2_stderr(&request.stderr)?)
}

/// Closes everything but one descriptor: the standard streams that were inherited, too. Nothing of
/// the host's may stay open.
pub(crate) fn close_inherited(keep: BorrowedFd<'_>) -> Result<(), Failure> {
    let keep = keep.as_raw_fd().cast_unsigned();
    if keep > 0 {
        sys::close_range(0, keep - 1)?;
    }
    Ok(sys::close_range(keep + 1, u32::MAX)?)
}

fn await_id_maps(lifeline: BorrowedFd<'_>) -> Result<(), Failure> {
    let mut byte = [0];
    loop {
        match rustix::io::read(lifeline, &mut byte) {
            Ok(1) => return Ok(()),
            // The parent has ended, or has given up and will not read the report.
            Ok(_) => return Err(Errno::PIPE.into()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Outside the PID namespace the parent has no number here, so whether it had ended before the
/// request is read off what only it keeps open.
fn die_with_parent(lifeline: BorrowedFd<'_>) -> Result<(), Failure> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    process::set_parent_process_death_signal(Some(process::Signal::KILL))?;
    let mut polled = [PollFd::new(&lifeline, PollFlags::empty())];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
        return Err(Errno::PIPE.into());
    }
    Ok(())
}

/// Goes there by descriptor: the nursery's lies over `/`, where there is always a directory, and the
/// host's root stays reachable by path until it is left.
fn mount_tmpfs(size: &CStr, inodes: &CStr, at: &CStr) -> Result<(), Failure> {
    use mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
    let context = mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    mount::fsconfig_set_string(context.as_fd(), c"size", size)?;
    mount::fsconfig_set_string(context.as_fd(), c"nr_inodes", inodes)?;
    mount::fsconfig_set_string(context.as_fd(), c"mode", c"0755")?;
    mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let base = mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    mount::move_mount(base.as_fd(), c"", CWD, at, flags)?;
    Ok(process::fchdir(base)?)
}

/// The source is a path of the host, whose root the nursery keeps at /host.
fn bind_layer(source: &CStr, at: &CStr) -> Result<(), Failure> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let host = openat(CWD, c"/host", directory, Mode::empty())?;
    let layer = openat2(&host, source, directory, Mode::empty(), ResolveFlags::IN_ROOT)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = mount::open_tree(layer, c"", flags)?;
    Ok(mount::move_mount(tree, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

fn make_directory(path: &CStr, mode: u32) -> Result<(), Failure> {
    mkdirat(CWD, path, Mode::from_raw_mode(mode))?;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    // The umask has taken bits away.
    Ok(rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())?)
}

/// The descriptor is closed at once: a working directory of `/proc/self/fd/N` must find nothing.
fn attach_layer(request: &Request, index: u32, at: &CStr) -> Result<(), Failure> {
    let layer = request.layer(index).ok_or(Errno::BADF)?;
    mount::move_mount(layer, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    let number = layer.as_raw_fd().cast_unsigned();
    Ok(sys::close_range(number, number)?)
}

fn mount_at(kind: &CStr, at: &CStr, no_dev: bool, options: &CStr) -> Result<(), Failure> {
    let place = open_place(at)?;
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let base = openat(CWD, c".", directory, Mode::empty())?;
    let mut flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    flags.set(MountFlags::NODEV, no_dev);
    process::fchdir(&place)?;
    mount::mount(kind, c".", kind, flags, options)?;
    Ok(process::fchdir(&base)?)
}

fn make_read_only(at: &CStr) -> Result<(), Failure> {
    let place = open_place(at)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = mount::open_tree(place.as_fd(), c"", flags)?;
    sys::mount_setattr(tree.as_fd(), libc::MOUNT_ATTR_RDONLY, None)?;
    attach(&tree, &place)
}

/// The device is looked at before it is bound: what lies under the name on the host must be the
/// character device that the payload expects.
fn bind_device(source: &CStr, at: &CStr, major: u32, minor: u32) -> Result<(), Failure> {
    let device = openat(CWD, source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let status = rustix::fs::fstat(&device)?;
    let expected = rustix::fs::makedev(major, minor);
    if rustix::fs::FileType::from_raw_mode(status.st_mode) != rustix::fs::FileType::CharacterDevice
        || status.st_rdev != expected
    {
        return Err(Errno::NXIO.into());
    }
    let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    drop(openat(CWD, at, create, Mode::from_raw_mode(0o666))?);
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let bound = mount::open_tree(device.as_fd(), c"", flags)?;
    Ok(mount::move_mount(bound, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

fn place(from: &CStr, at: &CStr, attributes: u64) -> Result<(), Failure> {
    let place = open_place(at)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = mount::open_tree(CWD, from, flags)?;
    if attributes != 0 {
        sys::mount_setattr(tree.as_fd(), attributes, None)?;
    }
    attach(&tree, &place)
}

/// Opens a place in the root file system: made at its top where it is missing, looked up beneath it
/// and through no symbolic link.
fn open_place(at: &CStr) -> Result<OwnedFd, Failure> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, c"root", directory, Mode::empty())?;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match openat2(&root, at, directory, Mode::empty(), beneath) {
        Err(Errno::NOENT) if !at.to_bytes().contains(&b'/') => {
            mkdirat(&root, at, Mode::from_raw_mode(0o755))?;
            Ok(openat2(&root, at, directory, Mode::empty(), beneath)?)
        }
        other => Ok(other?),
    }
}

/// Attaches a detached mount.
fn attach(tree: &OwnedFd, place: &OwnedFd) -> Result<(), Failure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(mount::move_mount(tree, c"", place, c"", flags)?)
}

/// Every sandbox starts from a copy of the nursery's mounts, so the fewer the better. But the kernel
/// lets a user namespace mount a new /proc only while it sees a whole one: that stays.
fn leave_host(keep: bool) -> Result<(), Failure> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let proc = mount::open_tree(CWD, c"/proc", flags)?;
    process::pivot_root(c".", c"host")?;
    process::chdir(c"/")?;
    if keep {
        return Ok(());
    }
    mount::unmount(c"host", mount::UnmountFlags::DETACH)?;
    Ok(mount::move_mount(proc, c"", CWD, c"host", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// pivot_root(2) with both arguments "." stacks the old root, the nursery's, on the new one;
/// unmounting "." takes it away, and with it the last way to the host's files. What is then above
/// `/` must be `/` itself.
fn enter_root() -> Result<(), Failure> {
    process::chdir(c"root")?;
    process::pivot_root(c".", c".")?;
    mount::unmount(c".", mount::UnmountFlags::DETACH)?;
    process::chdir(c"/")?;
    let (root, above) = (rustix::fs::stat(c"/")?, rustix::fs::stat(c"..")?);
    if (root.st_dev, root.st_ino) == (above.st_dev, above.st_ino) {
        Ok(())
    } else {
        Err(Errno::XDEV.into())
    }
}

fn raise_loopback() -> Result<(), Failure> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    Ok(sys::interface_up(socket, c"lo")?)
}

/// Opens a directory inside the sandbox, making what is missing of it.
fn open_or_make(path: Prefixes<'_>, owner: Option<(u32, u32)>) -> Result<OwnedFd, Failure> {
    let mut current = look_up(c".")?;
    let Some(whole) = path.0.iter().last() else { return Ok(current) };
    match look_up(whole) {
        Err(Errno::NOENT) => {}
        other => return Ok(other?),
    }
    for prefix in path.0.iter() {
        current = match look_up(prefix) {
            Err(Errno::NOENT) => {
                mkdirat(&current, last_component(prefix), Mode::from_raw_mode(0o755))?;
                let made = look_up(prefix)?;
                change_owner(&made, owner)?;
                made
            }
            other => other?,
        };
    }
    Ok(current)
}

/// Opens a directory by its path inside the sandbox; no link leads out of it.
fn look_up(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    // The kernel answers EAGAIN when a mount or rename elsewhere raced a "..": openat2(2).
    let mut attempts = 0;
    loop {
        match openat2(CWD, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) if attempts < 1000 => attempts += 1,
            other => return other,
        }
    }
}

fn place_file(
    directory: Prefixes<'_>,
    name: &CStr,
    content: &[u8],
    mode: u32,
    owner: Option<(u32, u32)>,
) -> Result<(), Failure> {
    let directory = open_or_make(directory, owner)?;
    match rustix::fs::unlinkat(&directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(&directory, name, flags, Mode::from_raw_mode(0o600))?;
    let mut rest = content;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    change_owner(&file, owner)?;
    // After the change of owner, which clears set-id bits, and past the umask.
    Ok(rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?)
}

fn change_owner(file: &OwnedFd, owner: Option<(u32, u32)>) -> Result<(), Failure> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    let uid = process::Uid::from_raw(uid);
    Ok(rustix::fs::fchown(file, Some(uid), Some(process::Gid::from_raw(gid)))?)
}

/// RLIMIT_NPROC counts within the sandbox's own user namespace (since Linux 5.14). A core limit of
/// 1 and not 0: the kernel passes a core to a helper of the host in spite of 0, but not of 1
/// (core(5), "Piping core dumps to a program").
fn limit_processes(processes: u64) -> Result<(), Failure> {
    let both = |value| Rlimit { current: Some(value), maximum: Some(value) };
    process::setrlimit(Resource::Nproc, both(processes))?;
    Ok(process::setrlimit(Resource::Core, both(1))?)
}

fn change_identity(uid: u32, gid: u32, groups: &Groups) -> Result<(), Failure> {
    let groups_of_kernel = groups.ids.map(process::Gid::from_raw);
    let count = usize::try_from(groups.count).unwrap_or(0);
    change_ids(uid, gid, groups_of_kernel.get(..count).ok_or(Errno::INVAL)?)
}

fn change_ids(uid: u32, gid: u32, groups: &[process::Gid]) -> Result<(), Failure> {
    let (uid, gid) = (process::Uid::from_raw(uid), process::Gid::from_raw(gid));
    thread::set_thread_groups(groups)?;
    thread::set_thread_res_gid(gid, gid, gid)?;
    Ok(thread::set_thread_res_uid(uid, uid, uid)?)
}

fn drop_privileges() -> Result<(), Failure> {
    let none = thread::CapabilitySet::empty();
    thread::clear_ambient_capability_set()?;
    thread::set_capabilities(
        None,
        thread::CapabilitySets { effective: none, permitted: none, inheritable: none },
    )?;
    Ok(thread::set_no_new_privs(true)?)
}

/// The part of a path after its last slash.
fn last_component(path: &CStr) -> &CStr {
    let bytes = path.to_bytes_with_nul();
    let start = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    CStr::from_bytes_with_nul(bytes.get(start..).unwrap_or_default()).unwrap_or(c"")
}
