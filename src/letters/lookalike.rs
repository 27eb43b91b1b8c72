//! Reads characters that are drawn like a Latin letter as that letter.

use std::{collections::BTreeMap, sync::LazyLock};

use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// The Latin letter that a lower-case character looks like.
pub fn lookalike(c: char) -> Option<char> {
    match c {
        // Flags are spelt with these.
        '\u{1f1e6}'..='\u{1f1ff}' => lettered(c, 0x1f1e6),
        '\u{1f150}'..='\u{1f169}' => lettered(c, 0x1f150),
        '\u{1f170}'..='\u{1f189}' => lettered(c, 0x1f170),
        _ => {
            let at = TABLE.binary_search_by_key(&c, |entry| entry.0).ok()?;
            Some(TABLE[at].1)
        }
    }
}

/// The letter that a digit stands for; a 1 is an l as well.
pub fn digit(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' => 'i',
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

fn lettered(c: char, first: u32) -> Option<char> {
    char::from_u32(u32::from(b'a') + (c as u32 - first))
}

/// Where look-alikes of Latin letters stand: Latin beyond ASCII, Greek, Cyrillic, Armenian,
/// Cherokee, phonetic letters, Coptic, Lisu and their extensions.
const BLOCKS: [(u32, u32); 8] = [
    (0x00a1, 0x0590),
    (0x10a0, 0x1100),
    (0x13a0, 0x1400),
    (0x1c80, 0x1d80),
    (0x2c60, 0x2d30),
    (0xa4d0, 0xa500),
    (0xa640, 0xa800),
    (0xab30, 0xabc0),
];

/// What people read as a letter, whatever Unicode says.
const READ_AS: &str = include_str!("../../wordlists/common/lookalike.list");

static TABLE: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    // What people read goes before what Unicode says.
    let mut table: BTreeMap<char, char> = BTreeMap::new();
    for line in READ_AS.lines().filter(|line| !line.starts_with('#')) {
        let Some((letter, shapes)) = line.split_once(' ') else { continue };
        let folded = super::plain(shapes).0;
        for shape in folded.chars().filter(|c| !c.is_ascii() && !is_combining_mark(*c)) {
            table.entry(shape).or_insert(letter.chars().next().unwrap_or(' '));
        }
    }
    let all = BLOCKS.iter().flat_map(|&(from, to)| from..to).filter_map(char::from_u32);
    for c in all.filter(|c| c.is_alphabetic()) {
        if let Some(latin) = prototype(c) {
            // Cherokee's small letters came later, and Unicode's table knows only its capitals.
            for c in c.to_lowercase().chain([c]) {
                table.entry(c).or_insert(latin);
            }
        }
    }
    table.into_iter().collect()
});

/// Unicode's own answer (UTS #39), where it is one Latin letter.
fn prototype(c: char) -> Option<char> {
    let mut buffer = [0; 4];
    let shape: String = skeleton(c.encode_utf8(&mut buffer)).collect();
    match shape.as_bytes() {
        [one] if one.is_ascii_alphabetic() => Some(one.to_ascii_lowercase() as char),
        // The table spells m as r and n.
        b"rn" => Some('m'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::lookalike;

    #[test]
    fn reads_shapes() {
        let check = |from: &str, to: &str| {
            let read: String = from.chars().filter_map(lookalike).collect();
            assert_eq!(read, to, "{from}");
        };
        check("асеорхуѕіј", "aceopxysij");
        check("αβεικνορτυ", "abeikvoptu");
        check("ᴀʙᴄᴅᴇꜰɢ", "abcdefg");
        check("🇧🇱🇴🇷🇵", "blorp");
        check("🅱🅻🅾🆁🅿", "blorp");
        check("жд漢é", "");
    }
}
