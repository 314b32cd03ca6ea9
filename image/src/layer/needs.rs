//! What a layer needs from the layers below it, kept beside the unpacked layer.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::beneath::Beneath;

/// Where a layer speaks of something that it does not bring along.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Directories that things lie in but that the tar has no entry for. Below may be a symlink,
    /// or a directory with another mode and owner.
    pub(crate) directories: BTreeSet<PathBuf>,
    /// Targets of hard links.
    pub(crate) links: BTreeSet<PathBuf>,
    /// What is hidden. Where nothing is, overlayfs would list the whiteout itself.
    pub(crate) whiteouts: BTreeSet<PathBuf>,
    /// Directories whose content below is hidden.
    pub(crate) opaque: BTreeSet<PathBuf>,
    /// Directories of the layer that hide whatever stands there below, also if it is none.
    pub(crate) replaced: BTreeSet<PathBuf>,
}

/// More than a layer within the limits can need.
const MOST_BYTES: u64 = 8 << 30;

impl Needs {
    /// Whether the layer, as it was unpacked on its own, stacks rightly on `below`.
    pub(crate) fn are_met_by(&self, below: &Beneath) -> Result<bool> {
        if !self.links.is_empty() {
            return Ok(false);
        }
        for path in &self.directories {
            if below.find(path)?.is_some() {
                return Ok(false);
            }
        }
        for path in &self.whiteouts {
            if below.find(path)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes records of a letter, a path (any bytes) and a NUL.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let mut bytes = Vec::new();
        let sets = [
            (b'd', &self.directories),
            (b'l', &self.links),
            (b'w', &self.whiteouts),
            (b'o', &self.opaque),
            (b'r', &self.replaced),
        ];
        for (letter, paths) in sets {
            for path in paths {
                bytes.push(letter);
                bytes.extend(path.as_os_str().as_bytes());
                bytes.push(0);
            }
        }
        fs::write(file, bytes)
    }

    pub(crate) fn read(file: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        fs::File::open(file)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        let mut needs = Self::default();
        for record in bytes.split(|byte| *byte == 0) {
            let Some((letter, path)) = record.split_first() else {
                continue;
            };
            let set = match letter {
                b'd' => &mut needs.directories,
                b'l' => &mut needs.links,
                b'w' => &mut needs.whiteouts,
                b'o' => &mut needs.opaque,
                b'r' => &mut needs.replaced,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            set.insert(PathBuf::from(OsString::from_vec(path.to_vec())));
        }
        Ok(needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("needs");
        let mut needs = Needs::default();
        needs.directories.insert("usr/lib".into());
        needs.links.insert(OsString::from_vec(b"a\n\xff".to_vec()).into());
        needs.whiteouts.insert("etc/motd".into());
        needs.opaque.insert("".into());
        needs.replaced.insert("srv".into());
        needs.write(&file).unwrap();
        assert_eq!(Needs::read(&file).unwrap(), needs);
    }
}
