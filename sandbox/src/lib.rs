//! Run one command in a fresh, sealed sandbox made of Linux namespaces: no daemon, no root needed.
//!
//! # Terminology
//! The **payload** is the process under test. **Init** is our PID 1 beside it. The **nursery** is a
//! small process that inits are born from. The **base** is the one tmpfs of a sandbox, which holds
//! every byte that the payload can write. A **step** is one prepared action of a child; a sandbox is
//! compiled to a list of them.
//!
//! # How it works
//! [`Sandbox::new`] compiles a [`Rootfs`], a [`Command`] and [`Limits`] to steps. [`Sandbox::run`]
//! hands the list to this thread's nursery, which holds user, network, UTS and cgroup namespaces and
//! starts an init in new mount, PID and IPC namespaces. Init walks the list and reports the first
//! failure as (step, errno). The parent moves the streams, keeps the limits from outside and returns
//! an [`Outcome`]. Nothing is mounted in the host's mount namespace and nothing is written to the
//! host's disk, so nothing can be left behind.
//!
//! A program that runs sandboxes calls [`run_from_sealed_copy`] first in its `main`.
//!
//! # What it does not do
//! It does not judge, knows nothing of images, and offers no way to run without isolation: a layer
//! that cannot be had is an [`Error`].

mod child;
mod command;
mod compile;
mod descriptors;
mod error;
mod filter;
mod id_map;
mod limits;
mod mounts;
mod nursery;
mod outcome;
mod perform;
mod process;
mod program;
mod report;
mod request;
mod sandbox;
mod sealed_self;
mod step;
mod streams;
mod sys;
mod template;
mod text;

pub use command::{Command, Identity, PidOne, PlacedFile, Rootfs, Tree};
pub use compile::DEFAULT_PATH;
pub use error::{Error, Result};
pub use limits::Limits;
pub use outcome::{Captured, Ending, NotStarted, Outcome, Stream};
pub use sandbox::Sandbox;
pub use sealed_self::run_from_sealed_copy;
pub use streams::{Input, Output, Streams};
