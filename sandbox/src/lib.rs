//! Run one command in a fresh, sealed sandbox made of Linux namespaces.

mod command;
mod limits;
mod outcome;

pub use command::{Command, Identity, PidOne, PlacedFile, Rootfs, Tree};
pub use limits::Limits;
pub use outcome::{Captured, Ending, NotStarted, Outcome, Stream};
