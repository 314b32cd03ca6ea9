//! The project's own chores, each in a file of its own: `cargo xtask CHORE`.

mod archive;
mod bench;
mod ci;
mod elf;
mod fixtures;
mod layout;
mod machine;
mod process;
mod suite;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Make the fixtures and run our own suite in cases/
    Test(suite::Options),
    /// Everything that must hold before a change is taken, step by step
    Ci(ci::Options),
    /// Measure how fast belljar is, beside others
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Make the images that cases run in
    Fixtures(fixtures::Options),
    /// Check the rules of the house that no compiler checks
    Tidy,
}

fn main() -> ExitCode {
    let result = match Chore::parse() {
        Chore::Test(options) => suite::test(&options),
        Chore::Ci(options) => ci::run(&options).map(|()| ExitCode::SUCCESS),
        Chore::Bench(bench) => bench::run(&bench).map(|()| ExitCode::SUCCESS),
        Chore::Fixtures(options) => fixtures::make(&options).map(|()| ExitCode::SUCCESS),
        Chore::Tidy => tidy::run().map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
