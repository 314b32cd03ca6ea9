//! The child allocates nothing between clone and exec: here every allocation in a process other
//! than this one ends it, and the sandbox would fail.

#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use belljar_sandbox::{
    Command, Ending, Identity, Limits, PidOne, PlacedFile, Rootfs, Sandbox, Streams, Tree,
};

/// Aborts on an allocation in any process but the one that `HOME` names.
struct OnlyAtHome;

static HOME: AtomicI32 = AtomicI32::new(0);

fn assert_at_home() {
    let home = HOME.load(Ordering::Relaxed);
    if home != 0 && home != nix::unistd::getpid().as_raw() {
        std::process::abort();
    }
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for OnlyAtHome {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        assert_at_home();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        assert_at_home();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: OnlyAtHome = OnlyAtHome;

#[test]
fn the_child_allocates_nothing() {
    let layer = tempfile::tempdir().unwrap();
    for name in ["bin", "lib", "lib64"] {
        if let Ok(target) = std::fs::read_link(std::path::Path::new("/").join(name)) {
            std::os::unix::fs::symlink(target, layer.path().join(name)).unwrap();
        }
    }
    std::fs::create_dir(layer.path().join("usr")).unwrap();
    let rootfs = Rootfs {
        trees: vec![
            Tree { at: "/".into(), layers: vec![layer.path().into()] },
            Tree { at: "/usr".into(), layers: vec!["/usr".into()] },
        ],
    };
    let file = PlacedFile { path: "/a/b/c".into(), content: Arc::from(&b"x"[..]), mode: 0o644 };
    for pid_one in [PidOne::Init, PidOne::Payload] {
        for (program, expected) in [("true", Ending::Exited(0)), ("no-such", NOT_FOUND)] {
            let command = Command {
                argv: vec![program.into()],
                env: vec![("A".into(), "b".into())],
                workdir: "/x/y".into(),
                identity: Identity { uid: 5, gid: 6, groups: Vec::new() },
                files: vec![file.clone()],
                pid_one,
            };
            let sandbox = Sandbox::new(&rootfs, &command, &Limits::default()).unwrap();
            HOME.store(nix::unistd::getpid().as_raw(), Ordering::Relaxed);
            let outcome = sandbox.run(Streams::captured(Vec::new())).unwrap();
            HOME.store(0, Ordering::Relaxed);
            assert_eq!(outcome.ending, expected);
        }
    }
}

const NOT_FOUND: Ending = Ending::NotStarted(belljar_sandbox::NotStarted::NotFound);
