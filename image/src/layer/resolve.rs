//! Where a name of the tar leads: resolved in what this layer holds so far and in the layers below,
//! never by the kernel.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::LayerProblem;
use super::index::Node;
use super::unpack::{Outcome, Unpacker};
use super::write::Attributes;
use crate::beneath::Located;
use crate::walk::{self, Walk};

impl Unpacker<'_> {
    /// The directory that `path` leads to, made if it is not there.
    pub(super) fn directory(&mut self, path: &Path) -> Outcome<PathBuf> {
        if matches!(&self.last_folder, Some((last, _)) if last == path) {
            return Ok(path.into());
        }
        let refuse = |cause| LayerProblem::path(path, cause);
        let mut walk = Walk::to(path);
        while let Some(step) = walk.step() {
            match self.index.get(&step) {
                Some(Node::Directory(_)) => walk.enter(step).map_err(refuse)?,
                Some(Node::Symlink(target)) => walk.follow(target).map_err(refuse)?,
                Some(Node::File | Node::Other) => {
                    let reason = "something that is no directory stands there".into();
                    return Err(LayerProblem::Entry { name: step.display().to_string(), reason });
                }
                None => match self.look_below(&step)? {
                    Some(located) if located.file_type() == FileType::Symlink => {
                        walk.follow(&located.target()?).map_err(refuse)?;
                    }
                    located => {
                        walk::check_size(&step).map_err(refuse)?;
                        self.count_entry()?;
                        self.make_directory(&step)?;
                        self.borrow(&step, located.as_ref())?;
                        walk.enter(step).map_err(refuse)?;
                    }
                },
            }
        }
        Ok(walk.arrived())
    }

    /// What `path` leads to in this layer or below; `follow` says whether its last part is followed
    /// if it is a symlink. `None`: nothing.
    pub(super) fn existing(&self, path: &Path, follow: bool) -> Outcome<Option<PathBuf>> {
        let refuse = |cause| LayerProblem::path(path, cause);
        let mut walk = Walk::to(path);
        while let Some(step) = walk.step() {
            let node = self.index.get(&step);
            let located = if node.is_none() { self.look_below(&step)? } else { None };
            if node.is_none() && located.is_none() {
                return Ok(None);
            }
            if walk.is_last() && !follow {
                return Ok(Some(step));
            }
            match (node, located) {
                (Some(Node::Directory(_)), _) => walk.enter(step).map_err(refuse)?,
                (Some(Node::Symlink(target)), _) => walk.follow(target).map_err(refuse)?,
                (None, Some(located)) => match located.file_type() {
                    FileType::Directory => walk.enter(step).map_err(refuse)?,
                    FileType::Symlink => walk.follow(&located.target()?).map_err(refuse)?,
                    _ => return Ok(None),
                },
                _ => return Ok(None),
            }
        }
        Ok(Some(walk.arrived()))
    }

    /// What the layers below show at `path`, unless this layer hides it.
    pub(super) fn look_below(&self, path: &Path) -> Outcome<Option<Located>> {
        let Some((below, needs)) = self.job.below else {
            return Ok(None);
        };
        let is_hidden = path.ancestors().any(|above| needs.whiteouts.contains(above))
            || path.ancestors().any(|above| needs.replaced.contains(above))
            || path.ancestors().skip(1).any(|above| needs.opaque.contains(above));
        if is_hidden { Ok(None) } else { Ok(below.find(path)?) }
    }

    /// Gives a directory that the tar does not describe the attributes of the one below.
    fn borrow(&mut self, path: &Path, located: Option<&Located>) -> Outcome<()> {
        let Some(located) = located.filter(|it| it.file_type() == FileType::Directory) else {
            return Ok(());
        };
        let attributes = Attributes::of_located(located)?;
        if let Some(directory) = self.index.directory_mut(path) {
            directory.attributes = Some(attributes);
            directory.is_borrowed = true;
        }
        Ok(())
    }
}
