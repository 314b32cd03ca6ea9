//! A tar file that holds a whole image, read in place: where each member lies is noted once.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::container::open_regular;
use crate::decode::{Blob, Compression, LayerStream};
use crate::digest::Hasher;
use crate::limits;
use crate::tape::{Kind, Skip, Tape, TapeProblem};
use crate::walk::{self, Walk};
use crate::{Error, Result};

/// An open archive.
pub(crate) struct Archive {
    file: Arc<File>,
    members: HashMap<PathBuf, Member>,
}

enum Member {
    Data { offset: u64, length: u64 },
    Symlink(PathBuf),
}

impl Archive {
    pub(super) fn open(path: &Path, scratch: &Path) -> Result<Self> {
        let file = open_regular(path)
            .and_then(|file| decompressed(file, scratch))
            .map_err(|error| Error::system("open the archive", path, error))?;
        let members =
            scan(&file).map_err(|problem| Error::source(path.display(), problem.to_string()))?;
        Ok(Self { file: Arc::new(file), members })
    }

    /// Opens a member, through symlinks: docker used them for layers that two images share.
    pub(super) fn open_member(&self, member: &str) -> Option<Blob> {
        let mut walk = Walk::to(&walk::clean(member.as_bytes()).ok()?);
        while let Some(step) = walk.step() {
            match self.members.get(&step) {
                Some(Member::Symlink(target)) => walk.follow(target).ok()?,
                Some(Member::Data { offset, length }) if walk.is_last() => {
                    let file = Arc::clone(&self.file);
                    return Some(Box::new(Section { file, offset: *offset, left: *length }));
                }
                _ => walk.enter(step).ok()?,
            }
        }
        None
    }
}

/// The file itself, or a nameless one with what comes out of it.
fn decompressed(file: File, scratch: &Path) -> io::Result<File> {
    let mut start = [0; 8];
    let length = file.read_at(&mut start, 0)?;
    if Compression::of(&start[..length]) == Compression::None {
        return Ok(file);
    }
    let (blob, stream) = (Hasher::sha256(), Hasher::sha256());
    let mut stream = LayerStream::open(Box::new(file), blob, stream, limits::ARCHIVE_BYTES)?;
    let mut plain = tempfile::tempfile_in(scratch)?;
    io::copy(&mut stream, &mut plain)?;
    plain.flush()?;
    plain.rewind()?;
    Ok(plain)
}

fn scan(file: &File) -> std::result::Result<HashMap<PathBuf, Member>, TapeProblem> {
    let length = file.metadata()?.len();
    let mut tape = Tape::new(SeekingFile { file: BufReader::new(file), at: 0, length });
    let mut members = HashMap::new();
    let mut count = 0;
    while let Some(entry) = tape.next()? {
        count += 1;
        if count > limits::ARCHIVE_MEMBERS {
            return Err(io::Error::other("it has too many members to be an image").into());
        }
        let Ok(path) = walk::clean(&entry.name) else {
            continue;
        };
        let target = PathBuf::from(OsString::from_vec(entry.link));
        let member = match entry.kind {
            Kind::File if entry.pieces.is_none() => {
                Member::Data { offset: tape.position(), length: entry.size }
            }
            Kind::Symlink => Member::Symlink(target),
            // The target of a hard link counts from the root.
            Kind::HardLink => Member::Symlink(Path::new("/").join(target)),
            _ => continue,
        };
        members.insert(path, member);
    }
    Ok(members)
}

struct SeekingFile<'a> {
    file: BufReader<&'a File>,
    at: u64,
    length: u64,
}

impl Read for SeekingFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Skip for SeekingFile<'_> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let ends_inside = self.at.checked_add(count).is_some_and(|end| end <= self.length);
        let distance = i64::try_from(count).ok().filter(|_| ends_inside);
        let distance = distance.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.file.seek_relative(distance)?;
        self.at += count;
        Ok(())
    }
}

/// A part of the archive, read without a common position: layers are read in parallel.
struct Section {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..room], self.offset)?;
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
