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
    match Arguments::parse().subcommand {
        Subcommand::Run(options) => run::main(&options),
        Subcommand::Test(options) => test::main(&options),
        Subcommand::Import(options) => import::main(&options),
    }
}
