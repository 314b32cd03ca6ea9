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
    /// Passed on to `belljar test`, such as -j 4; a file or folder is run in place of cases/
    #[arg(allow_hyphen_values = true)]
    arguments: Vec<String>,
    /// Parts of names: only cases that have one of them are run
    #[arg(last = true)]
    filters: Vec<String>,
}

/// What is run where nothing else is named.
pub(crate) const SUITE: &str = "cases";

/// The cases that run in images of real systems.
pub(crate) const REAL: &str = "tests/real";

impl Options {
    /// The words after `belljar test`. The parser has taken the separator away.
    fn passed_on(&self) -> Vec<String> {
        let mut words = vec!["--called-as".to_owned(), self.called_as()];
        if self.paths().next().is_none() {
            words.push(SUITE.to_owned());
        }
        words.extend(self.arguments.iter().cloned());
        if !self.filters.is_empty() {
            words.push("--".to_owned());
            words.extend(self.filters.iter().cloned());
        }
        words
    }

    /// What one types to run one of these cases alone, but for options and the name.
    fn called_as(&self) -> String {
        let release = self.release.then_some("--release");
        ["cargo xtask test"]
            .into_iter()
            .chain(release)
            .chain(self.paths())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Files and folders among the words: belljar takes what is not there for a filter.
    fn paths(&self) -> impl Iterator<Item = &str> {
        let words = self.arguments.iter().map(String::as_str);
        words.filter(|word| !word.starts_with('-') && workspace::path(word).exists())
    }
}

/// The chore. The exit code is the runner's own, so that scripts may rely on its table.
pub(crate) fn test(options: &Options) -> Result<ExitCode> {
    fixtures::make_probe_image()?;
    ensure!(
        fixtures::real_images_are_there() || !options.paths().any(|path| path.starts_with(REAL)),
        "the images of {REAL} are missing\nhint: `cargo xtask fixtures --real` makes them"
    );
    let mut runner = belljar("test", options.release);
    let status = process::status(runner.args(options.passed_on()))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// A step of `cargo xtask ci`: every case of a suite must pass.
pub(crate) fn must_pass(suite: &str) -> Result<()> {
    let arguments = if suite == SUITE { Vec::new() } else { vec![suite.to_owned()] };
    let options = Options { release: false, arguments, filters: Vec::new() };
    let status = process::status(belljar("test", false).args(options.passed_on()))?;
    ensure!(status.success(), "`belljar test {suite}` ended with {status}");
    Ok(())
}

/// The belljar of this work tree, with a store of its own. cargo turns itself into belljar, so signals
/// and exit codes pass through.
pub(crate) fn belljar(subcommand: &str, release: bool) -> Command {
    let mut cargo = workspace::cargo(&["run", "-p", "belljar"]);
    if release {
        cargo.arg("--release");
    }
    cargo.args(["--", subcommand]);
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

    fn options(line: &str) -> Options {
        Line::try_parse_from(line.split(' ')).unwrap().options
    }

    /// The words after `--called-as` and its value.
    fn passed_on(line: &str) -> String {
        options(line).passed_on()[2..].join(" ")
    }

    #[test]
    fn what_is_not_ours_is_passed_on() {
        assert_eq!(passed_on("test"), "cases");
        assert_eq!(passed_on("test --list"), "cases --list");
        assert_eq!(passed_on("test -- stdio fs"), "cases -- stdio fs");
        assert_eq!(passed_on("test --release -j 4 -- stdio"), "cases -j 4 -- stdio");
        assert_eq!(passed_on("test --exact -- a::b"), "cases --exact -- a::b");
        assert!(options("test --release -j 4").release);
    }

    #[test]
    fn a_folder_takes_the_place_of_the_suite_and_a_filter_does_not() {
        assert_eq!(passed_on("test cases/stdio -j 4"), "cases/stdio -j 4");
        assert_eq!(passed_on("test no-such-folder"), "cases no-such-folder");
    }

    #[test]
    fn one_case_is_run_again_as_all_were_run() {
        assert_eq!(options("test -j 4 -- a").called_as(), "cargo xtask test");
        assert_eq!(options("test --release").called_as(), "cargo xtask test --release");
        assert_eq!(options("test cases/stdio").called_as(), "cargo xtask test cases/stdio");
    }
}
