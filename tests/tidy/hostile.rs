//! Looks for listed words outside the data files, which is where they belong.

use std::collections::BTreeSet;

use super::source::{Source, numbered};

/// Lists of words that nobody wants to read in code. Threats, links and the like are made of
/// ordinary words.
const LISTS: [&str; 5] = ["hate", "harassment", "sexual", "profanity", "extremism"];

/// Severity 1 is rude at most, and some of it means something else in code.
const SEVERITY_MIN: u8 = 2;

/// The single words of the lists among `files`.
pub fn listed(files: &[Source]) -> BTreeSet<String> {
    let lists = files.iter().filter(|file| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let list = name.strip_suffix(".txt").unwrap_or_default();
        file.path.starts_with("wordlists/") && LISTS.contains(&list)
    });
    lists.flat_map(|file| file.text.lines().filter_map(word)).collect()
}

/// The word of a line `<severity> <mode> <term>`, if it is bad enough and one word.
fn word(line: &str) -> Option<String> {
    let mut parts = line.split_whitespace();
    let severity: u8 = parts.next()?.parse().ok()?;
    let (_mode, term) = (parts.next()?, parts.next()?);
    let single = parts.next().is_none() && term.chars().all(char::is_alphabetic);
    (single && severity >= SEVERITY_MIN).then(|| term.to_lowercase())
}

/// Where a file that is no data says one of them.
pub fn spoken(file: &Source, listed: &BTreeSet<String>) -> Vec<String> {
    let path = &file.path;
    // A model's vocabulary and what proves it hold the words that it must know.
    let folders = ["wordlists/", "models/", "tests/corpus/", "tests/model/"];
    let data = folders.iter().any(|folder| path.starts_with(folder));
    // Lock files are full of digests; `data` folders hold what tests and the demo load.
    if data || path.contains("/data/") || path.ends_with("lock") || path.contains("-lock.") {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for (number, line) in numbered(&file.text) {
        let lower = line.to_lowercase();
        let mut words = lower.split(|c: char| !c.is_alphabetic());
        if words.any(|word| listed.contains(word)) {
            wrong.push(format!("{number}: a listed word outside the data files"));
        }
    }
    wrong
}
