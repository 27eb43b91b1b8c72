//! Keeps a store in memory, for what is built upon one.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use tidegate::store::{Entries, Expect, Store, StoreError, Table, Write};

/// As the contract of `Store` has it, without a disk.
#[derive(Default)]
pub struct Memory {
    rows: Mutex<BTreeMap<(u8, String), Vec<u8>>>,
}

impl Memory {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<(u8, String), Vec<u8>>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a value there, or takes it away, whatever was there before.
    pub fn set(&self, table: Table, key: &str, value: Option<Vec<u8>>) {
        let key = (place(table), key.to_owned());
        match value {
            Some(value) => drop(self.rows().insert(key, value)),
            None => drop(self.rows().remove(&key)),
        }
    }

    pub fn all(&self, table: Table) -> Entries {
        let rows = self.rows();
        let own = rows.iter().filter(|((number, _), _)| *number == place(table));
        own.map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }

    /// The same rows in a store of their own.
    pub fn copy(&self) -> Memory {
        Memory { rows: Mutex::new(self.rows().clone()) }
    }

    fn change(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut rows = self.rows();
        for write in &writes {
            let now = rows.get(&(place(write.table), write.key.clone()));
            let met = match &write.expect {
                Expect::Anything => true,
                Expect::Absent => now.is_none(),
                Expect::Exactly(bytes) => now == Some(bytes),
            };
            if !met {
                return Err(StoreError::Conflict(write.key.clone()));
            }
        }
        for Write { table, key, value, .. } in writes {
            match value {
                Some(value) => drop(rows.insert((place(table), key), value)),
                None => drop(rows.remove(&(place(table), key))),
            }
        }
        Ok(())
    }
}

fn place(table: Table) -> u8 {
    table as u8
}

impl Store for Memory {
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { self.change(writes) })
    }

    fn load(&self, table: Table, key: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let found = self.rows().get(&(place(table), key.to_owned())).cloned();
        Box::pin(async { Ok(found) })
    }

    fn scan(
        &self,
        table: Table,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Entries, StoreError>> {
        let number = place(table);
        let from = match after {
            "" => Bound::Included((number, String::new())),
            after => Bound::Excluded((number, after.to_owned())),
        };
        let to = Bound::Excluded((number + 1, String::new()));
        let rows = self.rows();
        let found = rows.range((from, to)).take(limit);
        let found = found.map(|((_, key), value)| (key.clone(), value.clone())).collect();
        Box::pin(async { Ok(found) })
    }
}
