//! Finds listed words and phrases by looking each word up, once.
//!
//! Nearly every term is made of whole words, and nearly every word of a message is in no term: one
//! look says so, where an automaton would read on letter by letter.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use super::{tape::strokes, words::Word};
use crate::letters::bytes::{FNV_OFFSET, SpreadBuild, fnv, fnv_step};

/// Number of a word, from 1 on; 0 is a word of no term.
type WordId = u32;
/// Number of a phrase's beginning.
type Node = u32;

const ROOT: Node = 0;

/// Sixteen bits a word for the lists of this repository.
const ANY_BITS: u64 = 1 << 18;

/// Words and phrases, each standing for an entry.
pub(super) struct Book {
    /// The words by their hash. Whoever finds a term holds all of its letters against the text, so
    /// that nothing is found that only has a hash in common.
    numbers: HashMap<u64, WordId, SpreadBuild>,
    /// With which beginning each word may begin a term.
    first: Vec<Node>,
    /// A bit for each word, so that most others cost no look at the table.
    any: Vec<u64>,
    /// Which beginning follows from which by a word.
    next: HashMap<(Node, WordId), Node, SpreadBuild>,
    /// The entries of the terms that end with each beginning.
    entries: Vec<Vec<u32>>,
    /// Words of the longest phrase.
    longest: usize,
    /// A stroke is an i or an l, and nobody knows which: the two are one letter here.
    strokes: bool,
}

impl Book {
    pub fn new(strokes: bool) -> Book {
        Book {
            numbers: HashMap::default(),
            // The word of no term.
            first: vec![ROOT],
            any: vec![0; (ANY_BITS / 64) as usize],
            next: HashMap::default(),
            entries: vec![Vec::new()],
            longest: 0,
            strokes,
        }
    }

    pub fn add<'a>(&mut self, words: impl Iterator<Item = &'a str>, entry: u32) {
        let mut node = ROOT;
        let mut length = 0;
        for word in words {
            let id = self.number(fnv(self.read(word).as_bytes()));
            let fresh = self.entries.len() as Node;
            node = match (node, self.first[id as usize]) {
                (ROOT, ROOT) => {
                    self.first[id as usize] = fresh;
                    fresh
                }
                (ROOT, known) => known,
                (node, _) => *self.next.entry((node, id)).or_insert(fresh),
            };
            if node == fresh {
                self.entries.push(Vec::new());
            }
            length += 1;
        }
        self.entries[node as usize].push(entry);
        self.longest = self.longest.max(length);
    }

    /// The number of a word of a term, a new one where it has none.
    fn number(&mut self, hash: u64) -> WordId {
        let known = self.find(hash);
        if known != 0 {
            return known;
        }
        let (at, mask) = bit(hash);
        self.any[at] |= mask;
        let fresh = self.first.len() as WordId;
        self.first.push(ROOT);
        self.numbers.insert(hash, fresh);
        fresh
    }

    /// The number of the word with this hash; 0 where there is none.
    fn find(&self, hash: u64) -> WordId {
        let (at, mask) = bit(hash);
        match self.any[at] & mask {
            0 => 0,
            _ => self.numbers.get(&hash).copied().unwrap_or_default(),
        }
    }

    /// Calls with the entry and the place of every term in the words of a text, overlapping too.
    /// Where some words are not fresh, terms of such words alone may be left out.
    pub fn run(&self, text: &str, words: &[Word], mut found: impl FnMut(u32, Range<usize>)) {
        // Of a word that follows a beginning, the number is known when its own turn comes.
        let mut known = None;
        let mut fresh = 0;
        for (at, word) in words.iter().enumerate() {
            let from = at.max(fresh);
            fresh =
                words[from..].iter().position(|word| word.fresh).map_or(words.len(), |n| from + n);
            if fresh - at >= self.longest {
                known = None;
                continue;
            }
            let id = known.take().unwrap_or_else(|| self.id(text, word));
            let mut node = self.first[id as usize];
            if node == ROOT {
                continue;
            }
            let start = word.span.start;
            let mut all = |node: Node, end: usize| {
                self.entries[node as usize].iter().for_each(|entry| found(*entry, start..end));
            };
            all(node, word.span.end);
            for word in words[at + 1..].iter().take(self.longest - 1) {
                let id = self.id(text, word);
                known = known.or(Some(id));
                if id == 0 {
                    break;
                }
                let Some(next) = self.next.get(&(node, id)) else { break };
                node = *next;
                all(node, word.span.end);
            }
        }
    }

    /// The number of a word; 0 where no term has it.
    fn id(&self, text: &str, word: &Word) -> WordId {
        if !self.strokes {
            return self.find(word.hash);
        }
        let said = text[word.span.clone()].as_bytes();
        match said.contains(&b'l') {
            true => self.find(said.iter().copied().map(strokes).fold(FNV_OFFSET, fnv_step)),
            false => self.find(word.hash),
        }
    }

    /// The text with alike letters as one; of the same length.
    pub fn read<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.strokes && text.contains('l') {
            true => text.replace('l', "i").into(),
            false => text.into(),
        }
    }
}

fn bit(hash: u64) -> (usize, u64) {
    // The low bits of this hash are its best ones.
    let at = (hash ^ hash >> 32) % ANY_BITS;
    ((at / 64) as usize, 1 << (at % 64))
}
