//! Finds the word that somebody probably meant.

/// The one of `words` that takes the fewest edits to get from `typed`, if those are few enough for
/// a typing error.
pub(crate) fn nearest<'w>(typed: &str, words: &[&'w str]) -> Option<&'w str> {
    let allowed = (typed.chars().count() / 3).max(1);
    words
        .iter()
        .map(|word| (edits(&typed.to_lowercase(), &word.to_lowercase()), *word))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// Levenshtein's distance, with one row of the table at a time.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_understood_and_nonsense_is_not() {
        let words = ["command", "stdin", "stdout", "stderr", "exit-code"];
        let table = [
            ("comand", Some("command")),
            ("exit_code", Some("exit-code")),
            ("exitcode", Some("exit-code")),
            ("stdou", Some("stdout")),
            ("STDIN", Some("stdin")),
            ("banana", None),
            ("", None),
        ];
        for (typed, meant) in table {
            assert_eq!(nearest(typed, &words), meant, "{typed}");
        }
    }
}
