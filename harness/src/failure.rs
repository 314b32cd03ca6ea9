//! Shows people a case that did not pass: where the expectation is written, what differed, what
//! was printed, and how to run the case alone.

use std::fmt::Write as _;
use std::io;

use belljar_sandbox::{Captured, NotStarted, Outcome, Stream};

use crate::case::{Case, Status};
use crate::difference;
use crate::duration;
use crate::escape;
use crate::judge::{Ended, Mismatch, Verdict};
use crate::source::Place;

/// Lines and bytes shown of the end of a stream.
const MOST_TAIL_LINES: usize = 20;
const MOST_TAIL_BYTES: usize = 4096;

/// Bytes shown of a text that a stream lacks.
const MOST_TEXT_BYTES: usize = 400;

/// A case that did not pass, with all that is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'f> {
    /// The case.
    pub case: &'f Case,
    /// What we think of it.
    pub verdict: &'f Verdict,
    /// What happened, if the case was run at all.
    pub outcome: Option<&'f Outcome>,
    /// The command line that runs this case alone.
    pub rerun: Option<&'f str>,
    /// Whether the reader's terminal shows colours.
    pub colour: bool,
}

impl Failure<'_> {
    /// What is wrong, one line for each mismatch: `cases/x.toml:7:1: stdout differs`.
    #[must_use]
    pub fn headlines(&self) -> Vec<String> {
        let case = self.case;
        match self.verdict {
            Verdict::Pass | Verdict::Skipped { .. } => Vec::new(),
            Verdict::Fail(mismatches) => mismatches.iter().map(headline).collect(),
            Verdict::Timeout { limit } => {
                let message = format!("timed out after {}", duration::show(*limit));
                vec![at(&case.timeout.place, &message)]
            }
            Verdict::OutputLimit { stream, limit } => {
                let message = format!("{} passed the limit of {limit} bytes", name(*stream));
                vec![at(&case.command.place, &message)]
            }
            Verdict::Crashed { signal, place } => {
                vec![at(place, &format!("crashed: {signal} ended the command"))]
            }
            Verdict::Error { message, place } => {
                let place = place.as_ref().unwrap_or(&case.place);
                let lines: Vec<_> = message.lines().map(escape::text).collect();
                vec![at(place, &format!("could not be judged: {}", lines.join("\n")))]
            }
        }
    }

    /// All of it, each line ended. Whatever the payload printed is escaped and cut.
    #[must_use]
    pub fn render(&self) -> String {
        let mut shown = String::new();
        let mismatches: &[Mismatch] = match self.verdict {
            Verdict::Fail(mismatches) => mismatches,
            _ => &[],
        };
        for (index, headline) in self.headlines().iter().enumerate() {
            shown.push_str(&self.emphasized(headline));
            shown.push('\n');
            if let Some(mismatch) = mismatches.get(index) {
                self.push_details(&mut shown, mismatch);
            }
        }
        self.push_streams(&mut shown, mismatches);
        if let Some(rerun) = self.rerun {
            // Writing to a string cannot fail.
            let _ = writeln!(shown, "run it alone: {}", escape::text(rerun));
        }
        shown
    }

    fn emphasized(&self, headline: &str) -> String {
        if self.colour { format!("\u{1b}[1m{headline}\u{1b}[0m") } else { headline.to_owned() }
    }

    fn push_details(&self, shown: &mut String, mismatch: &Mismatch) {
        match mismatch {
            Mismatch::NotStarted { reason: NotStarted::NotFound, .. } => {
                let command = &self.case.command;
                shown.push_str(if command.shell {
                    "hint: a command written as a string needs a shell; write an array instead\n"
                } else if command.argv.len() == 1 && command.program().contains(' ') {
                    "hint: an array is program and arguments, each an element of its own; a string \
                     runs in a shell\n"
                } else {
                    "hint: it is looked for in the sandbox; nor is a file found whose \
                     interpreter or loader is missing\n"
                });
            }
            Mismatch::Differs { expected, actual, .. } => {
                shown.push_str("< expected, > actual\n");
                let difference = difference::show(expected.as_bytes(), &actual.bytes, self.colour);
                shown.push_str(&difference);
                push_cut_off(shown, actual);
                if expected.is_empty() {
                    shown.push_str(
                        "hint: a stdout that is left out must be empty; `{ any = true }` leaves \
                         it unchecked\n",
                    );
                }
            }
            Mismatch::NotStarted { program, .. }
                if self.case.files.iter().any(|file| file.path == *program) =>
            {
                shown.push_str("hint: a file is placed with mode 644; give it `mode = \"755\"`\n");
            }
            Mismatch::NotStarted { .. } | Mismatch::Status { .. } | Mismatch::Lacks { .. } => {}
        }
    }

    /// The streams that no difference has shown already.
    fn push_streams(&self, shown: &mut String, mismatches: &[Mismatch]) {
        let Some(outcome) = self.outcome else { return };
        for (stream, captured) in
            [(Stream::Stdout, &outcome.stdout), (Stream::Stderr, &outcome.stderr)]
        {
            let is_shown = mismatches.iter().any(|mismatch| {
                matches!(mismatch, Mismatch::Differs { stream: shown, .. } if *shown == stream)
            });
            if !is_shown && !captured.bytes.is_empty() {
                push_tail(shown, name(stream), captured);
            }
        }
    }
}

fn headline(mismatch: &Mismatch) -> String {
    let message = match mismatch {
        Mismatch::NotStarted { program, reason: NotStarted::NotFound, .. } => {
            format!("the program `{}` was not found", escape::text(program))
        }
        Mismatch::NotStarted { program, reason: NotStarted::NotExecutable(errno), .. } => {
            let reason = io::Error::from_raw_os_error(*errno);
            format!("the program `{}` cannot be executed: {reason}", escape::text(program))
        }
        Mismatch::Status { expected, actual, .. } => {
            format!("expected {}, got {}", show_status(*expected), show_ended(*actual))
        }
        Mismatch::Differs { stream, actual, .. } if actual.bytes.is_empty() => {
            format!("{} is empty", name(*stream))
        }
        Mismatch::Differs { stream, expected, .. } if expected.is_empty() => {
            format!("{} is not empty", name(*stream))
        }
        Mismatch::Differs { stream, .. } => format!("{} differs", name(*stream)),
        Mismatch::Lacks { stream, expected, actual, .. } => {
            let is_empty = if actual.bytes.is_empty() { "is empty and " } else { "" };
            format!("{} {is_empty}does not contain \"{}\"", name(*stream), show_text(expected))
        }
    };
    at(mismatch.place(), &message)
}

fn at(place: &Place, message: &str) -> String {
    format!("{}: {message}", place.location())
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

fn show_status(status: Status) -> String {
    match status {
        Status::ExitCode(code) => format!("exit code {code}"),
        Status::Signal(signal) => signal.to_string(),
    }
}

fn show_ended(ended: Ended) -> String {
    match ended {
        Ended::ExitCode(code) => format!("exit code {code}"),
        Ended::Signal(signal) => signal.to_string(),
    }
}

fn show_text(text: &str) -> String {
    let bytes = text.as_bytes();
    if bytes.len() <= MOST_TEXT_BYTES {
        return escape::bytes(bytes);
    }
    let end = difference::character_start(bytes, MOST_TEXT_BYTES);
    format!("{} … truncated {} bytes …", escape::bytes(&bytes[..end]), bytes.len() - end)
}

/// The end of a stream, indented. The beginning matters less: it is the last words of a program
/// that say why it ended.
fn push_tail(shown: &mut String, name: &str, captured: &Captured) {
    let bytes = &captured.bytes;
    let earliest = bytes.len().saturating_sub(MOST_TAIL_BYTES);
    let line_ends = bytes[..bytes.len() - 1].iter().enumerate().rev();
    let start = line_ends
        .filter(|(_, byte)| **byte == b'\n')
        .nth(MOST_TAIL_LINES - 1)
        .map_or(0, |(newline, _)| newline + 1)
        .max(difference::character_start(bytes, earliest));
    let _ = match start {
        0 => writeln!(shown, "{name}:"),
        _ => writeln!(shown, "{name}, without its first {start} bytes:"),
    };
    for line in bytes[start..].split_inclusive(|byte| *byte == b'\n') {
        let _ = writeln!(shown, "    {}", difference::show_line(line));
    }
    push_cut_off(shown, captured);
}

fn push_cut_off(shown: &mut String, captured: &Captured) {
    let lost = captured.total.saturating_sub(captured.bytes.len() as u64);
    if lost > 0 {
        let _ = writeln!(shown, "… {lost} more bytes were not kept …");
    }
}
