//! Reads words that are written as a whole in another code.

use std::ops::Range;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::Piece;

/// As people paste it: with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Four letters in Base64, without padding.
const BASE64_CHARS_MIN: usize = 6;
/// A message has no room for more, and what is longer is no word.
const TOKEN_BYTES_MAX: usize = 4096;
/// Four letters in hexadecimal.
const HEX_CHARS_MIN: usize = 8;
const BITS: usize = 8;
/// Signs of the longest letter or digit in Morse code.
const MORSE_SIGNS_MAX: usize = 5;

/// What a byte is to the quick looks.
const LOWER: u8 = 1;
const UPPER: u8 = LOWER << 1;
const DIGIT: u8 = 4;
/// Ends Base64.
const PADDING: u8 = 8;
/// A sign of Morse code, or the first byte of one.
const MORSE: u8 = 16;
const OTHER: u8 = 32;
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            b'=' => PADDING,
            b'.' | b'-' | b'_' | 0x80.. => MORSE,
            space if space.is_ascii_whitespace() => 0,
            _ => OTHER,
        };
        byte += 1;
    }
    kinds
};

/// Whatever decodes to text, of every code; where two fit, both are here.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if !may_hold_any(text) {
        return pieces;
    }
    let mut free = 0;
    for token in telling(text) {
        // A row that says nothing is not looked at again from its second token on.
        if token.start < free {
            continue;
        }
        let (row, end) = row(text, token.start);
        let piece =
            row.or_else(|| is_worth_it(&text[token.clone()]).then(|| single(text, &token))?);
        pieces.extend(piece.filter(Piece::is_text));
        free = end;
    }
    pieces
}

/// A quick look at the whole text: all codes have digits, a capital behind a small letter, padding,
/// or words of signs alone.
fn may_hold_any(text: &str) -> bool {
    let (mut before, mut found) = (0, 0);
    for byte in text.bytes() {
        let kind = KINDS[usize::from(byte)];
        found |= tells(kind, before) | kind & PADDING;
        before = kind;
    }
    found != 0
}

/// What a byte of this kind behind one of that kind tells of a code.
fn tells(kind: u8, before: u8) -> u8 {
    let starts = if before == 0 { MORSE } else { 0 };
    kind & (DIGIT | starts | before << 1 & UPPER)
}

/// The tokens that may be in a code, or begin a row of them.
fn telling(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut before, mut told) = (0, 0, 0);
    text.bytes().chain([b' ']).enumerate().for_each(|(at, byte)| {
        let kind = KINDS[usize::from(byte)];
        if kind == 0 {
            if told != 0 || before == PADDING {
                found.push(start..at);
            }
            (start, told) = (at + 1, 0);
        }
        told |= tells(kind, before);
        before = kind;
    });
    found
}

/// What stands between spaces from `at` on.
fn tokens(text: &str, mut at: usize) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let len = bytes[start..].iter().position(u8::is_ascii_whitespace);
        at = len.map_or(bytes.len(), |len| start + len);
        Some(start..at)
    })
}

/// Base64 mixes cases or digits inside of a word, and what is hexadecimal or binary has digits. A
/// short number without a letter is no code of any kind.
fn is_worth_it(token: &str) -> bool {
    let (mut before, mut all, mut mixed) = (0, 0, 0);
    for byte in token.bytes() {
        let kind = KINDS[usize::from(byte)];
        all |= kind;
        mixed |= kind & before << 1 & UPPER;
        before = kind;
    }
    let number = all & DIGIT != 0 && (token.len() >= BITS || all & (LOWER | UPPER) != 0);
    number || mixed != 0 || before == PADDING
}

/// One token that is a word in hexadecimal, binary or Base64.
fn single(text: &str, token: &Range<usize>) -> Option<Piece> {
    let all = &text[token.clone()];
    let outer = |c: char| {
        matches!(c, '"' | '\'' | '(' | ')' | '[' | ']' | '`' | ',' | ';' | '!' | '?' | ':' | '.')
    };
    let inner = all.trim_matches(outer);
    let start = token.start + (inner.as_ptr() as usize - all.as_ptr() as usize);
    if inner.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let bits = inner.len() >= 4 * BITS && inner.len() % BITS == 0;
    if bits && inner.bytes().all(|b| matches!(b, b'0' | b'1')) {
        return grouped(inner, start, start, BITS, 2);
    }
    let digits = inner.strip_prefix("0x").unwrap_or(inner);
    let hex = digits.len() >= HEX_CHARS_MIN && digits.len() % 2 == 0;
    if hex && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return grouped(digits, start + inner.len() - digits.len(), start, 2, 16);
    }
    base64(inner, start)
}

/// A number for each character, each of as many digits.
fn grouped(digits: &str, from: usize, start: usize, width: usize, radix: u32) -> Option<Piece> {
    let mut piece = Piece::new(start..from + digits.len());
    let groups = (0..digits.len() / width).map(|at| &digits[at * width..(at + 1) * width]);
    let bytes: Option<Vec<u8>> =
        groups.map(|group| u8::from_str_radix(group, radix).ok()).collect();
    piece.extend(&bytes?, |at| from + at * width..from + (at + 1) * width).then_some(piece)
}

fn base64(token: &str, start: usize) -> Option<Piece> {
    let body = token.trim_end_matches('=');
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    if body.len() < BASE64_CHARS_MIN || !body.bytes().all(inside) || body.len() % 4 == 1 {
        return None;
    }
    if !may_be_letters(body.as_bytes()) {
        return None;
    }
    let bytes = BASE64.decode(body).ok()?;
    let mut piece = Piece::new(start..start + token.len());
    let end = start + token.len();
    // Three bytes are four characters, and no byte has characters of its own.
    let from = |at: usize| {
        let group = start + at / 3 * 4;
        let last = at / 3 == (bytes.len() - 1) / 3;
        group..if last { end } else { group + 4 }
    };
    // Letters outside of ASCII come out of any characters too easily.
    let ascii = bytes.iter().filter(|b| b.is_ascii_alphabetic() || **b == b' ').count();
    (ascii * 4 >= bytes.len() * 3 && piece.extend(&bytes, from)).then_some(piece)
}

/// A quick look: the first of each four characters holds most of a byte, and says whether that can
/// be a letter or a space.
fn may_be_letters(body: &[u8]) -> bool {
    let odd = body.chunks(4).filter(|group| !matches!(group[0], b'Q'..=b'Z' | b'a'..=b'e' | b'I'));
    odd.count() * 4 <= body.len() * 3 / 4
}

/// Tokens in a row with one character each, from `start` on, and where they end; 0 where there are
/// none.
fn row(text: &str, start: usize) -> (Option<Piece>, usize) {
    let Some(first) = tokens(text, start).next().map(|token| &text[token]) else {
        return (None, 0);
    };
    if is_morse(first) {
        return morse(text, start);
    }
    let width = first.trim_end_matches([',', ';']).len();
    if width > BITS {
        return (None, 0);
    }
    let places = tokens(text, start).map_while(|token| {
        let said = text[token.clone()].trim_end_matches([',', ';']);
        let byte = number(said).filter(|_| said.len() == width)?;
        Some((byte, token.start..token.start + said.len()))
    });
    let all: Vec<(u8, Range<usize>)> = places.collect();
    // One alone may be a word of another code.
    let [(_, start), .., (_, end)] = &all[..] else { return (None, 0) };
    // A telephone number has pairs of digits too: without a letter, they are none.
    let has_letter = first.starts_with("0x") || width == BITS || {
        let lettered =
            |span: &Range<usize>| text[span.clone()].bytes().any(|b| b.is_ascii_alphabetic());
        all.iter().any(|(_, span)| lettered(span))
    };
    let mut piece = Piece::new(start.start..end.end);
    for (byte, span) in &all {
        piece.push(*byte as char, span.clone());
    }
    (has_letter.then_some(piece), end.end)
}

/// A printable character of ASCII as a number: `62`, `0x62`, `01100010`.
fn number(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("0x").or_else(|| token.strip_prefix("\\x")).unwrap_or(token);
    let byte = match (token.len(), hex.len()) {
        (BITS, _) if token.bytes().all(|b| matches!(b, b'0' | b'1')) => {
            u8::from_str_radix(token, 2).ok()
        }
        (_, 2) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u8::from_str_radix(hex, 16).ok(),
        _ => None,
    };
    byte.filter(|byte| (b' '..=b'~').contains(byte))
}

fn is_sign(c: char) -> bool {
    matches!(c, '.' | '-' | '·' | '•' | '−' | '–' | '_')
}

fn is_morse(token: &str) -> bool {
    !token.is_empty()
        && token.len() <= 3 * MORSE_SIGNS_MAX
        && token.chars().all(is_sign)
        && token.chars().count() <= MORSE_SIGNS_MAX
}

/// Letters apart by spaces, words by a stroke or a wider space.
fn morse(text: &str, start: usize) -> (Option<Piece>, usize) {
    let mut piece = Piece::new(start..start);
    let mut kinds = 0_u32;
    let mut before: Option<Range<usize>> = None;
    for token in tokens(text, start) {
        let said = &text[token.clone()];
        if matches!(said, "/" | "|" | "//") {
            piece.push(' ', token.clone());
        } else if let Some(letter) = is_morse(said).then(|| letter(said)).flatten() {
            let wide = before.as_ref().is_some_and(|before| token.start - before.end > 1);
            if wide && !piece.text.ends_with(' ') {
                piece.push(' ', token.start - 1..token.start);
            }
            kinds |= 1 << (letter as u32 - u32::from('a'));
            piece.push(letter, token.clone());
        } else {
            break;
        }
        piece.span.end = token.end;
        before = Some(token);
    }
    // Rows of dots are made of few letters.
    let end = piece.span.end;
    (Some(piece).filter(|_| u32::count_ones(kinds) >= 3), end)
}

fn letter(signs: &str) -> Option<char> {
    const CODES: [&str; 26] = [
        ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--",
        "-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--",
        "--..",
    ];
    let plain: String =
        signs.chars().map(|c| if matches!(c, '.' | '·' | '•') { '.' } else { '-' }).collect();
    let at = CODES.iter().position(|code| *code == plain)?;
    Some((b'a' + at as u8) as char)
}
