//! The one program of the fixture image. Each subcommand shows one thing about the place it runs in,
//! or attacks it in one way; a case then says what must come of it.
//!
//! Like busybox, it looks at the name it was called by: `mypid` and `probe mypid` are the same.
//! What goes wrong is printed to stderr and ends with exit code 2.
//!
//! The program starts without the set-up of Rust's runtime (see `system::main`), because that set-up
//! ignores SIGPIPE, handles SIGSEGV and opens missing standard streams: a probe that has changed
//! what it was given cannot report it.

#![cfg_attr(not(test), no_main)]

mod attacks;
mod files;
mod inspect;
mod processes;
mod streams;
mod subcommands;
mod system;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use subcommands::SUBCOMMANDS;

/// The name under which the first argument names the subcommand.
const OWN_NAME: &str = "probe";

/// The whole program: find the subcommand, run it, turn its result into an exit code.
fn run(mut arguments: Vec<OsString>) -> u8 {
    if !arguments.is_empty() && called_as(&arguments[0]) == OWN_NAME {
        arguments.remove(0);
    }
    let name = arguments.first().map(called_as).unwrap_or_default();
    let Some(subcommand) = SUBCOMMANDS.iter().find(|known| known.name == name) else {
        return usage(&name);
    };
    let result = (subcommand.run)(&arguments[1..]).and_then(|code| {
        io::stdout().flush()?;
        Ok(code)
    });
    result.unwrap_or_else(|error| complain(&error.to_string()))
}

/// The last component of the name a program was called by.
fn called_as(argument: &OsString) -> String {
    let name = Path::new(argument).file_name().unwrap_or(argument);
    name.to_string_lossy().into_owned()
}

fn usage(name: &str) -> u8 {
    let mut text = format!("no subcommand {name:?}; there are:\n");
    for subcommand in SUBCOMMANDS {
        text.push_str(&format!("  {:<15} {}\n", subcommand.name, subcommand.about));
    }
    complain(text.trim_end())
}

/// Prints to stderr where that is possible. There is nowhere to report a failure of stderr itself.
fn complain(message: &str) -> u8 {
    let _ = writeln!(io::stderr(), "{message}");
    2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_line(line: &str) -> u8 {
        run(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn the_subcommand_is_the_first_argument_or_the_own_name() {
        assert_eq!(run_line("/bin/probe exit 7"), 7);
        assert_eq!(run_line("/bin/exit 7"), 7);
    }

    #[test]
    fn what_is_not_understood_ends_with_2() {
        assert_eq!(run_line("probe"), 2);
        assert_eq!(run_line("probe fly"), 2);
        assert_eq!(run_line("exit never"), 2);
        assert_eq!(run(Vec::new()), 2);
    }
}
