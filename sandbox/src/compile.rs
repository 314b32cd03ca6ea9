//! From what is wanted to the list of prepared steps: safe code that may allocate and refuse.

use std::ffi::{CString, OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use crate::command::{Command, Identity, PidOne, PlacedFile, Rootfs};
use crate::error::{Error, Kind, Result};
use crate::id_map::IdMap;
use crate::limits::Limits;
use crate::program::{self, StepList};
use crate::step::{GROUPS_MAX, Groups, Prefixes, Step};
use crate::template;
use crate::text::{Bytes, Strings, Text, concatenated};

/// The most bytes of options that mount(2) takes: one page.
const MOUNT_OPTIONS_MAX: usize = 4096;

/// A compiled sandbox.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The encoded list; [`program::Reader`] reads it.
    pub(crate) program: Vec<u8>,
    /// The directories whose ids the parent maps; [`Step::AttachLayer`] counts through them.
    pub(crate) mapped_layers: Vec<PathBuf>,
}

/// Compiles a sandbox; refuses what could not be built.
pub(crate) fn compile(
    rootfs: &Rootfs,
    command: &Command,
    limits: &Limits,
    id_map: IdMap,
) -> Result<Compiled> {
    check(rootfs, command)?;
    let mut setup = Compiler { id_map, steps: StepList::default(), mapped_layers: Vec::new() };
    setup.push(&Step::DieWithParent)?;
    setup.mount_base(limits)?;
    setup.mount_trees(rootfs)?;
    setup.place_trees(rootfs)?;
    setup.furnish(command)?;
    let payload = payload_steps(command, limits, id_map)?;
    let strings = command.argv.len() + command.env.len();
    let strings = u32::try_from(strings).map_err(|_| Kind::TooManyStrings)?;
    let program = program::encode(command.pid_one, strings, &setup.steps, &payload)?;
    Ok(Compiled { program, mapped_layers: setup.mapped_layers })
}

/// Refuses what no step would complain about clearly.
fn check(rootfs: &Rootfs, command: &Command) -> Result<()> {
    match rootfs.trees.split_first() {
        Some((root, _)) if root.at == Path::new("/") => {}
        _ => return Err(Kind::NoRoot.into()),
    }
    for tree in &rootfs.trees {
        prefixes("tree's place", &tree.at)?;
        if tree.layers.is_empty() {
            return Err(Kind::NoLayer { at: tree.at.clone() }.into());
        }
    }
    let is_bad = |name: &OsString| name.is_empty() || name.as_bytes().contains(&b'=');
    match command.env.iter().find(|(name, _)| is_bad(name)) {
        Some((name, _)) => Err(Kind::VariableName { name: name.clone() }.into()),
        None => Ok(()),
    }
}

/// The list of setup steps as it grows.
struct Compiler {
    id_map: IdMap,
    steps: StepList,
    mapped_layers: Vec<PathBuf>,
}

impl Compiler {
    fn push(&mut self, step: &Step<'_>) -> Result<()> {
        Ok(self.steps.push(step)?)
    }

    /// Mounts the base in the place that the nursery has for it.
    fn mount_base(&mut self, limits: &Limits) -> Result<()> {
        let (size, inodes) =
            (c_string(limits.disk.to_string())?, c_string(limits.inodes.to_string())?);
        let (size, inodes) = (Text(&size), Text(&inodes));
        self.push(&Step::MountTmpfs { size, inodes, at: Text(c"base") })?;
        for (path, mode) in
            [(c"layers", 0o755), (c"root", 0o755), (c"shm", 0o1777), (c"tmp", 0o1777)]
        {
            self.push(&Step::MakeDirectory { path: Text(path), mode })?;
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
                self.make_directory(&at)?;
                self.push_layer(layer, &at)?;
                lower.push(at);
                count += 1;
            }
            let (upper, work) = (format!("upper{number}"), format!("work{number}"));
            self.make_directory(&upper)?;
            self.make_directory(&work)?;
            let at = tree_in_base(number);
            if number > 0 {
                self.push(&Step::MakeDirectory { path: Text(&at), mode: 0o755 })?;
            }
            if number == 0 && has_etc_or_none(&tree.layers) {
                lower.insert(0, template::FURNITURE.to_owned());
            }
            let lower = lower.join(":");
            let options =
                format!("lowerdir={lower},upperdir={upper},workdir={work},userxattr,volatile");
            if options.len() >= MOUNT_OPTIONS_MAX {
                return Err(Kind::TooManyLayers { layers: tree.layers.len() }.into());
            }
            let options = c_string(options)?;
            self.push(&Step::MountOverlay { at: Text(&at), options: Text(&options) })?;
        }
        Ok(())
    }

    fn make_directory(&mut self, path: &str) -> Result<()> {
        self.push(&Step::MakeDirectory { path: Text(&c_string(path)?), mode: 0o755 })
    }

    fn push_layer(&mut self, layer: &Path, at: &str) -> Result<()> {
        if !layer.is_absolute() {
            return Err(Kind::NotAbsolute { what: "layer", path: layer.into() }.into());
        }
        let (source, at) = (c_string(layer.as_os_str())?, c_string(at)?);
        let (source, at) = (Text(&source), Text(&at));
        match self.id_map {
            IdMap::Single => self.push(&Step::BindLayer { source, at }),
            IdMap::Range => {
                let layers = self.mapped_layers.len();
                let index = u32::try_from(layers).map_err(|_| Kind::TooManyLayers { layers })?;
                self.mapped_layers.push(layer.into());
                self.push(&Step::AttachLayer { source, index, at })
            }
        }
    }

    /// Puts the trees and the system directories in their places and makes the result `/`.
    fn place_trees(&mut self, rootfs: &Rootfs) -> Result<()> {
        for (number, tree) in rootfs.trees.iter().enumerate().skip(1) {
            let at = tree
                .at
                .strip_prefix("/")
                .map_err(|_| Kind::NotAbsolute { what: "tree's place", path: tree.at.clone() })?;
            let (from, at) = (tree_in_base(number), c_string(at.as_os_str())?);
            let (from, at) = (Text(&from), Text(&at));
            self.push(&Step::Place { from, at, no_exec: false, read_only: false })?;
        }
        self.mount_system_directories()?;
        self.push(&Step::EnterRoot)
    }

    /// Mounts /proc, /dev, /dev/pts, /dev/shm and /tmp, from nothing of the image's. What lies in
    /// `dev` is the nursery's, beside the base, and the same for all.
    fn mount_system_directories(&mut self) -> Result<()> {
        let none = Text(c"");
        self.push(&Step::MountAt {
            kind: Text(c"proc"),
            at: Text(c"proc"),
            no_dev: true,
            options: none,
        })?;
        // Root inside may write the settings of its network namespace without any capability.
        self.push(&Step::MakeReadOnly { at: Text(c"proc/sys") })?;
        let place = |from, at, no_exec, read_only| Step::Place {
            from: Text(from),
            at: Text(at),
            no_exec,
            read_only,
        };
        self.push(&place(c"../dev", c"dev", true, true))?;
        self.push(&Step::MountAt {
            kind: Text(c"devpts"),
            at: Text(c"dev/pts"),
            no_dev: false,
            options: Text(c"newinstance,ptmxmode=0666,mode=0620,max=64"),
        })?;
        self.push(&place(c"shm", c"dev/shm", true, false))?;
        self.push(&place(c"tmp", c"tmp", false, false))
    }

    /// Sets the room up for the payload: files and working directory.
    fn furnish(&mut self, command: &Command) -> Result<()> {
        let owner = self.owner(&command.identity);
        for file in &command.files {
            self.place_file(file, owner)?;
        }
        let prefixes = concatenated(&prefixes("working directory", &command.workdir)?);
        let path = Prefixes(Strings::from_bytes(&prefixes));
        self.push(&Step::PlaceDirectory { path, owner: None })?;
        let path = c_string(command.workdir.as_os_str())?;
        self.push(&Step::ChangeDirectory { path: Text(&path) })?;
        if command.pid_one == PidOne::Init {
            self.push(&Step::HideFromPayload)?;
        }
        Ok(())
    }

    fn place_file(&mut self, file: &PlacedFile, owner: Option<(u32, u32)>) -> Result<()> {
        let mut directory = prefixes("file", &file.path)?;
        let Some(name) = directory.pop().and(file.path.file_name()) else {
            return Err(Kind::NoFileName { path: file.path.clone() }.into());
        };
        let (directory, name) = (concatenated(&directory), c_string(name)?);
        self.push(&Step::PlaceFile {
            directory: Prefixes(Strings::from_bytes(&directory)),
            name: Text(&name),
            content: Bytes(&file.content),
            mode: file.mode,
            owner,
        })
    }

    /// Whom files of the payload are given to: with a single id everything is the payload's.
    fn owner(&self, identity: &Identity) -> Option<(u32, u32)> {
        match self.id_map {
            IdMap::Single => None,
            IdMap::Range => Some((identity.uid, identity.gid)),
        }
    }
}

fn payload_steps(command: &Command, limits: &Limits, id_map: IdMap) -> Result<StepList> {
    let mut steps = StepList::default();
    steps.push(&Step::StartSession)?;
    steps.push(&Step::LimitProcesses { processes: limits.processes })?;
    if id_map == IdMap::Range {
        let Identity { uid, gid, ref groups } = command.identity;
        steps.push(&Step::ChangeIdentity { uid, gid, groups: groups_of(groups)? })?;
    }
    steps.push(&Step::DropPrivileges)?;
    if command.pid_one == PidOne::Payload {
        // A change of ids has revoked the setup's request.
        steps.push(&Step::DieWithParent)?;
    }
    steps.push(&Step::WireStreams)?;
    push_execute(&mut steps, command)?;
    Ok(steps)
}

fn groups_of(groups: &[u32]) -> Result<Groups> {
    let mut ids = [0; GROUPS_MAX];
    let too_many = || Kind::TooManyGroups { count: groups.len(), max: GROUPS_MAX };
    ids.get_mut(..groups.len()).ok_or_else(too_many)?.copy_from_slice(groups);
    Ok(Groups { count: u32::try_from(groups.len()).map_err(|_| too_many())?, ids })
}

/// Whether the image's /etc is a directory, or missing. The nursery's files of /etc are laid over
/// such an image; one that has a link there keeps it, without them.
fn has_etc_or_none(layers: &[PathBuf]) -> bool {
    let etc = layers.iter().find_map(|layer| layer.join("etc").symlink_metadata().ok());
    // A whiteout, character device 0:0, says that it is missing (kernel: overlayfs.rst).
    let is_whiteout = |etc: &Metadata| etc.file_type().is_char_device() && etc.rdev() == 0;
    etc.is_none_or(|etc| etc.is_dir() || is_whiteout(&etc))
}

/// The place in the base where a tree is put together.
fn tree_in_base(number: usize) -> CString {
    match number {
        0 => c"root".to_owned(),
        _ => CString::new(format!("tree{number}")).unwrap_or_default(),
    }
}

/// Cuts an absolute path into its prefixes. `..` is refused: whether it follows a symbolic link of
/// the image's is for nobody to guess.
fn prefixes(what: &'static str, path: &Path) -> Result<Vec<CString>> {
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
    Ok(prefixes)
}

fn push_execute(steps: &mut StepList, command: &Command) -> Result<()> {
    let program = command.argv.first().filter(|program| !program.is_empty());
    let candidates = concatenated(&candidates(program.ok_or(Kind::NoProgram)?, command)?);
    let argv = command.argv.iter().map(c_string).collect::<Result<Vec<_>>>()?;
    let mut env = Vec::new();
    for (name, value) in &command.env {
        let mut entry = name.clone();
        entry.push("=");
        entry.push(value);
        env.push(c_string(entry)?);
    }
    let (argv, env) = (concatenated(&argv), concatenated(&env));
    Ok(steps.push(&Step::Execute {
        candidates: Strings::from_bytes(&candidates),
        argv: Strings::from_bytes(&argv),
        env: Strings::from_bytes(&env),
    })?)
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
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn c_string(text: impl AsRef<OsStr>) -> Result<CString> {
    let text = text.as_ref();
    let error = || Error::from(Kind::NulByte { text: text.to_string_lossy().into_owned() });
    CString::new(text.as_bytes()).map_err(|_| error())
}
