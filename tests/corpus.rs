//! Holds the word lists and the scanner to lines that must and lines that must not be found.
//!
//! `tests/corpus/<lang>/<technique>.tsv` has one line each: what is expected, a tab, the text.
//! Expected is `-` for nothing at all, else a category, perhaps with `:severity`, that must be
//! among the hits. A text with ` | ` in a file named `split` is several messages of one sender.

use std::{fs, path::Path};

use proptest::prelude::*;
use tidegate::{
    message::{Canonical, Category, Hit, Severity, ViewKind},
    normalize::normalize,
    scan::{
        MatchMode, Scanner, Term,
        wordlist::{Wordlist, embedded, read},
    },
};

#[path = "common/corpus.rs"]
mod lines;

use lines::corpus;

fn listed() -> Scanner {
    Scanner::build(&embedded().expect("the lists parse")).expect("the lists fit")
}

/// What a sender's messages before the last one left behind.
fn tail(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| normalize(text).views[0].text.clone()).collect()
}

#[test]
fn every_line_is_judged_as_expected() {
    let scanner = listed();
    // What the rules find without a list has its own test.
    let lines = corpus(|file| !file.starts_with("doxxing"));
    assert!(lines.len() >= 300, "{} lines", lines.len());
    let mut wrong = Vec::new();
    for line in &lines {
        let mut said: Vec<&str> = match line.file == "split" {
            true => line.text.split(" | ").collect(),
            false => vec![&line.text],
        };
        let last = said.pop().expect("a line has a text");
        let text = normalize(last);
        let hits = scanner.scan(&text, &tail(&said));
        let good = match line.expected {
            None => hits.is_empty(),
            Some((category, severity)) => hits.iter().any(|hit| {
                hit.category == category && severity.is_none_or(|s| hit.severity.level() == s)
            }),
        };
        check_spans(last, &text, &hits);
        if !good {
            wrong.push(format!("{}: {:?}: {hits:?}", line.place, line.text));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_lists_are_whole() {
    let lists = embedded().expect("the lists parse");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("wordlists");
    let on_disk = read(&root).expect("the folder parses");
    let names = |lists: &[Wordlist]| {
        let mut names: Vec<_> = lists.iter().map(|list| list.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&lists), names(&on_disk), "a file in wordlists/ is not embedded");
    for list in &lists {
        let text =
            fs::read_to_string(root.join(format!("{}.txt", list.name))).expect("it is there");
        let mut head = text.lines();
        assert!(head.next().is_some_and(|line| line.starts_with("# origin: ")), "{}", list.name);
        assert!(head.next().is_some_and(|line| line.starts_with("# licence: ")), "{}", list.name);
    }
    let terms = listed().terms();
    assert!(terms >= 1_500, "{terms} terms");
}

#[test]
fn every_term_finds_itself() {
    let lists = embedded().expect("the lists parse");
    for list in &lists {
        // Allow terms are left out: a term that another list allows is no fault of its own.
        let alone = Wordlist { allow: Vec::new(), ..list.clone() };
        let scanner = Scanner::build(&[alone]).expect("the list fits");
        // A term that is meant in one language only needs company, and has its own examples.
        for term in list.terms.iter().filter(|term| term.scope.is_none()) {
            let hits = scanner.scan(&normalize(&format!("«{}»", term.text)), &[]);
            let found = hits.iter().any(|hit| hit.category == term.category);
            assert!(found, "{}: {}: {hits:?}", list.name, term.text);
        }
    }
}

#[test]
fn a_bad_list_is_refused_with_every_reason() {
    let folder = std::env::temp_dir().join(format!("tidegate-lists-{}", std::process::id()));
    fs::create_dir_all(folder.join("xx")).expect("a folder can be made");
    fs::write(folder.join("xx/hate.txt"), "9 word blorp\nblorp\n").expect("it can be written");
    fs::write(folder.join("xx/blorp.txt"), "1 word blorp\n").expect("it can be written");
    fs::write(folder.join("xx/sexual.txt"), b"1 word a\n1 word \xff\n").expect("it can be written");
    let errors = read(&folder).expect_err("three files are bad");
    let one = read(&folder.join("xx/hate.txt")).expect_err("the file is bad");
    let missing = read(&folder.join("nothing")).expect_err("there is no such file");
    fs::remove_dir_all(&folder).expect("the folder can be removed");
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let check = |part: &str| assert!(said.iter().any(|s| s.contains(part)), "{part}: {said:?}");
    check("xx/hate.txt:1: severity `9` is not 1 to 4");
    check("xx/hate.txt:2: not `<severity> <mode> <term>`");
    check("xx/blorp.txt:0: `blorp` is neither a category nor `allow`");
    check("xx/sexual.txt:2: not UTF-8");
    assert_eq!((said.len(), one.len(), missing.len()), (4, 2, 1));
}

fn invented(allow: &[&str]) -> Scanner {
    let term = |text: &str, severity: u8, mode: MatchMode| Term {
        text: text.to_owned(),
        category: Category::Hate,
        severity: Severity::new(severity).expect("1 to 4"),
        mode,
        scope: None,
    };
    let terms = vec![
        term("blorp", 3, MatchMode::Word),
        term("grémlo", 2, MatchMode::Prefix),
        term("zwix", 1, MatchMode::Substring),
        term("go flimmer now", 4, MatchMode::Phrase),
        term("mluk", 1, MatchMode::Word),
    ];
    let allow = allow.iter().map(|a| (*a).to_owned()).collect();
    let list = Wordlist { name: "xx/hate".into(), terms, allow, ..Wordlist::default() };
    Scanner::build(&[list]).expect("it fits")
}

fn check_spans(text: &str, canonical: &Canonical, hits: &[Hit]) {
    for hit in hits {
        assert!(text.get(hit.span.clone()).is_some_and(|t| !t.is_empty()), "{text:?}: {hit:?}");
    }
    for view in &canonical.views {
        assert_eq!(view.text.len(), view.origin.len(), "{text:?}");
        for &(from, to) in &view.origin {
            let inside = text.get(from as usize..to as usize).is_some_and(|t| !t.is_empty());
            assert!(inside, "{text:?}: {from}..{to}");
        }
    }
}

#[test]
fn a_hit_says_where_and_how() {
    let scanner = invented(&["blorp street", "mluk"]);
    let check = |text: &str, expected: &[(&str, ViewKind)]| {
        let canonical = normalize(text);
        let hits = scanner.scan(&canonical, &[]);
        check_spans(text, &canonical, &hits);
        let found: Vec<_> = hits.iter().map(|hit| (&text[hit.span.clone()], hit.view)).collect();
        assert_eq!(found, expected, "{text:?}");
    };
    use ViewKind::{Folded, Guessed, Plain, Squeezed};
    check("", &[]);
    check("blorp", &[("blorp", Plain)]);
    check("«BLÓRP»!", &[("BLÓRP", Plain)]);
    check("blorp blorp2", &[("blorp", Plain), ("blorp", Plain)]);
    check("blorps unblorp", &[]);
    check("l'blorp d’blorp", &[("blorp", Plain), ("blorp", Plain)]);
    check("gremlos", &[("gremlo", Plain)]);
    check("ungremlos", &[]);
    check("azwixa", &[("zwix", Plain)]);
    check("go, flimmer... NOW", &[("go, flimmer... NOW", Plain)]);
    check("go flimmer 3 now", &[]);
    check("bl0rp", &[("bl0rp", Folded)]);
    check("blоrр", &[("blоrр", Folded)]);
    check("bl\u{200b}orp\u{301}", &[("bl\u{200b}orp\u{301}", Plain)]);
    check("é blooorppp é", &[("blooorppp", Squeezed)]);
    check("b l o r p", &[("b l o r p", Squeezed)]);
    check("b.l.0.r.p", &[("b.l.0.r.p", Squeezed)]);
    check("bl.orp", &[("bl.orp", Squeezed)]);
    check("goflimmernow", &[("goflimmernow", Plain)]);
    check("bloorp", &[("bloorp", Guessed)]);
    check("on blorp street", &[]);
    check("on blorp street, blorp", &[("blorp", Plain)]);
    check("bl0rp street", &[]);
    check("mluk mlukk mlllluk", &[]);
}

/// Users' own patterns: on the text as it came and on its plain reading, under allow terms too.
#[test]
fn a_regex_says_where() {
    let term = |text: &str| Term {
        text: text.to_owned(),
        category: Category::Hate,
        severity: Severity::new(3).expect("1 to 4"),
        mode: MatchMode::Regex,
        scope: None,
    };
    let terms = vec![term(r"\bbl[o0]+rp\b"), term("(?-i)Zwix"), term("gr.mlo!")];
    let allow = vec!["blorp street".to_owned()];
    let list = Wordlist { name: "xx/hate".into(), terms, allow, ..Wordlist::default() };
    let scanner = Scanner::build(&[list]).expect("it fits");
    let check = |text: &str, expected: &[&str]| {
        let canonical = normalize(text);
        let hits = scanner.scan(&canonical, &[]);
        check_spans(text, &canonical, &hits);
        let found: Vec<_> = hits.iter().map(|hit| &text[hit.span.clone()]).collect();
        assert_eq!(found, expected, "{text:?}");
    };
    check("", &[]);
    check("a BLO0orp, blorps; blorp", &["BLO0orp", "blorp"]);
    check("é bl\u{200b}órp é", &["bl\u{200b}órp"]);
    check("Zwix zwix ZWIX", &["Zwix"]);
    check("GRÉMLO! gr😂mlo!", &["GRÉMLO!", "gr😂mlo!"]);
    check("blorp street, blorp", &["blorp"]);
}

#[test]
fn a_word_may_be_split_over_messages() {
    let scanner = invented(&[]);
    let check = |before: &[&str], last: &str, expected: Option<&str>| {
        let hits = scanner.scan(&normalize(last), &tail(before));
        let found = hits.iter().find(|hit| hit.view == ViewKind::Joined);
        assert_eq!(found.map(|hit| &last[hit.span.clone()]), expected, "{before:?} {last:?}");
    };
    check(&["b", "l", "o", "r"], "P!", Some("P"));
    check(&["b", "l", "o", "r"], "«P»", Some("P"));
    check(&["bl"], "orp", Some("orp"));
    check(&["bl"], "0rp", Some("0rp"));
    check(&[], "blorp", None);
    check(&["bl", "hello you"], "orp", None);
    check(&["m", "l", "u"], "k", None);
}

proptest! {
    #[test]
    fn views_and_hits_lie_in_the_text(
        text in "(\\PC|[a-z ]|[\u{0}-\u{500}]|\u{301}|\u{200d}){0,60}",
    ) {
        let canonical = normalize(&text);
        check_spans(&text, &canonical, &invented(&[]).scan(&canonical, &[]));
    }

    #[test]
    fn an_evasion_is_found_in_any_company(
        before in "[ -~à-öж漢]{0,12}",
        after in "[ -~à-öж漢]{0,12}",
        how in 0..7usize,
    ) {
        let word = [
            "blorp", "BLÖRP", "bl0rp", "ｂｌｏｒｐ", "b\u{200b}lorp", "blooooorp", "blоrр",
        ][how];
        // An address is read as it stands.
        prop_assume!(!format!("{before}{after}").contains([':', '.']));
        let text = format!("{before} , {word} , {after}");
        let canonical = normalize(&text);
        let hits = invented(&[]).scan(&canonical, &[]);
        check_spans(&text, &canonical, &hits);
        let whole = text.find(word).expect("the word is there");
        let found = hits.iter().any(|hit| hit.span == (whole..whole + word.len()));
        prop_assert!(found, "{:?}: {:?}", text, hits);
    }
}
