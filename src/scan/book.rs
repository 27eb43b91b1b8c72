//! Finds listed words and phrases by looking each word up, once.
//!
//! Nearly every term is made of whole words, and nearly every word of a message is in no term: one
//! look says so, where an automaton would read on letter by letter.

use std::{borrow::Cow, collections::HashMap};

use super::tape::{Class, class};
use crate::letters::bytes::{FnvBuild, fnv};

/// Number of a word, from 1 on; 0 is a word of no term.
type WordId = u32;
/// Number of a phrase's beginning.
type Node = u32;

const ROOT: Node = 0;

/// Sixteen bits a word for the lists of this repository.
const ANY_BITS: u64 = 1 << 18;

/// Words and phrases, each standing for an entry.
pub(super) struct Book {
    words: HashMap<Box<str>, WordId, FnvBuild>,
    /// A bit for each word, so that most others cost no look at the table.
    any: Vec<u64>,
    /// Which beginning follows from which by a word.
    next: HashMap<(Node, WordId), Node, FnvBuild>,
    /// The entries of the terms that end with each beginning.
    entries: Vec<Vec<u32>>,
    /// Words of the longest phrase.
    longest: usize,
    /// A stroke is an i or an l, and nobody knows which: the two are one letter here.
    strokes: bool,
}

/// A word of a text.
struct Place {
    id: WordId,
    end: usize,
}

impl Book {
    pub fn new(strokes: bool) -> Book {
        Book {
            words: HashMap::default(),
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
            let word = &*self.read(word);
            let fresh = self.words.len() as WordId + 1;
            let (at, mask) = bit(fnv(word.as_bytes()));
            self.any[at] |= mask;
            let id = *self.words.entry(word.into()).or_insert(fresh);
            let fresh = self.entries.len() as Node;
            node = *self.next.entry((node, id)).or_insert(fresh);
            if node == fresh {
                self.entries.push(Vec::new());
            }
            length += 1;
        }
        self.entries[node as usize].push(entry);
        self.longest = self.longest.max(length);
    }

    /// Calls with the entry and the end of every term in a text as it is read, overlapping too.
    pub fn run(&self, text: &str, mut found: impl FnMut(u32, usize)) {
        let places = self.places(text);
        for first in (0..places.len()).filter(|first| places[*first].id != 0) {
            let mut node = ROOT;
            for Place { id, end } in places[first..].iter().take(self.longest) {
                let Some(next) = self.next.get(&(node, *id)) else { break };
                node = *next;
                self.entries[node as usize].iter().for_each(|entry| found(*entry, *end));
            }
        }
    }

    /// The text with alike letters as one; of the same length.
    pub fn read<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.strokes && text.contains('l') {
            true => text.replace('l', "i").into(),
            false => text.into(),
        }
    }

    /// Runs of letters and runs of digits.
    fn places(&self, text: &str) -> Vec<Place> {
        let mut places = Vec::with_capacity(text.len() / 4);
        let (mut start, mut before) = (0, Class::Gap);
        let mut at = 0;
        while at < text.len() {
            let (class, len) = class(text, at);
            if class != before {
                if before != Class::Gap {
                    places.push(self.place(text, start, at));
                }
                (start, before) = (at, class);
            }
            at += len;
        }
        if before != Class::Gap {
            places.push(self.place(text, start, at));
        }
        places
    }

    fn place(&self, text: &str, start: usize, end: usize) -> Place {
        let word = &text[start..end];
        let (at, mask) = bit(fnv(word.as_bytes()));
        let id = match self.any[at] & mask {
            0 => 0,
            _ => self.words.get(word).copied().unwrap_or_default(),
        };
        Place { id, end }
    }
}

fn bit(hash: u64) -> (usize, u64) {
    // The low bits of this hash are its best ones.
    let at = (hash ^ hash >> 32) % ANY_BITS;
    ((at / 64) as usize, 1 << (at % 64))
}
