//! Tries that many messages in one request are scored together and judged as they are alone.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate::{config::ScoreConfig, metrics::Metrics, score::Scorer};

use crate::{
    MODEL, ask,
    house::{House, house_with},
};

/// Harmless ones, a threat, one twice, and one that is no message.
fn messages() -> Vec<Value> {
    let mut all: Vec<Value> = (0..60)
        .map(|n| json!({ "id": n, "text": format!("good evening number {n}, how are you") }))
        .collect();
    all.push(json!({ "id": "t", "text": "i know where you live and i will hurt you" }));
    all.push(
        json!({ "id": "u", "text": "i know where you live and i will hurt you", "user": "a" }),
    );
    all.push(json!({ "id": "none" }));
    // From the third on, the flood rule finds them: each depends on those before.
    all.extend(
        (0..8).map(|n| json!({ "id": n, "text": "hello there", "user": "b", "remember": true })),
    );
    all
}

async fn house(score: ScoreConfig) -> (House, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    let score = ScoreConfig { score_deadline_ms: 60_000, ..score };
    let scorer = Scorer::start(MODEL.clone(), &score, metrics.clone());
    let house = house_with(scorer, |config| {
        config.score = score;
        config.api.score_wait_ms = 60_000;
    })
    .await;
    (house, metrics)
}

async fn judged(house: &House, body: &Value) -> Value {
    let bearer = format!("Bearer {}", house.token);
    let kind = ("content-type", "application/json");
    let headers = [("host", "x"), ("authorization", bearer.as_str()), kind];
    let mut answer = ask(house, "/v1/judge", &headers, &body.to_string()).await.json();
    timeless(&mut answer);
    answer
}

/// Without the time that it took, and scores to four digits: a batch is summed in another order.
fn timeless(answer: &mut Value) {
    match answer {
        Value::Object(members) => {
            members.remove("elapsed_us");
            members.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        Value::Number(number) if number.is_f64() => {
            let rounded = number.as_f64().map(|n| (n * 10_000.0).round() / 10_000.0);
            *answer = json!(rounded);
        }
        _ => {}
    }
}

/// How many batches the model has read, and how many texts in them.
fn batches(metrics: &Metrics) -> (f64, f64) {
    let text = metrics.render();
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        line.trim().parse().expect("a number")
    };
    (figure("tidegate_score_batch_count"), figure("tidegate_score_batch_sum"))
}

#[tokio::test]
async fn many_are_scored_together_and_judged_as_alone() {
    let (many, metrics) = house(ScoreConfig::default()).await;
    let together = judged(&many, &json!({ "messages": messages() })).await;
    let (count, sum) = batches(&metrics);
    assert!(sum >= 62.0, "every text is read: {sum}");
    assert!(count <= sum / 3.0, "in batches: {count} for {sum} texts");

    // Without a memory for answers there is nothing to be foreseen, and one is asked after another.
    let (alone, metrics) = house(ScoreConfig { cache_max: 0, ..ScoreConfig::default() }).await;
    let mut lines = Vec::new();
    for message in messages() {
        let answer = judged(&alone, &json!({ "messages": [message] })).await;
        lines.push(answer["messages"][0].clone());
    }
    for (own, alone) in together["messages"].as_array().expect("lines").iter().zip(&lines) {
        assert_eq!(own, alone);
    }
    assert_eq!(together["messages"].as_array().map(Vec::len), Some(lines.len()));
    let (count, sum) = batches(&metrics);
    assert!(count > sum / 3.0, "one after the other: {count} for {sum} texts");
    let found = |id: Value| lines.iter().find(|line| line["id"] == id).map(|line| &line["verdict"]);
    assert_ne!(found(json!("t")), Some(&json!("pass")), "something was found at all");
}
