//! A root file system made of this machine's own programs, and short ways to run one of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use belljar_sandbox::{
    Command, Identity, Limits, Outcome, PidOne, Result, Rootfs, Sandbox, Streams, Tree,
};

/// The machine's /usr below a scaffold with the usual links and empty directories.
pub(crate) fn rootfs() -> Rootfs {
    static SCAFFOLD: OnceLock<tempfile::TempDir> = OnceLock::new();
    let scaffold = SCAFFOLD.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        for name in ["bin", "sbin", "lib", "lib64"] {
            if let Ok(target) = std::fs::read_link(Path::new("/").join(name)) {
                std::os::unix::fs::symlink(target, directory.path().join(name)).unwrap();
            }
        }
        for name in ["usr", "etc"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        directory
    });
    Rootfs {
        trees: vec![
            Tree { at: "/".into(), layers: vec![scaffold.path().to_path_buf()] },
            Tree { at: "/usr".into(), layers: vec![PathBuf::from("/usr")] },
        ],
    }
}

/// A shell that runs `script`.
pub(crate) fn shell(script: &str) -> Command {
    Command {
        argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
        env: vec![("PATH".into(), "/usr/bin:/usr/sbin".into())],
        workdir: "/".into(),
        identity: Identity::default(),
        files: Vec::new(),
        pid_one: PidOne::Init,
    }
}

pub(crate) fn try_run(command: &Command, limits: &Limits, stdin: &[u8]) -> Result<Outcome> {
    Sandbox::new(&rootfs(), command, limits)?.run(Streams::captured(stdin))
}

pub(crate) fn run(script: &str) -> Outcome {
    try_run(&shell(script), &Limits::default(), b"").unwrap()
}

/// What the script printed, as text.
pub(crate) fn output(script: &str) -> String {
    let outcome = run(script);
    String::from_utf8_lossy(&[outcome.stdout.bytes, outcome.stderr.bytes].concat()).into_owned()
}
