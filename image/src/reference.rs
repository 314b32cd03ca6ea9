//! References: how a user says which image is meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::name::Name;
use crate::{Error, Result};

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// `oci:DIR[:TAG]`: a folder in the OCI image layout.
    Oci {
        /// The folder.
        dir: PathBuf,
        /// The tag; without one, the folder must hold one image.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`: such a folder as a tar file, also compressed.
    OciArchive {
        /// The tar file.
        file: PathBuf,
        /// The tag; without one, the file must hold one image.
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:NAME]`: what `docker save` writes, also compressed.
    DockerArchive {
        /// The tar file.
        file: PathBuf,
        /// The name; without one, the file must hold one image.
        name: Option<Name>,
    },
    /// `rootfs:DIR` or `rootfs:FILE.tar[.gz|.zst]`: a root file system as it is.
    Rootfs {
        /// The folder or the tar file.
        path: PathBuf,
    },
    /// `host`: the programs of this machine.
    Host,
    /// An image in the store.
    Named(Name),
}

/// The forms that are accepted, for messages.
pub(crate) const FORMS: &str = "oci:DIR[:TAG], oci-archive:FILE[:TAG], \
    docker-archive:FILE[:NAME], rootfs:DIR, rootfs:FILE.tar[.gz|.zst], host, \
    or a name in the store such as busybox:1.36";

/// Whether a word in front of a colon has a meaning of its own.
pub(crate) fn is_reserved(word: &str) -> bool {
    matches!(word, "oci" | "oci-archive" | "docker-archive" | "rootfs" | "host")
}

impl Reference {
    /// Makes a relative path relative to `base`, such as the folder of the file that it stood in.
    /// (A `base` with a colon in it gives a reference that is not read back from its own text.)
    #[must_use]
    pub fn resolve_from(self, base: &Path) -> Self {
        match self {
            Self::Oci { dir, tag } => Self::Oci { dir: base.join(dir), tag },
            Self::OciArchive { file, tag } => Self::OciArchive { file: base.join(file), tag },
            Self::DockerArchive { file, name } => {
                Self::DockerArchive { file: base.join(file), name }
            }
            Self::Rootfs { path } => Self::Rootfs { path: base.join(path) },
            Self::Host | Self::Named(_) => self,
        }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |reason: String| Error::reference(text, reason);
        if text == "host" {
            return Ok(Self::Host);
        }
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        if !is_reserved(scheme) {
            let name = text.parse().map_err(|error: Error| wrong(error.to_string()))?;
            return Ok(Self::Named(name));
        }
        if scheme == "host" {
            return Err(wrong("`host` has nothing behind it".into()));
        }
        if scheme == "rootfs" {
            return match rest {
                "" => Err(wrong("there is no path behind `rootfs:`".into())),
                path => Ok(Self::Rootfs { path: path.into() }),
            };
        }
        // As other tools have it: the path ends at the first colon, a tag may have more.
        let (path, tag) = match rest.split_once(':') {
            Some((_, "")) => return Err(wrong("there is no tag behind the colon".into())),
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.is_empty() {
            return Err(wrong(format!("there is no path behind `{scheme}:`")));
        }
        let owned = tag.map(str::to_owned);
        match scheme {
            "oci" => Ok(Self::Oci { dir: path.into(), tag: owned }),
            "oci-archive" => Ok(Self::OciArchive { file: path.into(), tag: owned }),
            _ => {
                let name = tag.map(str::parse).transpose();
                let name = name.map_err(|error: Error| wrong(error.to_string()))?;
                Ok(Self::DockerArchive { file: path.into(), name })
            }
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, tag) = match self {
            Self::Oci { dir, tag } => ("oci", dir, tag.clone()),
            Self::OciArchive { file, tag } => ("oci-archive", file, tag.clone()),
            Self::DockerArchive { file, name } => {
                ("docker-archive", file, name.as_ref().map(ToString::to_string))
            }
            Self::Rootfs { path } => ("rootfs", path, None),
            Self::Host => return formatter.write_str("host"),
            Self::Named(name) => return name.fmt(formatter),
        };
        write!(formatter, "{scheme}:{}", path.display())?;
        match tag {
            Some(tag) => write!(formatter, ":{tag}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shown_as_they_were_written() {
        for text in [
            "host",
            "busybox:1.36",
            "oci:images/a",
            "oci:/images/a:1.36",
            "oci:/store:busybox:1.36",
            "oci-archive:a.tar",
            "oci-archive:a.tar:v1",
            "docker-archive:a.tar",
            "docker-archive:a.tar:busybox:1.36",
            "rootfs:/srv/root",
            "rootfs:a:b.tar.gz",
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        assert_eq!("busybox".parse::<Reference>().unwrap().to_string(), "busybox:latest");
    }

    #[test]
    fn a_wrong_reference_shows_the_right_forms() {
        for text in [
            "",
            "oci",
            "oci:",
            "oci::tag",
            "oci:dir:",
            "rootfs:",
            "host:1",
            "docker-archive:f:N",
            "docker://busybox",
            "./rootfs",
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains("oci-archive:FILE[:TAG]"), "{text:?}: {error}");
        }
    }

    #[test]
    fn relative_paths_are_resolved() {
        let resolve = |text: &str| {
            text.parse::<Reference>().unwrap().resolve_from(Path::new("/suite")).to_string()
        };
        assert_eq!(resolve("oci:images/a:1"), "oci:/suite/images/a:1");
        assert_eq!(resolve("rootfs:/srv"), "rootfs:/srv");
        assert_eq!(resolve("busybox:1"), "busybox:1");
    }
}
