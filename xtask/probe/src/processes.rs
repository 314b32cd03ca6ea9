//! Subcommands about processes and signals.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::system::{self, Fork};

/// How many orphans `zombies` makes.
const ORPHANS: usize = 200;

/// How long `zombies` gives process 1 to reap them.
const REAPING_TIME: Duration = Duration::from_secs(3);

/// How long the daemon of `daemon` lives where nobody ends it.
const DAEMON_LIFE: Duration = Duration::from_secs(1000);

pub(crate) fn exit(arguments: &[OsString]) -> io::Result<u8> {
    number(argument(arguments, 0, "CODE")?)
}

pub(crate) fn sleep(arguments: &[OsString]) -> io::Result<u8> {
    let seconds = number(argument(arguments, 0, "SECONDS")?)?;
    thread::sleep(Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?);
    Ok(0)
}

pub(crate) fn signal(arguments: &[OsString]) -> io::Result<u8> {
    let name = argument(arguments, 0, "NAME or NUMBER")?;
    let signal = match system::signal_number(&name.to_string_lossy()) {
        Some(signal) => signal,
        None => number(name)?,
    };
    system::raise_with_default_action(signal)?;
    println!("still alive");
    Ok(0)
}

pub(crate) fn ignore_signals(_: &[OsString]) -> io::Result<u8> {
    system::ignore_every_signal();
    loop {
        thread::sleep(DAEMON_LIFE);
    }
}

pub(crate) fn daemon(_: &[OsString]) -> io::Result<u8> {
    match system::fork()? {
        Fork::Child => {
            system::new_session()?;
            thread::sleep(DAEMON_LIFE);
            system::leave()
        }
        Fork::Parent(_) => {
            println!("started");
            Ok(0)
        }
    }
}

pub(crate) fn zombies(_: &[OsString]) -> io::Result<u8> {
    io::stdout().flush()?;
    for _ in 0..ORPHANS {
        make_orphan()?;
    }
    let deadline = Instant::now() + REAPING_TIME;
    while count_zombies()? > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    println!("{}", count_zombies()?);
    Ok(0)
}

/// A grandchild whose parent is gone before anyone waits for it: it falls to process 1.
fn make_orphan() -> io::Result<()> {
    match system::fork()? {
        Fork::Parent(child) => system::wait_for(child),
        Fork::Child => {
            // A failure shows as an orphan missing; there is nobody to report it to.
            let _ = system::fork();
            system::leave()
        }
    }
}

fn count_zombies() -> io::Result<usize> {
    let processes = fs::read_dir("/proc")?.filter_map(Result::ok);
    let is_zombie =
        |stat: &String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    Ok(processes
        // Whoever ended since the directory was read has no file any more.
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok())
        .filter(is_zombie)
        .count())
}

/// The argument at an index, or an error that says what belongs there.
pub(crate) fn argument<'a>(
    arguments: &'a [OsString],
    index: usize,
    what: &str,
) -> io::Result<&'a OsStr> {
    let missing = || io::Error::other(format!("argument {} is missing: {what}", index + 1));
    arguments.get(index).map(OsString::as_os_str).ok_or_else(missing)
}

fn number<N: std::str::FromStr>(argument: &OsStr) -> io::Result<N> {
    let text = argument.to_string_lossy();
    text.parse().map_err(|_| io::Error::other(format!("{text:?} is not a number in range")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_one_byte() {
        assert_eq!(exit(&["255".into()]).unwrap(), 255);
        assert!(exit(&["256".into()]).is_err());
        assert!(exit(&[]).is_err());
    }
}
