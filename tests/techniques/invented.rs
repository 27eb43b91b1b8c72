//! Finds invented words under every way of writing them that is no spelling.

use tidegate::{
    message::{Category, Severity},
    normalize::normalize,
    scan::{MatchMode, Scanner, Term, wordlist::Wordlist},
};

const LISTED: [(&str, u8); 6] = [
    ("zlimbur", 4),
    ("grellimp", 3),
    ("gremlow", 3),
    ("blurgit", 2),
    ("snurf", 1),
    ("go home vurplik", 3),
];

fn scanner() -> Scanner {
    let term = |(text, level): (&str, u8)| Term {
        text: text.to_owned(),
        category: Category::Hate,
        severity: Severity::new(level).expect("1 to 4"),
        mode: if text.contains(' ') { MatchMode::Phrase } else { MatchMode::Word },
        scope: None,
    };
    let terms = LISTED.into_iter().map(term).collect();
    let list = Wordlist { name: "xx/hate".into(), terms, ..Wordlist::default() };
    Scanner::build(&[list]).expect("the list is good")
}

fn check(scanner: &Scanner, text: &str, expected: &str) {
    let hits = scanner.scan(&normalize(text), &[]);
    let terms: Vec<&str> = hits.iter().map(|hit| &*hit.term).collect();
    let expected: Vec<&str> = Some(expected).filter(|term| !term.is_empty()).into_iter().collect();
    assert_eq!(terms, expected, "{text}");
}

#[test]
fn letters_are_doubled_and_drawn_otherwise() {
    let scanner = scanner();
    for (text, expected) in [
        ("oh zlimburr", "zlimbur"),
        ("oh zzlimbbur", "zlimbur"),
        ("zzlliimmbbuurr", "zlimbur"),
        ("bblurgit", "blurgit"),
        ("ssnurf", ""),
        ("zIimbur", "zlimbur"),
        ("zllmbur", "zlimbur"),
        ("zIiimbbvr", "zlimbur"),
        ("qremIow", "gremlow"),
        ("snvrf", "snurf"),
        ("go home vurpIik", "go home vurplik"),
        ("vurpIik", ""),
        ("zlimqvr", ""),
    ] {
        check(&scanner, text, expected);
    }
}

#[test]
fn grave_words_are_known_from_afar() {
    let scanner = scanner();
    for (text, expected) in [
        ("grollimp", "grellimp"),
        ("grillimp", "grellimp"),
        ("zlombur", ""),
        ("zlombar", ""),
        ("blargit", ""),
        ("imburzlay", "zlimbur"),
        ("oh emlowgray!", "gremlow"),
        ("urgitblay", ""),
        ("zlimburish", "zlimbur"),
        ("megagremlow", "gremlow"),
        ("xXgremlowXx", "gremlow"),
        ("gremlowson", ""),
        ("blurgitish", ""),
        ("superblurgit", "blurgit"),
        ("supersnurf", ""),
        ("zlim/bur", "zlimbur"),
        ("zli:mbur", "zlimbur"),
        ("zli****", "zlimbur"),
        ("gre****", ""),
        ("gr__low", "gremlow"),
        ("ɹnqɯᴉlz", "zlimbur"),
        ("ʞᴉldɹnʌ ǝɯoɥ oƃ", "go home vurplik"),
    ] {
        check(&scanner, text, expected);
    }
}

#[test]
fn digits_are_spelt_out_with_letters() {
    let scanner = scanner();
    for (text, expected) in [
        ("oh z l 1 m b u r", "zlimbur"),
        ("8 l u r g 1 7", "blurgit"),
        ("gr 3m l 0w", "gremlow"),
        ("1 v 1 on g r 3", ""),
        ("https://example.org/gr3m/l0w", ""),
    ] {
        check(&scanner, text, expected);
    }
}
