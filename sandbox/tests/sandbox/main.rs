//! The sandbox from outside: what a payload sees, what it cannot do, and how runs end.
//!
//! The payloads are shell scripts of this machine, so the tests need nothing but a machine that
//! can make sandboxes. They pass as root and as an ordinary user.

#![expect(clippy::unwrap_used, reason = "a test says what must hold by panicking")]

mod endings;
mod files;
mod isolation;
mod processes;
mod support;
