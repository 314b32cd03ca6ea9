//! `cargo xtask ci`: everything that must hold before a change is taken. The first failure ends it.

mod ordinary_user;
mod packages;
mod real;

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{fixtures, process, suite, tidy, workspace};

/// What `cargo xtask ci` can be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these steps; all of them where none is named
    #[arg(value_name = "STEP", value_parser = step_names())]
    only: Vec<String>,
}

/// How a step that did not fail has ended.
enum Outcome {
    Done,
    Skipped(&'static str),
}

struct Step {
    name: &'static str,
    run: fn() -> Result<Outcome>,
}

/// In the order in which they run: what is quick or needed by others comes first.
const STEPS: &[Step] = &[
    Step { name: "packages", run: packages::ensure_installed },
    Step { name: "format", run: format },
    Step { name: "tidy", run: || done(tidy::run()) },
    Step { name: "lints", run: lints },
    Step { name: "docs", run: docs },
    Step { name: "dependencies", run: dependencies },
    Step { name: "fixtures", run: || done(fixtures::make_probe_image()) },
    Step { name: "real-fixtures", run: real::make_images },
    Step { name: "tests", run: || cargo(&["test", "--workspace"]) },
    Step { name: "nextest", run: nextest },
    Step { name: "suite", run: || done(suite::must_pass("cases")) },
    Step { name: "real-suite", run: real::run_suite },
    Step { name: "ordinary-user", run: ordinary_user::run },
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

fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
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
