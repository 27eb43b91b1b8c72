//! Says whether a listed term may be taken for milder than it is listed.
//!
//! A model reads the whole message, so a sender could pad a slur with sweet words until the whole
//! reads as harmless. What is asked here is what padding cannot easily give: a short message, that
//! says the term as it is listed, among other words, to nobody.

use super::Seen;
use crate::{
    letters,
    message::{Category, Hit, ViewKind},
};

/// Nearly all chat is shorter, and so is a quotation with its protest; what is longer has room for
/// padding, and may be more than a model reads at once.
const WORDS_MAX: usize = 20;
/// The same for a text with few or no word breaks, or padded with pictures.
const CHARS_MAX: usize = 160;
/// A term alone, or nearly alone, is no quotation.
const WORDS_BESIDE_MIN: usize = 3;
/// Within so many words before and after a term, a word of address makes it an attack: `you are
/// such a …`, `… you`.
const BEFORE: usize = 3;
const AFTER: usize = 2;

/// Who is spoken to, English and French, without accents and case.
const ADDRESS: [&str; 23] = [
    "you",
    "your",
    "yours",
    "yourself",
    "yourselves",
    "u",
    "ur",
    "ya",
    "yall",
    "y'all",
    "thou",
    "tu",
    "toi",
    "te",
    "t",
    "ton",
    "ta",
    "tes",
    "tien",
    "tienne",
    "vous",
    "votre",
    "vos",
];

/// The lists in which a word may mean no harm. Threats, doxxing, extremism and self-harm are
/// what they say, and what has no head of its own is not the model's to judge.
const CATEGORIES: [Category; 4] =
    [Category::Hate, Category::Harassment, Category::Profanity, Category::Sexual];

/// Whether the message is one in which a term may be quoted: short, nothing in it disguised, and
/// nothing else in it that is never taken for milder.
pub(super) fn may_quote(seen: &Seen) -> bool {
    let text = &seen.message.text;
    text.chars().nth(CHARS_MAX).is_none()
        && words(text).nth(WORDS_MAX).is_none()
        && seen.hits.iter().all(|hit| is_mild(hit) && is_as_listed(text, hit))
}

/// Whether this term is among other words and said to nobody.
pub(super) fn is_quotable(seen: &Seen, hit: &Hit) -> bool {
    let text = &seen.message.text;
    let (Some(before), Some(after)) = (text.get(..hit.span.start), text.get(hit.span.end..)) else {
        return false;
    };
    let (before, after) = (letters::plain(before).0, letters::plain(after).0);
    let (before, after): (Vec<&str>, Vec<&str>) =
        (words(&before).collect(), words(&after).collect());
    before.len() + after.len() >= WORDS_BESIDE_MIN && !is_addressed(&before, &after)
}

/// Whether anybody is spoken to, anywhere in a text without accents and case.
pub(super) fn is_said_to_somebody(text: &str) -> bool {
    words(text).any(addresses)
}

/// Whether the words around a term speak to somebody.
fn is_addressed(before: &[&str], after: &[&str]) -> bool {
    let addresses = |word: &&str| addresses(word);
    before.iter().rev().take(BEFORE).any(addresses) || after.iter().take(AFTER).any(addresses)
}

pub(super) fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '@' | '_');
    let words = text.split(move |c: char| !inside(c));
    words.filter(|word| word.contains(char::is_alphanumeric))
}

/// `you`, `you're`, `t'es`, `@somebody`.
fn addresses(word: &str) -> bool {
    let word = word.trim_matches('\'');
    let stem = word.split('\'').next().unwrap_or(word);
    word.contains('@') || ADDRESS.contains(&word) || ADDRESS.contains(&stem)
}

fn is_mild(hit: &Hit) -> bool {
    let level_max = if hit.category == Category::Hate { 4 } else { 3 };
    has_innocent_uses(hit) && hit.severity.level() <= level_max
}

pub(super) fn has_innocent_uses(hit: &Hit) -> bool {
    CATEGORIES.contains(&hit.category)
}

/// Written as the list has it but for case and left-out accents: no disguise at all, not even one
/// that every reading undoes, for the model may not undo it.
fn is_as_listed(text: &str, hit: &Hit) -> bool {
    if hit.view != ViewKind::Plain {
        return false;
    }
    let said = text.get(hit.span.clone()).unwrap_or_default().to_lowercase();
    let term = hit.term.to_lowercase();
    let mut listed = term.chars();
    let same = said.chars().all(|said| listed.next().is_some_and(|own| is_letter(said, own)));
    same && listed.next().is_none() && !said.is_empty()
}

fn is_letter(said: char, listed: char) -> bool {
    let bare = || letters::plain(listed.encode_utf8(&mut [0; 4])).0;
    said == listed || bare().chars().eq([said])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_address_are_known_in_two_languages() {
        for (text, expected) in [
            ("you", true),
            ("you're", true),
            ("'you'", true),
            ("u", true),
            ("t'es", true),
            ("vous", true),
            ("@ana", true),
            ("youth", false),
            ("can't", false),
            ("they", false),
            ("tout", false),
        ] {
            assert_eq!(words(text).any(addresses), expected, "{text}");
        }
    }

    #[test]
    fn only_case_and_left_out_accents_are_as_listed() {
        let hit = |span, term: &str| Hit {
            span,
            category: Category::Hate,
            severity: crate::message::Severity::new(3).expect("3 is a severity"),
            view: ViewKind::Plain,
            term: term.into(),
            list: "xx/hate".into(),
        };
        for (text, term, expected) in [
            ("blorp", "blorp", true),
            ("BLORP", "blorp", true),
            ("gremlo", "grémlo", true),
            ("grémlo", "grémlo", true),
            ("blörp", "blorp", false),
            ("bl\u{200b}orp", "blorp", false),
            ("ｂｌｏｒｐ", "blorp", false),
            ("go, blorp", "go blorp", false),
            ("blor", "blorp", false),
        ] {
            assert_eq!(is_as_listed(text, &hit(0..text.len(), term)), expected, "{text} {term}");
        }
    }
}
