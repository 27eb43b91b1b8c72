//! Links records by their hashes and finds the first one that does not fit.

use std::{cmp::Ordering, fmt::Write as _};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Record, jsonl, texts};
use crate::store::{Store, StoreError, Table};

/// Where `Meta` keeps the newest link, by which a cut tail is noticed. Somebody who can write the
/// store can move it too; only a copy kept elsewhere shows that.
pub const HEAD: &str = "audit_head";
/// Where `Meta` keeps the last link that was removed for its age: the chain starts after it.
pub const ANCHOR: &str = "audit_anchor";
/// Records read at once while verifying: about 128 KiB.
pub const PAGE: usize = 256;

/// A place in the chain: a sequence number and the hash up to there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub seq: u64,
    /// 64 hex digits; empty before the first record.
    pub hash: String,
}

/// A stored record; `record` stays as the bytes that were hashed.
#[derive(Serialize, Deserialize)]
pub struct Entry<'a> {
    pub seq: u64,
    pub hash: String,
    #[serde(borrow)]
    pub record: &'a RawValue,
}

/// The chain is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub records: u64,
}

/// The first record that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit record {seq} {cause}")]
pub struct Broken {
    pub seq: u64,
    pub cause: String,
}

/// Records sort by number, so the number is padded.
pub fn key(seq: u64) -> String {
    format!("{seq:020}")
}

/// The link after `last`: its mark and the bytes to store.
pub fn link(last: &Mark, record: &Record) -> Result<(Mark, Vec<u8>), serde_json::Error> {
    // Control characters are escaped before hashing, so that an export has the same bytes.
    let json = RawValue::from_string(jsonl::escaped(&serde_json::to_string(record)?))?;
    let mark = Mark { seq: last.seq + 1, hash: chained(&last.hash, &json) };
    let entry = Entry { seq: mark.seq, hash: mark.hash.clone(), record: &json };
    let bytes = serde_json::to_vec(&entry)?;
    Ok((mark, bytes))
}

fn chained(last: &str, record: &RawValue) -> String {
    let digest = Sha256::new().chain_update(last).chain_update(record.get());
    hex(&digest.finalize())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub async fn mark(store: &dyn Store, which: &str) -> Result<Mark, StoreError> {
    let Some(bytes) = store.load(Table::Meta, which).await? else { return Ok(Mark::default()) };
    serde_json::from_slice(&bytes).map_err(|error| unreadable(which, error))
}

pub fn record(key: &str, bytes: &[u8]) -> Result<Record, StoreError> {
    let entry: Entry = serde_json::from_slice(bytes).map_err(|error| unreadable(key, error))?;
    serde_json::from_str(entry.record.get()).map_err(|error| unreadable(key, error))
}

pub fn unreadable(what: &str, error: serde_json::Error) -> StoreError {
    let place = format!("the audit log, at {what}");
    StoreError::Corrupt { place, cause: format!("{error}; run `tidegate audit verify`") }
}

/// Checks every link from the anchor to the head, and each text that is still there.
///
/// # Errors
/// The first record that was edited, removed or moved, or that cannot be read.
pub async fn verify(store: &dyn Store) -> Result<Verified, Broken> {
    let marks = async |seq| {
        let failed = |error: StoreError| Broken { seq, cause: error.to_string() };
        let anchor = mark(store, ANCHOR).await.map_err(failed)?;
        Ok((anchor, mark(store, HEAD).await.map_err(failed)?))
    };
    let (mut anchor, mut head) = marks(0).await?;
    loop {
        let result = walk(store, &anchor, &head).await;
        // Old records may have been removed behind the walk; then the chain starts later.
        let (moved, now) = marks(anchor.seq).await?;
        if result.is_ok() || moved == anchor {
            return result;
        }
        (anchor, head) = (moved, now);
    }
}

async fn walk(store: &dyn Store, anchor: &Mark, head: &Mark) -> Result<Verified, Broken> {
    let mut last = anchor.clone();
    // From the very start: whatever stands before the chain is no part of it.
    let mut after = String::new();
    loop {
        let next = last.seq + 1;
        let broken = |cause: &str| Broken { seq: next, cause: cause.to_owned() };
        let page = store.scan(Table::Records, &after, PAGE).await;
        let page = page.map_err(|error| broken(&error.to_string()))?;
        if page.is_empty() {
            break;
        }
        for (found, bytes) in page {
            last = step(store, last, &found, &bytes).await?;
            if last.seq == head.seq && last.hash != head.hash {
                return Err(Broken { seq: last.seq, cause: "is not the newest known".to_owned() });
            }
        }
        after = key(last.seq);
    }
    match last.seq < head.seq {
        true => Err(Broken { seq: last.seq + 1, cause: "is missing".to_owned() }),
        false => Ok(Verified { records: last.seq - anchor.seq }),
    }
}

/// One link: `found` is its key.
async fn step(store: &dyn Store, last: Mark, found: &str, bytes: &[u8]) -> Result<Mark, Broken> {
    let seq = last.seq + 1;
    let broken = |cause: &str| Broken { seq, cause: cause.to_owned() };
    match found.cmp(key(seq).as_str()) {
        Ordering::Less => return Err(broken("has one before it that is not in the chain")),
        Ordering::Greater => return Err(broken("is missing")),
        Ordering::Equal => {}
    }
    let entry: Entry = serde_json::from_slice(bytes).map_err(|_| broken("cannot be read"))?;
    let hash = chained(&last.hash, entry.record);
    let again = serde_json::to_vec(&Entry { seq, hash: hash.clone(), record: entry.record });
    // The whole stored value has one spelling, so that no byte of it can change unnoticed.
    if again.ok().as_deref() != Some(bytes) {
        return Err(broken("is not what was written, or not in its place"));
    }
    let record: Record =
        serde_json::from_str(entry.record.get()).map_err(|_| broken("cannot be read"))?;
    if !record.text_sha256.is_empty() {
        let row = store.load(Table::Texts, &texts::key(&record.id, seq)).await;
        let row = row.map_err(|error| broken(&error.to_string()))?;
        let text = row.map(|row| texts::Text::read(&record.id, &row)).transpose();
        let text = text.map_err(|_| broken("has a text that cannot be read"))?;
        if text.is_some_and(|text| text.sha256() != record.text_sha256) {
            return Err(broken("has another text than was judged"));
        }
    }
    Ok(Mark { seq, hash })
}
