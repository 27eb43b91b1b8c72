//! Reads a text backwards where a word that nobody uses is a listed one from behind.

use std::ops::Range;

use super::{guess::Guesses, pieces::Piece};
use crate::{
    letters::ordinary::is_ordinary,
    message::{View, ViewKind},
};

/// Fewer listed letters from behind are an accident.
const LETTERS_MIN: usize = 4;
/// But not among so many words of one listed phrase.
const PHRASE_WORDS_MIN: usize = 3;
const PHRASE_LETTERS_MIN: usize = 3;

/// The readings with each word turned, and with the whole text turned.
pub(super) fn readings(base: &View, pieces: &[Piece], listed: &Guesses) -> Vec<View> {
    let text = &base.text;
    let is_listed = |piece: &Piece| {
        // An odd piece is of ASCII letters alone.
        let quick = piece.odd && listed.may_have_turned(&text[piece.span.clone()]);
        quick && listed.has(&turned(text, piece))
    };
    let letters = |piece: &Piece| if is_listed(piece) { piece.span.len() } else { 0 };
    if pieces.iter().map(letters).sum::<usize>() < letters_min(pieces.len()) {
        return Vec::new();
    }
    let mut words = empty(base);
    let mut at = 0;
    for chunk in text.split_inclusive(' ') {
        let end = at + chunk.trim_end_matches(' ').len();
        turn(base, at..end, &mut words);
        copy(base, end..at + chunk.len(), &mut words);
        at += chunk.len();
    }
    let mut whole = empty(base);
    turn(base, 0..text.len(), &mut whole);
    vec![words, whole]
}

/// Whether what stands there, read forwards, is no sentence of ordinary words.
pub(super) fn is_no_sentence(base: &View, pieces: &[Piece], span: &Range<usize>) -> bool {
    let place = |piece: &Piece| base.original(piece.span.clone());
    let first = pieces.partition_point(|piece| place(piece).end <= span.start);
    let (mut odd, mut words, mut count) = (0, 0, 0);
    for piece in pieces[first..].iter().take_while(|piece| place(piece).start < span.end) {
        let letters = piece.span.len();
        count += 1;
        match piece.odd {
            true => odd += letters,
            // Letters and numbers, and words that are words both ways, say nothing.
            false if piece.single || is_ordinary(&turned(&base.text, piece)) => {}
            false if base.text[piece.span.clone()].starts_with(char::is_numeric) => {}
            false => words += letters,
        }
    }
    let enough = odd >= LETTERS_MIN || words == 0 && odd >= letters_min(count);
    odd > words && enough
}

fn letters_min(words: usize) -> usize {
    if words >= PHRASE_WORDS_MIN { PHRASE_LETTERS_MIN } else { LETTERS_MIN }
}

fn turned(text: &str, piece: &Piece) -> String {
    text[piece.span.clone()].chars().rev().collect()
}

fn empty(base: &View) -> View {
    let bytes = base.text.len();
    View {
        kind: ViewKind::Reversed,
        text: String::with_capacity(bytes),
        origin: Vec::with_capacity(bytes),
    }
}

fn copy(base: &View, span: Range<usize>, view: &mut View) {
    view.text.push_str(&base.text[span.clone()]);
    view.origin.extend_from_slice(&base.origin[span]);
}

fn turn(base: &View, span: Range<usize>, view: &mut View) {
    for (at, c) in base.text[span.clone()].char_indices().rev() {
        view.text.push(c);
        view.origin.resize(view.text.len(), base.origin[span.start + at]);
    }
}
