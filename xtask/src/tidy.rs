//! `cargo xtask tidy`: the rules of the house that no compiler checks. Each is a function from the
//! work tree to the problems it found, and has a test that shows it can fail.

mod code;
mod dependencies;
mod files;
mod sources;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The work tree as the checks see it.
struct Tree {
    files: Vec<File>,
}

/// One file of the work tree.
struct File {
    /// From the root of the workspace.
    path: String,
    /// Bytes that are not UTF-8 are replaced: only sources are looked into.
    text: String,
    size_bytes: usize,
}

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    path: String,
    /// Counted from one; `None` where the whole file is meant.
    line: Option<usize>,
    what: String,
}

type Check = fn(&Tree) -> Vec<Problem>;

/// Every rule.
const CHECKS: &[Check] = &[
    sources::opens_with_its_purpose,
    sources::is_not_too_long,
    sources::unsafety_is_in_its_rooms,
    sources::lints_are_expected_not_allowed,
    sources::network_is_in_its_rooms,
    files::nothing_is_left_to_do,
    files::suites_hold_cases,
    files::cases_end_their_lines,
    files::nothing_is_big,
    dependencies::point_one_way,
];

/// The chore.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let problems: Vec<Problem> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    for problem in &problems {
        eprintln!("{problem}");
    }
    if !problems.is_empty() {
        bail!(
            "tidy: rules are broken in {} of {} files",
            broken_files(&problems),
            tree.files.len()
        );
    }
    eprintln!("tidy: {} rules hold in {} files", CHECKS.len(), tree.files.len());
    Ok(())
}

fn broken_files(problems: &[Problem]) -> usize {
    let paths = problems.iter().map(|problem| &problem.path);
    paths.collect::<BTreeSet<_>>().len()
}

impl Tree {
    fn read() -> Result<Self> {
        let read = |path: String| {
            let bytes = match fs::read(workspace::path(&path)) {
                // What a symlink leads to is a file of its own or none of ours.
                _ if workspace::path(&path).is_symlink() => Vec::new(),
                Ok(bytes) => bytes,
                Err(error) => return Err(error).with_context(|| format!("failed to read {path}")),
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok(File { path, text, size_bytes: bytes.len() })
        };
        Ok(Self { files: workspace::files()?.into_iter().map(read).collect::<Result<_>>()? })
    }

    /// The files of Rust code.
    fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl File {
    fn problem(&self, line: impl Into<Option<usize>>, what: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line: line.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.path, self.what),
            None => write!(formatter, "{}: {}", self.path, self.what),
        }
    }
}

#[cfg(test)]
impl Tree {
    /// A tree of one file.
    fn of(path: &str, text: &str) -> Self {
        let file = File { path: path.to_owned(), text: text.to_owned(), size_bytes: text.len() };
        Self { files: vec![file] }
    }
}
