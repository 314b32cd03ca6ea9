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
    /// Passed on to `belljar test cases`, such as --bless
    #[arg(allow_hyphen_values = true)]
    arguments: Vec<String>,
    /// Parts of names: only cases that have one of them are run
    #[arg(last = true)]
    filters: Vec<String>,
}

impl Options {
    /// The words after the suite; the parser has taken the separator away.
    fn passed_on(&self) -> Vec<&str> {
        let mut words: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        if !self.filters.is_empty() {
            words.push("--");
            words.extend(self.filters.iter().map(String::as_str));
        }
        words
    }
}

/// The chore. The exit code is the runner's own, so that scripts may rely on its table.
pub(crate) fn test(options: &Options) -> Result<ExitCode> {
    fixtures::make_probe_image()?;
    let mut runner = belljar_test("cases", options.release);
    let status = process::status(runner.args(options.passed_on()))?;
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn passed_on(line: &str) -> String {
        let line = Line::try_parse_from(line.split(' ')).unwrap();
        format!("{} {}", line.options.release, line.options.passed_on().join(" "))
    }

    #[test]
    fn what_is_not_ours_is_passed_on() {
        assert_eq!(passed_on("test"), "false ");
        assert_eq!(passed_on("test --bless"), "false --bless");
        assert_eq!(passed_on("test -- stdio fs"), "false -- stdio fs");
        assert_eq!(passed_on("test --release -j 4 -- stdio"), "true -j 4 -- stdio");
        assert_eq!(passed_on("test --seed=1 --bless a/b"), "false --seed=1 --bless a/b");
    }
}
