//! Which cases a suite holds.

use std::os::unix::fs::symlink;

use belljar_harness::{Selection, Suite};

use crate::folder::{Folder, names};

const CASE: &str = "image = \"i\"\ncommand = [\"c\"]\n";
const BROKEN: &str = "nonsense";

#[test]
fn cases_are_found_in_order_and_other_files_are_not() {
    let folder = Folder::with(&[
        ("b.toml", CASE),
        ("a/z.toml", CASE),
        ("a/b/c.toml", CASE),
        ("v1.2.toml", CASE),
        ("notes.txt", BROKEN),
        (".hidden.toml", BROKEN),
        (".hidden/x.toml", BROKEN),
        ("belljar.toml", ""),
    ]);
    symlink(folder.root(), folder.path("a/loop")).unwrap();
    symlink(folder.root(), folder.path("a/loop.toml")).unwrap();
    symlink(folder.path("b.toml"), folder.path("linked.toml")).unwrap();
    let suite = folder.load().unwrap();
    assert_eq!(names(&suite), ["a::b::c", "a::z", "b", "linked", "v1.2"]);
}

#[test]
fn a_part_of_a_suite_has_the_names_of_the_whole() {
    let folder = Folder::with(&[("belljar.toml", ""), ("a/b/c.toml", CASE), ("a/d.toml", CASE)]);
    for part in ["a", "a/b", "a/b/c.toml", "a/../a/b"] {
        let suite = Suite::load(&[folder.path(part)]).unwrap();
        assert!(names(&suite).contains(&"a::b::c"), "{part}: {:?}", names(&suite));
    }
    let twice = Suite::load(&[folder.path("a"), folder.path("a/b"), folder.path("a/b/c.toml")]);
    assert_eq!(names(&twice.unwrap()), ["a::b::c", "a::d"]);
}

#[test]
fn one_case_is_found_without_reading_the_others() {
    let list = format!("{CASE}[[case]]\nname = \"c\"\n[[case]]\nname = \"d::e\"\n");
    let folder = Folder::with(&[
        ("a/b.toml", &list),
        ("a/b/f.toml", CASE),
        ("a/broken.toml", BROKEN),
        ("broken.toml", BROKEN),
        (".hidden/x.toml", CASE),
    ]);
    symlink(folder.path("a"), folder.path("link")).unwrap();
    for name in ["a::b::c", "a::b::d::e", "a::b::f"] {
        let suite = Suite::load_exact(&[folder.root()], name).unwrap();
        assert_eq!(names(&suite), [name]);
    }
    let absent = [
        "a::b",
        "a::b::x",
        "b::c",
        "",
        "::",
        "a/b::c",
        "a::b::c::",
        ".hidden::x",
        "..::x",
        "link::b::c",
        "belljar",
    ];
    for name in absent {
        let error = Suite::load_exact(&[folder.root()], name).unwrap_err().to_string();
        assert!(error.starts_with(&format!("error: no case is named `{name}`")), "{error}");
    }
    let error = Suite::load_exact(&[folder.root()], "a::broken").unwrap_err().to_string();
    assert!(error.contains("broken.toml:1:"), "{error}");
}

#[test]
fn a_part_of_a_suite_does_not_hold_the_cases_beside_it() {
    let folder = Folder::with(&[("belljar.toml", ""), ("a/b.toml", CASE), ("c.toml", CASE)]);
    let exact = |path: &str, name| Suite::load_exact(&[folder.path(path)], name).is_ok();
    assert!(exact("a", "a::b") && exact("a/b.toml", "a::b") && exact("", "c"));
    assert!(!exact("a", "c") && !exact("a/b.toml", "c") && !exact("c.toml", "a::b"));
}

#[test]
fn exact_and_whole_reading_agree() {
    let list = format!("{CASE}[[case]]\nname = \"c\"\n[[case]]\nname = \":d\"\n");
    let folder = Folder::with(&[("a/b.toml", &list), ("e.toml", CASE), ("a/f.g.toml", CASE)]);
    let whole = folder.load().unwrap();
    assert_eq!(names(&whole), ["a::b::c", "a::b:::d", "a::f.g", "e"]);
    for case in &whole.cases {
        let alone = Suite::load_exact(&[folder.root()], case.name.as_str()).unwrap();
        assert_eq!(alone.cases, std::slice::from_ref(case));
    }
}

#[test]
fn a_selection_keeps_what_it_names() {
    let folder = Folder::with(&[("a.toml", CASE), ("ab.toml", CASE), ("c.toml", CASE)]);
    let table: [(&[&str], bool, &[&str]); 5] = [
        (&[], false, &["a", "ab", "c"]),
        (&["a"], false, &["a", "ab"]),
        (&["a"], true, &["a"]),
        (&["b", "c"], false, &["ab", "c"]),
        (&["x"], false, &[]),
    ];
    for (patterns, exact, expected) in table {
        let mut suite = folder.load().unwrap();
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let filtered_out = suite.select(&Selection { patterns, exact });
        assert_eq!(names(&suite), expected);
        assert_eq!(filtered_out, 3 - expected.len());
    }
}
