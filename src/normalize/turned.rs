//! Reads what was written upside down, from its end.

use crate::message::{View, ViewKind};

use super::{empty, push};

/// Letters that hardly any language has, and what they are when they are turned.
const TURNED: [(char, char); 13] = [
    ('ɐ', 'a'),
    ('ǝ', 'e'),
    ('ɟ', 'f'),
    ('ƃ', 'g'),
    ('ɥ', 'h'),
    ('ᴉ', 'i'),
    ('ɾ', 'j'),
    ('ʞ', 'k'),
    ('ɯ', 'm'),
    ('ɹ', 'r'),
    ('ʇ', 't'),
    ('ʍ', 'w'),
    ('ʎ', 'y'),
];
/// One may be a letter of its language.
const TURNED_MIN: usize = 2;

/// The reading from the other side, where some letters stand on their heads.
pub(super) fn turned(plain: &View) -> Option<View> {
    let count = |sort: fn(char) -> bool| plain.text.chars().filter(|c| sort(*c)).count();
    let sure = count(|c| !c.is_ascii() && alone(c).is_some());
    if sure == 0 || sure + count(|c| matches!(c, 'ɔ' | 'ʌ')) < TURNED_MIN {
        return None;
    }
    let mut view = empty(ViewKind::Reversed, plain);
    for (at, c) in plain.text.char_indices().rev() {
        let letter = match c {
            'u' => 'n',
            'n' => 'u',
            'p' => 'd',
            'd' => 'p',
            'b' => 'q',
            'q' => 'b',
            'ɔ' => 'c',
            'ʌ' => 'v',
            '\u{5df}' => 'l',
            c => alone(c).unwrap_or(c),
        };
        push(&mut view, letter, plain.origin[at]);
    }
    Some(view)
}

fn alone(c: char) -> Option<char> {
    TURNED.iter().find(|(turned, _)| *turned == c).map(|(_, letter)| *letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters;

    #[test]
    fn reads_from_the_other_side() {
        for (text, expected) in [
            ("dɹolq ʇᴉ", Some("it blorp")),
            ("oqɯǝɹƃ", Some("grembo")),
            ("ɔoɹ", Some("roc")),
            ("ɔkɔ blorp", None),
            ("blorp it", None),
            ("ǝ blorp", None),
            ("nə vaxt gəlirsən", None),
            ("élève à l'école", None),
        ] {
            let (plain, origin) = letters::plain(text);
            let view = View { kind: ViewKind::Plain, text: plain, origin };
            assert_eq!(turned(&view).map(|view| view.text).as_deref(), expected, "{text}");
        }
    }
}
