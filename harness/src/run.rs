//! Runs cases: one, which every front end shares, and a whole suite on several threads.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use belljar_sandbox::{DEFAULT_PATH, Outcome, Streams};

use crate::case::Case;
use crate::failure::Failure;
use crate::images::{CaseError, Images};
use crate::judge::{Verdict, judge};
use crate::plan::{self, Plan};
use crate::report::{Report, Summary};
use crate::requires::missing_program;
use crate::suite::Suite;

/// What became of one case.
#[derive(Debug, Clone)]
pub struct CaseRun {
    /// What we think of it.
    pub verdict: Verdict,
    /// What happened, if it came to that.
    pub outcome: Option<Outcome>,
}

/// How a suite is run and shown.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// How many cases run at a time.
    pub jobs: NonZeroUsize,
    /// Whether the reader's terminal shows colours.
    pub colour: bool,
    /// The command line that runs one case alone, but for the case's name at its end.
    pub rerun: String,
}

/// Why a case is not to be run here, if it is not; known before anything is run.
#[must_use]
pub fn skip_reason(case: &Case) -> Option<String> {
    let missing = missing_program(&case.requires, OsStr::new(DEFAULT_PATH))?;
    Some(format!("`{missing}` is not on this machine"))
}

/// Runs one case in a fresh sandbox and judges it.
#[must_use]
pub fn run_case(case: &Case, images: &Images) -> CaseRun {
    match run(case, images) {
        Ok(outcome) => CaseRun {
            verdict: judge(&case.command, &case.expect, &outcome),
            outcome: Some(outcome),
        },
        Err(CaseError { message, place }) => {
            CaseRun { verdict: Verdict::Error { message, place }, outcome: None }
        }
    }
}

fn run(case: &Case, images: &Images) -> Result<Outcome, CaseError> {
    let tenancy = images.of(case)?;
    let failed = |error: plan::Error| CaseError {
        message: error.to_string(),
        place: error.place().cloned(),
    };
    let plan = Plan::of(case, tenancy).map_err(failed)?;
    let run = plan.sandbox.run(Streams::captured(plan.stdin));
    run.map_err(|error| CaseError { message: error.to_string(), place: None })
}

/// Runs every case of `suite` and reports to `out`, in the order in which cases end.
///
/// # Errors
/// When `out` cannot be written to. Cases that run then are ended.
pub fn run_suite(
    suite: &Suite,
    filtered_out: usize,
    images: &Images,
    options: &RunOptions,
    out: impl Write + Send,
) -> io::Result<Summary> {
    let started = Instant::now();
    let report = Report::begin(out, options.colour, suite.cases.len(), filtered_out)?;
    let report = Mutex::new(report);
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<()> {
        // Each worker takes the next case until there is none, or nobody listens.
        while let Some(case) = suite.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let run = run_or_skip(case, images);
            let details = details(case, &run, options);
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.case(&case.name, &run.verdict, details)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let jobs = options.jobs.get().min(suite.cases.len());
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ended = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.fold(Ok(()), io::Result::and)
    })?;
    report.into_inner().unwrap_or_else(PoisonError::into_inner).end(started.elapsed())
}

fn run_or_skip(case: &Case, images: &Images) -> CaseRun {
    match skip_reason(case) {
        Some(reason) => CaseRun { verdict: Verdict::Skipped { reason }, outcome: None },
        None => run_case(case, images),
    }
}

fn details(case: &Case, run: &CaseRun, options: &RunOptions) -> String {
    if matches!(run.verdict, Verdict::Pass | Verdict::Skipped { .. }) {
        return String::new();
    }
    let rerun = format!("{} {}", options.rerun, case.name);
    let failure = Failure {
        case,
        verdict: &run.verdict,
        outcome: run.outcome.as_ref(),
        rerun: Some(&rerun),
        colour: options.colour,
    };
    failure.render()
}
