//! The harness seen from outside: files in; cases, verdicts and text out.

mod case_files;
mod failures;
mod folder;
mod mistakes;
mod suites;
mod verdicts;
