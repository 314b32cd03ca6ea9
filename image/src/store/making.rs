//! Making things in the store: one at a time for each name, whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::make_folder;
use crate::removal::remove_tree;
use crate::{Error, Result};

/// The right to make one thing. It ends with the value, and with the process however it ends.
///
/// Lock files stay: to remove one would let two processes lock two files of the same name.
pub(super) struct Making {
    place: PathBuf,
    _lock: File,
}

impl Making {
    /// Waits for the right to make what `key` names. A key is a plain file name.
    pub(super) fn begin(home: &Path, key: &str) -> Result<Self> {
        let path = home.join("locks").join(key);
        let failed = |error: io::Error| Error::system("lock", &path, error);
        let lock = open_lock(&path).map_err(failed)?;
        loop {
            match rustix::fs::flock(&lock, FlockOperation::LockExclusive) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(failed(error.into())),
                Ok(()) => return Ok(Self { place: home.join("temp").join(key), _lock: lock }),
            }
        }
    }

    /// An empty folder to make it in.
    pub(super) fn folder(&self) -> Result<&Path> {
        self.clear()?;
        DirBuilder::new()
            .mode(0o700)
            .create(&self.place)
            .map_err(|error| Error::system("make the folder", &self.place, error))?;
        Ok(&self.place)
    }

    /// A path, with nothing there, to make a file at.
    pub(super) fn file(&self) -> Result<&Path> {
        self.clear()?;
        Ok(&self.place)
    }

    /// Puts what was made in its place.
    pub(super) fn finish(self, to: &Path) -> Result<()> {
        if let Some(folder) = to.parent() {
            make_folder(folder)?;
        }
        fs::rename(&self.place, to).map_err(|error| Error::system("make", to, error))
    }

    /// Removes what was begun. What cannot be removed now is swept later.
    pub(super) fn abandon(self) {
        drop(remove_tree(&self.place));
    }

    fn clear(&self) -> Result<()> {
        remove_tree(&self.place).map_err(|error| Error::system("remove", &self.place, error))
    }
}

/// Removes what dead processes left behind: everything in `temp` whose lock nobody holds.
pub(super) fn sweep(home: &Path) -> Result<()> {
    let temp = home.join("temp");
    let failed = |error| Error::system("sweep", &temp, error);
    for entry in fs::read_dir(&temp).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let lock = open_lock(&home.join("locks").join(entry.file_name())).map_err(failed)?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove_tree(&entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Writes a small file that whoever reads it finds whole.
pub(super) fn write_file(home: &Path, key: &str, to: &Path, bytes: &[u8]) -> Result<()> {
    let making = Making::begin(home, key)?;
    write_made(making, to, bytes)
}

/// Writes a file under a lock that is held already.
pub(super) fn write_made(making: Making, to: &Path, bytes: &[u8]) -> Result<()> {
    let place = making.file()?;
    fs::write(place, bytes).map_err(|error| Error::system("write", place, error))?;
    making.finish(to)
}
