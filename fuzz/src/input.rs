//! Takes choices off the front of an input, and leaves the rest to be read as text or bytes.

use std::borrow::Cow;

/// What is left of an input. Where nothing is left, every choice is the first.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `most`. A digit chooses itself, so that a corpus can be written by hand.
    pub fn below(&mut self, most: usize) -> usize {
        match self.0 {
            [] => 0,
            _ => usize::from(self.byte().wrapping_sub(b'0')) % most.max(1),
        }
    }

    pub fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The rest as text, with signs in place of what is none.
    pub fn text(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// The rest in the pieces between these bytes.
    pub fn pieces(self, between: u8) -> impl Iterator<Item = &'a [u8]> {
        self.0.split(move |byte| *byte == between)
    }
}

/// The place that a number names among the character boundaries of a text.
pub fn boundary(text: &str, number: usize) -> usize {
    text.floor_char_boundary(number % (text.len() + 1))
}
