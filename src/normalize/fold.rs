//! Reads look-alike characters and leetspeak as letters.

use crate::{
    letters::lookalike::lookalike,
    message::{View, ViewKind},
};

use super::{empty, push};

/// The folded reading, where it differs from the plain one.
pub(super) fn folded(plain: &View) -> Option<View> {
    if !plain.text.bytes().any(|b| b >= 0x80 || b.is_ascii_digit() || b"@$!|".contains(&b)) {
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
}

impl Token<'_> {
    fn new(text: &str, foreign: bool) -> Token<'_> {
        let latin = text.bytes().filter(u8::is_ascii_alphabetic).count();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let letters = latin + text.chars().filter(|c| lookalike(*c).is_some()).count();
        // One digit behind a name counts it: ps5, mp3.
        let counted = digits == 1 && ends_in_digit(text);
        let address = text.contains("://") || text.starts_with("www.");
        Token {
            text,
            // In a line of another script only words that mix scripts are meant to be read as
            // Latin ones: half of all Russian letters look Latin.
            shapes: latin > 0 || !foreign,
            // Numbers with a unit or a name in front (20h30, 1v1, a55) stay numbers.
            digits: !address
                && !counted
                && letters > 0
                && (digits <= letters || (letters >= 2 && text.trim_end().len() >= 5)),
            symbols: !address && letters > 0,
        }
    }

    fn read(&self, origin: &[(u32, u32)], view: &mut View) {
        let mut before = ' ';
        let mut chars = self.text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let after = chars.peek().map_or(' ', |next| next.1);
            let letter = match c {
                'a'..='z' | ' ' => None,
                '0'..='9' if self.digits => digit(before, c, after),
                '@' | '$' | '!' | '|' if self.symbols => symbol(before, c, after),
                c if !c.is_ascii() && self.shapes => lookalike(c),
                _ => None,
            };
            push(view, letter.unwrap_or(c), origin[at]);
            before = letter.unwrap_or(c);
        }
    }
}

fn ends_in_digit(text: &str) -> bool {
    text.chars().rev().find(|c| c.is_alphanumeric()).is_some_and(|c| c.is_ascii_digit())
}

fn digit(before: char, c: char, after: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' => one(before, after),
        '2' => 'z',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '6' | '9' => 'g',
        '7' => 't',
        '8' => 'b',
        _ => return None,
    })
}

/// A 1 stands for l between or after vowels and before them in a cluster, else for i.
fn one(before: char, after: char) -> char {
    let vowel = |c: char| "aeiou0349".contains(c);
    let liquid = |c: char| c == 'l' || c == '1';
    let closes = (vowel(before) || before == 'l')
        && (vowel(after) || liquid(after) || !after.is_alphanumeric());
    let clusters = "bcfgkps".contains(before) && vowel(after);
    if closes || clusters { 'l' } else { 'i' }
}

/// Signs are letters only inside or before a word: behind one they are punctuation.
fn symbol(before: char, c: char, after: char) -> Option<char> {
    let inside = after.is_alphanumeric() || "@$!".contains(after);
    match c {
        '@' if inside || before.is_alphabetic() => Some('a'),
        '$' if inside || before.is_alphabetic() => Some('s'),
        '!' | '|' if after.is_alphanumeric() => Some('i'),
        _ => None,
    }
}
