//! What comes out: the directories to stack, and the configuration.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::beneath::{Beneath, Located};
use crate::config::Config;
use crate::walk::Walk;
use crate::{Error, Result};

/// An image, ready to be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its files.
    pub rootfs: Rootfs,
    /// How to start it.
    pub config: Config,
}

/// A root file system: the first tree is for `/`, further ones are mounted over directories of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rootfs {
    /// The trees, in the order in which they are mounted.
    pub trees: Vec<Tree>,
}

/// Directories that are stacked at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Where, as an absolute path inside the sandbox.
    pub at: PathBuf,
    /// The directories on this machine, absolute; the topmost is first. No directory is twice in it.
    pub layers: Vec<PathBuf>,
}

impl Rootfs {
    pub(crate) fn of_layers(layers: Vec<PathBuf>) -> Self {
        Self { trees: vec![Tree { at: "/".into(), layers }] }
    }

    /// Reads a regular file as a program inside would, through symlinks that never leave the root.
    /// `None`: there is none.
    pub(crate) fn read_file(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
        let open = |tree: &Tree| {
            let at = tree.at.strip_prefix("/").unwrap_or(&tree.at).to_path_buf();
            Ok((at, Beneath::open(&tree.layers)?))
        };
        let trees: Vec<(PathBuf, Beneath)> = self.trees.iter().map(open).collect::<Result<_>>()?;
        let refuse = |cause: crate::walk::PathProblem| {
            Error::source(path.display(), format!("in the image: {cause}"))
        };
        let mut walk = Walk::to(path);
        while let Some(step) = walk.step() {
            let Some((beneath, located)) = find(&trees, &step)? else {
                return Ok(None);
            };
            match located.file_type() {
                FileType::Symlink => walk.follow(&located.target()?).map_err(refuse)?,
                FileType::Directory => walk.enter(step).map_err(refuse)?,
                _ if walk.is_last() => return read(beneath, &located, path, most),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// The tree that is mounted deepest on the way to a path has it.
fn find<'a>(
    trees: &'a [(PathBuf, Beneath)],
    path: &Path,
) -> Result<Option<(&'a Beneath, Located)>> {
    let on_the_way = trees.iter().filter(|(at, _)| path.starts_with(at));
    let Some((at, beneath)) = on_the_way.max_by_key(|(at, _)| at.components().count()) else {
        return Ok(None);
    };
    let inside = path.strip_prefix(at).unwrap_or(path);
    Ok(beneath.find(inside)?.map(|located| (beneath, located)))
}

fn read(beneath: &Beneath, located: &Located, path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    use std::io::Read;

    let Some(file) = beneath.open_file(located)? else {
        let reason = "in the image: it is not a regular file";
        return Err(Error::source(path.display(), reason));
    };
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::source(path.display(), format!("in the image: {error}")))?;
    if bytes.len() as u64 > most {
        let reason = format!("in the image: it is larger than the limit of {most} bytes");
        return Err(Error::source(path.display(), reason));
    }
    Ok(Some(bytes))
}
