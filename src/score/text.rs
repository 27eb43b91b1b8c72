//! Writes a message as the model was taught to read it.
//!
//! The recipe in `models/training/` does the same, bit for bit: a model that reads another text
//! than it learnt from is another model. It undoes less than `normalize`, since the model has seen
//! evasion and its spelling says something.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Stands for every link: where it leads is not for the model.
const LINK: &str = "url";
const LINKS: [&str; 3] = ["http://", "https://", "www."];

/// The longest run of one character that is kept; digits are exempt, for 1000 is not 100.
const RUN_MAX: usize = 2;

/// The model's reading of a text: words in lower case, one space between them.
pub fn model_text(text: &str) -> String {
    let lower = match is_nfkc_quick(text.chars()) {
        IsNormalized::Yes => text.to_lowercase(),
        _ => text.nfkc().collect::<String>().to_lowercase(),
    };
    let visible = |c: &char| !is_invisible(*c);
    let spaced = |c: char| if is_control(c) { ' ' } else { c };
    let clean: String = lower.chars().filter(visible).map(spaced).collect();

    let mut out = Runs { text: String::with_capacity(clean.len()), last: ' ', length: 0 };
    for word in clean.split_whitespace() {
        if !out.text.is_empty() {
            out.push(' ');
        }
        let link = LINKS.iter().any(|start| word.starts_with(start));
        (if link { LINK } else { word }).chars().for_each(|c| out.push(c));
    }
    out.text
}

/// A text under construction in which no run is longer than [`RUN_MAX`].
struct Runs {
    text: String,
    last: char,
    length: usize,
}

impl Runs {
    fn push(&mut self, c: char) {
        self.length = if c == self.last { self.length + 1 } else { 1 };
        self.last = c;
        if self.length <= RUN_MAX || c.is_ascii_digit() {
            self.text.push(c);
        }
    }
}

fn is_control(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}')
}

/// What can be written into a word without being seen.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_in_training() {
        for (text, expected) in [
            ("", ""),
            (" \u{200b}\t", ""),
            ("Hello   THERE\n", "hello there"),
            ("sooooo  goooood!!!!", "soo good!!"),
            ("1000000 aaa 111", "1000000 aa 111"),
            ("see HTTPS://x.example/Aaaa?b now", "see url now"),
            ("www.x hello", "url hello"),
            ("(https://x", "(https://x"),
            ("bl\u{200b}or\u{ad}p\u{fe0f}", "blorp"),
            ("a\u{7}b", "a b"),
            ("ＷＩＤＥ ﬁne", "wide fine"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{130}", "i\u{307}"),
            ("😂😂😂😂", "😂😂"),
            ("a\u{85}b\u{3000}c\u{180e}d", "a b cd"),
        ] {
            assert_eq!(model_text(text), expected, "{text:?}");
        }
    }
}
