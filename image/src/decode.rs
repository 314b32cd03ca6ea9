//! A blob on its way to becoming entries: counted and hashed as it lies in the source, decompressed
//! by what its first bytes are, counted and hashed again as a tar stream.
//!
//! Specification: image-spec, layer.md; the media type of a layer is not trusted, its magic bytes
//! are (RFC 1952 section 2.3.1 for gzip, RFC 8878 section 3.1 for zstd).

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::digest::{Digest, Hasher, HashingReader};
use crate::limits;
use crate::tape::Skip;

/// A stream of bytes from a source.
pub(crate) type Blob = Box<dyn Read + Send>;

type Raw = BufReader<HashingReader<Blob>>;

/// A decompressed layer. Reading on after the end of the tar, to the end of the blob, is up to
/// [`LayerStream::drain`]: what stands there counts for both digests.
pub(crate) struct LayerStream {
    decoder: Decoder,
    hasher: Hasher,
    count: u64,
    most: u64,
}

/// What went through a [`LayerStream`].
pub(crate) struct Passed {
    pub(crate) blob_size: u64,
    pub(crate) blob_digest: Digest,
    pub(crate) diff_id: Digest,
}

enum Decoder {
    Plain(Raw),
    Gzip(Box<MultiGzDecoder<Raw>>),
    Zstd(zstd::Decoder<'static, Raw>),
}

const BUFFER_BYTES: usize = 128 << 10;

impl LayerStream {
    /// Looks at the first bytes of a blob. `most` is how much may come out of it; `blob` and
    /// `stream` are the kinds of digest that are wanted.
    pub(crate) fn open(blob: Blob, kind: Hasher, stream: Hasher, most: u64) -> io::Result<Self> {
        let raw = BufReader::with_capacity(BUFFER_BYTES, HashingReader::new(blob, kind));
        Ok(Self { decoder: Decoder::open(raw)?, hasher: stream, count: 0, most })
    }

    /// Reads to the end of the stream.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Reads the blob to its end without decompressing it, and says what went through.
    pub(crate) fn finish(self) -> io::Result<Passed> {
        let mut raw = match self.decoder {
            Decoder::Plain(raw) => raw,
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
        };
        loop {
            let count = raw.fill_buf()?.len();
            if count == 0 {
                break;
            }
            raw.consume(count);
        }
        let (blob_size, blob_digest) = raw.into_inner().finish();
        Ok(Passed { blob_size, blob_digest, diff_id: self.hasher.finish() })
    }
}

impl Read for LayerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.decoder {
            Decoder::Plain(raw) => raw.read(buffer)?,
            Decoder::Gzip(decoder) => decoder.read(buffer)?,
            Decoder::Zstd(decoder) => decoder.read(buffer)?,
        };
        self.count += count as u64;
        if self.count > self.most {
            return Err(io::Error::other(format!(
                "it holds more than the limit of {} bytes once decompressed",
                self.most
            )));
        }
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

impl Skip for LayerStream {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let mut left = count;
        let mut buffer = [0; 8 << 10];
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            match self.read(&mut buffer[..room])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => left -= count as u64,
            }
        }
        Ok(())
    }
}

impl Decoder {
    fn open(mut raw: Raw) -> io::Result<Self> {
        match Compression::of(raw.fill_buf()?) {
            Compression::None => Ok(Self::Plain(raw)),
            Compression::Gzip => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(raw)))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(raw)?;
                decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
                Ok(Self::Zstd(decoder))
            }
            Compression::Unknown(name) => Err(io::Error::other(format!(
                "it is compressed with {name}; plain tar, gzip and zstd are supported"
            ))),
        }
    }
}

/// How some bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    Unknown(&'static str),
}

impl Compression {
    /// By the magic bytes at the start.
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Unknown("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Unknown("bzip2"),
            _ => Self::None,
        }
    }
}
