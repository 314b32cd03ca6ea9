//! Unpacked layers: made once, verified while they are made, shared by all images.

use std::fs::DirBuilder;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Store;
use super::making::Making;
use crate::beneath::Beneath;
use crate::decode::{LayerStream, Passed};
use crate::digest::{Digest, Hasher, HashingReader};
use crate::layer::{self, Job, LayerProblem, Needs};
use crate::source::{Container, LayerBlob};
use crate::{Error, Result};

/// A layer that is unpacked in the store, by its path in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpacked(PathBuf);

/// More threads than this would wait for the same disk.
const MOST_WORKERS: usize = 4;

impl Unpacked {
    pub(super) fn alone(diff_id: &Digest) -> Self {
        Self(Path::new("layers").join(diff_id.path()))
    }

    pub(super) fn for_stack(chain_id: &Digest) -> Self {
        Self(Path::new("stacked").join(chain_id.path()))
    }

    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The path in the store.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The directory to mount.
    pub(super) fn tree(&self, home: &Path) -> PathBuf {
        home.join(&self.0).join("tree")
    }

    pub(super) fn is_there(&self, home: &Path) -> bool {
        self.tree(home).is_dir()
    }

    pub(super) fn needs(&self, home: &Path) -> Result<Needs> {
        let file = home.join(&self.0).join("needs");
        Needs::read(&file).map_err(|error| Error::system("read", &file, error))
    }

    /// The name of its lock.
    fn key(&self) -> String {
        self.0.display().to_string().replace('/', "-")
    }
}

impl Store {
    /// Unpacks those layers that are not there, several at a time.
    pub(super) fn unpack_all(
        &self,
        container: &Container,
        layers: &[LayerBlob],
        what: &str,
    ) -> Result<()> {
        let is_there = |layer: &&LayerBlob| Unpacked::alone(&layer.diff_id).is_there(&self.home);
        let missing: Vec<&LayerBlob> = layers.iter().filter(|it| !is_there(it)).collect();
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let work = || {
            while let Some(layer) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let unpacked = Unpacked::alone(&layer.diff_id);
                if let Err(error) = self.unpack_layer(container, layer, what, &unpacked, None) {
                    next.store(missing.len(), Ordering::Relaxed);
                    if let Ok(mut failure) = failure.lock() {
                        failure.get_or_insert(error);
                    }
                }
            }
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = missing.len().min(processors).min(MOST_WORKERS);
        if workers <= 1 {
            work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(work);
                }
            });
        }
        match failure.into_inner() {
            Ok(Some(error)) => Err(error),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Unpacks one layer, on its own or on the layers below it, if it is not there.
    pub(super) fn unpack_layer(
        &self,
        container: &Container,
        layer: &LayerBlob,
        what: &str,
        unpacked: &Unpacked,
        below: Option<(&Beneath, &Needs)>,
    ) -> Result<()> {
        if unpacked.is_there(&self.home) {
            return Ok(());
        }
        let making = Making::begin(&self.home, &unpacked.key())?;
        // Somebody else may have made it while we waited.
        if unpacked.is_there(&self.home) {
            return Ok(());
        }
        let folder = making.folder()?;
        match self.unpack_into(folder, container, layer, what, below) {
            Ok(()) => making.finish(&self.home.join(unpacked.path())),
            Err(error) => {
                making.abandon();
                Err(error)
            }
        }
    }

    fn unpack_into(
        &self,
        folder: &Path,
        container: &Container,
        layer: &LayerBlob,
        what: &str,
        below: Option<(&Beneath, &Needs)>,
    ) -> Result<()> {
        let tree = folder.join("tree");
        DirBuilder::new()
            .mode(0o700)
            .create(&tree)
            .map_err(|error| Error::system("make the folder", &tree, error))?;
        let job = Job { folder: &tree, limits: self.limits, below };
        match read_layer(&job, container, layer, what) {
            Ok(needs) => {
                let file = folder.join("needs");
                needs.write(&file).map_err(|error| Error::system("write", &file, error))
            }
            Err(problem) => {
                // A blob that is not the one meant explains whatever else went wrong with it.
                verify_blob(container, layer, what)?;
                Err(Error::layer(what, layer.name(), problem))
            }
        }
    }
}

impl LayerBlob {
    /// How to call it in a message.
    pub(super) fn name(&self) -> String {
        match &self.blob {
            Some((digest, _)) => digest.to_string(),
            None if self.member.is_empty() => self.diff_id.to_string(),
            None => self.member.clone(),
        }
    }

    /// Opens the blob, which gives no more than one byte more than it should.
    pub(super) fn open(&self, container: &Container, what: &str) -> Result<crate::decode::Blob> {
        let Some(blob) = container.open(&self.member)? else {
            let what = format!("layer {} of {what}", self.name());
            return Err(Error::source(what, "there is no such blob"));
        };
        Ok(match self.blob {
            Some((_, size)) => Box::new(blob.take(size.saturating_add(1))),
            None => blob,
        })
    }

    fn hasher(&self) -> Hasher {
        self.blob.as_ref().map_or_else(Hasher::sha256, |(digest, _)| digest.hasher())
    }
}

fn read_layer(
    job: &Job<'_>,
    container: &Container,
    layer: &LayerBlob,
    what: &str,
) -> std::result::Result<Needs, LayerProblem> {
    let blob = layer.open(container, what)?;
    let most = job.limits.layer_bytes;
    let stream = LayerStream::open(blob, layer.hasher(), layer.diff_id.hasher(), most)
        .map_err(LayerProblem::Read)?;
    let (needs, mut stream) = layer::unpack(job, stream)?;
    // The archive ends before the stream does, and the digests go to the end.
    stream.drain().map_err(LayerProblem::Read)?;
    let Passed { blob_size, blob_digest, diff_id } = stream.finish().map_err(LayerProblem::Read)?;
    check_blob(layer, blob_size, &blob_digest)?;
    if diff_id != layer.diff_id {
        return Err(mismatch("diff id", &layer.diff_id, &diff_id));
    }
    Ok(needs)
}

fn check_blob(
    layer: &LayerBlob,
    found_size: u64,
    found: &Digest,
) -> std::result::Result<(), LayerProblem> {
    let Some((digest, size)) = &layer.blob else {
        return Ok(());
    };
    if found_size > *size {
        return Err(mismatch("size", &format!("{size} bytes"), &"more than that"));
    }
    if found_size < *size {
        return Err(mismatch("size", &format!("{size} bytes"), &format!("{found_size} bytes")));
    }
    if found != digest {
        return Err(mismatch("digest", digest, found));
    }
    Ok(())
}

fn mismatch(
    what: &'static str,
    expected: &dyn std::fmt::Display,
    found: &dyn std::fmt::Display,
) -> LayerProblem {
    LayerProblem::Mismatch { what, expected: expected.to_string(), found: found.to_string() }
}

/// Reads a blob for its size and digest only.
fn verify_blob(container: &Container, layer: &LayerBlob, what: &str) -> Result<()> {
    let mut reader = HashingReader::new(layer.open(container, what)?, layer.hasher());
    std::io::copy(&mut reader, &mut std::io::sink())
        .map_err(|error| Error::layer(what, layer.name(), LayerProblem::Read(error)))?;
    let (size, digest) = reader.finish();
    check_blob(layer, size, &digest).map_err(|problem| Error::layer(what, layer.name(), problem))
}
