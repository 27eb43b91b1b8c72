//! Measures the model: processor time by batch and length in each runtime, load time, memory.
//!
//! `cargo bench --bench model`. Each runtime runs in a process of its own, so that memory is its
//! own. Processor time is that of all threads, as Linux counts it; a busy machine makes it slower,
//! and not false as it makes the time on the wall.

use std::{
    env, fs,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use tidegate::{
    config::ScoreConfig,
    score::{self, Model, manifest::Manifest, pieces::Pieces},
};

#[path = "shared/cpu.rs"]
mod cpu;

use cpu::cpu;

const RUNTIMES: [&str; 2] = ["onnxruntime", "embedded"];
const BATCHES: [usize; 3] = [1, 8, 32];
const LENGTHS: [usize; 3] = [16, 32, 64];
/// What one figure is measured over, at least.
const ENOUGH: Duration = Duration::from_millis(1_000);
/// Lines of chat, as training wrote them down for the tokenizer's test.
const CHAT: &str = include_str!("../tests/model/ids.jsonl");
const CHAT_LINES: usize = 1_000;

fn main() -> ExitCode {
    if let Some(runtime) = env::var("TIDEGATE_BENCH_RUNTIME").ok().filter(|name| !name.is_empty()) {
        return one(&runtime);
    }
    println!("milliseconds of processor time a message");
    let own = env::current_exe().expect("this runs from a file");
    for runtime in RUNTIMES {
        // What the library of the other runtime costs must not count here.
        let child = Command::new(&own).env("TIDEGATE_BENCH_RUNTIME", runtime).status();
        if !child.is_ok_and(|status| status.success()) {
            println!("{runtime}: not measured");
        }
    }
    ExitCode::SUCCESS
}

fn one(runtime: &str) -> ExitCode {
    let config = ScoreConfig { runtime: runtime.to_owned(), ..ScoreConfig::default() };
    let before = resident_mib("VmRSS");
    let started = Instant::now();
    let (model, load) = match score::open(&config) {
        Ok(prepared) => (prepared.model, started.elapsed()),
        Err(causes) => {
            println!("\n{runtime}: {}", causes.join("; "));
            return ExitCode::FAILURE;
        }
    };
    let resident = resident_mib("VmRSS") - before;
    println!("\n{}", model.about());
    println!("{:>10} {:>9} {:>9} {:>9}", "ids", "batch 1", "batch 8", "batch 32");
    let words = words();
    let first: Reads = |model, texts| model.score_in_haste(texts);
    let both: Reads = |model, texts| model.score(texts);
    for length in LENGTHS {
        let texts = texts(&words, length);
        row(&format!("{length}"), &*model, first, &texts);
    }
    let chat = chat();
    row("chat", &*model, first, &chat);
    model.take_uncertain();
    row("chat, both", &*model, both, &chat);
    second(&*model, &chat);
    println!(
        "a score differs by {:.4} at most with what it is batched with",
        drift(&*model, &chat)
    );
    println!(
        "loaded and proved in {:.0} ms; {resident:.0} MiB resident for it, {:.0} at most in all",
        load.as_secs_f64() * 1e3,
        resident_mib("VmHWM"),
    );
    ExitCode::SUCCESS
}

type Reads = fn(&dyn Model, &[&str]) -> Result<Vec<Vec<f32>>, String>;

fn row(name: &str, model: &dyn Model, reads: Reads, texts: &[String]) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    print!("{name:>10}");
    for batch in BATCHES {
        print!(" {:>9.3}", milliseconds(model, reads, &texts, batch));
    }
    println!();
}

/// How much of chat a second model reads, and what it takes for that.
fn second(model: &dyn Model, chat: &[String]) {
    let texts: Vec<&str> = chat.iter().map(String::as_str).collect();
    model.take_uncertain();
    let uncertain: Vec<&str> = texts
        .iter()
        .copied()
        .filter(|text| {
            model.score(&[text]).expect("the model was proved");
            model.take_uncertain().read > 0
        })
        .collect();
    if uncertain.is_empty() {
        return;
    }
    let both = milliseconds(model, |model, texts| model.score(texts), &uncertain, 1);
    let first = milliseconds(model, |model, texts| model.score_in_haste(texts), &uncertain, 1);
    println!(
        "the second model reads {:.1} % of these lines, {:.2} ms each",
        100.0 * uncertain.len() as f64 / texts.len() as f64,
        both - first
    );
}

/// Processor time a message, the texts taken in turn.
fn milliseconds(model: &dyn Model, reads: Reads, texts: &[&str], batch: usize) -> f64 {
    let (mut messages, mut started) = (0, cpu());
    for (round, batch) in texts.chunks(batch).cycle().enumerate() {
        let rows = reads(model, batch).expect("the model was proved");
        assert_eq!(rows.len(), batch.len());
        messages += batch.len();
        // The first round warms caches and thread pools up.
        if round == 0 {
            (messages, started) = (0, cpu());
        }
        if cpu() - started > ENOUGH {
            break;
        }
    }
    (cpu() - started).as_secs_f64() * 1e3 / messages.max(1) as f64
}

/// The largest difference between a text's scores alone and in a batch.
fn drift(model: &dyn Model, texts: &[String]) -> f32 {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut largest = 0.0f32;
    for batch in texts.chunks(32) {
        let together = model.score(batch).expect("the model was proved");
        for (text, row) in batch.iter().zip(together) {
            let alone = model.score(&[text]).expect("the model was proved").remove(0);
            for (a, b) in alone.iter().zip(row) {
                largest = largest.max((a - b).abs());
            }
        }
    }
    largest
}

/// Words that are one piece each.
fn words() -> Vec<String> {
    let (pieces, input_max) = vocabulary();
    let spoken = |word: &&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase());
    let single = |word: &&str| pieces.windows(word, input_max)[0].len() == 3;
    let file = fs::read_to_string(vocabulary_path()).expect("the vocabulary is text");
    let listed = file.lines().filter_map(|line| line.split('\t').next()?.strip_prefix('▁'));
    listed.filter(spoken).filter(single).take(2_000).map(str::to_owned).collect()
}

/// Texts of exactly so many ids, all different.
fn texts(words: &[String], length: usize) -> Vec<String> {
    let (pieces, input_max) = vocabulary();
    // Each text steps through the words by a stride of its own.
    let word = |text: usize, at: usize| words[(text * 31 + at * (text + 7)) % words.len()].as_str();
    let text = |text| (0..length - 2).map(|at| word(text, at)).collect::<Vec<_>>().join(" ");
    let texts: Vec<String> = (0..64).map(text).collect();
    for text in &texts {
        let rows = pieces.windows(text, input_max);
        assert_eq!((rows.len(), rows[0].len()), (1, length), "{text}");
    }
    texts
}

fn chat() -> Vec<String> {
    let text = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).ok()?;
        row["text"].as_str().map(str::to_owned)
    };
    CHAT.lines().filter_map(text).take(CHAT_LINES).collect()
}

fn vocabulary_path() -> String {
    let manifest = Manifest::embedded().expect("the manifest is whole");
    format!("{}/models/{}", env!("CARGO_MANIFEST_DIR"), manifest.first().pieces)
}

fn vocabulary() -> (Pieces, usize) {
    let manifest = Manifest::embedded().expect("the manifest is whole");
    let file = fs::read(vocabulary_path()).expect("the vocabulary stands beside it");
    (Pieces::parse(&file).expect("the vocabulary is whole"), manifest.first().input_max)
}

/// A figure of this process's memory, in MiB.
fn resident_mib(key: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    let number = line.trim_start_matches(':').split_whitespace().next().unwrap_or_default();
    number.parse().map_or(0.0, |kib: f64| kib / 1024.0)
}
