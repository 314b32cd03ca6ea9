//! What people are told about wrong files, to the letter.

use std::os::unix::fs::symlink;

use crate::failures::Numbers;
use crate::folder::Folder;

/// Blocks of `=== what it is about`, the file, `---`, and what is told.
const TABLE: &str = include_str!("mistakes.txt");

#[test]
fn each_mistake_is_told_with_its_line() {
    let mut count = 0;
    for block in TABLE.split("=== ").skip(1) {
        let (what, rest) = block.split_once('\n').unwrap();
        let (file, told) = rest.split_once("---\n").unwrap();
        let mistakes = Folder::with(&[("x.toml", file)]).mistakes();
        assert_eq!(mistakes.trim_end(), told.trim_end(), "{what}");
        count += 1;
    }
    assert!(count >= 58, "only {count} mistakes were read");
}

#[test]
fn all_mistakes_of_a_suite_are_told_in_order() {
    let folder = Folder::with(&[
        ("b.toml", "image = 1\ncommand = []\n"),
        ("a.toml", "command = [\"c\"]\ntimeout = \"x\"\n[expect]\nexit-code = 256\n"),
        ("belljar.toml", "command = [\"c\"]\nuser = 1\n"),
    ]);
    let told = folder.mistakes();
    let arrows: Vec<&str> = told.lines().filter(|line| line.contains("--> ")).collect();
    let expected = [
        "  --> a.toml:1:1",
        "  --> a.toml:2:11",
        "  --> a.toml:4:13",
        "  --> b.toml:1:9",
        "  --> b.toml:2:11",
        "  --> belljar.toml:1:1",
        "  --> belljar.toml:2:8",
    ];
    assert_eq!(arrows, expected, "{told}");
    assert!(told.contains("hint: `command` belongs in a case file: it is no default of a folder"));
}

#[test]
fn two_files_may_not_give_one_name() {
    let folder = Folder::with(&[
        ("a.toml", "image = \"i\"\ncommand = [\"c\"]\n[[case]]\nname = \"b\"\n"),
        ("a/b.toml", "image = \"i\"\ncommand = [\"c\"]\n"),
    ]);
    let expected = "\
error: two cases are named `a::b`
  --> a.toml:3:1
   |
 3 | [[case]]
   | ^^^^^^^^
note: the other one is here
  --> a/b.toml:1:1
   |
 1 | image = \"i\"
   | ^
hint: give one of them another name
";
    assert_eq!(folder.mistakes(), expected);
}

#[test]
fn a_file_must_be_utf8() {
    let folder = Folder::with(&[]);
    folder.write("x.toml", b"image = \"i\"\nuser = \"\xff\"\n");
    let expected = "\
error: the file is not UTF-8
  --> x.toml:2:9
   |
 2 | user = \"\u{fffd}\"
   |         ^
";
    assert_eq!(folder.mistakes(), expected);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = Folder::with(&[]);
    symlink("nowhere", folder.path("x.toml")).unwrap();
    let expected = "error: failed to read x.toml: No such file or directory (os error 2)\n";
    assert_eq!(folder.mistakes(), expected);

    let absent = belljar_harness::Suite::load(&[folder.path("absent")]).unwrap_err();
    assert!(absent.to_string().ends_with("absent: No such file or directory (os error 2)\n"));

    let defaults = Folder::with(&[("belljar.toml", "")]);
    let error = belljar_harness::Suite::load(&[defaults.path("belljar.toml")]).unwrap_err();
    assert!(error.to_string().contains("it holds the defaults of its folder, no case"), "{error}");
}

#[test]
fn a_file_name_must_make_a_name() {
    for (file, character) in [("a b.toml", ' '), ("a:b.toml", ':'), ("ä/b.toml", 'ä')] {
        let folder = Folder::with(&[(file, "image = \"i\"\ncommand = [\"c\"]\n")]);
        let expected = format!(
            "error: a case cannot be made of the file name `{file}`: {character:?} is not allowed \
             there\nhint: file names are made of letters, digits and `_ . + -`\n"
        );
        assert_eq!(folder.mistakes(), expected);
    }
}

#[test]
fn whatever_a_file_holds_it_is_read_or_refused() {
    let mut numbers = Numbers(0xca5e);
    let folder = Folder::with(&[]);
    let mut below = |end: usize| usize::try_from(numbers.next()).unwrap() % end;
    for _ in 0..1500 {
        let blocks: Vec<&str> = TABLE.split("=== ").skip(1).collect();
        let block = blocks[below(blocks.len())];
        let (_, rest) = block.split_once('\n').unwrap();
        let mut file = rest.split_once("---\n").unwrap().0.as_bytes().to_vec();
        for _ in 0..=below(4) {
            let at = below(file.len());
            match below(3) {
                0 => file[at] = b"\"\n\r[]{}=.#\0\xff\xc3\xa4\\"[below(15)],
                1 => drop(file.remove(at)),
                _ => file.truncate(at.max(1)),
            }
            file.push(b'\n');
        }
        folder.write("x.toml", &file);
        let told = folder.mistakes();
        let raw = told.chars().find(|character| character.is_control() && *character != '\n');
        assert_eq!(raw, None, "{told:?}");
    }
}
