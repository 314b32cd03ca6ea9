//! Images as `docker save` writes them: manifest.json, then the configuration and the layers.
//!
//! Specification: moby, image/spec/v1.2.md, "Combined Image JSON + Filesystem Changeset Format".
//! Layers have no digest of their own here; the diff ids of the configuration vouch for them.

use serde::Deserialize;

use super::{Container, Description, LayerBlob};
use crate::config;
use crate::limits;
use crate::name::Name;
use crate::{Error, Result};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// Describes the image with a name, or the only one.
pub(super) fn describe(
    container: &Container,
    name: Option<&Name>,
    what: &str,
) -> Result<Description> {
    let Some(bytes) = container.read("manifest.json", limits::MANIFEST_BYTES, what)? else {
        let reason = "it is no archive of `docker save`: there is no manifest.json in it";
        return Err(Error::source(what, reason).hint(
            "for an OCI layout in a tar file write `oci-archive:FILE`, \
                   for a root file system `rootfs:FILE`",
        ));
    };
    let images: Vec<SavedImage> = serde_json::from_slice(&bytes)
        .map_err(|error| Error::source(what, format!("manifest.json is malformed: {error}")))?;
    let image = choose(&images, name, what)?;
    let config_what = format!("the configuration {} of {what}", image.config);
    let Some(config_bytes) = container.read(&image.config, limits::CONFIG_BYTES, &config_what)?
    else {
        return Err(Error::source(config_what, "there is no such file in the archive"));
    };
    let read = config::read(&config_bytes, &config_what)?;
    let layers = image.layers.clone().unwrap_or_default();
    read.check(what, &config_what, layers.len())?;
    let layers = layers
        .into_iter()
        .zip(read.diff_ids)
        .map(|(member, diff_id)| LayerBlob { member, blob: None, diff_id })
        .collect();
    Ok(Description { config: read.config, config_bytes, manifest: None, layers })
}

fn choose<'a>(images: &'a [SavedImage], name: Option<&Name>, what: &str) -> Result<&'a SavedImage> {
    let tags = |image: &SavedImage| image.repo_tags.clone().unwrap_or_default();
    let known = images.iter().flat_map(tags).collect::<Vec<_>>().join(", ");
    let Some(name) = name else {
        return match images {
            [image] => Ok(image),
            [] => Err(Error::source(what, "there is no image in it")),
            _ => Err(Error::source(what, "there are several images in it")
                .hint(format!("say which: the names are {known}"))),
        };
    };
    let is_meant = |tag: &String| tag.parse::<Name>().is_ok_and(|tag| tag == *name);
    images.iter().find(|image| tags(image).iter().any(is_meant)).ok_or_else(|| {
        Error::source(what, format!("no image in it has the name `{name}`"))
            .hint(format!("the names are {known}"))
    })
}
