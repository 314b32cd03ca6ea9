//! Unpacking: each entry of the tar in turn, later ones replacing earlier ones.
//!
//! Names are resolved in the [`Index`], never by the kernel; what comes out has no symlink in it and
//! is opened beneath the root of the layer with `openat2`, told to follow none. Specification:
//! image-spec, layer.md, "Applying Changesets" and "Whiteouts".

use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, AtFlags, FileType, OFlags};

use super::body::{Scatter, copy};
use super::hide::{Mark, mark};
use super::index::{Directory, Index, Node};
use super::write::{self, Attributes, Ownership};
use super::{LayerProblem, Needs};
use crate::beneath::{self, Beneath};
use crate::decode::LayerStream;
use crate::limits::{self, Limits};
use crate::removal;
use crate::tape::{Entry, Kind, Tape, shown};
use crate::walk;

pub(super) type Outcome<T> = Result<T, LayerProblem>;

/// Where to unpack, and under which rules.
pub(crate) struct Job<'a> {
    /// An empty folder that only we can enter.
    pub(crate) folder: &'a Path,
    pub(crate) limits: Limits,
    /// The layers below, and what the layer needed of them when it was unpacked on its own.
    pub(crate) below: Option<(&'a Beneath, &'a Needs)>,
}

/// Unpacks a layer; the stream is left where the tar ends.
pub(crate) fn unpack(job: &Job<'_>, stream: LayerStream) -> Outcome<(Needs, LayerStream)> {
    let root =
        beneath::open_folder(job.folder).map_err(|error| LayerProblem::write(job.folder, error))?;
    let mut unpacker = Unpacker {
        job,
        root,
        ownership: Ownership::of_this_process(),
        index: Index::default(),
        needs: Needs::default(),
        last_folder: None,
        entries: 0,
        copied_bytes: 0,
    };
    unpacker.index.insert(PathBuf::new(), Node::Directory(Directory::default()));
    let mut tape = Tape::new(stream);
    while let Some(entry) = tape.next()? {
        unpacker.count_entry()?;
        unpacker.place(entry, &mut tape)?;
    }
    unpacker.hide()?;
    unpacker.settle()?;
    Ok((unpacker.needs, tape.into_rest()))
}

pub(super) struct Unpacker<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) root: OwnedFd,
    ownership: Ownership,
    pub(super) index: Index,
    pub(super) needs: Needs,
    /// Neighbours in a tar mostly lie in the same folder.
    pub(super) last_folder: Option<(PathBuf, OwnedFd)>,
    /// Entries of the tar, and directories made for them.
    entries: u64,
    copied_bytes: u64,
}

impl Unpacker<'_> {
    pub(super) fn count_entry(&mut self) -> Outcome<()> {
        self.entries += 1;
        if self.entries > self.job.limits.entries {
            return Err(LayerProblem::TooManyEntries(self.job.limits.entries));
        }
        if self.index.names_bytes() > limits::NAMES_BYTES {
            return Err(LayerProblem::NamesTooLong);
        }
        Ok(())
    }

    fn place(&mut self, mut entry: Entry, tape: &mut Tape<LayerStream>) -> Outcome<()> {
        let shown = shown(&entry.name);
        let refuse = |cause| LayerProblem::Path { name: shown.clone(), cause };
        let path = walk::clean(&entry.name).map_err(refuse)?;
        if entry.kind == Kind::File && entry.size > self.job.limits.file_bytes {
            let reason = format!(
                "its {} bytes are more than the limit of {} for one file",
                entry.size, self.job.limits.file_bytes
            );
            return Err(LayerProblem::Entry { name: shown, reason });
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.place_root(&mut entry, shown);
        };
        match mark(&path, parent, name) {
            Mark::None => {}
            Mark::Ignored => return Ok(()),
            Mark::Opaque => {
                self.needs.opaque.insert(parent.into());
                return Ok(());
            }
            Mark::Whiteout(name) => {
                self.needs.whiteouts.insert(parent.join(name));
                return Ok(());
            }
            Mark::Refused(reason) => {
                return Err(LayerProblem::Entry { name: shown, reason: reason.into() });
            }
        }
        // Devices come from the sandbox, never from an image; 0:0 would be a forged whiteout.
        if entry.kind == Kind::Device {
            return Ok(());
        }
        let path = self.directory(parent)?.join(name);
        walk::check_size(&path).map_err(|cause| LayerProblem::path(&path, cause))?;
        let target = OsString::from_vec(std::mem::take(&mut entry.link));
        match entry.kind {
            Kind::Directory => self.place_directory(&path, Attributes::of_entry(&mut entry)),
            Kind::File => self.place_file(path, &mut entry, tape),
            Kind::HardLink => self.place_hard_link(path, &target),
            Kind::Symlink | Kind::Fifo | Kind::Device => {
                self.place_special(path, &mut entry, Path::new(&target))
            }
        }
    }

    /// An entry for the root itself, such as `./`.
    fn place_root(&mut self, entry: &mut Entry, shown: String) -> Outcome<()> {
        if entry.kind != Kind::Directory {
            let reason = "the root of an image must be a directory".into();
            return Err(LayerProblem::Entry { name: shown, reason });
        }
        self.place_directory(Path::new(""), Attributes::of_entry(entry))
    }

    fn place_directory(&mut self, path: &Path, attributes: Attributes) -> Outcome<()> {
        if self.index.directory_mut(path).is_none() {
            self.make_directory(path)?;
        }
        if let Some(directory) = self.index.directory_mut(path) {
            directory.attributes = Some(attributes);
            directory.is_borrowed = false;
        }
        Ok(())
    }

    fn place_file(
        &mut self,
        path: PathBuf,
        entry: &mut Entry,
        tape: &mut Tape<LayerStream>,
    ) -> Outcome<()> {
        let ownership = self.ownership;
        let attributes = Attributes::of_entry(entry);
        let (folder, name) = self.vacate(&path)?;
        let mut file =
            write::file(folder, name).map_err(|error| LayerProblem::write(&path, error))?;
        match &entry.pieces {
            None => copy(tape, &path, |bytes| file.write_all(bytes))?,
            Some(pieces) => {
                let mut scatter = Scatter::new(pieces);
                copy(tape, &path, |bytes| scatter.write(&file, bytes))?;
                file.set_len(entry.size).map_err(|error| LayerProblem::write(&path, error))?;
            }
        }
        attributes.apply(&file, ownership).map_err(|error| LayerProblem::write(&path, error))?;
        self.index.insert(path, Node::File);
        Ok(())
    }

    fn place_special(&mut self, path: PathBuf, entry: &mut Entry, target: &Path) -> Outcome<()> {
        let ownership = self.ownership;
        let attributes = Attributes::of_entry(entry);
        let (folder, name) = self.vacate(&path)?;
        let (node, made) = match entry.kind {
            Kind::Symlink => (
                Node::Symlink(target.into()),
                write::symlink(folder, name, target, &attributes, ownership),
            ),
            _ => (Node::Other, write::fifo(folder, name, &attributes, ownership)),
        };
        made.map_err(|error| LayerProblem::write(&path, error))?;
        self.index.insert(path, node);
        Ok(())
    }

    fn place_hard_link(&mut self, path: PathBuf, target: &OsStr) -> Outcome<()> {
        let cleaned = walk::clean(target.as_bytes()).map_err(|_| LayerProblem::HardLink {
            name: path.display().to_string(),
            target: target.display().to_string(),
            reason: "no path inside the image",
        })?;
        let refuse = |reason| LayerProblem::HardLink {
            name: path.display().to_string(),
            target: cleaned.display().to_string(),
            reason,
        };
        let Some(found) = self.existing(&cleaned, false)? else {
            if self.job.below.is_some() {
                return Err(refuse("neither in the layer nor in those below it"));
            }
            self.needs.links.insert(cleaned);
            return Ok(());
        };
        if found == path {
            return Ok(());
        }
        let node = match self.index.get(&found) {
            Some(Node::Directory(_)) => return Err(refuse("a directory")),
            Some(Node::Symlink(target)) => Node::Symlink(target.clone()),
            Some(Node::File) => Node::File,
            Some(Node::Other) => Node::Other,
            None => return self.copy_from_below(path, &found),
        };
        let (Some(parent), Some(name)) = (found.parent(), found.file_name()) else {
            return Err(refuse("a directory"));
        };
        let from = self.open(parent)?;
        let (folder, new_name) = self.vacate(&path)?;
        sys::linkat(&from, name, folder, new_name, AtFlags::empty())
            .map_err(|error| LayerProblem::write(&path, error))?;
        self.index.insert(path, node);
        Ok(())
    }

    /// A hard link into a lower layer: overlayfs would part the two names at the first write, so a
    /// copy is as good.
    fn copy_from_below(&mut self, path: PathBuf, from: &Path) -> Outcome<()> {
        let Some((below, _)) = self.job.below else {
            return Ok(());
        };
        let Some(located) = self.look_below(from)? else {
            return Ok(());
        };
        self.copied_bytes += u64::try_from(located.stat.st_size).unwrap_or_default();
        if self.copied_bytes > self.job.limits.layer_bytes {
            return Err(LayerProblem::CopiesTooMuch(self.job.limits.layer_bytes));
        }
        let attributes = Attributes::of_located(&located)?;
        let ownership = self.ownership;
        let source = below.open_file(&located)?;
        let link = match located.file_type() {
            FileType::Symlink => Some(located.target()?),
            _ => None,
        };
        let (folder, name) = self.vacate(&path)?;
        let failed = |error| LayerProblem::write(&path, error);
        let node = match (source, link) {
            (Some(mut source), _) => {
                let mut file = write::file(folder, name).map_err(failed)?;
                io::copy(&mut source, &mut file).map_err(failed)?;
                attributes.apply(&file, ownership).map_err(failed)?;
                Node::File
            }
            (None, Some(target)) => {
                write::symlink(folder, name, &target, &attributes, ownership).map_err(failed)?;
                Node::Symlink(target)
            }
            (None, None) => {
                return Err(LayerProblem::HardLink {
                    name: path.display().to_string(),
                    target: from.display().to_string(),
                    reason: "neither a file nor a symlink",
                });
            }
        };
        self.index.insert(path, node);
        Ok(())
    }

    pub(super) fn make_directory(&mut self, path: &Path) -> Outcome<()> {
        let (folder, name) = self.vacate(path)?;
        write::directory(folder, name).map_err(|error| LayerProblem::write(path, error))?;
        self.index.insert(path.into(), Node::Directory(Directory::default()));
        Ok(())
    }

    /// Removes what stands at `path`, and gives its folder and its name.
    fn vacate<'p>(&mut self, path: &'p Path) -> Outcome<(&OwnedFd, &'p OsStr)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(LayerProblem::write(path, io::Error::from(io::ErrorKind::IsADirectory)));
        };
        if self.index.get(path).is_some() {
            self.index.remove(path);
            if matches!(&self.last_folder, Some((last, _)) if last.starts_with(path)) {
                self.last_folder = None;
            }
            let folder = self.open(parent)?;
            let name = CString::new(name.as_bytes())
                .map_err(|error| LayerProblem::write(path, io::Error::from(error)))?;
            removal::remove_tree_at(&folder, &name)
                .map_err(|error| LayerProblem::write(path, error))?;
        }
        if !matches!(&self.last_folder, Some((last, _)) if last == parent) {
            self.last_folder = None;
        }
        let folder = match self.last_folder.take() {
            Some((_, folder)) => folder,
            None => self.open(parent)?,
        };
        let (_, folder) = self.last_folder.insert((parent.into(), folder));
        Ok((folder, name))
    }

    /// Opens a directory of the layer; `path` has been resolved.
    pub(super) fn open(&self, path: &Path) -> Outcome<OwnedFd> {
        beneath::openat2(&self.root, path, OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|error| LayerProblem::write(path, error))
    }

    /// Gives the directories their owners, modes and times, the innermost first: after that, an
    /// ordinary user may not be able to enter them.
    fn settle(&mut self) -> Outcome<()> {
        let mut implicit = BTreeSet::new();
        for (path, directory) in self.index.directories_inside_out() {
            let is_root = path.as_os_str().is_empty();
            let standard = Attributes::of_implicit_directory();
            let attributes = directory.attributes.as_ref().unwrap_or(&standard);
            if directory.attributes.is_none() && !is_root && !self.index.is_hidden(path, false) {
                implicit.insert(path.clone());
            }
            let handle = beneath::openat2(&self.root, path, OFlags::RDONLY | OFlags::DIRECTORY)
                .map_err(|error| LayerProblem::write(path, error))?;
            attributes
                .apply(&handle, self.ownership)
                .map_err(|error| LayerProblem::write(path, error))?;
        }
        self.needs.directories = implicit;
        Ok(())
    }
}
