//! One case: what its file says, checked and with all defaults filled in, and nothing else. What
//! depends on an image or on this machine is decided later.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use belljar_image::Reference;

use crate::name::CaseName;
use crate::signal::Signal;
use crate::source::Place;

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name, which no other case of the suite has.
    pub name: CaseName,
    /// Where it begins: its file, or its `[[case]]`.
    pub place: Place,
    /// The root file system it runs in.
    pub image: ImageSetting,
    /// What it runs.
    pub command: CommandLine,
    /// What the command reads from its standard input.
    pub stdin: Content,
    /// Environment variables on top of the image's.
    pub env: BTreeMap<String, String>,
    /// Working directory, absolute; the image's where the case has none.
    pub workdir: Option<Stated<String>>,
    /// User, and group after a colon, by name or number; the image's where the case has none.
    pub user: Option<Stated<String>>,
    /// How long the command may take.
    pub timeout: Stated<Duration>,
    /// Programs that this machine must have for the case to be run; see
    /// [`missing_program`](crate::missing_program).
    pub requires: Vec<String>,
    /// Files placed in the sandbox before the start, in the order of their paths.
    pub files: Vec<InputFile>,
    /// What must happen.
    pub expect: Expect,
}

/// A value and the place that states it. Where nobody states it, the place is what the default
/// comes from: the `[expect]` table, or the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated<T> {
    /// The value.
    pub value: T,
    /// What people are shown when the value does not hold.
    pub place: Place,
}

/// Which image a case runs in. Whether it is there is found out later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSetting {
    /// The image; relative paths start at the folder of the file that states it.
    pub reference: Reference,
    /// Where it is stated.
    pub place: Place,
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The arguments, the program first; never empty. A command written as a string is
    /// `/bin/sh -c` and that string.
    pub argv: Vec<String>,
    /// Whether it was written as a string for the shell.
    pub shell: bool,
    /// Where it is written.
    pub place: Place,
}

/// Bytes for the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// They stand in the case file.
    Text(String),
    /// They are read from a file of the suite when the case is run.
    File(Stated<PathBuf>),
}

/// A file to be placed in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where it is placed: absolute, without `.`, `..` or empty parts.
    pub path: String,
    /// What it holds.
    pub content: Content,
    /// Its permission bits, at most `0o7777`.
    pub mode: u32,
}

/// What must happen for a case to pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// How the command must end.
    pub status: Stated<Status>,
    /// What it must print to standard output.
    pub stdout: Stated<Printed>,
    /// What it must print to standard error.
    pub stderr: Stated<Printed>,
}

/// How a command ends when all goes as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It returns this exit code, 0 to 255.
    ExitCode(i32),
    /// This signal ends it.
    Signal(Signal),
}

/// What a stream must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    /// Whatever it likes.
    Anything,
    /// This, to the byte.
    Exactly(String),
    /// Each of these, anywhere and in any order; never none of them, and none is empty.
    Containing(Vec<String>),
}

impl CommandLine {
    /// The program.
    #[must_use]
    pub fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }
}
