//! The exit codes of belljar, and what each one means. Usage errors end with 2 before anything
//! here: clap(1)'s code for them.

/// A case file is wrong, or the command line is.
pub(crate) const USAGE: u8 = 2;
/// We could not judge: the sandbox or an image failed.
pub(crate) const ERROR: u8 = 3;
/// No case was selected.
pub(crate) const NO_CASE: u8 = 4;
/// A case failed, as with `cargo test`.
pub(crate) const FAILED: u8 = 101;

/// `run` only: belljar itself failed, as with `docker run`.
pub(crate) const RUN_ERROR: u8 = 125;
/// `run` only: the program cannot be executed.
pub(crate) const RUN_NOT_EXECUTABLE: u8 = 126;
/// `run` only: there is no such program.
pub(crate) const RUN_NOT_FOUND: u8 = 127;
/// `run` only: added to the number of the signal that ended the program.
pub(crate) const RUN_SIGNAL: u8 = 128;
