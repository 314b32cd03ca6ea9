//! The image `host`: enough to start programs, and nothing that is private to the machine.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::build::{Place, merged};

#[test]
fn programs_are_there_and_secrets_are_not() {
    let place = Place::new();
    let image = place.image("host").unwrap();
    let root = &image.rootfs.trees[0].layers[0];
    assert_eq!(image.rootfs.trees[1].at, Path::new("/usr"));
    assert_eq!(image.rootfs.trees[1].layers, [Path::new("/usr")]);
    for name in ["shadow", "gshadow", "ssh", "ssl/private", "machine-id", "sudoers", "localtime"] {
        assert!(!root.join("etc").join(name).exists(), "{name}");
    }
    for (name, mode) in [("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700), ("usr", 0o755)] {
        assert_eq!(fs::metadata(root.join(name)).unwrap().mode() & 0o7777, mode, "{name}");
    }
    for empty in ["home", "root", "run", "usr", "proc", "dev", "sys"] {
        assert_eq!(fs::read_dir(root.join(empty)).unwrap().count(), 0, "{empty}");
    }
    assert_eq!(fs::read(root.join("etc/resolv.conf")).unwrap(), b"");
    let bin = fs::symlink_metadata("/bin").unwrap();
    if bin.is_symlink() {
        assert_eq!(fs::read_link(root.join("bin")).unwrap(), fs::read_link("/bin").unwrap());
    } else {
        assert!(image.rootfs.trees.iter().any(|tree| tree.at == Path::new("/bin")));
    }
    assert!(!merged(std::slice::from_ref(root)).is_empty());
    place.check();
}

#[test]
fn it_is_made_once() {
    let place = Place::new();
    let first = place.image("host").unwrap();
    let marker = first.rootfs.trees[0].layers[0].join("marker");
    fs::write(&marker, "").unwrap();
    assert_eq!(place.image("host").unwrap(), first);
    assert!(marker.exists());
}

#[test]
fn its_accounts_are_made_up() {
    let place = Place::new();
    let rootfs = place.image("host").unwrap().rootfs;
    assert_eq!(rootfs.identity("root").unwrap().home.as_deref(), Some("/root"));
    assert_eq!(rootfs.identity("nobody").unwrap().uid, 65534);
    assert!(rootfs.identity("daemon").is_err());
}
