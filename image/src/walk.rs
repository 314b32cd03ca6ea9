//! Paths inside an image: what is allowed as one, and how a walk follows symlinks without ever
//! leaving the root.
//!
//! A path inside an image is relative, has no `.` and no `..`, and the root is the empty path.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::limits;

/// Why some bytes are no path inside an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathProblem {
    #[error("its name is empty")]
    Empty,
    #[error("its name has a NUL byte in it")]
    Nul,
    #[error("its name has a `..` in it")]
    DotDot,
    #[error(
        "its name is longer than {} bytes, or a part of it than {}",
        limits::PATH_BYTES,
        limits::NAME_BYTES
    )]
    TooLong,
    #[error("it lies more than {} directories deep", limits::PATH_DEPTH)]
    TooDeep,
    #[error("there are more than {} symlinks on its way", limits::SYMLINKS)]
    TooManyLinks,
}

/// Reads the name of an entry. A leading `/` and every `.` are dropped, `..` is refused.
pub(crate) fn clean(name: &[u8]) -> Result<PathBuf, PathProblem> {
    if name.is_empty() {
        return Err(PathProblem::Empty);
    }
    if name.contains(&0) {
        return Err(PathProblem::Nul);
    }
    let mut path = PathBuf::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(PathProblem::DotDot),
            part if part.len() > limits::NAME_BYTES => return Err(PathProblem::TooLong),
            part => path.push(OsStr::from_bytes(part)),
        }
    }
    check_size(&path)?;
    Ok(path)
}

/// Refuses paths that are too long or too deep, also those that symlinks lead to.
pub(crate) fn check_size(path: &Path) -> Result<(), PathProblem> {
    if path.as_os_str().len() > limits::PATH_BYTES {
        return Err(PathProblem::TooLong);
    }
    if path.components().count() > limits::PATH_DEPTH {
        return Err(PathProblem::TooDeep);
    }
    Ok(())
}

/// A walk from the root to a path, one step at a time. The caller says what each step is.
pub(crate) struct Walk {
    ahead: Vec<OsString>,
    at: PathBuf,
    links: usize,
}

impl Walk {
    pub(crate) fn to(path: &Path) -> Self {
        let mut walk = Self { ahead: Vec::new(), at: PathBuf::new(), links: 0 };
        walk.push(path);
        walk
    }

    /// The next path to look at. `None`: the walk has arrived.
    pub(crate) fn step(&mut self) -> Option<PathBuf> {
        while let Some(part) = self.ahead.pop() {
            if part != ".." {
                return Some(self.at.join(part));
            }
            // Above the root is the root, as with chroot.
            self.at.pop();
        }
        None
    }

    /// Whether the step just taken was the last one.
    pub(crate) fn is_last(&self) -> bool {
        self.ahead.is_empty()
    }

    /// The step was a directory.
    pub(crate) fn enter(&mut self, path: PathBuf) -> Result<(), PathProblem> {
        check_size(&path)?;
        self.at = path;
        Ok(())
    }

    /// The step was a symlink.
    pub(crate) fn follow(&mut self, target: &Path) -> Result<(), PathProblem> {
        self.links += 1;
        if self.links > limits::SYMLINKS {
            return Err(PathProblem::TooManyLinks);
        }
        if target.is_absolute() {
            self.at = PathBuf::new();
        }
        self.push(target);
        Ok(())
    }

    pub(crate) fn arrived(self) -> PathBuf {
        self.at
    }

    fn push(&mut self, path: &Path) {
        for part in path.components().rev() {
            match part {
                Component::Normal(name) => self.ahead.push(name.to_owned()),
                Component::ParentDir => self.ahead.push("..".into()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_slashes_and_dots() {
        for name in ["a/b", "/a/b", "./a//b/", "//a/./b/."] {
            assert_eq!(clean(name.as_bytes()).unwrap(), Path::new("a/b"), "{name}");
        }
        assert_eq!(clean(b"./").unwrap(), Path::new(""));
        assert_eq!(clean(b"a\xff/b").unwrap().as_os_str().as_bytes(), b"a\xff/b");
    }

    #[test]
    fn names_that_could_lead_away_are_refused() {
        for name in ["", "..", "../a", "/../a", "a/../b", "a/..", "a\0b"] {
            assert!(clean(name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(clean(&[b'a'; 256]).is_err());
        assert!(clean("a/".repeat(300).as_bytes()).is_err());
    }

    #[test]
    fn a_symlink_cannot_climb_above_the_root() {
        let mut walk = Walk::to(Path::new("link/file"));
        assert_eq!(walk.step().unwrap(), Path::new("link"));
        walk.follow(Path::new("../../../etc")).unwrap();
        let step = walk.step().unwrap();
        assert_eq!(step, Path::new("etc"));
        walk.enter(step).unwrap();
        assert_eq!(walk.step().unwrap(), Path::new("etc/file"));
        assert!(walk.is_last());
    }

    #[test]
    fn a_loop_of_symlinks_ends() {
        let mut walk = Walk::to(Path::new("loop"));
        let ended = (0..100).any(|_| {
            walk.step();
            walk.follow(Path::new("/loop")).is_err()
        });
        assert!(ended);
    }
}
