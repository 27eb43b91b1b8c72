//! Converts places in a text to what outside formats count: code points, or UTF-16 units.
//!
//! Inside, a place is a range of bytes of the original text. Each function takes any range: what
//! does not lie on character boundaries is widened to those around it, so that no place is ever
//! half a character.

use std::ops::Range;

/// First and last code point of the bytes `range`, both included; `None` where it is empty.
pub fn code_points(text: &str, range: &Range<usize>) -> Option<(usize, usize)> {
    let (start, end) = widened(text, range);
    let before = text[..start].chars().count();
    let inside = text[start..end].chars().count();
    (inside > 0).then(|| (before, before + inside - 1))
}

/// First UTF-16 unit of the bytes `range`, and the one after its last.
pub fn utf16(text: &str, range: &Range<usize>) -> (usize, usize) {
    let (start, end) = widened(text, range);
    let units = |text: &str| text.chars().map(char::len_utf16).sum::<usize>();
    let begin = units(&text[..start]);
    (begin, begin + units(&text[start..end]))
}

/// The bytes of the code points `start` to `end_included`; `None` where the text is shorter.
pub fn bytes_of_code_points(text: &str, start: usize, end_included: usize) -> Option<Range<usize>> {
    let count = end_included.checked_sub(start)?;
    let mut letters = text.char_indices().skip(start);
    let (first, letter) = letters.next()?;
    let (last, letter) = match count {
        0 => (first, letter),
        _ => letters.nth(count - 1)?,
    };
    Some(first..last + letter.len_utf8())
}

fn widened(text: &str, range: &Range<usize>) -> (usize, usize) {
    let start = text.floor_char_boundary(range.start.min(text.len()));
    let end = text.ceil_char_boundary(range.end.min(text.len()));
    (start, end.max(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text holds its last column once; the columns are bytes, code points (end included),
    /// UTF-16 units (end excluded).
    type Row = (&'static str, Range<usize>, (usize, usize), (usize, usize), &'static str);

    const TABLE: [Row; 10] = [
        ("blorp", 0..5, (0, 4), (0, 5), "blorp"),
        ("a blorp b", 2..7, (2, 6), (2, 7), "blorp"),
        // Two bytes, one unit.
        ("é blorp", 3..8, (2, 6), (2, 7), "blorp"),
        // The accent is a code point of its own.
        ("e\u{301} blorp", 4..9, (3, 7), (3, 8), "blorp"),
        // Four bytes, two units.
        ("😀 blorp", 5..10, (2, 6), (3, 8), "blorp"),
        ("blorp 😀!", 6..10, (6, 6), (6, 8), "😀"),
        // A family: three people and two joiners.
        ("👨\u{200d}👩\u{200d}👧 hi", 0..18, (0, 4), (0, 8), "👨\u{200d}👩\u{200d}👧"),
        ("👨\u{200d}👩\u{200d}👧 hi", 19..21, (6, 7), (9, 11), "hi"),
        // A letter outside the basic plane that is no emoji.
        ("𝔟lorp", 0..8, (0, 4), (0, 6), "𝔟lorp"),
        // Right to left: places follow the order of the text, not of the screen.
        ("שלום blorp", 9..14, (5, 9), (5, 10), "blorp"),
    ];

    #[test]
    fn places_are_converted_to_every_format_and_back() {
        for (text, bytes, points, units, inside) in TABLE {
            assert_eq!(&text[bytes.clone()], inside, "{text}");
            assert_eq!(code_points(text, &bytes), Some(points), "{text}");
            assert_eq!(utf16(text, &bytes), units, "{text}");
            assert_eq!(bytes_of_code_points(text, points.0, points.1), Some(bytes), "{text}");
            let utf16: Vec<u16> = text.encode_utf16().collect();
            let read = String::from_utf16(&utf16[units.0..units.1]).ok();
            assert_eq!(read.as_deref(), Some(inside), "{text}");
        }
    }

    #[test]
    fn places_outside_and_inside_of_characters_are_bounded() {
        let text = "a😀b";
        for (bytes, points, units) in [
            (0..0, None, (0, 0)),
            (0..6, Some((0, 2)), (0, 4)),
            (0..99, Some((0, 2)), (0, 4)),
            // The middle of the emoji means all of it.
            (2..3, Some((1, 1)), (1, 3)),
            (6..6, None, (4, 4)),
            (99..200, None, (4, 4)),
        ] {
            assert_eq!(code_points(text, &bytes), points, "{bytes:?}");
            assert_eq!(utf16(text, &bytes), units, "{bytes:?}");
        }
        for (start, end, bytes) in [
            (0, 0, Some(0..1)),
            (1, 1, Some(1..5)),
            (0, 2, Some(0..6)),
            (0, 3, None),
            (3, 3, None),
            (2, 1, None),
            (0, usize::MAX, None),
        ] {
            assert_eq!(bytes_of_code_points(text, start, end), bytes, "{start} to {end}");
        }
        assert_eq!(bytes_of_code_points("", 0, 0), None);
    }
}
