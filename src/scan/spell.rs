//! Says how words are misspelt: swapped and dropped letters, other letters for one sound, masks.
//!
//! All words here are ASCII letters in lower case.

use std::ops::Range;

use super::pieces::{Piece, is_mask, is_strong};

/// Of a word without its vowels, so many letters must be left.
const BONES_MIN: usize = 4;
/// Of a word that lost or won a letter.
const WHOLE_LETTERS_MIN: usize = 5;
/// Fewer letters fit anything.
const LEFT_LETTERS_MIN: usize = 2;
const WEAK_LETTERS_MIN: usize = 3;
/// A word of fewer letters is too near to others with another vowel.
const REVOWELLED_LETTERS_MIN: usize = 6;

pub(super) fn is_vowel(c: u8) -> bool {
    matches!(c, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

/// The letters of a word in order.
pub(super) fn sorted(word: &str) -> Vec<u8> {
    let mut letters = word.as_bytes().to_vec();
    letters.sort_unstable();
    letters
}

/// Whether two words differ in one pair of neighbours that changed places.
pub(super) fn is_swapped(said: &str, word: &str) -> bool {
    let (said, word) = (said.as_bytes(), word.as_bytes());
    let Some(at) = said.iter().zip(word).position(|(a, b)| a != b) else { return false };
    let swapped = said.get(at + 1) == word.get(at) && said.get(at) == word.get(at + 1);
    swapped && said.get(at + 2..) == word.get(at + 2..)
}

/// One spelling for what is said alike, English and French.
pub(super) fn sound(word: &str) -> String {
    let mut sound = String::with_capacity(word.len());
    let mut last = b' ';
    let mut push = |letter: u8| {
        if letter != last {
            sound.push(char::from(letter));
            last = letter;
        }
    };
    let mut rest = word.as_bytes();
    while let [letter, after @ ..] = rest {
        let (one, len) = match rest {
            [b'e', b'a', b'u', ..] => (b'o', 3),
            [b'a', b'u', ..] => (b'o', 2),
            [b'e', b'e' | b'a', ..] => (b'i', 2),
            [b'o', b'o' | b'u', ..] => (b'u', 2),
            [b'p', b'h', ..] => (b'f', 2),
            [b'c', b'k', ..] | [b'q', b'u', ..] => (b'k', 2),
            [b's', b'h', ..] => (b'S', 2),
            [b'c', b'h', ..] => (b'C', 2),
            [b'k' | b'c', b's', ..] => (b'x', 2),
            // The vowel says how the c before it sounds, and nothing else any more.
            [b'c', vowel @ (b'e' | b'i'), ..] => {
                push(b's');
                (*vowel, 2)
            }
            [b'c' | b'q', ..] => (b'k', 1),
            [b'z', ..] => (b's', 1),
            [b'y', ..] => (b'i', 1),
            _ => (*letter, 1),
        };
        push(one);
        rest = &after[len - 1..];
    }
    // `-er` is often said and written as `-a`; a silent e ends many words.
    for (ending, said) in [("er", "a"), ("ers", "as"), ("ah", "a"), ("es", "s")] {
        if let Some(stem) = sound.strip_suffix(ending).filter(|stem| stem.len() >= 3) {
            return format!("{stem}{said}");
        }
    }
    match sound.strip_suffix('e') {
        Some(stem) if stem.len() >= 3 => stem.to_owned(),
        _ => sound,
    }
}

pub(super) fn sounds_like(said: &str, word: &str) -> bool {
    said.len().abs_diff(word.len()) <= 2 && sound(said) == sound(word)
}

/// A word's first letter and its consonants.
pub(super) fn bones(word: &str) -> impl Iterator<Item = u8> {
    let bones = word.bytes().enumerate().filter(|(at, byte)| *at == 0 || !is_vowel(*byte));
    bones.map(|(_, byte)| byte)
}

/// Whether a word is this one without some of its inner vowels.
pub(super) fn lost_vowels(said: &str, word: &str) -> bool {
    let mut left = said.bytes().peekable();
    let all = word.bytes().all(|own| left.next_if_eq(&own).is_some() || is_vowel(own));
    // A silent e may go too; another last vowel makes another word.
    let ends = said.as_bytes().last() == word.as_bytes().last() || word.ends_with('e');
    all && ends && left.peek().is_none() && said.len() < word.len() && said.len() >= BONES_MIN
}

/// The word without each of its letters in turn.
pub(super) fn without_one(word: &str, mut found: impl FnMut(&str)) {
    let mut shorter = String::with_capacity(word.len());
    for at in 0..word.len() {
        let (Some(before), Some(after)) = (word.get(..at), word.get(at + 1..)) else { continue };
        shorter.clear();
        shorter.push_str(before);
        shorter.push_str(after);
        found(&shorter);
    }
}

/// Whether a word is this one without one letter that is not its first.
pub(super) fn lost_one(said: &str, word: &str) -> bool {
    let mut same = false;
    without_one(word, |shorter| same |= shorter == said);
    same && word.len() >= WHOLE_LETTERS_MIN && said.as_bytes().first() == word.as_bytes().first()
}

/// Whether a word is this one with one letter more inside it; one behind it makes another word.
pub(super) fn won_one(said: &str, word: &str) -> bool {
    let ends = said.as_bytes().last() == word.as_bytes().last();
    ends && word.len() >= WHOLE_LETTERS_MIN && lost_one(word, said)
}

/// A word's letters as they are drawn, however often each is repeated: a capital i is an l, a q
/// that begins no `qui` is a g, and a v where no word has one is a u.
fn drawn(word: &str) -> impl Iterator<Item = u8> {
    let bytes = word.as_bytes();
    bytes.iter().enumerate().map(|(at, own)| match own {
        b'l' => b'i',
        b'q' if !begins_qui(&bytes[at..]) => b'g',
        b'v' if is_u(&bytes[..at], &bytes[at..]) => b'u',
        own => *own,
    })
}

fn begins_qui(rest: &[u8]) -> bool {
    let mut behind = rest.iter().skip_while(|letter| **letter == b'q').peekable();
    let has_u = behind.peek().is_some_and(|letter| matches!(letter, b'u' | b'v'));
    has_u
        && behind
            .find(|letter| !matches!(letter, b'u' | b'v'))
            .is_some_and(|letter| is_vowel(*letter) || *letter == b'l')
}

/// Whether no v stands here: behind most consonants, and before all; an l behind it may be an i
/// where no vowel stands before it.
fn is_u(before: &[u8], rest: &[u8]) -> bool {
    let other = |letter: &&u8| **letter != b'v';
    let last = before.iter().rev().find(other);
    let may_be_i = last.is_none_or(|letter| !is_vowel(*letter));
    let vowel = |letter: &u8| is_vowel(*letter) || may_be_i && *letter == b'l';
    last.is_some_and(|letter| b"bcfghjkmpqstwxz".contains(letter))
        || !rest.iter().find(other).is_some_and(vowel)
}

/// The same with each repeat once.
pub(super) fn outline(word: &str) -> impl Iterator<Item = u8> {
    let mut last = b' ';
    drawn(word).filter(move |letter| std::mem::replace(&mut last, *letter) != *letter)
}

/// Whether a word is drawn like this one, or like it with some letters repeated.
pub(super) fn is_drawn(said: &str, word: &str) -> bool {
    let (mut own, mut last) = (drawn(word).peekable(), b' ');
    let all = drawn(said).all(|letter| {
        let again = std::mem::replace(&mut last, letter) == letter;
        own.next_if_eq(&letter).is_some() || again
    });
    all && own.peek().is_none()
}

/// Whether two words differ in one vowel that is not their first letter, and are otherwise as
/// particular as a letter twice in a row makes them: shorter and simpler ones are names.
pub(super) fn is_revowelled(said: &str, word: &str) -> bool {
    let both = || said.bytes().zip(word.bytes());
    let mut differ = both().enumerate().filter(|(_, (said, own))| said != own);
    let inside = differ.next().is_some_and(|(at, _)| at > 0) && differ.next().is_none();
    let doubled = word.as_bytes().windows(2).any(|two| two[0] == two[1] && !is_vowel(two[0]));
    let particular = doubled && word.len() >= REVOWELLED_LETTERS_MIN;
    inside
        && particular
        && said.len() == word.len()
        && both().all(|(a, b)| a == b || is_vowel(a) && is_vowel(b))
}

/// Stands in a key for a letter that is masked.
const MASKED: u8 = b'*';

/// The keys under which a word is looked for where some of its letters are masked.
pub(super) fn masks(word: &[u8], mut found: impl FnMut([u8; 3])) {
    let (Some(first), Some(last)) = (word.first(), word.last()) else { return };
    for ends in [[*first, *last], [*first, MASKED], [MASKED, *last]] {
        found([ends[0], word.len() as u8, ends[1]]);
    }
}

/// A word with signs in the place of some letters.
pub(super) struct Mask<'a> {
    chunk: &'a [u8],
    pub key: [u8; 3],
    /// Signs that mask nothing as a rule: a dot, a dash.
    pub weak: bool,
    /// No more letters than signs are left, and those are at the beginning.
    pub stub: bool,
}

impl Mask<'_> {
    /// Reads a chunk of letters and signs; `None` where too few letters are left.
    pub fn read(chunk: &str) -> Option<Mask<'_>> {
        let bytes = chunk.as_bytes();
        let letters = bytes.iter().filter(|b| b.is_ascii_lowercase()).count();
        let signs = bytes.len() - letters;
        if signs == 0 || !bytes.iter().all(|b| b.is_ascii_lowercase() || is_mask(*b)) {
            return None;
        }
        let weak = bytes.iter().any(|b| b".-_!?+~^=".contains(b));
        let ends = [bytes.first()?, bytes.last()?].map(u8::is_ascii_lowercase);
        let blank = signs == 2 && chunk.contains("__");
        let stub = !weak && letters <= signs && bytes[..letters].iter().all(u8::is_ascii_lowercase);
        let enough = match (weak, ends) {
            (true, [true, true]) => (signs == 1 || blank) && letters >= WEAK_LETTERS_MIN,
            (true, _) => false,
            (false, [true, true]) => letters >= LEFT_LETTERS_MIN,
            (false, [false, false]) => false,
            (false, _) => letters >= WEAK_LETTERS_MIN && (letters > signs || stub),
        };
        let end = |byte: u8| if byte.is_ascii_lowercase() { byte } else { MASKED };
        let length = u8::try_from(bytes.len()).ok()?;
        let key = [end(*bytes.first()?), length, end(*bytes.last()?)];
        enough.then_some(Mask { chunk: bytes, key, weak, stub })
    }

    pub fn fits(&self, word: &str) -> bool {
        let same = |(said, own): (&u8, u8)| *said == own || is_mask(*said);
        self.chunk.len() == word.len() && self.chunk.iter().zip(word.bytes()).all(same)
    }
}

/// The letters, digits and masking signs around a place, without the punctuation behind them; with
/// signs of every kind, or with such alone as are no punctuation.
pub(super) fn chunk(text: &str, at: usize, weak: bool) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mask = |byte: u8| if weak { is_mask(byte) } else { is_strong(byte) };
    let inside = |byte: u8| mask(byte) || byte.is_ascii_lowercase();
    let near = 2 * super::guess::LETTERS_MAX;
    let mut start = at;
    while start > 0 && at - start <= near && inside(bytes[start - 1]) {
        start -= 1;
    }
    let mut end = at;
    while end < bytes.len() && end - at <= near && inside(bytes[end]) {
        end += 1;
    }
    let trim = |byte: u8| is_mask(byte) && !is_strong(byte);
    while start < end && trim(bytes[start]) {
        start += 1;
    }
    while end > start && trim(bytes[end - 1]) {
        end -= 1;
    }
    let masked = text.get(start..end)?.bytes().any(is_mask);
    // Stars around a word stress it.
    let stressed = start < end && bytes[start] == b'*' && bytes[end - 1] == b'*';
    (masked && !stressed && at < end).then_some(start..end)
}

/// `yourself` in two words, the first as chat writes it.
pub(super) fn self_in_two(text: &str, pieces: &[Piece]) -> Option<Range<usize>> {
    const YOUR: [&str; 8] = ["your", "ur", "yo", "ya", "you", "u", "yr", "yer"];
    let [first, second, ..] = pieces else { return None };
    let said = |piece: &Piece| &text[piece.span.clone()];
    let near = || &text[first.span.end..second.span.start] == " ";
    (matches!(said(second), "self" | "selves") && YOUR.contains(&said(first)) && near())
        .then_some(first.span.start..second.span.end)
}
