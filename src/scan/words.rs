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
    /// The reading that this one was made from does not say it.
    pub fresh: bool,
}

/// A place in a reading, and what it became in another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub from: Range<usize>,
    pub to: Range<usize>,
}

pub(super) fn words(text: &str) -> Vec<Word> {
    let mut all = Vec::with_capacity(text.len() / 5 + 1);
    cut(text, 0, &mut all);
    all
}

/// The words of a reading that was made from another one, of which the words are known: cut anew
/// where it differs, with the words that touch such a place.
pub(super) fn recut(text: &str, known: &[Word], changes: &[Change]) -> Vec<Word> {
    let mut all: Vec<Word> = Vec::with_capacity(known.len() + changes.len());
    let mut rest = known;
    let mut moved = 0_isize;
    for (nth, Change { from, to }) in changes.iter().enumerate() {
        let near = rest.partition_point(|word| word.span.end < from.start);
        copy(&rest[..near], moved, &mut all);
        rest = &rest[near..];
        rest = &rest[rest.partition_point(|word| word.span.start <= from.end)..];
        moved = to.end as isize - from.end as isize;
        let next = rest.first().map_or(usize::MAX, |word| word.span.start);
        if changes.get(nth + 1).is_some_and(|change| change.from.start <= next) {
            continue;
        }
        let start = all.last().map_or(0, |word| word.span.end);
        let end = next.saturating_add_signed(moved).min(text.len());
        cut(&text[..end], start, &mut all);
    }
    copy(rest, moved, &mut all);
    all
}

fn copy(known: &[Word], moved: isize, all: &mut Vec<Word>) {
    let place = |at: usize| at.saturating_add_signed(moved);
    all.extend(known.iter().map(|word| Word {
        span: place(word.span.start)..place(word.span.end),
        fresh: false,
        ..*word
    }));
}

/// Where a reading differs from the one it was made from, by what stands between spaces.
pub(super) fn changes(text: &str, from: &str) -> Vec<Change> {
    let (here, there) = (text.as_bytes(), from.as_bytes());
    let mut found = Vec::new();
    let (mut to, mut from) = (0, 0);
    loop {
        let (new, old) = (&here[to..], &there[from..]);
        let Some(at) = new.iter().zip(old).position(|(new, old)| new != old) else { break };
        let start = new[..at].iter().rposition(|byte| *byte == b' ').map_or(0, |at| at + 1);
        let end = |bytes: &[u8]| {
            bytes[at..].iter().position(|byte| *byte == b' ').map_or(bytes.len(), |len| at + len)
        };
        let (new, old) = (end(new), end(old));
        found.push(Change { from: from + start..from + old, to: to + start..to + new });
        (to, from) = (to + new, from + old);
    }
    if here.len() - to != there.len() - from {
        found.push(Change { from: from..there.len(), to: to..here.len() });
    }
    found
}

/// Adds the words from `at` on.
fn cut(text: &str, mut at: usize, all: &mut Vec<Word>) {
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
        Word { span: start..end, hash, digits: !letters, ascii, single, repeats, fresh: true }
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

    #[test]
    fn a_reading_is_cut_where_it_differs() {
        for (from, text, fresh) in [
            ("so bl0rp it", "so blorp it", "blorp"),
            ("so blorp it", "so blorp it", ""),
            ("bl0rp", "blorp", "blorp"),
            ("so it (bl0rp)", "so it cblorp)", "cblorp"),
            ("|3 |3 . it", "b be (. it", "b be"),
            ("x (( $$ it", "x c sss it", "c sss"),
            ("b1 so é2 it2go x", "bi so éz it2go x", "bi éz"),
            ("u r so it", "you are so it", "you are"),
            ("so it", "so it then", "so it then"),
            ("so it then", "so", "so"),
            ("", "so", "so"),
            ("a b", "a", "a"),
        ] {
            let read = recut(text, &words(from), &changes(text, from));
            let told = |words: &[Word]| {
                words.iter().map(|word| (word.span.clone(), word.hash)).collect::<Vec<_>>()
            };
            assert_eq!(told(&read), told(&words(text)), "{from} {text}");
            let said = read.iter().filter(|word| word.fresh).map(|word| &text[word.span.clone()]);
            assert_eq!(said.collect::<Vec<_>>().join(" "), fresh, "{from} {text}");
        }
    }
}
