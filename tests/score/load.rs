//! Loads the model of this repository in each runtime, and refuses what was changed in it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use serde::Deserialize;
use tidegate::{
    config::{Config, ScoreConfig},
    message::Score,
    metrics::Metrics,
    rules::{Outcome, Reloader, Ruleset},
    score::{self, Model, Scorer, check_file, manifest::Manifest},
};

fn open(runtime: &str) -> Result<Arc<dyn Model>, Vec<String>> {
    let config = ScoreConfig { runtime: runtime.to_owned(), ..ScoreConfig::default() };
    score::open(&config).map(|prepared| prepared.model)
}

/// The other runtime, where this machine has its library.
fn external() -> Option<Arc<dyn Model>> {
    match open("onnxruntime") {
        Ok(model) => Some(model),
        Err(causes) => {
            let causes = causes.join("; ");
            assert!(causes.contains("no library is found"), "{causes}");
            println!("skipped: {causes}");
            None
        }
    }
}

#[derive(Deserialize)]
struct Row {
    text: String,
}

/// Every twentieth of the golden texts: chat, noise, and the empty text among them.
fn texts() -> Vec<String> {
    let rows = include_str!("../model/ids.jsonl").lines().step_by(20);
    let texts = rows.map(|line| serde_json::from_str::<Row>(line).unwrap().text);
    texts.chain([String::new(), "word ".repeat(5_000)]).collect()
}

#[test]
fn the_embedded_model_scores_every_text() {
    let model = open("embedded").unwrap();
    let manifest = Manifest::embedded().unwrap();
    let entry = manifest.first();
    assert_eq!(model.card().heads.iter().map(|head| &**head).collect::<Vec<_>>(), entry.heads);
    let digests = manifest.second().map(|(second, _)| format!("+{}", &second.sha256[..12]));
    let id = format!("{}{}", &entry.sha256[..12], digests.unwrap_or_default());
    assert_eq!((&*model.card().id, &*model.about().id), (&*id, &*id));
    assert_eq!((model.about().runtime, &model.about().library), ("embedded", &None));
    for text in texts() {
        let rows = model.score(&[&text]).unwrap();
        assert_eq!((rows.len(), rows[0].len()), (1, entry.heads.len()), "{text:?}");
        assert!(rows[0].iter().all(|p| (0.0..=1.0).contains(p)), "{text:?}: {rows:?}");
    }
    assert!(model.score(&[]).unwrap().is_empty());
}

#[test]
fn both_runtimes_say_the_same() {
    let Some(external) = external() else { return };
    let embedded = open("embedded").unwrap();
    let about = external.about();
    assert!(about.library.as_ref().is_some_and(|library| library.exists()), "{about}");
    assert!(about.version.starts_with("1."), "{about}");
    let apart = |a: &[Vec<f32>], b: &[Vec<f32>]| {
        a[0].iter().zip(&b[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let (mut first, mut both, texts) = (0.0f32, 0.0f32, texts());
    for text in &texts {
        let text: &[&str] = &[text];
        let (a, b) =
            (external.score_in_haste(text).unwrap(), embedded.score_in_haste(text).unwrap());
        first = first.max(apart(&a, &b));
        if is_settled(&a[0]) {
            let (a, b) = (external.score(text).unwrap(), embedded.score(text).unwrap());
            both = both.max(apart(&a, &b));
        }
    }
    println!("{about} and {}: {} texts, {first} and {both} apart", embedded.about(), texts.len());
    // Twelve layers carry on what one rounds.
    assert!(first <= 0.01 && both <= 0.05, "{first} and {both} apart");
}

/// Whether the second model is asked however the first is rounded.
fn is_settled(row: &[f32]) -> bool {
    let manifest = Manifest::embedded().unwrap();
    let Some((_, second)) = manifest.second() else { return true };
    let heads = manifest.first().heads.iter().zip(row);
    !heads
        .filter_map(|(head, score)| Some((second.uncertain.get(head)?, score)))
        .any(|(band, score)| band.iter().any(|end| (end - score).abs() <= 0.01))
}

#[test]
fn a_batch_says_what_its_texts_say_alone() {
    let model = open("embedded").unwrap();
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (batch, rows) in texts.chunks(32).map(|batch| (batch, model.score(batch).unwrap())) {
        for (text, row) in batch.iter().zip(rows) {
            let alone = model.score(&[text]).unwrap().remove(0);
            // Each token has a scale of its own. Another order of sums may still tip a rounding.
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 0.002;
            let close = alone.iter().zip(&row).all(near)
                || !is_settled(&model.score_in_haste(&[text]).unwrap()[0]);
            assert!(close, "{text:?}: {alone:?} alone, {row:?} with others");
        }
    }
}

/// The model of this repository in a folder of its own.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Copy {
        let folder = std::env::temp_dir().join(format!("tidegate-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let copy = Copy(folder);
        let manifest = Manifest::embedded().unwrap();
        let files = manifest.models.iter().flat_map(|entry| [&*entry.file, &*entry.pieces]);
        for file in files.chain(["manifest.toml"]) {
            fs::copy(Path::new("models").join(file), copy.0.join(file)).unwrap();
        }
        copy
    }

    fn entry() -> score::manifest::ModelEntry {
        Manifest::embedded().unwrap().first().clone()
    }

    fn manifest(&self) -> PathBuf {
        self.0.join("manifest.toml")
    }

    fn change(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.manifest()).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.manifest(), text.replacen(from, to, 1)).unwrap();
    }

    fn config(&self) -> ScoreConfig {
        ScoreConfig {
            manifest: self.manifest(),
            runtime: "embedded".into(),
            ..ScoreConfig::default()
        }
    }

    fn cause(&self) -> String {
        let Err(causes) = score::open(&self.config()) else { panic!("it was loaded") };
        causes.join("\n")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn changed_files_are_refused() {
    let copy = Copy::new("changed");
    let entry = Copy::entry();
    let (file, pieces) = (copy.0.join(&entry.file), copy.0.join(&entry.pieces));
    let mut files = vec![copy.manifest(), file.clone(), pieces.clone()];
    if let Some((second, _)) = Manifest::embedded().unwrap().second() {
        files.extend([&second.file, &second.pieces].map(|name| copy.0.join(name)));
    }
    assert_eq!(score::files(&copy.config()), files);
    let whole = fs::read(&file).unwrap();
    assert_eq!(check_file(&whole, entry.heads.len()), Ok(()));

    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(copy.cause().contains("is another file: its digest is"), "{}", copy.cause());
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(copy.cause().contains("is another file"), "{}", copy.cause());
    fs::remove_file(&file).unwrap();
    assert!(copy.cause().contains(&*file.to_string_lossy()), "{}", copy.cause());
    fs::create_dir(&file).unwrap();
    assert!(copy.cause().contains("is no file"), "{}", copy.cause());
    fs::remove_dir(&file).unwrap();
    fs::write(&file, &whole).unwrap();

    // The digest is right, and the file is not a model.
    fs::write(&pieces, "hello").unwrap();
    copy.change(
        &entry.pieces_sha256,
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    );
    assert!(copy.cause().contains("line 1: no tab"), "{}", copy.cause());
}

#[test]
fn a_model_that_says_something_else_is_refused() {
    let copy = Copy::new("else");
    let entry = Copy::entry();
    let golden = &entry.golden[0];
    let (head, score) = golden.scores.iter().next().unwrap();
    let wrong = if *score > 0.5 { score - 0.4 } else { score + 0.4 };
    let text = fs::read_to_string(copy.manifest()).unwrap();
    let start = text.find("[[model.golden]]").unwrap();
    let from = text[start..].split(&format!("{head} = ")).nth(1).unwrap();
    let from = from.split([',', ' ', '}']).next().unwrap();
    let (before, behind) = text.split_at(start);
    let behind = behind.replacen(&format!("{head} = {from}"), &format!("{head} = {wrong}"), 1);
    fs::write(copy.manifest(), format!("{before}{behind}")).unwrap();
    let cause = copy.cause();
    assert!(cause.contains(&format!("{head} {score:.3} and should {wrong:.3}")), "{cause}");
}

#[test]
fn an_unknown_runtime_is_named() {
    let Err(causes) = open("abacus") else { panic!("it was opened") };
    assert!(causes[0].contains("score.runtime: \"abacus\" is not one of"), "{causes:?}");
}

#[tokio::test]
async fn models_are_swapped_while_it_runs() {
    let copy = Copy::new("swapped");
    let settings = copy.0.join("tidegate.toml");
    let write = |manifest: &Path| {
        fs::write(&settings, format!("[score]\nmanifest = {manifest:?}\n")).unwrap();
    };
    write(&copy.manifest());
    let mut config = Config::read(&settings).unwrap();
    config.score.score_deadline_ms = 60_000;
    config.score.runtime = "embedded".into();
    let metrics = Arc::new(Metrics::new());
    let scorer = Scorer::open(&config.score, metrics.clone()).unwrap();
    let first = scorer.about().unwrap();
    let rules = Arc::new(ArcSwap::from_pointee(Ruleset::build(&config).unwrap()));
    let mut reloader =
        Reloader::new(settings.clone(), config, rules, scorer.clone(), metrics.clone()).await;
    assert_eq!(reloader.step(true).await, Outcome::Loaded);
    let counted = |result: &str| {
        let line = format!("tidegate_model_loads_total{{result=\"{result}\"}} ");
        let text = metrics.render();
        text.lines().find_map(|l| l.strip_prefix(&line)).map_or(0, |n| n.parse().unwrap())
    };
    assert_eq!((counted("ok"), counted("refused")), (0, 0), "the same model stays");

    // A bad file is refused with its reason, and the model of before goes on.
    copy.change(&Copy::entry().sha256, &"0".repeat(64));
    assert_eq!(reloader.step(false).await, Outcome::Unchanged, "not settled yet");
    let Outcome::Refused(causes) = reloader.step(false).await else { panic!("it was loaded") };
    assert!(causes[0].contains("is another file"), "{causes:?}");
    assert_eq!(scorer.about().unwrap(), first);
    assert!(matches!(scorer.score("hello there", None).await, Score::Known(_)));
    assert_eq!((counted("ok"), counted("refused")), (0, 1));

    copy.change(&"0".repeat(64), &Copy::entry().sha256);
    let renamed = first.name.replacen(&Copy::entry().name, "another", 1);
    copy.change(&format!("name = \"{}\"", Copy::entry().name), "name = \"another\"");
    assert_eq!(reloader.step(true).await, Outcome::Loaded);
    assert_eq!(scorer.about().unwrap().name, renamed);
    assert!(matches!(scorer.score("hello there", None).await, Score::Known(_)));
    assert_eq!((counted("ok"), counted("refused")), (1, 1));

    // Back to the one in the binary.
    write(Path::new(""));
    assert_eq!(reloader.step(true).await, Outcome::Loaded);
    assert_eq!(scorer.about().unwrap(), first);
    assert_eq!((counted("ok"), counted("refused")), (2, 1));
}
