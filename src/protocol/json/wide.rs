//! Recognises JSON in UTF-16 and UTF-32, which some servers decode where others see noise.

/// Whether the bytes begin like a JSON object or array in an encoding of two or four bytes a
/// character, with or without a byte order mark.
pub fn looks_like_json(bytes: &[u8]) -> bool {
    let two = |read: fn([u8; 2]) -> u16| {
        let (units, _) = bytes.as_chunks::<2>();
        opens(units.iter().map(|unit| u32::from(read(*unit))))
    };
    let four = |read: fn([u8; 4]) -> u32| {
        let (units, _) = bytes.as_chunks::<4>();
        opens(units.iter().map(|unit| read(*unit)))
    };
    two(u16::from_le_bytes)
        || two(u16::from_be_bytes)
        || four(u32::from_le_bytes)
        || four(u32::from_be_bytes)
}

/// Whether the first character, white space and a byte order mark left aside, opens something.
fn opens(units: impl Iterator<Item = u32>) -> bool {
    let mut units = units.peekable();
    units.next_if_eq(&0xfeff);
    let first = units.find(|unit| !matches!(unit, 0x20 | 0x09 | 0x0a | 0x0d));
    matches!(first, Some(0x7b | 0x5b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text in each of the four encodings.
    fn wide(text: &str) -> [Vec<u8>; 4] {
        [
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
            text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
        ]
    }

    #[test]
    fn json_is_seen_in_each_encoding() {
        let check = |text: &str, expected| {
            for bytes in wide(text) {
                assert_eq!(looks_like_json(&bytes), expected, "{text:?} as {bytes:x?}");
            }
        };
        check("{\"text\":\"x\"}", true);
        check("\u{feff}{}", true);
        check("\u{feff} \r\n\t[1]", true);
        check("  {", true);
        check("", false);
        check("   ", false);
        check("text", false);
        check("\u{feff}\u{feff}{", false);
        check("x{", false);
    }

    #[test]
    fn other_bytes_are_not_json() {
        let check = |bytes: &[u8]| assert!(!looks_like_json(bytes), "{bytes:x?}");
        check(b"");
        check(b"{");
        check(b"{}");
        check(b"{\"text\":1}");
        check(&[0, 1, 2]);
        check(&[0xff, 0xfe]);
        check(&[0xfe, 0xff, 0, 1]);
        check(&[0xff, 0xfe, 0, 0, 1, 0]);
        check(&[0, 0, 0, 0, 0, 0x7b]);
    }
}
