//! The one room with `unsafe`: system calls that neither nix nor rustix offers.
//!
//! Each function is one system call (or one loop of it) behind a safe signature. Code that runs in
//! a child made by [`clone_child`] has the memory of a process with several threads but only one of
//! them: a lock may be held for ever by a thread that is not there. So nothing here allocates,
//! locks or panics, and nothing the child calls may either.

#![expect(unsafe_code, reason = "raw system calls; every block states why it is sound")]

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::unistd::Pid;

use crate::error::{Error, Kind};
use crate::text::Strings;

/// A child process and the descriptor that names it even after its number is used again.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

/// `struct clone_args` of clone3(2).
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Starts a process that runs `body` on a copy of this process's memory and then exits with the
/// code that it returns. `flags` are those of clone3(2).
///
/// `body` runs in the child and must keep this module's rule: no allocation, no lock, no panic. A
/// panic would abort the child.
pub(crate) fn clone_child(flags: c_int, body: impl FnOnce() -> u8) -> Result<Child, Errno> {
    let mut pidfd: c_int = -1;
    // A sibling's end is signalled as this process's own would be.
    let exit_signal = if flags & libc::CLONE_PARENT == 0 { libc::SIGCHLD } else { 0 };
    let mut arguments = CloneArguments {
        flags: u64::from((flags | libc::CLONE_PIDFD).cast_unsigned()) | CLONE_CLEAR_SIGHAND,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: exit_signal.cast_unsigned().into(),
        ..CloneArguments::default()
    };
    // SAFETY: without CLONE_VM the child works on a copy of this memory, as after fork(2), and
    // never returns from the branch below; `arguments` and `pidfd` live through the call.
    let pid =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<CloneArguments>()) };
    if pid == 0 {
        let abort_on_unwind = AbortOnDrop;
        let code = body();
        std::mem::forget(abort_on_unwind);
        // SAFETY: _exit(2) runs no destructor and touches no memory.
        unsafe { libc::_exit(code.into()) }
    }
    let pid = Errno::result(pid)?;
    // SAFETY: the call succeeded, so the kernel has stored a new descriptor that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Child { pid: Pid::from_raw(i32::try_from(pid).unwrap_or_default()), pidfd })
}

/// Starts a process that runs `body` in this process's own memory. This process waits until the
/// child has executed a program or is ending: nothing is copied (vfork(2)). The child has a stack
/// of its own, so that it cannot overwrite what this process still needs. `flags` are those of
/// clone(2).
///
/// `body` must keep this module's rule, and change nothing in memory that its parent relies on: what
/// it borrows mutably, its parent must not use again.
pub(crate) fn clone_until_exec<F: FnOnce() -> u8>(flags: c_int, body: F) -> Result<Pid, Errno> {
    extern "C" fn enter<F: FnOnce() -> u8>(body: *mut c_void) -> c_int {
        // SAFETY: `body` points to the caller's `Some(F)`, which nobody else touches meanwhile.
        let body = unsafe { &mut *body.cast::<Option<F>>() };
        // A panic cannot leave an `extern "C"` function: it aborts.
        body.take().map_or(1, |body| body().into())
    }
    let stack = Mapping::new(STACK_BYTES)?;
    let mut body = Some(body);
    let exit_signal = if flags & libc::CLONE_PARENT == 0 { libc::SIGCHLD } else { 0 };
    let flags = flags | libc::CLONE_VM | libc::CLONE_VFORK | exit_signal;
    // SAFETY: the stack is fresh, page-aligned memory and grows down from its end; CLONE_VFORK
    // keeps this frame, with `stack` and `body`, untouched until the child is done with both.
    let pid = unsafe {
        let end = stack.start.cast::<u8>().add(STACK_BYTES);
        libc::clone(enter::<F>, end.cast(), flags, (&raw mut body).cast())
    };
    Errno::result(pid).map(Pid::from_raw)
}

/// Far more than the deepest call of a child takes.
const STACK_BYTES: usize = 256 * 1024;

/// Memory in pages of its own, which does not come from an allocator; given back when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: *mut c_void,
    length: usize,
}

impl Mapping {
    /// Zeroed memory, of which only what is touched is really taken.
    pub(crate) fn new(length: usize) -> Result<Self, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        Self::make(length, libc::PROT_READ | libc::PROT_WRITE, flags, -1)
    }

    /// The first `length` bytes of a file that is sealed against writing and shrinking.
    pub(crate) fn of_file(file: BorrowedFd<'_>, length: usize) -> Result<Self, Errno> {
        Self::make(length, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd())
    }

    fn make(length: usize, access: c_int, flags: c_int, file: c_int) -> Result<Self, Errno> {
        // SAFETY: new pages overlap nothing; a null pointer lets the kernel choose where.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, access, flags, file, 0) };
        if start == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(Self { start, length }) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `length` bytes from `start` on are readable while `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the pages are this mapping's own, and nobody borrows from it any more.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

/// From linux/sched.h; libc's constant does not fit its type.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

/// Ends the process when it is dropped, which only happens while a panic unwinds.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        // SAFETY: abort(3) is safe to call at any point; nothing runs after it.
        unsafe { libc::abort() }
    }
}

/// Becomes the first candidate that can be executed; returns only when none can. As with
/// execvp(3), EACCES wins over "not found": a file was there that could not be executed. The
/// pointers that execve(2) wants are written to `scratch`.
pub(crate) fn execute(
    candidates: Strings<'_>,
    argv: Strings<'_>,
    env: Strings<'_>,
    scratch: &Mapping,
) -> Errno {
    let needed = (argv.iter().count() + env.iter().count() + 2) * size_of::<*const c_char>();
    if needed > scratch.length {
        return Errno::E2BIG;
    }
    let argv_start = scratch.start.cast::<*const c_char>();
    // SAFETY: as many pointers as were counted fit in `scratch`, which is aligned to a page.
    let env_start = unsafe { write_pointers(argv_start, argv) };
    // SAFETY: as above.
    unsafe { write_pointers(env_start, env) };
    let mut denied = false;
    for path in candidates.iter() {
        // SAFETY: the path and what the pointers point to end with NUL, the pointers with null.
        unsafe { libc::execve(path.as_ptr(), argv_start, env_start) };
        match Errno::last() {
            Errno::EACCES => denied = true,
            Errno::ENOENT | Errno::ENOTDIR => {}
            other => return other,
        }
    }
    if denied { Errno::EACCES } else { Errno::ENOENT }
}

/// Writes a pointer to each string and a null behind the last; returns where they end.
///
/// # Safety
/// There is room for them at `at`.
unsafe fn write_pointers(at: *mut *const c_char, strings: Strings<'_>) -> *mut *const c_char {
    let pointers = strings.iter().map(CStr::as_ptr).chain([ptr::null()]);
    pointers.fold(at, |at, pointer| {
        // SAFETY: the caller promises the room.
        unsafe {
            at.write(pointer);
            at.add(1)
        }
    })
}

/// The bytes of [`execute`]'s scratch memory for so many arguments and variables: a pointer to each,
/// and two nulls.
pub(crate) fn scratch_bytes(strings: u32) -> usize {
    (strings as usize + 2) * size_of::<*const c_char>()
}

/// The bytes of this process's command line, which /proc/PID/cmdline shows to everybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments {
    start: usize,
    end: usize,
}

impl Arguments {
    /// Finds them in fields 48 and 49 of /proc/self/stat (proc_pid_stat(5)), where they stay.
    pub(crate) fn of_this_process() -> Result<Self, Error> {
        static FOUND: OnceLock<Option<Arguments>> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            Self::parse(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default())
        });
        let failed = || Kind::system("find the command line in /proc/self/stat")(Errno::EINVAL);
        (*found).ok_or_else(failed)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name in field 2 may hold anything, but nothing after its parenthesis does.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(45);
        let start = fields.next()?.parse().ok()?;
        let end = fields.next()?.parse().ok()?;
        (start > 0 && end > start).then_some(Self { start, end })
    }
}

/// Empties this process's command line. For a child that nobody else shares its memory with.
pub(crate) fn blank_arguments(arguments: &Arguments) {
    let Arguments { start, end } = *arguments;
    // SAFETY: the kernel says that the command line lies in these writable bytes of the stack's
    // beginning. Nothing of ours reads them after the child was cloned.
    unsafe { ptr::write_bytes(start as *mut u8, 0, end - start) };
}

/// Gives every signal its default disposition, ignored ones too: execve(2) keeps "ignored", and
/// Rust's runtime ignores SIGPIPE. Not through libc, which refuses the two signals it uses itself.
pub(crate) fn default_signal_dispositions() {
    // All zeros is the kernel's sigaction for SIG_DFL, with no flags and an empty mask.
    let default = [0u64; 4];
    for signal in 1..=SIGNALS {
        // SAFETY: the kernel reads at most `default`; KILL and STOP answer EINVAL, which changes
        // nothing.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                c_long::from(signal),
                default.as_ptr(),
                ptr::null_mut::<u64>(),
                size_of::<u64>(),
            )
        };
    }
}

/// The number of signals that Linux has (signal(7)).
const SIGNALS: i32 = 64;

/// Drops every capability from the bounding set, those that are newer than this program too:
/// prctl(2) answers EINVAL after the last one.
pub(crate) fn drop_bounding_set() -> Result<(), Errno> {
    for capability in 0..64 {
        // SAFETY: PR_CAPBSET_DROP takes a number and no pointer.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        match Errno::result(result) {
            Ok(_) => {}
            Err(Errno::EINVAL) if capability > 0 => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Installs a filter on system calls for this process and all it starts, for ever (seccomp(2)). It
/// needs no_new_privs.
pub(crate) fn install_filter(program: &'static [libc::sock_filter]) -> Result<(), Errno> {
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `len` instructions from `filter` and changes none.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    Errno::result(result).map(drop)
}

/// Closes the descriptors `first` to `last`, both included.
pub(crate) fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: takes numbers only. The caller holds no owner of a descriptor in the range that it
    // would use again.
    let result = unsafe {
        libc::syscall(libc::SYS_close_range, c_long::from(first), c_long::from(last), 0 as c_long)
    };
    Errno::result(result).map(drop)
}

/// Sets attributes (`MOUNT_ATTR_*`) on the mount that `mount` is the root of; with
/// `MOUNT_ATTR_IDMAP`, `user_namespace` gives the mapping of ids.
pub(crate) fn mount_setattr(
    mount: BorrowedFd<'_>,
    attributes: u64,
    user_namespace: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: user_namespace
            .map_or(0, |namespace| namespace.as_raw_fd().cast_unsigned().into()),
    };
    // SAFETY: the path is an empty C string and the structure lives through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result).map(drop)
}

/// From net/if.h; libc's constant does not fit the field's type.
const IFF_UP: i16 = 1;

/// Brings a network interface of this network namespace up (netdevice(7), SIOCSIFFLAGS).
pub(crate) fn interface_up(socket: impl AsFd, name: &CStr) -> Result<(), Errno> {
    // SAFETY: ifreq is plain data for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (slot, byte) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.to_bytes()) {
        *slot = byte.cast_signed();
    }
    request.ifr_ifru.ifru_flags = IFF_UP;
    // SAFETY: the kernel reads one ifreq, which lives through the call.
    let result =
        unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(result).map(drop)
}
