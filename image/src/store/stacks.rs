//! Stacks: which unpacked layers make up an image. Found out once, then kept by chain id.

use std::path::{Component, Path, PathBuf};

use super::layers::Unpacked;
use super::{Store, making, read_if_there};
use crate::Result;
use crate::beneath::Beneath;
use crate::config::Config;
use crate::digest::Digest;
use crate::reference::Reference;
use crate::rootfs::{Image, Rootfs};
use crate::source::{Container, Description};

impl Store {
    /// Unpacks and stacks the layers of an image.
    pub(super) fn stacked_image(
        &self,
        reference: &Reference,
        container: &Container,
        description: Description,
    ) -> Result<Image> {
        let diff_ids = description.diff_ids();
        if let Some(rootfs) = self.known_stack(&diff_ids)? {
            return Ok(Image { rootfs, config: description.config });
        }
        let what = reference.to_string();
        self.unpack_all(container, &description.layers, &what)?;
        let stack = self.stack(container, &description, &what)?;
        let rootfs = self.keep_stack(&diff_ids, &stack)?;
        Ok(Image { rootfs, config: description.config })
    }

    /// The image of layers that are all unpacked already.
    pub(super) fn known_image(&self, diff_ids: &[Digest], config: Config) -> Result<Option<Image>> {
        Ok(self.known_stack(diff_ids)?.map(|rootfs| Image { rootfs, config }))
    }

    fn known_stack(&self, diff_ids: &[Digest]) -> Result<Option<Rootfs>> {
        let Some(chain_id) = chain_ids(diff_ids).pop() else {
            return Ok(None);
        };
        let Some(bytes) = read_if_there(&self.stack_file(&chain_id))? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        let layers: Vec<Unpacked> =
            text.lines().map(|line| Unpacked::at(PathBuf::from(line))).collect();
        let is_good = |layer: &Unpacked| {
            layer.path().components().all(|part| matches!(part, Component::Normal(_)))
                && layer.is_there(&self.home)
        };
        if layers.is_empty() || !layers.iter().all(is_good) {
            return Ok(None);
        }
        Ok(Some(self.rootfs(&layers)))
    }

    /// Decides for each layer whether it stacks as it is.
    fn stack(
        &self,
        container: &Container,
        description: &Description,
        what: &str,
    ) -> Result<Vec<Unpacked>> {
        let chain_ids = chain_ids(&description.diff_ids());
        // The topmost is first.
        let mut stack: Vec<Unpacked> = Vec::new();
        for (layer, chain_id) in description.layers.iter().zip(&chain_ids) {
            let trees: Vec<PathBuf> = stack.iter().map(|it| it.tree(&self.home)).collect();
            let below = Beneath::open(&trees)?;
            let mut unpacked = Unpacked::alone(&layer.diff_id);
            let needs = unpacked.needs(&self.home)?;
            if !needs.are_met_by(&below)? {
                unpacked = Unpacked::for_stack(chain_id);
                self.unpack_layer(container, layer, what, &unpacked, Some((&below, &needs)))?;
            }
            // Overlayfs takes no directory twice. The upper one says all that the lower one says.
            stack.retain(|other| *other != unpacked);
            stack.insert(0, unpacked);
        }
        Ok(stack)
    }

    fn keep_stack(&self, diff_ids: &[Digest], stack: &[Unpacked]) -> Result<Rootfs> {
        let Some(chain_id) = chain_ids(diff_ids).pop() else {
            return self.empty_rootfs();
        };
        let lines: Vec<String> =
            stack.iter().map(|it| format!("{}\n", it.path().display())).collect();
        let key = format!("stacks-{}", chain_id.hex());
        making::write_file(
            &self.home,
            &key,
            &self.stack_file(&chain_id),
            lines.concat().as_bytes(),
        )?;
        Ok(self.rootfs(stack))
    }

    /// An image may have no layers at all; a mount needs one.
    fn empty_rootfs(&self) -> Result<Rootfs> {
        let empty = Unpacked::at("layers/empty".into());
        super::make_folder(&empty.tree(&self.home))?;
        Ok(self.rootfs(&[empty]))
    }

    fn rootfs(&self, stack: &[Unpacked]) -> Rootfs {
        Rootfs::of_layers(stack.iter().map(|layer| layer.tree(&self.home)).collect())
    }

    fn stack_file(&self, chain_id: &Digest) -> PathBuf {
        self.home.join("stacks").join(Path::new(&chain_id.path()))
    }
}

/// The names of the stacks that end with each layer.
///
/// Specification: image-spec, config.md, "Layer ChainID".
fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain_ids: Vec<Digest> = Vec::new();
    for diff_id in diff_ids {
        let chain_id = match chain_ids.last() {
            None => diff_id.clone(),
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
        };
        chain_ids.push(chain_id);
    }
    chain_ids
}
