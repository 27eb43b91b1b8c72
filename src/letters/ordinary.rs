//! Knows ordinary words and chat spelling, so that a guess never turns one into a slur.
//!
//! Whoever misspells a slur writes a word that nobody else writes. So a word is only ever guessed
//! at where it stands in no list of ordinary words, `wordlists/common/ordinary.list`.

use std::{collections::HashMap, sync::LazyLock};

use super::bytes::{SpreadBuild, fnv};

/// What is known of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Ordinary,
    /// A short spelling of these words: `u` is `you`.
    Short(&'static str),
}

/// The words by their hash: whoever has read a word has its hash already.
///
/// Every word of every message is asked for here, and between two messages the processor forgets
/// most of it: so there is nothing but a part of each hash, and one look. One word in a thousand
/// million that is in no list passes for one that is, and then it is not guessed at.
struct Table {
    /// For each word the upper half of its hash, with the lowest bit saying that it is short; 0:
    /// nothing is here. At least half of the places are empty, so that what is not at its own
    /// place is found behind it.
    places: Vec<u32>,
    /// What the short ones are short for, by their hash.
    long: HashMap<u64, &'static str, SpreadBuild>,
}

impl Table {
    fn new(words: impl Iterator<Item = (&'static str, Known)>) -> Table {
        let words: Vec<_> = words.collect();
        let places = vec![0; (2 * words.len()).next_power_of_two()];
        let mut table = Table { places, long: HashMap::default() };
        for (word, known) in words {
            let hash = fnv(word.as_bytes());
            let at = table.place(hash);
            table.places[at] = match known {
                Known::Ordinary => tag(hash),
                Known::Short(long) => {
                    table.long.insert(hash, long);
                    tag(hash) | SHORT
                }
            };
        }
        table
    }

    /// Where a word is, or would be.
    fn place(&self, hash: u64) -> usize {
        let last = self.places.len() - 1;
        // The low bits of this hash are its best ones.
        let mut at = (hash ^ hash >> 32) as usize & last;
        while self.places[at] != 0 && self.places[at] & !SHORT != tag(hash) {
            at = (at + 1) & last;
        }
        at
    }

    fn find(&self, hash: u64) -> Option<Known> {
        match self.places[self.place(hash)] {
            0 => None,
            place if place & SHORT == 0 => Some(Known::Ordinary),
            _ => self.long.get(&hash).map(|long| Known::Short(long)),
        }
    }
}

/// Says of a place that its word is short for something.
const SHORT: u32 = 1;

/// What is kept of a hash.
fn tag(hash: u64) -> u32 {
    ((hash >> 32) as u32 & !SHORT).max(2)
}

const ORDINARY: &str = include_str!("../../wordlists/common/ordinary.list");
const CHAT: &str = include_str!("../../wordlists/common/chat.list");

/// How many ordinary words of each length begin with the same letters.
static BEGINNINGS: LazyLock<HashMap<(&str, usize), usize>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for word in ORDINARY.lines().filter(|line| !line.starts_with('#')) {
        let first = word.get(..BEGINNING_LETTERS);
        first.into_iter().for_each(|first| *all.entry((first, word.len())).or_default() += 1);
    }
    all
});
const BEGINNING_LETTERS: usize = 3;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let said = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
    let words = said(ORDINARY).map(|word| (word, Known::Ordinary));
    let short = said(CHAT).filter_map(|line| line.split_once('='));
    Table::new(words.chain(short.map(|(word, long)| (word, Known::Short(long)))))
});

/// What is known of a folded word; `None` for a name, a slip or a disguise.
pub fn known(word: &str) -> Option<Known> {
    known_by(fnv(word.as_bytes()))
}

/// The same where the word's hash ([`fnv`]) is known.
pub fn known_by(hash: u64) -> Option<Known> {
    TABLE.find(hash)
}

/// Whether a folded word is one that people use.
pub fn is_ordinary(word: &str) -> bool {
    known(word).is_some()
}

/// How many ordinary words of so many letters begin with the first letters of this one.
pub fn begun_so(word: &str, letters: usize) -> usize {
    let first = word.get(..BEGINNING_LETTERS);
    first.and_then(|first| BEGINNINGS.get(&(first, letters))).copied().unwrap_or_default()
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
    fn counts_what_begins_alike() {
        assert!(begun_so("thing", 5) > 3);
        assert_eq!(begun_so("xqzing", 6), 0);
        assert_eq!(begun_so("bl", 5), 0);
    }

    #[test]
    fn the_tables_are_folded_and_sorted() {
        for text in [ORDINARY, CHAT] {
            let words: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(words.is_sorted());
            for word in words {
                let (word, long) = word.split_once('=').unwrap_or((word, "x"));
                assert_eq!(crate::letters::plain(word).0, word);
                assert!(!word.is_empty() && !long.is_empty());
            }
        }
    }
}
