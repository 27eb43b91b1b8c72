//! Invents the terms that Tidegate looks for while it is measured.

use std::collections::BTreeSet;

use super::chat::{self, Dice};

const STARTS: [&str; 24] = [
    "b", "br", "c", "ch", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "k", "l", "m", "n", "p",
    "pl", "r", "s", "st", "t", "tr", "v",
];
const MIDDLES: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ou", "ea"];
const ENDS: [&str; 8] = ["", "", "", "n", "r", "s", "l", "ck"];

/// Words that look like words, so that the automata walk as deep as on a real list, of which
/// none stands in what the senders say.
pub fn invent(count: usize) -> Vec<String> {
    let mut dice = Dice::new("terms", 7);
    let mut pick = |from: &[&'static str]| from[dice.below(from.len() as u64) as usize];
    let mut terms = BTreeSet::new();
    while terms.len() < count {
        let mut term = String::new();
        for _ in 0..3 {
            term.push_str(pick(&STARTS));
            term.push_str(pick(&MIDDLES));
            term.push_str(pick(&ENDS));
        }
        if term.len() >= 8 && !chat::says(&term) {
            terms.insert(term);
        }
    }
    terms.into_iter().collect()
}

/// A word list as `wordlists/README.md` describes it: severity 4, which every preset drops.
pub fn list(terms: &[String]) -> String {
    let mut list = String::from("# Invented terms for the benchmark.\n");
    for term in terms {
        list.push_str(&format!("4 word {term}\n"));
    }
    list
}
