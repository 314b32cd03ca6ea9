//! What an image says about how it is to be started.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::document::{ConfigDocument, Platform};
use crate::{Error, Result, limits, platform};

/// The part of an image configuration that a run needs.
///
/// Specification: image-spec, config.md, "Properties", `config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `NAME=value`; entries without `=` are left out, as docker does.
    pub env: Vec<String>,
    /// What comes before the command.
    pub entrypoint: Vec<String>,
    /// The command that is run where the user gives none.
    pub command: Vec<String>,
    /// Where to start.
    pub workdir: Option<String>,
    /// Who to start as; see [`Rootfs::identity`](crate::Rootfs::identity).
    pub user: Option<String>,
}

/// The search path that docker gives to an image that has none.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Config {
    /// For a root file system that comes without a configuration.
    pub(crate) fn bare() -> Self {
        Self { env: vec![PATH.into()], ..Self::default() }
    }
}

/// An image configuration that has been read.
pub(crate) struct ReadConfig {
    pub(crate) config: Config,
    pub(crate) platform: Platform,
    pub(crate) diff_ids: Vec<Digest>,
}

impl ReadConfig {
    /// Refuses an image `what` that is for another machine, or has other than `layers` layers.
    pub(crate) fn check(&self, what: &str, config_what: &str, layers: usize) -> Result<()> {
        if !platform::may_be_ours(&self.platform) {
            let reason = format!(
                "the image is for {}, this machine is linux/{}",
                platform::show(&self.platform),
                platform::architecture()
            );
            return Err(Error::source(what, reason));
        }
        if layers != self.diff_ids.len() {
            return Err(Error::mismatch(
                format!("{config_what}: the number of diff ids is not that of the layers"),
                layers,
                self.diff_ids.len(),
            ));
        }
        Ok(())
    }
}

/// Reads an image configuration. `what` is how to call it in a message.
pub(crate) fn read(bytes: &[u8], what: &str) -> Result<ReadConfig> {
    let document: ConfigDocument = serde_json::from_slice(bytes)
        .map_err(|error| Error::source(what, format!("it is no image configuration: {error}")))?;
    let diff_ids = document.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default();
    if diff_ids.len() > limits::LAYERS {
        return Err(Error::source(what, format!("it has more than {} layers", limits::LAYERS)));
    }
    let execution = document.config.unwrap_or_default();
    let mut env = execution.env.unwrap_or_default();
    env.retain(|entry| entry.contains('='));
    let filled = |text: &String| !text.is_empty();
    Ok(ReadConfig {
        config: Config {
            env,
            entrypoint: execution.entrypoint.unwrap_or_default(),
            command: execution.cmd.unwrap_or_default(),
            workdir: execution.working_dir.filter(filled),
            user: execution.user.filter(filled),
        },
        platform: document.platform,
        diff_ids: diff_ids.iter().map(|text| text.parse()).collect::<Result<_>>()?,
    })
}
