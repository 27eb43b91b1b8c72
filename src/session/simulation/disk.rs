//! Plays a disk that is slow, full or breaks off, and keeps what was written when all else is gone.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::dice::Dice;
use crate::store::{Entries, Expect, Store, StoreError, Table, Write};

/// What a commit meets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Written,
    /// Nothing was written, and it says so.
    Refused,
    /// It was written, and nobody hears of it.
    Doubtful,
}

pub struct Disk {
    kept: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    mood: Mutex<Mood>,
}

struct Mood {
    dice: Dice,
    slow_ms: u64,
    /// Nothing is written at all.
    full: bool,
    /// One in so many commits fails; none where it is 0.
    fails: u64,
    /// Whether one that fails may have been written all the same.
    doubtful: bool,
}

impl Disk {
    pub fn new(dice: Dice, slow_ms: u64, fails: u64, doubtful: bool) -> Arc<Disk> {
        let mood = Mood { dice, slow_ms, full: false, fails, doubtful };
        Arc::new(Disk { kept: Mutex::default(), mood: Mutex::new(mood) })
    }

    pub fn set_full(&self, full: bool) {
        self.mood().full = full;
    }

    /// From now on it is a good disk.
    pub fn mend(&self) {
        let mut mood = self.mood();
        (mood.full, mood.fails) = (false, 0);
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().expect("nobody panics with it")
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        self.kept.lock().expect("nobody panics with it")
    }

    fn fate(&self) -> (Fate, Duration, Duration) {
        let mut mood = self.mood();
        let Mood { slow_ms, full, fails, doubtful, .. } = *mood;
        let dice = &mut mood.dice;
        let fate = if full {
            Fate::Refused
        } else if fails > 0 && dice.one_in(fails) {
            let fate = dice.pick(&[Fate::Refused, Fate::Doubtful]);
            if doubtful { fate } else { Fate::Refused }
        } else {
            Fate::Written
        };
        (fate, dice.wait(slow_ms), dice.wait(slow_ms))
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut kept = self.kept();
        for Write { table, key, expect, .. } in &writes {
            let now = kept.get(&place(*table, key));
            let met = match expect {
                Expect::Anything => true,
                Expect::Absent => now.is_none(),
                Expect::Exactly(bytes) => now == Some(bytes),
            };
            if !met {
                return Err(StoreError::Conflict(key.clone()));
            }
        }
        for Write { table, key, value, .. } in writes {
            match value {
                Some(value) => kept.insert(place(table, &key), value),
                None => kept.remove(&place(table, &key)),
            };
        }
        Ok(())
    }
}

fn place(table: Table, key: &str) -> (String, String) {
    (format!("{table:?}"), key.to_owned())
}

fn unavailable() -> StoreError {
    StoreError::Unavailable { place: "memory".to_owned(), cause: "it is full".to_owned() }
}

impl Store for Disk {
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (fate, before, after) = self.fate();
            sleep(before).await;
            if fate == Fate::Refused {
                return Err(unavailable());
            }
            self.write(writes)?;
            // A crash in here leaves something written that nobody was told of.
            sleep(after).await;
            if fate == Fate::Doubtful { Err(unavailable()) } else { Ok(()) }
        })
    }

    fn load(&self, table: Table, key: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let found = self.kept().get(&place(table, key)).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn scan(
        &self,
        table: Table,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Entries, StoreError>> {
        let kept = self.kept();
        let from = Bound::Excluded(place(table, after));
        let name = format!("{table:?}");
        let rows = kept.range((from, Bound::Unbounded));
        let rows = rows.take_while(|((own, _), _)| *own == name).take(limit);
        let found = rows.map(|((_, key), value)| (key.clone(), value.clone())).collect();
        drop(kept);
        Box::pin(async move { Ok(found) })
    }
}
