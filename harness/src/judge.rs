//! Compares what happened with what had to happen. The cause comes first: a run that was cut short
//! is reported as that, not as output that differs.

use std::sync::Arc;
use std::time::Duration;

use belljar_sandbox::{Captured, Ending, NotStarted, Outcome, Stream};

use crate::case::{CommandLine, Expect, Printed, Stated, Status};
use crate::signal::Signal;
use crate::source::Place;

/// What we think of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was as expected.
    Pass,
    /// The program was wrong; never without a mismatch.
    Fail(Vec<Mismatch>),
    /// The command took too long.
    Timeout {
        /// The limit that passed.
        limit: Duration,
    },
    /// The command printed too much.
    OutputLimit {
        /// To which stream.
        stream: Stream,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A signal that nobody expected ended the command.
    Crashed {
        /// The signal.
        signal: Signal,
        /// Where another ending is expected.
        place: Place,
    },
    /// The case was not run, and it is known why.
    Skipped {
        /// Why.
        reason: String,
    },
    /// We could not tell, which is no fault of the program.
    Error {
        /// What failed, and behind a line break what to do about it.
        message: String,
        /// Where that is written, if the case has a line for it.
        place: Option<Place>,
    },
}

/// One expectation that did not hold, with the place that states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The command could not be started.
    NotStarted {
        /// The program that was to be started.
        program: String,
        /// Why it was not.
        reason: NotStarted,
        /// Where the command is written.
        place: Place,
    },
    /// The command ended in another way.
    Status {
        /// How it was to end.
        expected: Status,
        /// How it ended.
        actual: Ended,
        /// Where the expectation is written.
        place: Place,
    },
    /// A stream held something else.
    Differs {
        /// Which stream.
        stream: Stream,
        /// What it was to hold.
        expected: String,
        /// What was captured of it.
        actual: Arc<Captured>,
        /// Where the expectation is written.
        place: Place,
    },
    /// A stream did not hold a text.
    Lacks {
        /// Which stream.
        stream: Stream,
        /// The text that is not in it.
        expected: String,
        /// What was captured of it.
        actual: Arc<Captured>,
        /// Where the expectation is written.
        place: Place,
    },
}

/// How a command ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    ExitCode(i32),
    /// By this signal.
    Signal(Signal),
}

/// Judges one run of `command`.
#[must_use]
pub fn judge(command: &CommandLine, expect: &Expect, outcome: &Outcome) -> Verdict {
    let ended = match outcome.ending {
        Ending::Exited(code) => Ended::ExitCode(code),
        Ending::Signaled(number) => Ended::Signal(Signal::from_number(number)),
        Ending::TimedOut { limit } => return Verdict::Timeout { limit },
        Ending::OutputLimit { stream, limit } => return Verdict::OutputLimit { stream, limit },
        Ending::NotStarted(reason) => {
            let program = command.program().to_owned();
            let place = command.place.clone();
            return Verdict::Fail(vec![Mismatch::NotStarted { program, reason, place }]);
        }
    };
    if let (Ended::Signal(signal), Status::ExitCode(_)) = (ended, expect.status.value) {
        return Verdict::Crashed { signal, place: expect.status.place.clone() };
    }
    let mut mismatches = Vec::new();
    mismatches.extend(compare_status(&expect.status, ended));
    mismatches.extend(compare_stream(Stream::Stdout, &expect.stdout, &outcome.stdout));
    mismatches.extend(compare_stream(Stream::Stderr, &expect.stderr, &outcome.stderr));
    if mismatches.is_empty() { Verdict::Pass } else { Verdict::Fail(mismatches) }
}

impl Mismatch {
    /// Where the expectation is written.
    #[must_use]
    pub fn place(&self) -> &Place {
        match self {
            Self::NotStarted { place, .. }
            | Self::Status { place, .. }
            | Self::Differs { place, .. }
            | Self::Lacks { place, .. } => place,
        }
    }
}

fn compare_status(expected: &Stated<Status>, actual: Ended) -> Option<Mismatch> {
    let holds = match (expected.value, actual) {
        (Status::ExitCode(expected), Ended::ExitCode(actual)) => expected == actual,
        (Status::Signal(expected), Ended::Signal(actual)) => expected == actual,
        (Status::ExitCode(_), Ended::Signal(_)) | (Status::Signal(_), Ended::ExitCode(_)) => false,
    };
    (!holds).then(|| Mismatch::Status {
        expected: expected.value,
        actual,
        place: expected.place.clone(),
    })
}

fn compare_stream(stream: Stream, expected: &Stated<Printed>, actual: &Captured) -> Vec<Mismatch> {
    let place = &expected.place;
    match &expected.value {
        Printed::Anything => Vec::new(),
        Printed::Exactly(text) if is_exactly(actual, text) => Vec::new(),
        Printed::Exactly(text) => vec![Mismatch::Differs {
            stream,
            expected: text.clone(),
            actual: Arc::new(actual.clone()),
            place: place.clone(),
        }],
        Printed::Containing(texts) => {
            let missing: Vec<_> =
                texts.iter().filter(|text| !contains(&actual.bytes, text)).collect();
            // One copy for all of them, and none where nothing is missing.
            let shared = missing.first().map(|_| Arc::new(actual.clone())).unwrap_or_default();
            let lacks = |text: &String| Mismatch::Lacks {
                stream,
                expected: text.clone(),
                actual: Arc::clone(&shared),
                place: place.clone(),
            };
            missing.into_iter().map(lacks).collect()
        }
    }
}

/// What was cut off could hold anything, so it is equal to nothing.
fn is_exactly(actual: &Captured, expected: &str) -> bool {
    actual.bytes == expected.as_bytes() && actual.total == actual.bytes.len() as u64
}

/// Searches valid text only: no character of `needle` can begin or end inside invalid bytes, and
/// the standard library searches text in linear time.
fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.utf8_chunks().any(|chunk| chunk.valid().contains(needle))
}
