//! One layer: from a tar stream to a directory that an overlay mount can stack.
//!
//! Whiteouts and opaque marks of the tar become those of overlayfs as it runs in a user namespace
//! (option `userxattr`): a character device 0:0, and the attribute `user.overlay.opaque`.
//!
//! A layer is unpacked on its own, so that all images share it. That is right as long as it stands
//! on its own. Where it speaks of what lies below without bringing it along ([`Needs`]), a plain
//! stack differs from what the layers say one after the other; it is then unpacked once more for
//! that stack, with the layers below at hand.

mod body;
mod hide;
mod index;
mod needs;
mod resolve;
mod unpack;
mod write;

use std::io;
use std::path::Path;

use crate::Error;
use crate::limits;
use crate::tape::TapeProblem;
use crate::walk::PathProblem;

pub(crate) use needs::Needs;
pub(crate) use unpack::{Job, unpack};

/// Why a layer could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerProblem {
    #[error("{0}")]
    Tape(#[from] TapeProblem),
    #[error("failed to read it: {0}")]
    Read(io::Error),
    #[error("the entry `{name}` is refused: {cause}")]
    Path { name: String, cause: PathProblem },
    #[error("the entry `{name}` is refused: {reason}")]
    Entry { name: String, reason: String },
    #[error("the hard link `{name}` is refused: its target `{target}` is {reason}")]
    HardLink { name: String, target: String, reason: &'static str },
    #[error("it has more than the limit of {0} entries")]
    TooManyEntries(u64),
    #[error("the names in it are longer than the limit of {} bytes", limits::NAMES_BYTES)]
    NamesTooLong,
    #[error("its hard links into layers below copy more than the limit of {0} bytes")]
    CopiesTooMuch(u64),
    #[error("failed to write `{name}`: {cause}")]
    Write { name: String, cause: io::Error },
    #[error("its {what} is wrong: expected {expected}, found {found}")]
    Mismatch { what: &'static str, expected: String, found: String },
    #[error("{0}")]
    Below(#[from] Error),
}

impl LayerProblem {
    fn write(path: &Path, cause: impl Into<io::Error>) -> Self {
        Self::Write { name: path.display().to_string(), cause: cause.into() }
    }

    fn path(path: &Path, cause: PathProblem) -> Self {
        Self::Path { name: path.display().to_string(), cause }
    }
}
