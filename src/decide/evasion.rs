//! Finds the means of evasion themselves: what honest writers of any language do not do.
//!
//! Cyrillic, Arabic with its joiners, emoji made of several, one fancy name: all of it is honest.
//! What counts is what only takes a Latin word apart: characters that nobody sees between its
//! letters, letters of two scripts in one word, heaps of marks, words spelt with pictures.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::{Heard, Policy, Rule, Seen};
use crate::{
    letters::lookalike::lookalike,
    message::{Category, Finding, Severity},
};

const USED: Severity = Severity::new(1).expect("1 is a severity");
/// It hid a listed word.
const HID: Severity = Severity::new(2).expect("2 is a severity");
/// One soft hyphen comes with copied text; several in a word do not.
const SOFT_HYPHENS_MIN: usize = 2;
/// No language puts so many marks on a Latin letter.
const MARKS_MIN: usize = 4;
/// Once is an ending.
const TURNS_MIN: usize = 2;
/// So many letters of one word in pictures are no flag and no pun.
const PICTURES_MIN: usize = 3;

pub(super) struct Evasion;

impl Rule for Evasion {
    fn name(&self) -> &'static str {
        "evasion"
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        // ASCII has nothing of what is looked for.
        if seen.message.text.is_ascii() {
            return;
        }
        let Some((span, why)) = means(&seen.message.text) else { return };
        // Who hides words of dying may be crying for help, and must reach a person.
        let pleads = seen.hits.iter().any(|hit| hit.category == Category::SelfHarm);
        let overlaps = |other: &Range<usize>| other.start < span.end && span.start < other.end;
        let hides = seen.hits.iter().any(|hit| overlaps(&hit.span));
        found.push(Finding {
            rule: self.name().to_owned(),
            category: Category::Spam,
            severity: if hides && !pleads { HID } else { USED },
            span: Some(span),
            why: why.to_owned(),
            shadow: policy.in_shadow(Category::Spam),
            scored: None,
        });
    }
}

/// The first word that is written by such means, and what they are.
fn means(text: &str) -> Option<(Range<usize>, &'static str)> {
    let mut at = 0;
    text.split_inclusive(char::is_whitespace).find_map(|word| {
        let start = at;
        at += word.len();
        let word = word.trim_end();
        Some((start..start + word.len(), why(word)?))
    })
}

fn why(word: &str) -> Option<&'static str> {
    match word {
        _ if word.is_ascii() => None,
        _ if is_hidden(word) => Some("characters that nobody sees, inside a word"),
        _ if is_piled(word) => Some("a heap of marks on letters"),
        _ if is_mixed(word) => Some("letters of several scripts in one word"),
        _ if is_drawn(word) => Some("a word spelt with pictures"),
        _ => None,
    }
}

/// Whether invisible characters stand between Latin letters.
fn is_hidden(word: &str) -> bool {
    let (mut soft, mut others) = (0, 0);
    let (mut before, mut between) = (false, 0);
    for c in word.chars() {
        match c {
            '\u{ad}' => soft += usize::from(before),
            '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2064}'
            | '\u{feff}'
            | '\u{34f}'
            | '\u{180e}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e01ef}' => {
                between += usize::from(before);
            }
            c => {
                let latin = c.is_ascii_alphabetic();
                others += if latin { between } else { 0 };
                (before, between) = (latin, 0);
            }
        }
    }
    others > 0 || soft >= SOFT_HYPHENS_MIN
}

fn is_piled(word: &str) -> bool {
    let (mut latin, mut marks) = (false, 0);
    word.chars().any(|c| {
        match is_combining_mark(c) {
            true => marks += 1,
            false => (latin, marks) = (c.is_ascii_alphabetic(), 0),
        }
        latin && marks >= MARKS_MIN
    })
}

/// Whether Latin letters and Greek or Cyrillic ones that look Latin take turns in one word; a name
/// in one script with an ending in another does so once: VKонтакте.
fn is_mixed(word: &str) -> bool {
    let (mut latin, mut turns) = (None, 0);
    for c in word.chars() {
        let small = c.to_lowercase().next().unwrap_or(c);
        let now = match c {
            c if c.is_ascii_alphabetic() => true,
            '\u{370}'..='\u{52f}' if lookalike(small).is_some() => false,
            // A letter that looks like none: the word is of that script, with a foreign part.
            '\u{370}'..='\u{52f}' => return false,
            _ => continue,
        };
        turns += usize::from(latin.is_some_and(|before| before != now));
        latin = Some(now);
    }
    turns >= TURNS_MIN
}

/// Whether boxed letters, or letters of flags that make no flag, spell a word.
fn is_drawn(word: &str) -> bool {
    let boxed = word.chars().filter(|c| matches!(c, '\u{1f130}'..='\u{1f189}')).count();
    let (mut run, mut odd) = (0, false);
    let unseen = |c: &char| matches!(c, '\u{200b}'..='\u{200d}' | '\u{fe0f}');
    for c in word.chars().filter(|c| !unseen(c)).chain([' ']) {
        match c {
            '\u{1f1e6}'..='\u{1f1ff}' => run += 1,
            _ => {
                odd |= run >= PICTURES_MIN && run % 2 == 1;
                run = 0;
            }
        }
    }
    boxed >= PICTURES_MIN || odd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evasion_is_seen_and_honest_writing_is_not() {
        let check = |text: &str, expected: Option<&str>| {
            let found = means(text).map(|(span, _)| &text[span]);
            assert_eq!(found, expected, "{text:?}");
        };
        check("so bl\u{200b}orp it", Some("bl\u{200b}orp"));
        check("so b\u{ad}lo\u{ad}rp it", Some("b\u{ad}lo\u{ad}rp"));
        check("so blоrp it", Some("blоrp"));
        check("ab\u{301}\u{302}\u{303}\u{304}", Some("ab\u{301}\u{302}\u{303}\u{304}"));
        check("🅱\u{fe0f}🅻🅾\u{fe0f}🆁🅿", Some("🅱\u{fe0f}🅻🅾\u{fe0f}🆁🅿"));
        check("🇧🇱🇴🇷🇵", Some("🇧🇱🇴🇷🇵"));
        for honest in [
            "",
            "hello there",
            "привет, как дела",
            "می\u{200c}خواهم",
            "👨\u{200d}👩\u{200d}👧 ok",
            "❤\u{fe0f} merci",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} gg",
            "🇫🇷🇬🇧 gg",
            "𝓙𝓾𝓵𝓲𝓮 said hi",
            "extra\u{ad}ordinary",
            "5 µm and 3 kΩ",
            "élève à l’école, e\u{301}te\u{301}",
            "tiếng Việt",
            "🆗 cool 🅰",
            "VKонтакте",
        ] {
            check(honest, None);
        }
    }
}
