//! Settles which servers may ask before they publish, and whom Tidegate tells of events.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::message::Language;

/// A server that asks before it publishes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HookConfig {
    /// The last part of the path that it asks at, and its name like a route's.
    pub name: String,
    pub policy: String,
    /// The policies of single channels, by the channel's name; the others have the hook's.
    pub channels: BTreeMap<String, String>,
    pub language: Language,
    /// Messages being judged at once, beside all other requests; one more is answered 503.
    pub requests_max: usize,
    /// The longest that a request may wait for a moderator.
    pub wait_max_s: u64,
    /// Requests that wait for a moderator at once; one more is answered `hold` at once.
    pub waiting_max: usize,
    /// Messages whose answers are remembered, so that one that is asked twice is judged once.
    pub remembered_max: usize,
}

impl Default for HookConfig {
    fn default() -> Self {
        HookConfig {
            name: String::new(),
            policy: "standard".into(),
            channels: BTreeMap::new(),
            language: Language::En,
            requests_max: 64,
            wait_max_s: 30,
            waiting_max: 256,
            remembered_max: 10_000,
        }
    }
}

/// A server that is told of events.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// In metrics and logs; its place in the log of records is kept by it.
    pub name: String,
    pub url: String,
    /// Where the secret is: one of the two.
    pub secret_file: Option<PathBuf>,
    pub secret_env: Option<String>,
    /// Kinds of events, or groups of them.
    pub events: Vec<String>,
    /// Of these channels alone; empty: of all.
    pub channels: Vec<String>,
    /// Whether the texts of messages go along, and with them what was found in words.
    pub include_text: bool,
    /// Whether findings say why as moderators read it, which may quote a word or a link's host.
    pub include_why: bool,
    /// For one answer.
    pub timeout_ms: u64,
    /// Before the first repeat; doubled from then on.
    pub retry_ms: u64,
    /// Answers that refuse an event, until it is given up.
    pub refusals_max: u32,
    /// How old an event may be until it is given up.
    pub age_max_s: u64,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        let events = ["held", "decided", "expired", "raid", "shield"];
        WebhookConfig {
            name: String::new(),
            url: String::new(),
            secret_file: None,
            secret_env: None,
            events: events.map(str::to_owned).to_vec(),
            channels: Vec::new(),
            include_text: false,
            include_why: false,
            timeout_ms: 10_000,
            retry_ms: 1_000,
            refusals_max: 20,
            age_max_s: 3 * 86_400,
        }
    }
}
