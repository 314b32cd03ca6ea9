//! Runs this program from a copy in memory that nobody can change.
//!
//! Until a payload has executed its program, `/proc/self/exe` is this program's own file, on the
//! host's mount: an image whose command, interpreter or `#!` line names it gets hold of that file,
//! and where the payload's user owns it, may change what the user runs next (CVE-2019-5736). Of the
//! sealed copy it can get hold all the same, and do nothing with it.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};

use crate::error::{Kind, Result};

/// What keeps the copy as it is.
const SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::WRITE).union(SealFlags::SEAL);

/// Starts this program again from a sealed copy of itself, and returns in the copy. To be called
/// first in `main`, by every program that runs sandboxes.
///
/// # Errors
/// The program could not be read, copied or started again.
pub fn run_from_sealed_copy() -> Result<()> {
    let failed = |error: &io::Error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        Kind::system("start from a sealed copy of the program")(errno)
    };
    let program = File::open("/proc/self/exe").map_err(|error| failed(&error))?;
    if fcntl_get_seals(&program).is_ok_and(|seals| seals.contains(SEALS)) {
        return Ok(());
    }
    let copy = copy_of(program).map_err(|error| failed(&error))?;
    let words = |words: Vec<OsString>| -> Vec<CString> {
        // The kernel has handed them over: they hold no NUL.
        words.into_iter().filter_map(|word| CString::new(word.into_vec()).ok()).collect()
    };
    let arguments = words(std::env::args_os().collect());
    let variable = |(name, value): (OsString, OsString)| {
        OsString::from_vec([name.as_bytes(), b"=", value.as_bytes()].concat())
    };
    let environment = words(std::env::vars_os().map(variable).collect());
    let flags = AtFlags::AT_EMPTY_PATH;
    let Err(errno) = nix::unistd::execveat(copy.as_fd(), c"", &arguments, &environment, flags);
    Err(Kind::system("start from a sealed copy of the program")(errno))
}

fn copy_of(mut program: File) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(memfd_create(c"belljar", flags)?);
    io::copy(&mut program, &mut copy)?;
    fcntl_add_seals(&copy, SEALS)?;
    Ok(copy)
}
