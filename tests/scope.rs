//! Holds words that are meant in one language and ordinary in another to lines of both.
//!
//! `tests/corpus/scope.tsv` has one line each: the channel's languages, what is expected and the
//! text. Every list is held to its own examples too.

use std::{fs, path::Path};

use tidegate::{
    message::{Category, Tongue, Tongues},
    normalize::normalize,
    rules::unmet,
    scan::{MatchMode, Scanner, wordlist},
};

#[test]
fn the_language_decides_what_a_word_means() {
    let scanner =
        Scanner::build(&wordlist::embedded().expect("the lists parse")).expect("they fit");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/scope.tsv");
    let table = fs::read_to_string(path).expect("the file can be read");
    let mut wrong = Vec::new();
    let mut lines = 0;
    for (number, line) in (1..).zip(table.lines()).filter(|(_, line)| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap_or_else(|| panic!("line {number} has three cells"));
        let (channel, expected, text) = (cell(), cell(), cell());
        let names = channel.split(',').filter(|name| *name != "-");
        let spoken: Tongues = names.map(|name| Tongue::named(name).expect("a language")).collect();
        let hits = scanner.scan_in(&normalize(text), &[], spoken);
        let good = match expected.split_once(':').unwrap_or((expected, "")) {
            ("-", _) => hits.is_empty(),
            (name, severity) => {
                let category = Category::named(name).expect("a category");
                let worst = hits.iter().filter(|hit| hit.category == category);
                let worst = worst.map(|hit| hit.severity.level().to_string()).max();
                worst.is_some_and(|worst| severity.is_empty() || worst == severity)
            }
        };
        lines += 1;
        if !good {
            wrong.push(format!("line {number}: {line:?}: {hits:?}"));
        }
    }
    assert!(lines >= 90, "{lines} lines");
    assert!(wrong.is_empty(), "{} of {lines} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_list_keeps_its_own_examples() {
    let lists = wordlist::embedded().expect("the lists parse");
    let unmet: Vec<String> = unmet(&lists).iter().map(ToString::to_string).collect();
    assert!(unmet.is_empty(), "{}", unmet.join("\n"));
    let examples: usize = lists.iter().map(|list| list.examples.len()).sum();
    assert!(examples >= 80, "{examples} examples");
}

#[test]
fn a_scoped_term_shows_both_sides() {
    for list in wordlist::embedded().expect("the lists parse") {
        for (index, term) in list.terms.iter().enumerate() {
            assert_ne!(term.mode, MatchMode::Regex, "{}: {}", list.name, term.text);
            let has = |guilty| list.examples.iter().any(|e| e.term == index && e.guilty == guilty);
            let both = has(true) && has(false);
            assert!(term.scope.is_none() || both, "{}: {} needs + and -", list.name, term.text);
        }
    }
}

/// A scoped word among the small words would be evidence of itself.
#[test]
fn no_scoped_word_speaks_for_a_language() {
    use tidegate::letters::language::around;
    for list in wordlist::embedded().expect("the lists parse") {
        for term in list.terms.iter().filter(|term| term.scope.is_some()) {
            let plain = normalize(&term.text).views[0].text.clone();
            let tally = around(&plain, &(0..0));
            let best = tally.best(Tongue::ALL.into_iter().collect());
            assert_eq!(best, 0, "{}: {}", list.name, term.text);
        }
    }
}
