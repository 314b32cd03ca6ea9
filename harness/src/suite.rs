//! A suite: the cases in the files and folders that somebody asked for, found and read at run time,
//! all correct, each with a name of its own.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::case::Case;
use crate::parse::{self, CaseFile};
use crate::problem::{Errors, Kind, Problem};
use crate::root;
use crate::settings::Settings;
use crate::walk;

/// Cases that are free of mistakes, in the order of their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// The cases.
    pub cases: Vec<Case>,
}

/// Which cases of a suite are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// A case is wanted when its name holds one of these; without any, all are.
    pub patterns: Vec<String>,
    /// The name must be equal to a pattern.
    pub exact: bool,
}

impl Suite {
    /// Reads the case files in `paths`: files, and folders with all below them. Names start at the
    /// suite's root, the topmost folder that has a `belljar.toml`, whichever part is asked for.
    ///
    /// # Errors
    /// With every mistake in every file, and whatever could not be read.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, Errors> {
        let mut loader = Loader::default();
        for path in paths {
            match Asked::find(path.as_ref()) {
                Ok(asked) => loader.load_all(&asked),
                Err(problem) => loader.problems.push(problem),
            }
        }
        loader.finish()
    }

    /// Reads the one case of that name, and no file that cannot hold it.
    ///
    /// # Errors
    /// When there is no such case, or the files that may hold it have mistakes.
    pub fn load_exact<P: AsRef<Path>>(paths: &[P], name: &str) -> Result<Self, Errors> {
        let mut loader = Loader::default();
        for path in paths {
            match Asked::find(path.as_ref()) {
                Ok(asked) => loader.load_candidates(&asked, name),
                Err(problem) => loader.problems.push(problem),
            }
        }
        let mut suite = loader.finish()?;
        suite.cases.retain(|case| case.name.as_str() == name);
        if suite.cases.is_empty() {
            return Err(Problem::without_place(Kind::NoSuchCase(name.to_owned())).into());
        }
        Ok(suite)
    }

    /// Keeps the cases that are wanted, and says how many were not.
    pub fn select(&mut self, selection: &Selection) -> usize {
        let before = self.cases.len();
        self.cases.retain(|case| selection.wants(case.name.as_str()));
        before - self.cases.len()
    }
}

impl Selection {
    /// Whether a case of that name is wanted.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let matches = |pattern: &String| {
            if self.exact { name == pattern } else { name.contains(pattern.as_str()) }
        };
        self.patterns.is_empty() || self.patterns.iter().any(matches)
    }
}

/// A file or folder that was asked for, with links and dots resolved.
struct Asked {
    path: PathBuf,
    root: PathBuf,
    is_folder: bool,
}

/// What was read so far.
#[derive(Default)]
struct Loader {
    cases: Vec<Case>,
    problems: Vec<Problem>,
    seen: HashSet<PathBuf>,
    /// What is set around the files of a folder, by root and folder.
    defaults: HashMap<(PathBuf, PathBuf), Settings>,
}

impl Asked {
    fn find(path: &Path) -> Result<Self, Problem> {
        Self::resolve(path).map_err(|error| {
            let kind = Kind::Unreadable { path: path.to_owned(), reason: error.to_string() };
            Problem::without_place(kind)
        })
    }

    fn resolve(path: &Path) -> io::Result<Self> {
        let resolved = path.canonicalize()?;
        if resolved.is_dir() {
            return Ok(Self { root: root::of(&resolved), path: resolved, is_folder: true });
        }
        // A link to a file keeps the name that it has here.
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        if name == root::DEFAULTS_FILE {
            return Err(io::Error::other("it holds the defaults of its folder, no case"));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new(".")).canonicalize()?;
        Ok(Self { root: root::of(&folder), path: folder.join(name), is_folder: false })
    }
}

impl Loader {
    fn load_all(&mut self, asked: &Asked) {
        let mut files = Vec::new();
        if asked.is_folder {
            walk::case_files(&asked.path, &mut files, &mut self.problems);
        } else {
            files.push(asked.path.clone());
        }
        for file in files {
            match walk::stem(&asked.root, &file) {
                Ok(stem) => self.load_file(&asked.root, file, &stem),
                Err(character) => {
                    let name = shown(&file).display().to_string();
                    let kind = Kind::BadFileName { name, character };
                    self.problems.push(Problem::without_place(kind));
                }
            }
        }
    }

    fn load_candidates(&mut self, asked: &Asked, name: &str) {
        if !asked.is_folder {
            let stem = walk::stem(&asked.root, &asked.path);
            let may_hold = |stem: &str| {
                name.strip_prefix(stem)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            if stem.is_ok_and(|stem| may_hold(&stem)) {
                self.load_all(asked);
            }
            return;
        }
        for (file, stem) in walk::candidates(&asked.root, name) {
            if file.starts_with(&asked.path) {
                self.load_file(&asked.root, file, &stem);
            }
        }
    }

    fn load_file(&mut self, root: &Path, path: PathBuf, stem: &str) {
        if !self.seen.insert(path.clone()) {
            return;
        }
        let outer = self.defaults_around(root, path.parent().unwrap_or(root));
        let file = CaseFile { shown: shown(&path), path, root: root.to_owned() };
        self.cases.extend(parse::cases(&file, stem, &outer, &mut self.problems));
    }

    fn defaults_around(&mut self, root: &Path, folder: &Path) -> Settings {
        let key = (root.to_owned(), folder.to_owned());
        if let Some(settings) = self.defaults.get(&key) {
            return settings.clone();
        }
        let outer = match folder.parent() {
            Some(parent) if folder != root => self.defaults_around(root, parent),
            _ => Settings::default(),
        };
        let path = folder.join(root::DEFAULTS_FILE);
        let settings = if path.symlink_metadata().is_ok() {
            let file = CaseFile { shown: shown(&path), path, root: root.to_owned() };
            parse::defaults(&file, &mut self.problems).within(&outer)
        } else {
            outer
        };
        self.defaults.insert(key, settings.clone());
        settings
    }

    fn finish(mut self) -> Result<Suite, Errors> {
        let mut places = HashMap::new();
        for case in &self.cases {
            let name = case.name.to_string();
            if let Some(first) = places.insert(case.name.clone(), case.place.clone()) {
                let kind = Kind::SameName { name, first };
                self.problems.push(Problem::at(&case.place, kind));
            }
        }
        Errors::check(self.problems)?;
        Ok(Suite { cases: self.cases })
    }
}

/// A file as it is shown to people: seen from the current folder where it is below that.
fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .filter(|shown| !shown.as_os_str().is_empty())
        .unwrap_or(path)
        .to_owned()
}
