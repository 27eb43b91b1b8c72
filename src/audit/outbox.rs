//! Writes records down with what they tell of, so that no crash falls between the two.
//!
//! A decision and the row of its record are one commit. The commit that appends the record to the
//! chain takes the row out, and happens only while the row is there. So there is a row exactly
//! until its record is in the log, wherever a crash falls; whoever starts next appends what is
//! left, and no record can be lost or stand in the log twice.

use super::{Due, Record, chain};
use crate::store::{Expect, Store, StoreError, Table, Write};

/// A record whose row is written with what it tells of.
#[derive(Clone, Debug)]
pub struct Noted {
    key: String,
    record: Record,
    bytes: Vec<u8>,
}

impl Noted {
    /// `number` is above that of every row that is there: in their order the rest is appended.
    pub(super) fn new(number: u64, record: Record) -> Noted {
        let key = key(number);
        let bytes = serde_json::to_vec(&record).expect("strings and numbers are JSON");
        Noted { key, record, bytes }
    }

    /// The row, for the commit of what the record tells of.
    pub fn write(&self) -> Write {
        let (key, value) = (self.key.clone(), Some(self.bytes.clone()));
        Write { table: Table::Outbox, key, expect: Expect::Absent, value }
    }

    /// Takes the row out, for the commit that takes back what the record tells of.
    pub fn removal(&self) -> Write {
        let key = self.key.clone();
        Write { table: Table::Outbox, key, expect: Expect::Anything, value: None }
    }

    pub(super) fn due(self) -> Due {
        let Noted { key, record, bytes } = self;
        let expect = Expect::Exactly(bytes);
        let taken = Some(Write { table: Table::Outbox, key, expect, value: None });
        Due { record, text: None, taken }
    }
}

/// The number of the last row that is there. Times would not do: a clock may be set back.
pub(super) async fn last(store: &dyn Store) -> Result<u64, StoreError> {
    let mut after = String::new();
    loop {
        let rows = store.scan(Table::Outbox, &after, chain::PAGE).await?;
        let Some((last, _)) = rows.last() else { return Ok(after.parse().unwrap_or(0)) };
        after.clone_from(last);
    }
}

/// Up to `max` of what was not appended yet, behind a number and each with its own, and the last
/// number that was looked at.
pub(super) async fn page(
    store: &dyn Store,
    after: u64,
    max: usize,
) -> Result<Option<(u64, Vec<(u64, Due)>)>, StoreError> {
    let rows = store.scan(Table::Outbox, &key(after), max).await?;
    let Some((last, _)) = rows.last() else { return Ok(None) };
    let last = number(last);
    let mut dues = Vec::with_capacity(rows.len());
    for (key, bytes) in rows {
        match serde_json::from_slice(&bytes) {
            Ok(record) => dues.push((number(&key), Noted { key, record, bytes }.due())),
            // It stays where it is, and keeps no other from the log.
            Err(error) => tracing::error!(%error, key, "a record cannot be read"),
        }
    }
    Ok(Some((last, dues)))
}

fn key(number: u64) -> String {
    format!("{number:020}")
}

/// A key that is none stands behind all others.
fn number(key: &str) -> u64 {
    key.parse().unwrap_or(u64::MAX)
}
