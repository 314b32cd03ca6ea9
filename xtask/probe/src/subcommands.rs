//! The table of subcommands.

use std::ffi::OsString;
use std::io;

use crate::{attacks, files, inspect, processes, streams};

/// What every subcommand is: arguments in, exit code out.
pub(crate) type Run = fn(&[OsString]) -> io::Result<u8>;

/// One row of the table.
pub(crate) struct Subcommand {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: Run,
}

const fn row(name: &'static str, about: &'static str, run: Run) -> Subcommand {
    Subcommand { name, about, run }
}

/// Every subcommand there is.
pub(crate) const SUBCOMMANDS: &[Subcommand] = &[
    row("echo", "prints its arguments", streams::echo),
    row("echo_stderr", "prints its arguments to stderr", streams::echo_stderr),
    row("cat", "copies stdin to stdout", streams::cat),
    row("flood", "writes to stdout for ever", streams::flood),
    row("not_reading", "exits after 100 ms and never reads stdin", streams::not_reading),
    row("mypid", "prints its process id", inspect::mypid),
    row("cwd", "prints the working directory", inspect::cwd),
    row("env", "prints the environment, sorted", inspect::env),
    row("fds", "prints each open file descriptor and what it leads to", inspect::fds),
    row("ids", "prints user, group and supplementary groups", inspect::ids),
    row("status", "FIELD…: prints lines of /proc/self/status", inspect::status),
    row("netdev", "prints the names of the network interfaces, sorted", inspect::netdev),
    row("ls", "[PATH]: prints the names in a directory, sorted", files::ls),
    row("touch", "PATH: makes an empty file", files::touch),
    row("open", "PATH r|w: opens a file and prints ok or the error", files::open),
    row("fill", "PATH: writes until that fails; prints the error and the MiB written", files::fill),
    row("exit", "CODE: exits with it", processes::exit),
    row("sleep", "SECONDS: sleeps", processes::sleep),
    row("signal", "NAME|NUMBER: ends itself by a signal", processes::signal),
    row("ignore_signals", "ignores every signal and sleeps for ever", processes::ignore_signals),
    row("daemon", "leaves a daemon behind that keeps stdout open", processes::daemon),
    row("zombies", "makes 200 orphans and counts those that nobody reaps", processes::zombies),
    row("stop_init", "attacks process 1 and prints what came of it", attacks::stop_init),
    row("chroot_escape", "tries to climb out of a chroot", attacks::chroot_escape),
    row("connect", "ADDRESS:PORT: connects by TCP and prints ok or the error", attacks::connect),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = SUBCOMMANDS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SUBCOMMANDS.len());
    }
}
