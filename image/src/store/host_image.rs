//! The image `host` in the store: made once for each state of its sources.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use super::Store;
use super::making::Making;
use crate::config::Config;
use crate::host;
use crate::rootfs::{Image, Rootfs, Tree};
use crate::{Error, Result};

impl Store {
    pub(super) fn host_image(&self) -> Result<Image> {
        let plan = host::plan();
        let fingerprint = plan.fingerprint();
        let place = self.home.join("host").join(fingerprint.hex());
        if !place.join("tree").is_dir() {
            let making = Making::begin(&self.home, &format!("host-{}", fingerprint.hex()))?;
            if !place.join("tree").is_dir() {
                let tree = making.folder()?.join("tree");
                DirBuilder::new()
                    .mode(0o700)
                    .create(&tree)
                    .map_err(|error| Error::system("make the folder", &tree, error))?;
                plan.write(&tree)?;
                making.finish(&place)?;
            }
        }
        let mut trees = vec![Tree { at: "/".into(), layers: vec![place.join("tree")] }];
        let mounted = plan.mounted.into_iter();
        trees.extend(mounted.map(|path| Tree { at: path.clone(), layers: vec![path] }));
        let config = Config { command: vec!["/bin/sh".into()], ..Config::bare() };
        Ok(Image { rootfs: Rootfs { trees }, config })
    }
}
