//! The command from outside: what it prints, its exit codes, and what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test says what must hold by panicking")]

mod lifecycle;
mod run;
mod suites;
mod support;
