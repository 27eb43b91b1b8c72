//! Cuts a reading into words, once for everything that looks them up.

use std::ops::Range;

use super::tape::{Class, class, is_ascii_of};
use crate::letters::{
    bytes::{FNV_OFFSET, fnv_step},
    is_odd_double,
};

/// A run of letters, or of digits.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub span: Range<usize>,
    /// Of its bytes.
    pub hash: u64,
    pub digits: bool,
    /// Of ASCII alone.
    pub ascii: bool,
    /// One letter, perhaps repeated.
    pub single: bool,
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
        let (mut end, mut hash, mut before, mut doubled) = (start, FNV_OFFSET, 0, false);
        // Nearly every word is of ASCII, and nearly none has a letter twice in a row.
        while let Some(&byte) = bytes.get(end).filter(|byte| is_ascii_of(kind, **byte)) {
            hash = fnv_step(hash, byte);
            doubled |= byte == before;
            before = byte;
            end += 1;
        }
        let first = end;
        while end < bytes.len() {
            let (next, len) = class(text, end);
            if next != kind {
                break;
            }
            hash = bytes[end..end + len].iter().copied().fold(hash, fnv_step);
            end += len;
        }
        let (ascii, letters) = (first == end, kind == Class::Letter);
        let (single, repeats) = match ascii && !doubled {
            true => (end - start == 1, false),
            false => repeats(&text[start..end]),
        };
        let (single, repeats) = (letters && single, letters && repeats);
        Word { span: start..end, hash, digits: !letters, ascii, single, repeats }
    }
}

/// Whether a word is one letter, perhaps repeated, and whether one is repeated as in no word.
fn repeats(word: &str) -> (bool, bool) {
    let (mut before, mut runs, mut count, mut odd) = (' ', 0, 0, false);
    for c in word.chars() {
        if c == before {
            count += 1;
            odd |= count > 2 || is_odd_double(c);
        } else {
            (before, count) = (c, 1);
            runs += 1;
        }
    }
    (runs == 1, odd)
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
                assert_eq!(word.ascii, own.is_ascii(), "{own}");
                (own, word.digits, word.single, word.repeats)
            })
            .collect();
        let expected = [
            ("so", false, false, false),
            ("bl", false, false, false),
            ("0", true, false, false),
            ("orp", false, false, false),
            ("l", false, true, false),
            ("été", false, false, false),
            ("haaa", false, false, true),
            ("777", true, false, false),
        ];
        assert_eq!(read, expected);
        assert!(words("... !?").is_empty() && words("").is_empty());
    }
}
