//! Reads how a text is spelled in a frame: which bytes stand for which character.

use std::{borrow::Cow, ops::Range};

use super::splice::Edit;

/// Why something cannot be understood without doubt.
pub type Reason = &'static str;

/// A decoded text with the way back to the bytes that spell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spelled {
    pub text: String,
    /// For each byte of `text`, the byte range of the frame that spells its character; empty for
    /// a character that nothing spells (the gap that a line break makes).
    pub origin: Vec<(usize, usize)>,
}

impl Spelled {
    /// A text that stands in the frame as it is, from byte `base` on.
    pub fn plain(text: &str, base: usize) -> Spelled {
        let mut spelled = Spelled::default();
        for (at, letter) in text.char_indices() {
            spelled.push(letter, (base + at, base + at + letter.len_utf8()));
        }
        spelled
    }

    /// The content of a JSON string, quotes left out, that stands at byte `base`.
    pub fn json(raw: &str, base: usize) -> Result<Spelled, Reason> {
        let mut spelled = Spelled::default();
        walk(raw, |letter, at| spelled.push(letter, (base + at.start, base + at.end)))?;
        Ok(spelled)
    }

    /// This text, which was taken from `outer`, with places in the frame that `outer` is from.
    pub fn within(mut self, outer: &Spelled) -> Spelled {
        for place in &mut self.origin {
            let range = outer.place(place.0..place.1);
            *place = (range.start, range.end);
        }
        self
    }

    /// The bytes of the frame that spell the bytes `range` of this text.
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        let end_of_all = self.origin.last().map_or(0, |o| o.1);
        let start = self.origin.get(range.start).map_or(end_of_all, |o| o.0);
        match range.is_empty() {
            true => start..start,
            false => start..self.origin.get(range.end - 1).map_or(end_of_all, |o| o.1),
        }
    }

    /// One star for each character that the sorted, disjoint `spans` touch, where the frame
    /// spells it.
    pub fn stars(&self, spans: &[Range<usize>]) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut spans = spans.iter().peekable();
        for (at, letter) in self.text.char_indices() {
            while spans.next_if(|span| span.end <= at).is_some() {}
            let end = at + letter.len_utf8();
            if spans.peek().is_some_and(|span| span.start < end) {
                edits.push(Edit::star(self.place(at..end)));
            }
        }
        edits
    }

    /// The text as a browser shows this HTML: tags gone, character references read.
    ///
    /// Formatting tags join what they separate (`f<b>o</b>o` is read "foo"), all others leave a
    /// gap. What an attribute says (the target of a link, the name of an emote) is not read.
    pub fn shown(&self) -> Spelled {
        let mut shown = Spelled::default();
        let mut gap = false;
        let mut at = 0;
        while let Some(letter) = self.text[at..].chars().next() {
            let rest = &self.text[at..];
            if let Some(tag) = tag(rest) {
                gap |= !joins(&rest[..tag]);
                at += tag;
                continue;
            }
            let (read, length) = reference(rest).unwrap_or((letter, letter.len_utf8()));
            let place = self.place(at..at + length);
            let spaced = |text: &str| text.is_empty() || text.ends_with(char::is_whitespace);
            if gap && !read.is_whitespace() && !spaced(&shown.text) {
                shown.push(' ', (place.start, place.start));
            }
            gap = false;
            shown.push(read, (place.start, place.end));
            at += length;
        }
        shown
    }

    fn push(&mut self, letter: char, place: (usize, usize)) {
        self.text.push(letter);
        self.origin.extend(std::iter::repeat_n(place, letter.len_utf8()));
    }
}

/// The content of a JSON string decoded; nothing is copied where nothing is escaped.
pub fn unescape(raw: &str) -> Result<Cow<'_, str>, Reason> {
    if !raw.contains('\\') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut text = String::with_capacity(raw.len());
    walk(raw, |letter, _| text.push(letter))?;
    Ok(Cow::Owned(text))
}

/// Calls `each` with every character of a JSON string's content and the bytes that spell it.
fn walk(raw: &str, mut each: impl FnMut(char, Range<usize>)) -> Result<(), Reason> {
    let mut at = 0;
    while let Some(letter) = raw[at..].chars().next() {
        let (read, length) = match letter {
            '\\' => escape(&raw[at..])?,
            _ => (letter, letter.len_utf8()),
        };
        each(read, at..at + length);
        at += length;
    }
    Ok(())
}

/// The character that the escape at the start of `raw` means, and the escape's length.
fn escape(raw: &str) -> Result<(char, usize), Reason> {
    let plain = match raw.as_bytes().get(1) {
        Some(b'u') => return unicode_escape(raw),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(&same @ (b'"' | b'\\' | b'/')) => same as char,
        _ => return Err("an escape that JSON does not have"),
    };
    Ok((plain, 2))
}

fn unicode_escape(raw: &str) -> Result<(char, usize), Reason> {
    const LONE: Reason = "half of a surrogate pair";
    let unit = |at: usize| {
        let digits = raw.get(at..at + 6)?.strip_prefix("\\u")?;
        let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let first = unit(0).ok_or("an escape that JSON does not have")?;
    if !(0xd800..0xe000).contains(&first) {
        return Ok((char::from_u32(first).ok_or(LONE)?, 6));
    }
    let second = unit(6).filter(|low| first < 0xdc00 && (0xdc00..0xe000).contains(low));
    let low = second.ok_or(LONE)?;
    let both = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
    Ok((char::from_u32(both).ok_or(LONE)?, 12))
}

/// The length of the HTML tag or comment that `text` starts with.
fn tag(text: &str) -> Option<usize> {
    // Room for a link of the length that browsers allow. It bounds the work on a text that only
    // opens tags.
    const LONGEST: usize = 2048;
    let bytes = &text.as_bytes()[..text.len().min(LONGEST)];
    let named = |b: &u8| b"/!?".contains(b) || b.is_ascii_alphabetic();
    if bytes.first() != Some(&b'<') || !bytes.get(1).is_some_and(named) {
        return None;
    }
    if bytes.starts_with(b"<!--") {
        return bytes.windows(3).position(|three| three == b"-->").map(|at| at + 3);
    }
    let mut quote = None;
    for (at, &b) in bytes.iter().enumerate() {
        match (quote, b) {
            (Some(open), _) if open == b => quote = None,
            (None, b'"' | b'\'') => quote = Some(b),
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether a tag leaves what stands on either side of it in one word.
fn joins(tag: &str) -> bool {
    const JOINING: [&str; 20] = [
        "a", "abbr", "b", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s",
        "small", "span", "strong", "sub", "sup", "u", "wbr",
    ];
    let name = tag.trim_start_matches(['<', '/']);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    tag.starts_with("<!") || JOINING.iter().any(|known| name[..end].eq_ignore_ascii_case(known))
}

/// The character that the HTML reference at the start of `text` means, and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    // No reference that is read here is longer than `&#x10FFFF;`.
    const LONGEST: usize = 10;
    let end = text.strip_prefix('&')?.bytes().take(LONGEST).position(|b| b == b';')? + 1;
    let read = match &text[1..end] {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((read, end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_json(raw: &str, expected: Result<&str, Reason>) {
        let read = Spelled::json(raw, 0);
        assert_eq!(read.as_ref().map(|s| s.text.as_str()), expected.as_ref().copied(), "{raw:?}");
        assert_eq!(unescape(raw).as_deref(), expected.as_ref().copied(), "{raw:?}");
    }

    #[test]
    fn json_escapes_are_read() {
        check_json("plain é 😀", Ok("plain é 😀"));
        check_json(r#"\"\\\/\b\f\n\r\t"#, Ok("\"\\/\u{8}\u{c}\n\r\t"));
        check_json(r"caf\u00e9 \uD83D\ude00!", Ok("café 😀!"));
        check_json(r"\ud83d", Err("half of a surrogate pair"));
        check_json(r"\ude00\ud83d", Err("half of a surrogate pair"));
        check_json(r"\ud83dxxxxxx", Err("half of a surrogate pair"));
        check_json(r"\u00é9", Err("an escape that JSON does not have"));
        check_json(r"\u+123", Err("an escape that JSON does not have"));
        check_json(r"\x41", Err("an escape that JSON does not have"));
    }

    fn check_html(html: &str, expected: &str) {
        assert_eq!(Spelled::plain(html, 0).shown().text, expected, "{html:?}");
    }

    #[test]
    fn html_is_read_as_shown() {
        check_html("<p>blo<strong>r</strong>p</p>\n", "blorp\n");
        check_html("a<br>b<img alt=\":x:\" src='>'/>c", "a b c");
        check_html("<p>one</p><p>two</p>", "one two");
        check_html("1 &lt; 2 &amp;&amp; x &#39;y&#x27; &bogus; &", "1 < 2 && x 'y' &bogus; &");
        check_html("a < b <3 <unclosed", "a < b <3 <unclosed");
        check_html("blo<!-- > -->rp", "blorp");
        check_html("&#xD800;&#1114112;", "&#xD800;&#1114112;");
    }

    #[test]
    fn layers_map_back_to_the_frame() {
        let raw = r"\u003cp\u003ebl\u00f6rp &amp; x\u003c/p\u003e";
        let shown = Spelled::json(raw, 10).map(|s| s.shown()).expect("the escapes are right");
        assert_eq!(shown.text, "blörp & x");
        assert_eq!(&raw[shown.place(2..4).start - 10..shown.place(2..4).end - 10], r"\u00f6");
        assert_eq!(&raw[shown.place(7..8).start - 10..shown.place(7..8).end - 10], "&amp;");
    }

    proptest! {
        #[test]
        fn strings_read_like_the_json_library_reads_them(
            text in "\\PC{0,12}(\\\\u[0-9a-fd]{4}){0,3}",
        ) {
            let quoted = format!("\"{text}\"");
            if let Ok(raw) = serde_json::from_str::<&serde_json::value::RawValue>(&quoted) {
                let theirs = serde_json::from_str::<String>(raw.get()).ok();
                let ours = unescape(&raw.get()[1..raw.get().len() - 1]).ok();
                prop_assert_eq!(ours.as_deref(), theirs.as_deref());
            }
        }

        #[test]
        fn html_never_panics_and_places_are_ordered(text in "[<>&;#xa/ !\"'é-]{0,40}") {
            let shown = Spelled::plain(&text, 0).shown();
            prop_assert!(shown.origin.is_sorted());
            prop_assert_eq!(shown.origin.len(), shown.text.len());
        }
    }
}
