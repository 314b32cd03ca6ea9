//! Facts to judgements.

use std::time::Duration;

use belljar_harness::{Case, Ended, Mismatch, Signal, Status, Verdict, judge};
use belljar_sandbox::{Captured, Ending, NotStarted, Outcome, Stream};

use crate::folder::case;

/// An outcome that printed these.
pub(crate) fn outcome(ending: Ending, stdout: &[u8], stderr: &[u8]) -> Outcome {
    let captured = |bytes: &[u8]| Captured { bytes: bytes.to_vec(), total: bytes.len() as u64 };
    let (stdout, stderr) = (captured(stdout), captured(stderr));
    Outcome { ending, stdout, stderr, wall: Duration::from_millis(5) }
}

/// A case that expects this.
pub(crate) fn expecting(expect: &str) -> Case {
    case(&format!("image = \"i\"\ncommand = [\"tool\"]\n[expect]\n{expect}"))
}

fn verdict(expect: &str, ending: Ending, stdout: &[u8], stderr: &[u8]) -> Verdict {
    let case = expecting(expect);
    judge(&case.command, &case.expect, &outcome(ending, stdout, stderr))
}

/// What differs, in short, with the line that expected it.
fn differs(verdict: &Verdict) -> Vec<(&'static str, usize)> {
    let Verdict::Fail(mismatches) = verdict else { panic!("{verdict:?}") };
    let short = |mismatch: &Mismatch| match mismatch {
        Mismatch::NotStarted { .. } => "start",
        Mismatch::Status { .. } => "status",
        Mismatch::Differs { stream: Stream::Stdout, .. } => "stdout",
        Mismatch::Differs { stream: Stream::Stderr, .. } => "stderr",
        Mismatch::Lacks { .. } => "lacks",
    };
    mismatches.iter().map(|found| (short(found), found.place().location().line)).collect()
}

#[test]
fn what_is_as_expected_passes() {
    let segv = Ending::Signaled(11);
    let table: [(&str, Ending, &[u8], &[u8]); 8] = [
        ("", Ending::Exited(0), b"", b"unchecked"),
        ("stdout = \"hey\\n\"", Ending::Exited(0), b"hey\n", b""),
        ("exit-code = 255", Ending::Exited(255), b"", b""),
        ("signal = \"SIGSEGV\"", segv, b"", b""),
        ("stdout = { any = true }", Ending::Exited(0), b"\xff", b""),
        ("stdout = { contains = [\"b\", \"a\"] }", Ending::Exited(0), b"\xffa\xc3b", b""),
        ("stdout = { contains = [\"\u{e4}\"] }", Ending::Exited(0), b"\xc3\xc3\xa4", b""),
        ("stderr = \"e\"", Ending::Exited(0), b"", b"e"),
    ];
    for (expect, ending, stdout, stderr) in table {
        assert_eq!(verdict(expect, ending, stdout, stderr), Verdict::Pass, "{expect}");
    }
}

#[test]
fn each_mismatch_names_the_line_that_expected_it() {
    let exited = Ending::Exited;
    type Row =
        (&'static str, Ending, &'static [u8], &'static [u8], &'static [(&'static str, usize)]);
    let table: [Row; 10] = [
        ("", exited(0), b"x", b"", &[("stdout", 3)]),
        ("stdout = \"x\"", exited(0), b"", b"", &[("stdout", 4)]),
        ("stdout = \"x\\n\"", exited(0), b"x", b"", &[("stdout", 4)]),
        ("\nstderr = \"\"", exited(0), b"", b"x", &[("stderr", 5)]),
        ("", exited(1), b"", b"", &[("status", 3)]),
        ("\nexit-code = 1", exited(0), b"", b"", &[("status", 5)]),
        ("signal = \"SIGKILL\"", exited(137), b"", b"", &[("status", 4)]),
        ("signal = \"SIGKILL\"", Ending::Signaled(15), b"", b"", &[("status", 4)]),
        ("stdout = { contains = [\"a\", \"b\", \"c\"] }", exited(0), b"b", b"", &[("lacks", 4); 2]),
        (
            "stdout = \"a\"\nstderr = \"b\"",
            exited(2),
            b"x",
            b"y",
            &[("status", 3), ("stdout", 4), ("stderr", 5)],
        ),
    ];
    for (expect, ending, stdout, stderr, expected) in table {
        let verdict = verdict(expect, ending, stdout, stderr);
        assert_eq!(differs(&verdict), expected, "{expect}");
    }
}

#[test]
fn a_mismatch_holds_both_sides() {
    let Verdict::Fail(mismatches) = verdict("exit-code = 1", Ending::Exited(2), b"", b"") else {
        panic!("a failure")
    };
    let [Mismatch::Status { expected, actual, .. }] = &mismatches[..] else { panic!("one status") };
    assert_eq!((*expected, *actual), (Status::ExitCode(1), Ended::ExitCode(2)));
}

#[test]
fn the_cause_comes_before_the_output() {
    let limit = Duration::from_secs(1);
    let expect = "stdout = \"other\"";
    let timed_out = verdict(expect, Ending::TimedOut { limit }, b"so far", b"");
    assert_eq!(timed_out, Verdict::Timeout { limit });
    let stream = Stream::Stderr;
    let too_much = verdict(expect, Ending::OutputLimit { stream, limit: 9 }, b"", b"x");
    assert_eq!(too_much, Verdict::OutputLimit { stream, limit: 9 });
    let crashed = verdict(expect, Ending::Signaled(6), b"", b"");
    let Verdict::Crashed { signal, place } = crashed else { panic!("{crashed:?}") };
    assert_eq!((signal, place.location().line), (Signal::from_name("SIGABRT").unwrap(), 3));
    for reason in [NotStarted::NotFound, NotStarted::NotExecutable(13)] {
        for expect in ["exit-code = 127", "signal = \"SIGKILL\"", "stdout = { any = true }"] {
            let verdict = verdict(expect, Ending::NotStarted(reason), b"", b"");
            assert_eq!(differs(&verdict), [("start", 2)], "{expect}");
        }
    }
}

#[test]
fn output_that_was_cut_off_is_equal_to_nothing() {
    let case = expecting("stdout = \"hey\"");
    let mut outcome = outcome(Ending::Exited(0), b"hey", b"");
    outcome.stdout.total = 4;
    assert_eq!(differs(&judge(&case.command, &case.expect, &outcome)), [("stdout", 4)]);
}
