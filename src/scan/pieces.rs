//! Tells the odd ones among the words of a reading.

use std::ops::Range;

use super::words::Word;
use crate::letters::{
    bytes::ByteSet,
    ordinary::{Known, known_by},
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
    /// It is short for other words.
    pub short: bool,
}

/// The pieces of a reading, and which looks beyond the literal one they ask for.
pub(super) struct Pieces {
    pub all: Vec<Piece>,
    /// Some piece is odd, or of letters of which nobody knows.
    pub odd: bool,
    /// An odd piece, a repeat, a word taken apart.
    pub loose: bool,
    /// Something that a guess could be made of.
    pub guess: bool,
    /// A digit that stands alone.
    pub digit: bool,
}

/// So many letters on their own spell a word.
pub(super) const SPELT_MIN: usize = 3;

pub(super) fn pieces(text: &str, words: &[Word]) -> Pieces {
    let all = Vec::with_capacity(words.len());
    let mut found = Pieces { all, odd: false, loose: false, guess: false, digit: false };
    let (mut alone, mut before, mut contracted): (_, Option<&Word>, _) = (0, None, false);
    for word in words {
        let piece = piece(text, word);
        alone = if piece.single { alone + 1 } else { 0 };
        let glue = before.map_or(Glue::None, |before| Glue::between(text, before, word));
        // Two contractions in a row are none.
        let glued = glue == Glue::Sign || contracted && glue == Glue::Contraction;
        contracted = glue == Glue::Contraction;
        found.odd |= piece.odd || !word.ascii;
        found.loose |= word.repeats || piece.odd || alone >= SPELT_MIN || glued;
        found.digit |= word.digits && word.span.len() == 1;
        found.guess |= piece.odd || piece.short || piece.masked;
        before = Some(word);
        found.all.push(piece);
    }
    found
}

/// What holds two runs of letters together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Glue {
    /// Nothing, or a space stands between them.
    None,
    /// The apostrophe of `don't` and `j'ai`.
    Contraction,
    /// A sign that may break a word, or join two.
    Sign,
}

impl Glue {
    fn between(text: &str, before: &Word, word: &Word) -> Glue {
        let contracted = || {
            let (left, right) = (&text[before.span.clone()], &text[word.span.clone()]);
            matches!(left, "c" | "d" | "j" | "l" | "m" | "n" | "s" | "t" | "qu")
                || matches!(right, "s" | "t" | "m" | "d" | "ll" | "re" | "ve")
        };
        match &text.as_bytes()[before.span.end..word.span.start] {
            b"" | b" " => Glue::None,
            b"'" if contracted() => Glue::Contraction,
            gap if gap.contains(&b' ') => Glue::None,
            _ => Glue::Sign,
        }
    }
}

fn piece(text: &str, word: &Word) -> Piece {
    let span = word.span.clone();
    let bytes = text.as_bytes();
    let known = known_by(word.hash);
    let beside = |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
    let (left, right) = (beside(span.start.checked_sub(1)), beside(Some(span.end)));
    let single = word.single;
    let apostrophe = left == b'\'' || right == b'\'';
    Piece {
        single,
        masked: (is_mask(left) || is_mask(right)) && is_masked(bytes, &span),
        odd: !single && !word.digits && word.ascii && known.is_none(),
        word: !single || apostrophe || is_word(bytes[span.start]),
        short: matches!(known, Some(Known::Short(_))),
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
fn is_word(letter: u8) -> bool {
    matches!(letter, b'a' | b'i' | b'o' | b'u' | b'y')
}

/// Signs that people write in the place of a letter.
pub(super) fn is_mask(byte: u8) -> bool {
    const MASKS: ByteSet = ByteSet::of(b"*#%_-.!?&$@+~^=");
    MASKS.has(byte)
}
