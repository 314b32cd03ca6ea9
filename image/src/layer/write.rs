//! Writing into an unpacked layer: one call for each kind of file, always a name in an open folder.
//!
//! A name is made only where none is (`O_EXCL`, `mkdirat`, …), so no call here follows anything.
//! Owner first, then mode, then times: chown clears the set-uid bits, and everything changes times.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    self, AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use crate::Result;
use crate::beneath::{Located, OPAQUE, OVERLAY_PREFIX};
use crate::tape::Entry;

/// The owner, mode, times and extended attributes of a file.
#[derive(Debug, Clone)]
pub(super) struct Attributes {
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, u32),
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Whether files get the owners that the image says, or all belong to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    FromImage,
    Ours,
}

impl Ownership {
    /// Root can give files away; not so root of a user namespace, which has a few ids only.
    pub(crate) fn of_this_process() -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let has_all_ids = map.split_whitespace().eq(["0", "0", "4294967295"]);
        if is_root && has_all_ids { Self::FromImage } else { Self::Ours }
    }
}

impl Attributes {
    pub(super) fn of_entry(entry: &mut Entry) -> Self {
        let mut xattrs = std::mem::take(&mut entry.xattrs);
        xattrs.retain(|(name, _)| is_allowed(name));
        Self { mode: entry.mode, owner: (entry.uid, entry.gid), mtime: entry.mtime, xattrs }
    }

    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of a file are below 10^9")]
    pub(super) fn of_located(located: &Located) -> Result<Self> {
        let stat = &located.stat;
        Ok(Self {
            mode: stat.st_mode & 0o7777,
            owner: (stat.st_uid, stat.st_gid),
            mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
            xattrs: located.xattrs()?,
        })
    }

    /// For a directory that nobody described: as `mkdir -p` by root makes it, but always the same.
    pub(super) fn of_implicit_directory() -> Self {
        Self { mode: 0o755, owner: (0, 0), mtime: (0, 0), xattrs: Vec::new() }
    }

    /// Applies everything to an open file or directory.
    pub(super) fn apply(&self, file: impl AsFd, ownership: Ownership) -> io::Result<()> {
        for (name, value) in &self.xattrs {
            fs::fsetxattr(&file, name.as_slice(), value, XattrFlags::empty())?;
        }
        if ownership == Ownership::FromImage {
            let (uid, gid) = self.owner;
            fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        fs::fchmod(&file, Mode::from_raw_mode(self.mode))?;
        Ok(fs::futimens(&file, &self.times())?)
    }

    /// Applies owner and times to a name that cannot be opened, such as a symlink.
    fn apply_at(&self, folder: &OwnedFd, name: &OsStr, ownership: Ownership) -> io::Result<()> {
        if ownership == Ownership::FromImage {
            let (uid, gid) = (Uid::from_raw(self.owner.0), Gid::from_raw(self.owner.1));
            fs::chownat(folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(fs::utimensat(folder, name, &self.times(), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn times(&self) -> Timestamps {
        let time = Timespec { tv_sec: self.mtime.0, tv_nsec: self.mtime.1.into() };
        Timestamps { last_access: time, last_modification: time }
    }
}

/// Only the user's own attributes: not those that overlayfs obeys, nor labels and capabilities.
fn is_allowed(name: &[u8]) -> bool {
    name.starts_with(b"user.") && !name.starts_with(OVERLAY_PREFIX.as_bytes()) && !name.contains(&0)
}

/// Makes an empty file that only we can read yet.
pub(super) fn file(folder: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Makes a directory that only we can enter yet.
pub(super) fn directory(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    Ok(fs::mkdirat(folder, name, Mode::RWXU)?)
}

pub(super) fn symlink(
    folder: &OwnedFd,
    name: &OsStr,
    target: &Path,
    attributes: &Attributes,
    ownership: Ownership,
) -> io::Result<()> {
    fs::symlinkat(target, folder, name)?;
    attributes.apply_at(folder, name, ownership)
}

pub(super) fn fifo(
    folder: &OwnedFd,
    name: &OsStr,
    attributes: &Attributes,
    ownership: Ownership,
) -> io::Result<()> {
    fs::mknodat(folder, name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    attributes.apply_at(folder, name, ownership)?;
    // It was made right here, in a folder that nobody else can enter: no symlink to follow.
    Ok(fs::chmodat(folder, name, Mode::from_raw_mode(attributes.mode), AtFlags::empty())?)
}

/// The mark by which overlayfs hides a name of the layers below.
pub(super) fn whiteout(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    Ok(fs::mknodat(folder, name, FileType::CharacterDevice, Mode::empty(), 0)?)
}

/// The mark by which overlayfs hides all that the layers below have in a directory.
pub(super) fn opaque(directory: &OwnedFd) -> io::Result<()> {
    match fs::fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty()) {
        Err(Errno::NOTSUP) => Err(io::Error::other(
            "the file system of the store keeps no user extended attributes; \
             set BELLJAR_HOME to a folder on one that does, such as ext4, xfs or btrfs",
        )),
        result => Ok(result?),
    }
}
