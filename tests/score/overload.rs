//! Drives the real queue into overload and sees what is given up, in which order, and back.

use std::time::Duration;

use futures_util::poll;
use tidegate::{
    config::ScoreConfig,
    message::Score,
    metrics::Metrics,
    score::{Scorer, Step},
};
use tokio::time::advance;

use super::blocked;

/// Half of it full is a reason to spare known senders.
const PLACES: usize = 8;

fn says(metrics: &Metrics, line: &str) -> bool {
    metrics.render().lines().any(|own| own == line)
}

async fn fill(scorer: &Scorer, waiting: &mut Vec<tokio::task::JoinHandle<Score>>, count: usize) {
    for _ in 0..count {
        let (scorer, text) = (scorer.clone(), format!("text {}", waiting.len()));
        let mut ask = Box::pin(async move { scorer.score(&text, None).await });
        // In the queue when this returns.
        if poll!(ask.as_mut()).is_pending() {
            waiting.push(tokio::spawn(ask));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_has_an_order_and_comes_back() {
    let config = ScoreConfig {
        queue_max: PLACES,
        batch_max: 1,
        cache_max: 0,
        score_deadline_ms: 60_000,
        ..ScoreConfig::default()
    };
    let (scorer, metrics, batches, open) = blocked(&config);
    let mut waiting = Vec::new();
    fill(&scorer, &mut waiting, 1).await;
    assert_eq!(batches.recv().expect("a batch"), 1);
    assert_eq!(scorer.overload(), Step::Nothing);

    fill(&scorer, &mut waiting, PLACES / 2 + 2).await;
    assert_eq!(scorer.overload(), Step::Trusted, "more than half of the places are taken");
    assert!(says(&metrics, "tidegate_overload_step 1"), "{}", metrics.render());

    fill(&scorer, &mut waiting, PLACES).await;
    assert_eq!(scorer.overload(), Step::Everybody, "whoever finds no place is late at once");
    assert_eq!(scorer.score("one more", None).await, Score::Late);

    // Whole seconds of it, and the door is closed.
    for second in 0..6 {
        assert!(scorer.overload() < Step::Newcomers, "after {second} s");
        assert_eq!(scorer.score("and more", None).await, Score::Late);
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(scorer.overload(), Step::Newcomers);
    assert!(says(&metrics, "tidegate_overload_step 3"), "{}", metrics.render());

    // The model is let go; each step is taken back by itself, the last one first.
    drop(open);
    let mut seen = vec![Step::Newcomers];
    while seen.last() != Some(&Step::Nothing) {
        advance(Duration::from_millis(500)).await;
        let step = scorer.overload();
        if seen.last() != Some(&step) {
            seen.push(step);
        }
    }
    assert_eq!(seen, [Step::Newcomers, Step::Everybody, Step::Trusted, Step::Nothing]);
    assert!(says(&metrics, "tidegate_overload_step 0"), "{}", metrics.render());
    // Time jumps while these are waited for.
    for one in waiting {
        one.await.expect("no panic");
    }
}
