//! Cuts a reading into runs of letters and tells the odd ones from words.

use std::ops::Range;

use super::tape::{Class, class};
use crate::letters::{
    bytes::ByteSet,
    is_odd_double,
    ordinary::{Known, known},
};

/// A run of letters, or of digits.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub span: Range<usize>,
    /// One letter, perhaps repeated.
    pub single: bool,
    /// Two letters or more that are no word that people use.
    pub odd: bool,
    /// A letter that may be a word: `a`, `y`, `d'`.
    pub word: bool,
    /// A sign beside it may stand for a letter.
    pub masked: bool,
    /// What it is short for.
    pub short: Option<&'static str>,
}

/// The pieces of a reading, and which looks beyond the literal one they ask for.
pub(super) struct Pieces {
    pub all: Vec<Piece>,
    /// An odd piece, a repeat, a word taken apart.
    pub loose: bool,
    /// Something that a guess could be made of.
    pub guess: bool,
}

/// So many letters on their own spell a word.
pub(super) const SPELT_MIN: usize = 3;

pub(super) fn pieces(text: &str) -> Pieces {
    let mut found = Pieces { all: Vec::new(), loose: false, guess: false };
    let bytes = text.as_bytes();
    let mut alone = 0;
    let mut at = 0;
    while at < text.len() {
        let (kind, len) = class(text, at);
        if kind == Class::Gap {
            at += len;
            continue;
        }
        let (end, repeats) = run(text, at, kind);
        let piece = piece(text, at..end, kind);
        alone = if piece.single { alone + 1 } else { 0 };
        // A sign between two runs of letters breaks a word, or joins two.
        let gap = &bytes[found.all.last().map_or(at, |before| before.span.end)..at];
        let glued = !gap.is_empty() && !gap.contains(&b' ');
        found.loose |= repeats || piece.odd || alone >= SPELT_MIN || glued;
        found.guess |= piece.odd || piece.short.is_some() || piece.masked;
        found.all.push(piece);
        at = end;
    }
    found
}

/// The end of the run that starts here, and whether a letter in it is repeated as in no word.
fn run(text: &str, start: usize, kind: Class) -> (usize, bool) {
    let mut repeats = false;
    let (mut at, mut before, mut count) = (start, ' ', 0);
    while at < text.len() {
        let (next, len) = class(text, at);
        if next != kind {
            break;
        }
        let c = match len {
            1 => char::from(text.as_bytes()[at]),
            _ => text[at..].chars().next().unwrap_or(' '),
        };
        count = if c == before { count + 1 } else { 1 };
        let odd = count > 1 && (count > 2 || is_odd_double(c));
        repeats |= odd && kind == Class::Letter;
        before = c;
        at += len;
    }
    (at, repeats)
}

fn piece(text: &str, span: Range<usize>, kind: Class) -> Piece {
    let letters = &text[span.clone()];
    let first = letters.chars().next().unwrap_or(' ');
    let single = kind == Class::Letter && letters.chars().all(|c| c == first);
    let known = known(letters);
    let apostrophe = text[..span.start].ends_with('\'') || text[span.end..].starts_with('\'');
    let latin = || letters.bytes().all(|b| b.is_ascii_lowercase());
    Piece {
        single,
        masked: is_masked(text.as_bytes(), &span),
        odd: !single && kind == Class::Letter && known.is_none() && latin(),
        word: !single || is_word(first) || apostrophe,
        short: match known {
            Some(Known::Short(long)) => Some(long),
            _ => None,
        },
        span,
    }
}

/// Whether a sign beside these letters may stand for another: one that is no punctuation, or one
/// with a letter behind it.
fn is_masked(bytes: &[u8], span: &Range<usize>) -> bool {
    let at = |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
    let sides = [
        (at(span.start.checked_sub(1)), at(span.start.checked_sub(2))),
        (at(Some(span.end)), at(Some(span.end + 1))),
    ];
    sides.into_iter().any(|(sign, beyond)| {
        let inside = beyond.is_ascii_lowercase() || is_mask(beyond);
        is_mask(sign) && (is_strong(sign) || inside)
    })
}

/// Masking signs that are no punctuation.
pub(super) fn is_strong(byte: u8) -> bool {
    const STRONG: ByteSet = ByteSet::of(b"*#%&$@");
    STRONG.has(byte)
}

/// Whether a letter is a word in French, English or chat.
fn is_word(letter: char) -> bool {
    matches!(letter, 'a' | 'i' | 'o' | 'u' | 'y')
}

/// Signs that people write in the place of a letter.
pub(super) fn is_mask(byte: u8) -> bool {
    const MASKS: ByteSet = ByteSet::of(b"*#%_-.!?&$@+~^=");
    MASKS.has(byte)
}
