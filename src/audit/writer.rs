//! Appends to the chain in one task, many records to a commit.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, mpsc},
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    Job, Record,
    chain::{self, Mark},
    texts::{self, Keep, Text},
};
use crate::{
    metrics::Metrics,
    store::{Expect, Store, StoreError, Table, Write},
};

/// Records in one commit: enough to share an fsync among all that wait.
const BATCH_MAX: usize = 256;
/// Tries to write a batch, 200 ms and then twice as long apart each time: about 6 s in all.
const TRIES: u32 = 6;
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

pub struct Writer {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    told: broadcast::Sender<Arc<Record>>,
    keep: Keep,
    head: Mark,
}

/// A batch with its places in the chain.
struct Linked {
    head: Mark,
    records: Vec<Record>,
    writes: Vec<Write>,
}

impl Writer {
    pub async fn open(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        told: broadcast::Sender<Arc<Record>>,
        keep: Keep,
    ) -> Result<Writer, StoreError> {
        let head = chain::mark(&*store, chain::HEAD).await?;
        let beyond = store.scan(Table::Records, &chain::key(head.seq), 1).await?;
        if let Some((key, _)) = beyond.first() {
            let place = format!("the audit log, at {key}");
            let cause = "it goes on after its newest record; run `tidegate audit verify`";
            return Err(StoreError::Corrupt { place, cause: cause.to_owned() });
        }
        Ok(Writer { store, metrics, told, keep, head })
    }

    /// Works until every `Audit` is gone and the queue is empty.
    pub async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut sweeps = interval(SWEEP_EVERY);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                // What was asked goes first, so that a test or a stop need not wait for a sweep.
                biased;
                count = jobs.recv_many(&mut batch, BATCH_MAX) => match count {
                    0 => return,
                    _ => self.work_off(batch.drain(..)).await,
                },
                _ = sweeps.tick() => {
                    if let Err(error) = texts::sweep(&*self.store, &self.keep).await {
                        tracing::warn!(%error, "old audit records were not erased");
                    }
                }
            }
        }
    }

    async fn work_off(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut appends = Vec::new();
        for job in jobs {
            match job {
                Job::Append(record, text) => appends.push((*record, text)),
                Job::Flush(done) => {
                    self.append(std::mem::take(&mut appends)).await;
                    // Nobody waits any more where this fails.
                    let _ = done.send(());
                }
                Job::Forget(whose, done) => {
                    self.append(std::mem::take(&mut appends)).await;
                    let _ = done.send(texts::erase(&*self.store, &whose).await);
                }
            }
        }
        self.append(appends).await;
    }

    async fn append(&mut self, batch: Vec<(Record, Option<String>)>) {
        if batch.is_empty() {
            return;
        }
        let mut wait = Duration::from_millis(200);
        for attempt in 1..=TRIES {
            let Linked { head, records, writes } = match self.linked(&batch) {
                Ok(linked) => linked,
                Err(error) => {
                    tracing::error!(%error, "audit records cannot be written as JSON");
                    break;
                }
            };
            let started = std::time::Instant::now();
            match self.store.commit(writes).await {
                Ok(()) => {
                    self.metrics.store_commit_seconds.observe(started.elapsed().as_secs_f64());
                    self.head = head;
                    for record in records {
                        // Nobody listening is no failure.
                        let _ = self.told.send(Arc::new(record));
                    }
                    return;
                }
                // Somebody else appended: go on from there, at once.
                Err(StoreError::Conflict(_)) => {
                    if let Ok(head) = chain::mark(&*self.store, chain::HEAD).await {
                        self.head = head;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, attempt, "audit records are not written yet");
                    if attempt < TRIES {
                        sleep(wait).await;
                        wait *= 2;
                    }
                }
            }
        }
        batch.iter().for_each(|_| self.metrics.discard("audit_unavailable"));
    }

    /// The batch as it stands in the chain, and what is to be written for it.
    fn linked(&self, batch: &[(Record, Option<String>)]) -> Result<Linked, serde_json::Error> {
        let put = |table, key, expect, value| Write { table, key, expect, value: Some(value) };
        let mut head = self.head.clone();
        let (mut records, mut writes) = (Vec::new(), Vec::new());
        for (record, text) in batch {
            let mut record = record.clone();
            let text = text.as_ref().map(|text| Text::of(&record, text.clone()));
            // Without randomness there is no salt, and without salt no text is kept.
            let text = text.and_then(Result::ok);
            record.text_sha256 = text.as_ref().map(Text::sha256).unwrap_or_default();
            let (next, bytes) = chain::link(&head, &record)?;
            let row = texts::key(&record.id, next.seq);
            writes.push(put(Table::Records, chain::key(next.seq), Expect::Absent, bytes));
            writes.push(put(Table::RecordIds, row.clone(), Expect::Anything, Vec::new()));
            if let Some(text) = text {
                let value = serde_json::to_vec(&text)?;
                writes.push(put(Table::Texts, row, Expect::Anything, value));
            }
            head = next;
            records.push(record);
        }
        let expect = match self.head.seq {
            0 => Expect::Absent,
            _ => Expect::Exactly(serde_json::to_vec(&self.head)?),
        };
        writes.push(put(Table::Meta, chain::HEAD.to_owned(), expect, serde_json::to_vec(&head)?));
        Ok(Linked { head, records, writes })
    }
}
