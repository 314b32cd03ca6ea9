//! Import: copying an image into the layout of the store, under a name.
//!
//! Blobs first, the index last, so that whatever the index names is there. Specification:
//! image-spec, image-layout.md, annotations.md (`org.opencontainers.image.ref.name`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use serde_json::json;

use super::making::{self, Making};
use super::{Store, read_if_there};
use crate::decode::Compression;
use crate::digest::{Digest, Hasher, HashingReader};
use crate::document::{self, Descriptor, LayoutIndex};
use crate::name::Name;
use crate::platform;
use crate::reference::Reference;
use crate::source::{Container, Description, LayerBlob, Manifest};
use crate::{Error, Result};

/// A layer as it lies in the store now.
struct StoredLayer {
    media_type: &'static str,
    digest: Digest,
    size: u64,
}

impl Store {
    pub(super) fn import_image(&self, source: &Reference, name: &Name) -> Result<Digest> {
        let what = source.to_string();
        let (container, mut description) = self.describe(source)?;
        if let (Some(expected), Some(manifest)) = (name.digest(), &description.manifest)
            && manifest.descriptor.digest != expected.to_string()
        {
            let found = &manifest.descriptor.digest;
            return Err(Error::mismatch(format!("{what} as {name}"), expected, found));
        }
        if name.digest().is_some() && description.manifest.is_none() {
            let reason = "it has no digest before it is imported; give it a tag";
            return Err(Error::source(what, reason));
        }
        // Unpacking verifies every layer, so that nothing is named that does not work.
        self.unpack_all(&container, &description.layers, &what)?;
        let mut layers = Vec::new();
        for layer in &description.layers {
            layers.push(self.store_layer(&container, layer, &what)?);
        }
        let manifest = match description.manifest.take() {
            Some(manifest) => manifest,
            None => make_manifest(&mut description, &layers)?,
        };
        self.store_bytes(&manifest.config, &description.config_bytes)?;
        let digest: Digest = manifest.descriptor.digest.parse()?;
        self.store_bytes(&digest, &manifest.bytes)?;
        self.name_image(name, &manifest)?;
        Ok(digest)
    }

    /// The images in the store.
    pub(super) fn index(&self) -> Result<LayoutIndex> {
        let path = self.home.join("index.json");
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(LayoutIndex {
                schema_version: 2,
                media_type: Some(document::OCI_INDEX.into()),
                manifests: Vec::new(),
                others: BTreeMap::new(),
            });
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::source(path.display(), format!("it is malformed: {error}")))
    }

    fn name_image(&self, name: &Name, manifest: &Manifest) -> Result<()> {
        let layout = self.home.join("oci-layout");
        if !layout.exists() {
            let version = json!({ "imageLayoutVersion": "1.0.0" }).to_string();
            making::write_file(&self.home, "oci-layout", &layout, version.as_bytes())?;
        }
        // The lock is taken before the index is read: another import may be at it.
        let making = Making::begin(&self.home, "index.json")?;
        let mut index = self.index()?;
        let name = name.to_string();
        index.manifests.retain(|image| image.ref_name() != Some(&name));
        let annotations = BTreeMap::from([(document::REF_NAME.to_owned(), name)]);
        let mut descriptor = manifest.descriptor.clone();
        descriptor.annotations = Some(annotations);
        index.manifests.push(descriptor);
        let path = self.home.join("index.json");
        let bytes = serde_json::to_vec_pretty(&index)
            .map_err(|error| Error::system("write", &path, io::Error::from(error)))?;
        making::write_made(making, &path, &bytes)
    }

    fn store_bytes(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let path = self.blob(digest);
        if path.exists() {
            return Ok(());
        }
        making::write_file(&self.home, &format!("blobs-{}", digest.hex()), &path, bytes)
    }

    /// Copies a layer; one without a digest gets the one that it turns out to have.
    fn store_layer(
        &self,
        container: &Container,
        layer: &LayerBlob,
        what: &str,
    ) -> Result<StoredLayer> {
        let known = layer.blob.as_ref().map(|(digest, _)| digest);
        if let Some((digest, size)) = &layer.blob
            && fs::metadata(self.blob(digest)).is_ok_and(|metadata| metadata.len() == *size)
        {
            return Ok(StoredLayer { media_type: "", digest: digest.clone(), size: *size });
        }
        let key = format!("blobs-{}", known.unwrap_or(&layer.diff_id).hex());
        let making = Making::begin(&self.home, &key)?;
        let place = making.file()?;
        let failed = |error| Error::system("write", place, error);
        let mut blob = BufReader::new(layer.open(container, what)?);
        let mut start = Vec::new();
        (&mut blob).take(8).read_to_end(&mut start).map_err(failed)?;
        let hasher = known.map_or_else(Hasher::sha256, Digest::hasher);
        let mut reader = HashingReader::new(start.as_slice().chain(blob), hasher);
        let mut file = File::create_new(place).map_err(failed)?;
        io::copy(&mut reader, &mut file).map_err(failed)?;
        let (size, digest) = reader.finish();
        if let Some((expected, _)) = &layer.blob
            && *expected != digest
        {
            making.abandon();
            let what = format!("layer {} of {what}", layer.name());
            return Err(Error::mismatch(what, expected, digest));
        }
        making.finish(&self.blob(&digest))?;
        Ok(StoredLayer { media_type: media_type(&start), digest, size })
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.home.join("blobs").join(digest.path())
    }
}

fn media_type(start: &[u8]) -> &'static str {
    match Compression::of(start) {
        Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        Compression::None | Compression::Unknown(_) => "application/vnd.oci.image.layer.v1.tar",
    }
}

/// Writes the manifest that an archive does not have, and the configuration if there is none.
fn make_manifest(description: &mut Description, layers: &[StoredLayer]) -> Result<Manifest> {
    if description.config_bytes.is_empty() {
        let diff_ids: Vec<String> =
            description.diff_ids().iter().map(ToString::to_string).collect();
        let config = json!({
            "architecture": platform::architecture(),
            "os": "linux",
            "config": { "Env": description.config.env },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        description.config_bytes = config.to_string().into_bytes();
    }
    let config = Digest::of(&description.config_bytes);
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            json!({
                "mediaType": layer.media_type,
                "digest": layer.digest.to_string(),
                "size": layer.size,
            })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": document::OCI_MANIFEST,
        "config": {
            "mediaType": document::OCI_CONFIG,
            "digest": config.to_string(),
            "size": description.config_bytes.len(),
        },
        "layers": layers,
    });
    let bytes = manifest.to_string().into_bytes();
    let descriptor = Descriptor {
        media_type: Some(document::OCI_MANIFEST.into()),
        digest: Digest::of(&bytes).to_string(),
        size: bytes.len() as u64,
        platform: None,
        annotations: None,
        others: BTreeMap::new(),
    };
    Ok(Manifest { descriptor, bytes, config })
}
