//! What one layer turns into, and what of it is refused.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use belljar_image::{Limits, Store};

use crate::build::{Layout, Place, Seen, Tar, file, gzip};

#[test]
fn every_kind_of_file_arrives_with_mode_and_time() {
    let place = Place::new();
    let tar = Tar::new()
        .entry(b'5', "bin/", "", 0o555, "")
        .entry(b'0', "bin/tool", "", 0o4755, "tool")
        .symlink("bin/sh", "tool")
        .hard_link("bin/again", "bin/tool")
        .entry(b'6', "pipe", "", 0o622, "")
        .entry(b'5', "tmp", "", 0o1777, "");
    let tree = place.tree(&tar);
    let stat = |path: &str| fs::symlink_metadata(tree.join(path)).unwrap();
    assert_eq!(stat("bin").mode() & 0o7777, 0o555);
    assert_eq!(stat("tmp").mode() & 0o7777, 0o1777);
    assert_eq!(stat("bin/tool").mode() & 0o7777, 0o4755);
    assert_eq!(stat("bin/tool").ino(), stat("bin/again").ino());
    assert_eq!(fs::read_link(tree.join("bin/sh")).unwrap(), Path::new("tool"));
    assert!(stat("pipe").file_type().is_fifo());
    assert_eq!(stat("pipe").mode() & 0o7777, 0o622);
    for path in ["bin", "bin/tool", "bin/sh", "pipe", "tmp"] {
        assert_eq!(stat(path).mtime(), 1_000_000_000, "{path}");
    }
    place.check();
}

#[test]
fn root_gives_files_to_the_owners_that_the_image_says() {
    let place = Place::new();
    let mut header = crate::build::header(b'0', b"owned", b"", 0o640, 0);
    header[108..116].copy_from_slice(b"0001750\0");
    header[116..124].copy_from_slice(b"0000012\0");
    let tree = place.tree(&Tar::new().raw(header, ""));
    let stat = fs::metadata(tree.join("owned")).unwrap();
    let us = rustix::process::geteuid();
    let expected = if us.is_root() { (1000, 10) } else { (us.as_raw(), stat.gid()) };
    assert_eq!((stat.uid(), stat.gid()), expected);
}

#[test]
fn gzip_members_zstd_frames_and_plain_tar_are_told_apart_by_their_bytes() {
    let tar = Tar::new().file("a", "content of a").bytes();
    let (first, second) = tar.split_at(300);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"skip"].concat();
    for blob in [
        tar.clone(),
        gzip(&tar),
        [gzip(first), gzip(second)].concat(),
        zstd(&tar),
        [zstd(first), skippable.clone(), zstd(second)].concat(),
        [skippable, zstd(&tar)].concat(),
    ] {
        let place = Place::new();
        place.layout().packed(&tar, &blob);
        let image = place.image("oci:layout").unwrap();
        let tree = &image.rootfs.trees[0].layers[0];
        assert_eq!(fs::read_to_string(tree.join("a")).unwrap(), "content of a");
        place.check();
    }
}

#[test]
fn corrupt_compression_is_refused() {
    let tar = Tar::new().file("a", "content of a".repeat(1000)).bytes();
    let good = gzip(&tar);
    let mut corrupt = good.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    let junk = [&good[..], b"junk behind the end"].concat();
    let zstd = zstd::encode_all(&tar[..], 3).unwrap();
    for (blob, expected) in [
        (corrupt, "failed to"),
        (good[..good.len() - 20].to_vec(), "failed to"),
        (junk, "invalid gzip header"),
        (zstd[..zstd.len() - 5].to_vec(), "failed to read"),
        (b"\xfd7zXZ\0\0\0".to_vec(), "xz"),
        (b"BZh91AY&SY".to_vec(), "bzip2"),
    ] {
        let place = Place::new();
        place.layout().packed(&tar, &blob);
        let error = place.image("oci:layout").unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("sha256:"), "{error}");
        place.check();
    }
}

#[test]
fn names_that_climb_are_refused() {
    for name in ["../victim/hello", "a/../../victim/hello", "/../victim/hello", "..", "a/.."] {
        let place = Place::new();
        let error = place.error(&[&Tar::new().file(name, "overwritten")]);
        assert!(error.contains("`..`") && error.contains(name), "{error}");
        place.check();
    }
}

#[test]
fn absolute_names_are_clamped() {
    let place = Place::new();
    let name = place.path("victim/hello");
    let tar = Tar::new().file(name.as_os_str().as_bytes(), "overwritten");
    let tree = place.tree(&tar);
    let inside = tree.join(name.strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(inside).unwrap(), "overwritten");
    place.check();
}

#[test]
fn names_need_not_be_utf8() {
    let place = Place::new();
    let tree = place.tree(&Tar::new().file(b"a\xff\n", "x").folder(b"\xfe").file(b"\xfe/b", "y"));
    let names: Vec<_> = fs::read_dir(&tree).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name.as_bytes() == b"a\xff\n"));
    place.check();
}

#[test]
fn a_write_through_a_symlink_lands_inside_the_root() {
    for target in ["/victim", "../../../../../../victim", "../victim", "VICTIM"] {
        let place = Place::new();
        let target = match target {
            "VICTIM" => place.path("victim").display().to_string(),
            other => other.to_owned(),
        };
        let tar = Tar::new().symlink("link", &target).file("link/hello", "overwritten");
        let tree = place.tree(&tar);
        assert_eq!(fs::read_link(tree.join("link")).unwrap(), PathBuf::from(&target));
        let clamped = target.trim_start_matches("../").trim_start_matches('/');
        let written = fs::read_to_string(tree.join(clamped).join("hello")).unwrap();
        assert_eq!(written, "overwritten");
        place.check();
    }
}

#[test]
fn a_file_replaces_a_symlink_and_is_not_written_through_it() {
    let place = Place::new();
    let victim = place.path("victim/hello").display().to_string();
    let tar = Tar::new().symlink("hello", &victim).entry(b'0', "hello", "", 0o666, "new");
    let tree = place.tree(&tar);
    assert!(fs::symlink_metadata(tree.join("hello")).unwrap().is_file());
    assert_eq!(fs::read_to_string(tree.join("hello")).unwrap(), "new");
    place.check();
}

#[test]
fn a_directory_entry_on_a_symlink_changes_nothing_behind_it() {
    let place = Place::new();
    let victim = place.path("victim").display().to_string();
    let tree = place.tree(&Tar::new().symlink("d", &victim).entry(b'5', "d", "", 0o777, ""));
    assert!(fs::symlink_metadata(tree.join("d")).unwrap().is_dir());
    assert_ne!(fs::metadata(place.path("victim")).unwrap().mode() & 0o777, 0o777);
    place.check();
}

#[test]
fn later_entries_replace_earlier_ones_of_any_kind() {
    let place = Place::new();
    let seen = place.merged(&[&Tar::new()
        .folder("a")
        .folder("a/b")
        .file("a/b/c", "deep")
        .file("a", "now a file")
        .file("f", "first")
        .file("f", "second")
        .file("d", "a file")
        .folder("d")
        .file("d/x", "in it")
        .symlink("s", "f")
        .folder("s")]);
    assert_eq!(seen[Path::new("a")], file("now a file"));
    assert_eq!(seen[Path::new("f")], file("second"));
    assert_eq!(seen[Path::new("d/x")], file("in it"));
    assert_eq!(seen[Path::new("s")], Seen::Folder(0o755));
    assert_eq!(seen.len(), 5);
    place.check();
}

#[test]
fn a_loop_of_symlinks_and_a_file_as_parent_are_refused() {
    let place = Place::new();
    let error = place.error(&[&Tar::new().symlink("a", "b").symlink("b", "a").file("a/x", "")]);
    assert!(error.contains("symlinks"), "{error}");
    let error = place.error(&[&Tar::new().file("a", "").file("a/x", "")]);
    assert!(error.contains("no directory"), "{error}");
    place.check();
}

#[test]
fn hard_links_stay_inside_the_root() {
    let place = Place::new();
    let victim = place.path("victim/hello").display().to_string();
    for tar in [
        Tar::new().hard_link("h", "../victim/hello"),
        Tar::new().hard_link("h", &victim),
        Tar::new()
            .symlink("out", place.path("victim").as_os_str().as_bytes())
            .hard_link("h", "out/hello"),
        Tar::new().folder("d").hard_link("h", "d"),
        Tar::new().hard_link("h", "/"),
    ] {
        let error = place.error(&[&tar]);
        assert!(error.contains("hard link `h`"), "{error}");
        place.check();
    }
}

#[test]
fn a_hard_link_to_a_symlink_is_not_followed() {
    let place = Place::new();
    let victim = place.path("victim/hello").display().to_string();
    let tar = Tar::new().symlink("s", &victim).hard_link("h", "s").file("h", "replaced");
    let seen = place.merged(&[&tar]);
    assert_eq!(seen[Path::new("s")], Seen::Symlink(victim));
    assert_eq!(seen[Path::new("h")], file("replaced"));
    place.check();
}

#[test]
fn device_nodes_are_left_out() {
    let place = Place::new();
    let tar = Tar::new()
        .entry(b'3', "null", "", 0o666, "")
        .entry(b'4', "disk", "", 0o666, "")
        .file("dev", "x");
    let seen = place.merged(&[&tar]);
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [PathBuf::from("dev")]);
    place.check();
}

#[test]
fn the_root_must_be_a_directory() {
    for name in ["/", ".", "./", "/."] {
        let place = Place::new();
        let error = place.error(&[&Tar::new().symlink(name, "/victim")]);
        assert!(error.contains("root of an image"), "{error}");
        place.check();
    }
    let place = Place::new();
    let tree = place.tree(&Tar::new().entry(b'5', "./", "", 0o750, ""));
    assert_eq!(fs::metadata(tree).unwrap().mode() & 0o777, 0o750);
}

#[test]
fn attributes_that_overlayfs_and_the_kernel_obey_are_dropped() {
    let place = Place::new();
    let tar = Tar::new()
        .pax(&[
            ("SCHILY.xattr.user.note", b"kept"),
            ("SCHILY.xattr.user.overlay.opaque", b"y"),
            ("SCHILY.xattr.user.overlay.redirect", b"/../../etc"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("SCHILY.xattr.security.capability", b"\x01\0\0\x02"),
        ])
        .folder("d");
    let tree = place.tree(&tar);
    let mut names = [0; 4096];
    let length = rustix::fs::listxattr(tree.join("d"), &mut names[..]).unwrap();
    let names: Vec<_> = names[..length]
        .split(|byte| *byte == 0)
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .filter(|name| !name.is_empty() && name != "security.selinux")
        .collect();
    assert_eq!(names, ["user.note"]);
}

#[test]
fn limits_hold() {
    let limits = Limits { entries: 10, layer_bytes: 100_000, file_bytes: 10_000 };
    let refused = |tar: &Tar, expected: &str| {
        let place = Place::new();
        let store = place.store.clone().with_limits(limits);
        let layout = place.layout();
        layout.packed(&tar.bytes(), &gzip(&tar.bytes()));
        let reference = format!("oci:{}", layout.0.display()).parse().unwrap();
        let error = store.image(&reference).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        place.check();
    };
    let many = (0..11).fold(Tar::new(), |tar, number| tar.file(format!("f{number}"), ""));
    refused(&many, "limit of 10 entries");
    let skipped = (0..11).fold(Tar::new(), |tar, _| tar.entry(b'3', "null", "", 0, ""));
    refused(&skipped, "limit of 10 entries");
    refused(&Tar::new().file("a/b/c/d/e/f/g/h/i/j/k/l", ""), "limit of 10 entries");
    refused(&Tar::new().file("big", vec![0; 10_001]), "limit of 10000 for one file");
    let bomb =
        (0..11).fold(Tar::new(), |tar, number| tar.file(format!("f{number}"), vec![0; 9_500]));
    refused(&bomb, "limit of 100000 bytes once decompressed");
    refused(&Tar::new().pax(&[("comment", &[b'x'; 2 << 20])]).file("a", ""), "larger than");
}

#[test]
fn a_bomb_behind_the_end_of_the_archive_is_stopped() {
    let place = Place::new();
    let layout = Layout::at(&place.path("layout"));
    let mut tar = Tar::new().file("a", "").bytes();
    tar.resize(200_000, 0);
    layout.packed(&tar, &gzip(&tar));
    let limits = Limits { layer_bytes: 100_000, ..Limits::default() };
    let store: Store = place.store.clone().with_limits(limits);
    let reference = format!("oci:{}", layout.0.display()).parse().unwrap();
    let error = store.image(&reference).unwrap_err().to_string();
    assert!(error.contains("limit of 100000 bytes"), "{error}");
    assert!(place.store.image(&reference).is_ok(), "it is fine within the usual limits");
    place.check();
}
