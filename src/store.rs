//! Keeps what must outlive the process: holds, decisions, accounts.

use std::{fs, io, path::Path, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

mod embedded;

/// A durable map of tables with one compound, conditional write.
///
/// It is as small as NATS KV or Redis allow, so that either can stand behind it. Values are opaque
/// bytes; whoever owns a table owns their format. All calls may block on a disk or a network:
/// they are made by `session`, `hold`, `audit` and the doors, never by `pipeline`.
pub trait Store: Send + Sync {
    /// Performs every write or none, durably (group commit) before it returns.
    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>>;

    fn load(&self, table: Table, key: &str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Up to `limit` entries with keys after `after` (from the start where empty), in key order.
    fn scan(
        &self,
        table: Table,
        after: &str,
        limit: usize,
    ) -> BoxFuture<'_, Result<Entries, StoreError>>;

    /// Leaves its place to another process, everything that was asked so far being written;
    /// whatever is asked afterwards is `Unavailable`. It blocks until then. A store that many may
    /// have open has nothing to do.
    fn close(&self) {}
}

/// Keys and values, in key order.
pub type Entries = Vec<(String, Vec<u8>)>;

/// Which table; each has one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// `hold`: one record per held message.
    Holds,
    /// `audit`: the chain of records, by sequence number.
    Records,
    /// `audit`: sequence numbers by decision id, so that one message's records can be looked up.
    RecordIds,
    /// `audit`: erasable texts, by record or hold id.
    Texts,
    /// `audit`: records of what is decided, until they are in the chain.
    Outbox,
    /// `accounts`.
    Accounts,
    Sessions,
    Tokens,
    Invitations,
    /// `doors`: what moderators decided for longer than one message.
    Decrees,
    /// `doors`: what is set at the console over the settings file.
    Overrides,
    /// Small values: the secret that identities are hashed with, the format's version.
    Meta,
}

impl Table {
    pub const ALL: [Table; 12] = [
        Table::Holds,
        Table::Records,
        Table::RecordIds,
        Table::Texts,
        Table::Outbox,
        Table::Accounts,
        Table::Sessions,
        Table::Tokens,
        Table::Invitations,
        Table::Decrees,
        Table::Overrides,
        Table::Meta,
    ];
}

/// One change within a commit.
#[derive(Clone, Debug)]
pub struct Write {
    pub table: Table,
    pub key: String,
    /// What must be there now for the commit to happen at all.
    pub expect: Expect,
    /// The new value, or `None` to delete.
    pub value: Option<Vec<u8>>,
}

/// A condition on the present value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    Anything,
    Absent,
    Exactly(Vec<u8>),
}

#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum StoreError {
    /// The key holds something else than was expected: somebody was faster.
    #[error("{0} was changed by somebody else")]
    Conflict(String),
    /// The operator's: the disk is full, read-only or gone; nothing of the commit was kept.
    #[error("the store in {place} failed: {cause}")]
    Unavailable { place: String, cause: String },
    /// The operator's: what is there cannot be what was written.
    #[error("the store in {place} is damaged: {cause}")]
    Corrupt { place: String, cause: String },
}

type Open = fn(&Path) -> Result<Arc<dyn Store>, StoreError>;

/// Every store by its name.
pub const STORES: &[(&str, Open)] = &[("embedded", embedded::open)];

/// Opens the embedded store in `state_dir`, creating it if missing.
///
/// # Errors
/// `Unavailable` where the place cannot be written or another process owns it, `Corrupt` where it
/// is not a store.
pub fn open(state_dir: &Path) -> Result<Arc<dyn Store>, StoreError> {
    embedded::open(state_dir)
}

/// Makes the state folder where there is none, for its owner alone; whoever writes there first
/// makes it.
///
/// # Errors
/// Whatever the file system says.
pub fn create_dir(state_dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(state_dir)
}
