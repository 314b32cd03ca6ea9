//! The interpreter: how each kind of step is performed, in one or a few system calls.
//!
//! It runs between clone and exec and keeps the rule of [`crate::sys`]: nothing allocates, locks or
//! panics. System calls go through rustix, which issues them itself: glibc's wrappers for changing
//! ids wait for threads that do not exist in the child.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{self, MountFlags};
use rustix::process::{self, DumpableBehavior, Resource, Rlimit};
use rustix::thread;

use crate::mounts::{
    attach_layer, bind_device, bind_layer, enter_root, leave_host, make_read_only, mount_at,
    mount_tmpfs, place,
};
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
#[expect(clippy::too_many_lines, reason = "a flat table: one arm for each kind of step")]
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
        Step::LimitNamespace { path, value } => limit_namespace(&path, &value),
        Step::KeepMountsIn => Ok(mount::mount_change(
            c"/",
            mount::MountPropagationFlags::DOWNSTREAM | mount::MountPropagationFlags::REC,
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
            place_file(directory, &name, content.0, mode, owner)
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

fn limit_namespace(path: &CStr, value: &CStr) -> Result<(), Failure> {
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(rustix::io::write(&file, value.to_bytes()).map(drop)?)
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

fn make_directory(path: &CStr, mode: u32) -> Result<(), Failure> {
    mkdirat(CWD, path, Mode::from_raw_mode(mode))?;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    // The umask has taken bits away.
    Ok(rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())?)
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

/// RLIMIT_NPROC counts within the user namespace (since Linux 5.14), where the nursery, init and the
/// init of the run before count too, if they have the payload's id. A core limit of
/// 1 and not 0: the kernel passes a core to a helper of the host in spite of 0, but not of 1
/// (core(5), "Piping core dumps to a program").
fn limit_processes(processes: u64) -> Result<(), Failure> {
    let both = |value| Rlimit { current: Some(value), maximum: Some(value) };
    process::setrlimit(Resource::Nproc, both(processes.saturating_add(OUR_PROCESSES)))?;
    // Counted for the user id behind the payload's on the whole host, so kept well below the usual.
    process::setrlimit(Resource::Nofile, both(1024))?;
    process::setrlimit(Resource::Sigpending, both(1024))?;
    process::setrlimit(Resource::Msgqueue, both(819_200))?;
    Ok(process::setrlimit(Resource::Core, both(1))?)
}

/// The nursery and two inits.
const OUR_PROCESSES: u64 = 3;

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
