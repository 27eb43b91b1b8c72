//! Guesses the listed word that another one looks like, letter for letter.
//!
//! Letters doubled, letters drawn like others, the beginning moved to the end.

use super::{
    Choice, GRAVE_MIN, Guesses, OPTIONS_MAX, SEVERITY_MIN, Slip, TERM_LETTERS_MIN, Word, hash,
    spell,
};
use crate::letters::ordinary::is_ordinary;

/// So many consonants begin a word.
const MOVED_MAX: usize = 3;

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
        self.turned_back(word, |at| add(at, |_, _| true));
    }

    /// The grave words whose beginning was moved to the end: `orpblay`.
    fn turned_back(&self, word: &str, mut found: impl FnMut(u32)) {
        let Some(stem) = word.strip_suffix("ay") else { return };
        for moved in 1..=MOVED_MAX.min(stem.len()) {
            let (rest, first) = stem.split_at(stem.len() - moved);
            if first.bytes().any(|letter| letter != b'y' && spell::is_vowel(letter)) {
                return;
            }
            let grave = self.whole(hash(Slip::None, first.bytes().chain(rest.bytes())));
            let grave = grave.filter(|at| {
                let Word { text, level } = &self.words[*at as usize];
                *level >= GRAVE_MIN && text.strip_prefix(first) == Some(rest)
            });
            grave.into_iter().for_each(&mut found);
        }
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
