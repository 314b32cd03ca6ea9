//! Container images from local sources, verified and unpacked into a content-addressed store.
//!
//! A [`Reference`] names an image. A [`Store`] turns it into an [`Image`]: a [`Rootfs`] (the
//! ordered directories that an overlay mount stacks) and a [`Config`] (environment, command, user).
//!
//! # How a layer gets into the store
//!
//! Blob → size and digest → decompression → diff id → entries, all in one pass, into a temporary
//! folder of the store under one lock for each layer; then one rename. A layer that is there was
//! verified when it came in and is never read again.
//!
//! # What this crate does not do
//!
//! It talks to no network, mounts nothing, starts no program and never gives a layer a device
//! node. It never resolves a path through an image by name: symlinks in an image are followed by
//! this crate itself, inside the root of the image, and the kernel is told to follow none.
//!
//! ```no_run
//! # fn main() -> belljar_image::Result<()> {
//! use belljar_image::{Reference, Store};
//!
//! let store = Store::open(&Store::default_home()?)?;
//! let reference: Reference = "oci:images/busybox:1.36".parse()?;
//! let image = store.image(&reference)?;
//! for layer in &image.rootfs.trees[0].layers {
//!     println!("{}", layer.display());
//! }
//! # Ok(())
//! # }
//! ```

mod beneath;
mod config;
mod decode;
mod digest;
mod document;
mod error;
mod host;
mod identity;
mod layer;
mod limits;
mod name;
mod platform;
mod reference;
mod removal;
mod rootfs;
mod source;
mod store;
mod tape;
mod walk;

pub use config::Config;
pub use digest::Digest;
pub use error::{Error, Result};
pub use identity::Identity;
pub use limits::Limits;
pub use name::Name;
pub use reference::Reference;
pub use rootfs::{Image, Rootfs, Tree};
pub use store::Store;
