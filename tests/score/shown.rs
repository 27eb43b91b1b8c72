//! Tries that whom an emoji shows does not tell against harmless words, and still tells for hatred.

use std::sync::Arc;

use tidegate::{config::ScoreConfig, message::Head, score};

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
