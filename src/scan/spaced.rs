//! Reads the digits of a word that was spelt out as letters: `b l 0 r p`.
//!
//! In a word digits are read by `normalize`. Alone they are numbers, and only what stands around
//! them says that they are not.

use super::{pieces::Piece, words::Word};
use crate::{
    letters::lookalike::digit,
    message::{View, ViewKind},
};

/// What is spelt so stands alone, or two letters together; two digits are a number.
const PART_BYTES_MAX: usize = 2;
/// Shorter words are too near to numbers of things.
const LETTERS_MIN: usize = 4;

/// The reading in which they are letters, where anything is spelt so.
pub(super) fn reading(base: &View, words: &[Word]) -> Option<View> {
    let is_part =
        |word: &Word| word.ascii && word.span.len() + usize::from(word.digits) <= PART_BYTES_MAX;
    let goes_on = |before: &Word, word: &Word| {
        let gap = &base.text.as_bytes()[before.span.end..word.span.start];
        is_part(before) && is_part(word) && matches!(gap, b"" | b" ")
    };
    let mut digits = words
        .chunk_by(goes_on)
        .filter(|run| run.len() > 2 && is_spelt(&base.text, run))
        .flat_map(|run| run.iter().filter(|word| word.digits))
        .flat_map(|word| word.span.clone())
        .peekable();
    digits.peek()?;
    let mut text = String::with_capacity(base.text.len());
    for (at, c) in base.text.char_indices() {
        let letter = digits.next_if_eq(&at).and_then(|_| digit(c));
        text.push(letter.unwrap_or(c));
    }
    Some(View { kind: ViewKind::Folded, text, origin: base.origin.clone() })
}

/// Nobody uses a word that has a digit for a letter.
pub(super) fn mark(piece: &mut Piece, base: &View) {
    let digits = base.text.as_bytes()[piece.span.clone()].iter().any(u8::is_ascii_digit);
    piece.odd |= digits && !piece.single;
}

/// Whether digits stand among as many letters, one of them alone, and spaces among them.
fn is_spelt(text: &str, run: &[Word]) -> bool {
    let count = |digits: bool| {
        let sort = run.iter().filter(|word| word.digits == digits);
        sort.map(|word| word.span.len()).sum::<usize>()
    };
    let (digits, letters) = (count(true), count(false));
    let apart = run.windows(2).any(|pair| text[pair[0].span.end..].starts_with(' '));
    let alone = run.iter().any(|word| word.single);
    apart && alone && digits > 0 && letters >= digits && letters + digits >= LETTERS_MIN
}

#[cfg(test)]
mod tests {
    use super::{super::words::words, *};
    use crate::letters;

    #[test]
    fn digits_are_letters_among_letters() {
        for (text, expected) in [
            ("you b l 0 r p", Some("you b l o r p")),
            ("bl 0r p!", Some("bl or p!")),
            ("g r 3 m b 0", Some("g r e m b o")),
            ("1 v 1", None),
            ("a 55 b l", None),
            ("at 15 of 1488", None),
            ("x.org/b1o2", None),
            ("1 2 3 4", None),
            ("at 7 or 8", None),
            ("room 12 b", None),
            ("b l o r p", None),
        ] {
            let (plain, origin) = letters::plain(text);
            let view = View { kind: ViewKind::Plain, text: plain, origin };
            let read = reading(&view, &words(&view.text)).map(|view| view.text);
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
