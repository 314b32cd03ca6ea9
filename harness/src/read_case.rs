//! The keys of a case but for `[expect]`: each is checked as far as it can be without an image.

use toml::de::DeValue;

use belljar_image::Reference;

use crate::case::{CommandLine, Content, ImageSetting, InputFile, Stated};
use crate::duration;
use crate::fields::{Entry, Field, Reader};
use crate::inputs::{self, Surroundings};
use crate::problem::Kind;
use crate::read_expect::read_expect;
use crate::settings::Settings;

/// The kinds of tables that state settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// A `belljar.toml`.
    Defaults,
    /// The head of a case file.
    File,
    /// A `[[case]]`.
    Case,
}

/// The keys of a `belljar.toml`.
const DEFAULTS_KEYS: &[&str] = &["image", "env", "workdir", "user", "timeout", "requires"];

/// The keys of a case.
const CASE_KEYS: &[&str] = &[
    "image", "command", "stdin", "env", "workdir", "user", "timeout", "requires", "files", "expect",
];

/// The permission bits of a placed file when nobody says so.
const DEFAULT_MODE: u32 = 0o644;

/// Takes one key of a table into `settings`.
pub(crate) fn read_setting(
    reader: &mut Reader<'_>,
    surroundings: Surroundings<'_>,
    level: Level,
    settings: &mut Settings,
    entry: &Entry<'_>,
) {
    if level == Level::Defaults && !DEFAULTS_KEYS.contains(&entry.key) {
        return refuse_default(reader, settings, entry);
    }
    match entry.key {
        "image" => settings.image = image(reader, surroundings, entry).into(),
        "command" => settings.command = command(reader, entry).into(),
        "stdin" => settings.stdin = stdin(reader, surroundings, entry).into(),
        "env" => env(reader, settings, entry),
        "workdir" => settings.workdir = workdir(reader, entry).into(),
        "user" => {
            let user = reader.word(entry);
            settings.user = state(reader, entry, user).into();
        }
        "timeout" => settings.timeout = timeout(reader, entry).into(),
        "requires" => settings.requires = reader.array(entry, Reader::word).into(),
        "files" => files(reader, surroundings, settings, entry),
        "expect" => read_expect(reader, &mut settings.expect, entry),
        "name" if level == Level::File => {
            let hint = "a case that has a file to itself is named after the file".to_owned();
            reader.refuse_key_with(entry, hint);
        }
        "case" if level == Level::File => {
            let hint = Some("write `[[case]]`".to_owned());
            reader.wrong_type(entry, "an array of tables", hint);
            forgive(settings, "image");
            forgive(settings, "command");
        }
        _ => {
            let others: &[&str] = if level == Level::Case { &["name"] } else { &["case"] };
            let meant = reader.refuse_key(entry, &[CASE_KEYS, others].concat());
            forgive(settings, meant.unwrap_or_default());
        }
    }
}

/// Who mistyped a key need not be told that the right one is missing.
fn forgive(settings: &mut Settings, key: &str) {
    match key {
        "image" if settings.image == Field::Absent => settings.image = Field::Broken,
        "command" if settings.command == Field::Absent => settings.command = Field::Broken,
        _ => {}
    }
}

fn refuse_default(reader: &mut Reader<'_>, settings: &mut Settings, entry: &Entry<'_>) {
    if CASE_KEYS.contains(&entry.key) {
        let hint = format!("`{}` belongs in a case file: it is no default of a folder", entry.key);
        return reader.refuse_key_with(entry, hint);
    }
    let meant = reader.refuse_key(entry, DEFAULTS_KEYS);
    forgive(settings, meant.unwrap_or_default());
}

fn state<T>(reader: &Reader<'_>, entry: &Entry<'_>, value: Option<T>) -> Option<Stated<T>> {
    value.map(|value| Stated { value, place: reader.entry_place(entry) })
}

fn image(
    reader: &mut Reader<'_>,
    surroundings: Surroundings<'_>,
    entry: &Entry<'_>,
) -> Option<ImageSetting> {
    let written = reader.word(entry)?;
    match written.parse::<Reference>() {
        Ok(reference) => Some(ImageSetting {
            reference: reference.resolve_from(surroundings.directory),
            place: reader.value_place(entry),
        }),
        Err(error) => {
            let text = error.to_string();
            let (message, hint) = text.split_once("\nhint: ").unzip();
            let message = message.unwrap_or(&text).to_owned();
            reader.refuse(entry, Kind::BadImage { message, hint: hint.map(str::to_owned) });
            None
        }
    }
}

fn command(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<CommandLine> {
    let place = reader.entry_place(entry);
    match entry.value() {
        DeValue::String(_) => {
            let script = reader.argument(entry)?;
            if script.trim().is_empty() {
                reader.refuse(entry, Kind::EmptyCommand);
                return None;
            }
            let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
            Some(CommandLine { argv, shell: true, place })
        }
        DeValue::Array(_) => {
            let argv = reader.array(entry, Reader::argument)?;
            let kind = match argv.first() {
                None => Kind::EmptyCommand,
                Some(program) if program.is_empty() => Kind::EmptyProgram,
                Some(_) => return Some(CommandLine { argv, shell: false, place }),
            };
            reader.refuse(entry, kind);
            None
        }
        _ => {
            reader.wrong_type(entry, "a string or an array of strings", None);
            None
        }
    }
}

fn stdin(
    reader: &mut Reader<'_>,
    surroundings: Surroundings<'_>,
    entry: &Entry<'_>,
) -> Option<Content> {
    match entry.value() {
        DeValue::String(_) => reader.text(entry).map(Content::Text),
        DeValue::Table(_) => {
            let mut content = None;
            let mut is_empty = true;
            for inner in reader.table(entry)? {
                is_empty = false;
                if inner.key == "file" {
                    content = suite_file(reader, surroundings, &inner).map(|(content, _)| content);
                } else {
                    reader.refuse_key(&inner, &["file"]);
                }
            }
            if is_empty {
                reader.refuse(entry, Kind::StdinWithoutFile);
            }
            content
        }
        _ => {
            reader.wrong_type(entry, "a string or a table", None);
            None
        }
    }
}

/// A file of the suite, and its permission bits.
fn suite_file(
    reader: &mut Reader<'_>,
    surroundings: Surroundings<'_>,
    entry: &Entry<'_>,
) -> Option<(Content, u32)> {
    let written = reader.word(entry)?;
    let checked = surroundings.resolve(&written).and_then(|path| {
        inputs::check(&path).map(|mode| (path, mode)).map_err(|error| Kind::UnreadableInput {
            path: written.into(),
            reason: error.to_string(),
        })
    });
    match checked {
        Ok((path, mode)) => {
            let place = reader.value_place(entry);
            Some((Content::File(Stated { value: path, place }), mode))
        }
        Err(kind) => {
            reader.refuse(entry, kind);
            None
        }
    }
}

fn env(reader: &mut Reader<'_>, settings: &mut Settings, entry: &Entry<'_>) {
    for variable in reader.table(entry).unwrap_or_default() {
        let name = variable.key;
        if name.is_empty() || name.contains(['=', '\0']) {
            let place = reader.entry_place(&variable);
            reader.refuse_at(&place, Kind::BadVariable(name.to_owned()));
        } else if CASE_KEYS.contains(&name) {
            // A key that slipped below `[env]` would lose its meaning without a word.
            let place = reader.entry_place(&variable);
            reader.refuse_at(&place, Kind::KeyAsVariable(name.to_owned()));
        } else if let Some(value) = reader.argument(&variable) {
            settings.env.insert(name.to_owned(), value);
        }
    }
}

fn workdir(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Stated<String>> {
    let path = reader.word(entry)?;
    let wrong = if path == "/" { None } else { wrong_path(&path) };
    if let Some(kind) = wrong {
        reader.refuse(entry, kind);
        return None;
    }
    state(reader, entry, Some(path))
}

/// Why a path is none of a sandbox's, if it is not.
fn wrong_path(path: &str) -> Option<Kind> {
    if !path.starts_with('/') {
        Some(Kind::NotAbsolute(path.to_owned()))
    } else if path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        Some(Kind::CrookedPath(path.to_owned()))
    } else {
        None
    }
}

fn timeout(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Stated<std::time::Duration>> {
    if let DeValue::Integer(_) = entry.value() {
        let hint = Some("write a number and `ms`, `s` or `m` in quotes: \"10s\"".to_owned());
        reader.wrong_type(entry, "a string", hint);
        return None;
    }
    let written = reader.text(entry)?;
    let read = duration::parse(&written);
    if read.is_none() {
        reader.refuse(entry, Kind::BadDuration(written));
    }
    state(reader, entry, read)
}

fn files(
    reader: &mut Reader<'_>,
    surroundings: Surroundings<'_>,
    settings: &mut Settings,
    entry: &Entry<'_>,
) {
    for file in reader.table(entry).unwrap_or_default() {
        let path = file.key;
        let wrong = if path.contains('\0') {
            Some(Kind::Nul { key: path.to_owned() })
        } else {
            wrong_path(path)
        };
        if let Some(kind) = wrong {
            let place = reader.entry_place(&file);
            reader.refuse_at(&place, kind);
        }
        if let Some(file) = placed_file(reader, surroundings, &file) {
            settings.files.insert(path.to_owned(), file);
        }
    }
}

fn placed_file(
    reader: &mut Reader<'_>,
    surroundings: Surroundings<'_>,
    entry: &Entry<'_>,
) -> Option<InputFile> {
    let path = entry.key.to_owned();
    match entry.value() {
        DeValue::String(_) => {
            let content = Content::Text(reader.text(entry)?);
            Some(InputFile { path, content, mode: DEFAULT_MODE })
        }
        DeValue::Table(_) => placed_table(reader, surroundings, entry, path),
        _ => {
            reader.wrong_type(entry, "a string or a table", None);
            None
        }
    }
}

fn placed_table(
    reader: &mut Reader<'_>,
    surroundings: Surroundings<'_>,
    entry: &Entry<'_>,
    path: String,
) -> Option<InputFile> {
    let mut contents = Vec::new();
    let mut stated_mode = None;
    let mut has_unknown = false;
    for inner in reader.table(entry)? {
        match inner.key {
            "text" => {
                let text = reader.text(&inner);
                contents.push(text.map(|text| (Content::Text(text), DEFAULT_MODE)));
            }
            "from" => {
                let file = suite_file(reader, surroundings, &inner);
                // What versioning keeps of a mode: whether the file is executable.
                contents.push(file.map(|(content, mode)| {
                    (content, if mode & 0o100 == 0 { DEFAULT_MODE } else { 0o755 })
                }));
            }
            "mode" => stated_mode = mode(reader, &inner),
            _ => {
                has_unknown = true;
                reader.refuse_key(&inner, &["from", "text", "mode"]);
            }
        }
    }
    if contents.len() > 1 || (contents.is_empty() && !has_unknown) {
        reader.refuse(entry, Kind::OneContent);
    }
    let (content, natural_mode) = contents.pop()??;
    Some(InputFile { path, content, mode: stated_mode.unwrap_or(natural_mode) })
}

fn mode(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<u32> {
    if let DeValue::Integer(_) = entry.value() {
        let hint = Some("write octal digits in quotes: \"755\"".to_owned());
        reader.wrong_type(entry, "a string", hint);
        return None;
    }
    let written = reader.text(entry)?;
    let digits = written.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(&written, 8).ok();
    let mode = mode.filter(|mode| digits && *mode <= 0o7777);
    if mode.is_none() {
        reader.refuse(entry, Kind::BadMode(written));
    }
    mode
}
