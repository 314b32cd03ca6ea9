//! Hiding what the layers below have: whiteouts and opaque marks.
//!
//! Specification: image-spec, layer.md, "Whiteouts". They speak of lower layers only, so they are
//! noted while the tar is read and set when everything of the layer itself is in its place.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::LayerProblem;
use super::index::Node;
use super::unpack::{Outcome, Unpacker};
use super::write::{self, Attributes};
use crate::beneath;

/// What the name of an entry says about the layers below.
pub(super) enum Mark<'a> {
    None,
    Ignored,
    Opaque,
    Whiteout(&'a OsStr),
    Refused(&'static str),
}

/// Reads the marks that layers use to hide things: a prefix of the name.
pub(super) fn mark<'a>(path: &Path, parent: &Path, name: &'a OsStr) -> Mark<'a> {
    const PREFIX: &[u8] = b".wh.";
    const AUFS_PREFIX: &[u8] = b".wh..wh.";
    if path
        .iter()
        .any(|part| part.as_bytes().starts_with(AUFS_PREFIX) && part.as_bytes() != b".wh..wh..opq")
    {
        // Books that AUFS kept in old images.
        return Mark::Ignored;
    }
    if parent.iter().any(|part| part.as_bytes().starts_with(PREFIX)) {
        return Mark::Refused("it lies in a whiteout");
    }
    if name.as_bytes() == b".wh..wh..opq" {
        return Mark::Opaque;
    }
    match name.as_bytes().strip_prefix(PREFIX) {
        None => Mark::None,
        Some(b"") => Mark::Refused("it is a whiteout of nothing"),
        Some(b"." | b"..") => Mark::Refused("it is a whiteout of a directory by way of a dot"),
        Some(name) => Mark::Whiteout(OsStr::from_bytes(name)),
    }
}

impl Unpacker<'_> {
    /// Sets whiteouts and opaque marks, which speak of lower layers only, whatever their place in
    /// the tar.
    pub(super) fn hide(&mut self) -> Outcome<()> {
        for path in std::mem::take(&mut self.needs.opaque) {
            if let Some(path) = self.hiding_place(&path)? {
                self.directory(&path)?;
                self.make_opaque(&path)?;
                self.needs.opaque.insert(path);
            }
        }
        for path in std::mem::take(&mut self.needs.whiteouts) {
            self.white_out(&path)?;
        }
        Ok(())
    }

    fn white_out(&mut self, path: &Path) -> Outcome<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        let Some(folder) = self.hiding_place(parent)? else {
            return Ok(());
        };
        let path = folder.join(name);
        match self.index.get(&path) {
            Some(Node::Directory(_)) => return self.replace(path),
            // Anything else hides what is below without our help.
            Some(_) => return Ok(()),
            None => {}
        }
        if self.index.is_hidden(&folder, true) {
            return Ok(());
        }
        if let Some((below, _)) = self.job.below
            && below.find(&path)?.is_none()
        {
            return Ok(());
        }
        self.directory(&folder)?;
        let handle = self.open(&folder)?;
        write::whiteout(&handle, name).map_err(|error| LayerProblem::write(&path, error))?;
        self.needs.whiteouts.insert(path);
        Ok(())
    }

    /// A directory of this layer with a whiteout of the same name: it is a new one, and owes
    /// nothing to what is below.
    fn replace(&mut self, path: PathBuf) -> Outcome<()> {
        self.make_opaque(&path)?;
        if let Some(directory) = self.index.directory_mut(&path)
            && (directory.is_borrowed || directory.attributes.is_none())
        {
            directory.attributes = Some(Attributes::of_implicit_directory());
            directory.is_borrowed = false;
        }
        self.needs.replaced.insert(path);
        Ok(())
    }

    /// The directory that a mark is for. `None`: it is neither here nor below. Without the layers
    /// below we cannot know, and take it to be there.
    fn hiding_place(&mut self, path: &Path) -> Outcome<Option<PathBuf>> {
        match self.job.below {
            None => self.directory(path).map(Some),
            Some(_) => self.existing(path, true),
        }
    }

    fn make_opaque(&mut self, path: &Path) -> Outcome<()> {
        let handle = beneath::openat2(&self.root, path, OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(|error| LayerProblem::write(path, error))?;
        write::opaque(&handle).map_err(|error| LayerProblem::write(path, error))?;
        if let Some(directory) = self.index.directory_mut(path) {
            directory.is_opaque = true;
        }
        Ok(())
    }
}
