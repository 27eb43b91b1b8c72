//! Reads a keyword with wildcards at the edges of its words as a term of a word list.

use super::report::Difference;
use crate::{letters, scan::MatchMode};

pub(super) struct Keyword {
    pub mode: MatchMode,
    pub text: String,
    pub differences: Vec<Difference>,
}

/// One word with its wildcards taken off.
struct Part<'a> {
    open_before: bool,
    text: &'a str,
    open_after: bool,
}

/// `cat*`, `*cat`, `*cat*`, `cat`, `bad cat*` and their like; a `*` elsewhere stands for itself.
///
/// # Errors
/// Why it cannot be a term.
pub(super) fn read(keyword: &str) -> Result<Keyword, String> {
    let parts: Vec<Part> = keyword.split_whitespace().map(part).collect();
    let Some((first, last)) = parts.first().zip(parts.last()) else {
        return Err("empty".to_owned());
    };
    if parts.iter().any(|part| part.text.is_empty()) {
        return Err("a wildcard alone matches everything".to_owned());
    }
    let mut differences = Vec::new();
    if parts.iter().any(|part| part.text.contains('*')) {
        differences.push(Difference::InnerStar);
    }
    let bare: Vec<&str> = parts.iter().map(|part| part.text).collect();
    let bare = bare.join(" ");
    let inner = parts.iter().skip(1).any(|part| part.open_before)
        || parts.iter().rev().skip(1).any(|part| part.open_after);
    if !bare.chars().any(char::is_alphanumeric) {
        differences.push(Difference::Signs);
        return Ok(Keyword { mode: MatchMode::Regex, text: pattern(&parts)?, differences });
    }
    let mode = match (first.open_before, last.open_after) {
        _ if inner => MatchMode::Regex,
        (true, false) => MatchMode::Regex,
        (true, true) => MatchMode::Substring,
        (false, true) => MatchMode::Prefix,
        (false, false) if parts.len() > 1 => MatchMode::Phrase,
        (false, false) => MatchMode::Word,
    };
    differences.push(match mode {
        MatchMode::Regex => Difference::EndOfWord,
        MatchMode::Substring => Difference::Anywhere,
        MatchMode::Prefix => Difference::Start,
        _ => Difference::WholeWord,
    });
    let text = if mode == MatchMode::Regex { pattern(&parts)? } else { bare };
    Ok(Keyword { mode, text, differences })
}

fn part(word: &str) -> Part<'_> {
    let text = word.trim_start_matches('*');
    let bare = text.trim_end_matches('*');
    Part { open_before: text.len() < word.len(), text: bare, open_after: bare.len() < text.len() }
}

/// The same as a regular expression, in the spelling of the plain reading.
fn pattern(parts: &[Part]) -> Result<String, String> {
    let mut words = Vec::new();
    for part in parts {
        let plain = letters::plain(part.text).0;
        if plain.trim().is_empty() {
            return Err("nothing that can be seen".to_owned());
        }
        // A sign has no edge at which a word could begin or end.
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let before = match (part.open_before, is_word(plain.chars().next())) {
            (true, _) => r"\w*",
            (false, true) => r"\b",
            (false, false) => "",
        };
        let after = match (part.open_after, is_word(plain.chars().next_back())) {
            (true, _) => r"\w*",
            (false, true) => r"\b",
            (false, false) => "",
        };
        words.push(format!("{before}{}{after}", regex::escape(&plain)));
    }
    Ok(words.join(r"\W+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_become_modes() {
        use MatchMode::{Phrase, Prefix, Regex, Substring, Word};
        for (keyword, mode, text) in [
            ("blorp", Word, "blorp"),
            ("  blorp ", Word, "blorp"),
            ("blorp*", Prefix, "blorp"),
            ("*blorp*", Substring, "blorp"),
            ("*blorp", Regex, r"\w*blorp\b"),
            ("*blörp", Regex, r"\w*blorp\b"),
            ("bad blorp", Phrase, "bad blorp"),
            ("bad  blorp*", Prefix, "bad blorp"),
            ("*bad blorp*", Substring, "bad blorp"),
            ("bad* blorp", Regex, r"\bbad\w*\W+\bblorp\b"),
            ("*bad blorp", Regex, r"\w*bad\b\W+\bblorp\b"),
            ("b*orp", Word, "b*orp"),
            ("blorp?*", Prefix, "blorp?"),
            ("🦎", Regex, "🦎"),
            ("*(*", Regex, r"\w*\(\w*"),
        ] {
            let read = read(keyword).expect("the keyword can be listed");
            assert_eq!((read.mode, read.text.as_str()), (mode, text), "{keyword}");
        }
        for keyword in ["", "  ", "*", "**", "* blorp", "\u{200b}"] {
            assert!(read(keyword).is_err(), "{keyword:?}");
        }
    }
}
