//! Tries the model stage with models that answer, fail, panic and block.

#![allow(clippy::unwrap_used)]

#[path = "score/cascade.rs"]
mod cascade;
#[path = "score/graph.rs"]
mod graph;
#[path = "score/load.rs"]
mod load;
#[path = "score/manifest.rs"]
mod manifest;
#[path = "score/overload.rs"]
mod overload;
#[path = "score/pieces.rs"]
mod pieces;
#[path = "score/shown.rs"]
mod shown;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc::{Receiver, Sender, channel},
};

use tidegate::{
    config::ScoreConfig,
    message::{ModelCard, Score, Scores},
    metrics::Metrics,
    score::{About, Model, Prepared, Scorer},
};

type Answer = fn(&[&str]) -> Result<Vec<Vec<f32>>, String>;

/// A model of two heads.
fn card() -> Arc<ModelCard> {
    Arc::new(ModelCard { heads: vec!["toxic".into(), "threat".into()], ..ModelCard::default() })
}

fn known(row: &[f32]) -> Score {
    Score::Known(Scores { model: card(), row: row.to_vec() })
}

struct Plain {
    about: About,
    card: Arc<ModelCard>,
    answer: Answer,
}

fn about() -> About {
    let (name, version) = ("blorp".to_owned(), "1".to_owned());
    About { name, id: "0123456789ab".into(), runtime: "none", version, library: None }
}

impl Model for Plain {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        (self.answer)(texts)
    }
}

fn start(answer: Answer) -> (Scorer, Arc<Metrics>) {
    let model = Plain { about: about(), card: card(), answer };
    let metrics = Arc::new(Metrics::new());
    (Scorer::start(Arc::new(model), &patient(), metrics.clone()), metrics)
}

/// No test waits for this deadline: it is there so that a stuck one ends. Nothing is kept, so that
/// every text reaches the model.
fn patient() -> ScoreConfig {
    ScoreConfig { score_deadline_ms: 60_000, cache_max: 0, ..ScoreConfig::default() }
}

/// A row that tells the text it is for.
fn row(text: &str) -> Vec<f32> {
    vec![text.len() as f32 / 100.0, 0.25]
}

#[tokio::test]
async fn answers_become_scores_and_failures_are_late() {
    let late = Score::Late;
    let five = known(&[0.05, 0.25]);
    let clamped = known(&[1.0, 0.0]);
    let cases: [(&str, Answer, Score); 7] = [
        ("sound", |texts| Ok(texts.iter().map(|text| row(text)).collect()), five),
        ("beyond 0 to 1", |_| Ok(vec![vec![3.0, -1.0]]), clamped),
        ("failing", |_| Err("no".into()), late.clone()),
        ("panicking", |_| panic!("a model's own panic, on purpose"), late.clone()),
        ("too few rows", |_| Ok(vec![]), late.clone()),
        ("too short a row", |_| Ok(vec![vec![0.5]]), late.clone()),
        ("not a number", |_| Ok(vec![vec![f32::NAN, 0.5]]), late.clone()),
    ];
    for (what, answer, expected) in cases {
        let (scorer, metrics) = start(answer);
        // Twice: a failure must not end the thread.
        for _ in 0..2 {
            assert_eq!(scorer.score("blorp", None).await, expected, "{what}");
        }
        let label = if expected == late { "late" } else { "known" };
        let line = format!("tidegate_scores_total{{result=\"{label}\"}} 2");
        assert!(metrics.render().contains(&line), "{what}: {}", metrics.render());
    }
}

#[tokio::test]
async fn without_a_model_scores_are_skipped() {
    let off = ScoreConfig { enabled: false, ..ScoreConfig::default() };
    let disabled = Scorer::open(&off, Arc::new(Metrics::new())).unwrap();
    for scorer in [Scorer::none(), disabled] {
        assert!(!scorer.available());
        assert_eq!(scorer.score("blorp", None).await, Score::Skipped);
    }
}

/// Says that it has a batch, and waits until it is let go.
struct Blocked {
    about: About,
    card: Arc<ModelCard>,
    entered: Sender<usize>,
    gate: Mutex<Receiver<()>>,
}

impl Model for Blocked {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        self.entered.send(texts.len()).map_err(|e| e.to_string())?;
        self.gate.lock().unwrap().recv().map_err(|e| e.to_string())?;
        Ok(texts.iter().map(|text| row(text)).collect())
    }
}

fn blocked(config: &ScoreConfig) -> (Scorer, Arc<Metrics>, Receiver<usize>, Sender<()>) {
    let (entered, seen) = channel();
    let (open, gate) = channel();
    let model = Blocked { about: about(), card: card(), entered, gate: Mutex::new(gate) };
    let metrics = Arc::new(Metrics::new());
    (Scorer::start(Arc::new(model), config, metrics.clone()), metrics, seen, open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_batched_and_bounded() {
    let config = ScoreConfig { queue_max: 3, batch_max: 2, ..patient() };
    let (scorer, metrics, batches, open) = blocked(&config);
    let ask = |text: &'static str| {
        let scorer = scorer.clone();
        async move { scorer.score(text, None).await }
    };
    // The first text is with the model, which blocks; three wait; the next finds no room.
    let mut first = std::pin::pin!(ask("a"));
    assert!(futures_util::poll!(first.as_mut()).is_pending());
    assert_eq!(batches.recv().unwrap(), 1);
    let mut waiting = [ask("ab"), ask("abc"), ask("abcd")].map(Box::pin);
    for one in &mut waiting {
        assert!(futures_util::poll!(one).is_pending());
    }
    assert_eq!(ask("abcde").await, Score::Late);
    assert!(metrics.render().contains("discarded_total{reason=\"score_queue_full\"} 1"));
    for _ in 0..3 {
        open.send(()).unwrap();
    }
    assert_eq!(toxic(&first.await), 0.01);
    let [two, three, four] = waiting;
    let rest = [toxic(&two.await), toxic(&three.await), toxic(&four.await)];
    assert_eq!(rest, [0.02, 0.03, 0.04]);
    assert_eq!([batches.recv().unwrap(), batches.recv().unwrap()], [2, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asked_last_is_answered_first() {
    let config = ScoreConfig { batch_max: 1, ..patient() };
    let (scorer, metrics, batches, open) = blocked(&config);
    let ask = |text: &'static str| {
        let scorer = scorer.clone();
        async move { scorer.score(text, None).await }
    };
    let mut first = std::pin::pin!(ask("a"));
    assert!(futures_util::poll!(first.as_mut()).is_pending());
    assert_eq!(batches.recv().unwrap(), 1);
    let mut waiting = [ask("ab"), ask("abc"), ask("abcd")].map(Box::pin);
    for one in &mut waiting {
        assert!(futures_util::poll!(one).is_pending());
    }
    let [two, three, four] = waiting;
    open.send(()).unwrap();
    assert_eq!(toxic(&first.await), 0.01);
    // The gate opens once for each: whoever is served out of turn would wait for ever.
    for (one, expected) in [(four, 0.04), (three, 0.03), (two, 0.02)] {
        open.send(()).unwrap();
        assert_eq!(toxic(&one.await), expected);
    }
    assert!(metrics.render().contains("tidegate_score_queue 0"), "{}", metrics.render());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_makes_late_and_spares_the_model() {
    let (scorer, metrics, batches, open) = blocked(&ScoreConfig::default());
    let mut first = std::pin::pin!(scorer.score("a", None));
    assert!(futures_util::poll!(first.as_mut()).is_pending());
    assert_eq!(batches.recv().unwrap(), 1);
    // Time is paused: it jumps to the deadline as soon as nothing else is to be done.
    assert_eq!(scorer.score("ab", None).await, Score::Late);
    assert_eq!(first.await, Score::Late);
    assert!(metrics.render().contains("tidegate_scores_total{result=\"late\"} 2"));
    // The second text's asker has gone, so the model sees the third alone.
    open.send(()).unwrap();
    let mut third = std::pin::pin!(scorer.score("abc", None));
    assert!(futures_util::poll!(third.as_mut()).is_pending());
    assert_eq!(batches.recv().unwrap(), 1);
}

/// Blocks as `Blocked` does, and says whether it was asked in haste.
struct Hasty(Blocked, Sender<bool>);

impl Model for Hasty {
    fn about(&self) -> &About {
        self.0.about()
    }

    fn card(&self) -> &Arc<ModelCard> {
        self.0.card()
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        self.1.send(false).map_err(|e| e.to_string())?;
        self.0.score(texts)
    }

    fn score_in_haste(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        self.1.send(true).map_err(|e| e.to_string())?;
        self.0.score(texts)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_schedule_the_model_is_asked_in_haste() {
    let (entered, batches) = channel();
    let (open, gate) = channel();
    let (said, haste) = channel();
    let model = Blocked { about: about(), card: card(), entered, gate: Mutex::new(gate) };
    let model = Arc::new(Hasty(model, said));
    let scorer = Scorer::start(model, &patient(), Arc::new(Metrics::new()));
    // More than one batch takes, at whatever pace.
    let texts = ["a", "b", "c"].map(|letter| letter.repeat(3_000));
    let mut first = std::pin::pin!(scorer.score("a", None));
    assert!(futures_util::poll!(first.as_mut()).is_pending());
    assert_eq!(batches.recv().unwrap(), 1);
    let mut waiting: Vec<_> = texts.iter().map(|text| Box::pin(scorer.score(text, None))).collect();
    for one in &mut waiting {
        assert!(futures_util::poll!(one).is_pending());
    }
    for _ in 0..4 {
        open.send(()).unwrap();
    }
    first.await;
    futures_util::future::join_all(waiting).await;
    assert_eq!(haste.try_iter().collect::<Vec<_>>(), [false, true, true, false]);
}

/// Answers each text by its length, and counts the texts that it was asked.
struct Counted {
    about: About,
    card: Arc<ModelCard>,
    asked: AtomicUsize,
}

impl Model for Counted {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        self.asked.fetch_add(texts.len(), Ordering::Relaxed);
        Ok(texts.iter().map(|text| row(text)).collect())
    }
}

fn counted(cache_max: usize) -> (Scorer, Arc<Counted>, Arc<Metrics>) {
    let model = Arc::new(Counted { about: about(), card: card(), asked: AtomicUsize::new(0) });
    let metrics = Arc::new(Metrics::new());
    let config = ScoreConfig { cache_max, ..patient() };
    (Scorer::start(model.clone(), &config, metrics.clone()), model, metrics)
}

fn toxic(score: &Score) -> f32 {
    match score {
        Score::Known(scores) => scores.row[0],
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn of_two_readings_the_worse_counts() {
    let (scorer, model, metrics) = counted(0);
    assert_eq!(toxic(&scorer.score("b l o r p", Some("blorp")).await), 0.09);
    assert_eq!(toxic(&scorer.score("bl", Some("blorp")).await), 0.05);
    assert_eq!(model.asked.load(Ordering::Relaxed), 4);
    assert_eq!(toxic(&scorer.score("blorp", Some("blorp")).await), 0.05);
    assert_eq!(model.asked.load(Ordering::Relaxed), 5, "one reading is asked once");
    let text = metrics.render();
    for line in [
        "tidegate_score_batch_sum 5",
        "tidegate_model_seconds_count 3",
        "tidegate_score_queue 0",
        "tidegate_scores_total{result=\"known\"} 3",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn what_comes_again_is_asked_once() {
    let (scorer, model, metrics) = counted(100);
    let first = scorer.score("blorp", None).await;
    assert_eq!(scorer.score("blorp", None).await, first);
    assert_eq!(model.asked.load(Ordering::Relaxed), 1);
    scorer.score("blorp", Some("blorps")).await;
    assert_eq!(model.asked.load(Ordering::Relaxed), 3, "another reading is another question");
    assert!(metrics.render().contains("tidegate_scores_total{result=\"cached\"} 1"));

    let prepared = Prepared { model: model.clone(), manifest: None };
    scorer.swap(prepared);
    assert_eq!(scorer.score("blorp", None).await, first);
    assert_eq!(model.asked.load(Ordering::Relaxed), 4, "another model is asked anew");
}

#[tokio::test]
async fn what_policy_has_no_use_for_is_counted() {
    let (scorer, model, metrics) = counted(0);
    assert_eq!(scorer.skip(), Score::Skipped);
    assert_eq!(Scorer::none().skip(), Score::Skipped);
    assert!(metrics.render().contains("tidegate_scores_total{result=\"not_needed\"} 1"));
    assert_eq!(model.asked.load(Ordering::Relaxed), 0);
}
