//! `cargo xtask test`: our own suite, run by the belljar of this work tree.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use crate::{fixtures, process, workspace};

/// What `cargo xtask test` can be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build belljar with optimisations
    #[arg(long)]
    release: bool,
    /// Passed on to `belljar test cases`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// The chore. The exit code is the runner's own, so that scripts may rely on its table.
pub(crate) fn test(options: &Options) -> Result<ExitCode> {
    fixtures::make_probe_image()?;
    let mut runner = belljar_test("cases", options.release);
    let status = process::status(runner.args(&options.arguments))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// A step of `cargo xtask ci`: every case of a suite must pass.
pub(crate) fn must_pass(suite: &str) -> Result<()> {
    let status = process::status(&mut belljar_test(suite, false))?;
    ensure!(status.success(), "`belljar test {suite}` ended with {status}");
    Ok(())
}

/// cargo turns itself into the runner, so signals and exit codes pass through.
fn belljar_test(suite: &str, release: bool) -> Command {
    let mut cargo = workspace::cargo(&["run", "-p", "belljar"]);
    if release {
        cargo.arg("--release");
    }
    cargo.args(["--", "test", suite]);
    if std::env::var_os("BELLJAR_HOME").is_none() {
        cargo.env("BELLJAR_HOME", workspace::path("target/belljar-home"));
    }
    cargo
}
