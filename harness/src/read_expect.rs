//! The keys of `[expect]`. A check must never vanish by a typing error: whatever would check
//! nothing has to be written out.

use toml::de::DeValue;

use crate::case::{Printed, Stated, Status};
use crate::fields::{Entry, Field, Reader};
use crate::problem::Kind;
use crate::settings::ExpectSettings;
use crate::signal::Signal;

/// The keys of `[expect]`.
const KEYS: &[&str] = &["exit-code", "signal", "stdout", "stderr"];

/// The keys of an expectation about a stream.
const MATCHERS: &[&str] = &["any", "contains"];

/// Takes an `[expect]` table into `expect`.
pub(crate) fn read_expect(reader: &mut Reader<'_>, expect: &mut ExpectSettings, entry: &Entry<'_>) {
    let Some(inner) = reader.table(entry) else {
        // Nothing may be said about what the table would have held.
        expect.status = Field::Broken;
        return;
    };
    expect.place = Some(reader.entry_place(entry));
    for entry in &inner {
        match entry.key {
            "exit-code" | "signal" if expect.status != Field::Absent => {
                let place = reader.entry_place(entry);
                reader.refuse_at(&place, Kind::TwoEndings);
            }
            "exit-code" => {
                let code = exit_code(reader, entry);
                expect.status = state(reader, entry, code);
            }
            "signal" => {
                let signal = signal(reader, entry);
                expect.status = state(reader, entry, signal);
            }
            "stdout" => {
                let printed = printed(reader, entry);
                expect.stdout = state(reader, entry, printed);
            }
            "stderr" => {
                let printed = printed(reader, entry);
                expect.stderr = state(reader, entry, printed);
            }
            _ => {
                reader.refuse_key(entry, KEYS);
            }
        }
    }
}

fn state<T>(reader: &Reader<'_>, entry: &Entry<'_>, value: Option<T>) -> Field<Stated<T>> {
    value.map(|value| Stated { value, place: reader.entry_place(entry) }).into()
}

fn exit_code(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Status> {
    let DeValue::Integer(written) = entry.value() else {
        reader.wrong_type(entry, "an integer", None);
        return None;
    };
    let code = i32::from_str_radix(written.as_str(), written.radix()).ok();
    let code = code.filter(|code| (0..=255).contains(code));
    if code.is_none() {
        reader.refuse(entry, Kind::ExitCodeRange(written.to_string()));
    }
    code.map(Status::ExitCode)
}

fn signal(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Status> {
    let name = reader.text(entry)?;
    let signal = Signal::from_name(&name);
    if signal.is_none() {
        let nearest = Signal::nearest_name(&name);
        reader.refuse(entry, Kind::UnknownSignal { name, nearest });
    }
    signal.map(Status::Signal)
}

fn printed(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Printed> {
    match entry.value() {
        DeValue::String(_) => reader.text(entry).map(Printed::Exactly),
        DeValue::Table(_) => {
            let inner = reader.table(entry)?;
            let mut matchers = Vec::new();
            for inner in &inner {
                match inner.key {
                    "any" => matchers.push(any(reader, inner)),
                    "contains" => matchers.push(contains(reader, inner)),
                    _ => {
                        reader.refuse_key(inner, MATCHERS);
                    }
                }
            }
            let unknown_only = matchers.is_empty() && !inner.is_empty();
            if matchers.len() != 1 && !unknown_only {
                reader.refuse(entry, Kind::OneMatcher(entry.key.to_owned()));
            }
            matchers.pop()?
        }
        _ => {
            reader.wrong_type(entry, "a string or a table", None);
            None
        }
    }
}

fn any(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Printed> {
    match entry.value() {
        DeValue::Boolean(true) => Some(Printed::Anything),
        DeValue::Boolean(false) => {
            reader.refuse(entry, Kind::AnyFalse);
            None
        }
        _ => {
            reader.wrong_type(entry, "`true`", None);
            None
        }
    }
}

fn contains(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<Printed> {
    let texts = reader.array(entry, |reader, element| {
        let text = reader.text(element)?;
        if text.is_empty() {
            reader.refuse(element, Kind::ContainsEmpty);
            return None;
        }
        Some(text)
    })?;
    if texts.is_empty() {
        reader.refuse(entry, Kind::ContainsNothing);
        return None;
    }
    Some(Printed::Containing(texts))
}
