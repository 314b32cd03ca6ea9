//! Subcommands about files.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use crate::processes::argument;

pub(crate) fn ls(arguments: &[OsString]) -> io::Result<u8> {
    let path = arguments.first().map_or_else(|| OsString::from("."), Clone::clone);
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let mut names: Vec<OsString> = entries.iter().map(fs::DirEntry::file_name).collect();
    names.sort_unstable();
    for name in names {
        io::stdout().write_all(&[name.as_bytes(), b"\n"].concat())?;
    }
    Ok(0)
}

pub(crate) fn touch(arguments: &[OsString]) -> io::Result<u8> {
    OpenOptions::new().append(true).create(true).open(argument(arguments, 0, "PATH")?)?;
    Ok(0)
}

pub(crate) fn open(arguments: &[OsString]) -> io::Result<u8> {
    let path = argument(arguments, 0, "PATH")?;
    let for_writing = argument(arguments, 1, "r or w")? == "w";
    let opened = OpenOptions::new().read(!for_writing).write(for_writing).open(path);
    println!("{}", outcome(&opened));
    Ok(0)
}

pub(crate) fn fill(arguments: &[OsString]) -> io::Result<u8> {
    let mut file = File::create(argument(arguments, 0, "PATH")?)?;
    let block = vec![b'.'; 64 * 1024];
    let mut written_bytes = 0;
    let error = loop {
        match file.write(&block) {
            Ok(count) => written_bytes += count,
            Err(error) => break error,
        }
    };
    println!("{error} after {} MiB", written_bytes / (1024 * 1024));
    Ok(0)
}

/// How a result is printed: one word, or the error.
pub(crate) fn outcome<T>(result: &io::Result<T>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}
