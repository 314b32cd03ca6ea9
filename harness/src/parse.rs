//! One file to its cases: its text, its settings, and the names of the cases it holds.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue, Error};

use crate::case::Case;
use crate::fields::{Entry, Reader, entries};
use crate::inputs::Surroundings;
use crate::name::CaseName;
use crate::problem::{Kind, Problem};
use crate::read_case::{Level, read_setting};
use crate::settings::Settings;
use crate::source::{Place, Source};

/// The largest case file.
const MOST_BYTES: u64 = 16 << 20;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseFile {
    /// The file, absolute.
    pub(crate) path: PathBuf,
    /// The file as it is shown to people.
    pub(crate) shown: PathBuf,
    /// The root of its suite, absolute.
    pub(crate) root: PathBuf,
}

/// Reads a `belljar.toml`.
pub(crate) fn defaults(file: &CaseFile, problems: &mut Vec<Problem>) -> Settings {
    let mut settings = Settings::default();
    let Some(source) = read_source(file, problems) else { return settings };
    let Some(table) = parse_toml(&source, problems) else { return settings };
    let mut reader = Reader::new(Arc::clone(&source), problems);
    for entry in entries(&table) {
        read_setting(&mut reader, file.surroundings(), Level::Defaults, &mut settings, &entry);
    }
    settings
}

/// Reads a case file: the cases in it, `outer` being what is set around it. `stem` is the name
/// that its path gives.
pub(crate) fn cases(
    file: &CaseFile,
    stem: &str,
    outer: &Settings,
    problems: &mut Vec<Problem>,
) -> Vec<Case> {
    let Some(source) = read_source(file, problems) else { return Vec::new() };
    let Some(table) = parse_toml(&source, problems) else { return Vec::new() };
    let mut reader = Reader::new(Arc::clone(&source), problems);
    let mut settings = Settings::default();
    let mut listed = None;
    let first_case = entries(&table)
        .iter()
        .find(|entry| matches!((entry.key, entry.value()), ("case", DeValue::Array(_))))
        .map(|entry| reader.entry_place(entry).start());
    for entry in entries(&table) {
        match (entry.key, entry.value()) {
            ("case", DeValue::Array(_)) => listed = Some(entry),
            _ => {
                // Whoever writes `[expect]` below a case means that case.
                let place = reader.entry_place(&entry);
                if first_case.is_some_and(|first| first < place.start()) {
                    reader.refuse_at(&place, Kind::BelowCases { key: entry.key.to_owned() });
                }
                let level = Level::File;
                read_setting(&mut reader, file.surroundings(), level, &mut settings, &entry);
            }
        }
    }
    let settings = settings.within(outer);
    match listed {
        Some(entry) => listed_cases(&mut reader, file, stem, &settings, &entry),
        None => single_case(&mut reader, stem, settings).into_iter().collect(),
    }
}

impl CaseFile {
    fn surroundings(&self) -> Surroundings<'_> {
        let directory = self.path.parent().unwrap_or(&self.root);
        Surroundings { root: &self.root, directory }
    }
}

fn single_case(reader: &mut Reader<'_>, stem: &str, settings: Settings) -> Option<Case> {
    let place = reader.place(0..0);
    let name = case_name(reader, &place, stem.to_owned());
    settings.into_case(name?, place, reader.problems())
}

fn listed_cases(
    reader: &mut Reader<'_>,
    file: &CaseFile,
    stem: &str,
    outer: &Settings,
    list: &Entry<'_>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut count = 0;
    // Elements that are wrong were told; they only must not hide the others.
    let _ = reader.array(list, |reader, element| {
        count += 1;
        cases.extend(listed_case(reader, file, stem, outer, element));
        Some(())
    });
    if count == 0 {
        reader.refuse(list, Kind::NoCases);
    }
    cases
}

fn listed_case(
    reader: &mut Reader<'_>,
    file: &CaseFile,
    stem: &str,
    outer: &Settings,
    element: &Entry<'_>,
) -> Option<Case> {
    let place = reader.value_place(element);
    let mut settings = Settings::default();
    let mut name = None;
    let mut has_name = false;
    for entry in reader.table(element)? {
        if entry.key == "name" {
            has_name = true;
            let written = reader.word(&entry);
            let value_place = reader.value_place(&entry);
            name =
                written.and_then(|name| case_name(reader, &value_place, format!("{stem}::{name}")));
        } else {
            read_setting(reader, file.surroundings(), Level::Case, &mut settings, &entry);
        }
    }
    if !has_name {
        reader.refuse_at(&place, Kind::MissingName);
    }
    // A case without a usable name is still told what else it lacks.
    let stand_in = CaseName::new("unnamed".to_owned()).ok();
    let case =
        settings.within(outer).into_case(name.clone().or(stand_in)?, place, reader.problems());
    name.and(case)
}

fn case_name(reader: &mut Reader<'_>, place: &Place, name: String) -> Option<CaseName> {
    match CaseName::new(name.clone()) {
        Ok(name) => Some(name),
        Err(Some(character)) => {
            reader.refuse_at(place, Kind::BadName { name, character });
            None
        }
        Err(None) => {
            reader.refuse_at(place, Kind::MissingName);
            None
        }
    }
}

fn read_source(file: &CaseFile, problems: &mut Vec<Problem>) -> Option<Arc<Source>> {
    let bytes = match read_bytes(&file.path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let kind = Kind::Unreadable { path: file.shown.clone(), reason: error.to_string() };
            problems.push(Problem::without_place(kind));
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Some(Source::new(file.shown.clone(), text)),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = Source::new(file.shown.clone(), text);
            let span = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
            problems.push(Problem::at(&Place::new(&source, span), Kind::NotUtf8));
            None
        }
    }
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    // A named pipe would keep us waiting.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}

/// The table of a file, where its TOML is correct. One line in disorder gives several complaints,
/// of which the first is the useful one.
fn parse_toml<'s>(source: &'s Arc<Source>, problems: &mut Vec<Problem>) -> Option<DeTable<'s>> {
    let (table, mut errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        return Some(table.into_inner());
    }
    let start = |error: &Error| error.span().map_or(0, |span: Range<usize>| span.start);
    errors.sort_by_key(start);
    let mut last_line = 0;
    for error in errors {
        let place = Place::new(source, error.span().unwrap_or(0..0));
        let line = place.location().line;
        if line != last_line {
            let message = error.message().to_owned();
            let kind = match message.contains("duplicate key") {
                true => Kind::DuplicateKey,
                false => Kind::Syntax(message),
            };
            problems.push(Problem::at(&place, kind));
        }
        last_line = line;
    }
    None
}
