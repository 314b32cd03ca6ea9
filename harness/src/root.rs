//! Which folder a suite begins at. Names of cases start there, so it must not depend on which part
//! of the suite somebody asked for.

use std::path::{Path, PathBuf};

/// The file that gives defaults to a folder and all below it.
pub(crate) const DEFAULTS_FILE: &str = "belljar.toml";

/// The root of the suite that `folder`, an absolute path, is part of: the nearest folder upwards
/// that has a `belljar.toml`, and from there on up for as long as the parent has one too. Where
/// there is none, it is `folder` itself. The search ends at the top of a repository.
pub(crate) fn of(folder: &Path) -> PathBuf {
    let mut root = None;
    for ancestor in folder.ancestors() {
        match (ancestor.join(DEFAULTS_FILE).is_file(), &root) {
            (true, _) => root = Some(ancestor),
            (false, Some(_)) => break,
            (false, None) => {}
        }
        if ancestor.join(".git").exists() {
            break;
        }
    }
    root.unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_suite_has_the_same_root() {
        let table: [(&[&str], &str, &str); 7] = [
            (&[], "repo/cases/a", "repo/cases/a"),
            (&["repo/cases"], "repo/cases", "repo/cases"),
            (&["repo/cases"], "repo/cases/a/b", "repo/cases"),
            (&["repo/cases", "repo/cases/a"], "repo/cases/a", "repo/cases"),
            (&["repo", "repo/cases/a"], "repo/cases/a", "repo/cases/a"),
            (&["", "repo"], "repo/cases", "repo"),
            (&[""], "repo/cases", "repo/cases"),
        ];
        for (with_defaults, asked, expected) in table {
            let top = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(top.path().join("repo/cases/a/b")).unwrap();
            std::fs::create_dir(top.path().join("repo/.git")).unwrap();
            for folder in with_defaults {
                std::fs::write(top.path().join(folder).join(DEFAULTS_FILE), "").unwrap();
            }
            let root = of(&top.path().join(asked));
            assert_eq!(root, top.path().join(expected), "{with_defaults:?} {asked}");
        }
    }
}
