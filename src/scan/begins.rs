//! Finds the patterns that begin at each place of a text, and asks the automaton only there.
//!
//! At nearly every place of nearly every text none begins: one look at a few bits says so, where an
//! automaton that reads on waits for memory at every letter.

use std::ops::Range;

use super::tape::{Tape, strokes};
use crate::letters::bytes::FACTOR;

/// A pattern is looked for by so many of its first bytes: by the most of these that it has.
const BYTES: [usize; 4] = [6, 4, 3, 2];
/// A look takes so many bytes of the text at once.
pub(super) const NEAR: usize = 8;
/// Forty bits a beginning for the lists of this repository.
const ANY_WORDS: usize = 1 << 12;

/// Patterns in which a stroke is an i or an l.
pub(super) struct Begins {
    tape: Tape,
    /// Two bits for the first bytes of each pattern.
    any: Box<[u64; ANY_WORDS]>,
}

/// An entry, and which characters of the text are its letters.
pub(super) type Match = (u32, Range<usize>);

impl Begins {
    pub fn new(patterns: &[(String, u32)]) -> Result<Begins, String> {
        let tape = Tape::new(patterns, strokes)?;
        let mut begins = Begins { tape, any: Box::new([0; ANY_WORDS]) };
        for (pattern, _) in patterns {
            let mut near = [0; NEAR];
            near.iter_mut().zip(pattern.bytes()).for_each(|(to, byte)| *to = strokes(byte));
            match BYTES.into_iter().find(|bytes| *bytes <= pattern.len()) {
                Some(bytes) => begins.add(near, bytes),
                // Behind a single letter, anything may stand.
                None => {
                    (0..=u8::MAX).for_each(|byte| begins.add([near[0], byte, 0, 0, 0, 0, 0, 0], 2))
                }
            }
        }
        Ok(begins)
    }

    fn add(&mut self, near: [u8; NEAR], bytes: usize) {
        let (at, bits) = place(u64::from_le_bytes(near), bytes);
        self.any[at] |= bits;
    }

    /// What begins in these letters, read with [`strokes`] and with [`NEAR`] bytes of no letter
    /// behind them: by where it ends, the longest first. Of so many matches nothing is left out;
    /// more come only where one begins before the last has ended.
    pub fn all(&self, letters: &[u8], most: usize) -> Vec<Match> {
        let mut all: Vec<Match> = Vec::new();
        let (mut first, mut last) = (0, 0);
        for (at, near) in letters.array_windows::<NEAR>().enumerate() {
            if is_inside(near[0]) {
                continue;
            }
            if self.may_begin(u64::from_le_bytes(*near)) {
                if all.len() >= most && first >= last {
                    break;
                }
                let letters = &letters[at..];
                self.tape.beginning(letters, |entry, bytes| {
                    let count = letters[..bytes].iter().filter(|byte| !is_inside(**byte)).count();
                    last = last.max(first + count);
                    all.push((entry, first..first + count));
                });
            }
            first += 1;
        }
        all.sort_by_key(|(_, within)| (within.end, within.start));
        all
    }

    fn may_begin(&self, near: u64) -> bool {
        // All looks at once wait less than one after the other.
        BYTES.into_iter().fold(false, |found, bytes| {
            let (at, bits) = place(near, bytes);
            found | (self.any[at] & bits == bits)
        })
    }
}

/// Whether a byte is in a character, and not its first.
fn is_inside(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Where the bits of so many first bytes are.
#[inline(always)]
fn place(near: u64, bytes: usize) -> (usize, u64) {
    let first = near & u64::MAX >> (64 - 8 * bytes);
    // The high bits of a product are its best ones.
    let hash = first.wrapping_mul(FACTOR);
    ((hash >> 52) as usize % ANY_WORDS, 1 << (hash >> 46 & 63) | 1 << (hash >> 40 & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_begins_anywhere() {
        let patterns = ["gremlo", "remlo", "rem", "em", "blorping", "é", "o"];
        let patterns: Vec<_> =
            patterns.iter().zip(0..).map(|(p, at)| (p.to_string(), at)).collect();
        let begins = Begins::new(&patterns).expect("they fit");
        let check = |text: &str, most: usize, expected: &[Match]| {
            let letters: Vec<u8> = text.bytes().map(strokes).chain([0; NEAR]).collect();
            assert_eq!(begins.all(&letters, most), expected, "{text}");
        };
        check("", 9, &[]);
        check("xyz", 9, &[]);
        check("blorpin", 9, &[(6, 2..3)]);
        check("bioéblorping", 9, &[(6, 2..3), (5, 3..4), (6, 6..7), (4, 4..12)]);
        check("agremio", 9, &[(2, 2..5), (3, 3..5), (0, 1..7), (1, 2..7), (6, 6..7)]);
        let few = begins.all(&[b"o".repeat(99), vec![0; NEAR]].concat(), 4);
        assert_eq!(few, (0..4).map(|at| (6, at..at + 1)).collect::<Vec<_>>());
    }
}
