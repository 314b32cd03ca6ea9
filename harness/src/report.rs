//! Prints a run in the form of `cargo test`, which other tools read. What could not be judged has
//! no place in that form: it is marked `ERROR`, counted on a line of its own after the result, and
//! the result is then never `ok`.

use std::io::{self, Write};
use std::time::Duration;

use crate::escape;
use crate::judge::Verdict;
use crate::name::CaseName;

/// A report that is being written.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    colour: bool,
    summary: Summary,
    failures: Vec<Block>,
    errors: Vec<Block>,
}

/// How many cases there were of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Cases that passed.
    pub passed: usize,
    /// Cases in which the program was wrong.
    pub failed: usize,
    /// Cases that were skipped.
    pub ignored: usize,
    /// Cases that could not be judged.
    pub errors: usize,
    /// Cases that were not selected.
    pub filtered_out: usize,
}

/// What is told about one case at the end.
#[derive(Debug)]
struct Block {
    name: CaseName,
    details: String,
}

/// Codes of the colours that `cargo test` uses.
const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const MAGENTA: &str = "35";

impl<W: Write> Report<W> {
    /// Begins a report on `cases` cases, others being `filtered_out`.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn begin(mut out: W, colour: bool, cases: usize, filtered_out: usize) -> io::Result<Self> {
        let plural = if cases == 1 { "" } else { "s" };
        writeln!(out, "\nrunning {cases} test{plural}")?;
        let summary = Summary { filtered_out, ..Summary::default() };
        Ok(Self { out, colour, summary, failures: Vec::new(), errors: Vec::new() })
    }

    /// Tells how one case ended. `details` are kept for the end where it did not pass; see
    /// [`Failure::render`](crate::failure::Failure::render).
    ///
    /// # Errors
    /// When the report cannot be written.
    pub fn case(
        &mut self,
        name: &CaseName,
        verdict: &Verdict,
        details: impl Into<String>,
    ) -> io::Result<()> {
        let mut reason = String::new();
        let block = || Block { name: name.clone(), details: details.into() };
        let word = match verdict {
            Verdict::Pass => {
                self.summary.passed += 1;
                self.coloured(GREEN, "ok")
            }
            Verdict::Skipped { reason: why } => {
                self.summary.ignored += 1;
                reason = format!(", {}", escape::text(why));
                self.coloured(YELLOW, "ignored")
            }
            Verdict::Error { .. } => {
                self.summary.errors += 1;
                self.errors.push(block());
                self.coloured(MAGENTA, "ERROR")
            }
            Verdict::Fail(_)
            | Verdict::Timeout { .. }
            | Verdict::OutputLimit { .. }
            | Verdict::Crashed { .. } => {
                self.summary.failed += 1;
                self.failures.push(block());
                self.coloured(RED, "FAILED")
            }
        };
        writeln!(self.out, "test {name} ... {word}{reason}")
    }

    /// Ends the report; `elapsed` is how long all cases took.
    ///
    /// # Errors
    /// When the report cannot be written.
    pub fn end(mut self, elapsed: Duration) -> io::Result<Summary> {
        write_blocks(&mut self.out, "errors", &self.errors)?;
        write_blocks(&mut self.out, "failures", &self.failures)?;
        let Summary { passed, failed, ignored, errors, filtered_out } = self.summary;
        let word = match self.summary.all_passed() {
            true => self.coloured(GREEN, "ok"),
            false => self.coloured(RED, "FAILED"),
        };
        writeln!(
            self.out,
            "\ntest result: {word}. {passed} passed; {failed} failed; {ignored} ignored; \
             0 measured; {filtered_out} filtered out; finished in {:.2}s",
            elapsed.as_secs_f64()
        )?;
        if errors > 0 {
            writeln!(self.out, "{errors} could not be judged")?;
        }
        writeln!(self.out)?;
        self.out.flush()?;
        Ok(self.summary)
    }

    fn coloured(&self, code: &str, word: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
    }
}

impl Summary {
    /// Whether no case failed and each could be judged.
    #[must_use]
    pub fn all_passed(&self) -> bool {
        self.failed == 0 && self.errors == 0
    }
}

fn write_blocks(out: &mut impl Write, title: &str, blocks: &[Block]) -> io::Result<()> {
    if blocks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}:\n")?;
    for block in blocks {
        writeln!(out, "---- {} ----\n{}", block.name, block.details)?;
    }
    writeln!(out, "\n{title}:")?;
    for block in blocks {
        writeln!(out, "    {}", block.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(colour: bool, verdicts: &[(&str, Verdict, &str)], filtered_out: usize) -> String {
        let mut out = Vec::new();
        let mut report = Report::begin(&mut out, colour, verdicts.len(), filtered_out).unwrap();
        for (name, verdict, details) in verdicts {
            let name = CaseName::new((*name).to_owned()).unwrap();
            report.case(&name, verdict, *details).unwrap();
        }
        report.end(Duration::from_millis(1234)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_good_run_reads_like_cargo_test() {
        let expected = "
running 1 test
test a::b ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.23s

";
        assert_eq!(report(false, &[("a::b", Verdict::Pass, "")], 3), expected);
    }

    #[test]
    fn failures_and_errors_are_told_apart() {
        let timeout = Verdict::Timeout { limit: Duration::from_secs(1) };
        let skipped = Verdict::Skipped { reason: "no `docker`\u{1b} here".to_owned() };
        let error = Verdict::Error { message: "no user namespaces".to_owned(), place: None };
        let verdicts = [
            ("a", Verdict::Pass, ""),
            ("b", timeout, "too slow\n"),
            ("c", skipped, ""),
            ("d", error, "who knows\n"),
        ];
        let expected = "
running 4 tests
test a ... ok
test b ... FAILED
test c ... ignored, no `docker`\\u{1b} here
test d ... ERROR

errors:

---- d ----
who knows


errors:
    d

failures:

---- b ----
too slow


failures:
    b

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.23s
1 could not be judged

";
        assert_eq!(report(false, &verdicts, 0), expected);
    }

    #[test]
    fn an_error_alone_is_not_ok() {
        let error = Verdict::Error { message: String::new(), place: None };
        let shown = report(false, &[("d", error, "who knows\n")], 0);
        assert!(shown.contains("test result: FAILED. 0 passed; 0 failed;"), "{shown}");
        assert!(shown.contains("\n1 could not be judged\n"), "{shown}");
    }

    #[test]
    fn colour_is_there_only_when_asked_for() {
        assert!(report(true, &[("a", Verdict::Pass, "")], 0).contains("\u{1b}[32mok\u{1b}[0m"));
        assert!(!report(false, &[("a", Verdict::Pass, "")], 0).contains('\u{1b}'));
    }
}
