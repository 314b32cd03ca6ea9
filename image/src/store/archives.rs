//! Images in one file: what such a file held is kept, so that it is read once and not on every run.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Store, making, read_if_there};
use crate::config::Config;
use crate::decode::LayerStream;
use crate::digest::{Digest, Hasher};
use crate::reference::Reference;
use crate::rootfs::Image;
use crate::source::{Container, Description, LayerBlob};
use crate::{Error, Result};

/// What a file held, as long as it is the same file.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    stamp: Stamp,
    config: Config,
    diff_ids: Vec<String>,
}

/// What changes when a file does.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    device: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Store {
    /// Gives an image that is in the file `path`.
    pub(super) fn archived_image(&self, reference: &Reference, path: &Path) -> Result<Image> {
        let metadata = fs::metadata(path).map_err(|error| Error::system("open", path, error))?;
        let stamp = Stamp::of(&metadata);
        let path = fs::canonicalize(path).map_err(|error| Error::system("open", path, error))?;
        let file = self.record_file(reference, &path);
        if let Some(image) = self.recorded_image(&file, &stamp)? {
            return Ok(image);
        }
        let (container, description) = self.describe(reference)?;
        let record = Record {
            stamp,
            config: description.config.clone(),
            diff_ids: description.diff_ids().iter().map(ToString::to_string).collect(),
        };
        let image = self.stacked_image(reference, &container, description)?;
        let bytes = serde_json::to_vec(&record)
            .map_err(|error| Error::system("write", &file, io::Error::from(error)))?;
        let name = file.file_name().unwrap_or_default().display();
        making::write_file(&self.home, &format!("archives-{name}"), &file, &bytes)?;
        Ok(image)
    }

    /// A root file system in a tar file: an image of one layer, whose diff id only reading tells.
    pub(super) fn describe_rootfs(
        &self,
        path: &Path,
        what: &str,
    ) -> Result<(Container, Description)> {
        if path.is_dir() {
            return Err(Error::source(what, "it is a folder and has no layers to copy")
                .hint("pack it with `tar -C DIR -cf FILE.tar .`"));
        }
        let container = Container::File(path.into());
        let failed = |error| Error::system("read the root file system", path, error);
        let Some(blob) = container.open("")? else {
            return Err(failed(io::ErrorKind::NotFound.into()));
        };
        let (blob_hash, diff_hash) = (Hasher::sha256(), Hasher::sha256());
        let mut stream = LayerStream::open(blob, blob_hash, diff_hash, self.limits.layer_bytes)
            .map_err(failed)?;
        stream.drain().map_err(failed)?;
        let passed = stream.finish().map_err(failed)?;
        let layer = LayerBlob { member: String::new(), blob: None, diff_id: passed.diff_id };
        let description = Description {
            config: Config::bare(),
            config_bytes: Vec::new(),
            manifest: None,
            layers: vec![layer],
        };
        Ok((container, description))
    }

    fn recorded_image(&self, file: &Path, stamp: &Stamp) -> Result<Option<Image>> {
        let Some(bytes) = read_if_there(file)? else {
            return Ok(None);
        };
        // A record of another version is as good as none.
        let Ok(record) = serde_json::from_slice::<Record>(&bytes) else {
            return Ok(None);
        };
        if record.stamp != *stamp {
            return Ok(None);
        }
        let diff_ids: Result<Vec<Digest>> = record.diff_ids.iter().map(|it| it.parse()).collect();
        self.known_image(&diff_ids?, record.config)
    }

    fn record_file(&self, reference: &Reference, path: &Path) -> PathBuf {
        let (kind, tag) = match reference {
            Reference::OciArchive { tag, .. } => ("oci-archive", tag.clone()),
            Reference::DockerArchive { name, .. } => {
                ("docker-archive", name.as_ref().map(ToString::to_string))
            }
            _ => ("rootfs", None),
        };
        let mut key = path.as_os_str().as_bytes().to_vec();
        key.push(0);
        key.extend(format!("{kind} {}", tag.unwrap_or_default()).into_bytes());
        self.home.join("archives").join(Digest::of(&key).hex())
    }
}
