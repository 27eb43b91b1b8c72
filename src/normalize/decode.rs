//! Reads what was encoded so that lists would not read it.
//!
//! Percent signs, entities, escapes, Base64, hexadecimal, binary and Morse code.
//!
//! Each kind has a cheap look that ordinary chat does not pass, and what comes out counts only
//! where it is text. Decoded once, never twice: two layers are for a person with patience, and a
//! text that only a machine can read harms nobody in a chat.

use std::ops::Range;

use crate::{
    letters,
    message::{View, ViewKind},
};

use super::{empty, push};

mod codes;
mod escapes;

/// So many encoded pieces are read in one text; the rest stays as it is.
const PIECES_MAX: usize = 256;
/// Letters that a decoded piece must have; anything shorter is as well an accident.
const LETTERS_MIN: usize = 4;

/// What one stretch of a text stands for.
struct Piece {
    /// Bytes of the original text.
    span: Range<usize>,
    text: String,
    /// For each byte of `text`, the bytes of the original text that encode it.
    origin: Vec<(u32, u32)>,
}

impl Piece {
    fn new(span: Range<usize>) -> Piece {
        Piece { span, text: String::new(), origin: Vec::new() }
    }

    fn push(&mut self, c: char, from: Range<usize>) {
        self.text.push(c);
        self.origin.resize(self.text.len(), (from.start as u32, from.end as u32));
    }

    /// Adds bytes that must be text, each from a stretch of its own; false where they are not.
    fn extend(&mut self, bytes: &[u8], from: impl Fn(usize) -> Range<usize>) -> bool {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        for (at, c) in text.char_indices() {
            let last = at + c.len_utf8() - 1;
            self.push(c, from(at).start..from(last).end);
        }
        true
    }

    /// Printable, and most of it letters.
    fn is_text(&self) -> bool {
        let letters = self.text.chars().filter(|c| c.is_alphabetic()).count();
        let all = self.text.chars().filter(|c| !c.is_whitespace()).count();
        let printable = !self.text.chars().any(|c| c.is_control() && !c.is_whitespace());
        printable && letters >= LETTERS_MIN && letters * 4 >= all * 3
    }
}

/// The decoded reading, where there is anything to decode.
pub(super) fn decoded(text: &str, plain: &View) -> Option<View> {
    let mut pieces = escapes::pieces(text);
    pieces.extend(codes::pieces(text));
    pieces.sort_by_key(|piece| (piece.span.start, usize::MAX - piece.span.end));
    let mut end = 0;
    pieces.retain(|piece| {
        let free = piece.span.start >= end;
        end = if free { piece.span.end } else { end };
        free
    });
    pieces.truncate(PIECES_MAX);
    (!pieces.is_empty()).then(|| woven(plain, &pieces))
}

/// The plain reading with the pieces in the places of what encodes them.
fn woven(plain: &View, pieces: &[Piece]) -> View {
    let mut view = empty(ViewKind::Decoded, plain);
    let mut rest = pieces.iter().peekable();
    let mut inside = 0;
    for (at, c) in plain.text.char_indices() {
        let from = plain.origin[at];
        while let Some(piece) = rest.next_if(|piece| piece.span.start <= from.0 as usize) {
            weave(piece, &mut view);
            inside = piece.span.end;
        }
        if from.0 as usize >= inside {
            push(&mut view, c, from);
        }
    }
    rest.for_each(|piece| weave(piece, &mut view));
    view
}

/// Adds a piece, folded like everything else.
fn weave(piece: &Piece, view: &mut View) {
    let (folded, origin) = letters::plain(&piece.text);
    for (at, c) in folded.char_indices() {
        let (start, end) = origin[at];
        let from = (piece.origin[start as usize].0, piece.origin[end as usize - 1].1);
        push(view, c, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let (plain, origin) = letters::plain(text);
        let view = View { kind: ViewKind::Plain, text: plain, origin };
        decoded(text, &view).map(|view| view.text)
    }

    #[test]
    fn reads_each_code() {
        for text in [
            "so %62%6C%6f%72%70 it",
            "so bl%6frp it",
            "so &#98;&#x6C;&#111;rp it",
            "so \\u0062\\u006c\\u006f\\u0072\\u0070 it",
            "so \\x62\\x6c\\x6f\\x72\\x70 it",
            "so \\u{62}\\u{6c}orp it",
            "so U+0062 U+006C U+006F U+0072 U+0070 it",
            "so YmxvcnA= it",
            "so YmxvcnA it",
            "so 626c6f7270 it",
            "so 62 6c 6f 72 70 it",
            "so 0x62 0x6c 0x6f 0x72 0x70 it",
            "so 0x626c6f7270 it",
            "so 01100010 01101100 01101111 01110010 01110000 it",
            "so 0110001001101100011011110111001001110000 it",
            "so -... .-.. --- .-. .--. it",
        ] {
            assert_eq!(read(text).as_deref(), Some("so blorp it"), "{text}");
        }
        assert_eq!(read("c29tZSBibG9ycA== x").as_deref(), Some("some blorp x"));
        assert_eq!(read(".... .. / -... .-.. --- .-. .--.").as_deref(), Some("hi blorp"));
    }

    #[test]
    fn leaves_ordinary_text_alone() {
        for text in [
            "",
            "hello there, how are you?",
            "100% sure, 50%50, 20%off",
            "https://example.org/a%20b?x=%2Fc",
            "R&D and AT&T; me &amp; you",
            "c:\\users\\una",
            "deadbeef cafe 1234 5678",
            "commit 6f340fd0c1d2e3f4a5b6",
            "call 06 12 34 56 78 now",
            "computer programme internet basketball",
            "aaaaaaaaaaaa ABCDEFGH",
            "10 01 11 00",
            "... --- ...",
            ". . . . . - - - -",
            "wait..... what -----> this",
            "привет как дела",
            "ab12cd34ef56ab12cd34ef56ab12cd34",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_way_back_is_to_what_encodes_it() {
        for (text, find, expected) in [
            ("é %62%6C%6f%72%70!", "blorp", "%62%6C%6f%72%70"),
            ("é b%6Corp", "blorp", "b%6Corp"),
            ("é 62 6c 6f 72 70", "lor", "6c 6f 72"),
            ("é YmxvcnA= é", "blorp", "YmxvcnA="),
            ("é -... .-.. --- .-. .--. é", "blorp", "-... .-.. --- .-. .--."),
        ] {
            let (plain, origin) = letters::plain(text);
            let plain = View { kind: ViewKind::Plain, text: plain, origin };
            let view = decoded(text, &plain).expect(text);
            let at = view.text.find(find).expect(text);
            assert_eq!(&text[view.original(at..at + find.len())], expected, "{text}");
        }
    }
}
