//! The system calls that the standard library has no safe door to. Each function here is safe to
//! call from anywhere in this program, because it has one thread only.

#![expect(unsafe_code, reason = "raw system calls; every block states why it is sound")]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, pid_t};

/// Which of the two processes after a fork this is.
pub(crate) enum Fork {
    Child,
    Parent(pid_t),
}

/// The entry point that the C start-up code calls: no set-up by Rust's runtime happens before it.
// SAFETY: no other `main` is linked, and the arguments are left to the standard library, which
// has taken them from the C library's initialisers.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    c_int::from(crate::run(std::env::args_os().collect()))
}

/// Names as `kill -l` has them, with or without `SIG`.
pub(crate) fn signal_number(name: &str) -> Option<c_int> {
    let signal = match name.trim_start_matches("SIG") {
        "HUP" => libc::SIGHUP,
        "INT" => libc::SIGINT,
        "QUIT" => libc::SIGQUIT,
        "ILL" => libc::SIGILL,
        "TRAP" => libc::SIGTRAP,
        "ABRT" => libc::SIGABRT,
        "BUS" => libc::SIGBUS,
        "FPE" => libc::SIGFPE,
        "KILL" => libc::SIGKILL,
        "USR1" => libc::SIGUSR1,
        "SEGV" => libc::SIGSEGV,
        "USR2" => libc::SIGUSR2,
        "PIPE" => libc::SIGPIPE,
        "ALRM" => libc::SIGALRM,
        "TERM" => libc::SIGTERM,
        "STOP" => libc::SIGSTOP,
        "XCPU" => libc::SIGXCPU,
        "XFSZ" => libc::SIGXFSZ,
        "SYS" => libc::SIGSYS,
        _ => return None,
    };
    Some(signal)
}

/// Sends a signal to itself with whatever the kernel does by default, blocked before or not.
pub(crate) fn raise_with_default_action(signal: c_int) -> io::Result<()> {
    // The result does not matter: SIGKILL and SIGSTOP refuse and have no other action anyway.
    // SAFETY: the default action is no function of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    let mut only_this = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the whole set; the other calls only read or change it.
    let unblocked = unsafe {
        libc::sigemptyset(only_this.as_mut_ptr());
        libc::sigaddset(only_this.as_mut_ptr(), signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, only_this.as_ptr(), ptr::null_mut())
    };
    checked(unblocked.into())?;
    // SAFETY: no memory is involved.
    checked(unsafe { libc::kill(libc::getpid(), signal) }.into())
}

/// Ignores whatever can be ignored; SIGKILL and SIGSTOP cannot.
pub(crate) fn ignore_every_signal() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: ignoring a signal runs no function of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: the program has one thread, so the child inherits no lock that someone else held.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        child => Ok(Fork::Parent(child)),
    }
}

/// Ends a forked child without writing out what its parent had buffered.
pub(crate) fn leave() -> ! {
    // SAFETY: never returns and touches no memory.
    unsafe { libc::_exit(0) }
}

pub(crate) fn wait_for(child: pid_t) -> io::Result<()> {
    // SAFETY: a null pointer says that the status is not wanted.
    checked(unsafe { libc::waitpid(child, ptr::null_mut(), 0) }.into())
}

pub(crate) fn new_session() -> io::Result<()> {
    // SAFETY: no memory is involved.
    checked(unsafe { libc::setsid() }.into())
}

pub(crate) fn kill(process: pid_t, signal: c_int) -> io::Result<()> {
    // SAFETY: no memory is involved.
    checked(unsafe { libc::kill(process, signal) }.into())
}

pub(crate) fn ptrace_attach(process: pid_t) -> io::Result<()> {
    let unused = ptr::null_mut::<libc::c_void>();
    // SAFETY: attaching reads neither address nor data.
    checked(unsafe { libc::ptrace(libc::PTRACE_ATTACH, process, unused, unused) })
}

pub(crate) fn ptrace_seize(process: pid_t) -> io::Result<()> {
    let unused = ptr::null_mut::<libc::c_void>();
    // SAFETY: seizing reads the options from the pointer's value, which is zero: none.
    checked(unsafe { libc::ptrace(libc::PTRACE_SEIZE, process, unused, unused) })
}

/// Reads one byte of another process, from the address of a variable of our own.
pub(crate) fn read_memory(process: pid_t) -> io::Result<()> {
    let mut byte = 0u8;
    let vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: the local vector spans one byte that we own; the remote one is not dereferenced here.
    let count =
        unsafe { libc::process_vm_readv(process, &raw const vector, 1, &raw const vector, 1, 0) };
    if count == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets the limit of open files of another process to zero.
pub(crate) fn forbid_new_files(process: pid_t) -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the new limit is read from our variable; a null pointer says that the old one is not
    // wanted.
    let result =
        unsafe { libc::prlimit(process, libc::RLIMIT_NOFILE, &raw const none, ptr::null_mut()) };
    checked(result.into())
}

pub(crate) fn change_directory_to(directory: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open while the file is borrowed.
    checked(unsafe { libc::fchdir(directory.as_raw_fd()) }.into())
}

/// Real, effective and saved user id.
pub(crate) fn user_ids() -> io::Result<[u32; 3]> {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: the three pointers lead to variables of our own.
    let result = unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) };
    checked(result.into())?;
    Ok([real, effective, saved])
}

/// Real, effective and saved group id.
pub(crate) fn group_ids() -> io::Result<[u32; 3]> {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: the three pointers lead to variables of our own.
    let result = unsafe { libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved) };
    checked(result.into())?;
    Ok([real, effective, saved])
}

pub(crate) fn supplementary_groups() -> io::Result<Vec<u32>> {
    // SAFETY: a size of zero asks for the number only.
    let count = unsafe { libc::getgroups(0, ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).map_err(|_| io::Error::last_os_error())?];
    // SAFETY: the buffer has room for as many groups as the first argument says, and with one
    // thread the number has not grown since.
    checked(unsafe { libc::getgroups(count, groups.as_mut_ptr()) }.into())?;
    Ok(groups)
}

fn checked(result: i64) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_both_names() {
        assert_eq!(signal_number("SEGV"), Some(libc::SIGSEGV));
        assert_eq!(signal_number("SIGSEGV"), Some(libc::SIGSEGV));
        assert_eq!(signal_number("segv"), None);
    }
}
