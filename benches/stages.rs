//! Times each stage of the path on chat lines, and checks its answer before it times it.

use std::{hint::black_box, sync::Arc, time::Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::{
    config::Config,
    decide::{self, Policy, Seen},
    message::{
        Canonical, Category, Head, Message, ModelCard, Recent, Score, Scores, Severity, Verdict,
    },
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
        scope: None,
    };
    let invented = (0..left - 1).map(|n| term(invented(n))).chain([term("blorp".to_owned())]);
    let terms = invented.collect();
    lists.push(Wordlist { name: "xx/hate".into(), terms, ..Wordlist::default() });
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
    for terms in [1_000, 5_000, 10_000, 50_000] {
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
    let own = own_lines();
    let own: Vec<&str> = own.lines().collect();
    let chats = CHATS.iter().map(|chat| (chat.name, chat.lines));
    for (name, lines) in chats.chain((!own.is_empty()).then_some(("own", &*own))) {
        group.throughput(Throughput::Elements(lines.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                for line in lines {
                    black_box(scanner.scan(&normalize(black_box(line)), &[]));
                }
            });
        });
    }
    group.finish();
}

/// Prints what single lines of one's own chat take. Criterion's mean of all of them hides the slow
/// ones, and a line's median over the rounds leaves out what the machine did meanwhile.
fn each(_: &mut Criterion) {
    const ROUNDS: usize = 31;
    let own = own_lines();
    if own.is_empty() {
        return;
    }
    let scanner = Scanner::build(&lists(10_000)).expect("the lists fit");
    let mut taken = vec![Vec::with_capacity(ROUNDS); own.lines().count()];
    for _ in 0..ROUNDS {
        for (line, taken) in own.lines().zip(&mut taken) {
            let start = Instant::now();
            black_box(scanner.scan(&normalize(black_box(line)), &[]));
            taken.push(start.elapsed().as_nanos());
        }
    }
    let mut medians: Vec<u128> = taken.iter_mut().map(|line| percentile(line, 50)).collect();
    let mut all: Vec<u128> = taken.into_iter().flatten().collect();
    let mean = medians.iter().sum::<u128>() / medians.len() as u128;
    let parts = [50, 90, 99].map(|part| (part, percentile(&mut medians, part)));
    println!("lines in ns: mean {mean}, {parts:?}; p99 of all times {}", percentile(&mut all, 99));
}

fn percentile(values: &mut [u128], part: usize) -> u128 {
    values.sort_unstable();
    values[(values.len() - 1) * part / 100]
}

/// The chat in the file that `LINES` names, if it names one.
fn own_lines() -> String {
    let path = std::env::var_os("LINES");
    path.map_or(String::new(), |path| std::fs::read_to_string(path).expect("LINES can be read"))
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

/// The question whether a score is needed, and the verdict with one: a line that nothing was found
/// in, one with a word that a score could make milder, and one with a word that it could not.
fn deciding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    let policies = Policy::compile(&Config::default()).expect("the presets");
    let policy = &policies["standard"];
    let from: f32 = 0.9;
    let thresholds = Head::ALL.map(|head| (head, from)).into();
    let model = ModelCard {
        id: "00112233aabb".into(),
        heads: Head::ALL.map(|head| Arc::from(head.name())).to_vec(),
        weak: vec![Head::SelfHarm],
        thresholds: [("standard".to_owned(), thresholds)].into(),
    };
    let score = Score::Known(Scores { model: Arc::new(model), row: vec![0.02; 8] });
    let scanner = Scanner::build(&lists(1_000)).expect("the lists fit");
    let recent = Recent { messages: 1, repeats: 1, ..Recent::default() };
    for (name, text, needed, expected) in [
        ("clean", "anyone up for ranked after this", true, Verdict::Pass),
        ("quoted", "chat wrote of a blorp for an hour here", false, Verdict::Hold),
        ("mentioned", "nobody should call anyone a blorp here", true, Verdict::Mask),
        ("hurled", "you blorp get out of this", false, Verdict::Hold),
        ("disguised", "oh what a bl0rp that one is", true, Verdict::Hold),
    ] {
        let canonical = normalize(text);
        let hits = scanner.scan(&canonical, &[]);
        let message = Message { route: "/".into(), text: text.to_owned(), ..Message::default() };
        let seen = Seen { message: &message, text: &canonical, hits: &hits, recent: &recent };
        assert_eq!(policy.needs_score(&seen), needed, "{text}: {hits:?}");
        let ruling = decide::judge(policy, &seen, &score);
        assert_eq!(ruling.verdict, expected, "{ruling:?}");
        group.bench_function(format!("{name}/needs_score"), |b| {
            b.iter(|| black_box(policy.needs_score(black_box(&seen))));
        });
        group.bench_function(format!("{name}/verdict"), |b| {
            b.iter(|| black_box(decide::judge(policy, black_box(&seen), &score)));
        });
    }
    group.finish();
}

/// What conditions add to a verdict and to the question: none, one of each kind, and as many as
/// may be.
fn conditions(c: &mut Criterion) {
    let mut group = c.benchmark_group("conditions");
    let one = |condition: &str| {
        format!("[[policy.p.when]]\nif = {condition:?}\nthen = \"hold\"\nrule = \"r\"\n")
    };
    let plain = "sender.first && text.length > 200";
    let listed = "['a', 'b', 'c', 'd'].exists(name, name == channel)";
    for (name, settings) in [
        ("none", "[policy.p]\n".to_owned()),
        ("plain", one(plain)),
        ("list", one(listed)),
        ("scores", one("scored && scores.threat > 0.8 && categories.hate > 1")),
        ("32", one(plain).repeat(32)),
    ] {
        let config = Config::parse(&settings, "bench").expect("the settings are good");
        let policy = Policy::compile(&config).expect("they compile").remove("p").expect("p");
        let text = "anyone up for ranked after this";
        let (canonical, recent) = (normalize(text), Recent { messages: 1, ..Recent::default() });
        let message = Message {
            route: "/".into(),
            channel: "room".into(),
            text: text.to_owned(),
            ..Message::default()
        };
        let seen = Seen { message: &message, text: &canonical, hits: &[], recent: &recent };
        group.bench_function(format!("{name}/needs_score"), |b| {
            b.iter(|| black_box(policy.needs_score(black_box(&seen))));
        });
        group.bench_function(format!("{name}/verdict"), |b| {
            b.iter(|| black_box(decide::judge(&policy, black_box(&seen), &Score::Skipped)));
        });
    }
    group.finish();
}

criterion_group!(stages, normalizing, scanning, both, each, building, deciding, conditions);
criterion_main!(stages);
