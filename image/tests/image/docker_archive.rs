//! Whole images in one file: what `docker save` writes, and OCI layouts as tar files.

use std::fs;
use std::path::Path;

use belljar_image::{Digest, Name, Reference};
use serde_json::json;

use crate::build::{Layout, Place, Tar, architecture, file, gzip, merged};

/// As `docker save` wrote it before it wrote OCI layouts: the second image shares a layer by symlink.
fn saved(layer: &[u8], diff_id: &str) -> Tar {
    let config = json!({
        "architecture": architecture(), "os": "linux", "config": { "Cmd": ["sh"], "Env": null },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let manifest = json!([
        { "Config": "c.json", "RepoTags": ["one:1"], "Layers": ["1/layer.tar"] },
        { "Config": "c.json", "RepoTags": ["two:2", "ghcr.io/o/two:2"], "Layers": ["2/layer.tar"] },
    ]);
    Tar::new()
        .folder("1/")
        .file("1/layer.tar", layer)
        .folder("2/")
        .symlink("2/layer.tar", "../1/layer.tar")
        .file("c.json", config.to_string())
        .file("manifest.json", manifest.to_string())
}

#[test]
fn an_image_is_found_by_name() {
    let layer = Tar::new().file("a", "content").bytes();
    let id = Digest::of(&layer).to_string();
    for archive in [
        saved(&layer, &id).bytes(),
        saved(&gzip(&layer), &id).bytes(),
        gzip(&saved(&layer, &id).bytes()),
    ] {
        let place = Place::new();
        fs::write(place.path("saved.tar"), archive).unwrap();
        for name in ["one:1", "two:2", "ghcr.io/o/two:2"] {
            let image = place.image(&format!("docker-archive:saved.tar:{name}")).unwrap();
            let seen = merged(&image.rootfs.trees[0].layers);
            assert_eq!(seen[Path::new("a")], file("content"));
            assert_eq!(image.config.command, ["sh"]);
        }
        let error = place.image("docker-archive:saved.tar:three").unwrap_err().to_string();
        assert!(error.contains("three:latest") && error.contains("one:1, two:2"), "{error}");
        let error = place.image("docker-archive:saved.tar").unwrap_err().to_string();
        assert!(error.contains("several images"), "{error}");
        place.check();
    }
}

#[test]
fn a_wrong_diff_id_is_refused_and_an_archive_can_be_imported() {
    let place = Place::new();
    let layer = Tar::new().file("a", "content").bytes();
    fs::write(place.path("bad.tar"), saved(&layer, &Digest::of(b"").to_string()).bytes()).unwrap();
    let error = place.image("docker-archive:bad.tar:one:1").unwrap_err().to_string();
    assert!(error.contains("diff id") && error.contains("1/layer.tar"), "{error}");
    fs::write(place.path("good.tar"), saved(&layer, &Digest::of(&layer).to_string()).bytes())
        .unwrap();
    let source = format!("docker-archive:{}:one:1", place.path("good.tar").display());
    let source: Reference = source.parse().unwrap();
    place.store.import(&source, &"mine".parse::<Name>().unwrap()).unwrap();
    fs::remove_file(place.path("good.tar")).unwrap();
    fs::remove_dir_all(place.store_path().join("layers")).unwrap();
    assert_eq!(place.image("mine").unwrap().config.command, ["sh"]);
    place.check();
}

#[test]
fn a_layout_may_come_as_a_tar_file() {
    let place = Place::new();
    let layout = Layout::at(&place.path("layout"));
    let layer = Tar::new().file("a", "content").bytes();
    layout.image("one", std::slice::from_ref(&layer));
    let mut tar = Tar::new();
    for name in ["oci-layout", "index.json"] {
        tar = tar.file(format!("./{name}"), fs::read(layout.0.join(name)).unwrap());
    }
    for blob in fs::read_dir(layout.0.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let name = format!("blobs/sha256/{}", blob.file_name().display());
        tar = tar.file(name, fs::read(blob.path()).unwrap());
    }
    fs::write(place.path("image.tar"), tar.bytes()).unwrap();
    fs::write(place.path("image.tar.gz"), gzip(&tar.bytes())).unwrap();
    let image = place.image("oci-archive:image.tar:one").unwrap();
    assert_eq!(merged(&image.rootfs.trees[0].layers)[Path::new("a")], file("content"));
    assert_eq!(place.image("oci-archive:image.tar.gz").unwrap(), image);
    let error = place.image("oci-archive:image.tar:two").unwrap_err().to_string();
    assert!(error.contains("the tags are one"), "{error}");
    let error = place.image("docker-archive:image.tar").unwrap_err().to_string();
    assert!(error.contains("oci-archive:FILE"), "{error}");
    place.check();
}

#[test]
fn a_truncated_archive_is_refused() {
    let place = Place::new();
    let layer = Tar::new().file("a", "content").bytes();
    let archive = saved(&layer, &Digest::of(&layer).to_string()).bytes();
    fs::write(place.path("cut.tar"), &archive[..1100]).unwrap();
    let error = place.image("docker-archive:cut.tar:one:1").unwrap_err().to_string();
    assert!(error.contains("truncated"), "{error}");
    let error = place.image("docker-archive:missing.tar").unwrap_err().to_string();
    assert!(error.contains("missing.tar: No such file"), "{error}");
    place.check();
}
