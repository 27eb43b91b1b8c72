//! Knows ordinary words and chat spelling, so that a guess never turns one into a slur.
//!
//! Whoever misspells a slur writes a word that nobody else writes. So a word is only ever guessed
//! at where it stands in no list of ordinary words, `wordlists/common/ordinary.list`.

use std::{collections::HashMap, sync::LazyLock};

use super::bytes::FnvBuild;

/// What is known of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Ordinary,
    /// A short spelling of these words: `u` is `you`.
    Short(&'static str),
}

/// Longer than every word in the table.
const WORD_BYTES_MAX: usize = 24;

type Table = HashMap<&'static str, Known, FnvBuild>;

const ORDINARY: &str = include_str!("../../wordlists/common/ordinary.list");
const CHAT: &str = include_str!("../../wordlists/common/chat.list");

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let said = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
    let words = said(ORDINARY).map(|word| (word, Known::Ordinary));
    let short = said(CHAT).filter_map(|line| line.split_once('='));
    words.chain(short.map(|(word, long)| (word, Known::Short(long)))).collect()
});

/// What is known of a folded word; `None` for a name, a slip or a disguise.
pub fn known(word: &str) -> Option<Known> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    TABLE.get(word).copied()
}

/// Whether a folded word is one that people use.
pub fn is_ordinary(word: &str) -> bool {
    known(word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_words_and_short_spellings() {
        for word in ["the", "yourself", "bonjour", "etre", "lol"] {
            assert!(is_ordinary(word), "{word}");
        }
        for word in ["", "blorp", "yuorself", "a very long line that is no word at all"] {
            assert!(!is_ordinary(word), "{word}");
        }
        assert_eq!(known("u"), Some(Known::Short("you")));
        assert_eq!(known("koi"), Some(Known::Short("quoi")));
    }

    #[test]
    fn the_tables_are_folded_and_sorted() {
        for text in [ORDINARY, CHAT] {
            let words: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(words.is_sorted());
            for word in words {
                let (word, long) = word.split_once('=').unwrap_or((word, "x"));
                assert_eq!(crate::letters::plain(word).0, word);
                assert!((1..=WORD_BYTES_MAX).contains(&word.len()) && !long.is_empty());
            }
        }
    }
}
