//! Finds listed terms with the automata.

use crate::message::{Canonical, Category, Hit, Severity};

pub mod wordlist;

/// A term as a list spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    pub category: Category,
    pub severity: Severity,
    pub mode: MatchMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchMode {
    /// Bounded by non-letters on both sides.
    Word,
    /// Bounded on the left.
    Prefix,
    Substring,
    /// Words in this order with anything that is not a letter between them.
    Phrase,
}

/// The compiled lists.
pub struct Scanner {}

impl Scanner {
    pub fn build(_lists: &[wordlist::Wordlist]) -> Result<Scanner, String> {
        todo!()
    }

    /// Every listed term in the text that no allow term covers; `tail` is what the sender said
    /// just before, oldest first.
    pub fn scan(&self, _text: &Canonical, _tail: &[String]) -> Vec<Hit> {
        todo!()
    }

    pub fn terms(&self) -> usize {
        todo!()
    }
}
