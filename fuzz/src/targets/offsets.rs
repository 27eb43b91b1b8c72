//! Converts places in a text to what others count, and back, against the slow and obvious way.

use tidegate::message::offsets::{bytes_of_code_points, code_points, utf16};

use crate::input::Input;

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (from, to) = (usize::from(input.byte()), usize::from(input.byte()));
    let text = input.text();
    let (first, last) = code_points(&text, &(from..to)).unwrap_or((1, 0));
    if first <= last {
        let back = bytes_of_code_points(&text, first, last).expect("it is within the text");
        assert!(back.start <= from && to.min(text.len()) <= back.end, "{from}..{to}: {back:?}");
        assert_eq!(code_points(&text, &back), Some((first, last)));
        let (begin, end) = utf16(&text, &back);
        let units: Vec<u16> = text.encode_utf16().collect();
        assert_eq!(String::from_utf16(&units[begin..end]).ok().as_deref(), Some(&text[back]));
    } else {
        let (begin, end) = utf16(&text, &(from..to));
        assert!(begin == end && end <= text.encode_utf16().count());
    }
    let letters: Vec<char> = text.chars().collect();
    match bytes_of_code_points(&text, from, to) {
        Some(place) => {
            let said: String = letters[from..=to].iter().collect();
            assert_eq!(text[place], said);
        }
        None => assert!(from > to || to >= letters.len(), "{from}..={to} of {}", letters.len()),
    }
}
