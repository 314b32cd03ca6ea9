//! A container of named files: a folder, an archive, or one file on its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::archive::Archive;
use crate::decode::Blob;
use crate::{Error, Result};

/// Where the files of an image lie.
pub(crate) enum Container {
    Folder(PathBuf),
    Archive(Archive),
    /// One file, whatever it is asked for.
    File(PathBuf),
}

impl Container {
    /// Opens a tar file with an image in it; one that is compressed is unpacked into a file without
    /// a name in `scratch`.
    pub(crate) fn archive(path: &Path, scratch: &Path) -> Result<Self> {
        Archive::open(path, scratch).map(Self::Archive)
    }

    /// Opens a file. `None`: there is none.
    pub(crate) fn open(&self, member: &str) -> Result<Option<Blob>> {
        let path = match self {
            Self::Archive(archive) => return Ok(archive.open_member(member)),
            Self::Folder(folder) => folder.join(member),
            Self::File(path) => path.clone(),
        };
        match open_regular(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::system("open", &path, error)),
        }
    }

    /// Reads a small file. `None`: there is none.
    pub(crate) fn read(&self, member: &str, most: u64, what: &str) -> Result<Option<Vec<u8>>> {
        let Some(blob) = self.open(member)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        blob.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::source(what, format!("{member}: {error}")))?;
        if bytes.len() as u64 > most {
            let reason = format!("{member} is larger than the limit of {most} bytes");
            return Err(Error::source(what, reason));
        }
        Ok(Some(bytes))
    }
}

/// Opens a regular file; a FIFO would make us wait for ever.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
    }
}
