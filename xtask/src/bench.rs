//! `cargo xtask bench`: how fast belljar is beside what one could use in its place. A time means
//! something only next to the others of the same run, so nothing is asserted about any of them.

mod suite;
mod table;

use anyhow::Result;

/// What can be measured.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Many small cases, beside bubblewrap and beside no sandbox at all
    Suite(suite::Options),
}

/// The chore.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Suite(options) => suite::run(options),
    }
}
