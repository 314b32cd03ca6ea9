//! Subcommands that print what the process was given.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use crate::system;

pub(crate) fn mypid(_: &[OsString]) -> io::Result<u8> {
    println!("{}", std::process::id());
    Ok(0)
}

pub(crate) fn cwd(_: &[OsString]) -> io::Result<u8> {
    println!("{}", std::env::current_dir()?.display());
    Ok(0)
}

pub(crate) fn env(_: &[OsString]) -> io::Result<u8> {
    let mut variables: Vec<_> = std::env::vars_os().collect();
    variables.sort_unstable();
    for (name, value) in variables {
        io::stdout().write_all(&[name.as_bytes(), b"=", value.as_bytes(), b"\n"].concat())?;
    }
    Ok(0)
}

pub(crate) fn fds(_: &[OsString]) -> io::Result<u8> {
    let mut numbers: Vec<u32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    for number in numbers {
        // The descriptor of the directory itself was in the list but is closed by now.
        if let Ok(target) = fs::read_link(format!("/proc/self/fd/{number}")) {
            println!("{number} {}", target.display());
        }
    }
    Ok(0)
}

pub(crate) fn ids(_: &[OsString]) -> io::Result<u8> {
    let mut groups = system::supplementary_groups()?;
    groups.sort_unstable();
    let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
    let user = real_effective_saved(system::user_ids()?);
    let group = real_effective_saved(system::group_ids()?);
    println!("uid={user} gid={group} groups={}", groups.join(","));
    Ok(0)
}

pub(crate) fn status(fields: &[OsString]) -> io::Result<u8> {
    let status = fs::read_to_string("/proc/self/status")?;
    for field in fields {
        let field = field.to_string_lossy();
        let prefix = format!("{field}:");
        let line = status.lines().find(|line| line.starts_with(&prefix));
        println!("{}", line.ok_or_else(|| io::Error::other(format!("no field {field}")))?);
    }
    Ok(0)
}

pub(crate) fn netdev(_: &[OsString]) -> io::Result<u8> {
    let table = fs::read_to_string("/proc/net/dev")?;
    let mut names: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim())
        .collect();
    names.sort_unstable();
    for name in names {
        println!("{name}");
    }
    Ok(0)
}

/// One number where the three ids agree, else all three.
fn real_effective_saved(ids: [u32; 3]) -> String {
    let [real, effective, saved] = ids;
    if real == effective && effective == saved {
        real.to_string()
    } else {
        format!("{real}/{effective}/{saved}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_differ_are_all_shown() {
        assert_eq!(real_effective_saved([7, 7, 7]), "7");
        assert_eq!(real_effective_saved([7, 0, 7]), "7/0/7");
    }
}
