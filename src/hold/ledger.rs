//! Changes held messages by compare-and-set in the store, and says so to all whom it concerns.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Notify, broadcast, mpsc};

use super::{
    Asked, Change, Errand, Hold, HoldError, State,
    along::{Bring, Taken},
    book::Book,
    clock::{self, Clock},
    errands::TURNS,
    retention,
    states::{Row, Step},
    told,
};
use crate::{
    audit::{Audit, Noted, Record},
    config::{HoldConfig, RetentionConfig},
    history::Duty,
    metrics::Metrics,
    store::{Expect, Store, StoreError, Table, Write},
};

/// Changes that a listener may be behind before it has to list anew.
const LISTENERS_BEHIND_MAX: usize = 1_024;
/// Records read at once when starting.
pub const PAGE: usize = 256;
/// Tries of one step against others that change the same record: each loss means that somebody
/// else won, and after a few no step is possible any more.
pub const TRIES: usize = 8;
/// How long a failed insertion says that the disk fails.
const FAILING_MS: u64 = 60_000;
/// Failed insertions that may wait to be taken out again.
pub const DOUBTS_MAX: usize = 1_000;

/// The mirror, the store and those who listen.
pub struct Ledger {
    pub store: Arc<dyn Store>,
    pub audit: Audit,
    pub metrics: Arc<Metrics>,
    pub config: HoldConfig,
    pub retention: RetentionConfig,
    pub clock: Clock,
    pub changes: broadcast::Sender<Change>,
    /// Wakes the clock's task when a deadline may have come nearer.
    pub wake: Arc<Notify>,
    /// Who is on duty, once somebody has said so.
    pub duty: OnceLock<Duty>,
    book: Mutex<Book>,
    /// Insertions that failed and may be on the disk all the same: they are taken out again,
    /// because their senders were told that they are not held. Each is the commit that does it.
    pub doubts: Mutex<VecDeque<Vec<Write>>>,
    /// Steps whose commit failed and may be on the disk all the same, by the record's id.
    pub unsure: Mutex<HashMap<String, Taken>>,
    /// When a message could not be held for the disk's sake; 0 where the last one could.
    failed_ms: AtomicU64,
    last_id: AtomicU64,
    /// Differs from start to start, so that ids stay unique where the clock was set back.
    start: u32,
    pub last_live: AtomicU64,
    /// Taken in turns by those who hold what another process may hold too.
    pub turns: [tokio::sync::Mutex<()>; TURNS],
    /// Whoever keeps the queue from now on, where this process does not any more.
    pub successor: OnceLock<mpsc::Sender<Asked>>,
}

/// What became of a step.
pub enum Outcome {
    /// Committed; the record as it is now.
    Done(Arc<Hold>),
    /// Not allowed in the state that the record is in.
    Refused(Arc<Hold>),
    Unknown,
}

impl Ledger {
    pub async fn open(
        store: Arc<dyn Store>,
        audit: Audit,
        metrics: Arc<Metrics>,
        config: HoldConfig,
        retention: RetentionConfig,
    ) -> Result<Arc<Ledger>, StoreError> {
        let clock = Clock::start();
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable {
            place: "the system's randomness".to_owned(),
            cause: error.to_string(),
        })?;
        let start = clock.now_ms() << 16;
        let ledger = Arc::new(Ledger {
            store,
            audit,
            metrics,
            config,
            retention,
            changes: broadcast::channel(LISTENERS_BEHIND_MAX).0,
            wake: Arc::new(Notify::new()),
            duty: OnceLock::new(),
            book: Mutex::default(),
            doubts: Mutex::default(),
            unsure: Mutex::default(),
            failed_ms: AtomicU64::new(0),
            last_id: AtomicU64::new(start),
            start: u32::from_ne_bytes(random),
            // Numbers of an earlier start never name a connection of this one.
            last_live: AtomicU64::new(start),
            turns: Default::default(),
            successor: OnceLock::new(),
            clock,
        });
        ledger.reload().await?;
        tokio::spawn(clock::run(Arc::downgrade(&ledger), ledger.wake.clone()));
        tokio::spawn(retention::run(Arc::downgrade(&ledger)));
        Ok(ledger)
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let orphan_ms = self.clock.now_ms().saturating_add(self.config.reconnect_ms);
        let mut after = String::new();
        loop {
            let page = self.store.scan(Table::Holds, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = last.clone();
            for (id, bytes) in page {
                let mut row = read(&id, &bytes)?;
                // The connections of an earlier start are gone, whatever number a new one gets.
                Arc::make_mut(&mut row.hold).live = 0;
                self.book().put(row, bytes, orphan_ms);
            }
        }
        self.metrics.held.set(self.book().held() as i64);
        Ok(())
    }

    /// The mirror; never kept over a wait.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn fresh_id(&self) -> String {
        let now = self.clock.now_ms() << 16;
        let next = |last: u64| now.max(last + 1);
        let (order, read) = (Ordering::Relaxed, Ordering::Relaxed);
        let last = self.last_id.fetch_update(order, read, |last| Some(next(last)));
        let id = next(last.unwrap_or_else(|last| last));
        format!("{id:016x}{:08x}", self.start)
    }

    pub async fn add(
        self: &Arc<Self>,
        hold: Hold,
        record: Option<Record>,
    ) -> Result<Arc<Hold>, HoldError> {
        let ledger = self.clone();
        // A task of its own, so that a caller that goes away leaves no half a hold.
        let added = tokio::spawn(async move {
            let _turn = ledger.turn(&hold).await;
            if let Some(same) = ledger.same(&hold) {
                return Ok(same);
            }
            let row = Row::new(hold);
            let hold = row.hold.clone();
            ledger.book().reserve(&hold, &ledger.config).map_err(HoldError::Full)?;
            if let Err(error) = ledger.insert(row, record).await {
                ledger.book().unreserve(&hold);
                return Err(HoldError::Store(error));
            }
            Ok(hold)
        });
        added.await.unwrap_or_else(|lost| Err(HoldError::Store(stopped(lost))))
    }

    async fn insert(self: &Arc<Self>, row: Row, record: Option<Record>) -> Result<(), StoreError> {
        let id = row.hold.id.clone();
        let bytes = write(&row)?;
        let noted = record.map(|record| self.audit.note(record));
        let mut writes = vec![put(&id, Expect::Absent, Some(bytes.clone()))];
        writes.extend(noted.as_ref().map(Noted::write));
        match self.commit(writes).await {
            Ok(()) => {
                self.failed_ms.store(0, Ordering::Relaxed);
                // Before anybody sees it, so that no decision is on record before it.
                noted.into_iter().for_each(|noted| self.audit.record_noted(noted));
                let orphan_ms = u64::MAX;
                self.mirror(row, bytes, orphan_ms, |hold, _| Change::Added(hold));
                Ok(())
            }
            Err(error @ StoreError::Unavailable { .. }) => {
                self.failed_ms.store(self.clock.now_ms(), Ordering::Relaxed);
                let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
                if doubts.len() < DOUBTS_MAX {
                    let mut undo = vec![put(&id, Expect::Exactly(bytes), None)];
                    undo.extend(noted.as_ref().map(Noted::removal));
                    doubts.push_back(undo);
                    self.wake.notify_one();
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// A record that has come to its end already.
    pub async fn insert_ended(&self, row: Row, record: Option<Record>) -> Result<(), StoreError> {
        let bytes = write(&row)?;
        let noted = record.map(|record| self.audit.note(record));
        let mut writes = vec![put(&row.hold.id, Expect::Absent, Some(bytes.clone()))];
        writes.extend(noted.as_ref().map(Noted::write));
        self.commit(writes).await?;
        noted.into_iter().for_each(|noted| self.audit.record_noted(noted));
        self.mirror(row, bytes, u64::MAX, Change::Moved);
        Ok(())
    }

    pub async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let started = std::time::Instant::now();
        let committed = self.store.commit(writes).await;
        self.metrics.store_commit_seconds.observe(started.elapsed().as_secs_f64());
        committed
    }

    /// Whether the last message that was to be held could not be, lately: where none came since,
    /// nobody knows how the disk is now.
    pub fn is_failing(&self) -> bool {
        let failed_ms = self.failed_ms.load(Ordering::Relaxed);
        failed_ms != 0 && self.clock.now_ms() < failed_ms + FAILING_MS
    }

    /// Takes a step in a task of its own, and sends what it approved on its way.
    pub async fn step(
        self: &Arc<Self>,
        id: &str,
        step: Step,
        by: &str,
        bring: Option<Arc<Bring>>,
    ) -> Result<Outcome, StoreError> {
        let (ledger, id, by) = (self.clone(), id.to_owned(), by.to_owned());
        let done = tokio::spawn(async move {
            let outcome = ledger.take(&id, &step, &by, bring.as_deref()).await;
            // Also where it was refused: then the mirror may have learnt of it just now.
            if let Ok(Outcome::Done(hold) | Outcome::Refused(hold)) = &outcome
                && hold.state == State::Approved
            {
                ledger.deliver();
            }
            outcome
        });
        done.await.unwrap_or_else(|lost| Err(stopped(lost)))
    }

    /// The same within the caller's task, delivering nothing: for the clock, which takes many
    /// steps and then delivers in order.
    pub async fn step_here(&self, id: &str, step: &Step, by: &str) -> Result<Outcome, StoreError> {
        self.take(id, step, by, None).await
    }

    async fn take(
        &self,
        id: &str,
        step: &Step,
        by: &str,
        bring: Option<&Bring>,
    ) -> Result<Outcome, StoreError> {
        // The claim was written after all, and nobody has acted on it yet.
        if let Some((Step::Claim, hold)) = self.make_sure(id, matches!(step, Step::Claim)).await? {
            return Ok(Outcome::Done(hold));
        }
        let mirrored = self.book().entry(id).map(|e| (e.row.clone(), e.bytes.to_vec()));
        let mut now = match mirrored {
            Some(mirrored) => Some(mirrored),
            None => self.load(id).await?,
        };
        for _ in 0..TRIES {
            let Some((row, bytes)) = now else { return Ok(Outcome::Unknown) };
            let Some(next) = row.after(step, self.clock.now_ms()) else {
                return Ok(Outcome::Refused(row.hold));
            };
            let (taken, writes) = self.prepare((row, bytes), next, step, by, bring)?;
            match self.commit(writes).await {
                Ok(()) => return Ok(Outcome::Done(self.settle(taken))),
                Err(StoreError::Conflict(key)) => {
                    // It may be another message of the sender that changed, and not this one.
                    if key != id {
                        self.learn(&key).await?;
                    }
                    now = self.refresh(id).await?;
                }
                Err(error) => match self.note_unsure(id, taken) {
                    Some(taken) => return Ok(Outcome::Done(self.settle(taken))),
                    None => return Err(error),
                },
            }
        }
        Err(self.too_often(&format!("hold {id}")))
    }

    pub fn too_often(&self, what: &str) -> StoreError {
        let cause = "it changed too often".to_owned();
        StoreError::Unavailable { place: what.to_owned(), cause }
    }

    /// Reads what became of a record, with whatever was in doubt of it.
    pub async fn learn(&self, id: &str) -> Result<(), StoreError> {
        self.make_sure(id, false).await?;
        self.refresh(id).await.map(drop)
    }

    pub async fn load(&self, id: &str) -> Result<Option<(Row, Vec<u8>)>, StoreError> {
        let Some(bytes) = self.store.load(Table::Holds, id).await? else { return Ok(None) };
        Ok(Some((read(id, &bytes)?, bytes)))
    }

    /// Reads what somebody else wrote, into the mirror too.
    async fn refresh(&self, id: &str) -> Result<Option<(Row, Vec<u8>)>, StoreError> {
        let found = self.load(id).await?;
        // Whoever wrote it may not have been answered yet: its record comes before those of what
        // follows from this look.
        self.audit.catch_up();
        match &found {
            None => self.book().forget(id),
            Some((row, bytes)) => self.mirror_found(row, bytes),
        }
        Ok(found)
    }

    pub fn orphan_ms(&self, row: &Row) -> u64 {
        let decided_ms = row.hold.decided.as_ref().map_or(0, |decided| decided.at_ms);
        decided_ms.saturating_add(self.config.reconnect_ms)
    }

    /// Brings the mirror up to a committed record and tells the listeners, in one order for both.
    pub fn mirror(
        &self,
        row: Row,
        bytes: Vec<u8>,
        orphan_ms: u64,
        change: impl FnOnce(Arc<Hold>, Option<State>) -> Change,
    ) {
        let mut book = self.book();
        let due = book.next_due();
        let was = book.entry(&row.hold.id).map(|entry| entry.row.hold.state);
        let change = change(row.hold.clone(), was);
        if let Change::Added(hold) = &change {
            // In one go with taking its place, so that it is never counted twice.
            book.unreserve(hold);
        }
        if book.put(row, bytes, orphan_ms) {
            // Nobody listening is no failure.
            let _ = self.changes.send(change);
        }
        self.metrics.held.set(book.held() as i64);
        if book.next_due() != due {
            self.wake.notify_one();
        }
    }

    /// Everything that follows from a committed step. A crash before this or within it loses
    /// nothing: the step, what goes with it and its records are in the store.
    pub fn settle(&self, taken: Taken) -> Arc<Hold> {
        let Taken { was, next, bytes, step, told, others, then } = taken;
        let hold = next.hold.clone();
        let ended = was.ended_ms.is_none() && next.ended_ms.is_some();
        let unshown = told::is_unshown(&was, &next, &step);
        let orphan_ms = self.orphan_ms(&next);
        // On record before what follows from it, in force before anybody is told of it.
        told.into_iter().for_each(|noted| self.audit.record_noted(noted));
        then.into_iter().for_each(|then| then());
        self.mirror(next, bytes, orphan_ms, Change::Moved);
        self.mirror_all(others);
        if ended {
            self.metrics.hold_ended(hold.state.name());
            if hold.state != State::Released {
                self.tell_end(&hold);
            }
        }
        if unshown {
            self.count_refund(&hold);
        }
        hold
    }

    /// The message to write, where this call is the one that released it.
    pub async fn claim(self: &Arc<Self>, id: &str) -> Result<Option<Arc<Hold>>, StoreError> {
        match self.step(id, Step::Claim, "", None).await {
            Ok(Outcome::Done(hold)) => Ok(Some(hold)),
            Ok(Outcome::Refused(_) | Outcome::Unknown) => Ok(None),
            Err(error) => {
                // The clock offers it again.
                self.book().postpone(id, self.clock.now_ms() + clock::RETRY_MS);
                self.wake.notify_one();
                Err(error)
            }
        }
    }

    pub async fn written(self: &Arc<Self>, id: &str, ok: bool) {
        match self.step(id, Step::Written(ok), "", None).await {
            Ok(Outcome::Done(_)) => {}
            Ok(Outcome::Refused(_) | Outcome::Unknown) => return,
            // The store was left to the next process while it was written.
            Err(_) if self.successor.get().is_some() => {
                if let Err(error) = self.send(Errand::Written { id: id.to_owned(), ok }).await {
                    tracing::error!(%error, id, "a release was not noted as written");
                }
                return;
            }
            // It stays as "unknown", and its text until its retention has passed.
            Err(error) => tracing::error!(%error, id, "a release was not noted as written"),
        }
        if let Err(error) = self.audit.forget(id).await {
            tracing::error!(%error, id, "a released text was not erased from the audit log");
        }
    }
}

impl Drop for Ledger {
    /// Lets the tasks see that there is nothing left to do.
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

/// The record that is stored under an id. One that is another's is refused: two that are decided
/// apart would release their message twice.
pub fn read(id: &str, bytes: &[u8]) -> Result<Row, StoreError> {
    let row: Row = serde_json::from_slice(bytes).map_err(|error| unreadable(id, &error))?;
    match row.hold.id == id {
        true => Ok(row),
        false => Err(StoreError::Corrupt {
            place: format!("hold {id}"),
            cause: "it is another's record".to_owned(),
        }),
    }
}

/// A change of the record that is stored under an id.
pub fn put(id: &str, expect: Expect, value: Option<Vec<u8>>) -> Write {
    Write { table: Table::Holds, key: id.to_owned(), expect, value }
}

pub fn write(row: &Row) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(row).map_err(|error| unreadable(&row.hold.id, &error))
}

fn unreadable(id: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { place: format!("hold {id}"), cause: error.to_string() }
}

fn stopped(lost: tokio::task::JoinError) -> StoreError {
    let place = "the hold queue".to_owned();
    StoreError::Unavailable { place, cause: lost.to_string() }
}
