//! Shows where two texts differ. The comparison of lines takes time that grows with the square of
//! their number and shows all of them; so what is equal at both ends is left out beforehand, and
//! what remains is cut to a size that a person reads.

use pretty_assertions::StrComparison;

use crate::escape;

/// Equal lines shown before and after what differs.
const CONTEXT_LINES: usize = 3;

/// Bytes shown of one line.
const MOST_LINE_BYTES: usize = 400;

/// Lines and bytes shown of what differs on one side.
const MOST_SIDE_LINES: usize = 60;
const MOST_SIDE_BYTES: usize = 4096;

/// Equal bytes shown before the first difference in a line that is long before it.
const EQUAL_BYTES_IN_LINE: usize = 40;

/// What stands under a last line that is not ended. No line of text looks like it, since there a
/// backslash is doubled.
const NO_NEWLINE: &str = "\\ no newline at the end";

/// Ends both sides while they are compared: without it, one empty line would be equal to none.
const END: &str = "\\ end";

/// The differing lines of both, `<` before expected and `>` before actual ones, each line ended.
/// No byte of either gets out unescaped; without `colour` there is no escape sequence at all.
pub(crate) fn show(expected: &[u8], actual: &[u8], colour: bool) -> String {
    let parts = Parts::of(expected, actual);
    let (left, right) = (parts.side(parts.expected), parts.side(parts.actual));
    // The first line is a legend, which the caller words for itself.
    let comparison = StrComparison::new(&left, &right).to_string();
    let lines = comparison.split_once('\n').map_or("", |(_, lines)| lines);
    let lines = lines.strip_suffix(&format!(" {END}\n")).unwrap_or(lines);
    if colour { lines.to_owned() } else { without_colour(lines) }
}

/// Two texts, cut in three: whole lines that are equal, what differs, whole lines that are equal.
struct Parts<'t> {
    head: &'t [u8],
    expected: &'t [u8],
    actual: &'t [u8],
    tail: &'t [u8],
    /// How many bytes at the beginning of `expected` and `actual` are equal.
    equal: usize,
}

impl<'t> Parts<'t> {
    fn of(expected: &'t [u8], actual: &'t [u8]) -> Self {
        let equal = common_prefix(expected, actual);
        let head_end = last_newline(&expected[..equal]);
        let (head, expected) = expected.split_at(head_end);
        let actual = &actual[head_end..];
        let suffix = &expected[expected.len() - common_suffix(expected, actual)..];
        // The tail begins at the start of a line.
        let tail_length = suffix
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |newline| suffix.len() - newline - 1);
        let (expected, tail) = expected.split_at(expected.len() - tail_length);
        let actual = &actual[..actual.len() - tail_length];
        let equal = (equal - head_end).min(expected.len()).min(actual.len());
        Self { head, expected, actual, tail, equal }
    }

    /// One side as it is compared.
    fn side(&self, differing: &[u8]) -> String {
        let mut lines = self.head_lines();
        let is_whole = self.differing_lines(differing, &mut lines);
        if is_whole && self.tail.is_empty() && !is_ended(differing) {
            lines.push(NO_NEWLINE.to_owned());
        }
        self.tail_lines(&mut lines);
        lines.push(END.to_owned());
        lines.join("\n")
    }

    fn head_lines(&self) -> Vec<String> {
        let mut start = self.head.len();
        for _ in 0..CONTEXT_LINES.min(self.head.len()) {
            start = last_newline(&self.head[..start.saturating_sub(1)]);
        }
        let mut lines = Vec::new();
        push_left_out(&mut lines, count_newlines(&self.head[..start]));
        lines.extend(self.head[start..].split_inclusive(|byte| *byte == b'\n').map(show_line));
        lines
    }

    /// Adds what differs, and says whether that is all of it.
    fn differing_lines(&self, differing: &[u8], lines: &mut Vec<String>) -> bool {
        let mut rest = differing;
        let mut note = String::new();
        if self.equal > 3 * EQUAL_BYTES_IN_LINE {
            let left_out = character_start(differing, self.equal - EQUAL_BYTES_IN_LINE);
            note = format!("… {left_out} equal bytes … ");
            rest = &differing[left_out..];
        }
        let mut bytes_left = MOST_SIDE_BYTES;
        for _ in 0..MOST_SIDE_LINES {
            let length =
                rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            let cost = length.min(MOST_LINE_BYTES);
            if length == 0 || cost > bytes_left {
                break;
            }
            bytes_left -= cost;
            lines.push(std::mem::take(&mut note) + &show_line(&rest[..length]));
            rest = &rest[length..];
        }
        if !rest.is_empty() {
            lines.push(format!("… truncated {} bytes …", rest.len()));
        }
        rest.is_empty()
    }

    fn tail_lines(&self, lines: &mut Vec<String>) {
        let mut rest = self.tail;
        for _ in 0..CONTEXT_LINES {
            let length =
                rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            if length > 0 {
                lines.push(show_line(&rest[..length]));
            }
            rest = &rest[length..];
        }
        if rest.is_empty() && !is_ended(self.tail) {
            lines.push(NO_NEWLINE.to_owned());
        }
        push_left_out(lines, count_newlines(rest) + usize::from(!is_ended(rest)));
    }
}

/// One line, cut and escaped, its newline left out and a space at its end made visible.
pub(crate) fn show_line(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    if line.len() > MOST_LINE_BYTES {
        let end = character_start(line, MOST_LINE_BYTES);
        let shown = escape::bytes(&line[..end]);
        return format!("{shown} … truncated {} bytes …", line.len() - end);
    }
    match line.strip_suffix(b" ") {
        Some(line) => escape::bytes(line) + "\\u{20}",
        None => escape::bytes(line),
    }
}

/// `index`, or where it is inside a character, that character's start.
pub(crate) fn character_start(bytes: &[u8], index: usize) -> usize {
    let is_inside = |index: &usize| bytes.get(*index).is_some_and(|byte| byte & 0xc0 == 0x80);
    (index.saturating_sub(3)..=index).rev().find(|index| !is_inside(index)).unwrap_or(index)
}

fn push_left_out(lines: &mut Vec<String>, count: usize) {
    match count {
        0 => {}
        1 => lines.push("… 1 equal line …".to_owned()),
        _ => lines.push(format!("… {count} equal lines …")),
    }
}

fn is_ended(text: &[u8]) -> bool {
    text.is_empty() || text.ends_with(b"\n")
}

/// The start of the line that `text` ends in.
fn last_newline(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
}

fn count_newlines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

/// Blocks are compared whole: that is one call for many bytes.
const BLOCK: usize = 4096;

fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let blocks = left.chunks_exact(BLOCK).zip(right.chunks_exact(BLOCK));
    let whole = BLOCK * blocks.take_while(|(left, right)| left == right).count();
    let bytes = left[whole..].iter().zip(&right[whole..]);
    whole + bytes.take_while(|(left, right)| left == right).count()
}

fn common_suffix(left: &[u8], right: &[u8]) -> usize {
    let blocks = left.rchunks_exact(BLOCK).zip(right.rchunks_exact(BLOCK));
    let whole = BLOCK * blocks.take_while(|(left, right)| left == right).count();
    let left = left[..left.len() - whole].iter().rev();
    let right = right[..right.len() - whole].iter().rev();
    whole + left.zip(right).take_while(|(left, right)| left == right).count()
}

/// Every escape character in `text` begins a colour: those of the payload were escaped.
fn without_colour(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, shown)| shown));
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn numbered(lines: std::ops::Range<u32>) -> String {
        lines.map(|line| format!("line {line}\n")).collect()
    }

    #[test]
    fn the_lines_that_differ_are_shown() {
        let table: [(&[u8], &[u8], &str); 13] = [
            (b"hey\n", b"ho\n", "<hey\n>ho\n"),
            (b"", b"hey\n", ">hey\n"),
            (b"hey\n", b"", "<hey\n"),
            (b"hey\n", b"hey", " hey\n>\\ no newline at the end\n"),
            (b"hey", b"hey\n", " hey\n<\\ no newline at the end\n"),
            (b"a\nend", b"b\nend", "<a\n>b\n end\n \\ no newline at the end\n"),
            (b"a\nb\n", b"a\nb\nc\n", " a\n b\n>c\n"),
            (b"a\n", b"a \n", "<a\n>a\\u{20}\n"),
            (b"a\n", b"a\r\n", "<a\n>a\\r\n"),
            (b"\\x1b\n", b"\x1b\n", "<\\\\x1b\n>\\u{1b}\n"),
            (b"\n\n", b"\n", " \n<\n"),
            (b"\n", b"", "<\n"),
            (b"", b"\n\n", ">\n>\n"),
        ];
        for (expected, actual, shown) in table {
            assert_eq!(show(expected, actual, false), shown, "{expected:?} {actual:?}");
        }
    }

    #[test]
    fn equal_lines_at_both_ends_are_counted() {
        let expected = numbered(0..200);
        let actual = expected.replace("line 123\n", "line xyz\n");
        let shown = "\u{20}… 120 equal lines …
 line 120
 line 121
 line 122
<line 123
>line xyz
 line 124
 line 125
 line 126
 … 73 equal lines …
";
        assert_eq!(show(expected.as_bytes(), actual.as_bytes(), false), shown);
    }

    #[test]
    fn a_long_line_is_shown_from_shortly_before_its_difference() {
        let expected = "ä".repeat(5000) + "x" + &"b".repeat(5000);
        let actual = "ä".repeat(5000) + "y" + &"b".repeat(5000);
        let shown = show(expected.as_bytes(), actual.as_bytes(), false);
        let around = "ä".repeat(20);
        assert!(shown.contains(&format!("<… 9960 equal bytes … {around}xbbb")), "{shown}");
        assert!(shown.contains(&format!(">… 9960 equal bytes … {around}ybbb")), "{shown}");
        assert!(shown.contains("bbb … truncated 4641 bytes …"), "{shown}");
    }

    #[test]
    fn each_side_is_cut() {
        let shown = show(numbered(0..5000).as_bytes(), b"one line\n", false);
        assert!(shown.contains("<line 59\n") && !shown.contains("<line 60\n"), "{shown}");
        let rest = numbered(60..5000).len();
        assert!(shown.contains(&format!("<… truncated {rest} bytes …\n")), "{shown}");
        assert!(shown.contains(">one line\n"), "{shown}");
    }

    #[test]
    fn colour_is_there_only_when_asked_for() {
        assert!(show(b"a b\n", b"a c\n", true).contains("\u{1b}["));
        assert!(!show(b"a b\n", b"a c\n", false).contains('\u{1b}'));
    }

    #[test]
    fn huge_texts_take_no_time() {
        let many_lines = numbered(0..800_000).into_bytes();
        let mut changed = many_lines.clone();
        let middle = changed.len() / 2;
        changed[middle] = b'#';
        let other_lines = numbered(900_000..1_700_000).into_bytes();
        let one_line = vec![b'a'; 10 << 20];
        let mut changed_line = one_line.clone();
        changed_line[5 << 20] = b'b';
        let no_text = vec![0xff; 10 << 20];
        for (left, right) in [
            (&many_lines, &changed),
            (&many_lines, &other_lines),
            (&one_line, &changed_line),
            (&one_line, &many_lines),
            (&one_line, &no_text),
        ] {
            let start = Instant::now();
            let shown = show(left, right, false);
            // Without optimization, on a busy machine; the comparison of all would take minutes.
            assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
            assert!(shown.len() < 100_000, "{} bytes", shown.len());
        }
    }
}
