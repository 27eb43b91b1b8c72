//! Demands that listed terms are found under every technique that hides them, and prints how many.
//!
//! Each technique is applied, with seeded chance, to terms of severity 2 and more within a short
//! sentence. Found is a hit of the term's category that overlaps the disguised words.

use std::{collections::HashMap, ops::Range};

use tidegate::{
    message::Tongues,
    normalize::normalize,
    scan::{Before, MatchMode, Scanner, wordlist::embedded},
};

#[path = "techniques/alike.rs"]
mod alike;
#[path = "techniques/disguise.rs"]
mod disguise;
#[path = "techniques/invented.rs"]
mod invented;
#[path = "techniques/letters.rs"]
mod letters;

use disguise::{Chance, TECHNIQUES};

const SEVERITY_MIN: u8 = 2;
/// Terms drawn for each technique and language, each disguised anew each time.
const DRAWN: usize = 700;

/// One term and what is asked of it.
pub struct Listed {
    pub text: String,
    category: tidegate::message::Category,
    lang: &'static str,
    pub level: u8,
    pub word: bool,
}

/// What is said: messages before, by the same sender or others, and one that is scanned.
pub struct Said {
    pub tail: Vec<String>,
    pub room: Vec<String>,
    pub text: String,
    pub place: Range<usize>,
}

fn listed(scanner: &Scanner) -> Vec<Listed> {
    let mut terms = Vec::new();
    for list in embedded().expect("the lists parse") {
        let lang = if list.name.starts_with("fr/") { "fr" } else { "en" };
        for term in &list.terms {
            let plain = term.text.chars().all(|c| c.is_alphanumeric() || " '-’".contains(c));
            let word = term.mode == MatchMode::Word;
            let category = term.category;
            let found = scanner.scan(&normalize(&term.text), &[]);
            // Masked spellings are disguises already; a term that another list allows is none.
            let known = found.iter().any(|hit| hit.category == category);
            let level = term.severity.level();
            if level >= SEVERITY_MIN && plain && known {
                terms.push(Listed { text: term.text.clone(), category, lang, level, word });
            }
        }
    }
    terms
}

#[test]
fn every_technique_is_seen_through() {
    let lists = embedded().expect("the lists parse");
    let scanner = Scanner::build(&lists).expect("the lists fit");
    let terms = listed(&scanner);
    let mut low = Vec::new();
    println!("{:<22}{:>10}{:>10}", "technique", "en", "fr");
    for technique in TECHNIQUES {
        let mut line = format!("{:<22}", technique.name);
        for lang in ["en", "fr"] {
            let fit = |term: &&Listed| term.lang == lang && (technique.fits)(term);
            let own: Vec<&Listed> = terms.iter().filter(fit).collect();
            assert!(!own.is_empty(), "no term for {}", technique.name);
            let mut chance = Chance::new(technique.name, lang);
            let (mut asked, mut found) = (0, 0);
            let mut missed = HashMap::new();
            for _ in 0..DRAWN {
                let term = own[chance.below(own.len())];
                let Some(said) = (technique.disguise)(term, lang, &mut chance) else { continue };
                asked += 1;
                match is_found(&scanner, term, &said) {
                    true => found += 1,
                    false => drop(missed.insert(said.text, term.text.clone())),
                }
            }
            assert!(asked >= 100, "{} says nothing of {asked} terms", technique.name);
            let recall = 100.0 * f64::from(found) / f64::from(asked);
            line += &format!("{recall:>9.1}%");
            if recall < technique.recall_min {
                let some: Vec<_> =
                    missed.iter().take(40).map(|(a, b)| format!("{a} [{b}]")).collect();
                low.push(format!("{} {lang} {recall:.1}:\n{}", technique.name, some.join("\n")));
            }
        }
        println!("{line}");
    }
    assert!(low.is_empty(), "{}", low.join("\n"));
}

fn is_found(scanner: &Scanner, term: &Listed, said: &Said) -> bool {
    let text = normalize(&said.text);
    let before = |texts: &[String]| -> Vec<String> {
        texts.iter().map(|text| normalize(text).views[0].text.clone()).collect()
    };
    let (tail, room) = (before(&said.tail), before(&said.room));
    let hits = scanner.scan_after(&text, &Before { tail: &tail, room: &room }, Tongues::NONE);
    hits.iter().any(|hit| {
        let overlaps = hit.span.start < said.place.end && said.place.start < hit.span.end;
        hit.category == term.category && overlaps
    })
}
