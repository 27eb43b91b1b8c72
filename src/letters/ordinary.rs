//! Knows ordinary words and chat spelling, so that a guess never turns one into a slur.
//!
//! Whoever misspells a slur writes a word that nobody else writes. So a word is only ever guessed
//! at where it stands in no list of ordinary words, `wordlists/common/ordinary.list`.

use std::sync::LazyLock;

use super::bytes::fnv;

/// What is known of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Ordinary,
    /// A short spelling of these words: `u` is `you`.
    Short(&'static str),
}

/// Longer than every word in the table.
const WORD_BYTES_MAX: usize = 24;

/// The words by their hash: whoever has read a word has its hash already.
///
/// Every word of every message is asked for here, and between two messages the processor forgets
/// most of it: so a word takes a few bytes, and a place says of nearly all others that they are not
/// the one that is asked for.
struct Table {
    /// All words, one behind the other.
    text: String,
    words: Vec<Place>,
    /// What the short ones are short for.
    long: Vec<&'static str>,
    /// For each place one more than the number of its word, or 0, and bits of the word's hash. Half
    /// of the places are empty, so that what is not at its own place is found behind it.
    places: Vec<(u16, u16)>,
}

/// Where a word is in the text, and which of the long ones it means.
struct Place {
    start: u32,
    len: u16,
    /// One more than its number; 0: it is no short one.
    long: u16,
}

impl Table {
    fn new(words: impl Iterator<Item = (&'static str, Known)>) -> Table {
        let words: Vec<_> = words.collect();
        assert!(words.len() < usize::from(u16::MAX), "the ordinary words have numbers of 16 bits");
        let places = vec![(0, 0); (2 * words.len()).next_power_of_two()];
        let mut table = Table { text: String::new(), words: Vec::new(), long: Vec::new(), places };
        for (word, known) in words {
            let hash = fnv(word.as_bytes());
            let at = table.place(hash, word);
            let long = match known {
                Known::Ordinary => 0,
                Known::Short(long) => {
                    table.long.push(long);
                    table.long.len() as u16
                }
            };
            match table.places[at].0.checked_sub(1) {
                // The later list has the word.
                Some(old) => table.words[usize::from(old)].long = long,
                None => {
                    let (start, len) = (table.text.len() as u32, word.len() as u16);
                    table.text.push_str(word);
                    table.words.push(Place { start, len, long });
                    table.places[at] = (table.words.len() as u16, tag(hash));
                }
            }
        }
        table
    }

    /// Where a word is, or would be.
    fn place(&self, hash: u64, word: &str) -> usize {
        let last = self.places.len() - 1;
        // The low bits of this hash are its best ones.
        let mut at = (hash ^ hash >> 32) as usize & last;
        let tag = tag(hash);
        while let (Some(number), own) = (self.places[at].0.checked_sub(1), self.places[at].1) {
            if own == tag && self.word(&self.words[usize::from(number)]) == word.as_bytes() {
                break;
            }
            at = (at + 1) & last;
        }
        at
    }

    fn word(&self, place: &Place) -> &[u8] {
        let start = place.start as usize;
        &self.text.as_bytes()[start..start + usize::from(place.len)]
    }

    fn find(&self, hash: u64, word: &str) -> Option<Known> {
        let number = self.places[self.place(hash, word)].0.checked_sub(1)?;
        Some(match self.words[usize::from(number)].long.checked_sub(1) {
            Some(long) => Known::Short(self.long[usize::from(long)]),
            None => Known::Ordinary,
        })
    }
}

/// Bits of a hash that do not say where its word is.
fn tag(hash: u64) -> u16 {
    (hash >> 20) as u16
}

const ORDINARY: &str = include_str!("../../wordlists/common/ordinary.list");
const CHAT: &str = include_str!("../../wordlists/common/chat.list");

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let said = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
    let words = said(ORDINARY).map(|word| (word, Known::Ordinary));
    let short = said(CHAT).filter_map(|line| line.split_once('='));
    Table::new(words.chain(short.map(|(word, long)| (word, Known::Short(long)))))
});

/// What is known of a folded word; `None` for a name, a slip or a disguise.
pub fn known(word: &str) -> Option<Known> {
    known_by(fnv(word.as_bytes()), word)
}

/// The same where the word's hash ([`fnv`]) is known.
pub fn known_by(hash: u64, word: &str) -> Option<Known> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    TABLE.find(hash, word)
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
