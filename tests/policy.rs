//! Tries what stands around a policy's tables: floor, rules on trial, conditions, explanations.

#![allow(clippy::unwrap_used)]

#[path = "policy/conditions.rs"]
mod conditions;
#[path = "policy/explain.rs"]
mod explain;
#[path = "policy/floor.rs"]
mod floor;
#[path = "decide/setup.rs"]
#[allow(dead_code)]
mod setup;
#[path = "policy/shares.rs"]
mod shares;

use setup::Try;
use tidegate::{
    config::Config,
    decide::{self, Policy, Ruling, Seen},
    message::{Canonical, Message},
};

/// Everything that was decided of a case.
pub fn ruling(case: &Try, policy: &Policy) -> Ruling {
    let message = message(case);
    let (text, hits, recent) = (Canonical::default(), &case.hits[..], &case.recent);
    decide::judge(policy, &Seen { message: &message, text: &text, hits, recent }, &case.score)
}

pub fn message(case: &Try) -> Message {
    Message {
        route: "room".into(),
        channel: "#ana".into(),
        sender: case.sender.clone(),
        id: None,
        text: case.text.clone(),
        at_ms: 1_000,
        ..Message::default()
    }
}

/// Why settings cannot be compiled.
pub fn problems(settings: &str) -> Vec<(String, String)> {
    Policy::problems(&Config::parse(settings, "t.toml").expect(settings))
}
