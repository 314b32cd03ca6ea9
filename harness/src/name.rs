//! The name of a case. It ends up in the lists and reports of other tools, some of which do not
//! escape it: so there is one door, and only plain characters pass.

use std::fmt;

/// A case's name, such as `stdio::echo`: letters, digits and `_ . / : + -` only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseName(String);

impl CaseName {
    /// `name` as a case's name, or the character that may not stand in one. An empty name has no
    /// such character, and is none either: `Err(None)`.
    pub(crate) fn new(name: String) -> Result<Self, Option<char>> {
        match name.chars().find(|character| !is_plain(*character)) {
            Some(character) => Err(Some(character)),
            None if name.is_empty() => Err(None),
            None => Ok(Self(name)),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_./:+-".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_characters_pass() {
        let table = [
            ("stdio::echo", Ok(())),
            ("a/b.c+d-e_9", Ok(())),
            ("", Err(None)),
            ("a b", Err(Some(' '))),
            ("a\"b", Err(Some('"'))),
            ("grün", Err(Some('ü'))),
            ("a\n", Err(Some('\n'))),
        ];
        for (name, expected) in table {
            assert_eq!(CaseName::new(name.to_owned()).map(|_| ()), expected, "{name:?}");
        }
    }
}
