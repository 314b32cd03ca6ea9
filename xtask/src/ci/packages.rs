//! The programs that the steps need. Where the system's packages are Debian's and we are root, what is
//! missing is installed; elsewhere it is named.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::Outcome;
use crate::{elf, machine, process};

/// Something that must be on the machine.
struct Requirement {
    /// The Debian package that has it.
    package: &'static str,
    is_there: fn() -> bool,
    /// Whether only root has a use for it, to make the real images.
    for_real_images: bool,
}

const fn always(package: &'static str, is_there: fn() -> bool) -> Requirement {
    Requirement { package, is_there, for_real_images: false }
}

const fn for_real_images(package: &'static str, is_there: fn() -> bool) -> Requirement {
    Requirement { package, is_there, for_real_images: true }
}

const REQUIREMENTS: &[Requirement] = &[
    always("git", || process::is_installed("git")),
    always("gcc", || process::is_installed("cc")),
    always("libc6-dev", has_static_c_library),
    always("uidmap", || process::is_installed("newuidmap")),
    always("python3", || process::is_installed("python3")),
    always("gawk", || process::is_installed("gawk")),
    for_real_images("busybox-static", has_static_busybox),
    for_real_images("debootstrap", || is_installed_for_root("debootstrap")),
    for_real_images("umoci", || process::is_installed("umoci")),
];

/// The step.
pub(super) fn ensure_installed() -> Result<Outcome> {
    let makes_real_images = machine::we_are_root()? && machine::is_debian();
    let missing = missing_packages(makes_real_images);
    if missing.is_empty() {
        println!("everything is there");
        return Ok(Outcome::Done);
    }
    if !(machine::we_are_root()? && machine::has_debian_packages()) {
        bail!(
            "these Debian packages, or what they are called here, are missing: {}",
            missing.join(" ")
        );
    }
    process::run(&mut apt_get(&["update"]))?;
    process::run(apt_get(&["install", "--yes", "--no-install-recommends"]).args(&missing))?;
    let missing = missing_packages(makes_real_images);
    if !missing.is_empty() {
        bail!("installed, but of no use: {}", missing.join(" "));
    }
    Ok(Outcome::Done)
}

fn missing_packages(makes_real_images: bool) -> Vec<&'static str> {
    REQUIREMENTS
        .iter()
        .filter(|requirement| makes_real_images || !requirement.for_real_images)
        .filter(|requirement| !(requirement.is_there)())
        .map(|requirement| requirement.package)
        .collect()
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["--quiet=2", "-o", "Dpkg::Use-Pty=0"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// The compiler repeats the bare name of a file that it cannot find.
fn has_static_c_library() -> bool {
    let found = process::capture(Command::new("cc").arg("-print-file-name=libc.a"));
    found.is_ok_and(|path| Path::new(path.trim()).is_absolute())
}

fn has_static_busybox() -> bool {
    std::fs::read("/bin/busybox").is_ok_and(|program| elf::is_static_program(&program))
}

/// root's PATH lacks the administrator's folders in some shells.
fn is_installed_for_root(program: &str) -> bool {
    process::is_installed(program) || Path::new("/usr/sbin").join(program).is_file()
}
