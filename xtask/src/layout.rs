//! An OCI image layout with one image of one layer, written so that a reader finds it whole at every
//! moment: blobs first, then the index that names them, each through a temporary file and a rename.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// Where blobs lie in a layout.
const BLOBS: &str = "blobs/sha256";

/// The file that names the images; it is written last.
const INDEX: &str = "index.json";

/// All files of a layout, by their path in it.
pub(crate) struct Layout {
    files: BTreeMap<String, Vec<u8>>,
}

impl Layout {
    /// An image of one uncompressed layer. `run_config` is the part of the image's configuration
    /// that says how to run it.
    pub(crate) fn new(tag: &str, layer_tar: &[u8], run_config: &Value) -> Result<Self> {
        let mut layout = Self { files: BTreeMap::new() };
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": run_config,
            "rootfs": { "type": "layers", "diff_ids": [digest(layer_tar)] },
        });
        let config = layout.blob("config.v1+json", config.to_string().into_bytes());
        let layer = layout.blob("layer.v1.tar+gzip", compress(layer_tar)?);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer],
        });
        let mut manifest = layout.blob("manifest.v1+json", manifest.to_string().into_bytes());
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        manifest["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [manifest],
        });
        let version = json!({ "imageLayoutVersion": "1.0.0" });
        layout.files.insert("oci-layout".to_owned(), version.to_string().into_bytes());
        layout.files.insert(INDEX.to_owned(), index.to_string().into_bytes());
        Ok(layout)
    }

    /// Adds a blob and returns its descriptor.
    fn blob(&mut self, kind: &str, content: Vec<u8>) -> Value {
        let digest = digest(&content);
        let descriptor = json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": digest,
            "size": content.len(),
        });
        self.files.insert(format!("{BLOBS}/{}", digest.trim_start_matches("sha256:")), content);
        descriptor
    }

    /// Makes the folder hold this layout and nothing else; returns whether anything changed.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<bool> {
        let is_there = |path: &String, content: &Vec<u8>| {
            fs::read(folder.join(path)).is_ok_and(|found| found == *content)
        };
        if self.files.iter().all(|(path, content)| is_there(path, content)) {
            return Ok(false);
        }
        fs::create_dir_all(folder.join(BLOBS))
            .with_context(|| format!("failed to make {}", folder.display()))?;
        for (path, content) in self.files.iter().filter(|(path, _)| *path != INDEX) {
            write_whole(&folder.join(path), content)?;
        }
        write_whole(&folder.join(INDEX), &self.files[INDEX])?;
        self.remove_other_blobs(folder)?;
        Ok(true)
    }

    /// What an earlier version of the image left behind.
    fn remove_other_blobs(&self, folder: &Path) -> Result<()> {
        let blobs = folder.join(BLOBS);
        let failure = || format!("failed to tidy up {}", blobs.display());
        for blob in fs::read_dir(&blobs).with_context(failure)? {
            let name = blob.with_context(failure)?.file_name();
            if !self.files.contains_key(&format!("{BLOBS}/{}", name.to_string_lossy())) {
                fs::remove_file(blobs.join(name)).with_context(failure)?;
            }
        }
        Ok(())
    }
}

/// Writes a file that is there either with all of its content or not at all.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let failure = || format!("failed to write {}", path.display());
    let folder = path.parent().with_context(failure)?;
    let mut file = NamedTempFile::new_in(folder).with_context(failure)?;
    file.write_all(content).with_context(failure)?;
    // Temporary files are private; an ordinary user must be able to read what root made.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).with_context(failure)?;
    file.persist(path).with_context(failure)?;
    Ok(())
}

/// The architecture as image configurations name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hexadecimal: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hexadecimal}")
}

/// The header holds no name and no time, so that equal content gives equal bytes.
fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    encoder.write_all(bytes).context("failed to compress a layer")?;
    encoder.finish().context("failed to compress a layer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob_count(folder: &Path) -> usize {
        fs::read_dir(folder.join(BLOBS)).unwrap().count()
    }

    #[test]
    fn a_layout_is_written_only_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new("latest", b"layer", &json!({})).unwrap();
        assert!(layout.write_to(folder.path()).unwrap());
        assert!(!layout.write_to(folder.path()).unwrap());
        fs::remove_file(folder.path().join(INDEX)).unwrap();
        assert!(layout.write_to(folder.path()).unwrap());
    }

    #[test]
    fn blobs_of_an_earlier_image_go() {
        let folder = tempfile::tempdir().unwrap();
        for layer in ["one", "two"] {
            let layout = Layout::new("latest", layer.as_bytes(), &json!({})).unwrap();
            assert!(layout.write_to(folder.path()).unwrap());
            assert_eq!(blob_count(folder.path()), 3);
        }
    }

    #[test]
    fn digests_are_sha256_in_hexadecimal() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }
}
