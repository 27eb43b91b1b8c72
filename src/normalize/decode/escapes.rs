//! Reads characters that are written by number inside of words.

use std::ops::Range;

use super::{LETTERS_MIN, Piece};
use crate::letters::bytes::ByteSet;

/// One escape: where it is, and the byte or character that it stands for.
enum Escape {
    Byte(u8),
    Char(char),
}

/// What an escape begins with, or has behind its U.
const BEGIN: ByteSet = ByteSet::of(b"%&\\+");

/// `%6c`, `&#108;`, `\x6c`, `\u006c`, `\u{6c}`, `U+006C`.
///
/// Letters of ASCII need no escape anywhere, so two of them are enough, or one inside of a word:
/// `50%50` is none. Others are escaped in ordinary addresses too, and are read where there are
/// several.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let bytes = text.as_bytes();
    if !BEGIN.any(text) {
        return Vec::new();
    }
    let mut pieces = Vec::new();
    let (mut letters, mut others) = (0, 0);
    let mut at = 0;
    while at < bytes.len() {
        let unicode = matches!(bytes[at], b'U' | b'u') && bytes.get(at + 1) == Some(&b'+');
        if !matches!(bytes[at], b'%' | b'&' | b'\\') && !unicode {
            at += 1;
            continue;
        }
        let piece = run(text, at);
        if piece.text.is_empty() {
            at += 1;
            continue;
        }
        let touches = text[..piece.span.start].ends_with(char::is_alphabetic)
            || text[piece.span.end..].starts_with(char::is_alphabetic);
        letters += piece.text.bytes().filter(u8::is_ascii_alphabetic).count();
        letters += usize::from(touches && letters > 0);
        others += piece.text.chars().filter(|c| !c.is_ascii() && c.is_alphabetic()).count();
        at = piece.span.end;
        pieces.push(piece);
    }
    match letters > 1 || others >= LETTERS_MIN {
        true => pieces,
        false => Vec::new(),
    }
}

/// The escapes from `start` on that follow each other.
fn run(text: &str, start: usize) -> Piece {
    let mut piece = Piece::new(start..start);
    let mut pending: Vec<(u8, Range<usize>)> = Vec::new();
    let mut at = start;
    while let Some((escape, end)) = escape(text, at) {
        match escape {
            Escape::Byte(byte) => pending.push((byte, at..end)),
            Escape::Char(c) => {
                flush(&mut piece, &mut pending);
                piece.push(c, at..end);
            }
        }
        piece.span.end = end;
        // `U+0062 U+006C`: the space between belongs to the notation.
        let spaced = text[at..].starts_with(['U', 'u']) && text[end..].starts_with(" U+");
        at = end + usize::from(spaced);
    }
    flush(&mut piece, &mut pending);
    piece
}

/// Bytes that were waiting to become characters. One that is none must not hide the others.
fn flush(piece: &mut Piece, pending: &mut Vec<(u8, Range<usize>)>) {
    let waiting = std::mem::take(pending);
    let bytes: Vec<u8> = waiting.iter().map(|(byte, _)| *byte).collect();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let last = at + c.len_utf8() - 1;
            piece.push(c, waiting[at].1.start..waiting[last].1.end);
            at = last + 1;
        }
        if !chunk.invalid().is_empty() {
            piece.push(char::REPLACEMENT_CHARACTER, waiting[at].1.clone());
            at += chunk.invalid().len();
        }
    }
}

fn escape(text: &str, at: usize) -> Option<(Escape, usize)> {
    let rest = text.get(at..)?;
    let bytes = rest.as_bytes();
    let byte = |digits: &str| u8::from_str_radix(digits, 16).ok().map(Escape::Byte);
    let code = |digits: &str| {
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).map(Escape::Char)
    };
    let exactly = |from: usize, count: usize| {
        let digits = rest.get(from..from + count)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(digits)
    };
    // No character has more than six digits.
    let until = |from: usize, close: char| {
        let end = rest.get(from..)?.char_indices().take(8).find(|(_, c)| *c == close)?.0;
        Some((&rest[from..from + end], from + end + 1))
    };
    match bytes {
        [b'%', ..] => Some((byte(exactly(1, 2)?)?, at + 3)),
        [b'\\', b'x', ..] => Some((byte(exactly(2, 2)?)?, at + 4)),
        [b'\\', b'u', b'{', ..] => {
            let (digits, end) = until(3, '}')?;
            Some((code(digits)?, at + end))
        }
        [b'\\', b'u', ..] => Some((code(exactly(2, 4)?)?, at + 6)),
        [b'U' | b'u', b'+', ..] => Some((code(exactly(2, 4)?)?, at + 6)),
        [b'&', b'#', b'x' | b'X', ..] => {
            let (digits, end) = until(3, ';')?;
            Some((code(digits)?, at + end))
        }
        [b'&', b'#', ..] => {
            let (digits, end) = until(2, ';')?;
            let c = digits.parse().ok().and_then(char::from_u32)?;
            Some((Escape::Char(c), at + end))
        }
        _ => None,
    }
}
