//! Turns bytes that nobody vouches for into text that a terminal may be shown: no control
//! characters, nothing invisible, nothing that changes the direction of writing.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Bytes of a payload, so that different bytes never look the same: a backslash is doubled,
/// invalid UTF-8 becomes `\xNN`, and all that cannot be seen becomes `\n`, `\u{1b}` and the like.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => shown.push_str("\\\\"),
                other => push_visible(&mut shown, other),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Text that a person wrote, shown as it is written: backslashes stay single, and a tab becomes
/// four spaces.
pub(crate) fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push_str("    "),
            other => push_visible(&mut shown, other),
        }
    }
    shown
}

/// A path, for messages.
pub(crate) fn path(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        shown.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// The standard library knows which characters cannot be seen; quotes it escapes for its own ends.
fn push_visible(shown: &mut String, character: char) {
    match character {
        ' '..='~' => shown.push(character),
        other => shown.extend(other.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_bytes_look_different() {
        let table: [(&[u8], &str); 9] = [
            (b"plain 'text' \"here\"", "plain 'text' \"here\""),
            (b"\\x1b", "\\\\x1b"),
            (b"\x1b[31m", "\\u{1b}[31m"),
            (b"a\tb\r\n\0", "a\\tb\\r\\n\\0"),
            (b"\xff\xc3", "\\xff\\xc3"),
            ("grün 漢字".as_bytes(), "grün 漢字"),
            ("\u{200b}\u{202e}\u{feff}\u{a0}".as_bytes(), "\\u{200b}\\u{202e}\\u{feff}\\u{a0}"),
            ("\u{9b}31m\u{7f}".as_bytes(), "\\u{9b}31m\\u{7f}"),
            ("\u{2028}".as_bytes(), "\\u{2028}"),
        ];
        for (raw, shown) in table {
            assert_eq!(bytes(raw), shown);
        }
    }

    #[test]
    fn what_a_person_wrote_keeps_its_backslashes() {
        assert_eq!(text("\tre = '\\d'\u{1b}"), "    re = '\\d'\\u{1b}");
    }

    #[test]
    fn a_path_need_not_be_text() {
        use std::ffi::OsStr;
        assert_eq!(path(Path::new(OsStr::from_bytes(b"a\xff\n"))), "a\\xff\\n");
    }
}
