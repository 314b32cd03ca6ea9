//! Just enough of the ELF format to tell whether a program needs a loader.

const MAGIC: &[u8] = b"\x7fELF";
const TWO_MEANS_64_BIT: u8 = 2;
const ONE_MEANS_LITTLE_ENDIAN: u8 = 1;

/// The kind of a program header that names the loader.
const PT_INTERP: u32 = 3;

/// Whether this is a 64-bit little-endian program that runs without a loader and shared libraries.
pub(crate) fn is_static_program(bytes: &[u8]) -> bool {
    let known = bytes.starts_with(MAGIC)
        && bytes.get(4) == Some(&TWO_MEANS_64_BIT)
        && bytes.get(5) == Some(&ONE_MEANS_LITTLE_ENDIAN);
    known && program_header_kinds(bytes).is_some_and(|kinds| !kinds.contains(&PT_INTERP))
}

/// `None` where the file ends before its headers do.
fn program_header_kinds(bytes: &[u8]) -> Option<Vec<u32>> {
    let table_offset = usize::try_from(u64::from_le_bytes(field(bytes, 32)?)).ok()?;
    let header_size = usize::from(u16::from_le_bytes(field(bytes, 54)?));
    let header_count = usize::from(u16::from_le_bytes(field(bytes, 56)?));
    (0..header_count)
        .map(|index| {
            let offset = table_offset.checked_add(index * header_size)?;
            Some(u32::from_le_bytes(field(bytes, offset)?))
        })
        .collect()
}

fn field<const SIZE: usize>(bytes: &[u8], offset: usize) -> Option<[u8; SIZE]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with one program header of a kind.
    fn program(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes
    }

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        assert!(is_static_program(&program(1)));
        assert!(!is_static_program(&program(PT_INTERP)));
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_not_static() {
        assert!(!is_static_program(&program(1)[..66]));
        assert!(!is_static_program(b"#!/bin/sh\n"));
        assert!(!is_static_program(b""));
    }
}
