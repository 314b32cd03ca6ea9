//! Files of the suite that a case brings along. That they exist is checked when the suite is read;
//! what they hold is read only when the case is run.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::case::{Content, Stated};
use crate::problem::{Kind, Problem};

/// The largest file that a case may bring along.
const MOST_BYTES: u64 = 256 << 20;

/// Where the file being read stands, all paths absolute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'s> {
    pub(crate) root: &'s Path,
    pub(crate) directory: &'s Path,
}

impl Content {
    /// The bytes.
    ///
    /// # Errors
    /// When the file cannot be read, or holds more than a case may bring along.
    pub fn read(&self) -> Result<Arc<[u8]>, Problem> {
        match self {
            Self::Text(text) => Ok(text.as_bytes().into()),
            Self::File(file) => read(&file.value).map_err(|error| unreadable(file, &error)),
        }
    }
}

impl Surroundings<'_> {
    /// The file that a case means by `written`, which must be relative and stay in the suite.
    pub(crate) fn resolve(&self, written: &str) -> Result<PathBuf, Kind> {
        let below_root = self.directory.strip_prefix(self.root).unwrap_or(Path::new(""));
        let mut depth = below_root.components().count();
        for component in Path::new(written).components() {
            match component {
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
                Component::ParentDir => {
                    depth = depth
                        .checked_sub(1)
                        .ok_or_else(|| Kind::LeavesSuite(written.to_owned()))?;
                }
                Component::RootDir | Component::Prefix(_) => {
                    return Err(Kind::NotRelative(written.to_owned()));
                }
            }
        }
        let path = self.directory.join(written);
        // A link may lead out too; what is not there is told by whoever wants to read it.
        match path.canonicalize() {
            Ok(real) if !real.starts_with(self.root) => Err(Kind::LeavesSuite(written.to_owned())),
            _ => Ok(path),
        }
    }
}

/// Whether `path` is a file that can be read, and its permission bits.
pub(crate) fn check(path: &Path) -> io::Result<u32> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path)?;
    Ok(metadata.permissions().mode() & 0o777)
}

fn read(path: &Path) -> io::Result<Arc<[u8]>> {
    check(path)?;
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes.into())
}

fn unreadable(file: &Stated<PathBuf>, error: &io::Error) -> Problem {
    let kind = Kind::UnreadableInput { path: file.value.clone(), reason: error.to_string() };
    Problem::at(&file.place, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_wander_inside_the_suite_only() {
        let surroundings =
            Surroundings { root: Path::new("/suite"), directory: Path::new("/suite/a/b") };
        let leaves = |path: &str| Err(Kind::LeavesSuite(path.to_owned()));
        let table = [
            ("x", Ok(PathBuf::from("/suite/a/b/x"))),
            ("./x", Ok(PathBuf::from("/suite/a/b/./x"))),
            ("../../x", Ok(PathBuf::from("/suite/a/b/../../x"))),
            ("../../../x", leaves("../../../x")),
            ("../../../suite/x", leaves("../../../suite/x")),
            ("x/../../../../suite/y", leaves("x/../../../../suite/y")),
            ("/suite/x", Err(Kind::NotRelative("/suite/x".to_owned()))),
        ];
        for (written, expected) in table {
            assert_eq!(surroundings.resolve(written), expected, "{written}");
        }
    }
}
