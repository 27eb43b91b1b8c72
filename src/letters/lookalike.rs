//! Reads characters that are drawn like a Latin letter as that letter.

use std::sync::LazyLock;

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

/// Letters that people read as Latin but Unicode's table keeps apart: small capitals, and Greek
/// and Cyrillic letters whose capital, not whose small form, looks Latin.
const READ_AS: &str = "ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ǫq ꞯq ʀr ꜱs ᴛt ᴜu ᴠv ᴡw \
    ʏy ᴢz ǝe əe ɛe ɑa кk мm тt нh вb уy яr сc αa βb εe ηn ιi κk νv οo ρp τt υu χx ωw ƒf ŋn ʃs \
    ¢c €e £l ¥y";

static TABLE: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let mut table: Vec<(char, char)> = Vec::new();
    for pair in READ_AS.split_whitespace() {
        let mut chars = pair.chars();
        table.extend(chars.next().zip(chars.next()));
    }
    let known = table.clone();
    let all = BLOCKS.iter().flat_map(|&(from, to)| from..to).filter_map(char::from_u32);
    for c in all.filter(|c| c.is_alphabetic() && known.iter().all(|k| k.0 != *c)) {
        table.extend(prototype(c).map(|latin| (c, latin)));
    }
    table.sort_unstable();
    table
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
