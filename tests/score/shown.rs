//! Tries that whom an emoji shows does not tell against harmless words, and still tells for hatred.

use std::sync::Arc;

use tidegate::{
    config::ScoreConfig,
    message::Head,
    score::{self, Model, Shown},
};

use crate::cascade::fixed;

/// Half of everything where a flag's letters are, and of "bad" a third by itself.
fn says(text: &str) -> Vec<f32> {
    let alone = if text.contains("bad") { 0.3 } else { 0.01 };
    if text.contains('🇮') { vec![0.9, 0.5] } else { vec![alone, 0.02] }
}

#[test]
fn words_without_the_emoji_weigh_too() {
    let (model, asked) = fixed("aa", says);
    let rows = Shown::new(model).score(&["hi", "hi 🇮🇳", "bad 🇮🇳", "bad", "hi 🎉"]).unwrap();
    assert_eq!(rows[0], [0.01, 0.02]);
    assert_eq!(rows[1], [0.01, 0.02], "the words are harmless");
    assert!(rows[2][0] > 0.7 && rows[2][0] < 0.85, "{rows:?}");
    assert!(rows[2][1] > 0.2 && rows[2][1] < 0.35, "{rows:?}");
    assert_eq!((rows[3][0], rows[4][0]), (0.3, 0.01));
    // What shows nobody, or is harmless with them, is read once.
    assert_eq!(asked.lock().unwrap()[5..], ["hi ", "bad "]);
}

#[test]
fn people_faiths_and_flags_are_no_hatred() {
    let model = score::open(&ScoreConfig::default()).unwrap().model;
    let card = model.card();
    let mut wrong = Vec::new();
    for line in include_str!("../data/shown.tsv").lines().filter(|line| !line.starts_with('#')) {
        let (expected, text) = line.split_once('\t').unwrap();
        let row = model.score(&[text]).unwrap().pop().unwrap();
        let over = |(head, score): (&Arc<str>, &f32)| {
            let head = Head::named(head).filter(|head| head.category().is_some());
            head.and_then(|head| card.threshold("standard", head))
                .is_some_and(|least| *score >= least)
        };
        let found = card.heads.iter().zip(&row).any(over);
        if found != (expected == "found") {
            wrong.push(format!("{text}: {row:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
