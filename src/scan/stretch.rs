//! Tells a stretched word from another word with the same letters.

use std::ops::Range;

use crate::{letters::is_odd_double, message::View};

/// From here on a repeat is no spelling but stress.
const STRETCH_MIN: usize = 3;
/// A shorter word with one letter doubled is more often another word.
const DOUBLED_LETTERS_MIN: usize = 4;

/// A term with each repeated letter once.
pub(super) fn collapsed(term: &str) -> String {
    let mut short = String::with_capacity(term.len());
    for c in term.chars() {
        if !(c.is_alphabetic() && short.ends_with(c)) {
            short.push(c);
        }
    }
    short
}

/// A place between two letters: before a run of equal letters, or inside it.
pub(super) fn place(run: usize, inside: bool) -> u32 {
    2 * run as u32 + u32::from(inside)
}

/// The places in the letters of a term where one of its words ends and the next begins.
pub(super) fn breaks(words: &[String]) -> Box<[u32]> {
    let mut breaks = Vec::with_capacity(words.len().saturating_sub(1));
    let (mut runs, mut before) = (0_usize, None);
    for (index, word) in words.iter().enumerate() {
        for (nth, c) in word.chars().enumerate() {
            let same = before == Some(c) && c.is_alphabetic();
            if index > 0 && nth == 0 {
                breaks.push(if same { place(runs - 1, true) } else { place(runs, false) });
            }
            runs += usize::from(!same);
            before = Some(c);
        }
    }
    breaks.into()
}

/// The letters of a reading, and which of them were signs that may be another letter as well.
pub(super) struct Letters<'a> {
    pub base: &'a View,
    /// The reading that `base` was made from; the same where nothing was folded.
    pub plain: &'a View,
}

impl Letters<'_> {
    pub fn text(&self) -> &str {
        &self.base.text
    }

    /// Whether the letters in `span` spell the term.
    pub fn are(&self, term: &str, span: Range<usize>) -> bool {
        let text = &self.base.text[span.clone()];
        let seen = text.char_indices().filter(|(_, c)| c.is_alphanumeric());
        let mut listed = term.chars();
        let same = seen.into_iter().all(|(at, there)| {
            listed.next().is_some_and(|own| self.reads(own, there, span.start + at))
        });
        same && listed.next().is_none()
    }

    /// Whether the letters in `span` spell the term, stretched or not.
    pub fn are_stretched(&self, term: &str, span: Range<usize>) -> bool {
        let Some(text) = self.base.text.get(span.clone()) else { return false };
        let long = term.chars().count() >= DOUBLED_LETTERS_MIN;
        let mut listed = runs(term);
        let mut seen = runs(text);
        loop {
            match (listed.next(), seen.next()) {
                (None, None) => return true,
                (Some((own, wanted, _)), Some((there, count, at)))
                    if self.reads(own, there, span.start + at) =>
                {
                    let stretched = count >= STRETCH_MIN && count > wanted;
                    let doubled = count == 2 && wanted == 1 && long && is_odd_double(own);
                    if count != wanted && !stretched && !doubled {
                        return false;
                    }
                }
                _ => return false,
            }
        }
    }

    /// Whether the letter at `at` may be read as this one: a stroke is an i as well as an l.
    fn reads(&self, own: char, there: char, at: usize) -> bool {
        own == there || (matches!(own, 'i' | 'l') && matches!(there, 'i' | 'l') && self.is_sign(at))
    }

    /// Whether the letters in `span` are those of English and French, and not a number and its
    /// unit: `ä`, `ö` and `ü` are of other languages.
    pub fn are_ours(&self, span: Range<usize>) -> bool {
        let (first, last) = (span.start, span.end - 1);
        let inside = |at: usize| at > first && at < last;
        span.into_iter().all(|at| {
            let Some(origin) = self.base.origin.get(at) else { return false };
            let there = self.before_folding(at);
            let accented = origin.1 - origin.0 > 1 && !self.is_sign(at);
            let ours = !accented || matches!(self.base.text.as_bytes()[at], b'e' | b'c' | b'i');
            ours && there.is_some_and(|b| b.is_ascii() && (inside(at) || !b.is_ascii_digit()))
        })
    }

    /// The first byte of what the byte at `at` was before it was folded.
    fn before_folding(&self, at: usize) -> Option<u8> {
        let (from, places) = (self.base.origin.get(at)?.0, &self.plain.origin);
        let begins = |at: usize| at == 0 || places[at - 1].0 < from;
        // Mostly nothing before it was folded to another length.
        let here = places.get(at).is_some_and(|place| place.0 == from) && begins(at);
        let at = if here { at } else { places.partition_point(|place| place.0 < from) };
        self.plain.text.as_bytes().get(at).copied()
    }

    fn is_sign(&self, at: usize) -> bool {
        self.before_folding(at).is_some_and(|byte| !byte.is_ascii_alphabetic())
    }
}

/// Each letter with how often it is repeated, over gaps too, and where it stands.
fn runs(text: &str) -> impl Iterator<Item = (char, usize, usize)> {
    let mut chars = text.char_indices().filter(|(_, c)| c.is_alphanumeric()).peekable();
    std::iter::from_fn(move || {
        let (at, c) = chars.next()?;
        let mut count = 1;
        while c.is_alphabetic() && chars.next_if(|(_, next)| *next == c).is_some() {
            count += 1;
        }
        Some((c, count, at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ViewKind;

    #[test]
    fn a_stretched_word_is_not_another_word() {
        let check = |term: &str, text: &str, expected: bool| {
            let origin = (0..text.len() as u32).map(|at| (at, at + 1)).collect();
            let view = View { kind: ViewKind::Plain, text: text.to_owned(), origin };
            let letters = Letters { base: &view, plain: &view };
            assert_eq!(letters.are_stretched(term, 0..text.len()), expected, "{term} {text}");
        };
        check("blorp", "bloooorp", true);
        check("blorp", "b.l.o.r.p", true);
        check("blorp", "blurp", false);
        check("blorp", "bloorp", false);
        check("blirp", "bliirp", true);
        check("grem", "gremm", false);
        check("glitt", "glit", false);
        check("glitt", "glittttt", true);
        check("glitt", "glit t", true);
        check("vib", "viib", false);
        check("blip", "bllp", false);
    }

    #[test]
    fn collapses_letters_only() {
        for (term, expected) in [("blorpp", "blorp"), ("oort", "ort"), ("1488", "1488")] {
            assert_eq!(collapsed(term), expected);
        }
    }

    #[test]
    fn words_break_before_or_inside_a_run() {
        let check = |words: &[&str], expected: &[u32]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(*breaks(&words), *expected, "{words:?}");
        };
        check(&["blorp"], &[]);
        check(&["go", "blorp"], &[place(2, false)]);
        check(&["blorp", "pit"], &[place(4, true)]);
        check(&["1", "1"], &[place(1, false)]);
    }
}
