//! Reads look-alike characters and leetspeak as letters.

use crate::{
    letters::{lookalike::lookalike, ordinary::is_ordinary},
    message::{View, ViewKind},
};

use super::{empty, leet, push};

/// Signs that may stand for a letter or be part of one.
const SIGNS: &[u8] = b"@$!|+(/\\[<{^#_)]}>";
/// With so many letters left, a token with digits is a word and not a number with a unit.
const LETTERS_LEFT_MIN: usize = 2;

/// The folded reading, where it differs from the plain one.
pub(super) fn folded(plain: &View) -> Option<View> {
    let says = |b: u8| b >= 0x80 || b.is_ascii_digit() || SIGNS.contains(&b);
    if !plain.text.bytes().any(says) && !plain.text.contains("vv") {
        return None;
    }
    let foreign = plain.text.chars().any(|c| !c.is_ascii() && is_foreign(c));
    let mut view = empty(ViewKind::Folded, plain);
    let mut at = 0;
    for token in plain.text.split_inclusive(' ') {
        let origin = &plain.origin[at..at + token.len()];
        Token::new(token, foreign).read(origin, &mut view);
        at += token.len();
    }
    (view.text != plain.text).then_some(view)
}

/// A letter of another script that looks like no Latin one.
fn is_foreign(c: char) -> bool {
    c.is_alphabetic() && lookalike(c).is_none()
}

struct Token<'a> {
    text: &'a str,
    /// Letters of other scripts are read as Latin ones.
    shapes: bool,
    digits: bool,
    symbols: bool,
    /// `vv` is a w, but for `savvy`.
    doubled_v: bool,
}

impl Token<'_> {
    fn new(text: &str, foreign: bool) -> Token<'_> {
        let latin = text.bytes().filter(u8::is_ascii_alphabetic).count();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let letters = latin + text.chars().filter(|c| lookalike(*c).is_some()).count();
        let address = text.contains("://") || text.starts_with("www.");
        let long = || text.trim_end().len() >= 5;
        Token {
            text,
            // In a line of another script only words that mix scripts are meant to be read as
            // Latin ones: half of all Russian letters look Latin.
            shapes: latin > 0 || !foreign,
            // Numbers with a unit or a name in front (20h30, 1v1, a55) stay numbers.
            digits: digits > 0
                && !address
                && letters > 0
                && !(digits == 1 && counts(text))
                && (digits <= letters || (letters >= LETTERS_LEFT_MIN && long())),
            symbols: !address && letters > 0,
            doubled_v: text.contains("vv") && !is_ordinary(text.trim()),
        }
    }

    fn read(&self, origin: &[(u32, u32)], view: &mut View) {
        let mut before = ' ';
        let mut at = 0;
        while let Some(c) = self.text[at..].chars().next() {
            let (letter, len) = self.letter(at, c, before);
            let read = letter.unwrap_or(c);
            push(view, read, (origin[at].0, origin[at + len - 1].1));
            if c == '\u{1f18e}' {
                push(view, 'b', origin[at]);
            }
            before = read;
            at += len;
        }
    }

    /// What stands at `at`, where it is not itself, and how many bytes that takes.
    fn letter(&self, at: usize, c: char, before: char) -> (Option<char>, usize) {
        let rest = &self.text[at..];
        let len = c.len_utf8();
        let after = rest[len..].chars().next().unwrap_or(' ');
        match c {
            'v' if self.doubled_v && after == 'v' => (Some('w'), 2),
            'a'..='z' | ' ' => (None, 1),
            '0'..='9' if self.digits => (leet::digit(before, c, after), 1),
            '0'..='9' => (None, 1),
            _ if self.symbols => match self.drawn(rest, before) {
                Some((letter, len)) => (Some(letter), len),
                None => (leet::symbol(before, c, after).or_else(|| self.shape(c)), len),
            },
            _ => (self.shape(c), len),
        }
    }

    fn shape(&self, c: char) -> Option<char> {
        (!c.is_ascii() && self.shapes).then(|| lookalike(c)).flatten()
    }

    /// A letter drawn with signs. Empty brackets behind a name are a call: `main()`.
    fn drawn(&self, rest: &str, before: char) -> Option<(char, usize)> {
        let (letter, len) = leet::drawn(rest)?;
        let ends = rest[len..].chars().next().is_none_or(char::is_whitespace);
        let call = letter == 'o' && ends && before.is_alphanumeric();
        (!call).then_some((letter, len))
    }
}

/// Whether one digit behind a name counts it: ps5, mp3, player1.
fn counts(text: &str) -> bool {
    let name = text.trim().trim_end_matches(|c: char| !c.is_alphabetic());
    let letters = name.chars().count();
    ends_in_digit(text) && (letters <= LETTERS_LEFT_MIN || is_ordinary(name))
}

fn ends_in_digit(text: &str) -> bool {
    text.chars().rev().find(|c| c.is_alphanumeric()).is_some_and(|c| c.is_ascii_digit())
}
