//! The command `belljar`: parse, call, print, exit code.

mod arguments;
mod exit_code;
mod import;
mod print;
mod run;
mod test;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Subcommand};

fn main() -> ExitCode {
    if let Err(error) = belljar_sandbox::run_from_sealed_copy() {
        return print::error(&error, exit_code::RUN_ERROR);
    }
    match Arguments::parse().subcommand {
        Subcommand::Run(options) => run::main(&options),
        Subcommand::Test(options) => test::main(&options),
        Subcommand::Import(options) => import::main(&options),
    }
}
