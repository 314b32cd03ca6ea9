//! Rules about Rust code.

use super::code::without_comments_and_literals;
use super::{File, Problem, Tree};

/// The longest file that needs no reason.
const LONGEST_FILE_LINES: usize = 400;

/// Files that are longer, each with the reason why it is better whole.
const LONG_FILES: &[(&str, &str)] = &[];

/// What the path of a file begins with, and why it may do what others may not.
type Room = (&'static str, &'static str);

/// Where `unsafe` is.
const UNSAFE_ROOMS: &[Room] = &[
    ("sandbox/src/sys.rs", "system calls without a safe wrapper; the sandbox is made of them"),
    ("sandbox/tests/allocation.rs", "a test counts allocations, and an allocator is unsafe"),
    ("xtask/probe/src/system.rs", "the probe attacks the sandbox by raw system calls"),
];

/// Where the network is.
const NETWORK_ROOMS: &[Room] = &[
    ("image/src/registry", "images come from registries"),
    ("image/tests/registry", "its tests are such a registry"),
    ("xtask/probe/src/", "the probe attacks the sandbox's network"),
];

/// What a file says that talks to the network.
const NETWORK_WORDS: &[&str] = &["ureq", "std::net", "TcpStream", "TcpListener", "UdpSocket"];

/// Every file opens by saying what it is for.
pub(super) fn opens_with_its_purpose(tree: &Tree) -> Vec<Problem> {
    tree.sources()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.problem(1, "does not open with `//!` and what the file is for"))
        .collect()
}

/// A long file is several files, unless there is a reason.
pub(super) fn is_not_too_long(tree: &Tree) -> Vec<Problem> {
    tree.sources().filter_map(|file| length_problem(file, LONG_FILES)).collect()
}

/// A reason that is no longer needed is a problem too, or the list would only grow.
fn length_problem(file: &File, with_reason: &[(&str, &str)]) -> Option<Problem> {
    let lines = file.text.lines().count();
    let has_reason = with_reason.iter().any(|(path, _)| *path == file.path);
    match (lines > LONGEST_FILE_LINES, has_reason) {
        (true, false) => {
            Some(file.problem(None, format!("has {lines} lines, more than {LONGEST_FILE_LINES}")))
        }
        (false, true) => Some(file.problem(None, "is short, yet listed in LONG_FILES")),
        _ => None,
    }
}

/// Only a few small rooms may do what the compiler cannot check.
pub(super) fn unsafety_is_in_its_rooms(tree: &Tree) -> Vec<Problem> {
    mentions(tree, &["unsafe_code"], UNSAFE_ROOMS, "unsafe code belongs into sandbox/src/sys.rs")
}

/// An expectation that is no longer needed is reported by the compiler; an allowance stays for ever.
pub(super) fn lints_are_expected_not_allowed(tree: &Tree) -> Vec<Problem> {
    let words = ["#[allow(", "#![allow(", "cfg_attr(allow("];
    mentions(tree, &words, &[], "lints are silenced by `expect` with a reason")
}

/// Whoever reads a case file, a layer or a report cannot be made to talk to anyone.
pub(super) fn network_is_in_its_rooms(tree: &Tree) -> Vec<Problem> {
    mentions(tree, NETWORK_WORDS, NETWORK_ROOMS, "only image/src/registry talks to the network")
}

/// Lines of code that have one of the words, outside the rooms.
fn mentions(tree: &Tree, words: &[&str], rooms: &[Room], rule: &str) -> Vec<Problem> {
    let is_outside = |file: &&File| !rooms.iter().any(|(room, _)| file.path.starts_with(room));
    let mut problems = Vec::new();
    for file in tree.sources().filter(is_outside) {
        let code = without_comments_and_literals(&file.text);
        for (index, line) in code.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                problems.push(file.problem(index + 1, format!("`{word}`: {rule}")));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(problems: &[Problem]) -> Vec<Option<usize>> {
        problems.iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn a_file_without_a_purpose_is_found() {
        assert_eq!(lines(&opens_with_its_purpose(&Tree::of("a.rs", "fn main() {}\n"))), [Some(1)]);
        assert_eq!(opens_with_its_purpose(&Tree::of("a.rs", "//! Does it.\n")), []);
        assert_eq!(opens_with_its_purpose(&Tree::of("a.toml", "a = 1\n")), []);
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(lines(&is_not_too_long(&Tree::of("a.rs", &"\n".repeat(401)))), [None]);
        assert_eq!(is_not_too_long(&Tree::of("a.rs", &"\n".repeat(400))), []);
    }

    #[test]
    fn a_reason_excuses_a_long_file_only() {
        let reasons = [("a.rs", "a table")];
        let long = Tree::of("a.rs", &"\n".repeat(401));
        let short = Tree::of("a.rs", "\n");
        assert_eq!(length_problem(&long.files[0], &reasons), None);
        assert!(length_problem(&short.files[0], &reasons).is_some());
    }

    #[test]
    fn unsafety_elsewhere_is_found() {
        let text = "//! Purpose.\n#![expect(\n    unsafe_code,\n    reason = \"speed\"\n)]\n";
        assert_eq!(lines(&unsafety_is_in_its_rooms(&Tree::of("image/src/a.rs", text))), [Some(3)]);
        assert_eq!(unsafety_is_in_its_rooms(&Tree::of("sandbox/src/sys.rs", text)), []);
    }

    #[test]
    fn an_allowance_is_found() {
        let text = "// #[allow(dead_code)]\n#[allow(dead_code)]\nfn f() {}\n";
        assert_eq!(lines(&lints_are_expected_not_allowed(&Tree::of("a.rs", text))), [Some(2)]);
    }

    #[test]
    fn a_network_call_elsewhere_is_found() {
        let text = "//! Never uses std::net.\nuse std::net::TcpStream;\n";
        assert_eq!(lines(&network_is_in_its_rooms(&Tree::of("harness/src/a.rs", text))), [Some(2)]);
        assert_eq!(network_is_in_its_rooms(&Tree::of("image/src/registry/http.rs", text)), []);
        assert_eq!(network_is_in_its_rooms(&Tree::of("image/src/registry.rs", text)), []);
    }
}
