//! Ends what nobody decided, finished or fetched in time.

use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    Hold, State,
    attended::Due,
    ledger::{Ledger, Outcome},
    states::Step,
};
use crate::{message::now_ms, store::StoreError};

/// Until something is tried again that failed: short for a person, long for a disk.
pub const RETRY_MS: u64 = 1_000;
/// Deadlines worked off at once: they share a commit.
const BATCH_MAX: usize = 256;
/// Sleeping longer than this helps nobody and overflows an `Instant` somewhere.
const SLEEP_MAX_MS: u64 = 60 * 60 * 1000;

/// Unix time that moves with the runtime's: read once and counted on from there, so that a clock
/// that is set does not move a deadline, and a test can stop it.
pub struct Clock {
    start_ms: u64,
    start: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { start_ms: now_ms(), start: Instant::now() }
    }

    pub fn now_ms(&self) -> u64 {
        self.start_ms + self.start.elapsed().as_millis() as u64
    }

    /// The instant of a Unix time; of one that is past, now.
    fn instant(&self, unix_ms: u64) -> Instant {
        let now_ms = self.now_ms();
        let left_ms = unix_ms.saturating_sub(now_ms).min(SLEEP_MAX_MS);
        // Instants are finer than milliseconds: one more, and it is not woken too early.
        let fine = u64::from(left_ms > 0);
        Instant::now() + Duration::from_millis(left_ms + fine)
    }
}

/// Works off deadlines until the queue is gone.
pub async fn run(ledger: Weak<Ledger>, wake: Arc<Notify>) {
    loop {
        let next = {
            let Some(ledger) = ledger.upgrade() else { return };
            if ledger.successor.get().is_some() {
                return;
            }
            work_off(&ledger).await;
            let doubts = remove_doubts(&ledger).await;
            let unsure = make_sure(&ledger).await;
            let retry = (doubts || unsure).then(|| ledger.clock.now_ms() + RETRY_MS);
            let due = ledger.book().next_due();
            let next = due.into_iter().chain(retry).min();
            next.map(|next| ledger.clock.instant(next))
        };
        match next {
            Some(next) => tokio::select! {
                () = sleep_until(next) => {}
                () = wake.notified() => {}
            },
            None => wake.notified().await,
        }
    }
}

/// Takes the step of every deadline that has passed, then delivers what that approved.
async fn work_off(ledger: &Arc<Ledger>) {
    loop {
        let now_ms = ledger.clock.now_ms();
        let due = ledger.book().due(now_ms, BATCH_MAX);
        if due.is_empty() {
            return;
        }
        join_all(due.iter().map(|hold| one(ledger, &hold.id, hold.state, now_ms))).await;
        retry_later(ledger, &due, now_ms);
        ledger.deliver();
        if due.len() == BATCH_MAX {
            // What only waits for somebody on duty is looked at without any wait: others have a
            // turn.
            tokio::task::yield_now().await;
        }
    }
}

/// Whatever could not be done is not tried again at once.
fn retry_later(ledger: &Ledger, due: &[Arc<Hold>], now_ms: u64) {
    let mut book = ledger.book();
    for hold in due {
        let stuck = |due: Option<u64>| due.is_some_and(|due| due <= now_ms);
        if book.entry(&hold.id).is_some_and(|entry| stuck(entry.due_ms)) {
            book.postpone(&hold.id, now_ms + RETRY_MS);
        }
    }
}

async fn one(ledger: &Arc<Ledger>, id: &str, state: State, now_ms: u64) {
    let step = match state {
        State::Held => match ledger.due(id, now_ms) {
            Due::Expire => Step::Expire,
            Due::PutOff(until_ms) => Step::PutOff { until_ms },
            Due::Later(due_ms) => return ledger.book().postpone(id, due_ms),
        },
        State::Denied => Step::Finish { early: false },
        State::Approved if !is_orphan(ledger, id, now_ms) => return,
        State::Approved if ledger.may_be_claimed(id) => {
            if let Err(error) = give_up(ledger, id).await {
                tracing::error!(%error, id, "a release could not be given up");
            }
            return;
        }
        State::Approved => Step::Orphan,
        _ => return,
    };
    match ledger.step_here(id, &step, "clock").await {
        Ok(Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown) => {}
        Err(error) => tracing::error!(%error, id, "a deadline passed and could not be noted"),
    }
}

/// Whether nobody has come for it in time; until then anybody may have it.
fn is_orphan(ledger: &Ledger, id: &str, now_ms: u64) -> bool {
    let mut book = ledger.book();
    let Some(orphan_ms) = book.entry(id).map(|entry| entry.orphan_ms) else { return false };
    if now_ms < orphan_ms {
        // Its last carrier failed or was busy.
        book.offer(id, None);
        book.postpone(id, orphan_ms);
    }
    now_ms >= orphan_ms
}

/// Ends a release that was claimed, as it turned out, and that nobody came to write.
pub async fn give_up(ledger: &Arc<Ledger>, id: &str) -> Result<(), StoreError> {
    if ledger.claim(id).await?.is_some() {
        ledger.written(id, false).await;
        let ended = ledger.book().entry(id).map(|entry| entry.row.hold.clone());
        ended.iter().for_each(|hold| ledger.tell_end(hold));
    }
    Ok(())
}

/// Learns of steps whose commit failed whether they were taken; says whether some remain.
async fn make_sure(ledger: &Arc<Ledger>) -> bool {
    let mut remain = false;
    for id in ledger.unsure_ids() {
        match ledger.make_sure(&id, false).await {
            Ok(Some((_, hold))) if hold.state == State::Approved => ledger.deliver(),
            Ok(_) => {}
            Err(_) => remain = true,
        }
    }
    remain
}

/// Takes insertions out again whose commit failed and may have happened; says whether some
/// remain.
async fn remove_doubts(ledger: &Arc<Ledger>) -> bool {
    let doubts = || ledger.doubts.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(undo) = doubts().front().cloned() else { return false };
        match ledger.commit(undo).await {
            Err(StoreError::Unavailable { .. } | StoreError::Corrupt { .. }) => return true,
            // Removed, or it was never there.
            Ok(()) | Err(StoreError::Conflict(_)) => drop(doubts().pop_front()),
        }
    }
}
