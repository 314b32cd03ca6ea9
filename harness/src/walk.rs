//! Finds case files below a folder, and goes from file paths to names of cases and back.

use std::io;
use std::path::{Path, PathBuf};

use crate::name::CaseName;
use crate::problem::{Kind, Problem};
use crate::root::DEFAULTS_FILE;

/// The case files below `folder`, sorted by name, added to `found`. Names that begin with a dot are
/// skipped; a symbolic link to a folder is not followed, so there are no loops.
pub(crate) fn case_files(folder: &Path, found: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let entries = match sorted_entries(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let kind = Kind::Unreadable { path: folder.to_owned(), reason: error.to_string() };
            return problems.push(Problem::without_place(kind));
        }
    };
    for (path, is_folder) in entries {
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_case_file = path.extension().is_some_and(|extension| extension == "toml")
            && path.file_name().is_some_and(|name| name != DEFAULTS_FILE);
        match (hidden, is_folder) {
            (true, _) => {}
            (false, true) => case_files(&path, found, problems),
            (false, false) if is_case_file && !path.is_dir() => found.push(path),
            (false, false) => {}
        }
    }
}

/// The name that the path of `file` below `root` gives: `stdio/echo.toml` is `stdio::echo`. An
/// error names the character that cannot stand in a name.
pub(crate) fn stem(root: &Path, file: &Path) -> Result<String, char> {
    let below_root = file.strip_prefix(root).unwrap_or(file);
    let without_extension = match below_root.extension() {
        Some(extension) if extension == "toml" => below_root.with_extension(""),
        _ => below_root.to_owned(),
    };
    let parts: Vec<_> = without_extension.iter().map(|part| part.to_string_lossy()).collect();
    // The colon is what parts are joined with.
    if parts.iter().any(|part| part.contains(':')) {
        return Err(':');
    }
    let stem = parts.join("::");
    match CaseName::new(stem.clone()) {
        Err(Some(character)) => Err(character),
        Ok(_) | Err(None) => Ok(stem),
    }
}

/// The files below `root` that a case named `name` may be in, with their stems, nearest first:
/// `a::b::c` is `a/b/c.toml`, or the `[[case]]` `c` in `a/b.toml`, or `b::c` in `a.toml`.
pub(crate) fn candidates(root: &Path, name: &str) -> Vec<(PathBuf, String)> {
    let splits = (0..name.len())
        .filter(|index| name.is_char_boundary(*index) && name[*index..].starts_with("::"));
    let mut stems: Vec<&str> = splits.map(|index| &name[..index]).collect();
    stems.push(name);
    stems.reverse();
    stems.into_iter().filter_map(|stem| Some((file_of(root, stem)?, stem.to_owned()))).collect()
}

fn file_of(root: &Path, stem: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = stem.split("::").collect();
    let reachable = |part: &&str| {
        !part.is_empty() && !part.starts_with('.') && !part.contains([':', '/', '\0'])
    };
    if !parts.iter().all(reachable) {
        return None;
    }
    let file = root.join(format!("{}.toml", parts.join("/")));
    (file.file_name()? != DEFAULTS_FILE && is_reached(root, &file)).then_some(file)
}

/// Whether walking from `root` comes by `file`: there is one, and no link to a folder before it.
fn is_reached(root: &Path, file: &Path) -> bool {
    let folders = file.ancestors().skip(1).take_while(|folder| *folder != root);
    let is_link = |folder: &Path| folder.symlink_metadata().is_ok_and(|found| found.is_symlink());
    file.symlink_metadata().is_ok() && !file.is_dir() && !folders.into_iter().any(is_link)
}

fn sorted_entries(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        entries.push((entry.path(), entry.file_type()?.is_dir()));
    }
    entries.sort();
    Ok(entries)
}
