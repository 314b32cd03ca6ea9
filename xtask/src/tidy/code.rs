//! Rust code without its comments and literals, so that a rule about code is not broken by words
//! about it.

/// The same lines, with comments and the content of strings and characters left out.
pub(super) fn without_comments_and_literals(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped_length(rest, code.chars().next_back());
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            // Line numbers stay as they were, and words on both sides stay apart.
            code.push(' ');
            code.extend(rest[..skipped].chars().filter(|&character| character == '\n'));
            rest = &rest[skipped..];
        }
    }
    code
}

/// How many bytes of a comment or literal the text begins with; zero where it begins with code.
fn skipped_length(text: &str, before: Option<char>) -> usize {
    let in_a_word = before.is_some_and(|character| character.is_alphanumeric() || character == '_');
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        block_comment_length(text)
    } else if text.starts_with('"') {
        quoted_length(text, '"')
    } else if text.starts_with('\'') {
        character_length(text)
    } else if !in_a_word && (text.starts_with('r') || text.starts_with("br")) {
        raw_string_length(text)
    } else {
        0
    }
}

/// Block comments nest.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0usize;
    let mut position = 0;
    while position < text.len() {
        let rest = &text[position..];
        if rest.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return position + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A quote opens a character only where another follows after one character or an escape; else it
/// opens the name of a lifetime.
fn character_length(text: &str) -> usize {
    let mut characters = text.chars().skip(1);
    match (characters.next(), characters.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted_length(text, '\''),
        _ => 0,
    }
}

fn raw_string_length(text: &str) -> usize {
    let hashes_on = text.trim_start_matches('b').trim_start_matches('r');
    let content = hashes_on.trim_start_matches('#');
    if !content.starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", &hashes_on[..hashes_on.len() - content.len()]);
    let start = text.len() - content.len() + 1;
    text[start..].find(&end).map_or(text.len(), |length| start + length + end.len())
}

#[cfg(test)]
mod tests {
    use super::without_comments_and_literals as code;

    #[test]
    fn comments_go_and_lines_stay() {
        assert_eq!(code("a // b\nc"), "a  \nc");
        assert_eq!(code("a /* b /* c\n */ d */ e"), "a  \n e");
    }

    #[test]
    fn literals_go() {
        assert_eq!(code(r#"a("b \" c", d)"#), "a( , d)");
        assert_eq!(code(r##"a(r#"b " c"#, d)"##), "a( , d)");
        assert_eq!(code(r#"a(b"c", '"', '\'', d)"#), "a(b ,  ,  , d)");
    }

    #[test]
    fn lifetimes_and_words_stay() {
        assert_eq!(code("fn f<'a>(bar: &'a str)"), "fn f<'a>(bar: &'a str)");
        assert_eq!(code("r#type + bar\"s\""), "r#type + bar ");
    }
}
