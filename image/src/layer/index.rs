//! What a layer holds so far, in memory: so that symlinks are followed by us and not by the kernel.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::write::Attributes;

/// What stands at a path of the layer.
#[derive(Debug)]
pub(super) enum Node {
    Directory(Directory),
    Symlink(PathBuf),
    File,
    Other,
}

/// A directory; its mode and times are set when everything is in it.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// `None`: the tar has no entry for it, others only lie in it.
    pub(super) attributes: Option<Attributes>,
    /// The layers below have one there, whose attributes these are.
    pub(super) is_borrowed: bool,
    /// Hides what the layers below have in it.
    pub(super) is_opaque: bool,
}

/// The nodes by path. Paths compare part by part, so a directory stands right before its content.
#[derive(Debug, Default)]
pub(super) struct Index {
    nodes: BTreeMap<PathBuf, Node>,
    names_bytes: usize,
}

impl Index {
    pub(super) fn get(&self, path: &Path) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// How much the names have taken, those that are gone included.
    pub(super) fn names_bytes(&self) -> usize {
        self.names_bytes
    }

    pub(super) fn insert(&mut self, path: PathBuf, node: Node) {
        self.names_bytes += path.as_os_str().len();
        self.nodes.insert(path, node);
    }

    pub(super) fn directory_mut(&mut self, path: &Path) -> Option<&mut Directory> {
        match self.nodes.get_mut(path) {
            Some(Node::Directory(directory)) => Some(directory),
            _ => None,
        }
    }

    /// Forgets `path` and everything in it.
    pub(super) fn remove(&mut self, path: &Path) {
        let gone: Vec<PathBuf> = self
            .nodes
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded))
            .take_while(|(other, _)| other.starts_with(path))
            .map(|(other, _)| other.clone())
            .collect();
        for path in gone {
            self.nodes.remove(&path);
        }
    }

    /// Whether a directory above `path`, or with `itself` the one at it, hides what is below.
    pub(super) fn is_hidden(&self, path: &Path, itself: bool) -> bool {
        path.ancestors().skip(usize::from(!itself)).any(|above| {
            matches!(self.get(above), Some(Node::Directory(directory)) if directory.is_opaque)
        })
    }

    /// The directories, each after everything that lies in it.
    pub(super) fn directories_inside_out(&self) -> impl Iterator<Item = (&PathBuf, &Directory)> {
        self.nodes.iter().rev().filter_map(|(path, node)| match node {
            Node::Directory(directory) => Some((path, directory)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_a_directory_spares_its_neighbours() {
        let mut index = Index::default();
        for path in ["a", "a/x", "a/x/y", "a.b", "ab"] {
            index.insert(path.into(), Node::File);
        }
        index.remove(Path::new("a"));
        assert!(index.get(Path::new("a/x/y")).is_none());
        assert!(index.get(Path::new("a.b")).is_some());
        assert!(index.get(Path::new("ab")).is_some());
    }
}
