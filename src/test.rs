//! `belljar test`: runs the cases of a suite.

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use belljar_harness::{Images, RunOptions, Selection, Suite, run_suite};
use belljar_image::Store;

use crate::arguments::{Color, Test};
use crate::{exit_code, print};

pub(crate) fn main(options: &Test) -> ExitCode {
    match test(options) {
        Ok(code) => code.into(),
        Err(Failure { code, message }) => {
            eprintln!("{}", message.trim_end());
            code.into()
        }
    }
}

/// Why no case was run, or not all of them.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

fn test(options: &Test) -> Result<u8, Failure> {
    let (paths, patterns) = options.selection();
    let mut suite =
        Suite::load(&paths).map_err(|errors| Failure::new(exit_code::USAGE, errors.to_string()))?;
    let filtered_out =
        suite.select(&Selection { patterns: patterns.clone(), exact: options.exact });
    if suite.cases.is_empty() {
        return Err(no_case(&paths, &patterns, options.exact));
    }
    if options.list {
        let names = suite.cases.iter().map(|case| format!("{}: test", case.name));
        print::lines(names)
            .map_err(|error| Failure::new(exit_code::ERROR, format!("error: {error}")))?;
        return Ok(0);
    }
    let open = || Store::open(&Store::default_home()?);
    let store =
        open().map_err(|error| Failure::new(exit_code::ERROR, format!("error: {error}")))?;
    let images = Images::prepare(&store, &suite.cases);
    let run_options = RunOptions {
        jobs: options.jobs.unwrap_or_else(default_jobs),
        colour: colour(options.color),
        rerun: rerun(options, &paths),
    };
    let summary =
        run_suite(&suite, filtered_out, &images, &run_options, io::stdout()).map_err(|error| {
            Failure::new(exit_code::ERROR, format!("error: failed to print the report: {error}"))
        })?;
    Ok(match summary {
        summary if summary.failed > 0 => exit_code::FAILED,
        summary if summary.errors > 0 => exit_code::ERROR,
        _ => 0,
    })
}

fn no_case(paths: &[PathBuf], patterns: &[String], exact: bool) -> Failure {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let paths = shown.join(" ");
    let names = patterns.join("` or `");
    let message = match patterns {
        [] => format!("error: there is no case in {paths}\nhint: a case is a file NAME.toml"),
        _ if exact => format!("error: no case in {paths} is named `{names}`"),
        _ => format!(
            "error: no case in {paths} has `{names}` in its name, and no file or folder has that \
             name"
        ),
    };
    let hint = "hint: `--list` in place of the names shows what there is";
    let hint = if patterns.is_empty() { String::new() } else { format!("\n{hint}") };
    Failure::new(exit_code::NO_CASE, format!("{message}{hint}"))
}

/// One more than there are processors: while the kernel makes or takes down one sandbox, it often
/// waits, and another case can use the time.
fn default_jobs() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).saturating_add(1)
}

fn colour(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::env::var_os("NO_COLOR").is_none() && io::stdout().is_terminal(),
    }
}

/// The command line that runs one case alone, but for its name.
fn rerun(options: &Test, paths: &[PathBuf]) -> String {
    let called = options.called_as.clone().unwrap_or_else(|| {
        let paths: Vec<_> = paths.iter().map(|path| quoted(&path.display().to_string())).collect();
        format!("belljar test {}", paths.join(" "))
    });
    format!("{called} --exact --")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "_./:+-".contains(character);
    if word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
