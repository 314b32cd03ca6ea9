//! What to run: the payload, its surroundings and the files it finds.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// The root file system that a sandbox stands on: read-only directory trees under a fresh upper
/// layer that takes every write and vanishes with the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rootfs {
    /// The trees; the first is mounted at `/`, each further one over a directory of the earlier.
    pub trees: Vec<Tree>,
}

/// Directories of this machine, stacked and seen inside the sandbox at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Where the tree is seen inside, absolute.
    pub at: PathBuf,
    /// Absolute paths of the directories, topmost first. Whiteouts and opaque directories among
    /// them are in overlayfs's form (`user.overlay.opaque`, character device 0:0).
    pub layers: Vec<PathBuf>,
}

/// The ids that the payload runs with, as seen inside the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// User id, real, effective and saved.
    pub uid: u32,
    /// Group id, real, effective and saved.
    pub gid: u32,
    /// Supplementary group ids; dropped where only a single id can be mapped.
    pub groups: Vec<u32>,
}

/// A file placed in the sandbox before the payload starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFile {
    /// Absolute path inside; missing parents are made with mode 0755.
    pub path: PathBuf,
    /// What it holds.
    pub content: Arc<[u8]>,
    /// Permission bits, such as `0o644`.
    pub mode: u32,
}

/// Who is PID 1 in the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum PidOne {
    /// Our init: it reaps orphans, passes the payload's exit status on, and takes everything down
    /// when the payload ends. The payload is PID 2 and has the signal behaviour it expects.
    #[default]
    Init,
    /// The payload itself, as with `docker run`. The kernel then ignores signals from inside that
    /// the payload has no handler for.
    Payload,
}

/// The payload and its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments. A program without `/` is looked for in the `PATH` of `env`.
    pub argv: Vec<OsString>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory, absolute; made with mode 0755 where the image lacks it.
    pub workdir: PathBuf,
    /// The ids that the payload runs with.
    pub identity: Identity,
    /// Files placed before the start; they belong to `identity`.
    pub files: Vec<PlacedFile>,
    /// Who is PID 1.
    pub pid_one: PidOne,
}
