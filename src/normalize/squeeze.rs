//! Shortens repeats and joins words that were taken apart.

use std::ops::Range;

use crate::{
    letters::{bytes::ByteSet, is_odd_double},
    message::{View, ViewKind},
};

use super::{empty, push};

/// Gaps longer than this end a spelt-out word.
const GAP_CHARS_MAX: usize = 3;
/// Three letters on their own spell a word; two are initials.
const SPELT_LETTERS_MIN: usize = 3;

/// The squeezed reading, where there is a repeat or a separator to undo.
pub(super) fn squeezed(base: &View) -> Option<View> {
    if !is_worth_it(&base.text) {
        return None;
    }
    let pieces = pieces(&base.text);
    if !pieces.iter().any(|piece| piece.joined) && !has_repeat(&base.text) {
        return None;
    }
    let mut view = empty(ViewKind::Squeezed, base);
    let mut at = 0;
    let mut before = 0;
    for piece in &pieces {
        // What nothing is undone in is copied in one go.
        if piece.joined || may_repeat(&base.text[piece.span.clone()]) {
            copy(base, at..if piece.joined { before } else { piece.span.start }, &mut view);
            collapse(base, piece.span.clone(), piece.joined, &mut view);
            at = piece.span.end;
        }
        before = piece.span.end;
    }
    copy(base, at..base.text.len(), &mut view);
    spell_again(base, &pieces, &mut view);
    (view.text != base.text).then_some(view)
}

/// Adds spelt words once more without their first letter where that may be a word of its own:
/// `a b l o r p`.
fn spell_again(base: &View, pieces: &[Piece], view: &mut View) {
    for (index, first) in pieces.iter().enumerate() {
        let rest = pieces[index + 1..].iter().take_while(|piece| piece.joined && piece.single);
        let is_word = first.single && !first.joined && is_word(&base.text[first.span.clone()]);
        if !is_word || rest.clone().count() < SPELT_LETTERS_MIN {
            continue;
        }
        push(view, ' ', base.origin[first.span.start]);
        for (nth, piece) in rest.enumerate() {
            collapse(base, piece.span.clone(), nth > 0, view);
        }
    }
}

/// Whether a letter is a word in French, English or chat.
fn is_word(letter: &str) -> bool {
    matches!(letter, "a" | "i" | "o" | "u" | "y")
}

/// A quick look for what `squeezed` undoes: a long repeat, an unusual double, a separator
/// between letters, or three letters in a row standing alone.
fn is_worth_it(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut quick = Quick { bytes, alone: 0, starts: true };
    // The byte behind each is at hand in all of these windows.
    let found = bytes.windows(2).enumerate().any(|(at, pair)| quick.asks(at, pair[0], pair[1]));
    found || bytes.last().is_some_and(|last| quick.asks(bytes.len() - 1, *last, b' '))
}

struct Quick<'a> {
    bytes: &'a [u8],
    /// How many letters in a row stand alone.
    alone: usize,
    /// No letter is before the next byte.
    starts: bool,
}

impl Quick<'_> {
    /// Whether this byte, with the one behind it, asks for a squeezed reading.
    #[inline(always)]
    fn asks(&mut self, at: usize, byte: u8, next: u8) -> bool {
        const JOINERS: ByteSet = ByteSet::of(b".-_*~^|");
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte >= 0x80;
        if byte.is_ascii_lowercase() {
            let repeated = byte == next && is_repeated(self.bytes, at, 1);
            return repeated || self.letter(next);
        }
        if byte >= 0xc0 {
            // What comes twice begins with the same byte behind it.
            let width = width(byte);
            let next = self.bytes.get(at + width).copied().unwrap_or(b' ');
            let repeated = byte == next && is_repeated(self.bytes, at, width);
            return repeated || self.letter(next);
        }
        let joins = !self.starts && JOINERS.has(byte) && is_letter(next);
        self.starts = byte < 0x80;
        joins
    }

    /// Whether this letter is one too many that stands alone.
    fn letter(&mut self, next: u8) -> bool {
        if !self.starts {
            return false;
        }
        self.starts = false;
        let goes_on = next.is_ascii_lowercase() || next >= 0x80;
        self.alone = if goes_on { 0 } else { self.alone + 1 };
        self.alone >= SPELT_LETTERS_MIN
    }
}

/// Whether the character at `at` comes three times, or twice where that is unusual.
fn is_repeated(bytes: &[u8], at: usize, width: usize) -> bool {
    let one = bytes.get(at..at + width);
    let again = |times: usize| bytes.get(at + times * width..at + (times + 1) * width) == one;
    bytes.get(at + width) == bytes.get(at)
        && again(1)
        && (is_odd_double(bytes[at] as char) || again(2))
}

/// A quick look: whether a letter may come twice in a row here.
fn may_repeat(text: &str) -> bool {
    !text.is_ascii() || text.as_bytes().windows(2).any(|pair| pair[0] == pair[1])
}

fn has_repeat(text: &str) -> bool {
    let letters = text.char_indices().filter(|(_, c)| c.is_alphabetic());
    letters.into_iter().any(|(at, c)| is_repeated(text.as_bytes(), at, c.len_utf8()))
}

/// The length of a character in bytes, from its first byte.
fn width(lead: u8) -> usize {
    match lead {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

/// Signs that break a word in two; apostrophes, commas and slashes stand between real words.
fn is_joiner(c: char) -> bool {
    matches!(c, '.' | '-' | '_' | '*' | '~' | '^' | '|')
}

struct Piece {
    span: Range<usize>,
    /// One letter, perhaps repeated.
    single: bool,
    /// Belongs to the word before it.
    joined: bool,
}

/// The runs of letters of a text, and which of them belong together.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut open, mut first) = (false, ' ');
    for (at, c) in text.char_indices() {
        let letter = c.is_alphabetic();
        let end = at + c.len_utf8();
        match pieces.last_mut().filter(|_| open && letter) {
            Some(piece) => {
                piece.single &= c == first;
                piece.span.end = end;
            }
            // Before an apostrophe stands a word of one letter: `d'abord`.
            None if letter && text[end..].starts_with('\'') => {
                pieces.push(Piece { span: at..end, single: false, joined: false });
            }
            None if letter => pieces.push(Piece { span: at..end, single: true, joined: false }),
            None => {}
        }
        first = if open { first } else { c };
        open = letter;
    }
    join_spelt(text, &mut pieces);
    join_broken(text, &mut pieces);
    pieces
}

/// Joins letters that stand alone, evenly spaced: `b l o r p`.
fn join_spelt(text: &str, pieces: &mut [Piece]) {
    let mut first = 0;
    while first < pieces.len() {
        let mut last = first;
        while last + 1 < pieces.len() && continues(text, &pieces[first..=last + 1]) {
            last += 1;
        }
        if last - first + 1 >= SPELT_LETTERS_MIN {
            pieces[first + 1..=last].iter_mut().for_each(|piece| piece.joined = true);
        }
        first = last + 1;
    }
}

/// Whether the last of these pieces goes on spelling the word that the first began.
fn continues(text: &str, pieces: &[Piece]) -> bool {
    let [first, second, ..] = pieces else { return false };
    let [.., before, last] = pieces else { return false };
    if !(first.single && last.single) {
        return false;
    }
    let even = &text[first.span.end..second.span.start];
    let gap = &text[before.span.end..last.span.start];
    let short = gap.chars().count() <= GAP_CHARS_MAX;
    short && gap == even && !has_number(gap)
}

fn has_number(gap: &str) -> bool {
    gap.chars().any(char::is_numeric)
}

/// Joins the parts of one token that signs break: `bl.orp`.
fn join_broken(text: &str, pieces: &mut [Piece]) {
    let mut token = 0..0;
    let mut address = false;
    for index in 1..pieces.len() {
        let (from, to) = (pieces[index - 1].span.end, pieces[index].span.start);
        let gap = &text[from..to];
        if gap.is_empty() || gap.len() > GAP_CHARS_MAX || !gap.chars().all(is_joiner) {
            continue;
        }
        // Each token is looked at once, however many pieces it has.
        if !token.contains(&from) {
            let start = text[token.end..from].rfind(' ').map_or(token.end, |at| token.end + at + 1);
            let end = text[from..].find(' ').map_or(text.len(), |at| from + at);
            token = start..end;
            address = text[start..end].contains("://") || text[start..end].starts_with("www.");
        }
        pieces[index].joined |= !address;
    }
}

fn copy(base: &View, span: Range<usize>, view: &mut View) {
    view.text.push_str(&base.text[span.clone()]);
    view.origin.extend_from_slice(&base.origin[span]);
}

/// Copies a piece with each repeat as one letter that covers them all.
fn collapse(base: &View, span: Range<usize>, joined: bool, view: &mut View) {
    let mut before = match joined {
        true => view.text.chars().next_back(),
        false => None,
    };
    for (at, c) in base.text[span.clone()].char_indices() {
        let from = base.origin[span.start + at];
        if before == Some(c) {
            let start = view.text.len() - c.len_utf8();
            view.origin[start..].iter_mut().for_each(|o| o.1 = from.1.max(o.1));
        } else {
            push(view, c, from);
        }
        before = Some(c);
    }
}
