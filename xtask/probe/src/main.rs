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

/// The whole program. There is nowhere to report a failure of stderr itself.
fn run(arguments: Vec<OsString>) -> u8 {
    answer(arguments).unwrap_or_else(|message| {
        let _ = writeln!(io::stderr(), "{message}");
        2
    })
}

/// Finds the subcommand and runs it; returns its exit code or what to complain about.
fn answer(mut arguments: Vec<OsString>) -> Result<u8, String> {
    if !arguments.is_empty() && called_as(&arguments[0]) == OWN_NAME {
        arguments.remove(0);
    }
    let name = arguments.first().map(called_as).unwrap_or_default();
    let subcommand = SUBCOMMANDS.iter().find(|known| known.name == name);
    let subcommand = subcommand.ok_or_else(|| usage(&name))?;
    let code = (subcommand.run)(&arguments[1..]).map_err(|error| error.to_string())?;
    io::stdout().flush().map_err(|error| error.to_string())?;
    Ok(code)
}

/// The last component of the name a program was called by.
fn called_as(argument: &OsString) -> String {
    let name = Path::new(argument).file_name().unwrap_or(argument);
    name.to_string_lossy().into_owned()
}

fn usage(name: &str) -> String {
    let rows = SUBCOMMANDS.iter().map(|row| format!("\n  {:<15} {}", row.name, row.about));
    format!("no subcommand {name:?}; there are:{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_subcommand_is_the_first_argument_or_the_own_name() {
        assert_eq!(run(words("/bin/probe exit 7")), 7);
        assert_eq!(run(words("/bin/exit 7")), 7);
    }

    #[test]
    fn what_is_not_understood_is_complained_about() {
        assert!(answer(words("probe")).unwrap_err().starts_with("no subcommand \"\""));
        assert!(answer(words("probe fly")).unwrap_err().starts_with("no subcommand \"fly\""));
        assert!(answer(words("exit never")).is_err());
        assert!(answer(Vec::new()).is_err());
    }
}
