//! Looks for listed terms in any text, and finds them whatever stands around them.

use std::sync::LazyLock;

use tidegate::{
    message::{Category, Hit, Tongues},
    normalize::normalize,
    scan::{
        Before, Scanner,
        wordlist::{Wordlist, parse},
    },
};

use crate::input::{Input, boundary};

/// Invented words, one of each kind.
const TERMS: &str = "\
1 word blorp
2 phrase glim the frand
3 prefix snarfl
4 substring grumbix
2 word:fr zwirbe
3 regex \\bqu+orm\\b
";

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| scanner(&[("xx/hate", TERMS)]));
static ALLOWING: LazyLock<Scanner> =
    LazyLock::new(|| scanner(&[("xx/hate", TERMS), ("xx/allow", "no blorp here\n")]));

fn scanner(lists: &[(&str, &str)]) -> Scanner {
    let parsed = |(name, text): &(&str, &str)| parse(name, "list.txt", text);
    let lists: Vec<Wordlist> =
        lists.iter().map(parsed).map(|list| list.expect("the list is right")).collect();
    Scanner::build(&lists).expect("the lists fit")
}

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let cut = usize::from(input.byte());
    let (term, place) = (input.pick(&["blorp", "glim the frand", "snarfle", "grumbix"]), cut);
    let text = input.text();
    let (said, last) = text.split_at(boundary(&text, cut));
    let tail: Vec<String> = said.split('\n').map(str::to_owned).collect();
    let read = normalize(last);
    let hits = ALLOWING.scan_after(&read, &Before { tail: &tail, room: &tail }, Tongues::NONE);
    check_spans(last, &hits);
    let again = ALLOWING.scan_after(&read, &Before { tail: &tail, room: &tail }, Tongues::NONE);
    assert_eq!(hits, again, "twice, and not the same");

    // No text before it and none behind it hides a word that stands by itself.
    let (before, behind) = text.split_at(boundary(&text, place));
    let around = format!("{before}\n.\n{term}\n.\n{behind}");
    let at = before.len() + 3..before.len() + 3 + term.len();
    let hits = SCANNER.scan(&normalize(&around), &[]);
    check_spans(&around, &hits);
    let found = |hit: &Hit| hit.span.start <= at.start && at.end <= hit.span.end;
    assert!(hits.iter().any(found), "{term} was hidden in {around:?}: {hits:?}");
}

fn check_spans(text: &str, hits: &[Hit]) {
    for hit in hits {
        let said = text.get(hit.span.clone());
        assert!(said.is_some_and(|said| !said.is_empty()), "{hit:?} is at no place");
        assert_eq!(hit.category, Category::Hate);
    }
}
