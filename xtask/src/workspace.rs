//! Where things lie in the workspace, and the cargo that builds it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The folder of the workspace's Cargo.toml.
pub(crate) fn root() -> &'static Path {
    let own_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    own_folder.parent().unwrap_or(own_folder)
}

/// A file or folder named from the root of the workspace.
pub(crate) fn path(below_root: &str) -> PathBuf {
    root().join(below_root)
}

/// The cargo that runs us, working in the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Where cargo puts what it builds: `target`, unless the user's configuration says otherwise.
pub(crate) fn build_directory() -> Result<PathBuf> {
    let metadata = process::capture(&mut cargo(&["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).context("failed to read the metadata from cargo")?;
    let directory = metadata["target_directory"].as_str();
    directory.map(PathBuf::from).context("the metadata from cargo names no target directory")
}

/// The files of the work tree as git sees them: tracked, and new ones that are not ignored.
pub(crate) fn files() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = process::capture(git.current_dir(root()))?;
    let mut files: Vec<String> = list
        .split_terminator('\0')
        .map(str::to_owned)
        // Deleted but not yet committed.
        .filter(|file| root().join(file).symlink_metadata().is_ok())
        .collect();
    files.sort_unstable();
    Ok(files)
}
