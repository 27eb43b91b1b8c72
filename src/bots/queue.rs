//! Orders what is to be done: the gravest first, and of these the oldest.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{Deed, What};

/// What waits, within a bound.
pub struct Queue {
    waiting: Mutex<BTreeMap<Rank, Waiting>>,
    changed: Notify,
    /// Tells apart what is equally urgent and came in one instant.
    last: AtomicU64,
    max: usize,
}

/// A deed on its way.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub deed: Deed,
    pub heard: Instant,
    pub tries: u32,
    /// Not before then.
    pub ready: Instant,
}

/// Smallest first. Whatever hides something goes before what only punishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    hides: Reverse<bool>,
    severity: Reverse<u8>,
    heard: Instant,
    number: u64,
}

impl Queue {
    pub fn new(max: usize) -> Queue {
        let (waiting, changed, last) = (Mutex::default(), Notify::new(), AtomicU64::new(0));
        Queue { waiting, changed, last, max: max.max(1) }
    }

    /// Puts a deed in; gives back what there was no room for, the least urgent.
    pub fn put(&self, waiting: Waiting) -> Option<Waiting> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let rank = Rank {
            hides: Reverse(matches!(waiting.deed.what, What::Delete | What::Deny | What::Allow)),
            severity: Reverse(waiting.deed.severity.level()),
            heard: waiting.heard,
            number,
        };
        let mut all = self.lock();
        all.insert(rank, waiting);
        let surplus = (all.len() > self.max).then(|| all.pop_last()).flatten();
        drop(all);
        self.changed.notify_one();
        surplus.map(|(_, waiting)| waiting)
    }

    /// The most urgent that is ready, as soon as there is one.
    pub async fn next(&self) -> Waiting {
        loop {
            let changed = self.changed.notified();
            let wait = match self.take(Instant::now()) {
                Ok(waiting) => return waiting,
                Err(wait) => wait,
            };
            match wait {
                Some(wait) => {
                    // Whichever comes first.
                    let _ = tokio::time::timeout(wait, changed).await;
                }
                None => changed.await,
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whatever waits yet, the most urgent first.
    pub fn give_up(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    /// Or how long until one will be.
    fn take(&self, now: Instant) -> Result<Waiting, Option<Duration>> {
        let mut all = self.lock();
        let ready = all.iter().find(|(_, waiting)| waiting.ready <= now).map(|(rank, _)| *rank);
        match ready.and_then(|rank| all.remove(&rank)) {
            Some(waiting) => Ok(waiting),
            None => Err(all.values().map(|waiting| waiting.ready - now).min()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Rank, Waiting>> {
        // Whoever panicked left whole entries behind.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
