//! A suite in a folder of its own, and the command run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The command, with a store that all tests share.
pub(crate) fn belljar() -> Command {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    let home = HOME.get_or_init(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("belljar-home"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_belljar"));
    command.env("BELLJAR_HOME", home);
    command
}

/// What a finished command left: exit code, stdout, stderr.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: status.code().unwrap(), stdout: text(&stdout), stderr: text(&stderr) }
    }
}

/// A folder with case files.
pub(crate) struct Folder {
    directory: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self { directory: tempfile::tempdir().unwrap() };
        for (name, content) in files {
            folder.write(name, content.as_bytes());
        }
        folder
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// `belljar test . ARGUMENTS…` inside the folder.
    pub(crate) fn test(&self, arguments: &[&str]) -> Ended {
        Ended::of(belljar().current_dir(self.path()).args(["test", "."]).args(arguments))
    }
}
