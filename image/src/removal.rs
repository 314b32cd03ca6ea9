//! Removing an unpacked tree, of which an ordinary user may lack the right to enter a directory.
//!
//! It follows no symlink. The trees lie in the store, which only its owner can enter, so nothing
//! moves under our feet. Unpacking bounds the depth of a tree, and so of this recursion.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Removes whatever is at `path`, if there is something.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = fs::open(folder, flags, Mode::empty())?;
    let mut bytes = name.as_encoded_bytes().to_vec();
    bytes.push(0);
    let name = CStr::from_bytes_with_nul(&bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    match remove_tree_at(&folder, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes `name` in `folder`, and if it is a directory everything in it.
pub(crate) fn remove_tree_at(folder: impl AsFd, name: &CStr) -> io::Result<()> {
    match fs::unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(error) => return Err(error.into()),
    }
    // Opening says so if it is a symlink or gone; then nothing is changed.
    fs::chmodat(&folder, name, Mode::RWXU, AtFlags::empty())?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = fs::openat(&folder, name, flags, Mode::empty())?;
    remove_content(&directory)?;
    Ok(fs::unlinkat(&folder, name, AtFlags::REMOVEDIR)?)
}

fn remove_content(directory: &OwnedFd) -> io::Result<()> {
    // Names are collected first: what readdir does while names vanish is not defined.
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push((name.to_owned(), entry.file_type()));
        }
    }
    for (name, file_type) in names {
        if file_type == FileType::Directory {
            remove_tree_at(directory, &name)?;
        } else {
            fs::unlinkat(directory, &name, AtFlags::empty())?;
        }
    }
    Ok(())
}
