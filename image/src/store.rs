//! The store: a folder of blobs and unpacked layers, each under the digest of its content.
//!
//! ```text
//! oci-layout, index.json, blobs/   a valid OCI image layout: the images that have a name
//! layers/sha256/<diff id>/         a layer unpacked on its own: `tree`, and `needs` beside it
//! stacked/sha256/<chain id>/       a layer unpacked for one stack, where that makes a difference
//! stacks/sha256/<chain id>         which of those make up the image
//! host/<fingerprint>/              the image `host`
//! archives/<digest>                what an archive held when it was last read
//! locks/, temp/                    one lock for each thing that is being made, and the thing
//! ```
//!
//! Everything is made in `temp` under its lock and then renamed, so that whatever is in its place
//! is whole. Whoever holds a lock may clear what a dead process left behind in `temp`.

mod archives;
mod host_image;
mod import;
mod layers;
mod making;
mod stacks;

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::digest::Digest;
use crate::limits::Limits;
use crate::name::Name;
use crate::reference::Reference;
use crate::rootfs::{Image, Rootfs};
use crate::source::{Container, Description};
use crate::{Error, Result};

/// A store, which any number of processes may use at the same time.
#[derive(Debug, Clone)]
pub struct Store {
    home: PathBuf,
    limits: Limits,
}

impl Store {
    /// Opens a store, and makes one if there is none. Nobody else may enter it: it may hold
    /// programs with the set-uid bit, as images have them.
    pub fn open(home: &Path) -> Result<Self> {
        let home = std::path::absolute(home)
            .map_err(|error| Error::system("find the folder", home, error))?;
        make_folder(&home)?;
        check_owner(&home)?;
        for folder in ["layers", "stacked", "stacks", "host", "archives", "locks", "temp"] {
            make_folder(&home.join(folder))?;
        }
        let store = Self { home, limits: Limits::default() };
        making::sweep(&store.home)?;
        Ok(store)
    }

    /// The same store with other limits for what is unpacked from now on.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where the store is, unless somebody says otherwise: `$BELLJAR_HOME`; for root
    /// `/var/lib/belljar`; `$XDG_DATA_HOME/belljar`; `$HOME/.local/share/belljar`.
    pub fn default_home() -> Result<PathBuf> {
        let is_root = rustix::process::geteuid().is_root();
        choose_home(is_root, |name| env::var_os(name).map(PathBuf::from))
    }

    /// Gives an image, and unpacks what of it is not unpacked yet.
    pub fn image(&self, reference: &Reference) -> Result<Image> {
        match reference {
            Reference::Host => self.host_image(),
            Reference::Rootfs { path } if path.is_dir() => in_place(path),
            Reference::Rootfs { path }
            | Reference::OciArchive { file: path, .. }
            | Reference::DockerArchive { file: path, .. } => self.archived_image(reference, path),
            Reference::Oci { .. } | Reference::Named(_) => {
                let (container, description) = self.describe(reference)?;
                self.stacked_image(reference, &container, description)
            }
        }
    }

    /// Copies an image into the store, so that it has a name and outlives its source. Gives the
    /// digest of its manifest.
    pub fn import(&self, source: &Reference, name: &Name) -> Result<Digest> {
        self.import_image(source, name)
    }

    /// Looks an image up in its source.
    fn describe(&self, reference: &Reference) -> Result<(Container, Description)> {
        let what = reference.to_string();
        let scratch = self.home.join("temp");
        match reference {
            Reference::Oci { dir, tag } => {
                let container = Container::Folder(dir.clone());
                let description = Description::of_layout(&container, tag.as_deref(), &what)?;
                Ok((container, description))
            }
            Reference::OciArchive { file, tag } => {
                let container = Container::archive(file, &scratch)?;
                let description = Description::of_layout(&container, tag.as_deref(), &what)?;
                Ok((container, description))
            }
            Reference::DockerArchive { file, name } => {
                let container = Container::archive(file, &scratch)?;
                let description = Description::of_docker_archive(&container, name.as_ref(), &what)?;
                Ok((container, description))
            }
            Reference::Named(name) => self.describe_named(name),
            Reference::Rootfs { path } => self.describe_rootfs(path, &what),
            Reference::Host => Err(Error::source(what, "it has no layers to copy")),
        }
    }

    fn describe_named(&self, name: &Name) -> Result<(Container, Description)> {
        let what = format!("{name} in the store {}", self.home.display());
        let index = self.index()?;
        let name = name.to_string();
        if !index.manifests.iter().any(|image| image.ref_name() == Some(&name)) {
            let names: Vec<&str> = index.manifests.iter().filter_map(|it| it.ref_name()).collect();
            let known = match names.as_slice() {
                [] => "the store has no images yet".to_owned(),
                names => format!("the store has {}", names.join(", ")),
            };
            return Err(Error::source(what, "there is no image of that name")
                .hint(format!("{known}; import one, such as from `oci:DIR:TAG`")));
        }
        let container = Container::Folder(self.home.clone());
        let description = Description::of_layout(&container, Some(&name), &what)?;
        Ok((container, description))
    }
}

/// A folder that is used as it is.
fn in_place(path: &Path) -> Result<Image> {
    let path = fs::canonicalize(path)
        .map_err(|error| Error::system("open the root file system", path, error))?;
    Ok(Image { rootfs: Rootfs::of_layers(vec![path]), config: Config::bare() })
}

fn choose_home(is_root: bool, get: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let get = |name| get(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(home) = get("BELLJAR_HOME") {
        return Ok(home);
    }
    if is_root {
        return Ok("/var/lib/belljar".into());
    }
    // A relative path there is invalid, says the XDG base directory specification.
    if let Some(data) = get("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
        return Ok(data.join("belljar"));
    }
    match get("HOME") {
        Some(home) => Ok(home.join(".local/share/belljar")),
        None => Err(Error::store(Path::new("belljar"), "neither BELLJAR_HOME nor HOME is set")
            .hint("set BELLJAR_HOME to a folder of your own")),
    }
}

fn make_folder(path: &Path) -> Result<()> {
    // One call where it is there already, which is nearly always.
    if path.is_dir() {
        return Ok(());
    }
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Err(error) => Err(Error::system("make the folder", path, error)),
        Ok(()) => Ok(()),
    }
}

fn check_owner(home: &Path) -> Result<()> {
    let metadata = fs::metadata(home).map_err(|error| Error::system("open", home, error))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        let reason = format!("it belongs to another user (uid {})", metadata.uid());
        return Err(Error::store(home, reason).hint("set BELLJAR_HOME to a folder of your own"));
    }
    if metadata.mode() & 0o077 != 0 {
        let reason = format!("others may enter it (mode {:o})", metadata.mode() & 0o7777);
        let hint = format!("close it with `chmod 700 {}`", home.display());
        return Err(Error::store(home, reason).hint(hint));
    }
    Ok(())
}

/// Reads a small file of the store. `None`: there is none.
fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::system("read", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_chosen_by_who_and_where() {
        let choose = |is_root, set: &[(&str, &str)]| {
            let get = |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
            };
            choose_home(is_root, get).map(|home| home.display().to_string())
        };
        let all = [("BELLJAR_HOME", "/b"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(choose(true, &all).unwrap(), "/b");
        assert_eq!(choose(true, &all[1..]).unwrap(), "/var/lib/belljar");
        assert_eq!(choose(false, &all[1..]).unwrap(), "/x/belljar");
        assert_eq!(choose(false, &all[2..]).unwrap(), "/h/.local/share/belljar");
        assert_eq!(
            choose(false, &[("XDG_DATA_HOME", "x"), ("HOME", "/h")]).unwrap(),
            "/h/.local/share/belljar"
        );
        assert!(choose(false, &[]).is_err());
    }
}
