//! Reads letters rotated by thirteen, where they are no word as they stand.

use crate::{
    letters::bytes::ByteSet,
    message::{View, ViewKind},
};

use super::LETTERS_MIN;

/// For each first letter, the second letters that follow it in English and French words: bit 0 is
/// `a`. Counted in ordinary talk of both; pairs rarer than one in ten thousand are out.
const PAIRS: [u32; 26] = [
    67042799, 18762001, 18763157, 20347225, 67108863, 1722673, 1993169, 18760081, 45087871,
    1064977, 17047825, 25156925, 18149715, 20934525, 25099647, 18794897, 1048576, 25099647,
    22936981, 22956439, 28244991, 147729, 418193, 557333, 5034263, 16777489,
];

/// The rotated reading, where some word reads better rotated. All of it is turned: the short words
/// of a phrase say too little to be asked one by one.
pub(super) fn rotated(plain: &View) -> Option<View> {
    let mut words = plain.text.as_bytes().split(|byte| !byte.is_ascii_lowercase());
    if !words.any(|word| word.len() >= LETTERS_MIN && is_better(word)) {
        return None;
    }
    let text = plain.text.chars().map(turned).collect();
    Some(View { kind: ViewKind::Rotated, text, origin: plain.origin.clone() })
}

/// Rotated, it has fewer pairs of letters that no word has; or as many, and
/// two vowels more.
fn is_better(word: &[u8]) -> bool {
    const VOWELS: ByteSet = ByteSet::of(b"aeiouy");
    /// The letters that turn into vowels.
    const TURNING: ByteSet = ByteSet::of(b"nrvbhl");
    let odd = |read: fn(u8) -> u8| {
        let is_odd = |pair: &&[u8]| PAIRS[usize::from(read(pair[0]))] >> read(pair[1]) & 1 == 0;
        word.windows(2).filter(is_odd).count()
    };
    let count = |set: &ByteSet| word.iter().filter(|byte| set.has(**byte)).count();
    let sounds = || count(&VOWELS) + 2 <= count(&TURNING);
    let turned = |byte: u8| (byte - b'a' + 13) % 26;
    // Nearly every word has no such pair, and nothing that could be better.
    match odd(|byte| byte - b'a') {
        0 => sounds() && odd(turned) == 0,
        as_is => {
            let rotated = odd(turned);
            rotated < as_is || (rotated == as_is && sounds())
        }
    }
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
            assert_eq!(rotated(&view).map(|view| view.text).as_deref(), expected, "{text}");
        }
    }
}
