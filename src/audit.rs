//! Stamps what was decided, chains it and tells whoever listens.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    message::{Finding, Sender, Verdict},
    metrics::Metrics,
    store::{Store, StoreError, Table, Write},
};

mod chain;
pub mod jsonl;
mod outbox;
mod texts;
mod writer;

pub use chain::{Broken, Verified, verify};
pub use outbox::Noted;

/// Records waiting for the writer: a few seconds of a raid in which every message is dropped.
const QUEUE_MAX: usize = 4096;
/// Records that a listener may be behind before it misses some.
const LISTENERS_BEHIND_MAX: usize = 1024;

/// One line of the log: a verdict other than pass, or somebody's decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// What had the last word in it: `policy mine, floor, hate 4`. Empty in a person's decision.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub decided_by: String,
    /// SHA-256 of the text with a salt of its own; the text itself is stored apart, so that it
    /// can be erased while the chain still verifies. Filled in when the record is stored.
    pub text_sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Judged(Verdict),
    Decided {
        state: String,
        by: String,
    },
    Undone {
        by: String,
    },
    TimedOut {
        until_ms: u64,
        by: String,
    },
    /// One link of this sender is let through.
    Permitted {
        until_ms: u64,
        by: String,
    },
    Settings {
        what: String,
        by: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// A paid message was not shown: somebody may have to refund it.
    Refund {
        amount: String,
        message_id: Option<String>,
        cause: String,
    },
    /// Strikes came to something: `warn`, `hold`, `time_out` or `ban`, until then.
    Ladder {
        then: String,
        until_ms: u64,
    },
    /// A bot did something on its platform, or could not: `done`, `gone` (nothing was left to do),
    /// `watched` (it only says what it would do), `refused`, `given_up`.
    Acted {
        what: String,
        result: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        cause: String,
    },
    /// A raid has begun: many senders say the same (`crowd`), or a shield went up by itself
    /// (`shield`). It is told once, whatever follows.
    Raid {
        by: String,
        copies: u32,
        senders: u32,
        newcomers: u32,
    },
    /// A sender appealed against a decision; what the sender wrote is this record's text.
    Appealed {
        of: String,
        by: String,
    },
    /// Somebody else looked: `upheld` or `overturned`.
    AppealEnded {
        of: String,
        outcome: String,
        by: String,
    },
    /// A moderator forgave a sender's strikes and time-outs.
    Pardoned {
        by: String,
    },
    /// A moderator banned this sender, until that is lifted.
    Banned {
        by: String,
    },
    /// A moderator trusts this sender, until then or until that is lifted.
    Trusted {
        until_ms: Option<u64>,
        by: String,
    },
    /// A moderator allowed a listed term, until then or until that is lifted.
    Allowed {
        what: String,
        until_ms: Option<u64>,
        by: String,
    },
    /// One of those three was ended: `ban`, `trust`, or `allow` and the term.
    Lifted {
        what: String,
        by: String,
    },
}

/// The log's one writer.
#[derive(Clone)]
pub struct Audit {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    jobs: mpsc::Sender<Job>,
    told: broadcast::Sender<Arc<Record>>,
    /// Whether something is in the outbox that no job will bring.
    behind: Arc<AtomicBool>,
    /// The number of the last row in the outbox.
    last_noted: AtomicU64,
    /// Whoever keeps the log from now on, where this process does not any more.
    successor: OnceLock<mpsc::Sender<Passed>>,
}

/// A record on its way into the chain.
struct Due {
    record: Record,
    text: Option<String>,
    /// Where it has a row in the outbox: takes it out, if it is still there.
    taken: Option<Write>,
}

/// A record for the process that keeps the log now, and its text.
#[derive(Debug, Serialize, Deserialize)]
pub struct Passed {
    pub record: Box<Record>,
    pub text: Option<String>,
}

/// What the writer is asked to do, in the order asked.
enum Job {
    Append(Box<Due>),
    Flush(oneshot::Sender<()>),
    Forget(Whose, oneshot::Sender<Result<usize, StoreError>>),
}

/// The texts that are to be erased.
enum Whose {
    Message { id: String },
    Sender { route: String, sender_id: String },
}

impl Audit {
    /// Continues the chain in `store`, first with what the process before wrote down and did not
    /// append; starts the writer task, which also erases texts after `text_days` and removes
    /// records after `record_days`.
    pub async fn open(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        text_days: u32,
        record_days: u32,
    ) -> Result<Audit, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let (told, _) = broadcast::channel(LISTENERS_BEHIND_MAX);
        let keep = texts::Keep { text_days, record_days };
        let behind = Arc::new(AtomicBool::new(true));
        let last_noted = AtomicU64::new(outbox::last(&*store).await?);
        let successor = OnceLock::new();
        let inner = Inner { store, metrics, jobs, told, behind, last_noted, successor };
        let writer = writer::Writer::open(&inner, keep).await?;
        tokio::spawn(writer.run(queue));
        Ok(Audit { inner: Arc::new(inner) })
    }

    /// From now on records go to whoever listens here; those of before are written still.
    pub fn hand_over(&self) -> mpsc::Receiver<Passed> {
        let (successor, passed) = mpsc::channel(QUEUE_MAX);
        // A log is handed over once.
        let _ = self.inner.successor.set(successor);
        passed
    }

    /// Queues a record for the chain; `text` is kept apart where given. Never waits: when the
    /// bounded queue is full the record is discarded and counted.
    pub fn record(&self, record: Record, text: Option<&str>) {
        let text = text.map(str::to_owned);
        let queued = match self.inner.successor.get() {
            Some(successor) => {
                successor.try_send(Passed { record: Box::new(record), text }).is_ok()
            }
            None => {
                let due = Due { record, text, taken: None };
                self.inner.jobs.try_send(Job::Append(Box::new(due))).is_ok()
            }
        };
        if !queued {
            self.inner.metrics.discard("audit_full");
        }
    }

    /// Makes a record ready to be written with what it tells of: its row goes into that commit.
    pub fn note(&self, record: Record) -> Noted {
        Noted::new(self.inner.last_noted.fetch_add(1, Ordering::Relaxed) + 1, record)
    }

    /// Appends what is in the outbox and will be brought by nobody: its commit was written though
    /// it failed.
    pub fn catch_up(&self) {
        self.inner.behind.store(true, Ordering::Relaxed);
        // Only to wake the writer: where the queue is full it is awake.
        let (done, _) = oneshot::channel();
        let _ = self.inner.jobs.try_send(Job::Flush(done));
    }

    /// Queues a record that was written down with what it tells of. Never waits: where the queue
    /// is full it is appended later, from its row.
    pub fn record_noted(&self, noted: Noted) {
        if self.inner.jobs.try_send(Job::Append(Box::new(noted.due()))).is_err() {
            self.inner.behind.store(true, Ordering::Relaxed);
        }
    }

    /// Everything recorded from now on, once it is durable.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Record>> {
        self.inner.told.subscribe()
    }

    /// Waits until everything queued so far is durable, or was given up because the store failed.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.inner.jobs.send(Job::Flush(done)).await.is_ok() {
            // The writer only goes away with the runtime.
            let _ = flushed.await;
        }
    }

    /// Up to `limit` of the newest records, newest first.
    pub async fn recent(&self, limit: usize) -> Result<Vec<Record>, StoreError> {
        let store = &*self.inner.store;
        let head = chain::mark(store, chain::HEAD).await?.seq;
        let after = chain::key(head.saturating_sub(limit as u64));
        let entries = store.scan(Table::Records, &after, limit).await?;
        entries.iter().rev().map(|(key, bytes)| chain::record(key, bytes)).collect()
    }

    /// Up to `limit` records behind a place in the chain, each with its own, in order.
    pub async fn after(&self, seq: u64, limit: usize) -> Result<Vec<(u64, Record)>, StoreError> {
        let store = &*self.inner.store;
        let entries = store.scan(Table::Records, &chain::key(seq), limit).await?;
        let read = |(key, bytes): &(String, Vec<u8>)| {
            Ok((key.parse().unwrap_or(seq), chain::record(key, bytes)?))
        };
        entries.iter().map(read).collect()
    }

    /// The place of the newest record.
    pub async fn head(&self) -> Result<u64, StoreError> {
        Ok(chain::mark(&*self.inner.store, chain::HEAD).await?.seq)
    }

    /// What is on record of one message, oldest first.
    pub async fn find(&self, id: &str) -> Result<Vec<Record>, StoreError> {
        let store = &*self.inner.store;
        let mut found = Vec::new();
        for (key, _) in texts::of_id(store, Table::RecordIds, id).await? {
            let Some((_, seq)) = key.rsplit_once('/') else { continue };
            if let Some(bytes) = store.load(Table::Records, seq).await? {
                found.push(chain::record(seq, &bytes)?);
            }
        }
        Ok(found)
    }

    /// The text of a message, where it was recorded with one and is not erased.
    pub async fn text(&self, id: &str) -> Result<Option<String>, StoreError> {
        let rows = texts::of_id(&*self.inner.store, Table::Texts, id).await?;
        rows.last().map(|(key, row)| Ok(texts::Text::read(key, row)?.text)).transpose()
    }

    /// Erases the stored texts of one message; says how many there were.
    pub async fn forget(&self, id: &str) -> Result<usize, StoreError> {
        self.erase(Whose::Message { id: id.to_owned() }).await
    }

    /// Erases the stored texts of one sender; says how many there were.
    pub async fn forget_sender(&self, route: &str, sender_id: &str) -> Result<usize, StoreError> {
        let (route, sender_id) = (route.to_owned(), sender_id.to_owned());
        self.erase(Whose::Sender { route, sender_id }).await
    }

    /// Goes through the queue, so that what was recorded before is erased too.
    async fn erase(&self, whose: Whose) -> Result<usize, StoreError> {
        let stopped = || StoreError::Unavailable {
            place: "audit".to_owned(),
            cause: "its writer has stopped".to_owned(),
        };
        let (done, erased) = oneshot::channel();
        let sent = self.inner.jobs.send(Job::Forget(whose, done)).await;
        sent.map_err(|_| stopped())?;
        erased.await.unwrap_or_else(|_| Err(stopped()))
    }
}
