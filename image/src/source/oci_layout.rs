//! Images in the OCI image layout: index.json, then manifest, then configuration.
//!
//! Specification: image-spec, image-layout.md; annotations.md for tags. Everything behind
//! `index.json` is verified: size first, then digest.

use std::collections::BTreeSet;

use super::{Container, Description, LayerBlob, Manifest};
use crate::config;
use crate::digest::Digest;
use crate::document::{self, Descriptor, Document, LayoutIndex};
use crate::limits;
use crate::platform;
use crate::{Error, Result};

/// Describes the image with a tag, or the only one.
pub(super) fn describe(
    container: &Container,
    tag: Option<&str>,
    what: &str,
) -> Result<Description> {
    if let Container::Folder(folder) = container
        && let Err(error) = std::fs::read_dir(folder)
    {
        return Err(Error::system("open the image folder", folder, error));
    }
    let Some(bytes) = container.read("index.json", limits::INDEX_BYTES, what)? else {
        let reason = "it is no OCI image layout: there is no index.json in it";
        return Err(Error::source(what, reason)
            .hint("make one with `skopeo copy docker://NAME oci:DIR:TAG`"));
    };
    let index: LayoutIndex = serde_json::from_slice(&bytes)
        .map_err(|error| Error::source(what, format!("index.json is malformed: {error}")))?;
    let candidates = choose(&index.manifests, tag, what)?;
    let mut search = Search { container, what, opened: BTreeSet::new() };
    let found = search.manifest(&candidates, limits::INDEX_DEPTH)?;
    let (descriptor, bytes, document) = found.ok_or_else(|| {
        let reason = format!(
            "no image in it is for linux/{}; there is {}",
            platform::architecture(),
            search.platforms(&candidates)
        );
        Error::source(what, reason)
    })?;
    describe_manifest(container, descriptor, bytes, document, what)
}

/// The entries of index.json that are meant.
fn choose(manifests: &[Descriptor], tag: Option<&str>, what: &str) -> Result<Vec<Descriptor>> {
    let tags: BTreeSet<&str> = manifests.iter().filter_map(Descriptor::ref_name).collect();
    let known = || match tags.len() {
        0 => "no image in it has a tag".to_owned(),
        _ => format!("the tags are {}", tags.iter().copied().collect::<Vec<_>>().join(", ")),
    };
    match tag {
        Some(tag) => {
            let is_meant = |descriptor: &&Descriptor| descriptor.ref_name() == Some(tag);
            let chosen: Vec<_> = manifests.iter().filter(is_meant).cloned().collect();
            if chosen.is_empty() {
                let reason = format!("no image in it has the tag `{tag}`");
                return Err(Error::source(what, reason).hint(known()));
            }
            Ok(chosen)
        }
        None if manifests.is_empty() => Err(Error::source(what, "there is no image in it")),
        None if tags.len() > 1 => {
            let reason = "there are several images in it";
            Err(Error::source(what, reason).hint(format!("say which: {}", known())))
        }
        None => {
            let fits = |descriptor: &&Descriptor| {
                may_be_image(descriptor)
                    && descriptor.platform.as_ref().is_none_or(platform::is_ours)
            };
            if manifests.iter().filter(fits).count() > 1 {
                let reason = "there are several images in it that fit this machine";
                return Err(Error::source(what, reason).hint("give them tags, and say which"));
            }
            Ok(manifests.to_vec())
        }
    }
}

struct Search<'a> {
    container: &'a Container,
    what: &'a str,
    opened: BTreeSet<String>,
}

impl Search<'_> {
    /// The first manifest for this machine, also in indexes that lie in others.
    fn manifest(
        &mut self,
        candidates: &[Descriptor],
        depth: usize,
    ) -> Result<Option<(Descriptor, Vec<u8>, Document)>> {
        for descriptor in candidates {
            let is_ours = descriptor.platform.as_ref().is_none_or(platform::is_ours);
            if !is_ours || !may_be_image(descriptor) {
                continue;
            }
            let (bytes, document) = self.document(descriptor)?;
            let Some(manifests) = &document.manifests else {
                return Ok(Some((descriptor.clone(), bytes, document)));
            };
            if depth == 0 {
                let reason =
                    format!("its indexes lie more than {} deep in each other", limits::INDEX_DEPTH);
                return Err(Error::source(self.what, reason));
            }
            if let Some(found) = self.manifest(manifests, depth - 1)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The platforms that there are, for a message.
    fn platforms(&mut self, candidates: &[Descriptor]) -> String {
        self.opened.clear();
        let mut all = candidates.to_vec();
        for descriptor in candidates.iter().filter(|it| may_be_image(it)) {
            if let Ok((_, Document { manifests: Some(manifests), .. })) = self.document(descriptor)
            {
                all.extend(manifests);
            }
        }
        platform::list(&all)
    }

    fn document(&mut self, descriptor: &Descriptor) -> Result<(Vec<u8>, Document)> {
        let digest: Digest = descriptor.digest.parse()?;
        let what = format!("the manifest {digest} of {}", self.what);
        if !self.opened.insert(descriptor.digest.clone()) {
            return Err(Error::source(what, "its indexes lead in a circle"));
        }
        if self.opened.len() > limits::INDEX_COUNT {
            let reason = format!("there are more than {} indexes", limits::INDEX_COUNT);
            return Err(Error::source(what, reason));
        }
        let bytes =
            read_blob(self.container, &digest, descriptor.size, limits::MANIFEST_BYTES, &what)?;
        let document = serde_json::from_slice(&bytes)
            .map_err(|error| Error::source(&what, format!("it is malformed: {error}")))?;
        check_kind(&document, descriptor.media_type.as_deref(), &what)?;
        Ok((bytes, document))
    }
}

/// Unknown kinds in an index, such as signatures, are no errors.
fn may_be_image(descriptor: &Descriptor) -> bool {
    descriptor.media_type.as_deref().is_none_or(|media_type| {
        matches!(
            media_type,
            document::OCI_INDEX
                | document::OCI_MANIFEST
                | document::DOCKER_LIST
                | document::DOCKER_MANIFEST
        )
    })
}

/// A document must be what it is called, and one thing only (CVE-2021-41190).
fn check_kind(document: &Document, expected: Option<&str>, what: &str) -> Result<()> {
    let is_index = match (&document.manifests, &document.layers) {
        (Some(_), Some(_)) => {
            let reason = "it has both layers and manifests, so that it can be taken for two \
                          different images";
            return Err(Error::source(what, reason));
        }
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => {
            return Err(Error::source(what, "it is neither a manifest nor an index of images"));
        }
    };
    for media_type in [expected, document.media_type.as_deref()].into_iter().flatten() {
        let says_index = matches!(media_type, document::OCI_INDEX | document::DOCKER_LIST);
        let says_manifest =
            matches!(media_type, document::OCI_MANIFEST | document::DOCKER_MANIFEST);
        if (says_index && !is_index) || (says_manifest && is_index) {
            return Err(Error::source(what, format!("it is not the {media_type} that it says")));
        }
    }
    Ok(())
}

fn describe_manifest(
    container: &Container,
    descriptor: Descriptor,
    bytes: Vec<u8>,
    document: Document,
    what: &str,
) -> Result<Description> {
    let what = format!("the manifest {} of {what}", descriptor.digest);
    let layers = document.layers.unwrap_or_default();
    let Some(config) = document.config else {
        return Err(Error::source(what, "it has no configuration"));
    };
    match config.media_type.as_deref() {
        None | Some(document::OCI_CONFIG | document::DOCKER_CONFIG) => {}
        Some(other) => {
            let reason = format!("it is no image: its configuration is of the type {other}");
            return Err(Error::source(what, reason));
        }
    }
    let config_digest: Digest = config.digest.parse()?;
    let config_what = format!("the configuration {config_digest} of {what}");
    let config_bytes =
        read_blob(container, &config_digest, config.size, limits::CONFIG_BYTES, &config_what)?;
    let read = config::read(&config_bytes, &config_what)?;
    read.check(&what, &config_what, layers.len())?;
    let layers = layers.iter().zip(read.diff_ids).map(|(layer, diff_id)| {
        let digest: Digest = layer.digest.parse()?;
        Ok(LayerBlob { member: member(&digest), blob: Some((digest, layer.size)), diff_id })
    });
    Ok(Description {
        config: read.config,
        config_bytes,
        layers: layers.collect::<Result<_>>()?,
        manifest: Some(Manifest { descriptor, bytes, config: config_digest }),
    })
}

/// Reads and verifies a blob that is no layer.
fn read_blob(
    container: &Container,
    digest: &Digest,
    size: u64,
    most: u64,
    what: &str,
) -> Result<Vec<u8>> {
    let Some(bytes) = container.read(&member(digest), most, what)? else {
        return Err(Error::source(what, "there is no such blob"));
    };
    if bytes.len() as u64 != size {
        let found = format!("{} bytes", bytes.len());
        return Err(Error::mismatch(what, format!("{size} bytes"), found));
    }
    let mut hasher = digest.hasher();
    hasher.update(&bytes);
    let found = hasher.finish();
    if found == *digest { Ok(bytes) } else { Err(Error::mismatch(what, digest, found)) }
}

/// `blobs/sha256/…`; a digest holds nothing that could lead elsewhere.
fn member(digest: &Digest) -> String {
    format!("blobs/{}", digest.path().display())
}
