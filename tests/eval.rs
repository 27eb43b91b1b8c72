//! Measures a scripted model on rows whose figures are known.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tidegate::{
    commands::eval::{Report, measure},
    config::{Config, ScoreConfig},
    history::History,
    message::{Head, ModelCard},
    metrics::Metrics,
    pipeline::Pipeline,
    rules::Ruleset,
    score::{About, Model, Scorer},
};

/// Scores what the text says: `0.9 0.1` is `toxic` and `threat`; it fails on anything else.
struct Scripted {
    about: About,
    card: Arc<ModelCard>,
}

impl Model for Scripted {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        let row = |text: &&str| {
            let mut row = text.split(' ').map(|word| word.parse().map_err(|_| "no".to_owned()));
            let two = [row.next(), row.next()];
            two.into_iter().map(|p| p.unwrap_or(Ok(0.0))).collect()
        };
        texts.iter().map(row).collect()
    }
}

fn pipeline(settings: &str) -> Pipeline {
    let config = Config::parse(settings, "t.toml").expect("settings");
    let rules = Ruleset::build(&config).expect("rules");
    let thresholds = [(Head::Toxic, 0.9), (Head::Threat, 0.9)].into();
    let card = ModelCard {
        id: "00112233aabb".into(),
        heads: vec!["toxic".into(), "threat".into()],
        weak: Vec::new(),
        thresholds: [("standard".to_owned(), thresholds)].into(),
    };
    let score = ScoreConfig { score_deadline_ms: 60_000, batch_max: 1, ..ScoreConfig::default() };
    let (name, version) = ("scripted".to_owned(), "1".to_owned());
    let about = About { name, id: card.id.clone(), runtime: "none", version, library: None };
    let model = Arc::new(Scripted { about, card: Arc::new(card) });
    let scorer = Scorer::start(model, &score, Arc::new(Metrics::new()));
    let history = Arc::new(History::new(10));
    Pipeline { rules: Arc::new(ArcSwap::from_pointee(rules)), history, scorer }
}

fn eval(settings: &str, rows: &[(&str, &str, &str)]) -> Report {
    let line = |(text, slice, labels): &(&str, &str, &str)| {
        format!("{{\"text\":{text:?},\"slice\":{slice:?},\"labels\":{{{labels}}}}}\n")
    };
    let lines: String = rows.iter().map(line).collect();
    measure(&pipeline(settings), "", lines.as_bytes()).expect("rows")
}

#[test]
fn scores_and_verdicts_are_measured() {
    let report = eval(
        "",
        &[
            ("0.95 0.95", "a", "\"toxic\": 1, \"threat\": 1"),
            ("0.95 0.1", "a", "\"toxic\": 1, \"threat\": 0"),
            ("0.2 0.92", "b", "\"toxic\": 0.4, \"threat\": 0"),
            ("0.1 0.0", "b", "\"toxic\": 0"),
            ("0.1 0.3", "", "\"sexual\": 1, \"severe\": 1"),
            ("who knows", "b", "\"toxic\": 1"),
        ],
    );
    assert_eq!((report.lines, report.bad, report.unscored), (6, 0, 1));
    assert_eq!(report.model.as_deref(), Some("00112233aabb"));
    let all = &report.groups["all"];
    // `toxic` alone passes; a threat is held.
    assert_eq!((all.verdicts.pass, all.verdicts.hold), (4, 2));
    assert_eq!((all.needed, all.changed), (Some(1.0), Some(2.0 / 6.0)));
    assert_eq!(report.groups["slice/b"].changed, Some(1.0 / 3.0));
    let toxic = &all.heads[&Head::Toxic];
    let (found, score) = (toxic.found.expect("found"), toxic.score.expect("scored"));
    // The row without an answer counts as a miss of the findings, and in no rank.
    assert_eq!((toxic.rows, found.recall, found.fpr), (5, Some(2.0 / 3.0), Some(0.5)));
    assert_eq!((score.auc, score.f1_best), (Some(1.0), Some(1.0)));
    let threat = &all.heads[&Head::Threat];
    assert_eq!(threat.found.expect("found").precision, Some(0.5));
    assert_eq!(threat.score.expect("scored").f1_half, Some(2.0 / 3.0));
    // A head that the model lacks has findings alone, and `severe` finds nothing of its own.
    assert!(all.heads[&Head::Sexual].score.is_none());
    assert!(all.heads[&Head::Severe].found.is_none());
    let shown = report.to_string();
    assert!(shown.contains("needed a score: 100.0 %; verdict changed by the model: 33.3 %\n"));
    assert!(shown.contains("1 rows without an answer of the model\n"), "{shown}");
    assert!(shown.lines().all(|line| line.len() <= 100), "{shown}");
}

#[test]
fn every_row_is_scored_whatever_the_policy_needs() {
    let words = "[[route]]\nupstream = \"ws://h\"\npolicy = \"off\"\n";
    let lines = "{\"text\":\"0.9 0\",\"labels\":{\"toxic\":1}}\n".repeat(70);
    let report = measure(&pipeline(words), "/", lines.as_bytes()).expect("rows");
    let all = &report.groups["all"];
    assert_eq!((report.policy.as_str(), all.rows, report.unscored), ("off", 70, 0));
    assert_eq!((all.needed, all.changed, all.verdicts.pass), (Some(0.0), Some(0.0), 70));
    let brier = all.heads[&Head::Toxic].score.expect("scored").brier.expect("rows");
    assert!((brier - 0.01).abs() < 1e-6, "{brier}");
}
