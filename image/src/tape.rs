//! A tar stream, one entry at a time, with a bound on everything.
//!
//! The tar crate parses headers; the loop over them is ours, because its own reads extended headers
//! of any size into memory, gives sparse files under a wrong name, and stops at the first zero block,
//! where the digest of the stream goes on. Where two headers say different things about one entry,
//! parsers of the world disagree about which counts, and such an entry is refused.
//!
//! Specification: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format";
//! GNU tar manual, "Basic Tar Format" and "Storing Sparse Files".

mod extension;
mod sparse;

use std::io::{self, Read};

use tar::{EntryType, Header};

use crate::limits;
use extension::Extension;
pub(crate) use sparse::Piece;

/// Why a stream is no tar that we take.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapeProblem {
    #[error("failed to read its tar stream: {0}")]
    Read(#[from] io::Error),
    #[error("its tar stream has no valid header at byte {0}; the archive is corrupt")]
    Checksum(u64),
    #[error("its tar stream ends in the middle of an entry; the archive is truncated")]
    Truncated,
    #[error("a number in the tar header of `{0}` is not one")]
    Number(String),
    #[error("a tar extended header is malformed")]
    Extension,
    #[error("a tar extended header is larger than {} bytes", limits::TAR_EXTENSION_BYTES)]
    ExtensionTooLarge,
    #[error("two tar headers give `{0}` a different {1}")]
    Disagreement(String, &'static str),
    #[error("the entry `{0}` has the unknown tar type `{1}`")]
    UnknownType(String, char),
    #[error("the link target of `{0}` is longer than {max} bytes", max = limits::LINK_BYTES)]
    LinkTooLong(String),
    #[error("its names, link targets and attributes are longer than {} bytes", limits::NAMES_BYTES)]
    TooMuchDescribed,
    #[error("the map of the sparse file `{0}` is malformed")]
    Sparse(String),
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    HardLink,
    Fifo,
    Device,
}

/// One entry; the body of a file is read from the [`Tape`] before the next one is asked for.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    /// The apparent size.
    pub(crate) size: u64,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the bytes of the body belong, if the file is sparse.
    pub(crate) pieces: Option<Vec<Piece>>,
}

/// A tar stream. Reading from it reads the body of the entry that came last.
pub(crate) struct Tape<R> {
    stream: R,
    position: u64,
    body_left: u64,
    padding: u64,
    /// Bytes of names, link targets and attributes so far.
    described: usize,
}

/// Streams that can leave bytes out more cheaply than by reading them.
pub(crate) trait Skip: Read {
    /// Leaves out `count` bytes.
    fn skip(&mut self, count: u64) -> io::Result<()>;
}

const BLOCK: u64 = 512;
const BLOCK_BYTES: usize = 512;
/// The largest size that the eleven octal digits of a header can say.
const OCTAL_MAX: u64 = 0o777_7777_7777;

impl<R: Skip> Tape<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, position: 0, body_left: 0, padding: 0, described: 0 }
    }

    /// The next entry; `None` at the end of the archive.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, TapeProblem> {
        let mut extension = Extension::default();
        loop {
            self.skip(self.body_left + self.padding)?;
            (self.body_left, self.padding) = (0, 0);
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = number(&header.as_old().size, &header)?;
            match header.entry_type() {
                EntryType::XHeader => extension.add_pax(&self.extension(size)?)?,
                EntryType::GNULongName => extension.set_long_name(self.extension(size)?),
                EntryType::GNULongLink => extension.set_long_link(self.extension(size)?),
                // Defaults for later entries; what is in use is a comment with a commit in it.
                EntryType::XGlobalHeader => drop(self.extension(size)?),
                _ => return self.entry(&header, size, extension).map(Some),
            }
        }
    }

    /// Where in the stream we are: right behind `next`, at the first byte of the body.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The stream behind the last entry, where zero blocks (or anything) may follow.
    pub(crate) fn into_rest(self) -> R {
        self.stream
    }

    fn header(&mut self) -> Result<Option<Header>, TapeProblem> {
        let mut block = [0; BLOCK_BYTES];
        let mut filled = 0;
        while filled < block.len() {
            match self.stream.read(&mut block[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(TapeProblem::Truncated),
                count => filled += count,
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        if !checksum_is_right(&header, &block) {
            return Err(TapeProblem::Checksum(self.position));
        }
        self.position += BLOCK;
        Ok(Some(header))
    }

    fn entry(
        &mut self,
        header: &Header,
        size: u64,
        extension: Extension,
    ) -> Result<Entry, TapeProblem> {
        let name = extension.name(header.path_bytes().into_owned())?;
        let shown = shown(&name);
        let link = extension.link(header.link_name_bytes().unwrap_or_default().into_owned())?;
        if link.len() > limits::LINK_BYTES {
            return Err(TapeProblem::LinkTooLong(shown));
        }
        let attributes = extension.xattrs.iter().map(|(name, value)| name.len() + value.len());
        self.described += name.len() + link.len() + attributes.sum::<usize>();
        if self.described > limits::NAMES_BYTES {
            return Err(TapeProblem::TooMuchDescribed);
        }
        let size = agreed_size(size, extension.size, &shown)?;
        let kind = kind(header, &name, size, &shown)?;
        let mut entry = Entry {
            link,
            kind,
            mode: u32::try_from(number(&header.as_old().mode, header)? & 0o7777)
                .map_err(|_| TapeProblem::Number(shown.clone()))?,
            uid: owner(extension.uid, &header.as_old().uid, header)?,
            gid: owner(extension.gid, &header.as_old().gid, header)?,
            mtime: match extension.mtime {
                Some(mtime) => mtime,
                None => (signed(&header.as_old().mtime, header)?, 0),
            },
            size,
            xattrs: Vec::new(),
            pieces: None,
            name,
        };
        // Only files have a body; the size of a link or of a directory is decoration.
        if kind == Kind::File {
            self.body_left = size;
            self.padding = padding(size, header)?;
            sparse::read(self, header, &extension, &mut entry)?;
        }
        entry.xattrs = extension.xattrs;
        Ok(entry)
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TapeProblem> {
        if size > limits::TAR_EXTENSION_BYTES {
            return Err(TapeProblem::ExtensionTooLarge);
        }
        self.body_left = size;
        // Far from any overflow: the limit has been checked.
        self.padding = size.next_multiple_of(BLOCK) - size;
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), TapeProblem> {
        self.stream.skip(count).map_err(truncated)?;
        self.position = self.position.saturating_add(count);
        Ok(())
    }
}

impl<R: Skip> Read for Tape<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.body_left).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 {
            return Ok(0);
        }
        let count = self.stream.read(&mut buffer[..room])?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it ends in the middle of a file; the archive is truncated",
            ));
        }
        self.body_left -= count as u64;
        self.position += count as u64;
        Ok(count)
    }
}

fn truncated(error: io::Error) -> TapeProblem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof if error.get_ref().is_none() => TapeProblem::Truncated,
        _ => TapeProblem::Read(error),
    }
}

fn kind(header: &Header, name: &[u8], size: u64, shown: &str) -> Result<Kind, TapeProblem> {
    Ok(match header.entry_type() {
        // Before ustar a directory was a file with a slash behind its name.
        EntryType::Regular if size == 0 && name.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Link => Kind::HardLink,
        EntryType::Fifo => Kind::Fifo,
        EntryType::Char | EntryType::Block => Kind::Device,
        other => return Err(TapeProblem::UnknownType(shown.into(), char::from(other.as_byte()))),
    })
}

/// The size in a PAX header counts; it may differ only where the ustar field cannot say it.
fn agreed_size(ustar: u64, pax: Option<u64>, shown: &str) -> Result<u64, TapeProblem> {
    match pax {
        Some(size) if size == ustar || size > OCTAL_MAX => Ok(size),
        Some(_) => Err(TapeProblem::Disagreement(shown.into(), "size")),
        None => Ok(ustar),
    }
}

fn owner(pax: Option<u64>, field: &[u8], header: &Header) -> Result<u32, TapeProblem> {
    let id = match pax {
        Some(id) => id,
        None => number(field, header)?,
    };
    match u32::try_from(id) {
        // The last one means "leave it as it is" to chown(2).
        Ok(id) if id != u32::MAX => Ok(id),
        _ => Err(TapeProblem::Number(shown(&header.path_bytes()))),
    }
}

/// What follows a body of `size` bytes up to the next block; a size that no archive can have is
/// refused.
fn padding(size: u64, header: &Header) -> Result<u64, TapeProblem> {
    let end = size.checked_next_multiple_of(BLOCK);
    end.map(|end| end - size).ok_or_else(|| TapeProblem::Number(shown(&header.path_bytes())))
}

fn number(field: &[u8], header: &Header) -> Result<u64, TapeProblem> {
    u64::try_from(signed(field, header)?)
        .map_err(|_| TapeProblem::Number(shown(&header.path_bytes())))
}

/// Octal digits between blanks, or base 256 where the first bit is set. An empty field is zero.
fn signed(field: &[u8], header: &Header) -> Result<i64, TapeProblem> {
    let wrong = || TapeProblem::Number(shown(&header.path_bytes()));
    if field[0] & 0x80 != 0 {
        // Two's complement in seven bits and the bytes behind them.
        let sign = if field[0] & 0x40 == 0 { 0_i128 } else { -1 };
        let first = (sign << 6) | i128::from(field[0] & 0x3f);
        let value = field[1..].iter().fold(first, |value, byte| (value << 8) | i128::from(*byte));
        return i64::try_from(value).map_err(|_| wrong());
    }
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let digits = field[..end].trim_ascii();
    if digits.is_empty() {
        return Ok(0);
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    let text = std::str::from_utf8(digits).map_err(|_| wrong())?;
    i64::from_str_radix(text, 8).map_err(|_| wrong())
}

/// The sum of all bytes with the field itself as blanks; some old writers summed signed bytes.
fn checksum_is_right(header: &Header, block: &[u8]) -> bool {
    let Ok(expected) = signed(&header.as_old().cksum, header) else {
        return false;
    };
    let field = 148..156;
    let bytes = || {
        block.iter().enumerate().map(|(at, byte)| if field.contains(&at) { b' ' } else { *byte })
    };
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    expected == unsigned || expected == signed
}

/// A name for messages.
pub(crate) fn shown(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}
