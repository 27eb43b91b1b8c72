//! Times each stage of the path on chat lines, and checks its answer before it times it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::{
    message::{Canonical, Category, Severity},
    normalize::normalize,
    scan::{
        MatchMode, Scanner, Term,
        wordlist::{Wordlist, embedded},
    },
};

/// One kind of chat, and how many readings its lines have at most.
struct Chat {
    name: &'static str,
    lines: &'static [&'static str],
    readings: usize,
}

const CHATS: [Chat; 3] = [
    Chat {
        name: "ascii",
        lines: &[
            "hello everyone, how is it going?",
            "that was a really nice play",
            "GG well played",
            "anyone up for ranked after this",
            "is the stream lagging for you too or just me?",
            "lol",
            "see you tomorrow at the same time then",
            "the boss has a second phase, save your potions for it",
        ],
        readings: 1,
    },
    Chat {
        name: "accented",
        lines: &[
            "salut à tous, ça va bien ?",
            "il a été très fort sur ce coup-là",
            "j’ai hâte de voir la suite, c’était génial",
            "où est passé le modérateur ?",
            "привет, как дела сегодня",
            "こんにちは、元気ですか",
            "trop bien 😂😂 à demain",
            "les élèves ont préféré l’été à Noël",
        ],
        readings: 3,
    },
    Chat {
        name: "evasive",
        lines: &[
            "what a bl0rp you are",
            "b l o r p now",
            "bloooooorp streamer",
            "ｂｌｏｒｐ everyone",
            "b\u{200b}lorp them all",
            "blоrр you too",
            "b\u{336}l\u{336}o\u{336}r\u{336}p",
            "bl.orp it is",
        ],
        readings: 3,
    },
];

/// The embedded lists and invented words, cut or filled up to this many terms.
fn lists(terms: usize) -> Vec<Wordlist> {
    let mut lists = embedded().expect("the lists parse");
    let mut left = terms;
    for list in &mut lists {
        list.terms.truncate(left.saturating_sub(1));
        left -= list.terms.len();
    }
    let term = |text: String| Term {
        text,
        category: Category::Hate,
        severity: Severity::new(3).expect("1 to 4"),
        mode: MatchMode::Word,
    };
    let invented = (0..left - 1).map(|n| term(invented(n))).chain([term("blorp".to_owned())]);
    lists.push(Wordlist { name: "xx/hate".into(), terms: invented.collect(), allow: Vec::new() });
    lists
}

/// A word of its own for each number, of five to nine letters.
fn invented(mut number: usize) -> String {
    let syllables = ["bra", "ke", "lim", "fo", "zut", "wi", "nog", "pe", "dra", "xi", "vo"];
    let mut word = "qu".to_owned();
    for _ in 0..5 {
        word.push_str(syllables[number % syllables.len()]);
        number /= syllables.len();
    }
    word
}

fn normalizing(c: &mut Criterion) {
    let mut group = c.benchmark_group("normalize");
    for chat in &CHATS {
        for line in chat.lines {
            let views = normalize(line).views.len();
            assert!((1..=chat.readings).contains(&views), "{line}: {views} readings");
        }
        group.throughput(Throughput::Elements(chat.lines.len() as u64));
        group.bench_function(chat.name, |b| {
            b.iter(|| {
                for line in chat.lines {
                    black_box(normalize(black_box(line)));
                }
            });
        });
    }
    group.finish();
}

fn scanning(c: &mut Criterion) {
    let mut group = c.benchmark_group("scan");
    for terms in [1_000, 5_000, 10_000] {
        let scanner = Scanner::build(&lists(terms)).expect("the lists fit");
        assert_eq!(scanner.terms(), terms);
        for chat in &CHATS {
            let texts: Vec<Canonical> = chat.lines.iter().map(|line| normalize(line)).collect();
            for (text, line) in texts.iter().zip(chat.lines) {
                let found = scanner.scan(text, &[]).iter().any(|hit| &*hit.term == "blorp");
                assert_eq!(found, chat.name == "evasive", "{line}");
            }
            group.throughput(Throughput::Elements(texts.len() as u64));
            group.bench_function(format!("{terms}/{}", chat.name), |b| {
                b.iter(|| {
                    for text in &texts {
                        black_box(scanner.scan(black_box(text), &[]));
                    }
                });
            });
        }
    }
    group.finish();
}

fn both(c: &mut Criterion) {
    let mut group = c.benchmark_group("normalize_and_scan");
    let scanner = Scanner::build(&lists(10_000)).expect("the lists fit");
    for chat in &CHATS {
        group.throughput(Throughput::Elements(chat.lines.len() as u64));
        group.bench_function(chat.name, |b| {
            b.iter(|| {
                for line in chat.lines {
                    black_box(scanner.scan(&normalize(black_box(line)), &[]));
                }
            });
        });
    }
    group.finish();
}

fn building(c: &mut Criterion) {
    let mut group = c.benchmark_group("build");
    group.sample_size(10);
    group.bench_function("embedded", |b| {
        b.iter(|| {
            let lists = embedded().expect("the lists parse");
            black_box(Scanner::build(&lists).expect("the lists fit"))
        });
    });
    group.finish();
}

criterion_group!(stages, normalizing, scanning, both, building);
criterion_main!(stages);
