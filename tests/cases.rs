//! The suite in cases/ as tests of cargo: `cargo test` and `cargo nextest run` list and run each case.

use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !root.join("cases/.images/probe").exists() {
        let made =
            Command::new(env!("CARGO")).current_dir(root).args(["xtask", "fixtures"]).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("error: failed to make the fixture image\nhint: run `cargo xtask fixtures`");
            return ExitCode::FAILURE;
        }
    }
    belljar_harness::libtest::main(&root.join("cases"), "cargo xtask test --exact --")
}
