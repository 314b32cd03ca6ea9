//! Where something is written: a file's text, and places in it. Line and column are counted only
//! when somebody asks, so that a place costs nothing in a suite without mistakes.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::escape;

/// A stretch of text in a file that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    span: Range<usize>,
}

/// A place as people write it: `cases/x.toml:7:1`. Lines and columns count from one; a column is
/// one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file, as it is shown to people.
    pub path: PathBuf,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One file that was read whole.
#[derive(PartialEq, Eq)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Place {
    /// The place `span` in `source`.
    pub(crate) fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), span }
    }

    /// Which file, line and column this is.
    #[must_use]
    pub fn location(&self) -> Location {
        let before = self.source.before(self.span.start);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Location {
            path: self.source.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The file this is in, as it is shown to people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// The first line of the place, cut into what stands before it, itself, and what follows.
    pub(crate) fn line_parts(&self) -> (&str, &str, &str) {
        let text = &self.source.text;
        let start = self.source.before(self.span.start).len();
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
        let start = start.min(line_end);
        let end = self.source.before(self.span.end).len().clamp(start, line_end);
        (&text[line_start..start], &text[start..end], &text[end..line_end])
    }

    /// Where it begins, for putting problems in order.
    pub(crate) fn start(&self) -> usize {
        self.span.start
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Place({})", self.location())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = escape::path(&self.path);
        write!(formatter, "{path}:{}:{}", self.line, self.column)
    }
}

impl Source {
    pub(crate) fn new(path: PathBuf, text: String) -> Arc<Self> {
        Arc::new(Self { path, text })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text up to `offset`, which is moved back to the nearest start of a character.
    fn before(&self, offset: usize) -> &str {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        &self.text[..offset]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = Source::new("x.toml".into(), "a = 1\r\nß = 2\n".to_owned());
        let table = [(0, 1, 1), (4, 1, 5), (7, 2, 1), (8, 2, 1), (9, 2, 2), (14, 3, 1), (99, 3, 1)];
        for (offset, line, column) in table {
            let location = Place::new(&source, offset..offset).location();
            assert_eq!((location.line, location.column), (line, column), "offset {offset}");
        }
    }

    #[test]
    fn a_place_of_many_lines_shows_its_first() {
        let source = Source::new("x.toml".into(), "k = [\r\n 1 ]\n".to_owned());
        assert_eq!(Place::new(&source, 4..10).line_parts(), ("k = ", "[", ""));
        assert_eq!(Place::new(&source, 13..13).line_parts(), ("", "", ""));
        // Between a carriage return and its newline.
        assert_eq!(Place::new(&source, 6..7).line_parts(), ("k = [", "", ""));
    }
}
