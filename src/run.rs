//! `belljar run`: `docker run --rm` without a daemon.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use belljar_harness::Tenancy;
use belljar_harness::plan::{self, Wanted};
use belljar_image::Store;
use belljar_sandbox::{Ending, Input, NotStarted, Output, PidOne, Sandbox, Streams};

use crate::arguments::Run;
use crate::{exit_code, print};

pub(crate) fn main(options: &Run) -> ExitCode {
    let result = prepare(options).and_then(|prepared| match options.explain {
        true => explain(&prepared.sandbox),
        false => run(&prepared, options.interactive),
    });
    match result {
        Ok(code) => code.into(),
        Err(error) => print::error(&error, exit_code::RUN_ERROR),
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Prepared {
    sandbox: Sandbox,
    program: String,
}

fn prepare(options: &Run) -> Result<Prepared> {
    let store = Store::open(&Store::default_home()?)?;
    let (image, command) = options.words.split_first().ok_or("no image was given")?;
    let image = store.image(&image.parse()?)?;
    let argv = plan::entrypoint_and(&image.config, command.to_vec())?;
    let program = argv.first().cloned().unwrap_or_default();
    let wanted = Wanted {
        argv,
        env: variables(&options.env),
        workdir: options.workdir.clone(),
        pid_one: PidOne::Payload,
        ..Wanted::default()
    };
    let identity = plan::identity(&image, options.user.as_deref())?;
    let tenancy = Tenancy { image: &image, identity: &identity };
    Ok(Prepared { sandbox: plan::sandbox(tenancy, wanted, None)?, program })
}

/// A variable without a value is passed on from here, if it is set.
fn variables(written: &[String]) -> Vec<(String, String)> {
    let variable = |entry: &String| match entry.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(entry).ok().map(|value| (entry.clone(), value)),
    };
    written.iter().filter_map(variable).collect()
}

fn explain(sandbox: &Sandbox) -> Result<u8> {
    let steps = sandbox.steps()?;
    let numbered = steps.iter().enumerate().map(|(index, step)| format!("{:3}. {step}", index + 1));
    print::lines(numbered)?;
    Ok(0)
}

fn run(prepared: &Prepared, interactive: bool) -> Result<u8> {
    let stdin = match interactive {
        true => Input::Forward(duplicate(io::stdin())?),
        false => Input::Bytes([].into()),
    };
    let streams = Streams {
        stdin,
        stdout: Output::Forward(duplicate(io::stdout())?),
        stderr: Output::Forward(duplicate(io::stderr())?),
    };
    let outcome = prepared.sandbox.run(streams)?;
    let program = prepared.program.escape_debug();
    Ok(match outcome.ending {
        Ending::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
        Ending::Signaled(signal) => {
            u8::try_from(signal).unwrap_or_default().saturating_add(exit_code::RUN_SIGNAL)
        }
        Ending::NotStarted(NotStarted::NotFound) => {
            eprintln!("belljar: `{program}` was not found in the image");
            if prepared.program.contains(' ') {
                eprintln!("hint: write program and arguments apart, or sh -c and the line");
            } else if prepared.program.starts_with('/') {
                eprintln!("hint: if the file is there, its interpreter or its loader is not");
            }
            exit_code::RUN_NOT_FOUND
        }
        Ending::NotStarted(NotStarted::NotExecutable(errno)) => {
            let reason = io::Error::from_raw_os_error(errno);
            eprintln!("belljar: `{program}` cannot be executed: {reason}");
            exit_code::RUN_NOT_EXECUTABLE
        }
        Ending::TimedOut { .. } | Ending::OutputLimit { .. } => exit_code::RUN_ERROR,
    })
}

fn duplicate(stream: impl AsFd) -> io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}
