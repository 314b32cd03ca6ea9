//! `cargo xtask fixtures`: the images that cases run in.
//!
//! The small one, `cases/.images/probe`, is made on every machine from the program in `xtask/probe`.
//! Its bytes depend on the compiler and the sources only, so it is written only when those change.

mod real;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::archive::Tree;
use crate::layout::Layout;
use crate::{elf, process, workspace};

/// What `cargo xtask fixtures` can be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also make images of real systems, in target/real (as root, on Debian)
    #[arg(long)]
    real: bool,
}

/// Where the small image lies; cases name it by this path.
pub(crate) const PROBE_IMAGE: &str = "cases/.images/probe";

/// The names by which the program answers besides its own, where a command is nothing else.
const PROBE_LINKS: &[&str] = &["echo", "echo_stderr", "exit", "ls", "mypid", "touch"];

const PASSWD: &str = "root:x:0:0:root:/:/bin/probe\nalice:x:1000:1000:Alice:/:/bin/probe\n";
const GROUP: &str = "root:x:0:\nalice:x:1000:\nstaff:x:2000:alice\n";

/// The chore.
pub(crate) fn make(options: &Options) -> Result<()> {
    make_probe_image()?;
    if options.real {
        make_real_images()?;
    }
    Ok(())
}

/// The small image only.
pub(crate) fn make_probe_image() -> Result<()> {
    let run_config = json!({
        "Env": ["PATH=/bin", "GREETING=hello"],
        "Cmd": ["probe"],
        "WorkingDir": "/",
    });
    let layout = Layout::new("latest", &probe_tree(build_probe()?).to_tar()?, &run_config)?;
    let changed = layout.write_to(&workspace::path(PROBE_IMAGE))?;
    eprintln!("{PROBE_IMAGE} {}", if changed { "written" } else { "is up to date" });
    Ok(())
}

/// The files of the small image, for those who take a folder.
pub(crate) fn unpack_probe_image(folder: &Path) -> Result<()> {
    probe_tree(build_probe()?).write_to(folder)
}

/// The images of real systems only.
pub(crate) fn make_real_images() -> Result<()> {
    real::make()
}

/// Whether the images of real systems have been made, all of them.
pub(crate) fn real_images_are_there() -> bool {
    real::are_there()
}

fn probe_tree(program: Vec<u8>) -> Tree {
    let mut tree = Tree::default();
    tree.directory("bin", 0o755);
    tree.directory("etc", 0o755);
    tree.directory("tmp", 0o1777);
    tree.file("bin/probe", 0o755, program);
    for link in PROBE_LINKS {
        tree.symlink(&format!("bin/{link}"), "probe");
    }
    tree.file("etc/passwd", 0o644, PASSWD);
    tree.file("etc/group", 0o644, GROUP);
    tree
}

/// Builds the program in a target directory of its own: other flags would make cargo throw away what
/// it has built for the workspace.
fn build_probe() -> Result<Vec<u8>> {
    let directory = workspace::build_directory()?.join("fixtures");
    let mut cargo = workspace::cargo(&["build", "--quiet", "--release", "-p", "belljar-probe"]);
    cargo
        .arg("--target-dir")
        .arg(&directory)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env_remove("CARGO_BUILD_TARGET");
    if !process::status(&mut cargo)?.success() {
        bail!("failed to build the probe{}", hint_for_static_linking());
    }
    let path = directory.join("release/belljar-probe");
    let program = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    ensure!(
        elf::is_static_program(&program),
        "{} is not linked statically, and the image has no loader{}",
        path.display(),
        hint_for_static_linking()
    );
    Ok(program)
}

/// What is missing for static linking, as far as can be told.
fn hint_for_static_linking() -> &'static str {
    let Ok(found) = process::capture(Command::new("cc").arg("-print-file-name=libc.a")) else {
        return "\nhint: there is no C compiler to link with; on Debian: apt-get install gcc libc6-dev";
    };
    // The compiler repeats the bare name where it has no such file.
    if found.trim() == "libc.a" {
        "\nhint: the C library for static linking is missing; \
         on Debian: apt-get install libc6-dev, on Fedora: dnf install glibc-static"
    } else {
        ""
    }
}
