//! Compares what classifiers find in labelled rows, and what a message costs each of them.
//!
//! `cargo bench --bench classifiers [-- FILE.jsonl]`; `docs/benchmarks.md` says how to read it. A
//! row is one of `tidegate eval`'s.

use std::{env, fs, process::ExitCode, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustrict::CensorStr;
use serde::Deserialize;
use tidegate::{
    config::{Config, ScoreConfig},
    history::History,
    message::{Message, Sender, Verdict},
    metrics::Metrics,
    pipeline::Pipeline,
    rules::Ruleset,
    scan::{
        MatchMode,
        wordlist::{self, Wordlist},
    },
    score::Scorer,
};
use tokio::runtime::Runtime;

#[path = "shared/cpu.rs"]
mod cpu;
#[path = "shared/machine.rs"]
mod machine;

use cpu::cpu;

const OWN_DEV: &str = "models/training/own_dev.jsonl";
const COMMAND: &str = "cargo bench --bench classifiers";
/// From here on a term is a slur and not merely rude.
const SLUR_SEVERITY: u8 = 3;
/// From here on a label means yes.
const MEANT: f64 = 0.5;
/// What a time is measured over, at least.
const ENOUGH: Duration = Duration::from_millis(1_000);
/// Detection is measured: no score is late on a busy machine.
const DEADLINE_MS: u64 = 60_000;

/// A row as it stands in the file.
#[derive(Deserialize)]
struct Line {
    text: String,
    #[serde(default)]
    lang: String,
    labels: Labels,
}

#[derive(Deserialize)]
struct Labels {
    toxic: Option<f64>,
}

struct Row {
    text: String,
    lang: String,
    toxic: bool,
    /// A slur of Tidegate's lists stands in it.
    slur: bool,
}

/// Says of a text whether it is fit to be seen.
struct Classifier {
    name: String,
    stops: Box<dyn Fn(&str) -> bool>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    if !arguments.iter().any(|word| word == "--bench") {
        println!("nothing measured; run: {COMMAND}");
        return ExitCode::SUCCESS;
    }
    let files: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| *word != "--bench").collect();
    let table = match files.as_slice() {
        [] => compare(&format!("{}/{OWN_DEV}", env!("CARGO_MANIFEST_DIR")), OWN_DEV, COMMAND),
        [file] => compare(file, file, &format!("{COMMAND} -- {file}")),
        _ => Err(format!("one file at most; {COMMAND} -- FILE.jsonl")),
    };
    match table {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(cause) => {
            eprintln!("classifiers: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn compare(path: &str, name: &str, command: &str) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let lists = wordlist::embedded().map_err(|wrong| format!("the lists: {wrong:?}"))?;
    let rows = rows(&text, &lists).map_err(|cause| format!("{path}: {cause}"))?;
    let (classifiers, about) = classifiers()?;
    let mut table = format!(
        "| rows | toxic | classifier | precision | recall | F1 | false-positive rate | \
         µs a message |\n{}\n",
        "|---|---|---|---|---|---|---|---|"
    );
    for (group, rows) in groups(&rows) {
        let toxic = rows.iter().filter(|row| row.toxic).count();
        for classifier in &classifiers {
            let figures = figures(classifier, &rows);
            let name = &classifier.name;
            table.push_str(&format!("| {} {group} | {toxic} | {name} | {figures} |\n", rows.len()));
        }
    }
    let slurs = rows.iter().filter(|row| row.slur).count();
    Ok(format!(
        "{}; {about}; policy `standard`.\n{name}: {} rows, {slurs} with a slur of Tidegate's \
         lists. `{command}`\n\n{table}",
        machine::about()?,
        rows.len(),
    ))
}

/// The rows that say whether they are toxic.
fn rows(text: &str, lists: &[Wordlist]) -> Result<Vec<Row>, String> {
    let (en, fr) = (slurs("en/hate", lists), slurs("fr/hate", lists));
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line: Line =
            serde_json::from_str(line).map_err(|e| format!("line {}: {e}", index + 1))?;
        let Some(toxic) = line.labels.toxic else { continue };
        let listed =
            |word: &str| en.binary_search(&word).is_ok() || fr.binary_search(&word).is_ok();
        let slur = line.text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(listed);
        rows.push(Row { text: line.text, lang: line.lang, toxic: toxic >= MEANT, slur });
    }
    if rows.is_empty() { Err("no row says whether it is toxic".to_owned()) } else { Ok(rows) }
}

/// The slurs of a list that are one word, sorted.
fn slurs<'a>(name: &str, lists: &'a [Wordlist]) -> Vec<&'a str> {
    let terms = lists.iter().filter(|list| &*list.name == name).flat_map(|list| &list.terms);
    let mut slurs: Vec<&str> = terms
        .filter(|term| term.mode == MatchMode::Word && term.severity.level() >= SLUR_SEVERITY)
        .map(|term| term.text.as_str())
        .collect();
    slurs.sort_unstable();
    slurs
}

/// What is compared, and versions.
fn classifiers() -> Result<(Vec<Classifier>, String), String> {
    let config = Config {
        score: ScoreConfig {
            score_deadline_ms: DEADLINE_MS,
            // The same rows come again to be timed, and each time must cost what the first did.
            cache_max: 0,
            ..ScoreConfig::default()
        },
        ..Config::default()
    };
    let metrics = Arc::new(Metrics::new());
    let scorer = Scorer::open(&config.score, metrics).map_err(|causes| causes.join("\n"))?;
    let about = scorer.about().map_or("no model".to_owned(), |about| about.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = Arc::new(runtime.map_err(|e| format!("no runtime: {e}"))?);
    let classifiers = vec![
        Classifier { name: "rustrict".to_owned(), stops: Box::new(|text| text.is_inappropriate()) },
        judge("Tidegate, lists alone", &config, Scorer::none(), runtime.clone())?,
        judge("Tidegate, lists and model", &config, scorer, runtime)?,
    ];
    let versions = format!("rustrict {}; tidegate {}, {about}", rustrict(), version());
    Ok((classifiers, versions))
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The version that was resolved.
fn rustrict() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let after = lock.split_once("name = \"rustrict\"\nversion = \"").map(|(_, rest)| rest);
    after.and_then(|rest| rest.split('"').next()).unwrap_or("?")
}

/// The whole path of a message, which a sender without a name leaves no trace on.
fn judge(
    name: &str,
    config: &Config,
    scorer: Scorer,
    runtime: Arc<Runtime>,
) -> Result<Classifier, String> {
    let rules = Ruleset::build(config).map_err(|causes| causes.join("\n"))?;
    let history = Arc::new(History::open(&config.history));
    let pipeline = Pipeline { rules: Arc::new(ArcSwap::from_pointee(rules)), history, scorer };
    let stops = move |text: &str| {
        let message = Message {
            route: "".into(),
            channel: String::new(),
            sender: Sender::default(),
            id: None,
            text: text.to_owned(),
            at_ms: 0,
            ..Message::default()
        };
        runtime.block_on(pipeline.judge(&message)).verdict != Verdict::Pass
    };
    Ok(Classifier { name: name.to_owned(), stops: Box::new(stops) })
}

/// The rows by language, and those of them without a slur of the lists, which Tidegate's lists
/// know by construction.
fn groups(rows: &[Row]) -> Vec<(String, Vec<&Row>)> {
    let mut langs: Vec<&str> = rows.iter().map(|row| row.lang.as_str()).collect();
    langs.sort_unstable();
    langs.dedup();
    let mut groups = Vec::new();
    for lang in langs {
        let own: Vec<&Row> = rows.iter().filter(|row| row.lang == lang).collect();
        let bare: Vec<&Row> = own.iter().copied().filter(|row| !row.slur).collect();
        let differs = (1..own.len()).contains(&bare.len());
        groups.push((lang.to_owned(), own));
        if differs {
            groups.push((format!("{lang}, no listed slur"), bare));
        }
    }
    groups
}

/// What one classifier did with one group, as cells of the table.
fn figures(classifier: &Classifier, rows: &[&Row]) -> String {
    let (mut hits, mut alarms, mut misses, mut rest) = (0u32, 0u32, 0u32, 0u32);
    for row in rows {
        let count = match ((classifier.stops)(&row.text), row.toxic) {
            (true, true) => &mut hits,
            (true, false) => &mut alarms,
            (false, true) => &mut misses,
            (false, false) => &mut rest,
        };
        *count += 1;
    }
    let share = |part: u32, whole: u32| match whole {
        0 => "–".to_owned(),
        whole => format!("{:.3}", f64::from(part) / f64::from(whole)),
    };
    [
        share(hits, hits + alarms),
        share(hits, hits + misses),
        share(2 * hits, 2 * hits + alarms + misses),
        share(alarms, alarms + rest),
        format!("{:.1}", microseconds(classifier, rows)),
    ]
    .join(" | ")
}

/// Processor time of all threads for a message, over whole rounds through the rows.
fn microseconds(classifier: &Classifier, rows: &[&Row]) -> f64 {
    let started = cpu();
    let mut messages = 0;
    while cpu() - started < ENOUGH {
        for row in rows {
            std::hint::black_box((classifier.stops)(&row.text));
        }
        messages += rows.len();
    }
    (cpu() - started).as_secs_f64() * 1e6 / messages as f64
}
