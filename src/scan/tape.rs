//! Runs a text past an automaton, word by word, with one space wherever a word ends.
//!
//! Patterns carry their own boundaries as spaces, so that a word inside another never matches
//! and nothing has to be checked after a match.

use aho_corasick::{
    Anchored, MatchKind, PatternID,
    automaton::{Automaton, StateID},
    nfa::contiguous::NFA,
};

/// States this near the start have a table of all bytes: nearly all text of nearly all messages
/// is read there, and deeper tables would only grow the automaton.
const DENSE_DEPTH: usize = 3;

/// A set of patterns, each standing for an entry.
pub(super) struct Tape {
    automaton: NFA,
    entries: Vec<u32>,
    /// A letter for each byte, where readings that differ in it are to meet.
    alike: [u8; 256],
}

/// Every byte is itself.
pub(super) fn same(byte: u8) -> u8 {
    byte
}

/// A stroke is an i or an l, and nobody knows which: the two are one letter here.
pub(super) fn strokes(byte: u8) -> u8 {
    if byte == b'l' { b'i' } else { byte }
}

impl Tape {
    pub fn new(patterns: &[(String, u32)], alike: fn(u8) -> u8) -> Result<Tape, String> {
        let bytes = |text: &str| text.bytes().map(alike).collect::<Vec<u8>>();
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .dense_depth(DENSE_DEPTH)
            .build(patterns.iter().map(|p| bytes(&p.0)))
            .map_err(|error| format!("the word lists do not fit an automaton: {error}"))?;
        let alike = std::array::from_fn(|byte| alike(byte as u8));
        Ok(Tape { automaton, entries: patterns.iter().map(|p| p.1).collect(), alike })
    }

    /// Calls with the entry and the end in `text` of every match, overlapping ones too.
    pub fn run(&self, text: &str, mut found: impl FnMut(u32, usize)) {
        let mut at = self.start(Anchored::No);
        walk(text, |byte, end| {
            at.feed(byte);
            if at.is_match() {
                at.patterns().for_each(|pattern| found(self.entries[pattern.as_usize()], end));
            }
        });
    }

    /// Calls with the entry and the length in bytes of every pattern that these bytes begin with.
    pub fn beginning(&self, bytes: &[u8], mut found: impl FnMut(u32, usize)) {
        let mut at = self.start(Anchored::Yes);
        for (byte, len) in bytes.iter().zip(1..) {
            at.feed(*byte);
            if at.is_dead() {
                break;
            }
            if at.is_match() {
                // Some begin later and end here too.
                let begins = |pattern| self.automaton.pattern_len(pattern) == len;
                at.patterns().filter(|pattern| begins(*pattern)).for_each(|pattern| {
                    found(self.entries[pattern.as_usize()], len);
                });
            }
        }
    }

    fn start(&self, anchored: Anchored) -> At<'_> {
        let start = self.automaton.start_state(anchored);
        let state = start.expect("an automaton of this kind starts anywhere");
        At { tape: self, state, anchored }
    }
}

/// A place on a tape.
struct At<'a> {
    tape: &'a Tape,
    state: StateID,
    anchored: Anchored,
}

impl At<'_> {
    #[inline(always)]
    fn feed(&mut self, byte: u8) {
        let byte = self.tape.alike[usize::from(byte)];
        self.state = self.tape.automaton.next_state(self.anchored, self.state, byte);
    }

    /// Whether no pattern goes on like this.
    fn is_dead(&self) -> bool {
        self.tape.automaton.is_dead(self.state)
    }

    /// Whether some pattern ends here.
    #[inline(always)]
    fn is_match(&self) -> bool {
        let automaton = &self.tape.automaton;
        automaton.is_special(self.state) && automaton.is_match(self.state)
    }

    /// All patterns that end here, where some do.
    fn patterns(&self) -> impl Iterator<Item = PatternID> {
        let automaton = &self.tape.automaton;
        (0..automaton.match_len(self.state)).map(|at| automaton.match_pattern(self.state, at))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Gap,
    Letter,
    Digit,
}

const ASCII: [Class; 128] = {
    let mut table = [Class::Gap; 128];
    let mut at = 0;
    while at < 128 {
        table[at] = match at as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            _ => Class::Gap,
        };
        at += 1;
    }
    table
};

/// Whether a byte is a character of ASCII of this class.
#[inline]
pub(super) fn is_ascii_of(class: Class, byte: u8) -> bool {
    ASCII.get(usize::from(byte)) == Some(&class)
}

/// The class of the character at `at`, and its length in bytes.
#[inline]
pub(super) fn class(text: &str, at: usize) -> (Class, usize) {
    match ASCII.get(usize::from(text.as_bytes()[at])) {
        Some(class) => (*class, 1),
        None => class_beyond_ascii(text[at..].chars().next().unwrap_or(' ')),
    }
}

fn class_beyond_ascii(c: char) -> (Class, usize) {
    let class = if c.is_numeric() {
        Class::Digit
    } else if c.is_alphabetic() || unicode_normalization::char::is_combining_mark(c) {
        Class::Letter
    } else {
        Class::Gap
    };
    (class, c.len_utf8())
}

/// Feeds the letters and digits of a text, with one space before the first word, after each,
/// and between letters and digits; each with the end of the last letter so far.
fn walk(text: &str, mut feed: impl FnMut(u8, usize)) {
    let bytes = text.as_bytes();
    let mut before = Class::Gap;
    let mut end = 0;
    let mut at = 0;
    feed(b' ', 0);
    while at < bytes.len() {
        let (class, len) = class(text, at);
        if class != before && before != Class::Gap {
            feed(b' ', end);
        }
        if class != Class::Gap {
            end = at + len;
            bytes[at..end].iter().for_each(|byte| feed(*byte, end));
        }
        before = class;
        at += len;
    }
    if before != Class::Gap {
        feed(b' ', end);
    }
}

/// The words of a folded term, as `walk` would feed them.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut fed = Vec::with_capacity(text.len() + 2);
    walk(text, |byte, _| fed.push(byte));
    String::from_utf8_lossy(&fed).split_whitespace().map(str::to_owned).collect()
}

/// Where a match of `letters` bytes that ends at `end` begins.
pub(super) fn start(text: &str, end: usize, letters: usize) -> usize {
    let mut left = letters;
    let mut at = end;
    while left > 0 && at > 0 {
        at -= 1;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let (class, len) = class(text, at);
        if class != Class::Gap {
            left = left.saturating_sub(len);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_letters_end() {
        let check = |text: &str, expected: &str| {
            let mut fed = Vec::new();
            walk(text, |byte, _| fed.push(byte));
            assert_eq!(String::from_utf8_lossy(&fed), expected, "{text:?}");
        };
        check("", " ");
        check("?!", " ");
        check("blorp", " blorp ");
        check("  a-b'c  ", " a b c ");
        check("blorp2go", " blorp 2 go ");
        check("blorp😂it", " blorp it ");
        check("हिन्दी й", " हिन्दी й ");
    }

    #[test]
    fn a_match_knows_its_place() {
        let check = |patterns: &[&str], text: &str, expected: &[&str]| {
            let patterns: Vec<_> =
                patterns.iter().zip(0..).map(|(p, i)| ((*p).to_owned(), i)).collect();
            let tape = Tape::new(&patterns, same).expect("patterns build");
            let mut found = Vec::new();
            tape.run(text, |entry, end| {
                let letters = patterns[entry as usize].0.replace(' ', "").len();
                found.push(&text[start(text, end, letters)..end]);
            });
            assert_eq!(found, expected, "{text:?}");
        };
        check(&[" blorp "], "a blorp, blorps; (blorp)", &["blorp", "blorp"]);
        check(&[" blorp"], "blorps", &["blorp"]);
        check(&["lor"], "blorp", &["lor"]);
        check(&[" go blorp "], "go... «blorp»", &["go... «blorp"]);
        check(&[" go blorp ", " blorp "], "go blorp", &["go blorp", "blorp"]);
        check(&[" é "], "é.é", &["é", "é"]);
    }
}
