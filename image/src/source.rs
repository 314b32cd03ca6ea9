//! Where images come from: a container of blobs, and a description of the image in it.

mod archive;
mod container;
mod docker_archive;
mod oci_layout;

use crate::config::Config;
use crate::digest::Digest;
use crate::document::Descriptor;

pub(crate) use container::Container;

/// An image that has been looked up, its manifest and configuration verified; no layer read yet.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) config: Config,
    pub(crate) config_bytes: Vec<u8>,
    /// The manifest as it lies in the source; a docker archive has none.
    pub(crate) manifest: Option<Manifest>,
    /// The bottom layer first.
    pub(crate) layers: Vec<LayerBlob>,
}

/// A manifest, byte for byte.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Vec<u8>,
    pub(crate) config: Digest,
}

/// A layer in its source.
#[derive(Debug)]
pub(crate) struct LayerBlob {
    /// Its name in the container.
    pub(crate) member: String,
    /// What the manifest says about the blob, where there is one that does.
    pub(crate) blob: Option<(Digest, u64)>,
    /// The digest of the decompressed layer.
    pub(crate) diff_id: Digest,
}

impl Description {
    /// Describes an image in an OCI layout. `what` is how to call it in messages.
    pub(crate) fn of_layout(
        container: &Container,
        tag: Option<&str>,
        what: &str,
    ) -> crate::Result<Self> {
        oci_layout::describe(container, tag, what)
    }

    /// Describes an image that `docker save` wrote.
    pub(crate) fn of_docker_archive(
        container: &Container,
        name: Option<&crate::Name>,
        what: &str,
    ) -> crate::Result<Self> {
        docker_archive::describe(container, name, what)
    }

    /// The digests of the decompressed layers, the bottom one first.
    pub(crate) fn diff_ids(&self) -> Vec<Digest> {
        self.layers.iter().map(|layer| layer.diff_id.clone()).collect()
    }
}
