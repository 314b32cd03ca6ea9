//! Whether this machine has the programs that a case needs; decided while cases are listed, since
//! a runner that starts one case per process learns of a skipped case only there.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The first of `programs` that cannot be executed here. `search_path` is the value of `PATH`; a
/// program with a `/` in it is a path and not looked for.
#[must_use]
pub fn missing_program<'p>(programs: &'p [String], search_path: &OsStr) -> Option<&'p str> {
    programs.iter().map(String::as_str).find(|program| !is_here(program, search_path))
}

fn is_here(program: &str, search_path: &OsStr) -> bool {
    if program.contains('/') {
        return is_executable(Path::new(program));
    }
    std::env::split_paths(search_path).any(|directory| is_executable(&directory.join(program)))
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_can_be_executed_is_here() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("directory")).unwrap();
        for (name, mode) in [("tool", 0o755), ("notes", 0o644)] {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let missing = |programs: &[&str]| {
            let programs: Vec<String> = programs.iter().map(|name| (*name).to_owned()).collect();
            missing_program(&programs, folder.path().as_os_str()).map(str::to_owned)
        };
        let path = folder.path().join("tool");
        assert_eq!(missing(&[]), None);
        assert_eq!(missing(&["tool", path.to_str().unwrap()]), None);
        assert_eq!(missing(&["tool", "notes"]).as_deref(), Some("notes"));
        assert_eq!(missing(&["directory"]).as_deref(), Some("directory"));
        assert_eq!(missing(&["absent", "tool"]).as_deref(), Some("absent"));
    }
}
