//! `cargo xtask ci`: everything that must hold before a change is taken. The first failure ends it.

mod ordinary_user;
mod packages;
mod real;

use std::time::Instant;

use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::{fixtures, process, suite, tidy, workspace};

/// What `cargo xtask ci` can be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these steps; all of them where none is named
    #[arg(value_name = "STEP", value_parser = PossibleValuesParser::new(names()))]
    only: Vec<String>,
}

/// How a step that did not fail has ended.
enum Outcome {
    Done,
    Skipped(&'static str),
}

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<Outcome>,
}

const fn step(name: &'static str, what: &'static str, run: fn() -> Result<Outcome>) -> Step {
    Step { name, what, run }
}

/// In the order in which they run: what is quick or needed by others comes first.
const STEPS: &[Step] = &[
    step("packages", "Programs that other steps need are there", packages::ensure_installed),
    step("format", "Code is formatted", format),
    step("tidy", "The rules of the house hold", || done(tidy::run())),
    step("lints", "The compiler and clippy have nothing to say", lints),
    step("docs", "Documentation has no broken links", docs),
    step("dependencies", "Licences, origins and advisories of dependencies", dependencies),
    step("fixtures", "Make the image of our own suite", || done(fixtures::make_probe_image())),
    step("real-fixtures", "Make images of real systems, as root on Debian", real::make_images),
    step("tests", "All tests, by cargo", || cargo(&["test", "--workspace"])),
    step("nextest", "All tests, by nextest, each in a process of its own", nextest),
    step("suite", "Our own suite, in cases/", || done(suite::must_pass(suite::SUITE))),
    step("real-suite", "The suite of real programs, in tests/real/", real::run_suite),
    step("ordinary-user", "Where we are root: once more without", ordinary_user::run),
];

/// The chore.
pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let wanted =
        |step: &&Step| options.only.is_empty() || options.only.iter().any(|name| name == step.name);
    let mut summary = Vec::new();
    for step in STEPS.iter().filter(wanted) {
        println!("==> {}", step.name);
        let step_started = Instant::now();
        let result = (step.run)();
        let seconds = step_started.elapsed().as_secs_f64();
        let line = match &result {
            Ok(Outcome::Done) => format!("{:<14} {seconds:7.1} s", step.name),
            Ok(Outcome::Skipped(reason)) => format!("{:<14} skipped: {reason}", step.name),
            Err(_) => format!("{:<14} {seconds:7.1} s  FAILED", step.name),
        };
        println!("<== {line}\n");
        summary.push(line);
        result.with_context(|| format!("the step {} failed", step.name))?;
    }
    println!("{}\nall of it in {:.1} s", summary.join("\n"), started.elapsed().as_secs_f64());
    Ok(())
}

fn names() -> impl Iterator<Item = PossibleValue> {
    STEPS.iter().map(|step| PossibleValue::new(step.name).help(step.what))
}

fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Done)
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    done(process::run(&mut workspace::cargo(arguments)))
}

fn format() -> Result<Outcome> {
    cargo(&["fmt", "--all", "--check"])
}

fn lints() -> Result<Outcome> {
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn docs() -> Result<Outcome> {
    let mut cargo = workspace::cargo(&["doc", "--workspace", "--no-deps"]);
    done(process::run(cargo.env("RUSTDOCFLAGS", "-D warnings")))
}

fn dependencies() -> Result<Outcome> {
    if !process::is_installed("cargo-deny") {
        return Ok(Outcome::Skipped("cargo-deny is not installed"));
    }
    cargo(&["deny", "check"])
}

fn nextest() -> Result<Outcome> {
    if !process::is_installed("cargo-nextest") {
        return Ok(Outcome::Skipped("cargo-nextest is not installed"));
    }
    cargo(&["nextest", "run", "--workspace"])
}
