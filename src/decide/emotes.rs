//! Tells the names of emotes from words.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
    sync::LazyLock,
};

use crate::{
    letters::bytes::FnvBuild,
    message::{Hit, Severity},
};

/// What viewers everywhere know.
static EVERYWHERE: LazyLock<HashSet<&'static str, FnvBuild>> = LazyLock::new(|| {
    let lines = include_str!("../../wordlists/emotes.list").lines();
    lines.filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect()
});

/// From here on a guess does not count: who spells it like an emote means the word.
const GUESSED_MAX: Severity = Severity::new(2).expect("2 is a severity");

/// The longest name of an emote, in the longest form in which a platform writes it.
const NAME_CHARS_MAX: usize = 120;

/// How sure it is that a token is an emote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    /// It has the shape of a name: `ninjaHype`, `FeelsOddMan`, `[emote:37226:name]`.
    Guessed,
    /// The channel's list or everybody's has it.
    Known,
}

/// Whether a token is an emote; `own` are the channel's.
pub(super) fn emote(token: &str, own: &BTreeSet<String>) -> Option<Sure> {
    if EVERYWHERE.contains(token) || own.contains(token) {
        return Some(Sure::Known);
    }
    (is_marked(token) || is_camel(token)).then_some(Sure::Guessed)
}

/// `[emote:37226:name]` as one platform writes a token that it shows as a picture. Anybody can type
/// it, and elsewhere it is shown as it stands, so it is a guess.
fn is_marked(token: &str) -> bool {
    let inside = token.strip_prefix("[emote:").and_then(|rest| rest.strip_suffix(']'));
    inside.and_then(|inside| inside.split_once(':')).is_some_and(|(id, name)| {
        let name_like = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && name.chars().all(name_like)
    })
}

/// One word with capitals inside and small letters too, or `:shortcode:`.
fn is_camel(token: &str) -> bool {
    let short = token.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    if short.is_some_and(|name| name.len() > 1 && name.chars().all(is_name)) {
        return true;
    }
    let mut small_before = false;
    let mut capital_inside = false;
    for c in token.chars() {
        if !c.is_ascii_alphanumeric() {
            return false;
        }
        capital_inside |= small_before && c.is_ascii_uppercase();
        small_before = c.is_ascii_lowercase();
    }
    capital_inside && token.len() >= 5
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Whether a listed term was found in nothing but the name of an emote.
pub(super) fn acquits(text: &str, hit: &Hit, own: &BTreeSet<String>) -> bool {
    let Some(token) = token_around(text, &hit.span) else { return false };
    match emote(&text[token.clone()], own) {
        Some(Sure::Known) => true,
        // A word that begins and ends where the capitals say is a word that was meant.
        Some(Sure::Guessed) => {
            hit.severity <= GUESSED_MAX
                && !is_part(&text[token.clone()], &{
                    hit.span.start - token.start..hit.span.end - token.start
                })
        }
        None => false,
    }
}

/// The token that holds a span; a span over several has none.
fn token_around(text: &str, span: &Range<usize>) -> Option<Range<usize>> {
    let inside = text.get(span.clone()).filter(|inside| !inside.is_empty())?;
    if inside.contains(char::is_whitespace) {
        return None;
    }
    let before = text[..span.start].char_indices().rev().take(NAME_CHARS_MAX + 1);
    let before = before.take_while(|(_, c)| !c.is_whitespace()).map(|(at, _)| at);
    let start = before.last().unwrap_or(span.start);
    let after = text[span.end..].char_indices().take(NAME_CHARS_MAX + 1);
    let after = after.take_while(|(_, c)| !c.is_whitespace());
    let end = after.map(|(at, c)| span.end + at + c.len_utf8()).last().unwrap_or(span.end);
    // Nothing longer is a name, and a long token is not to be walked for each term in it.
    if end - start > NAME_CHARS_MAX {
        return None;
    }
    Some(start..end)
}

fn is_part(token: &str, span: &Range<usize>) -> bool {
    let bytes = token.as_bytes();
    let edge = |at: usize| {
        let (before, after) = (at.checked_sub(1).and_then(|at| bytes.get(at)), bytes.get(at));
        match (before, after) {
            (Some(before), Some(after)) => {
                !before.is_ascii_alphanumeric()
                    || !after.is_ascii_alphanumeric()
                    || before.is_ascii_uppercase() != after.is_ascii_uppercase()
            }
            _ => true,
        }
    };
    edge(span.start) && edge(span.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Category, ViewKind};

    #[test]
    fn names_are_told_from_words() {
        let own = ["blorpHYPE", "GREMLO"].map(String::from).into();
        for (token, expected) in [
            ("Kappa", Some(Sure::Known)),
            ("kappa", None),
            ("GREMLO", Some(Sure::Known)),
            ("[emote:123:blorp]", Some(Sure::Guessed)),
            ("[emote:x:blorp]", None),
            ("[emote:1:so it]", None),
            (":blorp:", Some(Sure::Guessed)),
            ("ninjaHype", Some(Sure::Guessed)),
            ("FeelsOddMan", Some(Sure::Guessed)),
            ("HELLO", None),
            ("Hello", None),
            ("hello", None),
            ("McDo", None),
            ("", None),
        ] {
            assert_eq!(emote(token, &own), expected, "{token}");
        }
    }

    #[test]
    fn a_term_in_a_name_was_not_said() {
        let own = BTreeSet::from(["ablorpHYPE".to_owned()]);
        for (text, found, level, expected) in [
            ("so ablorpHYPE it", "blorp", 4, true),
            ("so ablorpHYPE", "ablorpHYPE", 2, true),
            ("so ablorp it", "blorp", 1, false),
            ("xxblorpzzHype", "blorp", 2, true),
            ("xxblorpzzHype", "blorp", 3, false),
            ("BlorpOff", "Blorp", 1, false),
            ("ablorpHYPE ablorpHYPE", "HYPE ablorp", 1, false),
        ] {
            let start = text.find(found).expect(text);
            let hit = Hit {
                span: start..start + found.len(),
                category: Category::Profanity,
                severity: Severity::new(level).expect("a severity"),
                view: ViewKind::Plain,
                term: "blorp".into(),
                list: "xx/profanity".into(),
            };
            assert_eq!(acquits(text, &hit, &own), expected, "{text} {level}");
        }
    }
}
