//! The front end for `cargo test` and `cargo nextest run`: each case becomes a test of a
//! `harness = false` target.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use belljar_image::Store;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::failure::Failure;
use crate::images::Images;
use crate::judge::Verdict;
use crate::run::{run_case, skip_reason};
use crate::suite::Suite;

/// The exit code when no case can be run: a case file is wrong, or there is no store.
const NOT_RUN: u8 = 2;

/// The whole `main` of a test target that runs the suite in `folder`. `rerun` is the command line
/// that runs one case alone, but for the case's name at its end.
///
/// nextest starts one process for each case; such a process reads no other case's file and gets no
/// other case's image.
#[must_use]
pub fn main(folder: &Path, rerun: &str) -> ExitCode {
    if let Err(error) = belljar_sandbox::run_from_sealed_copy() {
        eprintln!("error: {error}");
        return ExitCode::from(NOT_RUN);
    }
    let arguments = Arguments::from_args();
    match trials(folder, rerun, &arguments) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(NOT_RUN)
        }
    }
}

fn trials(folder: &Path, rerun: &str, arguments: &Arguments) -> Result<Vec<Trial>, String> {
    let suite = match &arguments.filter {
        Some(name) if arguments.exact && under_nextest() => Suite::load_exact(&[folder], name),
        _ => Suite::load(&[folder]),
    };
    let suite = suite.map_err(|errors| errors.to_string())?;
    if suite.cases.is_empty() {
        return Err(format!("error: there is no case in {}", folder.display()));
    }
    let images =
        Arc::new(if arguments.list { Images::default() } else { prepare(&suite, arguments)? });
    let trials = suite.cases.into_iter().map(|case| trial(case, &images, rerun.to_owned()));
    Ok(trials.collect())
}

/// Gets the images of the cases that will run.
fn prepare(suite: &Suite, arguments: &Arguments) -> Result<Images, String> {
    let open = || Store::open(&Store::default_home()?);
    let store = open().map_err(|error| format!("error: {error}"))?;
    let wanted = suite.cases.iter().filter(|case| {
        let name = case.name.as_str();
        let wants = |filter: &String| match arguments.exact {
            true => name == filter,
            false => name.contains(filter.as_str()),
        };
        arguments.filter.as_ref().is_none_or(wants)
    });
    Ok(Images::prepare(&store, wanted))
}

/// nextest asks for one case by a name that it was told, so an unknown one is a mistake; cargo asks
/// every target for the same name.
fn under_nextest() -> bool {
    std::env::var_os("NEXTEST").is_some()
}

fn trial(case: Case, images: &Arc<Images>, rerun: String) -> Trial {
    let images = Arc::clone(images);
    let name = case.name.to_string();
    let skipped = skip_reason(&case).is_some();
    Trial::test(name, move || judge(&case, &images, &rerun)).with_ignored_flag(skipped)
}

fn judge(case: &Case, images: &Images, rerun: &str) -> Result<(), Failed> {
    let run = run_case(case, images);
    if run.verdict == Verdict::Pass {
        return Ok(());
    }
    let rerun = format!("{rerun} {}", case.name);
    let failure = Failure {
        case,
        verdict: &run.verdict,
        outcome: run.outcome.as_ref(),
        rerun: Some(&rerun),
        colour: false,
    };
    if under_nextest() {
        // nextest drops what is printed after the line `FAILED`, and shows stderr.
        eprintln!("Error: {}", failure.render());
    }
    Err(Failed::from(failure.render()))
}
