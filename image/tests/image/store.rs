//! The store: who may enter, who unpacks, what a dead process leaves behind, images with a name.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use belljar_image::{Digest, Name, Reference, Store};

use crate::build::{Layout, Place, Tar, file, gzip, merged};

fn import(place: &Place, source: &str, name: &str) -> belljar_image::Result<Digest> {
    let source: Reference = source.parse()?;
    place.store.import(&source.resolve_from(place.folder.path()), &name.parse::<Name>()?)
}

#[test]
fn a_store_is_for_its_owner_alone() {
    let place = Place::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&place.store_path()), 0o700);
    for open_mode in [0o701, 0o750, 0o777, 0o1720] {
        fs::set_permissions(place.store_path(), Permissions::from_mode(open_mode)).unwrap();
        let error = Store::open(&place.store_path()).unwrap_err().to_string();
        assert!(error.contains("others may enter it") && error.contains("chmod 700"), "{error}");
    }
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(place.store_path(), Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(place.store_path(), Some(12345), None).unwrap();
        let error = Store::open(&place.store_path()).unwrap_err().to_string();
        assert!(error.contains("another user (uid 12345)"), "{error}");
    }
}

#[test]
fn a_layer_that_is_unpacked_is_not_read_again() {
    let place = Place::new();
    let tar = Tar::new().file("a", "");
    let first = place.unpack(&[&tar]).unwrap();
    let blob = place.path("layout/blobs/sha256").join(Digest::of(&tar.bytes()).hex());
    fs::remove_file(blob).unwrap();
    assert_eq!(place.image("oci:layout:test").unwrap(), first);
}

#[test]
fn many_unpack_at_once_and_all_see_the_whole_layer() {
    let place = Place::new();
    let big = (0..500).fold(Tar::new(), |tar, number| {
        tar.file(format!("d{}/f{number}", number % 7), format!("content {number}"))
    });
    place.layout().image("test", &[big.bytes(), Tar::new().file("d1/top", "").bytes()]);
    let reference: Reference =
        format!("oci:{}:test", place.path("layout").display()).parse().unwrap();
    std::thread::scope(|scope| {
        let run = || {
            // A store of its own for each, as another process would have it.
            let store = Store::open(&place.store_path()).unwrap();
            let image = store.image(&reference).unwrap();
            merged(&image.rootfs.trees[0].layers).len()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 508);
        }
    });
    place.check();
}

#[test]
fn what_a_dead_process_left_is_swept_and_what_a_living_one_makes_is_not() {
    let place = Place::new();
    let temp = place.store_path().join("temp");
    for name in ["layers-sha256-dead", "layers-sha256-alive"] {
        fs::create_dir_all(temp.join(name).join("tree/sealed")).unwrap();
        fs::write(temp.join(name).join("tree/sealed/file"), "").unwrap();
        let sealed = Permissions::from_mode(0o111);
        fs::set_permissions(temp.join(name).join("tree/sealed"), sealed).unwrap();
    }
    let lock = fs::File::create(place.store_path().join("locks/layers-sha256-alive")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    Store::open(&place.store_path()).unwrap();
    assert!(!temp.join("layers-sha256-dead").exists());
    assert!(temp.join("layers-sha256-alive/tree/sealed").exists());
    drop(lock);
    Store::open(&place.store_path()).unwrap();
    place.check();
}

#[test]
fn leftovers_of_the_same_layer_do_not_get_into_it() {
    let place = Place::new();
    let tar = Tar::new().file("a", "");
    let key = format!("temp/layers-sha256-{}", Digest::of(&tar.bytes()).hex());
    fs::create_dir_all(place.store_path().join(&key).join("tree")).unwrap();
    fs::write(place.store_path().join(&key).join("tree/left"), "").unwrap();
    assert_eq!(place.merged(&[&tar]).len(), 1);
    place.check();
}

#[test]
fn a_layer_that_was_refused_leaves_nothing() {
    let place = Place::new();
    let tar = Tar::new().entry(b'5', "sealed", "", 0o555, "").file("sealed/x", "").file("..", "");
    place.error(&[&tar]);
    let layers = fs::read_dir(place.store_path().join("layers")).unwrap().count();
    assert_eq!(layers, 0);
    place.check();
}

#[test]
fn an_imported_image_has_a_name_and_outlives_its_source() {
    let place = Place::new();
    place
        .layout()
        .image("x", &[Tar::new().file("a", "1").bytes(), Tar::new().file("b", "2").bytes()]);
    let digest = import(&place, "oci:layout", "busybox:1.36").unwrap();
    fs::remove_dir_all(place.path("layout")).unwrap();
    fs::remove_dir_all(place.store_path().join("layers")).unwrap();
    let seen = merged(&place.image("busybox:1.36").unwrap().rootfs.trees[0].layers);
    assert_eq!(seen.len(), 2);
    assert_eq!(place.image("docker.io/library/busybox:1.36").unwrap().config.command, ["sh"]);
    // The store itself is a layout.
    assert!(place.image("oci:store:busybox:1.36").is_ok());
    assert!(place.store_path().join("blobs/sha256").join(digest.hex()).exists());
    place.check();
}

#[test]
fn importing_again_under_a_name_replaces_it() {
    let place = Place::new();
    for content in ["1", "2"] {
        place.layout().image("x", &[Tar::new().file("a", content).bytes()]);
        import(&place, "oci:layout", "name").unwrap();
    }
    let image = place.image("name").unwrap();
    assert_eq!(merged(&image.rootfs.trees[0].layers)[Path::new("a")], file("2"));
    import(&place, "name:latest", "other").unwrap();
    assert_eq!(place.image("other").unwrap(), image);
    let error = place.image("missing:1").unwrap_err().to_string();
    assert!(error.contains("missing:1") && error.contains("name:latest, other:latest"), "{error}");
}

#[test]
fn a_name_with_a_digest_is_for_that_image_only() {
    let place = Place::new();
    let manifest = place.layout().image("x", &[Tar::new().file("a", "1").bytes()]);
    let right = format!("ghcr.io/o/n@{}", manifest["digest"].as_str().unwrap());
    import(&place, "oci:layout", &right).unwrap();
    assert!(place.image(&right).is_ok());
    let wrong = format!("ghcr.io/o/n@{}", Digest::of(b""));
    let error = import(&place, "oci:layout", &wrong).unwrap_err().to_string();
    assert!(error.contains(&format!("expected {}", Digest::of(b""))), "{error}");
    assert!(place.image(&wrong).is_err());
}

#[test]
fn what_does_not_unpack_gets_no_name() {
    let place = Place::new();
    let tar = Tar::new().file("a", "").bytes();
    place.layout().packed(&Tar::new().bytes(), &gzip(&tar));
    assert!(import(&place, "oci:layout", "name").unwrap_err().to_string().contains("diff id"));
    assert!(!place.store_path().join("index.json").exists());
    assert!(import(&place, "host", "name").is_err());
    assert!(import(&place, "rootfs:victim", "name").unwrap_err().to_string().contains("tar -C"));
}

#[test]
fn a_root_file_system_in_a_tar_is_an_image() {
    let place = Place::new();
    let tar = Tar::new().file("etc/motd", "hi").bytes();
    for (name, bytes) in [
        ("root.tar", tar.clone()),
        ("root.tar.gz", gzip(&tar)),
        ("root.tar.zst", zstd::encode_all(&tar[..], 3).unwrap()),
    ] {
        fs::write(place.path(name), bytes).unwrap();
        let image = place.image(&format!("rootfs:{name}")).unwrap();
        assert_eq!(merged(&image.rootfs.trees[0].layers)[Path::new("etc/motd")], file("hi"));
        assert!(image.config.env[0].starts_with("PATH=/usr/local/sbin:"));
    }
    assert_eq!(fs::read_dir(place.store_path().join("layers/sha256")).unwrap().count(), 1);
    import(&place, "rootfs:root.tar.gz", "root:1").unwrap();
    assert_eq!(place.image("root:1").unwrap(), place.image("rootfs:root.tar").unwrap());
    let error = place.image("rootfs:missing.tar").unwrap_err().to_string();
    assert!(error.contains("missing.tar: No such file"), "{error}");
    place.check();
}

#[test]
fn a_tar_that_changes_is_read_again() {
    let place = Place::new();
    for content in ["one", "two"] {
        fs::write(place.path("root.tar"), Tar::new().file("a", content).bytes()).unwrap();
        for _ in 0..2 {
            let image = place.image("rootfs:root.tar").unwrap();
            assert_eq!(merged(&image.rootfs.trees[0].layers)[Path::new("a")], file(content));
        }
    }
}

#[test]
fn a_folder_is_used_in_place() {
    let place = Place::new();
    let image = place.image("rootfs:victim").unwrap();
    let expected = fs::canonicalize(place.path("victim")).unwrap();
    assert_eq!(image.rootfs.trees[0].layers, [expected]);
    assert_eq!(image.rootfs.trees[0].at, Path::new("/"));
    assert!(place.image("rootfs:missing").is_err());
}

#[test]
fn other_tools_read_the_store() {
    let place = Place::new();
    Layout::at(&place.path("layout")).image("x", &[Tar::new().file("a", "1").bytes()]);
    let digest = import(&place, "oci:layout", "busybox:1.36").unwrap();
    let source = format!("oci:{}:busybox:1.36", place.store_path().display());
    match Command::new("skopeo").args(["inspect", "--format", "{{.Digest}}", &source]).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{text}");
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), digest.to_string());
        }
        Err(_) => eprintln!("skipped: there is no skopeo here"),
    }
}
