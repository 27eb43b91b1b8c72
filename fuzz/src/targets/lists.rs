//! Reads word lists, and lists of other places, into lists that load and find what they name.

use tidegate::{
    fuzzing::{Origin, imported},
    message::{Category, Severity},
    normalize::normalize,
    scan::{
        MatchMode, Scanner, Term,
        wordlist::{self, Wordlist},
    },
};

use super::settings;
use crate::input::Input;

/// Lists whose terms are looked for one by one; each asks for an automaton.
const TERMS_TRIED_MAX: usize = 4;

pub fn wordlist(bytes: &[u8]) {
    settings::scope(bytes);
    let mut input = Input::new(bytes);
    let name = input.pick(&["xx/hate", "xx/allow", "xx/profanity", "hate", "blorp"]);
    let text = input.text();
    match wordlist::parse(name, "file", &text) {
        Err(errors) => {
            let lines = text.lines().count();
            for error in errors {
                assert!(error.line <= lines, "{error:?} of {lines} lines");
                assert!(!error.cause.is_empty(), "{error:?} names no cause");
            }
        }
        Ok(list) => check(&list),
    }
}

fn check(list: &Wordlist) {
    for term in &list.terms {
        let printed = line(term);
        // A list may have a longer line than its terms print: blanks stand for nothing.
        let (_, again) = wordlist::term(&printed, term.category).expect("a term that was read");
        assert_eq!(again, *term, "{printed:?}");
    }
    let scanner = Scanner::build(std::slice::from_ref(list)).expect("what was read fits");
    assert_eq!(scanner.terms(), list.terms.len());
    let own = Wordlist { allow: Vec::new(), ..list.clone() };
    let scanner = Scanner::build(&[own]).expect("what was read fits");
    let plain = list.terms.iter().filter(|t| t.scope.is_none() && t.mode != MatchMode::Regex);
    for term in plain.take(TERMS_TRIED_MAX) {
        let hits = scanner.scan(&normalize(&format!("«{}»", term.text)), &[]);
        assert!(hits.iter().any(|hit| hit.category == term.category), "{term:?}: {hits:?}");
    }
}

fn line(term: &Term) -> String {
    let scope = term.scope.map(|scope| scope.to_string()).unwrap_or_default();
    format!("{} {}{scope} {}", term.severity.level(), term.mode.name(), term.text)
}

pub fn import(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let from = input.pick(&[Origin::Twitch, Origin::Discord, Origin::Csv]);
    let severity = Severity::new(3).expect("it is 1 to 4");
    let lists = match imported(from, &input.text(), Category::Harassment, severity) {
        Ok(lists) => lists,
        Err(causes) => return assert!(!causes.is_empty() && causes.iter().all(|c| !c.is_empty())),
    };
    for (name, text) in lists {
        let list = wordlist::parse(&format!("imported/{name}"), "file", &text);
        let list = list.unwrap_or_else(|errors| panic!("{errors:?} in {text:?}"));
        assert!(!list.terms.is_empty() || !list.allow.is_empty(), "an empty list");
        assert!(Scanner::build(&[list]).is_ok(), "{text:?} does not fit");
    }
}
