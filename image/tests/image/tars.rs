//! Tar streams in the many dialects of tar, well-formed and not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::build::{Place, Tar, file, header};

#[test]
fn long_names_come_in_two_dialects() {
    let name = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let gnu =
        Tar::new().entry(b'L', "././@LongLink", "", 0, format!("{name}\0")).file("short", "x");
    let pax = Tar::new().pax(&[("path", name.as_bytes())]).file("short", "x");
    for tar in [gnu, pax] {
        let place = Place::new();
        assert_eq!(place.merged(&[&tar])[Path::new(&name)], file("x"));
    }
    let target = "t".repeat(150);
    let gnu =
        Tar::new().entry(b'K', "././@LongLink", "", 0, format!("{target}\0")).symlink("s", "x");
    let pax = Tar::new().pax(&[("linkpath", target.as_bytes())]).symlink("s", "x");
    for tar in [gnu, pax] {
        let tree = Place::new();
        let tree_path = tree.tree(&tar);
        assert_eq!(fs::read_link(tree_path.join("s")).unwrap(), Path::new(&target));
    }
}

#[test]
fn headers_that_disagree_are_refused() {
    let place = Place::new();
    let names = Tar::new().pax(&[("path", b"a")]).entry(b'L', "l", "", 0, "b\0").file("c", "");
    assert!(place.error(&[&names]).contains("different name"));
    let sizes = Tar::new().pax(&[("size", b"0")]).file("c", "content");
    assert!(place.error(&[&sizes]).contains("different size"));
    let agreeing = Tar::new().pax(&[("size", b"7")]).file("c", "content");
    assert_eq!(place.merged(&[&agreeing])[Path::new("c")], file("content"));
    place.check();
}

#[test]
fn a_size_that_no_archive_can_have_is_refused() {
    let place = Place::new();
    for size in ["18446744073709551615", "18446744073709551104", "9223372036854775807"] {
        // The header of such a file cannot say its size.
        let tar = Tar::new().pax(&[("size", size.as_bytes())]).file("c", "");
        let error = place.error(&[&tar]);
        let refused = error.contains("of `c` is not one") || error.contains("for one file");
        assert!(refused, "{size}: {error}");
    }
    place.check();
}

#[test]
fn a_link_target_has_a_limit() {
    let place = Place::new();
    let target = |length: usize| "t/".repeat(length / 2);
    let long = Tar::new().pax(&[("linkpath", target(4096).as_bytes())]).symlink("s", "x");
    assert!(place.error(&[&long]).contains("the link target of `s` is longer than 4095 bytes"));
    let fits = Tar::new().pax(&[("linkpath", target(4000).as_bytes())]).symlink("s", "x");
    place.tree(&fits);
    place.check();
}

#[test]
fn pax_times_have_fractions_and_may_be_before_1970() {
    let place = Place::new();
    let tree = place.tree(&Tar::new().pax(&[("mtime", b"-1.5")]).file("old", ""));
    let stat = fs::metadata(tree.join("old")).unwrap();
    assert_eq!((stat.mtime(), stat.mtime_nsec()), (-2, 500_000_000));
}

#[test]
fn a_header_for_all_entries_changes_none() {
    let place = Place::new();
    let tar =
        Tar::new().entry(b'g', "pax_global_header", "", 0, "16 path=/victim\n").file("a", "x");
    assert_eq!(place.merged(&[&tar])[Path::new("a")], file("x"));
}

#[test]
fn malformed_streams_are_refused() {
    let good = Tar::new().file("a", "content");
    let mut checksum = good.clone();
    checksum.0[0] = b'b';
    let mut octal = header(b'0', b"a", b"", 0o644, 0);
    octal[124..136].copy_from_slice(b"0000000009x\0");
    let mut negative = header(b'0', b"a", b"", 0o644, 0);
    negative[124..136].fill(0xff);
    let mut endless = header(b'0', b"a", b"", 0o644, 0);
    endless[124..136].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    let nobody = Tar::new().pax(&[("uid", b"4294967295")]).file("a", "");
    for (tar, expected) in [
        (checksum, "no valid header at byte 0"),
        (Tar::new().raw(octal, ""), "a number in the tar header of `a`"),
        (Tar::new().raw(negative, ""), "a number in the tar header of `a`"),
        (Tar::new().raw(endless, ""), "for one file"),
        (nobody, "a number"),
        (Tar::new().entry(b'x', "pax", "", 0, "99 path=a\n").file("a", ""), "malformed"),
        (Tar::new().entry(b'M', "a", "", 0, ""), "unknown tar type `M`"),
        (Tar::new().file("", "x"), "name is empty"),
        (Tar::new().pax(&[("path", b"a\0b")]).file("a", ""), "NUL"),
        (Tar::new().pax(&[("path", &[b'n'; 300])]).file("a", ""), "longer than"),
        (Tar::new().pax(&[("path", "d/".repeat(400).as_bytes())]).file("a", ""), "deep"),
    ] {
        let place = Place::new();
        let error = place.error(&[&tar]);
        assert!(error.contains(expected), "{expected}: {error}");
        place.check();
    }
}

#[test]
fn a_stream_that_ends_in_an_entry_is_refused_and_one_between_two_is_not() {
    let tar = Tar::new().file("a", "content").file("b", "content");
    for (length, is_good) in [(1024, true), (2048, true), (1030, false), (520, false)] {
        let place = Place::new();
        place.layout().packed(&tar.0[..length], &tar.0[..length]);
        let result = place.image("oci:layout");
        assert_eq!(result.is_ok(), is_good, "{length}: {result:?}");
        if let Err(error) = result {
            assert!(error.to_string().contains("truncated"), "{error}");
        }
        place.check();
    }
}

#[test]
fn what_stands_behind_the_end_counts_for_the_diff_id() {
    let place = Place::new();
    let tar = Tar::new().file("a", "content").bytes();
    let longer = [&tar[..], &[7; 3000]].concat();
    place.layout().packed(&tar, &longer);
    let error = place.image("oci:layout").unwrap_err().to_string();
    assert!(error.contains("diff id"), "{error}");
    place.layout().packed(&longer, &longer);
    assert!(place.image("oci:layout").is_ok());
    place.check();
}

#[test]
fn sparse_files_arrive_in_all_dialects() {
    let holes = |size: u64| [("GNU.sparse.size", size.to_string())];
    let data = "AAAABBBB";
    let mut old = header(b'S', b"s", b"", 0o644, 8);
    old[257..265].copy_from_slice(b"ustar  \0");
    old[386..410].copy_from_slice(b"00000001750\x0000000000004\0");
    old[410..434].copy_from_slice(b"00000003720\x0000000000004\0");
    old[483..495].copy_from_slice(b"00000005670\0");
    let map = format!("2\n1000\n4\n2000\n4\n{}", "\0".repeat(512 - 16));
    let [(key, size)] = &holes(3000);
    for tar in [
        Tar::new().raw(old, data),
        Tar::new()
            .pax(&[
                (key, size.as_bytes()),
                ("GNU.sparse.offset", b"1000"),
                ("GNU.sparse.numbytes", b"4"),
                ("GNU.sparse.offset", b"2000"),
                ("GNU.sparse.numbytes", b"4"),
            ])
            .file("s", data),
        Tar::new()
            .pax(&[
                (key, size.as_bytes()),
                ("GNU.sparse.map", b"1000,4,2000,4"),
                ("GNU.sparse.name", b"s"),
            ])
            .file("GNUSparseFile.0/s", data),
        Tar::new()
            .pax(&[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.name", b"s"),
                ("GNU.sparse.realsize", size.as_bytes()),
            ])
            .file("GNUSparseFile.0/s", format!("{map}{data}")),
    ] {
        let place = Place::new();
        let tree = place.tree(&tar.file("behind", "behind"));
        let mut expected = vec![0; 3000];
        expected[1000..1004].fill(b'A');
        expected[2000..2004].fill(b'B');
        assert_eq!(fs::read(tree.join("s")).unwrap(), expected);
        assert_eq!(fs::read_to_string(tree.join("behind")).unwrap(), "behind");
    }
}

#[test]
fn sparse_maps_that_overlap_or_lie_are_refused() {
    for map in ["0,4,2,4", "0,4,5000,4", "0,4", "0,4,8", "18446744073709551615,4,0,4", "x"] {
        let place = Place::new();
        let tar = Tar::new()
            .pax(&[("GNU.sparse.size", b"3000"), ("GNU.sparse.map", map.as_bytes())])
            .file("s", "AAAABBBB");
        let error = place.error(&[&tar]);
        assert!(error.contains("malformed"), "{map}: {error}");
        place.check();
    }
}
