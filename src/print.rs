//! Printing to standard output, which may be closed or full.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

/// Prints an error, which may speak of names of an image, with its control characters escaped.
pub(crate) fn error(error: &dyn Display, code: u8) -> ExitCode {
    for line in format!("belljar: {error}").lines() {
        let escape = |character: char| match character.is_control() {
            true => character.escape_default().to_string(),
            false => character.to_string(),
        };
        eprintln!("{}", line.chars().map(escape).collect::<String>());
    }
    code.into()
}

/// Prints lines. A reader that has seen enough and left is no error.
pub(crate) fn lines(lines: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut lines = lines.into_iter();
    match lines.try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| {
            io::Error::new(error.kind(), format!("failed to write standard output: {error}"))
        }),
    }
}
