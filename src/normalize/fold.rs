//! Reads look-alike characters and leetspeak as letters.

use crate::{
    letters::{bytes::ByteSet, lookalike::lookalike, ordinary::is_ordinary},
    message::{View, ViewKind},
};

use super::{
    choose::{self, Budget, Open, Reading},
    empty, leet,
};

/// Signs that may stand for a letter or be part of one.
const SIGNS: ByteSet = ByteSet::of(b"@$!|+(/\\[<{^#_)]}>");
/// Whatever may say something else than it seems to.
const SAYING: ByteSet = SIGNS.and_digits().and_beyond_ascii();
/// With so many letters left, a token with digits is a word and not a number with a unit.
const LETTERS_LEFT_MIN: usize = 2;
/// Few signs may be more letters than this.
const LETTERS_OF_SIGN: usize = 8;
/// So many signs and digits in words are a way of writing.
const MIXED_MIN: usize = 3;

/// The folded readings, where they differ from the plain one: more than one where signs may be
/// several letters (`|3` is b as well as le).
pub(super) fn folded(plain: &View) -> Vec<View> {
    let doubled_v = has_double_v(&plain.text);
    let mut ordinary = !doubled_v;
    if ordinary && !SAYING.any(&plain.text) {
        return Vec::new();
    }
    // Who writes several words so means the short ones too.
    let (mut signs, mut counted) = (0, false);
    for token in tokens(&plain.text).filter(|token| SAYING.any(token)) {
        signs += leet_signs(token);
        counted |= is_counted(token);
        ordinary &= is_bare(token) || is_punctuated(token);
    }
    let mixed = signs + usize::from(counted) >= MIXED_MIN;
    // Numbers and punctuation alone bring most lines here.
    if ordinary && !mixed {
        return Vec::new();
    }
    let foreign =
        !plain.text.is_ascii() && plain.text.chars().any(|c| !c.is_ascii() && is_foreign(c));
    let several = |pair: &[u8]| pair[0] == b'|' && b"238<({_".contains(&pair[1]);
    let drawn = plain.text.as_bytes().windows(2).any(several);
    let angle = plain.text.contains('>');
    let ph = mixed && plain.text.contains("ph");
    let address = plain.text.contains("://") || plain.text.contains("www.");
    let line = Line { foreign, address, mixed, doubled_v, ph, angle, open: mixed || drawn };
    let mut views = line.read(plain);
    views.retain(|view| view.text != plain.text);
    views
}

/// What the words of a line have in common.
#[derive(Clone, Copy)]
struct Line {
    foreign: bool,
    /// It is written with signs and digits for letters.
    mixed: bool,
    /// Some word is the address of a page.
    address: bool,
    /// Some word has `vv`.
    doubled_v: bool,
    /// In some word `ph` may be an f.
    ph: bool,
    /// Something closes what `<` opens.
    angle: bool,
    /// Its signs may be read in more ways than one.
    open: bool,
}

impl Line {
    fn read(self, plain: &View) -> Vec<View> {
        let mut first = empty(ViewKind::Folded, plain);
        let mut open: Vec<Open> = Vec::new();
        let mut left = Budget::new();
        let (mut at, mut copied) = (0, 0);
        while at < plain.text.len() {
            let rest = &plain.text[at..];
            let end = rest.bytes().position(|byte| byte == b' ').map_or(rest.len(), |end| end + 1);
            let text = &rest[..end];
            if self.is_plain(text) {
                at += text.len();
                continue;
            }
            choose::copy(plain, copied..at, &mut first);
            let token = Token::new(text, self);
            let mut readings = vec![token.read()];
            if self.open && !left.is_spent() && token.is_open() {
                readings = choose::readings(readings.remove(0), text, &mut left, |at, before| {
                    token.others(at, before)
                });
            }
            let start = first.text.len();
            choose::write(&readings[0], &plain.origin[at..], &mut first);
            if readings.len() > 1 {
                open.push(Open { at, written: start..first.text.len(), readings });
            }
            at += text.len();
            copied = at;
        }
        choose::copy(plain, copied..at, &mut first);
        choose::views(first, &open, plain)
    }

    /// Whether nothing in a word could be read otherwise: nearly every word.
    fn is_plain(self, text: &str) -> bool {
        let doubled_v = || self.doubled_v && has_double_v(text);
        let says_more = SAYING.any(text) || doubled_v() || self.ph && text.contains("ph");
        !says_more || !self.mixed && (is_bare(text) || is_punctuated(text))
    }
}

/// What stands between spaces. Nearly all of it is short: looking byte by byte is quicker than
/// setting out on a search.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.bytes().position(|byte| byte == b' ');
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// Without a letter beside them, digits and signs are what they are.
fn is_bare(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic())
}

fn has_double_v(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair == b"vv")
}

/// Whether a word has signs only where everybody writes them: in brackets, and beside slashes.
fn is_punctuated(token: &str) -> bool {
    const INSIDE: ByteSet = ByteSet::of(b"@$!|+(\\[<{^#>)]}").and_digits().and_beyond_ascii();
    let inside = token.trim_start_matches(['(', '[', '{']).trim_end_matches(AFTER);
    inside.len() > 1 && !INSIDE.any(inside) && !has_double_v(inside)
}

/// What stands behind a word.
const AFTER: [char; 12] = [' ', '.', ',', '!', '?', ':', ';', ')', ']', '}', '"', '\''];

/// How much the signs and digits of a word with letters look like letters.
fn leet_signs(token: &str) -> usize {
    /// Those of them that are no punctuation.
    const LETTERLIKE: ByteSet = ByteSet::of(b"@$|<{\\[(#+");
    let token = unbracketed(token);
    if !SAYING.any(token) || is_measure(token) {
        return 0;
    }
    let count = |sort: fn(&u8) -> bool| token.as_bytes().iter().filter(|b| sort(b)).count();
    let letters = count(u8::is_ascii_alphabetic);
    let signs = SIGNS.count(token);
    let digits = count(u8::is_ascii_digit);
    if letters == 0 || digits > letters + signs || token.contains("://") {
        return 0;
    }
    let pairs = || token.as_bytes().windows(2);
    let digit = |pair: &&[u8]| {
        pair[0].is_ascii_digit() && (pair[1].is_ascii_alphabetic() || pair[1] >= 0x80)
    };
    let signs =
        LETTERLIKE.count(token) + token.chars().filter(|c| matches!(c, '€' | '£' | '¢')).count();
    2 * (signs + pairs().filter(digit).count())
}

/// The word in brackets, and the one behind a bracket that people use, where it is no other one
/// with the bracket for a c.
fn unbracketed(token: &str) -> &str {
    const PAIRS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];
    let inner = token.trim_end_matches([',', '.', '!', '?', ':', ';']);
    let pair = PAIRS.into_iter().find(|(opens, _)| inner.starts_with(*opens));
    let Some((opens, closes)) = pair else { return token };
    let word = inner.strip_prefix(opens).unwrap_or(inner);
    let bracket = |c: char| PAIRS.iter().any(|(opens, closes)| c == *opens || c == *closes);
    match word.strip_suffix(closes) {
        Some(closed) if !closed.contains(bracket) => closed,
        None if is_ordinary(word) && !is_ordinary(&format!("c{word}")) => word,
        _ => token,
    }
}

/// `1st`, `2e`, `64bit`, `4gb`.
fn is_measure(token: &str) -> bool {
    const UNITS: [&str; 30] = [
        "am", "bit", "bits", "cm", "fps", "ft", "gb", "ghz", "h", "hz", "k", "kb", "kg", "km",
        "lbs", "mah", "mb", "mhz", "min", "mm", "ms", "p", "pm", "px", "tb", "v", "x", "yo", "yr",
        "yrs",
    ];
    let word = token.trim_end_matches([',', '.', '!', '?', ':', ';', ')']);
    let behind = word.trim_start_matches(|c: char| c.is_ascii_digit());
    behind.len() < word.len() && (choose::ORDINALS.contains(&behind) || UNITS.contains(&behind))
}

fn is_counted(token: &str) -> bool {
    ends_in_digit(token) && token.starts_with(char::is_alphabetic)
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
    /// `ph` is an f.
    ph: bool,
    /// A bracket in it is not closed.
    unclosed: bool,
    line: Line,
    /// `vv` is a w, but for `savvy`.
    doubled_v: bool,
}

impl Token<'_> {
    fn new(text: &str, line: Line) -> Token<'_> {
        let Line { foreign, mixed, .. } = line;
        let latin = text.bytes().filter(u8::is_ascii_alphabetic).count();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let alike = |c: &char| !c.is_ascii() && lookalike(*c).is_some();
        let alike = if text.is_ascii() { 0 } else { text.chars().filter(alike).count() };
        let letters = latin + alike;
        let address = line.address && (text.contains("://") || text.starts_with("www."));
        let signs = SIGNS.count(text);
        let count = |signs: &[char]| text.matches(signs).count();
        let long = || text.trim_end().len() >= 5;
        Token {
            text,
            // In a line of another script only words that mix scripts are meant to be read as
            // Latin ones: half of all Russian letters look Latin.
            shapes: latin > 0 || !foreign,
            // Numbers with a unit or a name in front (20h30, 1v1, a55) stay numbers.
            digits: digits > 0
                && !address
                && (letters > 0 || mixed && signs > 0)
                && (mixed || !(digits == 1 && counts(text)))
                && (mixed || digits <= letters + signs || (letters >= LETTERS_LEFT_MIN && long())),
            symbols: !address && (letters > 0 || (mixed && signs + digits > 1)),
            ph: line.ph && text.contains("ph") && !is_ordinary(text.trim()),
            unclosed: count(&['(', '[']) > count(&[')', ']']),
            line,
            doubled_v: line.doubled_v && text.contains("vv") && !is_ordinary(text.trim()),
        }
    }

    /// The likeliest reading, sign by sign.
    fn read(&self) -> Reading {
        let mut reading = Vec::with_capacity(self.text.len());
        let mut before = ' ';
        let mut at = 0;
        while let Some(c) = self.text[at..].chars().next() {
            let (letter, len) = self.letter(at, c, before);
            before = letter.unwrap_or(c);
            reading.push((before, len));
            if c == '\u{1f18e}' {
                reading.push(('b', 0));
            }
            at += len;
        }
        reading
    }

    /// Whether a sign in it may be more than one letter.
    fn is_open(&self) -> bool {
        // Every letter drawn with a slash has a backslash too: a path is none.
        let slashes = self.text.contains('\\');
        let signs = self.text.bytes().any(|b| choose::SIGNS.has(b) && (b != b'/' || slashes));
        let open = self.text.contains("ph") || self.doubled_v || signs;
        (self.symbols || self.digits) && open
    }

    /// Everything that may stand at `at`, the likeliest first.
    fn others(&self, at: usize, before: char) -> Vec<(char, usize)> {
        let rest = &self.text[at..];
        let c = rest.chars().next().unwrap_or(' ');
        let (letter, len) = self.letter(at, c, before);
        let mut all = Vec::with_capacity(LETTERS_OF_SIGN);
        all.push((letter.unwrap_or(c), len));
        let tag = c == '#' && self.is_tag();
        if !tag && (!c.is_ascii_alphabetic() || matches!(c, 'p' | 'v')) {
            leet::others(rest, |letter, len| {
                if !all.contains(&(letter, len)) {
                    all.push((letter, len));
                }
            });
        }
        all
    }

    /// What stands at `at`, where it is not itself, and how many bytes that takes.
    fn letter(&self, at: usize, c: char, before: char) -> (Option<char>, usize) {
        let rest = &self.text[at..];
        let len = c.len_utf8();
        let after = rest[len..].chars().next().unwrap_or(' ');
        match c {
            'v' if self.doubled_v && before != 'v' && is_double(rest) => (Some('w'), 2),
            // An f in words written with signs; elsewhere words like `phone` have it.
            'p' if self.ph && after == 'h' => (Some('f'), 2),
            'a'..='z' | ' ' => (None, 1),
            '0'..='9' if self.digits => (leet::digit(before, c, after), 1),
            '0'..='9' => (None, 1),
            _ if self.symbols => match self.drawn(rest, before) {
                Some((letter, len)) => (Some(letter), len),
                None => (self.symbol(before, c, after).or_else(|| self.shape(c)), len),
            },
            _ => (self.shape(c), len),
        }
    }

    fn symbol(&self, before: char, c: char, after: char) -> Option<char> {
        let opens =
            !before.is_alphanumeric() && (after.is_alphanumeric() || "|(/#@'[".contains(after));
        match c {
            '<' if opens && !self.line.angle => Some('c'),
            '(' | '[' if opens && self.line.mixed && self.unclosed => Some('c'),
            '@' if self.line.mixed => Some('a'),
            '+' if self.line.mixed && opens => Some('t'),
            '<' if self.line.mixed && before.is_alphabetic() => Some('c'),
            '+' | '|' | '€' if self.line.mixed && after == '\'' => leet::symbol(before, c, 'x'),
            // `don'+`, `that'$`.
            '+' | '$' if self.line.mixed && before == '\'' => leet::symbol('x', c, after),
            '#' if self.line.mixed && (opens || before.is_alphabetic()) => {
                (!self.is_tag()).then_some('h')
            }
            '!' if self.line.mixed && (after.is_alphanumeric() || "|/$@('€£".contains(after)) => {
                Some('i')
            }
            _ => leet::symbol(before, c, after),
        }
    }

    /// Whether it is a word behind the sign of a topic, and none with an h: `#monday`.
    fn is_tag(&self) -> bool {
        let word = self.text.trim().strip_prefix('#').filter(|word| is_ordinary(word));
        word.is_some_and(|word| !is_ordinary(&format!("h{word}")))
    }

    fn shape(&self, c: char) -> Option<char> {
        (!c.is_ascii() && self.shapes).then(|| lookalike(c)).flatten()
    }

    /// A letter drawn with signs. Empty brackets behind a name are a call: `main()`.
    fn drawn(&self, rest: &str, before: char) -> Option<(char, usize)> {
        let (letter, len) = leet::drawn(rest)?;
        let ends = rest[len..].chars().next().is_none_or(char::is_whitespace);
        let call = letter == 'o' && ends && before.is_alphanumeric();
        (!call || self.line.mixed).then_some((letter, len))
    }
}

/// Whether one digit behind a name counts it: ps5, mp3, player1.
fn counts(text: &str) -> bool {
    let name = text.trim().trim_end_matches(|c: char| !c.is_alphabetic());
    let digit = text[text.find(name).unwrap_or(0) + name.len()..].chars().next().unwrap_or(' ');
    let before = name.chars().next_back().unwrap_or(' ');
    let letter = leet::digit(before, digit, ' ').unwrap_or(' ');
    let letters = name.chars().count();
    ends_in_digit(text)
        && (letters <= LETTERS_LEFT_MIN || is_ordinary(name))
        // The word may be one only with its digit: whit3.
        && !(letters >= LETTERS_LEFT_MIN && is_ordinary(&format!("{name}{letter}")))
}

/// Two v's, and not a stretched one.
fn is_double(rest: &str) -> bool {
    rest.starts_with("vv") && !rest.starts_with("vvv")
}

fn ends_in_digit(text: &str) -> bool {
    let end = text.trim_end_matches([' ', '.', ',', '!', '?', ':', ';', ')', '"', '\'']);
    end.ends_with(|c: char| c.is_ascii_digit())
}
