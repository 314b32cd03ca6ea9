//! Typed access to the values of a TOML table. Every refusal becomes a problem with the place of
//! the value, and reading goes on: a file's mistakes are all told at once.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;
use crate::problem::{Kind, Problem};
use crate::source::{Place, Source};

/// A file that is being read, and what was wrong with it so far.
pub(crate) struct Reader<'p> {
    source: Arc<Source>,
    problems: &'p mut Vec<Problem>,
}

/// One key of a table with its value.
#[derive(Clone)]
pub(crate) struct Entry<'t> {
    pub(crate) key: &'t str,
    key_span: Range<usize>,
    value: &'t Spanned<DeValue<'t>>,
    /// Whether it is not the key's value, but one in an array that is.
    is_element: bool,
}

/// What became of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Field<T> {
    /// It was not there.
    #[default]
    Absent,
    /// It was there and wrong, which has been told; nothing may be said about its absence.
    Broken,
    /// It was there and right.
    Given(T),
}

impl<T: Clone> Field<T> {
    /// This, or where it is absent the other.
    pub(crate) fn or(&self, outer: &Self) -> Self {
        match self {
            Self::Absent => outer.clone(),
            Self::Broken | Self::Given(_) => self.clone(),
        }
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(read: Option<T>) -> Self {
        read.map_or(Self::Broken, Self::Given)
    }
}

impl<'p> Reader<'p> {
    pub(crate) fn new(source: Arc<Source>, problems: &'p mut Vec<Problem>) -> Self {
        Self { source, problems }
    }

    /// Tells a problem with the value of `entry`.
    pub(crate) fn refuse(&mut self, entry: &Entry<'_>, kind: Kind) {
        let place = self.value_place(entry);
        self.refuse_at(&place, kind);
    }

    pub(crate) fn refuse_at(&mut self, place: &Place, kind: Kind) {
        self.problems.push(Problem::at(place, kind));
    }

    /// Tells that the key of `entry` is none of `known`, and says which of them was meant.
    pub(crate) fn refuse_key<'k>(
        &mut self,
        entry: &Entry<'_>,
        known: &[&'k str],
    ) -> Option<&'k str> {
        let meant = nearest(entry.key, known);
        let hint = match (meant, known) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, [only]) => format!("the only key here is `{only}`"),
            (None, _) => format!("the keys here are {}", list(known)),
        };
        self.refuse_key_with(entry, hint);
        meant
    }

    pub(crate) fn refuse_key_with(&mut self, entry: &Entry<'_>, hint: String) {
        let place = self.place(entry.key_span.clone());
        self.refuse_at(&place, Kind::UnknownKey { key: entry.key.to_owned(), hint: Some(hint) });
    }

    /// What was wrong so far.
    pub(crate) fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        Place::new(&self.source, span)
    }

    pub(crate) fn value_place(&self, entry: &Entry<'_>) -> Place {
        self.place(entry.value.span())
    }

    /// The place that people are shown for a setting: its key, or the header of its table.
    pub(crate) fn entry_place(&self, entry: &Entry<'_>) -> Place {
        let value = entry.value.span();
        // The value of a table with a header begins with the bracket before the key.
        let header = value.start < entry.key_span.start;
        self.place(if header { value } else { entry.key_span.clone() })
    }

    pub(crate) fn wrong_type(
        &mut self,
        entry: &Entry<'_>,
        wanted: &'static str,
        hint: Option<String>,
    ) {
        let key = entry.label();
        let found = with_article(entry.value.get_ref());
        self.refuse(entry, Kind::WrongType { key, wanted, found, hint });
    }

    /// The value as text that may hold anything.
    pub(crate) fn text(&mut self, entry: &Entry<'_>) -> Option<String> {
        let text = entry.value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            let hint = is_scalar(entry.value.get_ref()).then(|| "put it in quotes".to_owned());
            self.wrong_type(entry, "a string", hint);
        }
        text
    }

    /// The value as text that a program can be given: without NUL.
    pub(crate) fn argument(&mut self, entry: &Entry<'_>) -> Option<String> {
        let text = self.text(entry)?;
        if text.contains('\0') {
            self.refuse(entry, Kind::Nul { key: entry.key.to_owned() });
            return None;
        }
        Some(text)
    }

    /// The value as an argument that is not empty.
    pub(crate) fn word(&mut self, entry: &Entry<'_>) -> Option<String> {
        let text = self.argument(entry)?;
        if text.is_empty() {
            self.refuse(entry, Kind::Empty { key: entry.key.to_owned() });
            return None;
        }
        Some(text)
    }

    /// The value as an array whose elements `read` accepts one by one; each is an entry with the
    /// array's key.
    pub(crate) fn array<T>(
        &mut self,
        entry: &Entry<'_>,
        mut read: impl FnMut(&mut Self, &Entry<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(array) = entry.value.get_ref().as_array() else {
            let hint = entry.value.get_ref().is_str();
            let hint = hint.then(|| "put it in brackets: [\"…\"]".to_owned());
            self.wrong_type(entry, "an array of strings", hint);
            return None;
        };
        let read: Vec<Option<T>> = array
            .iter()
            .map(|value| read(self, &Entry { value, is_element: true, ..entry.clone() }))
            .collect();
        read.into_iter().collect()
    }

    /// The value as a table, entry by entry in the order of the file.
    pub(crate) fn table<'t>(&mut self, entry: &Entry<'t>) -> Option<Vec<Entry<'t>>> {
        let Some(table) = entry.value.get_ref().as_table() else {
            self.wrong_type(entry, "a table", None);
            return None;
        };
        Some(entries(table))
    }
}

/// The entries of a table in the order of the file.
pub(crate) fn entries<'t>(table: &'t DeTable<'t>) -> Vec<Entry<'t>> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref(),
            key_span: key.span(),
            value,
            is_element: false,
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}

impl<'t> Entry<'t> {
    fn label(&self) -> String {
        let what = if self.is_element { "each value in " } else { "" };
        format!("{what}`{}`", self.key)
    }

    pub(crate) fn value(&self) -> &'t DeValue<'t> {
        self.value.get_ref()
    }
}

fn is_scalar(value: &DeValue<'_>) -> bool {
    !value.is_table() && !value.is_array()
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
