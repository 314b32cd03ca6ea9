//! Images from the outside: made by hand, byte for byte where they are hostile, unpacked into a
//! store beside a victim whose content must stay what it was.
//!
//! The tests pass as root and as an ordinary user.

#![expect(clippy::unwrap_used, reason = "a helper of a test says what must hold by panicking")]

mod build;
mod docker_archive;
mod host;
mod identity;
mod layers;
mod layouts;
mod stacks;
mod store;
mod tars;
