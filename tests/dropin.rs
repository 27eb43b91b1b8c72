//! Asks in the shapes of Perspective and OpenAI over real ports, with the real model.

#[path = "doors/house.rs"]
#[allow(dead_code)]
mod house;

#[path = "dropin/cors.rs"]
mod cors;

#[path = "dropin/errors.rs"]
mod errors;

#[path = "dropin/moderations.rs"]
mod moderations;

#[path = "dropin/perspective.rs"]
mod perspective;

#[path = "dropin/together.rs"]
mod together;

use std::sync::{Arc, LazyLock};

use serde_json::Value;
use tidegate::{
    config::{Config, ScoreConfig},
    metrics::Metrics,
    score::{self, Model, Scorer},
};

use house::{Answer, House, house_with, raw, request};

/// The model of this repository: loading it takes time, and no test here changes it.
static MODEL: LazyLock<Arc<dyn Model>> = LazyLock::new(|| {
    let config = ScoreConfig { runtime: "embedded".into(), ..ScoreConfig::default() };
    score::open(&config).expect("the embedded model opens").model
});

/// A house whose model has all the time that it needs.
async fn scored(change: impl FnOnce(&mut Config)) -> House {
    let config = ScoreConfig { score_deadline_ms: 60_000, ..ScoreConfig::default() };
    let scorer = Scorer::start(MODEL.clone(), &config, Arc::new(Metrics::new()));
    house_with(scorer, |config| {
        config.api.score_wait_ms = 60_000;
        change(config);
    })
    .await
}

/// A request with these headers and no others of its own.
async fn ask(house: &House, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    raw(house.console, &request("POST", path, headers, body)).await
}

/// As a program of this machine asks.
fn local(house: &House) -> String {
    house.console.to_string()
}

/// By a token in the address, as Perspective's clients do.
async fn analyze(house: &House, body: &Value) -> Answer {
    let path = format!("/v1alpha1/comments:analyze?key={}", house.token);
    let headers = [("host", "tidegate.internal"), ("content-type", "application/json")];
    ask(house, &path, &headers, &body.to_string()).await
}
