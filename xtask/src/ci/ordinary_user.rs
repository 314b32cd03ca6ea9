//! The suites and the sandbox's own tests once more, as a user who may do nothing special: most people
//! run belljar without root, and much of a sandbox is made differently then.
//!
//! Everything the user needs is copied to a folder of its own, because the work tree may lie where
//! only root can look. The folder goes afterwards, and so does the user where we made it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{Outcome, real};
use crate::{fixtures, machine, process, suite, workspace};

/// The user whom the step makes where there is none of that name.
const USER: &str = "belljar-ci";

/// The programs of the system, but none of root's own tools.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// The step.
pub(super) fn run() -> Result<Outcome> {
    if !machine::we_are_root()? {
        return Ok(Outcome::Skipped("the other steps have run as an ordinary user already"));
    }
    let belljar = build_belljar()?;
    let sandbox_tests = build_sandbox_tests()?;

    let user = User::find_or_make()?;
    let home = Home::new(&user)?;
    let belljar = home.adopt(&belljar)?;
    home.run(Path::new("tree"), &belljar, &["test", suite::SUITE])?;
    if fixtures::real_images_are_there() {
        home.run(Path::new("tree"), &belljar, &["test", suite::REAL])?;
        real::import_and_run(|subcommand| {
            home.command(Path::new("tree"), &belljar, &[subcommand])
        })?;
    }
    for test in &sandbox_tests {
        home.run(Path::new("tree/sandbox"), &home.adopt(test)?, &[])?;
    }
    Ok(Outcome::Done)
}

fn build_belljar() -> Result<PathBuf> {
    process::run(&mut workspace::cargo(&["build", "-p", "belljar"]))?;
    Ok(workspace::build_directory()?.join("debug/belljar"))
}

/// Builds the test programs of the sandbox crate and asks cargo where they are.
fn build_sandbox_tests() -> Result<Vec<PathBuf>> {
    let arguments = ["test", "-p", "belljar-sandbox", "--no-run", "--message-format=json"];
    let messages = process::capture(&mut workspace::cargo(&arguments))?;
    Ok(messages.lines().filter_map(test_program).collect())
}

/// The path in one of cargo's messages, where that is about a finished test program.
fn test_program(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_test = message["profile"]["test"].as_bool()?;
    let program = message["executable"].as_str()?;
    is_test.then(|| PathBuf::from(program))
}

/// An account without special rights.
struct User {
    uid: u32,
    gid: u32,
    is_ours: bool,
}

impl User {
    fn find_or_make() -> Result<Self> {
        let is_ours = !Self::exists();
        if is_ours {
            // Not a `--system` user: only the others get subordinate ids from every useradd.
            let mut useradd = Command::new("useradd");
            useradd.args(["--no-create-home", "--home-dir", "/nonexistent"]);
            process::run(useradd.args(["--shell", "/usr/sbin/nologin", USER]))?;
        }
        Ok(Self { uid: Self::id("-u")?, gid: Self::id("-g")?, is_ours })
    }

    fn exists() -> bool {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        users.lines().any(|line| line.split(':').next() == Some(USER))
    }

    fn id(kind: &str) -> Result<u32> {
        let id = process::capture(Command::new("id").args([kind, USER]))?;
        id.trim().parse().with_context(|| format!("failed to read {id:?} as an id"))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if self.is_ours
            && let Err(error) = process::run(Command::new("userdel").arg(USER))
        {
            eprintln!("warning: the user {USER} is still there: {error}");
        }
    }
}

/// The user's folder: `tree` is a copy of the work tree, `bin` has programs, `tmp` and `store` are
/// for what belljar writes.
struct Home<'user> {
    folder: TempDir,
    user: &'user User,
}

impl<'user> Home<'user> {
    fn new(user: &'user User) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("belljar-ci-").tempdir()?;
        let home = Self { folder, user };
        for directory in ["", "bin", "tmp", "tree"] {
            home.make_directory(&home.path(directory))?;
        }
        let mut files = workspace::files()?;
        files.extend(files_below("cases/.images")?);
        if fixtures::real_images_are_there() {
            files.extend(files_below("target/real")?);
        }
        for file in files {
            home.copy(&workspace::path(&file), &home.path("tree").join(file))?;
        }
        Ok(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies a program to where the user can run it.
    fn adopt(&self, program: &Path) -> Result<PathBuf> {
        let name = program.file_name().context("a program has a name")?;
        let copy = self.path("bin").join(name);
        self.copy(program, &copy)?;
        Ok(copy)
    }

    fn run(&self, folder: &Path, program: &Path, arguments: &[&str]) -> Result<()> {
        process::run(&mut self.command(folder, program, arguments))
    }

    /// A program run as the user, in a folder of the home, with nothing of root's environment.
    fn command(&self, folder: &Path, program: &Path, arguments: &[&str]) -> Command {
        let folder = self.folder.path().join(folder);
        let User { uid, gid, .. } = self.user;
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}"));
        command.args(["--init-groups", "--"]).arg(program).args(arguments);
        command.current_dir(&folder).env_clear().env("PATH", PATH).env("USER", USER);
        command.env("HOME", self.folder.path()).env("TMPDIR", self.path("tmp"));
        command.env("BELLJAR_HOME", self.path("store")).env("CARGO_MANIFEST_DIR", &folder);
        command
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let failure = || format!("failed to copy {} to {}", from.display(), to.display());
        let parent = to.parent().with_context(failure)?;
        if !parent.is_dir() {
            self.make_directory(parent)?;
        }
        if from.is_symlink() {
            symlink(fs::read_link(from).with_context(failure)?, to).with_context(failure)?;
        } else {
            fs::copy(from, to).with_context(failure)?;
        }
        self.own(to)
    }

    fn make_directory(&self, path: &Path) -> Result<()> {
        let failure = || format!("failed to make {}", path.display());
        let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.is_dir()).collect();
        fs::create_dir_all(path).with_context(failure)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).with_context(failure)?;
        missing.iter().try_for_each(|made| self.own(made))?;
        self.own(path)
    }

    fn own(&self, path: &Path) -> Result<()> {
        lchown(path, Some(self.user.uid), Some(self.user.gid))
            .with_context(|| format!("failed to give {} to {USER}", path.display()))
    }
}

/// All files below a folder of the workspace, named from its root.
fn files_below(folder: &str) -> Result<Vec<String>> {
    let path = workspace::path(folder);
    let failure = || format!("failed to list {}", path.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&path).with_context(failure)? {
        let entry = entry.with_context(failure)?;
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().with_context(failure)?.is_dir() {
            files.extend(files_below(&name)?);
        } else {
            files.push(name);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_are_taken_from_the_messages() {
        let test = r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":"/t/a"}"#;
        let library =
            r#"{"reason":"compiler-artifact","profile":{"test":false},"executable":null}"#;
        assert_eq!(test_program(test), Some(PathBuf::from("/t/a")));
        assert_eq!(test_program(library), None);
        assert_eq!(test_program(r#"{"reason":"build-finished"}"#), None);
    }
}
