//! Appends to the chain in one task, many records to a commit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{broadcast, mpsc},
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    Due, Inner, Job, Record,
    chain::{self, Mark},
    outbox,
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
/// How often the outbox is looked at while the log is behind it.
const CATCH_UP_EVERY: Duration = Duration::from_secs(1);

pub struct Writer {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    told: broadcast::Sender<Arc<Record>>,
    behind: Arc<AtomicBool>,
    keep: Keep,
    head: Mark,
}

/// A batch with its places in the chain.
struct Linked {
    end: End,
    writes: Vec<Write>,
}

/// The chain after a batch, and the records as they stand in it.
struct End {
    head: Mark,
    records: Vec<Record>,
}

impl Writer {
    pub(super) async fn open(inner: &Inner, keep: Keep) -> Result<Writer, StoreError> {
        let Inner { store, metrics, told, behind, .. } = inner;
        let head = chain::mark(&**store, chain::HEAD).await?;
        let beyond = store.scan(Table::Records, &chain::key(head.seq), 1).await?;
        if let Some((key, _)) = beyond.first() {
            let place = format!("the audit log, at {key}");
            let cause = "it goes on after its newest record; run `tidegate audit verify`";
            return Err(StoreError::Corrupt { place, cause: cause.to_owned() });
        }
        let (store, metrics) = (store.clone(), metrics.clone());
        Ok(Writer { store, metrics, told: told.clone(), behind: behind.clone(), keep, head })
    }

    /// Works until every `Audit` is gone and the queue is empty.
    pub async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        // What the process before left comes before what this one says.
        self.catch_up().await;
        let (mut sweeps, mut again) = (interval(SWEEP_EVERY), interval(CATCH_UP_EVERY));
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                // What was asked goes first, so that a test or a stop need not wait for a sweep.
                biased;
                count = jobs.recv_many(&mut batch, BATCH_MAX) => match count {
                    0 => return,
                    _ => self.work_off(batch.drain(..)).await,
                },
                _ = again.tick(), if self.is_behind() => {
                    self.catch_up().await;
                }
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
                Job::Append(due) => appends.push(*due),
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

    fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Appends what is in the outbox; false where it could not. Jobs that bring the same find
    /// their rows gone.
    async fn catch_up(&mut self) -> bool {
        // Before the look: whatever is put off meanwhile says so again.
        self.behind.store(false, Ordering::Relaxed);
        let done = self.append_outbox().await;
        if let Err(error) = &done {
            tracing::error!(%error, "records that are owed to the log cannot be read");
            self.behind.store(true, Ordering::Relaxed);
        }
        done.unwrap_or(false)
    }

    /// Only what is there at the beginning: of two rows that come meanwhile, the first may have
    /// been passed over when the second is seen. Both are brought by their jobs, in order.
    async fn append_outbox(&mut self) -> Result<bool, StoreError> {
        let until = outbox::last(&*self.store).await?;
        let mut after = 0;
        while after < until {
            let rows = outbox::page(&*self.store, after, BATCH_MAX).await?;
            let Some((last, dues)) = rows else { break };
            after = last;
            let seen = dues.into_iter().filter(|(number, _)| *number <= until);
            if !self.append_now(seen.map(|(_, due)| due).collect()).await {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn append(&mut self, mut batch: Vec<Due>) {
        // What was put off was said before these. Where it has to wait, what of these has a row
        // waits there too, so that the order stays.
        if self.is_behind() && !self.catch_up().await {
            batch.retain(|due| due.taken.is_none());
        }
        self.append_now(batch).await;
    }

    /// False where it was given up: what has a row in the outbox is tried again from there.
    async fn append_now(&mut self, mut batch: Vec<Due>) -> bool {
        let mut wait = Duration::from_millis(200);
        // What the chain is if a try that failed was written all the same.
        let mut tried: Vec<End> = Vec::new();
        for attempt in 1..=TRIES {
            if batch.is_empty() {
                return true;
            }
            let Linked { end, writes } = match self.linked(&batch) {
                Ok(linked) => linked,
                Err(error) => {
                    tracing::error!(%error, "audit records cannot be written as JSON");
                    break;
                }
            };
            let started = std::time::Instant::now();
            let failed = match self.store.commit(writes).await {
                Ok(()) => {
                    self.metrics.store_commit_seconds.observe(started.elapsed().as_secs_f64());
                    self.appended(end);
                    return true;
                }
                Err(StoreError::Conflict(_)) => match self.look_again(&mut batch).await {
                    Ok(head) => {
                        if let Some(at) = tried.iter().position(|end| end.head == head) {
                            self.appended(tried.swap_remove(at));
                            return true;
                        }
                        // Somebody else appended: go on from there, at once.
                        self.head = head;
                        continue;
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            tracing::error!(error = %failed, attempt, "audit records are not written yet");
            tried.push(end);
            if attempt < TRIES {
                sleep(wait).await;
                wait *= 2;
            }
        }
        for due in &batch {
            match due.taken {
                Some(_) => self.behind.store(true, Ordering::Relaxed),
                None => self.metrics.discard("audit_unavailable"),
            }
        }
        false
    }

    fn appended(&mut self, end: End) {
        self.head = end.head;
        for record in end.records {
            // Nobody listening is no failure.
            let _ = self.told.send(Arc::new(record));
        }
    }

    /// Reads where the chain ends now, and takes out of the batch what is in it already.
    async fn look_again(&self, batch: &mut Vec<Due>) -> Result<Mark, StoreError> {
        let head = chain::mark(&*self.store, chain::HEAD).await?;
        let mut due = Vec::with_capacity(batch.len());
        for own in batch.iter() {
            due.push(match &own.taken {
                Some(row) => self.store.load(Table::Outbox, &row.key).await?.is_some(),
                None => true,
            });
        }
        let mut due = due.into_iter();
        batch.retain(|_| due.next().unwrap_or(true));
        Ok(head)
    }

    /// The batch as it stands in the chain, and what is to be written for it.
    fn linked(&self, batch: &[Due]) -> Result<Linked, serde_json::Error> {
        let put = |table, key, expect, value| Write { table, key, expect, value: Some(value) };
        let mut head = self.head.clone();
        let (mut records, mut writes) = (Vec::new(), Vec::new());
        for Due { record, text, taken } in batch {
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
            writes.extend(taken.clone());
            head = next;
            records.push(record);
        }
        let expect = match self.head.seq {
            0 => Expect::Absent,
            _ => Expect::Exactly(serde_json::to_vec(&self.head)?),
        };
        writes.push(put(Table::Meta, chain::HEAD.to_owned(), expect, serde_json::to_vec(&head)?));
        Ok(Linked { end: End { head, records }, writes })
    }
}
