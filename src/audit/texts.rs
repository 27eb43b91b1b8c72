//! Keeps texts apart from the chain, and erases them and old records in time.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Record, Whose, chain};
use crate::{
    message::now_ms,
    store::{Entries, Expect, Store, StoreError, Table, Write},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How long what is kept, in days.
pub struct Keep {
    pub text_days: u32,
    pub record_days: u32,
}

/// A text with its salt: gone together, so that the hash in the chain can be guessed by nobody.
#[derive(Serialize, Deserialize)]
pub struct Text {
    at_ms: u64,
    route: String,
    sender: String,
    salt: String,
    pub text: String,
}

impl Text {
    pub fn of(record: &Record, text: String) -> Result<Text, getrandom::Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)?;
        Ok(Text {
            at_ms: record.at_ms,
            route: record.route.clone(),
            sender: record.sender.id.clone(),
            salt: chain::hex(&salt),
            text,
        })
    }

    pub fn read(key: &str, row: &[u8]) -> Result<Text, StoreError> {
        serde_json::from_slice(row).map_err(|error| chain::unreadable(key, error))
    }

    pub fn sha256(&self) -> String {
        chain::hex(&Sha256::new().chain_update(&self.salt).chain_update(&self.text).finalize())
    }
}

/// The key under which a record's text and its entry in `RecordIds` stand.
pub fn key(id: &str, seq: u64) -> String {
    format!("{id}/{}", chain::key(seq))
}

/// The rows of one message in `RecordIds` or `Texts`, oldest first.
pub async fn of_id(store: &dyn Store, table: Table, id: &str) -> Result<Entries, StoreError> {
    let prefix = format!("{id}/");
    // A message has one verdict and a handful of decisions.
    let mut rows = store.scan(table, &prefix, 100).await?;
    rows.retain(|(key, _)| key.starts_with(&prefix));
    Ok(rows)
}

pub fn delete(table: Table, key: String) -> Write {
    Write { table, key, expect: Expect::Anything, value: None }
}

/// Erases texts of one message or sender and counts them.
pub async fn erase(store: &dyn Store, whose: &Whose) -> Result<usize, StoreError> {
    match whose {
        Whose::Message { id } => {
            let rows = of_id(store, Table::Texts, id).await?;
            let deletes: Vec<_> =
                rows.into_iter().map(|(key, _)| delete(Table::Texts, key)).collect();
            let count = deletes.len();
            if count > 0 {
                store.commit(deletes).await?;
            }
            Ok(count)
        }
        Whose::Sender { route, sender_id } => {
            let theirs = |text: &Text| text.route == *route && text.sender == *sender_id;
            erase_where(store, theirs).await
        }
    }
}

/// Erases what is older than `keep` says.
pub async fn sweep(store: &dyn Store, keep: &Keep) -> Result<(), StoreError> {
    let before = |days: u32| now_ms().saturating_sub(u64::from(days) * DAY_MS);
    let old = before(keep.text_days);
    erase_where(store, |text| text.at_ms < old).await?;
    while remove_records(store, before(keep.record_days)).await? {}
    Ok(())
}

async fn erase_where(
    store: &dyn Store,
    condition: impl Fn(&Text) -> bool,
) -> Result<usize, StoreError> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let page = store.scan(Table::Texts, &after, chain::PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        after = last.clone();
        let mut deletes = Vec::new();
        for (key, row) in page {
            if condition(&Text::read(&key, &row)?) {
                deletes.push(delete(Table::Texts, key));
            }
        }
        count += deletes.len();
        if !deletes.is_empty() {
            store.commit(deletes).await?;
        }
    }
}

/// Removes a page of records said before `old_ms` and moves the anchor in the same commit; says
/// whether there may be more.
async fn remove_records(store: &dyn Store, old_ms: u64) -> Result<bool, StoreError> {
    let page = store.scan(Table::Records, "", chain::PAGE).await?;
    let full = page.len() == chain::PAGE;
    let (mut writes, mut anchor) = (Vec::new(), None);
    for (key_, bytes) in page {
        let record = chain::record(&key_, &bytes)?;
        // The chain loses its start only: the first young record keeps all after it.
        if record.at_ms >= old_ms {
            break;
        }
        let entry: chain::Entry =
            serde_json::from_slice(&bytes).map_err(|error| chain::unreadable(&key_, error))?;
        let row = key(&record.id, entry.seq);
        writes.push(delete(Table::RecordIds, row.clone()));
        writes.push(delete(Table::Texts, row));
        writes.push(delete(Table::Records, key_));
        anchor = Some(chain::Mark { seq: entry.seq, hash: entry.hash });
    }
    let Some(anchor) = anchor else { return Ok(false) };
    let whole = full && writes.len() == 3 * chain::PAGE;
    let value = serde_json::to_vec(&anchor).map_err(|e| chain::unreadable(chain::ANCHOR, e))?;
    let (table, key) = (Table::Meta, chain::ANCHOR.to_owned());
    writes.push(Write { table, key, expect: Expect::Anything, value: Some(value) });
    store.commit(writes).await?;
    Ok(whole)
}
