//! What can be wrong with a suite. Each problem knows its place, so that it can be shown with the
//! line it speaks of; all problems of a suite are shown at once.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::escape;
use crate::excerpt;
use crate::source::{Location, Place};

/// One mistake in a case file, or one file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    place: Option<Place>,
}

/// All problems of a suite, in the order of files and lines; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    problems: Vec<Problem>,
}

/// The kinds of problems, with their wording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Kind {
    #[error("{0}")]
    Syntax(String),
    #[error("duplicate key")]
    DuplicateKey,
    #[error("`{key}` stands below a `[[case]]` but would hold for the whole file")]
    BelowCases { key: String },
    #[error("`{0}` is a key of a case, not a variable")]
    KeyAsVariable(String),
    #[error("unknown key `{key}`")]
    UnknownKey { key: String, hint: Option<String> },
    #[error("{key} must be {wanted}, not {found}")]
    WrongType { key: String, wanted: &'static str, found: &'static str, hint: Option<String> },
    #[error("the case has no `image`")]
    MissingImage,
    #[error("the case has no `command`")]
    MissingCommand,
    #[error("the case has no `name`")]
    MissingName,
    #[error("`command` is empty")]
    EmptyCommand,
    #[error("the name of the program is empty")]
    EmptyProgram,
    #[error("`{key}` is empty")]
    Empty { key: String },
    #[error("`{key}` holds a NUL character, which no program can be given")]
    Nul { key: String },
    #[error("a case cannot be named `{name}`: {character:?} is not allowed in names")]
    BadName { name: String, character: char },
    #[error("a case cannot be made of the file name `{name}`: {character:?} is not allowed there")]
    BadFileName { name: String, character: char },
    #[error("the list of cases is empty")]
    NoCases,
    #[error("two cases are named `{name}`")]
    SameName { name: String, first: Place },
    #[error("the file is not UTF-8")]
    NotUtf8,
    #[error("`{0}` is not a duration")]
    BadDuration(String),
    #[error("the path `{0}` is not absolute")]
    NotAbsolute(String),
    #[error("the path `{0}` is not plain")]
    CrookedPath(String),
    #[error("the path `{0}` is not relative")]
    NotRelative(String),
    #[error("the path `{0}` leaves the suite")]
    LeavesSuite(String),
    #[error("failed to read {}: {reason}", escape::path(path))]
    UnreadableInput { path: PathBuf, reason: String },
    #[error("both `exit-code` and `signal` are expected")]
    TwoEndings,
    #[error("exit code {0} is out of range")]
    ExitCodeRange(String),
    #[error("unknown signal `{name}`")]
    UnknownSignal { name: String, nearest: Option<&'static str> },
    #[error("`any = false` means nothing")]
    AnyFalse,
    #[error("`contains` is empty, so nothing would be checked")]
    ContainsNothing,
    #[error("an empty text is contained everywhere, so nothing would be checked")]
    ContainsEmpty,
    #[error("`{0}` must say one thing: either `any` or `contains`")]
    OneMatcher(String),
    #[error("`stdin` has no `file`")]
    StdinWithoutFile,
    #[error("a placed file needs either `text` or `from`")]
    OneContent,
    #[error("`{0}` is not a file mode")]
    BadMode(String),
    #[error("`{0}` cannot be the name of an environment variable")]
    BadVariable(String),
    #[error("failed to read {}: {reason}", escape::path(path))]
    Unreadable { path: PathBuf, reason: String },
    #[error("no case is named `{0}`")]
    NoSuchCase(String),
    #[error("{message}")]
    BadImage { message: String, hint: Option<String> },
}

impl Problem {
    pub(crate) fn at(place: &Place, kind: Kind) -> Self {
        Self { kind, place: Some(place.clone()) }
    }

    pub(crate) fn without_place(kind: Kind) -> Self {
        Self { kind, place: None }
    }

    /// What is wrong, in one line without place or hint.
    #[must_use]
    pub fn message(&self) -> String {
        escape::text(&self.kind.to_string())
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.kind.hint().map(|hint| escape::text(&hint))
    }

    /// Where it is; `None` for a file that could not be read at all.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        self.place.as_ref().map(Place::location)
    }

    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    fn order(&self) -> Option<(&Path, usize)> {
        self.place.as_ref().map(|place| (place.path(), place.start()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "error: {}", self.message())?;
        if let Some(place) = &self.place {
            formatter.write_str(&excerpt::of(place))?;
        }
        if let Kind::SameName { first, .. } = &self.kind {
            writeln!(formatter, "note: the other one is here")?;
            formatter.write_str(&excerpt::of(first))?;
        }
        if let Some(hint) = self.hint() {
            writeln!(formatter, "hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl Errors {
    /// The problems in order, or nothing where there are none.
    pub(crate) fn check(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by(|left, right| left.order().cmp(&right.order()));
        // A folder's defaults are read once for each root that they are seen from.
        problems.dedup();
        Err(Self { problems })
    }

    /// Each problem.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for Errors {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            problem.fmt(formatter)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl Kind {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownKey { hint, .. }
            | Self::WrongType { hint, .. }
            | Self::BadImage { hint, .. } => return hint.clone(),
            Self::UnknownSignal { nearest, .. } => {
                return nearest.map(|name| format!("did you mean `{name}`?"));
            }
            Self::BelowCases { key } => {
                return Some(format!(
                    "write `[case.{key}]` for that case, or move it above the first `[[case]]`"
                ));
            }
            Self::KeyAsVariable(name) => {
                return Some(format!(
                    "write `{name}` above `[env]`, which ends where another begins"
                ));
            }
            Self::DuplicateKey => "in a `[[case]]`, write `[case.expect]` for `[expect]`",
            Self::MissingImage => "write `image = \"…\"` here or in a `belljar.toml` above",
            Self::MissingCommand => "write `command = [\"…\"]`",
            Self::MissingName => "each `[[case]]` needs one: write `name = \"…\"`",
            Self::EmptyCommand => "name the program to run",
            Self::BadName { .. } => "names are made of letters, digits and `_ . / : + -`",
            Self::BadFileName { .. } => "file names are made of letters, digits and `_ . + -`",
            Self::SameName { .. } => "give one of them another name",
            Self::BadDuration(_) => "write a whole number above zero and `ms`, `s` or `m`: \"10s\"",
            Self::NotAbsolute(_) => "begin it with `/`: it is a path in the sandbox",
            Self::CrookedPath(_) => "leave out `.`, `..`, empty parts and a `/` at the end",
            Self::NotRelative(_) => "it starts from the folder of the file that names it",
            Self::LeavesSuite(_) => "put the file into the suite",
            Self::TwoEndings => "a program that is ended by a signal has no exit code; keep one",
            Self::ExitCodeRange(_) => "an exit code is 0 to 255",
            Self::AnyFalse => {
                "leave `stdout` out to expect nothing, `stderr` to leave it unchecked"
            }
            Self::ContainsNothing | Self::ContainsEmpty => "write `{ any = true }` to say so",
            Self::StdinWithoutFile => "write `stdin = { file = \"…\" }`",
            Self::BadMode(_) => "write octal digits in quotes: \"755\"",
            Self::BadVariable(_) => "a name is not empty and holds neither `=` nor NUL",
            Self::UnreadableInput { .. } => "it starts from the folder of the file that names it",
            Self::NoSuchCase(_) => "`belljar test --list` shows the names",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
