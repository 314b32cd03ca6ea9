//! Builders: tar streams header by header, layouts blob by blob, and a place to unpack them in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use belljar_image::{Digest, Image, Reference, Result, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A tar stream in the making. Names are written as they are, however wrong.
#[derive(Clone, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.entry(b'0', name, "", 0o644, content)
    }

    pub(crate) fn folder(self, name: impl AsRef<[u8]>) -> Self {
        self.entry(b'5', name, "", 0o755, "")
    }

    pub(crate) fn symlink(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(b'2', name, target, 0o777, "")
    }

    pub(crate) fn hard_link(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(b'1', name, target, 0o644, "")
    }

    /// A PAX extended header for the next entry.
    pub(crate) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            body.extend(format!("{length} {key}=").into_bytes());
            body.extend(*value);
            body.push(b'\n');
        }
        self.entry(b'x', "pax", "", 0o644, body)
    }

    /// Any entry. Nothing is checked. The modification time is 1 000 000 000.
    pub(crate) fn entry(
        self,
        kind: u8,
        name: impl AsRef<[u8]>,
        link: impl AsRef<[u8]>,
        mode: u32,
        content: impl AsRef<[u8]>,
    ) -> Self {
        let size = content.as_ref().len() as u64;
        self.raw(header(kind, name.as_ref(), link.as_ref(), mode, size), content)
    }

    pub(crate) fn raw(mut self, mut header: [u8; 512], content: impl AsRef<[u8]>) -> Self {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(header);
        self.0.extend(content.as_ref());
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.extend([0; 1024]);
        bytes
    }
}

pub(crate) fn header(kind: u8, name: &[u8], link: &[u8], mode: u32, size: u64) -> [u8; 512] {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name);
    header[100..108].copy_from_slice(format!("{mode:07o}\0").as_bytes());
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"07346545000\0");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link);
    header[257..265].copy_from_slice(b"ustar\x0000");
    header
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder with a store, a layout and a victim in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("victim")).unwrap();
        fs::write(folder.path().join("victim/hello"), "hello").unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.path("store")
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::at(&self.path("layout"))
    }

    pub(crate) fn image(&self, reference: &str) -> Result<Image> {
        let reference: Reference = reference.parse()?;
        self.store.image(&reference.resolve_from(self.folder.path()))
    }

    /// The image of some layers, the bottom one first.
    pub(crate) fn unpack(&self, layers: &[&Tar]) -> Result<Image> {
        let layers: Vec<Vec<u8>> = layers.iter().map(|tar| tar.bytes()).collect();
        self.layout().image("test", &layers);
        self.image("oci:layout:test")
    }

    /// The tree of the only layer of an image.
    pub(crate) fn tree(&self, layer: &Tar) -> PathBuf {
        self.unpack(&[layer]).unwrap().rootfs.trees[0].layers[0].clone()
    }

    /// What an overlay mount of some layers would show.
    pub(crate) fn merged(&self, layers: &[&Tar]) -> BTreeMap<PathBuf, Seen> {
        merged(&self.unpack(layers).unwrap().rootfs.trees[0].layers)
    }

    pub(crate) fn error(&self, layers: &[&Tar]) -> String {
        self.unpack(layers).unwrap_err().to_string()
    }

    /// Nothing outside the store may have changed, and nothing is left behind in it.
    pub(crate) fn check(&self) {
        let victim = fs::read_dir(self.path("victim")).unwrap().count();
        assert_eq!(victim, 1, "something was made beside the victim");
        assert_eq!(fs::read_to_string(self.path("victim/hello")).unwrap(), "hello");
        assert_eq!(fs::metadata(self.path("victim/hello")).unwrap().nlink(), 1);
        assert_eq!(fs::read_dir(self.store_path().join("temp")).unwrap().count(), 0);
    }
}

impl Drop for Place {
    /// Directories without the right to write to them would keep an ordinary user from cleaning up.
    fn drop(&mut self) {
        let mut chmod = Command::new("chmod");
        chmod.args(["-R", "u+rwx"]).arg(self.folder.path()).stderr(Stdio::null());
        drop(chmod.status());
    }
}

/// A layout in the making.
pub(crate) struct Layout(pub(crate) PathBuf);

impl Layout {
    pub(crate) fn at(path: &Path) -> Self {
        fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self(path.into())
    }

    /// Writes a blob, and gives its descriptor.
    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        fs::write(self.0.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
    }

    pub(crate) fn json(&self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, value.to_string().as_bytes())
    }

    pub(crate) fn config(&self, diff_ids: &[String]) -> Value {
        self.json(
            CONFIG,
            &json!({
                "architecture": architecture(),
                "os": "linux",
                "config": { "Env": ["PATH=/bin", "broken"], "Cmd": ["sh"], "WorkingDir": "/work",
                            "Entrypoint": null, "User": "" },
                "rootfs": { "type": "layers", "diff_ids": diff_ids },
            }),
        )
    }

    pub(crate) fn manifest(&self, config: &Value, layers: &[Value]) -> Value {
        self.json(
            MANIFEST,
            &json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
            }),
        )
    }

    /// Writes index.json with some tagged descriptors.
    pub(crate) fn index(&self, images: &[(&str, Value)]) {
        let manifests: Vec<Value> = images
            .iter()
            .map(|(tag, descriptor)| {
                let mut descriptor = descriptor.clone();
                if !tag.is_empty() {
                    descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
                }
                descriptor
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        fs::write(self.0.join("index.json"), index.to_string()).unwrap();
    }

    /// A whole image of plain layers.
    pub(crate) fn image(&self, tag: &str, layers: &[Vec<u8>]) -> Value {
        let diff_ids: Vec<String> =
            layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let blobs: Vec<Value> = layers.iter().map(|layer| self.blob(LAYER, layer)).collect();
        let manifest = self.manifest(&self.config(&diff_ids), &blobs);
        self.index(&[(tag, manifest.clone())]);
        manifest
    }

    /// An image of one layer, whose blob is not the plain tar.
    pub(crate) fn packed(&self, tar: &[u8], blob: &[u8]) {
        let config = self.config(&[Digest::of(tar).to_string()]);
        let layer = self.blob(LAYER, blob);
        self.index(&[("test", self.manifest(&config, &[layer]))]);
    }
}

/// What stands at a path of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Folder(u32),
    File(String),
    Symlink(String),
    Other,
}

pub(crate) fn file(content: &str) -> Seen {
    Seen::File(content.into())
}

/// Stacks layers as overlayfs does; the topmost comes first. Written apart from the code under test.
pub(crate) fn merged(layers: &[PathBuf]) -> BTreeMap<PathBuf, Seen> {
    let mut all = BTreeMap::new();
    merge(layers, Path::new(""), &mut all);
    all
}

fn merge(layers: &[PathBuf], path: &Path, all: &mut BTreeMap<PathBuf, Seen>) {
    let mut names: Vec<OsString> = Vec::new();
    let mut hidden: Vec<OsString> = Vec::new();
    let mut folders: BTreeMap<OsString, Vec<PathBuf>> = BTreeMap::new();
    for layer in layers {
        let folder = layer.join(path);
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let name = entry.file_name();
            if hidden.contains(&name) {
                continue;
            }
            let is_new = !names.contains(&name);
            if metadata.file_type().is_char_device() {
                assert_eq!(metadata.rdev(), 0, "a device in {}", folder.display());
                // Overlayfs shows a whiteout that hides nothing.
                assert!(layers.len() > 1, "a whiteout of nothing in {}", folder.display());
                hidden.push(name);
                continue;
            }
            if metadata.is_dir() {
                folders.entry(name.clone()).or_default().push(layer.clone());
                if is_opaque(&entry.path()) {
                    hidden.push(name.clone());
                }
            } else {
                hidden.push(name.clone());
            }
            if is_new {
                names.push(name.clone());
                all.insert(path.join(&name), seen(&entry.path(), &metadata));
            }
        }
    }
    for (name, layers) in folders {
        merge(&layers, &path.join(name), all);
    }
}

fn is_opaque(folder: &Path) -> bool {
    let mut value = [0; 8];
    let length = rustix::fs::getxattr(folder, "user.overlay.opaque", &mut value).unwrap_or(0);
    &value[..length] == b"y"
}

fn seen(path: &Path, metadata: &fs::Metadata) -> Seen {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if metadata.is_dir() {
        Seen::Folder(metadata.mode() & 0o7777)
    } else if metadata.is_symlink() {
        Seen::Symlink(text(&fs::read_link(path).unwrap().into_os_string().into_vec()))
    } else if metadata.is_file() {
        Seen::File(text(&fs::read(path).unwrap()))
    } else {
        Seen::Other
    }
}
