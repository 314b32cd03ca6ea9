//! Reading through a stack of layers without mounting it, as an overlay mount would show it.
//!
//! Every file is opened beneath the folder of its layer with `openat2`, which is told to follow no
//! symlink; symlinks are for the caller, who follows them with [`Walk`](crate::walk::Walk).
//! Specification: Linux, Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::{Error, Result};

/// The layers of a stack, opened; the topmost is first.
pub(crate) struct Beneath {
    layers: Vec<(PathBuf, OwnedFd)>,
}

/// A file in one of the layers.
pub(crate) struct Located {
    layer: usize,
    path: PathBuf,
    handle: OwnedFd,
    pub(crate) stat: Stat,
}

/// An attribute that hides what lower layers have in a directory.
pub(crate) const OPAQUE: &str = "user.overlay.opaque";
/// The attributes by which overlayfs keeps its books.
pub(crate) const OVERLAY_PREFIX: &str = "user.overlay.";

const NO_SYMLINKS: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

enum Step {
    Found(Box<Located>),
    /// Neither here nor in any layer below.
    Hidden,
    NotHere,
}

impl Beneath {
    pub(crate) fn open(layers: &[PathBuf]) -> Result<Self> {
        let open = |path: &PathBuf| match open_folder(path) {
            Ok(handle) => Ok((path.clone(), handle)),
            Err(error) => Err(Error::system("open the layer", path, error)),
        };
        Ok(Self { layers: layers.iter().map(open).collect::<Result<_>>()? })
    }

    /// Finds what an overlay mount would show at `path`, following no symlink.
    pub(crate) fn find(&self, path: &Path) -> Result<Option<Located>> {
        for (layer, (folder, root)) in self.layers.iter().enumerate() {
            let step = find_in(layer, root, path)
                .map_err(|error| Error::system("look up", &folder.join(path), error))?;
            match step {
                Step::Found(located) => return Ok(Some(*located)),
                Step::Hidden => return Ok(None),
                Step::NotHere => {}
            }
        }
        Ok(None)
    }

    /// Opens a regular file for reading. `None`: it is not a regular file.
    pub(crate) fn open_file(&self, located: &Located) -> Result<Option<File>> {
        if located.file_type() != FileType::RegularFile {
            return Ok(None);
        }
        let (folder, root) = &self.layers[located.layer];
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat2(root, &located.path, flags) {
            Ok(handle) => Ok(Some(File::from(handle))),
            Err(error) => Err(Error::system("open", &folder.join(&located.path), error)),
        }
    }
}

impl Located {
    pub(crate) fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Where a symlink points.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        match fs::readlinkat(&self.handle, "", Vec::new()) {
            Ok(target) => Ok(PathBuf::from(OsString::from_vec(target.into_bytes()))),
            Err(error) => Err(Error::system("read the symlink", &self.path, error)),
        }
    }

    /// The user's extended attributes, without those of overlayfs.
    pub(crate) fn xattrs(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        user_xattrs(&self.handle)
            .map_err(|error| Error::system("read the extended attributes of", &self.path, error))
    }
}

/// Opens a folder as a place to open other files from.
pub(crate) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(fs::open(path, flags, Mode::empty())?)
}

/// Opens a path beneath `root`. Any symlink on the way, or at the end, is an error.
pub(crate) fn openat2(root: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    loop {
        match fs::openat2(&root, path, flags | OFlags::CLOEXEC, Mode::empty(), NO_SYMLINKS) {
            // The kernel asks for another try when something was renamed meanwhile.
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

fn find_in(layer: usize, root: &OwnedFd, path: &Path) -> io::Result<Step> {
    let mut handle = openat2(root, Path::new(""), OFlags::PATH | OFlags::DIRECTORY)?;
    let mut stat = fs::fstat(&handle)?;
    let mut ends_here = false;
    for part in path {
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(Step::Hidden);
        }
        ends_here |= is_opaque(&handle)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        handle = match fs::openat(&handle, part, flags, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::NOENT) if ends_here => return Ok(Step::Hidden),
            Err(Errno::NOENT) => return Ok(Step::NotHere),
            Err(error) => return Err(error.into()),
        };
        stat = fs::statat(&handle, "", AtFlags::EMPTY_PATH)?;
        if is_whiteout(&stat) {
            return Ok(Step::Hidden);
        }
    }
    Ok(Step::Found(Box::new(Located { layer, path: path.into(), handle, stat })))
}

fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn is_opaque(directory: &OwnedFd) -> io::Result<bool> {
    let mut value = [0; 8];
    match fs::getxattr(in_proc(directory), OPAQUE, &mut value) {
        Ok(length) => Ok(&value[..length] == b"y"),
        Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn user_xattrs(file: &OwnedFd) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    // The kernel's limits: XATTR_LIST_MAX, XATTR_SIZE_MAX.
    let mut names = vec![0; 64 << 10];
    let length = match fs::listxattr(in_proc(file), &mut names[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0) {
        if !name.starts_with(b"user.") || name.starts_with(OVERLAY_PREFIX.as_bytes()) {
            continue;
        }
        let mut value = vec![0; 64 << 10];
        let length = fs::getxattr(in_proc(file), name, &mut value[..])?;
        value.truncate(length);
        found.push((name.to_vec(), value));
    }
    Ok(found)
}

/// Extended attributes cannot be read through a handle that is only a place; its entry in /proc
/// leads to the same file, whatever has become of the names on the way.
fn in_proc(handle: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}
