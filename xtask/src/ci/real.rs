//! The steps that need images of real systems: busybox in a plain archive, a Debian in a layout.

use std::process::Command;

use anyhow::{Result, ensure};

use super::Outcome;
use crate::{fixtures, machine, process, suite};

/// The archive as the command line names it, from the root of the workspace.
const ARCHIVE: &str = "rootfs:target/real/busybox.tar";

/// The name that it gets in the store.
const NAME: &str = "busybox:real";

/// The step that makes them.
pub(super) fn make_images() -> Result<Outcome> {
    if !(machine::is_debian() && machine::we_are_root()?) {
        return Ok(Outcome::Skipped("real images are made as root on Debian only"));
    }
    fixtures::make_real_images()?;
    Ok(Outcome::Done)
}

/// The step that runs their cases, and one more: a name in the store must be given before a case can
/// use it, and a case gives none.
pub(super) fn run_suite() -> Result<Outcome> {
    if !fixtures::real_images_are_there() {
        return Ok(Outcome::Skipped("`cargo xtask fixtures --real` has not been run"));
    }
    suite::must_pass(suite::REAL)?;
    import_and_run(|subcommand| suite::belljar(subcommand, false))?;
    Ok(Outcome::Done)
}

/// Gives an image a name and runs a command in it by that name.
pub(super) fn import_and_run(belljar: impl Fn(&str) -> Command) -> Result<()> {
    let imported = process::capture(belljar("import").args([ARCHIVE, NAME]))?;
    ensure!(
        imported.starts_with(&format!("{NAME} sha256:")),
        "`belljar import {ARCHIVE} {NAME}` printed {imported:?}"
    );
    let printed = process::capture(belljar("run").args([NAME, "echo", "hi"]))?;
    ensure!(printed == "hi\n", "`belljar run {NAME} echo hi` printed {printed:?}");
    Ok(())
}
