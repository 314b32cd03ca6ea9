//! Users: by the rules of docker, from the accounts of the image.

use belljar_image::{Identity, Rootfs};

use crate::build::{Place, Tar};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nbad:x:many:1::/:\n\
    alice:x:1000:1001::/home/alice:/bin/sh\n2000:x:7:8::/seven:\n";
const GROUP: &str = "root:x:0:\nwheel:x:10:alice,bob\naudio:x:63:alice\nalice:x:1001:\n";

fn accounts() -> Tar {
    Tar::new().file("etc/passwd", PASSWD).file("etc/group", GROUP)
}

fn rootfs(place: &Place, layers: &[&Tar]) -> Rootfs {
    place.unpack(layers).unwrap().rootfs
}

fn identity(uid: u32, gid: u32, groups: &[u32], home: Option<&str>) -> Identity {
    Identity { uid, gid, groups: groups.into(), home: home.map(Into::into) }
}

#[test]
fn names_and_numbers_are_found_by_the_rules_of_docker() {
    let place = Place::new();
    let rootfs = rootfs(&place, &[&accounts()]);
    for (user, expected) in [
        ("", identity(0, 0, &[], Some("/root"))),
        ("root", identity(0, 0, &[], Some("/root"))),
        ("alice", identity(1000, 1001, &[10, 63], Some("/home/alice"))),
        ("1000", identity(1000, 1001, &[10, 63], Some("/home/alice"))),
        ("alice:wheel", identity(1000, 10, &[], Some("/home/alice"))),
        ("alice:63", identity(1000, 63, &[], Some("/home/alice"))),
        ("1000:555", identity(1000, 555, &[], Some("/home/alice"))),
        ("4000", identity(4000, 0, &[], None)),
        ("4000:wheel", identity(4000, 10, &[], None)),
        ("2000", identity(7, 8, &[], Some("/seven"))),
        (":wheel", identity(0, 10, &[], Some("/root"))),
    ] {
        assert_eq!(rootfs.identity(user).unwrap(), expected, "{user:?}");
    }
}

#[test]
fn an_unknown_name_is_an_error() {
    let place = Place::new();
    let rootfs = rootfs(&place, &[&accounts()]);
    for (user, expected) in [
        ("bob", "no account `bob`"),
        ("alice:nobody", "no group `nobody`"),
        ("alice:", "no group behind"),
        ("bad", "no account"),
        ("-1", "no account"),
        ("4294967295", "too large"),
        ("0:4294967296", "too large"),
    ] {
        let error = rootfs.identity(user).unwrap_err().to_string();
        assert!(error.contains(expected), "{user}: {error}");
    }
}

#[test]
fn numbers_need_no_accounts() {
    let place = Place::new();
    let rootfs = rootfs(&place, &[&Tar::new()]);
    assert_eq!(rootfs.identity("5:6").unwrap(), identity(5, 6, &[], None));
    assert_eq!(rootfs.identity("").unwrap(), identity(0, 0, &[], None));
    assert!(rootfs.identity("root").is_err());
}

#[test]
fn the_topmost_layer_that_has_the_file_counts() {
    let place = Place::new();
    let uid = |layers: &[&Tar]| rootfs(&place, layers).identity("u").map(|it| it.uid);
    let with = |uid: u32| Tar::new().folder("etc").file("etc/passwd", format!("u:x:{uid}:0::/:\n"));
    let unrelated = Tar::new().folder("etc").file("etc/motd", "");
    assert_eq!(uid(&[&with(1), &with(2), &unrelated]).unwrap(), 2);
    let whiteout = Tar::new().folder("etc").file("etc/.wh.passwd", "");
    assert!(uid(&[&with(1), &whiteout]).is_err());
    let opaque = Tar::new().folder("etc").file("etc/.wh..wh..opq", "");
    assert!(uid(&[&with(1), &opaque]).is_err());
    let replaced = Tar::new().file("etc", "now a file");
    assert!(uid(&[&with(1), &replaced]).is_err());
}

#[test]
fn symlinks_are_followed_inside_the_image_only() {
    let place = Place::new();
    let inside = Tar::new().file("usr/etc/passwd", "u:x:9:0::/:\n").symlink("etc", "/usr/etc");
    assert_eq!(rootfs(&place, &[&inside]).identity("u").unwrap().uid, 9);
    let outside = Tar::new().symlink("etc/passwd", "../../../../../../../../../../etc/passwd");
    assert!(rootfs(&place, &[&outside]).identity("root").is_err());
    let victim = place.path("victim/hello").display().to_string();
    let outside = Tar::new().symlink("etc/passwd", &victim);
    assert!(rootfs(&place, &[&outside]).identity("root").is_err());
    let fifo = Tar::new().entry(b'6', "etc/passwd", "", 0o644, "");
    let error = rootfs(&place, &[&fifo]).identity("root").unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn accounts_have_limits() {
    let place = Place::new();
    let huge = Tar::new().file("etc/passwd", "x".repeat(5 << 20));
    let error = rootfs(&place, &[&huge]).identity("root").unwrap_err().to_string();
    assert!(error.contains("larger than the limit"), "{error}");
    let long = format!("{}:x:1:1::/:\nroot:x:0:0::/root:\n", "x".repeat(100_000));
    let long = Tar::new().file("etc/passwd", long);
    assert_eq!(rootfs(&place, &[&long]).identity("root").unwrap().uid, 0);
}
