//! Names of images, as docker has them: `busybox:1.36`, `ghcr.io/owner/name@sha256:…`.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::{Error, Result};

/// The name of an image in a store or a registry.
///
/// There is one door, [`FromStr`]. Behind it every part is there: `busybox` is
/// `docker.io/library/busybox:latest`. It is shown as short as it was meant: `busybox:latest`.
/// Specification: distribution `reference` package, grammar; a host has a `.` or a `:` in it or is
/// `localhost`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

const DOCKER_HUB: &str = "docker.io";
const LIBRARY: &str = "library/";
const MOST_BYTES: usize = 255;
const TAG_BYTES: usize = 128;

impl Name {
    /// The registry, such as `docker.io`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository in that registry, such as `library/busybox`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` where neither a tag nor a digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, which counts more than the tag.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |reason: &str| Error::name(text, reason);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the port of a host.
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match rest[slash..].find(':') {
            Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
            None => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong(
                "a tag is 1 to 128 letters, digits, `_`, `.` or `-`, \
                              the first of them no `.` or `-`",
            ));
        }
        let (host, path) = match path.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path),
            _ => (DOCKER_HUB, path),
        };
        let host = if host == "index.docker.io" { DOCKER_HUB } else { host };
        let repository = match path {
            _ if host == DOCKER_HUB && !path.contains('/') => format!("{LIBRARY}{path}"),
            _ => path.to_owned(),
        };
        if path.is_empty() || !repository.split('/').all(is_component) {
            return Err(wrong(
                "a name is made of lower-case letters and digits, with `.`, `_`, `__` \
                              or `-` between them, and `/` between its parts",
            ));
        }
        if host.len() + 1 + repository.len() > MOST_BYTES {
            return Err(wrong("it is longer than 255 bytes"));
        }
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("latest".to_owned()),
        };
        Ok(Self { host: host.to_owned(), repository, tag, digest })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.repository.strip_prefix(LIBRARY).unwrap_or(&self.repository);
        if self.host != DOCKER_HUB || crate::reference::is_reserved(short) {
            write!(formatter, "{}/{}", self.host, self.repository)?;
        } else {
            formatter.write_str(short)?;
        }
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= TAG_BYTES
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let is_named = text == "localhost" || text.contains(['.', ':']);
    is_named
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()))
        && name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// Letters and digits, with a separator (`.`, `_`, `__`, any number of `-`) between them.
fn is_component(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = text.split(|letter: char| letter.is_ascii() && is_plain(letter as u8));
    let count = separators.clone().count();
    let ends_plainly =
        text.bytes().next().is_some_and(is_plain) && text.bytes().next_back().is_some_and(is_plain);
    ends_plainly
        && separators.enumerate().all(|(at, separator)| {
            let is_inside = at > 0 && at + 1 < count;
            matches!(separator, "")
                || (is_inside
                    && (matches!(separator, "." | "_" | "__")
                        || separator.bytes().all(|byte| byte == b'-')))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_short_and_read_back() {
        let digest = Digest::of(b"");
        for (text, shown) in [
            ("busybox", "busybox:latest"),
            ("busybox:1.36", "busybox:1.36"),
            ("docker.io/library/busybox:1.36", "busybox:1.36"),
            ("index.docker.io/busybox", "busybox:latest"),
            ("owner/name", "owner/name:latest"),
            ("ghcr.io/o/n:v1", "ghcr.io/o/n:v1"),
            ("localhost/n", "localhost/n:latest"),
            ("localhost:5000/a/b__c-d.e:T_1", "localhost:5000/a/b__c-d.e:T_1"),
            ("docker.io/library/host", "docker.io/library/host:latest"),
            ("docker.io/library/oci:1", "docker.io/library/oci:1"),
        ] {
            let name: Name = text.parse().unwrap();
            assert_eq!(name.to_string(), shown);
            assert_eq!(shown.parse::<Name>().unwrap(), name);
        }
        let text = format!("ghcr.io/o/n@{digest}");
        let name: Name = text.parse().unwrap();
        assert_eq!((name.tag(), name.digest()), (None, Some(&digest)));
        assert_eq!(name.to_string(), text);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            ":tag",
            "Upper",
            "a//b",
            "a/",
            "/a",
            "a b",
            "a:",
            "a:-b",
            "a:b/c",
            "../a",
            "a..b",
            "a___b",
            "-a",
            "a-",
            "a@sha256:12",
            "host:port/a",
            "ghcr.io/",
            "a.b-/c",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        assert!(format!("a:{}", "b".repeat(129)).parse::<Name>().is_err());
        assert!("a".repeat(300).parse::<Name>().is_err());
    }
}
