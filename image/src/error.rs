//! What goes wrong, said so that the reader knows which file it is about and what to do next.
//!
//! Messages are complete (the cause is in them, `source` is empty) and read "failed to …". A line
//! `hint:` follows where there is a next step.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::layer::LayerProblem;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Kind>);

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error(
        "failed to read the image reference `{text}`: {reason}\nhint: write one of {}",
        crate::reference::FORMS
    )]
    Reference { text: String, reason: String },
    #[error("failed to read the image name `{text}`: {reason}")]
    Name { text: String, reason: String },
    #[error(
        "failed to read the digest `{text}`: it must be `sha256:` and 64, or `sha512:` and 128, \
         hexadecimal digits in lower case"
    )]
    Digest { text: String },
    #[error("failed to {action} {}: {cause}", path.display())]
    System { action: &'static str, path: PathBuf, cause: io::Error },
    #[error("failed to read {what}: expected {expected}, found {found}")]
    Mismatch { what: String, expected: String, found: String },
    #[error("failed to read {what}: {reason}{}", Hint(hint))]
    Source { what: String, reason: String, hint: Option<String> },
    #[error("failed to unpack layer {layer} of {image}: {problem}")]
    Layer { image: String, layer: String, problem: LayerProblem },
    #[error("failed to open the store {}: {reason}{}", home.display(), Hint(hint))]
    Store { home: PathBuf, reason: String, hint: Option<String> },
    #[error("failed to find the user `{user}`: {reason}")]
    User { user: String, reason: String },
}

impl Error {
    pub(crate) fn reference(text: &str, reason: impl Into<String>) -> Self {
        Kind::Reference { text: text.into(), reason: reason.into() }.into()
    }

    pub(crate) fn name(text: &str, reason: impl Into<String>) -> Self {
        Kind::Name { text: text.into(), reason: reason.into() }.into()
    }

    pub(crate) fn digest(text: &str) -> Self {
        Kind::Digest { text: text.into() }.into()
    }

    /// A system call that failed. `action` is a verb: "open", "make the folder".
    pub(crate) fn system(action: &'static str, path: &Path, cause: impl Into<io::Error>) -> Self {
        Kind::System { action, path: path.into(), cause: cause.into() }.into()
    }

    pub(crate) fn mismatch(
        what: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Kind::Mismatch {
            what: what.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
        .into()
    }

    pub(crate) fn source(what: impl fmt::Display, reason: impl Into<String>) -> Self {
        Kind::Source { what: what.to_string(), reason: reason.into(), hint: None }.into()
    }

    pub(crate) fn layer(
        image: impl fmt::Display,
        layer: impl fmt::Display,
        problem: LayerProblem,
    ) -> Self {
        Kind::Layer { image: image.to_string(), layer: layer.to_string(), problem }.into()
    }

    pub(crate) fn store(home: &Path, reason: impl Into<String>) -> Self {
        Kind::Store { home: home.into(), reason: reason.into(), hint: None }.into()
    }

    pub(crate) fn user(user: &str, reason: impl Into<String>) -> Self {
        Kind::User { user: user.into(), reason: reason.into() }.into()
    }

    /// Adds the next step to the kinds that have room for one.
    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Kind::Source { hint, .. } | Kind::Store { hint, .. } = &mut *self.0 {
            *hint = Some(text.into());
        }
        self
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(formatter, "\nhint: {text}"),
            None => Ok(()),
        }
    }
}
