//! OCI layouts: index, manifest, configuration, and every way in which they may be wrong.

use std::fs;

use belljar_image::Digest;
use serde_json::{Value, json};

use crate::build::{CONFIG, LAYER, Layout, MANIFEST, Place, Tar, architecture};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn layer(content: &str) -> Vec<u8> {
    Tar::new().file("name", content).bytes()
}

/// The error for an image whose manifest is made by hand.
fn error(make: impl FnOnce(&Layout) -> Value) -> String {
    let place = Place::new();
    let layout = place.layout();
    let manifest = make(&layout);
    layout.index(&[("test", manifest)]);
    let error = place.image("oci:layout:test").unwrap_err().to_string();
    place.check();
    error
}

fn with_platform(mut descriptor: Value, os: &str, architecture: &str) -> Value {
    descriptor["platform"] = json!({ "os": os, "architecture": architecture });
    descriptor
}

#[test]
fn the_configuration_comes_along() {
    let place = Place::new();
    let config = place.unpack(&[&Tar::new().file("a", "")]).unwrap().config;
    assert_eq!(config.env, ["PATH=/bin"], "an entry without `=` is dropped");
    assert_eq!(config.command, ["sh"]);
    assert_eq!(config.workdir.as_deref(), Some("/work"));
    assert!(config.entrypoint.is_empty() && config.user.is_none());
}

#[test]
fn a_tag_chooses_and_an_unknown_one_lists_those_there_are() {
    let place = Place::new();
    let layout = place.layout();
    let (one, two) = (layout.image("x", &[layer("1")]), layout.image("x", &[layer("2")]));
    layout.index(&[("one", one.clone()), ("two:2", two)]);
    let image = place.image("oci:layout:two:2").unwrap();
    let name = image.rootfs.trees[0].layers[0].join("name");
    assert_eq!(fs::read_to_string(name).unwrap(), "2");
    let error = place.image("oci:layout:three").unwrap_err().to_string();
    assert!(error.contains("`three`") && error.contains("one, two:2"), "{error}");
    let error = place.image("oci:layout").unwrap_err().to_string();
    assert!(error.contains("several") && error.contains("one, two:2"), "{error}");
    layout.index(&[("one", one)]);
    assert!(place.image("oci:layout").is_ok(), "a single image needs no tag");
    layout.index(&[]);
    assert!(place.image("oci:layout").unwrap_err().to_string().contains("no image in it"));
}

#[test]
fn a_folder_that_is_not_there_and_one_that_is_no_layout() {
    let place = Place::new();
    let error = place.image("oci:missing:tag").unwrap_err().to_string();
    assert!(error.contains("missing: No such file"), "{error}");
    let error = place.image("oci:victim").unwrap_err().to_string();
    assert!(error.contains("no index.json"), "{error}");
    fs::write(place.path("victim/index.json"), "{").unwrap();
    let error = place.image("oci:victim").unwrap_err().to_string();
    assert!(error.contains("malformed"), "{error}");
}

#[test]
fn a_layer_with_a_wrong_digest_is_refused() {
    let bytes = layer("good");
    let error = error(|layout| {
        let blob = layout.blob(LAYER, &bytes);
        let path = layout.0.join("blobs/sha256").join(Digest::of(&bytes).hex());
        fs::write(path, layer("evil")).unwrap();
        layout.manifest(&layout.config(&[Digest::of(&bytes).to_string()]), &[blob])
    });
    assert!(error.contains("its digest is wrong"), "{error}");
    assert!(error.contains(&Digest::of(&bytes).to_string()), "{error}");
}

#[test]
fn a_layer_with_a_wrong_size_is_refused() {
    for (change, expected) in [(-1, "found more than that"), (1, "bytes, found")] {
        let bytes = layer("good");
        let error = error(|layout| {
            let mut blob = layout.blob(LAYER, &bytes);
            blob["size"] = (bytes.len() as i64 + change).into();
            layout.manifest(&layout.config(&[Digest::of(&bytes).to_string()]), &[blob])
        });
        assert!(error.contains("its size is wrong") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_negative_size_is_refused() {
    let error = error(|layout| {
        let mut blob = layout.blob(LAYER, &layer("x"));
        blob["size"] = (-1).into();
        layout.manifest(&layout.config(&[]), &[blob])
    });
    assert!(error.contains("malformed"), "{error}");
}

#[test]
fn a_wrong_diff_id_and_a_wrong_number_of_them_are_refused() {
    let bytes = layer("x");
    let other = Digest::of(b"other").to_string();
    let right = Digest::of(&bytes).to_string();
    let with = |diff_ids: &[String]| {
        error(|layout| layout.manifest(&layout.config(diff_ids), &[layout.blob(LAYER, &bytes)]))
    };
    assert!(with(std::slice::from_ref(&other)).contains("its diff id is wrong"));
    let error = with(&[right, other]);
    assert!(error.contains("diff ids") && error.contains("expected 1, found 2"), "{error}");
    assert!(with(&[]).contains("expected 1, found 0"));
    assert!(with(&["sha256:../../../etc".into()]).contains("failed to read the digest"));
}

#[test]
fn a_missing_blob_and_one_that_is_a_fifo_are_refused() {
    let bytes = layer("x");
    let lacking = |replace: fn(&std::path::Path)| {
        error(|layout| {
            let manifest = layout.image("test", std::slice::from_ref(&bytes));
            let path = layout.0.join("blobs/sha256").join(Digest::of(&bytes).hex());
            fs::remove_file(&path).unwrap();
            replace(&path);
            manifest
        })
    };
    assert!(lacking(|_| {}).contains("there is no such blob"));
    let fifo = |path: &std::path::Path| {
        let cwd = rustix::fs::CWD;
        rustix::fs::mkfifoat(cwd, path, rustix::fs::Mode::RWXU).unwrap();
    };
    assert!(lacking(fifo).contains("not a regular file"));
}

#[test]
fn a_manifest_that_was_changed_is_refused() {
    let error = error(|layout| {
        let mut manifest = layout.image("test", &[layer("x")]);
        manifest["digest"] = Digest::of(b"other").to_string().into();
        fs::write(layout.0.join("blobs/sha256").join(Digest::of(b"other").hex()), "x").unwrap();
        manifest
    });
    assert!(error.contains("bytes, found 1 bytes"), "{error}");
    let error = self::error(|layout| {
        let mut manifest = layout.blob(MANIFEST, b"{ }");
        manifest["digest"] = Digest::of(b"other").to_string().into();
        fs::write(layout.0.join("blobs/sha256").join(Digest::of(b"other").hex()), "{x}").unwrap();
        manifest
    });
    assert!(error.contains(&format!("expected {}", Digest::of(b"other"))), "{error}");
}

#[test]
fn a_document_that_is_two_things_is_refused() {
    let error = error(|layout| {
        let both = json!({ "schemaVersion": 2, "manifests": [], "layers": [], "config": {
            "digest": Digest::of(b"").to_string(), "size": 0 } });
        layout.json(MANIFEST, &both)
    });
    assert!(error.contains("both layers and manifests"), "{error}");
    let error = self::error(|layout| {
        layout.json(MANIFEST, &json!({ "schemaVersion": 2, "manifests": [] }))
    });
    assert!(error.contains("it is not the"), "{error}");
    let error = self::error(|layout| layout.json(MANIFEST, &json!({ "schemaVersion": 1 })));
    assert!(error.contains("neither a manifest nor an index"), "{error}");
}

#[test]
fn an_artifact_is_no_image() {
    let error = error(|layout| {
        let mut config = layout.config(&[]);
        config["mediaType"] = "application/vnd.example.chart+json".into();
        layout.manifest(&config, &[])
    });
    assert!(error.contains("no image") && error.contains("chart"), "{error}");
}

#[test]
fn a_manifest_beyond_the_limit_is_refused() {
    let error = error(|layout| layout.blob(MANIFEST, &vec![b' '; (4 << 20) + 1]));
    assert!(error.contains("limit of 4194304 bytes"), "{error}");
}

#[test]
fn an_index_gives_the_image_for_this_machine() {
    let place = Place::new();
    let layout = place.layout();
    let (mine, other) = (layout.image("x", &[layer("mine")]), layout.image("x", &[layer("other")]));
    let unknown = json!({ "mediaType": "application/vnd.example.unknown", "size": 1,
        "digest": Digest::of(b"nowhere").to_string() });
    let inner = layout.json(
        INDEX,
        &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [
            unknown,
            with_platform(other.clone(), "unknown", "unknown"),
            with_platform(other.clone(), "linux", "s390x"),
            with_platform(other, "windows", architecture()),
            with_platform(mine, "linux", architecture()),
        ]}),
    );
    let outer = layout.json(INDEX, &json!({ "schemaVersion": 2, "manifests": [inner] }));
    layout.index(&[("test", outer)]);
    let image = place.image("oci:layout:test").unwrap();
    let name = image.rootfs.trees[0].layers[0].join("name");
    assert_eq!(fs::read_to_string(name).unwrap(), "mine");
}

#[test]
fn where_no_platform_matches_those_there_are_are_listed() {
    let error = error(|layout| {
        let image = layout.image("x", &[layer("x")]);
        layout.json(
            INDEX,
            &json!({ "schemaVersion": 2, "manifests": [
                with_platform(image.clone(), "linux", "s390x"),
                with_platform(image, "windows", architecture()),
            ]}),
        )
    });
    assert!(error.contains("linux/s390x, windows/"), "{error}");
}

#[test]
fn an_image_for_another_machine_is_refused_also_without_an_index() {
    let error = error(|layout| {
        let config = json!({ "os": "linux", "architecture": "s390x",
            "rootfs": { "type": "layers", "diff_ids": [] } });
        layout.manifest(&layout.json(CONFIG, &config), &[])
    });
    assert!(error.contains("linux/s390x"), "{error}");
}

#[test]
fn indexes_that_lie_too_deep_or_come_back_are_refused() {
    let error = error(|layout| {
        let mut index = layout.image("x", &[layer("x")]);
        for _ in 0..10 {
            index = layout.json(INDEX, &json!({ "schemaVersion": 2, "manifests": [index] }));
        }
        index
    });
    assert!(error.contains("deep in each other"), "{error}");
    // A true circle would need a digest that holds itself; the same index twice is as near.
    let error = self::error(|layout| {
        let empty = layout.json(INDEX, &json!({ "schemaVersion": 2, "manifests": [] }));
        layout.json(INDEX, &json!({ "schemaVersion": 2, "manifests": [empty.clone(), empty] }))
    });
    assert!(error.contains("circle"), "{error}");
}
