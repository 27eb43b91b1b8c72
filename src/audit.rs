//! Stamps what was decided, chains it and tells whoever listens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{
    message::{Finding, Sender, Verdict},
    metrics::Metrics,
    store::{Store, StoreError},
};

/// One line of the log: a verdict other than pass, or somebody's decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The message's decision id: what a sender can quote and a moderator can look up.
    pub id: String,
    pub at_ms: u64,
    pub route: String,
    pub channel: String,
    pub sender: Sender,
    pub event: Event,
    pub findings: Vec<Finding>,
    /// The version of the ruleset that judged.
    pub rules: String,
    /// SHA-256 of the text with a salt of its own; the text itself is stored apart, so that it
    /// can be erased while the chain still verifies.
    pub text_sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Judged(Verdict),
    Decided { state: String, by: String },
    Undone { by: String },
    TimedOut { until_ms: u64, by: String },
    Settings { what: String, by: String },
}

/// The log's one writer.
#[derive(Clone)]
pub struct Audit {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {}

impl Audit {
    /// Continues the chain in `store`; starts the writer task.
    pub async fn open(
        _store: Arc<dyn Store>,
        _metrics: Arc<Metrics>,
        _text_days: u32,
        _record_days: u32,
    ) -> Result<Audit, StoreError> {
        todo!()
    }

    /// Queues a record for the chain; `text` is kept apart where given. Never waits: when the
    /// bounded queue is full the record is discarded and counted.
    pub fn record(&self, _record: Record, _text: Option<&str>) {
        todo!()
    }

    /// Everything recorded from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Record>> {
        todo!()
    }

    /// Waits until everything queued so far is durable.
    pub async fn flush(&self) {
        todo!()
    }
}
