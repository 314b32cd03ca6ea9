//! Why a sandbox could not be made or kept, in words that say what to do about it.

use std::ffi::OsString;
use std::path::PathBuf;

use nix::errno::Errno;

/// The result of everything fallible in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the sandbox itself, never of the payload.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Kind);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("the {what} `{}` is not an absolute path", path.display())]
    NotAbsolute { what: &'static str, path: PathBuf },
    #[error("the {what} `{}` contains `..`; write the path without it", path.display())]
    DotDot { what: &'static str, path: PathBuf },
    #[error("the file `{}` has no name", path.display())]
    NoFileName { path: PathBuf },
    #[error("no program was given")]
    NoProgram,
    #[error("`{}` contains a NUL byte", text.escape_debug())]
    NulByte { text: String },
    #[error("{count} supplementary groups are more than the {max} that a sandbox can give")]
    TooManyGroups { count: usize, max: usize },
    #[error("failed to encode the steps: {0}")]
    Encoding(#[from] postcard::Error),
    #[error("{layers} layers are more than overlayfs can stack here")]
    TooManyLayers { layers: usize },
    #[error("user {uid} and group {gid} must be below 65536, the number of ids in a sandbox")]
    IdTooLarge { uid: u32, gid: u32 },
    #[error("the first tree of a root file system is to be at `/`")]
    NoRoot,
    #[error("the tree at `{}` has no layer", at.display())]
    NoLayer { at: PathBuf },
    #[error("`{}` cannot be the name of a variable", name.to_string_lossy().escape_debug())]
    VariableName { name: OsString },
    #[error("there are too many arguments and variables")]
    TooManyStrings,
    #[error("failed to {what}: {errno}")]
    System { what: String, errno: Errno },
    #[error("failed to {what}: {errno}{}", namespace_hint(errno))]
    Namespaces { what: String, errno: Errno },
    #[error("failed to {step}: {errno}{}", step_hint(step, errno))]
    Step { step: String, errno: Errno },
    #[error("the sandbox's init was killed from outside (signal {signal})")]
    InitKilled { signal: i32 },
    #[error("the sandbox's init ended without a report")]
    InitEnded,
    #[error("the process that starts sandboxes ended")]
    NurseryEnded,
    #[error("the sandbox was killed but did not end within {seconds} seconds")]
    Unkillable { seconds: u64 },
}

impl From<postcard::Error> for Error {
    fn from(error: postcard::Error) -> Self {
        Self(Kind::Encoding(error))
    }
}

impl Kind {
    /// What completes "failed to …" for a system call of the parent.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(Errno) -> Error {
        let what = what.into();
        move |errno| Self::System { what, errno }.into()
    }

    /// The same where the kernel may refuse namespaces as such.
    pub(crate) fn namespaces(what: impl Into<String>) -> impl FnOnce(Errno) -> Error {
        let what = what.into();
        move |errno| Self::Namespaces { what, errno }.into()
    }
}

/// What to do when the namespaces themselves cannot be had.
fn namespace_hint(errno: &Errno) -> &'static str {
    match errno {
        Errno::EPERM | Errno::EACCES if nix::unistd::geteuid().is_root() => {
            "\nhint: root needs CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID and CAP_CHOWN, and inside a \
             container a seccomp profile that allows namespaces and mounts; an ordinary user needs \
             no capability"
        }
        Errno::EPERM | Errno::EACCES => {
            "\nhint: this user may not make user namespaces here: see \
             kernel.apparmor_restrict_unprivileged_userns and kernel.unprivileged_userns_clone \
             (sysctl), or run belljar as root; inside a container its seccomp profile may forbid it"
        }
        Errno::ENOSPC => {
            "\nhint: raise user.max_user_namespaces and its siblings (sysctl), or close sandboxes \
             that nest this one"
        }
        Errno::ENOSYS => "\nhint: belljar needs Linux 5.12 or newer",
        _ => "",
    }
}

fn step_hint(step: &str, errno: &Errno) -> &'static str {
    match errno {
        Errno::EPERM if step.starts_with("mount proc") => {
            "\nhint: the kernel refuses a new /proc where the old one is partly hidden, as in most \
             containers: start the outer container with unmasked paths \
             (docker: --security-opt systempaths=unconfined)"
        }
        Errno::ELOOP if step.contains(" on /") => {
            "\nhint: the image has a symbolic link where a directory must be"
        }
        Errno::ENOSPC if step.starts_with("write the file") => {
            "\nhint: what is placed must fit into the disk limit, 256 MiB in cases"
        }
        Errno::ENXIO | Errno::ENOENT if step.starts_with("bind the device") => {
            "\nhint: /dev of this machine does not hold the usual character device"
        }
        Errno::ENOSYS => "\nhint: belljar needs Linux 5.12 or newer",
        _ => "",
    }
}
