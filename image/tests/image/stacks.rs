//! Several layers: what an overlay mount of them shows must be what the layers say one after the
//! other.

use std::path::Path;

use crate::build::{Place, Seen, Tar, file};

fn base() -> Tar {
    Tar::new()
        .folder("etc")
        .file("etc/motd", "welcome")
        .file("etc/passwd", "root")
        .folder("usr")
        .folder("usr/lib")
        .file("usr/lib/libc", "libc")
        .symlink("lib", "usr/lib")
        .entry(b'5', "tmp", "", 0o1777, "")
}

/// The folders of one layer, of which all stand on their own.
fn folder_of_layers(place: &Place, layers: &[&Tar], folder: &str) -> usize {
    let image = place.unpack(layers).unwrap();
    let folder = place.store_path().join(folder);
    image.rootfs.trees[0].layers.iter().filter(|layer| layer.starts_with(&folder)).count()
}

#[test]
fn whiteouts_hide_files_and_folders_of_lower_layers() {
    let place = Place::new();
    let top = Tar::new().folder("etc").file("etc/.wh.motd", "").file(".wh.usr", "");
    let seen = place.merged(&[&base(), &top]);
    assert!(!seen.contains_key(Path::new("etc/motd")));
    assert!(!seen.contains_key(Path::new("usr")));
    assert_eq!(seen[Path::new("etc/passwd")], file("root"));
    assert_eq!(folder_of_layers(&place, &[&base(), &top], "layers"), 2);
    place.check();
}

#[test]
fn an_opaque_mark_hides_what_is_below_wherever_it_stands() {
    for tar in [
        Tar::new().folder("etc").file("etc/.wh..wh..opq", "").file("etc/new", "new"),
        Tar::new().folder("etc").file("etc/new", "new").file("etc/.wh..wh..opq", ""),
        Tar::new().file("etc/.wh..wh..opq", "").folder("etc").file("etc/new", "new"),
        Tar::new().file("etc/new", "new").file("etc/.wh..wh..opq", ""),
    ] {
        let place = Place::new();
        let seen = place.merged(&[&base(), &tar]);
        let etc: Vec<_> = seen.keys().filter(|path| path.starts_with("etc")).collect();
        assert_eq!(etc, [Path::new("etc"), Path::new("etc/new")]);
        place.check();
    }
}

#[test]
fn whiteouts_spare_what_their_own_layer_brings() {
    for tar in [
        Tar::new().folder("etc").file("etc/new", "new").file(".wh.etc", ""),
        Tar::new().file(".wh.etc", "").folder("etc").file("etc/new", "new"),
        Tar::new().file("etc/new", "new").file(".wh.etc", ""),
        Tar::new().file(".wh.etc", "").file("etc/new", "new"),
    ] {
        let place = Place::new();
        let seen = place.merged(&[&base(), &tar]);
        let etc: Vec<_> = seen.keys().filter(|path| path.starts_with("etc")).collect();
        assert_eq!(etc, [Path::new("etc"), Path::new("etc/new")]);
    }
    let place = Place::new();
    let tar = Tar::new().folder("etc").file("etc/motd", "mine").file("etc/.wh.motd", "");
    assert_eq!(place.merged(&[&base(), &tar])[Path::new("etc/motd")], file("mine"));
}

#[test]
fn whiteouts_of_nothing_are_not_shown() {
    let place = Place::new();
    let bottom = Tar::new().folder("a").file("a/.wh.gone", "").file("a/kept", "");
    let seen = place.merged(&[&bottom]);
    assert_eq!(seen.len(), 2);
    let top = Tar::new().folder("new").file("new/.wh.gone", "").file("nowhere/.wh.gone", "");
    let image = place.unpack(&[&base(), &top]).unwrap();
    let layer = &image.rootfs.trees[0].layers[0];
    assert_eq!(std::fs::read_dir(layer.join("new")).unwrap().count(), 0);
    assert!(!layer.join("nowhere").exists());
    place.check();
}

#[test]
fn malformed_whiteouts_are_refused() {
    for name in [".wh.", "a/.wh.", ".wh..", ".wh...", ".wh.x/y", "a/.wh.x/y"] {
        let place = Place::new();
        let error = place.error(&[&base(), &Tar::new().file(name, "")]);
        assert!(error.contains("whiteout") && error.contains(name), "{name}: {error}");
        place.check();
    }
}

#[test]
fn a_whiteout_through_a_symlink_deletes_nothing_outside() {
    let place = Place::new();
    let victim = place.path("victim").display().to_string();
    let bottom = Tar::new().symlink("out", &victim);
    let top = Tar::new().file("out/.wh.hello", "").file("out/.wh..wh..opq", "");
    place.unpack(&[&bottom, &top]).unwrap();
    place.check();
}

#[test]
fn a_parent_that_is_a_symlink_below_is_followed_inside_the_root() {
    let place = Place::new();
    let top = Tar::new().file("lib/new", "new").file("lib/.wh.libc", "");
    let seen = place.merged(&[&base(), &top]);
    assert_eq!(seen[Path::new("lib")], Seen::Symlink("usr/lib".into()));
    assert_eq!(seen[Path::new("usr/lib/new")], file("new"));
    assert!(!seen.contains_key(Path::new("usr/lib/libc")));
    assert_eq!(folder_of_layers(&place, &[&base(), &top], "stacked"), 1);
    place.check();
}

#[test]
fn a_write_through_a_symlink_of_a_lower_layer_stays_inside() {
    for target in ["/victim", "../../../victim"] {
        let place = Place::new();
        let bottom = Tar::new().symlink("link", target);
        let seen = place.merged(&[&bottom, &Tar::new().file("link/hello", "overwritten")]);
        assert_eq!(seen[Path::new("victim/hello")], file("overwritten"));
        assert_eq!(seen[Path::new("link")], Seen::Symlink(target.into()));
        place.check();
    }
    let place = Place::new();
    let victim = place.path("victim").display().to_string();
    place.merged(&[&Tar::new().symlink("link", &victim), &Tar::new().file("link/hello", "x")]);
    place.check();
}

#[test]
fn a_folder_entry_replaces_a_symlink_below() {
    let place = Place::new();
    let seen = place.merged(&[&base(), &Tar::new().folder("lib").file("lib/new", "new")]);
    assert_eq!(seen[Path::new("lib")], Seen::Folder(0o755));
    assert_eq!(seen[Path::new("lib/new")], file("new"));
    assert!(!seen.contains_key(Path::new("usr/lib/new")));
}

#[test]
fn a_parent_without_an_entry_keeps_the_mode_that_it_has_below() {
    let place = Place::new();
    let seen = place.merged(&[&base(), &Tar::new().file("tmp/x", "x").file("new/y", "y")]);
    assert_eq!(seen[Path::new("tmp")], Seen::Folder(0o1777));
    assert_eq!(seen[Path::new("new")], Seen::Folder(0o755));
}

#[test]
fn a_hard_link_may_point_into_a_lower_layer() {
    let place = Place::new();
    let top = Tar::new().hard_link("copy", "usr/lib/libc").hard_link("copy2", "lib/libc");
    let seen = place.merged(&[&base(), &Tar::new().file("between", ""), &top]);
    assert_eq!(seen[Path::new("copy")], file("libc"));
    assert_eq!(seen[Path::new("copy2")], file("libc"));
    let hidden = Tar::new().folder("etc").file("etc/.wh.motd", "");
    let error = place.error(&[&base(), &hidden, &Tar::new().hard_link("h", "etc/motd")]);
    assert!(error.contains("hard link `h`") && error.contains("neither"), "{error}");
    place.check();
}

#[test]
fn a_forged_whiteout_hides_nothing() {
    let place = Place::new();
    let top = Tar::new().folder("etc").entry(b'3', "etc/passwd", "", 0, "");
    assert_eq!(place.merged(&[&base(), &top])[Path::new("etc/passwd")], file("root"));
    place.check();
}

#[test]
fn the_same_layer_twice_is_stacked_once() {
    let place = Place::new();
    let image = place.unpack(&[&base(), &Tar::new().file("a", ""), &base()]).unwrap();
    let layers = &image.rootfs.trees[0].layers;
    assert_eq!(layers.len(), 2);
    assert!(layers[0].join("etc").exists(), "the upper one counts");
}

#[test]
fn layers_are_shared_and_an_image_of_none_has_a_folder_to_mount() {
    let place = Place::new();
    let one = place.unpack(&[&base(), &Tar::new().file("one", "")]).unwrap();
    let two = place.unpack(&[&base(), &Tar::new().file("two", "")]).unwrap();
    assert_eq!(one.rootfs.trees[0].layers[1], two.rootfs.trees[0].layers[1]);
    let none = place.unpack(&[]).unwrap();
    assert_eq!(std::fs::read_dir(&none.rootfs.trees[0].layers[0]).unwrap().count(), 0);
}
