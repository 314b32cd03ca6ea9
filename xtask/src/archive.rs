//! A small tree of files in memory that becomes the same tar archive every time: sorted, without
//! times, with names and numbers that do not depend on this machine. Or a folder, where nobody needs
//! an archive.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use tar::{EntryType, Header};

/// What lies at one path.
enum Node {
    Directory { mode: u32 },
    File { mode: u32, content: Vec<u8> },
    Symlink { target: String },
}

/// Paths without a leading slash, and what lies there. Everything belongs to root.
#[derive(Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
}

impl Tree {
    /// Adds a directory; its parents must be added too.
    pub(crate) fn directory(&mut self, path: &str, mode: u32) {
        self.nodes.insert(path.to_owned(), Node::Directory { mode });
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.nodes.insert(path.to_owned(), Node::File { mode, content: content.into() });
    }

    /// Adds a symlink.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) {
        self.nodes.insert(path.to_owned(), Node::Symlink { target: target.to_owned() });
    }

    /// The archive's bytes. A directory sorts before what it holds.
    pub(crate) fn to_tar(&self) -> Result<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, node) in &self.nodes {
            append(&mut builder, path, node)
                .with_context(|| format!("failed to put {path} into an archive"))?;
        }
        builder.into_inner().context("failed to end an archive")
    }

    /// Makes a folder that holds the tree. Everything in it belongs to whoever makes it.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<()> {
        fs::create_dir(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        for (path, node) in &self.nodes {
            let path = folder.join(path);
            write(&path, node).with_context(|| format!("failed to make {}", path.display()))?;
        }
        Ok(())
    }
}

fn write(path: &Path, node: &Node) -> std::io::Result<()> {
    let mode = match node {
        Node::Directory { mode } => fs::create_dir(path).map(|()| mode)?,
        Node::File { mode, content } => fs::write(path, content).map(|()| mode)?,
        Node::Symlink { target } => return symlink(target, path),
    };
    fs::set_permissions(path, Permissions::from_mode(*mode))
}

fn append(builder: &mut tar::Builder<Vec<u8>>, path: &str, node: &Node) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    match node {
        Node::Directory { mode } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            builder.append_data(&mut header, format!("{path}/"), std::io::empty())
        }
        Node::File { mode, content } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_slice())
        }
        Node::Symlink { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            builder.append_link(&mut header, path, target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_adding_does_not_show() {
        let mut one = Tree::default();
        one.directory("bin", 0o755);
        one.file("bin/a", 0o755, "a");
        one.symlink("bin/b", "a");
        let mut other = Tree::default();
        other.symlink("bin/b", "a");
        other.file("bin/a", 0o755, "a");
        other.directory("bin", 0o755);
        assert_eq!(one.to_tar().unwrap(), other.to_tar().unwrap());
    }

    #[test]
    fn a_folder_holds_the_tree() {
        let mut tree = Tree::default();
        tree.directory("tmp", 0o1777);
        tree.file("tmp/a", 0o755, "a");
        tree.symlink("tmp/b", "a");
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("root");
        tree.write_to(&folder).unwrap();
        let mode = |name: &str| folder.join(name).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("tmp"), mode("tmp/a")), (0o1777, 0o755));
        assert_eq!(fs::read_to_string(folder.join("tmp/b")).unwrap(), "a");
    }

    #[test]
    fn a_directory_comes_before_what_it_holds() {
        let mut tree = Tree::default();
        tree.file("bin/a", 0o755, "a");
        tree.directory("bin", 0o755);
        let tar = tree.to_tar().unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["bin/", "bin/a"]);
    }
}
