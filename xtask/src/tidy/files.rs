//! Rules about all files of the work tree.

use super::{File, Problem, Tree};

/// What a note to oneself begins with; put together here so that this file has none.
const NOTES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

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

/// A suite is read, never run.
pub(super) fn cases_are_data(tree: &Tree) -> Vec<Problem> {
    let is_odd = |file: &&File| file.path.starts_with("cases/") && !file.path.ends_with(".toml");
    let odd = tree.files.iter().filter(is_odd);
    odd.map(|file| file.problem(None, "only .toml files belong into cases/")).collect()
}

/// Big files are made by a chore, not kept.
pub(super) fn nothing_is_big(tree: &Tree) -> Vec<Problem> {
    let big = tree.files.iter().filter(|file| file.size_bytes > LARGEST_FILE_BYTES);
    big.map(|file| file.problem(None, format!("has {} bytes, over 1 MiB", file.size_bytes)))
        .collect()
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
    fn a_script_among_the_cases_is_found() {
        assert_eq!(cases_are_data(&Tree::of("cases/stdio/run.sh", "")).len(), 1);
        assert_eq!(cases_are_data(&Tree::of("cases/stdio/run.toml", "")), []);
        assert_eq!(cases_are_data(&Tree::of("tests/run.sh", "")), []);
    }

    #[test]
    fn a_big_file_is_found() {
        assert_eq!(nothing_is_big(&Tree::of("a", &" ".repeat(LARGEST_FILE_BYTES + 1))).len(), 1);
        assert_eq!(nothing_is_big(&Tree::of("a", &" ".repeat(LARGEST_FILE_BYTES))), []);
    }
}
