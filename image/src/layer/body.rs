//! The content of files: from the tar stream to where it belongs.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::LayerProblem;
use super::unpack::Outcome;
use crate::decode::LayerStream;
use crate::tape::{Piece, Tape};

const BUFFER_BYTES: usize = 64 << 10;

/// Passes a body on, keeping failures to read apart from failures to write.
pub(super) fn copy(
    tape: &mut Tape<LayerStream>,
    path: &Path,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> Outcome<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = tape.read(&mut buffer).map_err(LayerProblem::Read)?;
        if count == 0 {
            return Ok(());
        }
        write(&buffer[..count]).map_err(|error| LayerProblem::write(path, error))?;
    }
}

/// Writes the body of a sparse file to where its map says.
pub(super) struct Scatter<'a> {
    pieces: std::slice::Iter<'a, Piece>,
    at: u64,
    left: u64,
}

impl<'a> Scatter<'a> {
    pub(super) fn new(pieces: &'a [Piece]) -> Self {
        Self { pieces: pieces.iter(), at: 0, left: 0 }
    }

    pub(super) fn write(&mut self, file: &File, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.left == 0 {
                let piece = self.pieces.next().ok_or(io::ErrorKind::InvalidData)?;
                (self.at, self.left) = (piece.offset, piece.length);
                continue;
            }
            let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            file.write_all_at(now, self.at)?;
            self.at += room as u64;
            self.left -= room as u64;
            bytes = later;
        }
        Ok(())
    }
}
