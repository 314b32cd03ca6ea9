//! The harness seen from outside: files in; cases, verdicts and text out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what must hold by panicking, and so do their helpers"
)]

mod case_files;
mod failures;
mod folder;
mod mistakes;
mod suites;
mod verdicts;
