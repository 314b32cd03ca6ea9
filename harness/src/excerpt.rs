//! Shows the line that a problem speaks of, with a caret under the words in question.

use std::fmt::Write as _;

use crate::escape;
use crate::source::Place;

/// Characters shown before and after the words in question: a line may be a whole file long.
const CHARACTERS_AROUND: usize = 60;

/// Characters shown of the words in question.
const CHARACTERS_INSIDE: usize = 80;

/// The arrow with the location, the line and the caret, each line ended.
pub(crate) fn of(place: &Place) -> String {
    let location = place.location();
    let (before, inside, after) = place.line_parts();
    let before = escape::text(&last_characters(before));
    let inside = escape::text(&first_characters(inside, CHARACTERS_INSIDE));
    let after = escape::text(&first_characters(after, CHARACTERS_AROUND));
    let number = location.line.to_string();
    let gutter = " ".repeat(number.len());
    let indent = " ".repeat(before.chars().count());
    let carets = "^".repeat(inside.chars().count().max(1));
    let line = format!("{before}{inside}{after}");
    let mut shown = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(shown, " {gutter}--> {location}");
    let _ = writeln!(shown, " {gutter} |");
    let _ = writeln!(shown, " {number} | {}", line.trim_end());
    let _ = writeln!(shown, " {gutter} | {indent}{carets}");
    shown
}

fn first_characters(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn last_characters(text: &str) -> String {
    match text.char_indices().nth_back(CHARACTERS_AROUND) {
        Some((start, first)) => format!("…{}", &text[start + first.len_utf8()..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn excerpt(text: &str, marked: &str) -> String {
        let source = Source::new("x.toml".into(), text.to_owned());
        let start = text.find(marked).unwrap();
        of(&Place::new(&source, start..start + marked.len()))
    }

    #[test]
    fn the_caret_stands_under_the_words_as_they_are_shown() {
        let shown = excerpt("a = 1\n\tß\u{1b} = wrong # x\r\n", "wrong");
        let expected = [
            "  --> x.toml:2:7",
            "   |",
            " 2 |     ß\\u{1b} = wrong # x",
            "   |               ^^^^^",
            "",
        ];
        assert_eq!(shown, expected.join("\n"));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let text = format!("{}wrong{}", "a".repeat(1_000_000), "b".repeat(1_000_000));
        let shown = excerpt(&text, "wrong");
        assert!(shown.len() < 500, "{} bytes", shown.len());
        assert!(shown.contains("…aaa") && shown.contains("awrongb") && shown.contains("bbb…"));
        let whole = excerpt(&text, &text);
        assert!(whole.len() < 500, "{} bytes", whole.len());
    }
}
