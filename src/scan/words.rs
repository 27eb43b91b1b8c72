//! Cuts a reading into words, once for everything that looks them up.

use std::ops::Range;

use super::tape::{Class, class, strokes};
use crate::letters::{
    bytes::{FNV_OFFSET, fnv_step},
    is_odd_double,
};

/// A run of letters, or of digits.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub span: Range<usize>,
    pub digits: bool,
    /// Of its bytes, and of its bytes where an i and an l are one letter.
    pub hash: u64,
    pub strokes: u64,
    /// A letter in it is repeated as in no word.
    pub repeats: bool,
}

pub(super) fn words(text: &str) -> Vec<Word> {
    let mut all = Vec::with_capacity(text.len() / 4);
    let mut at = 0;
    while at < text.len() {
        let (kind, len) = class(text, at);
        if kind == Class::Gap {
            at += len;
            continue;
        }
        let word = Word::read(text, at, kind);
        at = word.span.end;
        all.push(word);
    }
    all
}

impl Word {
    fn read(text: &str, start: usize, kind: Class) -> Word {
        let bytes = text.as_bytes();
        let (mut hash, mut alike, mut repeats) = (FNV_OFFSET, FNV_OFFSET, false);
        let (mut at, mut before, mut count) = (start, ' ', 0);
        while at < bytes.len() {
            let (next, len) = class(text, at);
            if next != kind {
                break;
            }
            let c = match len {
                1 => char::from(bytes[at]),
                _ => text[at..].chars().next().unwrap_or(' '),
            };
            count = if c == before { count + 1 } else { 1 };
            repeats |= count > 1 && (count > 2 || is_odd_double(c));
            before = c;
            for byte in &bytes[at..at + len] {
                hash = fnv_step(hash, *byte);
                alike = fnv_step(alike, strokes(*byte));
            }
            at += len;
        }
        let digits = kind == Class::Digit;
        Word { span: start..at, digits, hash, strokes: alike, repeats: repeats && !digits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::bytes::fnv;

    #[test]
    fn words_are_cut_and_hashed() {
        let text = "so bl0orp, l'été haaa 777";
        let read: Vec<_> = words(text)
            .into_iter()
            .map(|word| {
                let own = &text[word.span];
                assert_eq!(word.hash, fnv(own.as_bytes()), "{own}");
                assert_eq!(word.strokes, fnv(own.replace('l', "i").as_bytes()), "{own}");
                (own, word.digits, word.repeats)
            })
            .collect();
        let expected = [
            ("so", false, false),
            ("bl", false, false),
            ("0", true, false),
            ("orp", false, false),
            ("l", false, false),
            ("été", false, false),
            ("haaa", false, true),
            ("777", true, false),
        ];
        assert_eq!(read, expected);
        assert!(words("... !?").is_empty() && words("").is_empty());
    }
}
