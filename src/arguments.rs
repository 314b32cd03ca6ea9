//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use belljar_image::{Name, Reference};
use clap::{ArgAction, Args, Parser, ValueEnum};

/// Test cases under glass: runs each case in a fresh, sealed sandbox and reports like cargo test.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    Run(Run),
    Test(Test),
    Import(Import),
}

/// Run a command in a fresh sandbox, as `docker run --rm` does
///
/// Exit codes: the command's own; 125 when belljar failed, 126 when the command cannot be executed,
/// 127 when there is no such command, 128 + N when signal N ended it.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Set a variable; without a value, pass on the one of the same name
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Working directory inside, absolute; made where the image lacks it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// User, by name or number, and group after a colon
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// Pass standard input on to the command
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Print the steps that make the sandbox, and run nothing
    #[arg(long)]
    pub(crate) explain: bool,
    /// Accepted and of no effect: nothing is kept anyway
    #[arg(long, hide = true)]
    pub(crate) rm: bool,
    /// The image, and a command with its arguments in place of the image's own. Options behind the
    /// image are the command's
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_names = ["IMAGE", "COMMAND"],
        long_help = RUN_WORDS_HELP
    )]
    pub(crate) words: Vec<String>,
}

/// Run the cases of a suite
///
/// Exit codes: 0 when all passed, 2 when a case file is wrong, 3 when a case could not be judged, 4
/// when no case was selected, 101 when a case failed.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Case files and folders, `cases` or else the current folder where none is named; what is not
    /// there is a filter
    #[arg(value_name = "PATH|FILTER")]
    pub(crate) paths_or_filters: Vec<String>,
    /// Parts of names: only cases that have one of them are run
    #[arg(last = true, value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Filters are whole names
    #[arg(long)]
    pub(crate) exact: bool,
    /// List the names of the cases, and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// How many cases run at a time; one more than there are processors where not
    /// given
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Colours: auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = Color::Auto, action = ArgAction::Set)]
    pub(crate) color: Color,
    /// The command line that runs this suite, for the hint how to run one case alone
    #[arg(long, hide = true, value_name = "COMMAND")]
    pub(crate) called_as: Option<String>,
}

/// The forms of an image, whose brackets would be links in a doc comment.
const IMPORT_SOURCE_HELP: &str = "oci:DIR[:TAG], oci-archive:FILE[:TAG], \
    docker-archive:FILE[:NAME] or rootfs:FILE.tar[.gz|.zst]";

const RUN_WORDS_HELP: &str = "The image: oci:DIR[:TAG], oci-archive:FILE[:TAG], \
    docker-archive:FILE[:NAME], rootfs:DIR, rootfs:FILE.tar[.gz|.zst], host, or the name of an \
    imported image; and a command with its arguments in place of the image's own. Options behind \
    the image are the command's";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// Give an image a name in the store
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// An image that is no name in the store yet
    #[arg(long_help = IMPORT_SOURCE_HELP)]
    pub(crate) source: Reference,
    /// Its name, such as busybox:1.36
    pub(crate) name: Name,
}

impl Test {
    /// The words of the command line, sorted into paths and filters.
    pub(crate) fn selection(&self) -> (Vec<PathBuf>, Vec<String>) {
        // A case's name has neither: such a word can only be a path, if one that is not there.
        let is_path = |word: &String| {
            let path = Path::new(word);
            path.exists() || word.contains('/') || path.extension().is_some_and(|it| it == "toml")
        };
        let (paths, mut filters): (Vec<_>, Vec<_>) =
            self.paths_or_filters.iter().cloned().partition(is_path);
        filters.extend(self.filters.iter().cloned());
        let paths = if paths.is_empty() {
            let cases = PathBuf::from("cases");
            vec![if cases.is_dir() { cases } else { PathBuf::from(".") }]
        } else {
            paths.into_iter().map(PathBuf::from).collect()
        };
        (paths, filters)
    }
}
