//! Rules about all files of the work tree.

use super::{File, Problem, Tree};

/// What a note to oneself begins with; put together here so that this file has none.
const NOTES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

/// Where cases lie.
const SUITES: &[&str] = &["cases/", "tests/real/"];

/// The largest file that may be tracked.
const LARGEST_FILE_BYTES: usize = 1024 * 1024;

/// What is not done is either not needed or not finished.
pub(super) fn nothing_is_left_to_do(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(note) = NOTES.iter().find(|note| line.contains(*note)) {
                problems
                    .push(file.problem(index + 1, format!("`{note}`: finish it or leave it out")));
            }
        }
    }
    problems
}

/// A suite holds cases, and files that a case beside them names.
pub(super) fn suites_hold_cases(tree: &Tree) -> Vec<Problem> {
    let is_odd = |file: &&File| !is_toml(file) && !is_named_beside(tree, file);
    let odd = tree.files.iter().filter(is_in_a_suite).filter(is_odd);
    odd.map(|file| file.problem(None, "is no case, and no case in its folder names it")).collect()
}

/// Spaces at the end of a line in what a case expects are seen by nobody; `\u0020` is.
pub(super) fn cases_end_their_lines(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(is_in_a_suite).filter(|file| is_toml(file)) {
        for (index, line) in file.text.lines().enumerate() {
            if line.ends_with(char::is_whitespace) {
                problems.push(file.problem(index + 1, "has spaces at its end"));
            }
        }
    }
    problems
}

/// Big files are made by a chore, not kept.
pub(super) fn nothing_is_big(tree: &Tree) -> Vec<Problem> {
    let big = tree.files.iter().filter(|file| file.size_bytes > LARGEST_FILE_BYTES);
    big.map(|file| file.problem(None, format!("has {} bytes, over 1 MiB", file.size_bytes)))
        .collect()
}

fn is_in_a_suite(file: &&File) -> bool {
    SUITES.iter().any(|suite| file.path.starts_with(suite))
}

fn is_toml(file: &File) -> bool {
    file.path.ends_with(".toml")
}

fn is_named_beside(tree: &Tree, file: &File) -> bool {
    let Some((folder, name)) = file.path.rsplit_once('/') else { return false };
    let quoted = format!("\"{name}\"");
    let is_beside = |case: &&File| {
        is_toml(case) && case.path.rsplit_once('/').is_some_and(|(other, _)| other == folder)
    };
    tree.files.iter().filter(is_beside).any(|case| case.text.contains(&quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_to_oneself_is_found() {
        for note in NOTES {
            let problems =
                nothing_is_left_to_do(&Tree::of("a.md", &format!("text\n{note}: more\n")));
            assert_eq!(problems.len(), 1);
            assert_eq!(problems[0].line, Some(2));
        }
        assert_eq!(nothing_is_left_to_do(&Tree::of("a.md", "all there is to do\n")), []);
    }

    #[test]
    fn a_file_that_no_case_names_is_found() {
        assert_eq!(suites_hold_cases(&Tree::of("cases/stdio/run.sh", "")).len(), 1);
        assert_eq!(suites_hold_cases(&Tree::of("cases/stdio/run.toml", "")), []);
        assert_eq!(suites_hold_cases(&Tree::of("tests/run.sh", "")), []);
        let mut tree = Tree::of("cases/a/b.toml", "stdin = { file = \"poem.txt\" }\n");
        tree.files.extend(Tree::of("cases/a/poem.txt", "").files);
        assert_eq!(suites_hold_cases(&tree), []);
        tree.files.extend(Tree::of("cases/poem.txt", "").files);
        assert_eq!(suites_hold_cases(&tree).len(), 1);
    }

    #[test]
    fn a_space_at_the_end_of_a_line_is_found() {
        let text = "a = 1\nb = 2 \n";
        let problems = cases_end_their_lines(&Tree::of("tests/real/a.toml", text));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, Some(2));
        assert_eq!(cases_end_their_lines(&Tree::of("cases/poem.txt", text)), []);
        assert_eq!(cases_end_their_lines(&Tree::of("cases/a.toml", "a = 1\n")), []);
    }

    #[test]
    fn a_big_file_is_found() {
        assert_eq!(nothing_is_big(&Tree::of("a", &" ".repeat(LARGEST_FILE_BYTES + 1))).len(), 1);
        assert_eq!(nothing_is_big(&Tree::of("a", &" ".repeat(LARGEST_FILE_BYTES))), []);
    }
}
