//! Guesses the listed word that another one looks like, letter for letter.
//!
//! Letters doubled, letters drawn like others.

use super::{
    Choice, Guesses, OPTIONS_MAX, SEVERITY_MIN, Slip, TERM_LETTERS_MIN, Word, hash, spell,
};
use crate::letters::ordinary::is_ordinary;

impl Guesses {
    /// Adds the listed words that one which nobody uses looks like.
    pub(super) fn add_alike(&self, word: &str, options: &mut Vec<Choice>) {
        let mut add = |at: u32, good: fn(&str, &str) -> bool| {
            let Word { text, level } = &self.words[at as usize];
            let alone = (*level >= SEVERITY_MIN || *level > 0 && is_meant(word, text))
                && text.len() >= TERM_LETTERS_MIN
                && !is_doubled_ordinary(word, text);
            let known = options.iter().any(|option| *option.word == **text);
            if options.len() < OPTIONS_MAX && !known && good(word, text) {
                options.push(Choice { word: text.to_string(), alone });
            }
        };
        self.each(hash(Slip::Drawn, spell::outline(word)), |at| add(at, spell::is_drawn));
    }
}

/// Whether letters are drawn as no slip draws them: a letter doubled may be one, an i for an l.
fn is_meant(said: &str, word: &str) -> bool {
    let mut both = said.bytes().zip(word.bytes());
    said.len() == word.len() && both.any(|(said, own)| said != own && matches!(said, b'q' | b'v'))
}

/// Whether a word with one of its doubled letters single is an ordinary one, and not the one that
/// it is taken for.
fn is_doubled_ordinary(said: &str, word: &str) -> bool {
    let pairs = said.as_bytes().windows(2).enumerate().filter(|(_, pair)| pair[0] == pair[1]);
    pairs.into_iter().any(|(at, _)| {
        let shorter = format!("{}{}", &said[..at], &said[at + 1..]);
        shorter != word && is_ordinary(&shorter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_ordinary_word_is_another_one() {
        for (said, word, expected) in [
            ("tthe", "blorp", true),
            ("tthe", "the", false),
            ("bblorp", "blorp", false),
            ("the", "blorp", false),
        ] {
            assert_eq!(is_doubled_ordinary(said, word), expected, "{said} {word}");
        }
    }
}
