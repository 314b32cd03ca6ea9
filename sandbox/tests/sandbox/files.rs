//! What a payload finds and may write: files placed for it, a disk with a limit, nothing kept.

use std::path::PathBuf;
use std::sync::Arc;

use belljar_sandbox::{Command, Limits, PlacedFile, Rootfs, Sandbox, Streams, Tree};

use crate::support::{output, shell, try_run};

fn file(path: &str, content: &str, mode: u32) -> PlacedFile {
    PlacedFile { path: path.into(), content: Arc::from(content.as_bytes()), mode }
}

fn output_with(files: Vec<PlacedFile>, script: &str) -> String {
    let outcome = try_run(&Command { files, ..shell(script) }, &Limits::default(), b"").unwrap();
    String::from_utf8_lossy(&[outcome.stdout.bytes, outcome.stderr.bytes].concat()).into_owned()
}

#[test]
fn placed_files_are_there_with_their_modes() {
    let files = vec![
        file("/work/deep/in.txt", "text\n", 0o640),
        file("/work/tool", "#!/bin/sh\necho ran\n", 0o755),
        file("/etc/hosts", "mine\n", 0o644),
    ];
    let script =
        "cat /work/deep/in.txt /etc/hosts; /work/tool; stat -c '%a %n' /work/* /work/deep/*";
    let expected = "text\nmine\nran\n755 /work/deep\n755 /work/tool\n640 /work/deep/in.txt\n";
    assert_eq!(output_with(files, script), expected);
}

#[test]
fn a_large_file_arrives_whole() {
    let content = "0123456789".repeat(300_000);
    assert_eq!(output_with(vec![file("/big", &content, 0o644)], "wc -c < /big").trim(), "3000000");
}

#[test]
fn paths_that_would_be_guesses_are_refused() {
    for (path, expected) in [
        ("work/in.txt", "the file `work/in.txt` is not an absolute path"),
        (
            "/work/../etc/in.txt",
            "the file `/work/../etc/in.txt` contains `..`; write the path without it",
        ),
        ("/", "the file `/` has no name"),
    ] {
        let command = Command { files: vec![file(path, "", 0o644)], ..shell("true") };
        let error = try_run(&command, &Limits::default(), b"").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_working_directory_is_made() {
    let command = Command { workdir: "/some/where".into(), ..shell("pwd; stat -c %a .") };
    let outcome = try_run(&command, &Limits::default(), b"").unwrap();
    assert_eq!(outcome.stdout.bytes, b"/some/where\n755\n");
}

/// A root file system whose directories are links to `target` on the host.
fn hostile(names: &[&str], target: &std::path::Path) -> (tempfile::TempDir, Rootfs) {
    let layer = tempfile::tempdir().unwrap();
    for name in names {
        std::os::unix::fs::symlink(target, layer.path().join(name)).unwrap();
    }
    let mut rootfs = crate::support::rootfs();
    rootfs.trees[0].layers.insert(0, layer.path().to_path_buf());
    (layer, rootfs)
}

#[test]
fn links_of_the_image_do_not_lead_out() {
    for name in ["proc", "dev", "tmp", "etc", "work"] {
        let victim = tempfile::tempdir().unwrap();
        let (_layer, rootfs) = hostile(&[name], victim.path());
        let command = Command {
            files: vec![file("/work/in.txt", "x", 0o644)],
            workdir: "/work".into(),
            ..shell("true")
        };
        // Refused or run: either way nothing of the host's is touched.
        let result = Sandbox::new(&rootfs, &command, &Limits::default())
            .unwrap()
            .run(Streams::captured(Vec::new()));
        if ["proc", "dev", "tmp"].contains(&name) {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(&format!(" on /{name}: ELOOP")), "{error}");
            assert!(error.contains("hint: the image has a symbolic link"), "{error}");
        }
        assert_eq!(victim.path().read_dir().unwrap().count(), 0, "{name}");
    }
}

#[test]
fn the_writable_layer_has_a_limit_and_is_fresh_each_time() {
    let limits = Limits { disk: 8 << 20, ..Limits::default() };
    for place in ["/fill", "/tmp/fill", "/dev/shm/fill", "/usr/share/fill"] {
        if place.starts_with("/usr") && !nix::unistd::geteuid().is_root() {
            // The host's /usr belongs to an id that has no place in an ordinary user's map.
            continue;
        }
        let script = format!("ls {place}; head -c 64M /dev/zero > {place}; stat -c %s {place}");
        let outcome = try_run(&shell(&script), &limits, b"").unwrap();
        let errors = String::from_utf8_lossy(&outcome.stderr.bytes).into_owned();
        assert!(errors.contains("No such file") && errors.contains("No space left"), "{errors}");
        let stored: u64 = String::from_utf8_lossy(&outcome.stdout.bytes).trim().parse().unwrap();
        assert!((7 << 20..=8 << 20).contains(&stored), "{stored}");
    }
}

#[test]
fn the_number_of_files_has_a_limit() {
    let limits = Limits { inodes: 500, ..Limits::default() };
    let script = "cd /tmp; i=0; while touch $i 2>/dev/null; do i=$((i+1)); [ $i = 2000 ] && break; done; echo $i";
    let outcome = try_run(&shell(script), &limits, b"").unwrap();
    let made: u64 = String::from_utf8_lossy(&outcome.stdout.bytes).trim().parse().unwrap();
    assert!((400..500).contains(&made), "{made}");
}

#[test]
fn upper_layers_cover_lower_ones() {
    let (below, above) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(below.path().join("same"), "below\n").unwrap();
    std::fs::write(below.path().join("only"), "below\n").unwrap();
    std::fs::write(above.path().join("same"), "above\n").unwrap();
    let mut rootfs = crate::support::rootfs();
    for layer in [&below, &above] {
        rootfs.trees[0].layers.insert(0, layer.path().to_path_buf());
    }
    let sandbox = Sandbox::new(&rootfs, &shell("cat /same /only"), &Limits::default()).unwrap();
    let outcome = sandbox.run(Streams::captured(Vec::new())).unwrap();
    assert_eq!(outcome.stdout.bytes, b"above\nbelow\n");
}

#[test]
fn a_hundred_layers_fit() {
    let mut rootfs = crate::support::rootfs();
    let layers: Vec<_> = (0..100).map(|_| tempfile::tempdir().unwrap()).collect();
    for layer in &layers {
        std::fs::write(layer.path().join("f"), "x").unwrap();
        rootfs.trees[0].layers.insert(0, layer.path().to_path_buf());
    }
    let sandbox = Sandbox::new(&rootfs, &shell("cat /f"), &Limits::default()).unwrap();
    assert_eq!(sandbox.run(Streams::captured(Vec::new())).unwrap().stdout.bytes, b"x");
}

#[test]
fn a_missing_layer_is_named() {
    let rootfs = Rootfs {
        trees: vec![Tree { at: "/".into(), layers: vec![PathBuf::from("/no/such/layer")] }],
    };
    let sandbox = Sandbox::new(&rootfs, &shell("true"), &Limits::default()).unwrap();
    let error = sandbox.run(Streams::captured(Vec::new())).unwrap_err().to_string();
    assert!(error.contains("the layer /no/such/layer") && error.contains("ENOENT"), "{error}");
}

#[test]
fn the_plan_can_be_read() {
    let sandbox = Sandbox::new(&crate::support::rootfs(), &shell("true"), &Limits::default());
    let steps = sandbox.unwrap().steps().unwrap();
    assert!(steps.contains(&"mount proc on /proc".to_owned()), "{steps:#?}");
    assert!(steps.contains(&"make the root file system / (pivot_root)".to_owned()), "{steps:#?}");
    assert_eq!(output("echo ran"), "ran\n");
}
