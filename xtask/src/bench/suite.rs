//! `cargo xtask bench suite`: the same small commands on the same root file system, run by everyone in
//! turns, so that whatever else the machine does hits all alike. What each prints is checked.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::table::{self, Row};
use crate::{fixtures, machine, process, workspace};

/// What `cargo xtask bench suite` can be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many cases
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cases: u32,
    /// How many times they are run by everyone, after one round that is not counted
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

/// Runs the words after the count with one more word, a number from one to the count.
const ONE_BY_ONE: &str = r#"
    count=$1; shift
    number=0
    while [ "$number" -lt "$count" ]; do
        number=$((number + 1))
        "$@" "$number" || exit
    done
"#;

/// The same, but several at a time; their number is the second word.
const SIDE_BY_SIDE: &str = r#"
    count=$1; jobs=$2; shift 2
    seq "$count" | xargs -P "$jobs" -n 1 "$@"
"#;

/// Someone who runs all commands.
struct Contender {
    name: String,
    command: Command,
    is_right: fn(printed: &str, cases: u32) -> bool,
    /// The place in the list of whom it is compared with.
    beside: Option<usize>,
    times: Vec<Duration>,
}

/// The measurement.
pub(super) fn run(options: &Options) -> Result<()> {
    fixtures::make_probe_image()?;
    process::run(&mut workspace::cargo(&["build", "--release", "-p", "belljar"]))?;
    let folder = tempfile::Builder::new().prefix("belljar-bench-").tempdir()?;
    fixtures::unpack_probe_image(&folder.path().join("root"))?;
    write_cases(&folder.path().join("cases"), options.cases)?;

    let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut contenders = contenders(folder.path(), options.cases, jobs)?;
    let load = machine::load()?;
    for round in 0..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for contender in &mut contenders {
            let time = contender.run(options.cases)?;
            if round > 0 {
                contender.times.push(time);
            }
        }
    }
    let Options { cases, rounds } = options;
    println!("cases: {cases}, rounds: {rounds}, processors: {jobs}, load before: {load}");
    print!("{}", table::render(&contenders.iter().map(Contender::row).collect::<Vec<_>>(), *cases));
    Ok(())
}

/// Everyone who is on this machine. Those who work one by one are compared with each other, and so are
/// those who do several at a time.
fn contenders(folder: &Path, cases: u32, jobs: NonZeroUsize) -> Result<Vec<Contender>> {
    let belljar = workspace::build_directory()?.join("release/belljar");
    let count = cases.to_string();
    let at_a_time = jobs.to_string();
    let root = folder.join("root");

    let mut bare = shell(ONE_BY_ONE, &[&count]);
    bare.arg(root.join("bin/echo"));
    let mut contenders = vec![Contender::new("no sandbox", bare, printed_all, None)];
    let has_bubblewrap = process::is_installed("bwrap");
    if has_bubblewrap {
        let mut alone = shell(ONE_BY_ONE, &[&count]);
        let mut together = shell(SIDE_BY_SIDE, &[&count, &at_a_time]);
        let name = format!("bwrap, {jobs} at a time");
        contenders[0].beside = Some(1);
        bubblewrap(&mut alone, &root);
        bubblewrap(&mut together, &root);
        contenders.push(Contender::new("bwrap", alone, printed_all, Some(1)));
        contenders.push(Contender::new(name, together, printed_all, Some(2)));
    } else {
        eprintln!("bwrap is missing, so nothing is compared with it");
        eprintln!("hint: on Debian: apt-get install bubblewrap");
    }
    for (jobs, place) in [(&["-j", "1"][..], 1), (&[][..], 2)] {
        let mut command = Command::new(&belljar);
        command.args(["test", "cases"]).args(jobs).current_dir(folder);
        command.env("BELLJAR_HOME", folder.join("store"));
        let beside = has_bubblewrap.then_some(place);
        contenders.push(Contender::new(
            format!("belljar test {}", jobs.join(" ")).trim_end().to_owned(),
            command,
            passed_all,
            beside,
        ));
    }
    Ok(contenders)
}

fn shell(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).args(arguments);
    command
}

/// The command line that puts a program of the root into a sandbox much like a case's.
fn bubblewrap(command: &mut Command, root: &Path) {
    command.args(["bwrap", "--unshare-all", "--bind"]).arg(root);
    command.args(["/", "--proc", "/proc", "--dev", "/dev", "/bin/echo"]);
}

/// One file for each case, and one for what they share.
fn write_cases(folder: &Path, count: u32) -> Result<()> {
    let failure = || format!("failed to write cases to {}", folder.display());
    fs::create_dir(folder).with_context(failure)?;
    let image = format!("oci:{}:latest", workspace::path(fixtures::PROBE_IMAGE).display());
    let defaults = format!("image = {}\n", toml::Value::String(image));
    fs::write(folder.join("belljar.toml"), defaults).with_context(failure)?;
    for number in 1..=count {
        let case = format!("command = [\"echo\", \"{number}\"]\nexpect.stdout = \"{number}\\n\"\n");
        fs::write(folder.join(format!("case_{number}.toml")), case).with_context(failure)?;
    }
    Ok(())
}

/// In any order: whoever does several at a time keeps none.
fn printed_all(printed: &str, cases: u32) -> bool {
    let numbers: Result<Vec<u32>, _> = printed.lines().map(str::parse).collect();
    numbers.is_ok_and(|mut numbers| {
        numbers.sort_unstable();
        numbers.into_iter().eq(1..=cases)
    })
}

fn passed_all(printed: &str, cases: u32) -> bool {
    printed.contains(&format!("\ntest result: ok. {cases} passed; 0 failed; 0 ignored;"))
}

impl Contender {
    fn new(
        name: impl Into<String>,
        command: Command,
        is_right: fn(&str, u32) -> bool,
        beside: Option<usize>,
    ) -> Self {
        Self { name: name.into(), command, is_right, beside, times: Vec::new() }
    }

    /// From the start of its program to the end.
    fn run(&mut self, cases: u32) -> Result<Duration> {
        let started = Instant::now();
        let printed = process::capture(&mut self.command)
            .with_context(|| format!("failed to measure {}", self.name))?;
        let time = started.elapsed();
        ensure!((self.is_right)(&printed, cases), "{} printed something else", self.name);
        Ok(time)
    }

    fn row(&self) -> Row<'_> {
        Row { name: &self.name, times: &self.times, beside: self.beside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_too_much_is_found() {
        assert!(printed_all("1\n2\n3\n", 3));
        assert!(printed_all("3\n1\n2\n", 3));
        for wrong in ["1\n2\n", "1\n2\n2\n", "1\n2\n3\n4\n", "1\n2\nthree\n", ""] {
            assert!(!printed_all(wrong, 3), "{wrong:?}");
        }
    }

    #[test]
    fn a_suite_that_did_not_pass_is_found() {
        assert!(passed_all("\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n", 3));
        assert!(!passed_all("\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n", 4));
        assert!(!passed_all("\ntest result: FAILED. 3 passed; 1 failed; 0 ignored;\n", 3));
    }

    #[test]
    fn the_scripts_give_each_number_to_the_command() {
        for mut command in [shell(ONE_BY_ONE, &["12"]), shell(SIDE_BY_SIDE, &["12", "3"])] {
            let printed = process::capture(command.args(["printf", "%s\\n"])).unwrap();
            assert!(printed_all(&printed, 12), "{printed}");
        }
    }
}
