//! Reads a text backwards where a word that nobody uses is a listed one from behind.

use std::ops::Range;

use super::{guess::Guesses, pieces::Piece};
use crate::message::{View, ViewKind};

/// Shorter words from behind are other short words.
const LETTERS_MIN: usize = 4;

/// The readings with each word turned, and with the whole text turned.
pub(super) fn readings(base: &View, pieces: &[Piece], listed: &Guesses) -> Vec<View> {
    let text = &base.text;
    let turned = |piece: &Piece| text[piece.span.clone()].chars().rev().collect::<String>();
    let is_listed = |piece: &Piece| {
        piece.odd && piece.span.len() >= LETTERS_MIN && listed.has(&turned(piece))
    };
    if !pieces.iter().any(is_listed) {
        return Vec::new();
    }
    let mut words = empty(base);
    let mut at = 0;
    for piece in pieces {
        copy(base, at..piece.span.start, &mut words);
        turn(base, piece.span.clone(), &mut words);
        at = piece.span.end;
    }
    copy(base, at..text.len(), &mut words);
    let mut whole = empty(base);
    turn(base, 0..text.len(), &mut whole);
    vec![words, whole]
}

/// Whether what stands there, read forwards, is no sentence of ordinary words.
pub(super) fn is_no_sentence(base: &View, pieces: &[Piece], span: &Range<usize>) -> bool {
    let inside = |piece: &&Piece| {
        let place = base.original(piece.span.clone());
        place.start >= span.start && place.end <= span.end
    };
    let (mut odd, mut words) = (0, 0);
    for piece in pieces.iter().filter(inside) {
        let letters = piece.span.len();
        match piece.odd {
            true => odd += letters,
            // A word of one letter, or one that is the same from behind, says nothing.
            false if piece.single => {}
            false => words += letters,
        }
    }
    odd > words
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
