//! Which memory of this process no sandbox gets a copy of: what it has allocated.
//!
//! The nursery is a copy of this process, and every init one of the nursery. Neither needs what a
//! library user keeps in memory, such as what a test expects of the payload; and the less there is
//! to copy, the faster a sandbox starts.

use std::ops::Range;

/// Smaller mappings are kept: thread-local storage lies in one.
const BYTES_MIN: usize = 128 * 1024;

/// The private, writable, anonymous mappings of this process, but for the stack of this thread.
pub(crate) fn allocated() -> Vec<Range<usize>> {
    let here = 0u8;
    let stack = (&raw const here).addr();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(allocation).filter(|range| !range.contains(&stack)).collect()
}

/// Reads a line of /proc/self/maps (proc_pid_maps(5)): addresses, permissions, offset, device,
/// inode, and a name where there is one.
fn allocation(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let (start, end) =
        (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let private = fields.next()? == "rw-p";
    let anonymous = fields.nth(2)? == "0" && matches!(fields.next(), None | Some("[heap]"));
    (private && anonymous && end - start >= BYTES_MIN).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_allocated_is_taken() {
        let table = [
            ("55d0c8a00000-55d0c8a40000 rw-p 00000000 00:00 0      [heap]", true),
            ("7f0000000000-7f0000100000 rw-p 00000000 00:00 0 ", true),
            ("7f0000000000-7f0000004000 rw-p 00000000 00:00 0 ", false),
            ("7f0000000000-7f0000100000 ---p 00000000 00:00 0 ", false),
            ("7f0000000000-7f0000100000 rw-s 00000000 00:01 7 /memfd:x (deleted)", false),
            ("7f0000000000-7f0000100000 rw-p 00001000 fe:00 99 /usr/lib/libc.so.6", false),
            ("7ffc00000000-7ffc00100000 rw-p 00000000 00:00 0 [stack]", false),
            ("nonsense", false),
        ];
        for (line, expected) in table {
            assert_eq!(allocation(line).is_some(), expected, "{line}");
        }
    }

    #[test]
    fn the_heap_is_found_and_the_stack_is_not() {
        let (large, small) = (vec![1u8; 1 << 22], 0u8);
        let ranges = allocated();
        let holds = |address: usize| ranges.iter().any(|range| range.contains(&address));
        assert!(holds(large.as_ptr().addr()));
        assert!(!holds((&raw const small).addr()));
    }
}
