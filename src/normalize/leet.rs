//! Reads digits, signs and drawings made of signs as the letters they stand for.

use crate::letters::lookalike;

/// The letters drawn with several signs that begin with this one, the longest first, so that none
/// is taken for its beginning. Ordinary words hold none of these signs.
const fn drawn_with(first: u8) -> &'static [(&'static str, char)] {
    match first {
        b'/' => &[("/\\/\\", 'm'), ("/\\/", 'n'), ("/-\\", 'a'), ("/\\", 'a')],
        b'\\' => &[("\\/\\/", 'w'), ("\\_/", 'u'), ("\\/", 'v')],
        b'|' => &[
            ("|\\/|", 'm'),
            ("|/\\|", 'w'),
            ("|\\|", 'n'),
            ("|_|", 'u'),
            ("|-|", 'h'),
            ("|v|", 'm'),
            ("|3", 'b'),
            ("|8", 'b'),
            ("|)", 'd'),
            ("|]", 'd'),
            ("|}", 'd'),
            ("|>", 'd'),
            ("|=", 'f'),
            ("|<", 'k'),
            ("|{", 'k'),
            ("|(", 'k'),
            ("|_", 'l'),
            ("|*", 'p'),
            ("|2", 'r'),
        ],
        b'[' => &[("[\\/]", 'm'), ("[\\]", 'n'), ("[_]", 'u'), ("[)", 'd'), ("[]", 'o')],
        b'(' => &[("(_)", 'u'), ("(v)", 'm'), ("(\\)", 'n'), ("(0)", 'o'), ("()", 'o')],
        b']' => &[("]-[", 'h')],
        b'}' => &[("}-{", 'h'), ("}{", 'h')],
        b')' => &[(")(", 'x')],
        b'>' => &[("><", 'x')],
        b'_' => &[("_|", 'j')],
        b'{' => &[("{}", 'o')],
        b'<' => &[("<>", 'o')],
        _ => &[],
    }
}

/// The letter that is drawn at the start of `text`, and how many bytes it takes.
pub(super) fn drawn(text: &str) -> Option<(char, usize)> {
    let most = drawings(text).next()?;
    // A and n, rather than m and a stroke that is left over.
    if text.starts_with("/\\/\\/") && !text[5..].starts_with(['\\', '-']) {
        return Some(('a', 2));
    }
    // A stroke before a drawn o or u.
    if ["|()", "|(_)", "|[]"].iter().any(|signs| text.starts_with(signs)) {
        return None;
    }
    Some(most)
}

/// Every letter that is drawn at the start of `text`, the one of most signs first.
fn drawings(text: &str) -> impl Iterator<Item = (char, usize)> {
    let first = text.bytes().next().unwrap_or(b' ');
    let fits = drawn_with(first).iter().filter(move |(signs, _)| text.starts_with(signs));
    fits.map(|(signs, letter)| (*letter, signs.len()))
}

/// Every letter that may be drawn, written or punctuated at the start of `text`.
pub(super) fn others(text: &str, mut add: impl FnMut(char, usize)) {
    drawings(text).for_each(|(letter, len)| add(letter, len));
    let Some(c) = text.chars().next() else { return };
    match c {
        'p' if text.starts_with("ph") => add('f', 2),
        'v' if text.starts_with("vv") => add('w', 2),
        '#' => add('h', 1),
        '@' | '^' => add('a', 1),
        '$' => add('s', 1),
        '+' => add('t', 1),
        '(' | '<' | '[' | '{' => add('c', 1),
        '£' => add('l', 2),
        '€' => add('e', 3),
        '0'..='9' => digit(' ', c, ' ').into_iter().for_each(|letter| add(letter, 1)),
        _ => {}
    }
    if is_stroke(c) {
        add('i', c.len_utf8());
        add('l', c.len_utf8());
    }
    add(c, c.len_utf8());
}

pub(super) fn digit(before: char, c: char, after: char) -> Option<char> {
    if c == '1' { Some(one(before, after)) } else { lookalike::digit(c) }
}

/// A 1 stands for l between or after vowels and before them in a cluster, else for i.
///
/// This is how the reading looks to people and the model; `scan` takes it for either.
fn one(before: char, after: char) -> char {
    let vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | '0' | '3' | '4' | '9' | '@');
    let liquid = |c: char| c == 'l' || is_stroke(c);
    let closes = (vowel(before) || before == 'l')
        && (vowel(after) || liquid(after) || !after.is_alphanumeric());
    let clusters = matches!(before, 'b' | 'c' | 'f' | 'g' | 'k' | 'p' | 's') && vowel(after);
    if closes || clusters { 'l' } else { 'i' }
}

/// Signs that stand for i and for l.
pub(super) fn is_stroke(c: char) -> bool {
    matches!(c, '1' | '!' | '|' | '¡' | '¦')
}

/// Signs are letters only inside or before a word: behind one most are punctuation.
pub(super) fn symbol(before: char, c: char, after: char) -> Option<char> {
    let follows = before.is_alphabetic();
    let leads = after.is_alphanumeric() || "@$!|€£+(/\\[<#".contains(after);
    match c {
        '@' if leads || follows => Some('a'),
        '$' if leads || follows => Some('s'),
        '+' if follows || (leads && !after.is_ascii_digit()) => Some('t'),
        '!' if after.is_alphanumeric() || (follows && "@$|".contains(after)) => {
            Some(one(before, after))
        }
        '¡' | '¦' if leads && follows => Some(one(before, after)),
        '|' if leads || follows => Some(one(before, after)),
        '(' | '[' | '<' | '{' if follows && leads => Some('c'),
        '#' if follows && leads => Some('h'),
        '^' if follows && leads => Some('a'),
        _ => None,
    }
}
