//! A folder with case files for one test.

use std::path::{Path, PathBuf};

use belljar_harness::{Case, Errors, Suite};

/// A temporary folder that is gone with the test.
pub(crate) struct Folder {
    temporary: tempfile::TempDir,
}

impl Folder {
    /// A folder with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self { temporary: tempfile::tempdir().unwrap() };
        for (path, text) in files {
            folder.write(path, text.as_bytes());
        }
        folder
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root().join(below)
    }

    pub(crate) fn root(&self) -> &Path {
        self.temporary.path()
    }

    pub(crate) fn load(&self) -> Result<Suite, Errors> {
        Suite::load(&[self.root()])
    }

    /// What people are told about this folder's mistakes, seen from this folder.
    pub(crate) fn mistakes(&self) -> String {
        match self.load() {
            Ok(suite) => format!("no mistakes in {} cases", suite.cases.len()),
            Err(errors) => self.seen_from_here(&errors.to_string()),
        }
    }

    pub(crate) fn seen_from_here(&self, text: &str) -> String {
        let root = self.root().canonicalize().unwrap();
        text.replace(&format!("{}/", root.display()), "")
    }
}

/// The one case of a file.
pub(crate) fn case(text: &str) -> Case {
    let mut suite = Folder::with(&[("x.toml", text)]).load().unwrap();
    assert_eq!(suite.cases.len(), 1);
    suite.cases.remove(0)
}

/// The names of the cases, in their order.
pub(crate) fn names(suite: &Suite) -> Vec<&str> {
    suite.cases.iter().map(|case| case.name.as_str()).collect()
}
