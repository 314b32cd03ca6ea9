//! Sparse files: the body holds the data only, and a map says where it belongs.
//!
//! Specification: GNU tar manual, "Storing Sparse Files": the old GNU format, and the PAX formats
//! 0.0, 0.1 (map in the extended header) and 1.0 (map in front of the body).

use std::io::Read;

use tar::{EntryType, GnuExtSparseHeader, Header};

use super::extension::{Extension, decimal};
use super::{BLOCK, BLOCK_BYTES, Entry, Skip, Tape, TapeProblem, number, shown};
use crate::limits;

/// A piece of data in a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Reads the map of `entry`, if it has one, and leaves the tape at the first byte of the data.
pub(super) fn read<R: Skip>(
    tape: &mut Tape<R>,
    header: &Header,
    extension: &Extension,
    entry: &mut Entry,
) -> Result<(), TapeProblem> {
    let name = shown(&entry.name);
    let wrong = || TapeProblem::Sparse(name.clone());
    let numbers = if header.entry_type() == EntryType::GNUSparse {
        let gnu = header.as_gnu().ok_or_else(wrong)?;
        entry.size = number(&gnu.realsize, header)?;
        old_map(tape, header)?
    } else if extension.sparse.is_version_one {
        entry.size = extension.sparse.size.ok_or_else(wrong)?;
        map_in_body(tape).map_err(|_| wrong())?
    } else if let Some(size) = extension.sparse.size {
        entry.size = size;
        extension.sparse.numbers.clone()
    } else {
        return Ok(());
    };
    let (pairs, odd) = numbers.as_chunks::<2>();
    if !odd.is_empty() || pairs.len() > limits::SPARSE_PIECES {
        return Err(wrong());
    }
    let mut end = 0;
    let mut data = 0_u64;
    for [offset, length] in pairs {
        let stop = offset.checked_add(*length);
        if *offset < end || stop.is_none_or(|stop| stop > entry.size) {
            return Err(wrong());
        }
        end = offset + length;
        data += length;
    }
    if data != tape.body_left {
        return Err(wrong());
    }
    entry.pieces = Some(
        pairs.iter().map(|[offset, length]| Piece { offset: *offset, length: *length }).collect(),
    );
    Ok(())
}

/// Four pairs in the header itself; blocks of 21 more stand between it and the body.
fn old_map<R: Skip>(tape: &mut Tape<R>, header: &Header) -> Result<Vec<u64>, TapeProblem> {
    let wrong = || TapeProblem::Sparse(shown(&header.path_bytes()));
    let gnu = header.as_gnu().ok_or_else(wrong)?;
    let mut numbers = Vec::new();
    let mut add = |pieces: &[tar::GnuSparseHeader]| {
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            numbers.push(number(&piece.offset, header)?);
            numbers.push(number(&piece.numbytes, header)?);
        }
        if numbers.len() > 2 * limits::SPARSE_PIECES { Err(wrong()) } else { Ok(()) }
    };
    add(&gnu.sparse)?;
    let mut is_extended = gnu.is_extended();
    while is_extended {
        let mut more = GnuExtSparseHeader::new();
        tape.stream.read_exact(more.as_mut_bytes()).map_err(super::truncated)?;
        tape.position += BLOCK;
        add(&more.sparse)?;
        is_extended = more.is_extended();
    }
    Ok(numbers)
}

/// Lines of decimal numbers, the first of which is the number of pieces, padded to a block.
fn map_in_body<R: Skip>(tape: &mut Tape<R>) -> Result<Vec<u64>, TapeProblem> {
    let mut block = Vec::new();
    let mut numbers = Vec::new();
    let mut wanted = 1;
    let mut line = Vec::new();
    while numbers.len() < wanted {
        if block.is_empty() {
            let mut bytes = [0; BLOCK_BYTES];
            tape.read_exact(&mut bytes)?;
            block.extend(bytes.iter().rev());
        }
        match block.pop() {
            Some(b'\n') => {
                numbers.push(decimal(&line)?);
                line.clear();
                let pieces = usize::try_from(numbers[0]).unwrap_or(usize::MAX);
                if pieces > limits::SPARSE_PIECES {
                    return Err(TapeProblem::Extension);
                }
                wanted = 1 + 2 * pieces;
            }
            Some(byte) if line.len() < 20 => line.push(byte),
            _ => return Err(TapeProblem::Extension),
        }
    }
    numbers.remove(0);
    Ok(numbers)
}
