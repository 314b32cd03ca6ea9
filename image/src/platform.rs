//! Which image of several is for this machine.
//!
//! Specification: image-spec, image-index.md, "platform"; names as in Go's GOOS and GOARCH.

use crate::document::{Descriptor, Platform};

/// The name of this machine's architecture.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        other => other,
    }
}

/// Whether programs of an image for `platform` run here.
pub(crate) fn is_ours(platform: &Platform) -> bool {
    let variant = platform.variant.as_deref().unwrap_or_default();
    let variant_is_ours = match platform.architecture.as_str() {
        "amd64" => matches!(variant, "" | "v1"),
        "arm64" => matches!(variant, "" | "v8"),
        "arm" => matches!(variant, "" | "v5" | "v6" | "v7"),
        _ => true,
    };
    platform.os == "linux" && platform.architecture == architecture() && variant_is_ours
}

/// Whether an image configuration can be for this machine; many made by hand do not say.
pub(crate) fn may_be_ours(platform: &Platform) -> bool {
    let os = platform.os.as_str();
    matches!(os, "" | "linux")
        && (platform.architecture.is_empty() || platform.architecture == architecture())
}

/// `linux/arm/v7`.
pub(crate) fn show(platform: &Platform) -> String {
    let mut text = format!("{}/{}", platform.os, platform.architecture);
    if let Some(variant) = &platform.variant {
        text.push('/');
        text.push_str(variant);
    }
    text
}

/// The platforms that there are, for a message.
pub(crate) fn list(descriptors: &[Descriptor]) -> String {
    let shown = |descriptor: &Descriptor| descriptor.platform.as_ref().map(show);
    let names: Vec<String> = descriptors.iter().filter_map(shown).collect();
    if names.is_empty() { "none that is named".into() } else { names.join(", ") }
}
