//! Subcommands that try to get out. Each prints one line for each attempt, so that a case can say
//! exactly which of them must fail and how.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, chroot};
use std::time::Duration;

use crate::files::outcome;
use crate::processes::argument;
use crate::system;

/// Process 1: whoever keeps the sandbox.
const INIT: i32 = 1;

/// A directory that the process may fill; the chroot of `chroot_escape` is made in it.
const ESCAPE_DIRECTORY: &str = "/tmp/escape";

/// Deeper than any root directory lies on a real machine.
const MORE_THAN_DEEP_ENOUGH: usize = 64;

/// Where the memory of process 1 is open to us but nothing lies at the address asked for, the error
/// is `Bad address`: that too is a breach.
pub(crate) fn stop_init(_: &[OsString]) -> io::Result<u8> {
    report("kill STOP", &system::kill(INIT, libc::SIGSTOP));
    report("kill KILL", &system::kill(INIT, libc::SIGKILL));
    report("ptrace attach", &system::ptrace_attach(INIT));
    report("ptrace seize", &system::ptrace_seize(INIT));
    report("process_vm_readv", &system::read_memory(INIT));
    report("prlimit", &system::forbid_new_files(INIT));
    Ok(0)
}

/// The textbook breakout: whoever holds a directory outside its own root can climb from it to the
/// top of the file system. Says at the end whether `/` has become another directory.
pub(crate) fn chroot_escape(_: &[OsString]) -> io::Result<u8> {
    let root_before = identity_of_root()?;
    report("mkdir", &fs::create_dir(ESCAPE_DIRECTORY));
    let outside = File::open("/");
    report("open", &outside);
    report("chroot", &chroot(ESCAPE_DIRECTORY));
    report("fchdir", &outside.and_then(|directory| system::change_directory_to(&directory)));
    let climb = (0..MORE_THAN_DEEP_ENOUGH).try_for_each(|_| std::env::set_current_dir(".."));
    report("chdir ..", &climb);
    report("chroot .", &chroot("."));
    let same = identity_of_root()? == root_before;
    println!("root: {}", if same { "the same" } else { "another" });
    Ok(0)
}

pub(crate) fn connect(arguments: &[OsString]) -> io::Result<u8> {
    let address = argument(arguments, 0, "ADDRESS:PORT")?.to_string_lossy();
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    println!("{}", outcome(&TcpStream::connect_timeout(&address, Duration::from_secs(5))));
    Ok(0)
}

fn report<T>(attempt: &str, result: &io::Result<T>) {
    println!("{attempt}: {}", outcome(result));
}

fn identity_of_root() -> io::Result<(u64, u64)> {
    let root = fs::metadata("/")?;
    Ok((root.dev(), root.ino()))
}
