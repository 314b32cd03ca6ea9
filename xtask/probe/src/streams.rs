//! Subcommands about stdin, stdout and stderr.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::Duration;

pub(crate) fn echo(arguments: &[OsString]) -> io::Result<u8> {
    io::stdout().write_all(&joined(arguments))?;
    Ok(0)
}

pub(crate) fn echo_stderr(arguments: &[OsString]) -> io::Result<u8> {
    io::stderr().write_all(&joined(arguments))?;
    Ok(0)
}

pub(crate) fn cat(_: &[OsString]) -> io::Result<u8> {
    io::copy(&mut io::stdin(), &mut io::stdout())?;
    Ok(0)
}

pub(crate) fn flood(_: &[OsString]) -> io::Result<u8> {
    let block = b"all work and no play makes jack a dull boy\n".repeat(1024);
    let mut stdout = io::stdout();
    loop {
        stdout.write_all(&block)?;
    }
}

pub(crate) fn not_reading(_: &[OsString]) -> io::Result<u8> {
    thread::sleep(Duration::from_millis(100));
    Ok(0)
}

/// The arguments as one line, byte for byte.
fn joined(arguments: &[OsString]) -> Vec<u8> {
    let words: Vec<&[u8]> = arguments.iter().map(|word| word.as_bytes()).collect();
    let mut line = words.join(&b' ');
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_joined_by_single_spaces() {
        assert_eq!(joined(&["a".into(), "b  c".into()]), b"a b  c\n");
        assert_eq!(joined(&[]), b"\n");
    }
}
