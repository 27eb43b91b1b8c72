//! Reads letters rotated by thirteen where they are no word as they stand.

use crate::message::{View, ViewKind};

/// Fewer letters turn into a word by accident.
const LETTERS_MIN: usize = 4;

/// For each first letter, the second letters that follow it in English and French words: bit 0 is
/// `a`. Counted in ordinary talk of both; pairs rarer than one in ten thousand are out. The last is
/// for a word's beginning: any letter stands there.
const PAIRS: [u32; 27] = [
    67042799, 18762001, 18763157, 20347225, 67108863, 1722673, 1993169, 18760081, 45087871,
    1064977, 17047825, 25156925, 18149715, 20934525, 25099647, 18794897, 1048576, 25099647,
    22936981, 22956439, 28244991, 147729, 418193, 557333, 5034263, 16777489, 4294967295,
];
/// Stands before a word's first letter.
const START: u8 = 26;

/// The rotated reading, where some word reads better rotated. All of it is turned: the short words
/// of a phrase say too little to be asked one by one.
pub(super) fn reading(plain: &View) -> Option<View> {
    if !has_better(plain.text.as_bytes()) {
        return None;
    }
    let text = plain.text.chars().map(turned).collect();
    Some(View { kind: ViewKind::Rotated, text, origin: plain.origin.clone() })
}

/// Whether some word, rotated, has fewer pairs of letters that no word has; or as many, and two
/// vowels more.
fn has_better(text: &[u8]) -> bool {
    /// How many vowels more a letter is when it is turned.
    const GAINS: [i32; 26] = {
        let mut gains = [0; 26];
        let (vowels, turning) = (b"aeiouy", b"nrvbhl");
        let mut at = 0;
        while at < vowels.len() {
            gains[(vowels[at] - b'a') as usize] = -1;
            gains[(turning[at] - b'a') as usize] = 1;
            at += 1;
        }
        gains
    };
    let better = |word: &[u8], odd: u32, gain: i32| {
        let turned = |byte: u8| (byte - b'a' + 13) % 26;
        let pairs = word.windows(2);
        let rotated: u32 = pairs.map(|pair| odd_pair(turned(pair[0]), turned(pair[1]))).sum();
        rotated < odd || rotated == odd && gain >= 2
    };
    let (mut start, mut before, mut odd, mut gain) = (0, START, 0, 0);
    for (at, byte) in text.iter().enumerate() {
        let letter = byte.wrapping_sub(b'a');
        if letter < 26 {
            odd += odd_pair(before, letter);
            gain += GAINS[usize::from(letter)];
            before = letter;
            continue;
        }
        // Nearly every word has no such pair, and nothing that could be better.
        let word = &text[start..at];
        if (odd > 0 || gain >= 2) && word.len() >= LETTERS_MIN && better(word, odd, gain) {
            return true;
        }
        (start, before, odd, gain) = (at + 1, START, 0, 0);
    }
    text.len() - start >= LETTERS_MIN && better(&text[start..], odd, gain)
}

/// 1 where no word has these two letters in a row.
fn odd_pair(first: u8, second: u8) -> u32 {
    PAIRS[usize::from(first)] >> second & 1 ^ 1
}

fn turned(c: char) -> char {
    match c {
        'a'..='m' => (c as u8 + 13) as char,
        'n'..='z' => (c as u8 - 13) as char,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters;

    #[test]
    fn turns_what_is_no_word() {
        for (text, expected) in [
            ("so terzo it", Some("fb gremb vg")),
            ("tb naq svtug gurz", Some("go and fight them")),
            ("fxvyc", Some("skilp")),
            ("hello there my friends", None),
            ("bonjour tout le monde", None),
            ("привет", None),
        ] {
            let (plain, origin) = letters::plain(text);
            let view = View { kind: ViewKind::Plain, text: plain, origin };
            assert_eq!(reading(&view).map(|view| view.text).as_deref(), expected, "{text}");
        }
    }
}
