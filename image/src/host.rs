//! The image `host`: the programs of this machine, without anything that is private to it.
//!
//! `/usr` is used in place. Around it goes a small generated layer: the folders that every system
//! has, the links into `/usr`, made-up accounts, and the little of `/etc` that programs need to
//! start. No home folders, nothing of `/var`, and of `/etc` only what every user may read.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::limits;
use crate::{Error, Result};

/// What the generated layer is made from.
pub(crate) struct Plan {
    /// Folders of this machine that are mounted where they are: `/usr` and, on a machine where they
    /// are no links into it, `/bin`, `/lib` and their kin.
    pub(crate) mounted: Vec<PathBuf>,
    /// Links in the root, and where they point.
    links: Vec<(PathBuf, PathBuf)>,
    /// Paths of this machine that are copied.
    copied: Vec<PathBuf>,
}

/// Raised whenever what is generated changes.
const VERSION: u32 = 1;

/// What may be a link into `/usr`, or a folder of its own.
const MERGED: [&str; 8] =
    ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/libo32", "/libexec"];

/// What programs need of `/etc`. Certificates are public; `ssl/private` and its kin are not here.
const COPIED: [&str; 15] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/etc/protocols",
    "/etc/services",
];

const FOLDERS: [(&str, u32); 15] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("srv", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("var", 0o755),
    ("var/tmp", 0o1777),
    ("var/log", 0o755),
];

const MADE_UP: [(&str, &str); 6] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    ),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    (
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\nhosts: files\nnetworks: files\n\
         protocols: files\nservices: files\nethers: files\nrpc: files\n",
    ),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
    ("etc/resolv.conf", ""),
    ("etc/host.conf", "multi on\n"),
];

/// Looks at this machine: some stats, nothing is read.
pub(crate) fn plan() -> Plan {
    let mut plan = Plan { mounted: vec!["/usr".into()], links: Vec::new(), copied: Vec::new() };
    for path in MERGED.map(PathBuf::from) {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => plan.mounted.push(path),
            Ok(metadata) if metadata.is_symlink() => {
                if let Ok(target) = fs::read_link(&path) {
                    plan.links.push((path, target));
                }
            }
            Ok(_) | Err(_) => {}
        }
    }
    let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    plan.copied = COPIED.map(PathBuf::from).into_iter().filter(is_there).collect();
    plan
}

impl Plan {
    /// Changes when a source does. A folder changes when a name in it does.
    pub(crate) fn fingerprint(&self) -> Digest {
        let mut text = format!("{VERSION} {:?} {:?}\n", self.mounted, self.links);
        for path in &self.copied {
            if let Ok(metadata) = fs::symlink_metadata(path) {
                let (size, inode) = (metadata.size(), metadata.ino());
                let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{path:?} {size} {inode} {seconds}.{nanoseconds}");
            }
        }
        Digest::of(text.as_bytes())
    }

    /// Writes the layer into an empty folder.
    pub(crate) fn write(&self, tree: &Path) -> Result<()> {
        let at = |path: &Path| tree.join(path.strip_prefix("/").unwrap_or(path));
        set_mode(tree, 0o755)?;
        for (folder, mode) in FOLDERS {
            make_folder(&tree.join(folder), mode)?;
        }
        for path in &self.mounted {
            make_folder(&at(path), 0o755)?;
        }
        for (path, target) in &self.links {
            make_link(target, &at(path))?;
        }
        for (path, content) in MADE_UP {
            make_file(&tree.join(path), &mut content.as_bytes())?;
        }
        make_link(Path::new("/proc/self/mounts"), &tree.join("etc/mtab"))?;
        make_link(Path::new("../usr/lib/os-release"), &tree.join("etc/os-release"))?;
        let mut entries_left = limits::HOST_ENTRIES;
        for path in &self.copied {
            copy(path, &at(path), &mut entries_left)?;
        }
        Ok(())
    }
}

/// Copies what every user may read; symlinks as they are.
fn copy(from: &Path, to: &Path, entries_left: &mut usize) -> Result<()> {
    let Some(left) = entries_left.checked_sub(1) else {
        let reason = format!("there are more than {} files", limits::HOST_ENTRIES);
        return Err(Error::source(from.display(), reason));
    };
    *entries_left = left;
    let failed = |error| Error::system("read", from, error);
    let metadata = match fs::symlink_metadata(from) {
        Ok(metadata) => metadata,
        // It went away while we were looking.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if let Some(folder) = to.parent() {
        make_folder(folder, 0o755)?;
    }
    if metadata.is_symlink() {
        return make_link(&fs::read_link(from).map_err(failed)?, to);
    }
    if metadata.is_dir() && is_open_to_all(&metadata, 0o5) {
        make_folder(to, 0o755)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(from).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort();
        for name in names {
            copy(&from.join(&name), &to.join(&name), entries_left)?;
        }
    } else if metadata.is_file()
        && is_open_to_all(&metadata, 0o4)
        && metadata.len() <= limits::HOST_FILE_BYTES
    {
        let file = File::open(from).map_err(failed)?;
        make_file(to, &mut file.take(limits::HOST_FILE_BYTES))?;
    }
    Ok(())
}

fn is_open_to_all(metadata: &Metadata, bits: u32) -> bool {
    metadata.mode() & bits == bits
}

fn make_folder(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|error| Error::system("make the folder", path, error))?;
    set_mode(path, mode)
}

fn make_link(target: &Path, path: &Path) -> Result<()> {
    symlink(target, path).map_err(|error| Error::system("make the symlink", path, error))
}

fn make_file(path: &Path, content: &mut dyn Read) -> Result<()> {
    let failed = |error| Error::system("write", path, error);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o644).open(path).map_err(failed)?;
    io::copy(content, &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    file.set_permissions(Permissions::from_mode(0o644)).map_err(failed)
}

/// Apart from making it, because the umask is none of ours.
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|error| Error::system("set the mode of", path, error))
}
