//! From what is wanted to the list of prepared steps: safe code that may allocate and refuse.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};
use std::sync::Arc;

use rustix::mount::MountFlags;

use crate::command::{Command, Identity, PidOne, PlacedFile, Rootfs};
use crate::error::{Error, Kind, Result};
use crate::id_map::IdMap;
use crate::limits::Limits;
use crate::step::{InsidePath, Step};
use crate::sys::{Arguments, Executable};

/// The host name of every sandbox.
const HOSTNAME: &std::ffi::CStr = c"belljar";

/// The most bytes of options that mount(2) takes: one page.
const MOUNT_OPTIONS_MAX: usize = 4096;

/// A sandbox as its child will walk it.
#[derive(Debug)]
pub(crate) struct Program {
    /// What PID 1 does.
    pub(crate) setup: Vec<Step>,
    /// What the payload's process does before it executes.
    pub(crate) payload: Vec<Step>,
    pub(crate) executable: Executable,
    pub(crate) pid_one: PidOne,
    /// The directories whose ids the parent maps; [`Step::AttachLayer`] counts through them.
    pub(crate) mapped_layers: Vec<std::path::PathBuf>,
}

/// Compiles a sandbox; refuses what could not be built.
pub(crate) fn compile(
    rootfs: &Rootfs,
    command: &Command,
    limits: &Limits,
    id_map: IdMap,
) -> Result<Program> {
    let mut compiler = Compiler { id_map, steps: Vec::new(), mapped_layers: Vec::new() };
    compiler.enter_namespaces();
    compiler.mount_base(limits)?;
    compiler.mount_trees(rootfs)?;
    compiler.mount_system_directories();
    compiler.place_trees(rootfs)?;
    compiler.furnish(command)?;
    Ok(Program {
        setup: compiler.steps,
        payload: payload_steps(command, limits, id_map),
        executable: executable(command)?,
        pid_one: command.pid_one,
        mapped_layers: compiler.mapped_layers,
    })
}

/// The list of setup steps as it grows.
struct Compiler {
    id_map: IdMap,
    steps: Vec<Step>,
    mapped_layers: Vec<std::path::PathBuf>,
}

impl Compiler {
    fn enter_namespaces(&mut self) {
        self.steps.extend([Step::CloseInherited, Step::SetUmask, Step::AwaitIdMaps]);
        if self.id_map == IdMap::Range {
            self.steps.push(Step::BecomeRoot);
        }
        self.steps.extend([Step::DieWithParent, Step::MakeMountsPrivate]);
    }

    fn mount_base(&mut self, limits: &Limits) -> Result<()> {
        self.steps.push(Step::MountBase {
            size: c_string(limits.disk.to_string())?,
            inodes: c_string(limits.inodes.to_string())?,
        });
        for (path, mode) in [(c"layers", 0o755), (c"root", 0o755), (c"tmp", 0o1777)] {
            self.steps.push(Step::MakeDirectory { path: path.to_owned(), mode });
        }
        Ok(())
    }

    /// Mounts each tree as an overlay in the base: the first on `root`, the others aside.
    fn mount_trees(&mut self, rootfs: &Rootfs) -> Result<()> {
        let mut count = 0;
        for (number, tree) in rootfs.trees.iter().enumerate() {
            let mut lower = Vec::new();
            for layer in &tree.layers {
                let at = format!("layers/{count}");
                self.steps.push(Step::MakeDirectory { path: c_string(&at)?, mode: 0o755 });
                self.push_layer(layer, &at)?;
                lower.push(at);
                count += 1;
            }
            let (upper, work) = (format!("upper{number}"), format!("work{number}"));
            let at = tree_in_base(number);
            for path in [&upper, &work] {
                self.steps.push(Step::MakeDirectory { path: c_string(path)?, mode: 0o755 });
            }
            if number > 0 {
                self.steps.push(Step::MakeDirectory { path: at.clone(), mode: 0o755 });
            }
            let lower = lower.join(":");
            let options =
                format!("lowerdir={lower},upperdir={upper},workdir={work},userxattr,volatile");
            if options.len() >= MOUNT_OPTIONS_MAX {
                return Err(Kind::TooManyLayers { layers: tree.layers.len() }.into());
            }
            let options = Some(c_string(options)?);
            let flags = MountFlags::NODEV;
            self.steps.push(Step::Mount { kind: c"overlay", at, flags, options });
        }
        Ok(())
    }

    fn push_layer(&mut self, layer: &Path, at: &str) -> Result<()> {
        if !layer.is_absolute() {
            return Err(Kind::NotAbsolute { what: "layer", path: layer.into() }.into());
        }
        let (source, at) = (c_string(layer.as_os_str())?, c_string(at)?);
        self.steps.push(match self.id_map {
            IdMap::Single => Step::BindLayer { source, at },
            IdMap::Range => {
                let index = self.mapped_layers.len();
                self.mapped_layers.push(layer.into());
                Step::AttachLayer { source, index, at }
            }
        });
        Ok(())
    }

    /// Builds /dev and /proc in the base, from nothing of the image's.
    fn mount_system_directories(&mut self) {
        for (path, mode) in
            [(c"proc", 0o555), (c"dev", 0o755), (c"dev/pts", 0o755), (c"dev/shm", 0o1777)]
        {
            self.steps.push(Step::MakeDirectory { path: path.to_owned(), mode });
        }
        self.steps.push(Step::Mount {
            kind: c"proc",
            at: c"proc".to_owned(),
            flags: MountFlags::NODEV | MountFlags::NOEXEC,
            options: None,
        });
        self.steps.push(Step::Mount {
            kind: c"devpts",
            at: c"dev/pts".to_owned(),
            flags: MountFlags::NOEXEC,
            options: Some(c"newinstance,ptmxmode=0666,mode=0620".to_owned()),
        });
        for (source, at, major, minor) in DEVICES {
            self.steps.push(Step::BindDevice { source, at, major, minor });
        }
        for (path, target) in DEVICE_LINKS {
            self.steps.push(Step::MakeSymlink { path, target });
        }
    }

    /// Puts the trees and the system directories in their places and makes the result `/`.
    fn place_trees(&mut self, rootfs: &Rootfs) -> Result<()> {
        for (number, tree) in rootfs.trees.iter().enumerate().skip(1) {
            let at = tree
                .at
                .strip_prefix("/")
                .map_err(|_| Kind::NotAbsolute { what: "tree's place", path: tree.at.clone() })?;
            let at = c_string(at.as_os_str())?;
            self.steps.push(Step::Place { from: tree_in_base(number), at, no_exec: false });
        }
        for (directory, no_exec) in [(c"proc", true), (c"dev", true), (c"tmp", false)] {
            let (from, at) = (directory.to_owned(), directory.to_owned());
            self.steps.push(Step::Place { from, at, no_exec });
        }
        self.steps.push(Step::EnterRoot);
        Ok(())
    }

    /// Sets the room up for the payload: names, network, files, working directory.
    fn furnish(&mut self, command: &Command) -> Result<()> {
        self.steps.extend([Step::SetHostname { name: HOSTNAME }, Step::RaiseLoopback]);
        for (name, content) in NETWORK_FILES {
            self.steps.push(Step::PlaceFile {
                directory: InsidePath { prefixes: vec![c"etc".to_owned()] },
                name: name.to_owned(),
                content: Arc::from(content),
                mode: 0o644,
                owner: None,
            });
        }
        let owner = self.owner(&command.identity);
        for file in &command.files {
            self.steps.push(place_file(file, owner)?);
        }
        let path = inside_path("working directory", &command.workdir)?;
        self.steps.push(Step::PlaceDirectory { path, owner: None });
        let path = c_string(command.workdir.as_os_str())?;
        self.steps.push(Step::ChangeDirectory { path });
        if command.pid_one == PidOne::Init {
            let arguments = Arguments::of_this_process()?;
            self.steps.push(Step::HideFromPayload { arguments });
        }
        Ok(())
    }

    /// Whom files of the payload are given to: with a single id everything is the payload's.
    fn owner(&self, identity: &Identity) -> Option<(u32, u32)> {
        match self.id_map {
            IdMap::Single => None,
            IdMap::Range => Some((identity.uid, identity.gid)),
        }
    }
}

/// The host's character devices that a payload finds, with their numbers (Linux's
/// admin-guide/devices.txt).
const DEVICES: [(&std::ffi::CStr, &std::ffi::CStr, u32, u32); 6] = [
    (c"/dev/null", c"dev/null", 1, 3),
    (c"/dev/zero", c"dev/zero", 1, 5),
    (c"/dev/full", c"dev/full", 1, 7),
    (c"/dev/random", c"dev/random", 1, 8),
    (c"/dev/urandom", c"dev/urandom", 1, 9),
    (c"/dev/tty", c"dev/tty", 5, 0),
];

const DEVICE_LINKS: [(&std::ffi::CStr, &std::ffi::CStr); 5] = [
    (c"dev/fd", c"/proc/self/fd"),
    (c"dev/stdin", c"/proc/self/fd/0"),
    (c"dev/stdout", c"/proc/self/fd/1"),
    (c"dev/stderr", c"/proc/self/fd/2"),
    (c"dev/ptmx", c"pts/ptmx"),
];

/// Files of /etc that describe the sandbox's network: names resolve to loopback or, at once, to
/// nothing.
const NETWORK_FILES: [(&std::ffi::CStr, &[u8]); 3] = [
    (c"hosts", b"127.0.0.1\tlocalhost belljar\n::1\tlocalhost\n"),
    (c"hostname", b"belljar\n"),
    (c"resolv.conf", b""),
];

fn payload_steps(command: &Command, limits: &Limits, id_map: IdMap) -> Vec<Step> {
    let mut steps = vec![
        Step::StartSession,
        Step::LimitProcesses { processes: limits.processes },
        Step::DropBoundingSet,
    ];
    if id_map == IdMap::Range {
        let Identity { uid, gid, ref groups } = command.identity;
        let groups = groups.iter().copied().map(rustix::process::Gid::from_raw).collect();
        steps.push(Step::ChangeIdentity { uid, gid, groups });
    }
    steps.extend([Step::DropPrivileges, Step::FilterSystemCalls]);
    if command.pid_one == PidOne::Payload {
        // A change of ids has revoked the setup's request.
        steps.push(Step::DieWithParent);
    }
    steps.push(Step::ResetSignals);
    steps
}

/// The place in the base where a tree is put together.
fn tree_in_base(number: usize) -> CString {
    match number {
        0 => c"root".to_owned(),
        _ => CString::new(format!("tree{number}")).unwrap_or_default(),
    }
}

fn place_file(file: &PlacedFile, owner: Option<(u32, u32)>) -> Result<Step> {
    let mut directory = inside_path("file", &file.path)?;
    let Some(name) = directory.prefixes.pop().and(file.path.file_name()) else {
        return Err(Kind::NoFileName { path: file.path.clone() }.into());
    };
    Ok(Step::PlaceFile {
        directory,
        name: c_string(name)?,
        content: Arc::clone(&file.content),
        mode: file.mode,
        owner,
    })
}

/// Cuts an absolute path into its prefixes. `..` is refused: whether it follows a symbolic link of
/// the image's is for nobody to guess.
fn inside_path(what: &'static str, path: &Path) -> Result<InsidePath> {
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return Err(Kind::NotAbsolute { what, path: path.into() }.into());
    }
    let mut prefix = OsString::new();
    let mut prefixes = Vec::new();
    for component in components {
        let Component::Normal(name) = component else {
            return Err(Kind::DotDot { what, path: path.into() }.into());
        };
        if !prefix.is_empty() {
            prefix.push("/");
        }
        prefix.push(name);
        prefixes.push(c_string(&prefix)?);
    }
    Ok(InsidePath { prefixes })
}

fn executable(command: &Command) -> Result<Executable> {
    let program = command.argv.first().filter(|program| !program.is_empty());
    let program = program.ok_or(Kind::NoProgram)?;
    let argv = command.argv.iter().map(c_string).collect::<Result<_>>()?;
    let mut env = Vec::new();
    for (name, value) in &command.env {
        let mut entry = name.clone();
        entry.push("=");
        entry.push(value);
        env.push(c_string(entry)?);
    }
    Ok(Executable::new(candidates(program, command)?, argv, env))
}

/// Where execvp(3) would look, with the payload's own PATH.
fn candidates(program: &OsStr, command: &Command) -> Result<Vec<CString>> {
    if program.as_bytes().contains(&b'/') {
        return Ok(vec![c_string(program)?]);
    }
    let path = command.env.iter().rev().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(DEFAULT_PATH), |(_, value)| value);
    let directories = path.as_bytes().split(|byte| *byte == b':');
    directories
        .map(|directory| {
            let directory = if directory.is_empty() { b".".as_slice() } else { directory };
            c_string(OsStr::from_bytes(&[directory, b"/", program.as_bytes()].concat()))
        })
        .collect()
}

/// Where a program is looked for when the payload has no PATH, as docker does.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn c_string(text: impl AsRef<OsStr>) -> Result<CString> {
    let text = text.as_ref();
    let error = || Error::from(Kind::NulByte { text: text.to_string_lossy().into_owned() });
    CString::new(text.as_bytes()).map_err(|_| error())
}
