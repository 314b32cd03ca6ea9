//! What kind of machine the chores run on.

use std::fs;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};

/// Whether this process may do everything.
pub(crate) fn we_are_root() -> Result<bool> {
    let own = fs::metadata("/proc/self").context("failed to look at /proc/self")?;
    Ok(own.uid() == 0)
}

/// How busy it was in the last 1, 5 and 15 minutes: processes that wanted to run, on average.
pub(crate) fn load() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("failed to read /proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// Debian itself: its mirrors hold the release that the real image is made of.
pub(crate) fn is_debian() -> bool {
    os_release("ID").is_some_and(|id| id == "debian")
}

/// Debian, or a system made from it: packages have the same names there.
pub(crate) fn has_debian_packages() -> bool {
    let like = os_release("ID_LIKE").unwrap_or_default();
    is_debian() || like.split(' ').any(|family| family == "debian")
}

fn os_release(field: &str) -> Option<String> {
    field_of(&fs::read_to_string("/etc/os-release").ok()?, field)
}

fn field_of(os_release: &str, field: &str) -> Option<String> {
    let values = os_release.lines().filter_map(|line| line.split_once('='));
    let value = values.into_iter().find(|(name, _)| *name == field)?.1;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_with_and_without_quotes() {
        let text = "VERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(field_of(text, "ID").unwrap(), "debian");
        assert_eq!(field_of(text, "VERSION_ID").unwrap(), "12");
        assert_eq!(field_of(text, "ID_LIKE"), None);
    }
}
