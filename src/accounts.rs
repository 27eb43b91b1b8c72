//! Knows people and programs: roles, sessions, tokens, and who must wait after failing.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    config::ConsoleConfig,
    message::now_ms,
    store::{Expect, Store, StoreError, Table, Write},
};

mod factor;
mod invitations;
mod lockout;
mod password;
mod rights;
pub mod secret;
mod sessions;
mod tokens;

use factor::Factor;
use lockout::Lockout;
use password::Hasher;

pub use factor::Setup;
pub use invitations::Invitation;
pub use password::PASSWORD_CHARS_MIN;
pub use rights::{PLACES_MAX, Place, Rights, Role};
pub use sessions::{Attempt, Login, Seat, Session};
pub use tokens::{Scope, Token};

/// The cookie that carries a session's secret: without TLS, and with it. `__Host-` binds it to one
/// host and to TLS; browsers refuse it without.
pub const COOKIE_NAMES: [&str; 2] = ["tidegate", "__Host-tidegate"];

/// A record that two logins change at once is read again this often before giving up.
const RETRIES_MAX: usize = 8;
/// More than any installation has people.
const ACCOUNTS_MAX: usize = 100_000;

/// The accounts in the store, and the memory of failed logins; cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    hasher: Hasher,
    lockout: Lockout,
    session_ms: u64,
    sessions_max: usize,
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    #[serde(flatten)]
    pub rights: Rights,
    pub created_ms: u64,
    /// How many there are at most; some may have expired.
    pub sessions: usize,
    /// They log in with a code besides the password.
    #[serde(default)]
    pub second_factor: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("a name has 1 to 32 of the characters a-z, 0-9, '.', '_' and '-'")]
    Name,
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters and at most 1024 bytes")]
    Password,
    #[error("this password is among the first that somebody tries; take another")]
    Obvious,
    #[error("there is an account {0} already")]
    Exists(String),
    #[error("there is no account {0}")]
    Unknown(String),
    #[error("{PLACES_MAX} channels are the most for one person")]
    Places,
    #[error("this invitation was used, taken back or is too old")]
    Invitation,
    #[error("enough people are invited; take some invitations back first")]
    Invitations,
    /// The password was right.
    #[error("the code of the second factor is asked for")]
    CodeNeeded,
    #[error("this code is wrong, old or was used before")]
    Code,
    /// Neither which of the two was wrong, nor whether the account exists.
    #[error("name or password is wrong")]
    Refused,
    #[error("too many failed logins; try again in {} s", .0.as_secs().max(1))]
    Locked(Duration),
    /// More logins at once than are hashed or may wait for it.
    #[error("too many logins at once; try again in a moment")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Account {
    #[serde(flatten)]
    rights: Rights,
    /// A PHC string: argon2id with its parameters and salt.
    password: String,
    created_ms: u64,
    /// The keys in `Table::Sessions`, oldest first, so that their number is bounded.
    sessions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    factor: Option<Factor>,
}

impl Accounts {
    pub fn open(store: Arc<dyn Store>, config: &ConsoleConfig) -> Accounts {
        let inner = Inner {
            store,
            hasher: Hasher::new(),
            lockout: Lockout::new(config.attempts_max),
            session_ms: u64::from(config.session_hours) * 3_600_000,
            sessions_max: config.sessions_max.max(1),
        };
        Accounts { inner: Arc::new(inner) }
    }

    /// Creates an account; with `replace` an existing one gets new roles and a new password, has no
    /// second factor any more, and its sessions end.
    pub async fn add(
        &self,
        name: &str,
        rights: impl Into<Rights>,
        password: &str,
        replace: bool,
    ) -> Result<(), AccountError> {
        let (name, account) = self.fresh(name, rights.into(), password).await?;
        let old = self.inner.store.load(Table::Accounts, &name).await?;
        if old.is_some() && !replace {
            return Err(AccountError::Exists(name));
        }
        let mut writes = vec![change(Table::Accounts, &name, old.clone(), Some(&account))];
        let ended = old.and_then(|old| parse::<Account>(&old)).map(|old| old.sessions);
        writes.extend(ended.unwrap_or_default().iter().map(|key| removal(Table::Sessions, key)));
        match self.inner.store.commit(writes).await {
            Err(StoreError::Conflict(_)) => Err(AccountError::Exists(name)),
            done => Ok(done?),
        }
    }

    /// An account that is not stored yet, and its name.
    async fn fresh(
        &self,
        name: &str,
        rights: Rights,
        password: &str,
    ) -> Result<(String, Account), AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        if rights.places.len() > PLACES_MAX {
            return Err(AccountError::Places);
        }
        let password = self.hashed(&name, password).await?;
        let (created_ms, sessions, factor) = (now_ms(), Vec::new(), None);
        Ok((name, Account { rights, password, created_ms, sessions, factor }))
    }

    async fn hashed(&self, name: &str, password: &str) -> Result<String, AccountError> {
        if !password::acceptable(password) {
            return Err(AccountError::Password);
        }
        if password::obvious(name, password) {
            return Err(AccountError::Obvious);
        }
        self.inner.hasher.hash(password).await
    }

    /// Changes what somebody may do; they notice with their next click.
    pub async fn set_rights(
        &self,
        name: &str,
        how: impl Fn(&mut Rights),
    ) -> Result<(), AccountError> {
        self.update(name, |account| {
            how(&mut account.rights);
            match account.rights.places.len() > PLACES_MAX {
                true => Err(AccountError::Places),
                false => Ok(Vec::new()),
            }
        })
        .await
    }

    /// Changes an account, and whatever goes with it, unless `how` refuses.
    async fn update(
        &self,
        name: &str,
        how: impl Fn(&mut Account) -> Result<Vec<Write>, AccountError>,
    ) -> Result<(), AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        for _ in 0..RETRIES_MAX {
            let Some((mut account, old)) = self.account(&name).await? else {
                return Err(AccountError::Unknown(name));
            };
            let mut writes = how(&mut account)?;
            writes.push(change(Table::Accounts, &name, Some(old), Some(&account)));
            match self.inner.store.commit(writes).await {
                // Somebody logs in under this name just now.
                Err(StoreError::Conflict(_)) => continue,
                done => return Ok(done?),
            }
        }
        Err(AccountError::Busy)
    }

    /// Somebody's account, without what it is told by.
    pub async fn person(&self, name: &str) -> Result<Person, AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        match self.account(&name).await? {
            Some((account, _)) => Ok(account.person(name)),
            None => Err(AccountError::Unknown(name)),
        }
    }

    /// Every account, without what it is told by.
    pub async fn list(&self) -> Result<Vec<Person>, StoreError> {
        let all = self.inner.store.scan(Table::Accounts, "", ACCOUNTS_MAX).await?;
        let person =
            |(name, stored): (String, Vec<u8>)| Some(parse::<Account>(&stored)?.person(name));
        Ok(all.into_iter().filter_map(person).collect())
    }

    /// Removes an account and ends its sessions; whether there was one.
    pub async fn remove(&self, name: &str) -> Result<bool, AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        for _ in 0..RETRIES_MAX {
            let Some(old) = self.inner.store.load(Table::Accounts, &name).await? else {
                return Ok(false);
            };
            let sessions = parse::<Account>(&old).map(|old| old.sessions).unwrap_or_default();
            let mut writes = vec![change::<Account>(Table::Accounts, &name, Some(old), None)];
            writes.extend(sessions.iter().map(|key| removal(Table::Sessions, key)));
            match self.inner.store.commit(writes).await {
                // Somebody logs in under this name just now.
                Err(StoreError::Conflict(_)) => continue,
                done => return Ok(done.map(|()| true)?),
            }
        }
        Err(AccountError::Busy)
    }

    /// Whether the store answers.
    pub async fn store_answers(&self) -> bool {
        self.inner.store.load(Table::Meta, "format").await.is_ok()
    }

    async fn account(&self, name: &str) -> Result<Option<(Account, Vec<u8>)>, StoreError> {
        let stored = self.inner.store.load(Table::Accounts, name).await?;
        Ok(stored.and_then(|bytes| Some((parse(&bytes)?, bytes))))
    }
}

impl Account {
    fn person(self, name: String) -> Person {
        let Account { rights, created_ms, sessions, factor, .. } = self;
        let second_factor = factor.is_some();
        Person { name, rights, created_ms, sessions: sessions.len(), second_factor }
    }
}

/// Names are told apart without case, and are safe in logs, paths and pages.
fn parse_name(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let good = (1..=32).contains(&name.len()) && name.chars().all(fits);
    good.then(|| name.to_ascii_lowercase())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// A write that happens only if the record still is `old`.
fn change<T: Serialize>(table: Table, key: &str, old: Option<Vec<u8>>, new: Option<&T>) -> Write {
    let value = new.map(|new| {
        serde_json::to_vec(new).expect("strings, numbers and lists of them always serialize")
    });
    let expect = old.map_or(Expect::Absent, Expect::Exactly);
    Write { table, key: key.to_owned(), expect, value }
}

fn removal(table: Table, key: &str) -> Write {
    Write { table, key: key.to_owned(), expect: Expect::Anything, value: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_without_case() {
        let table = [
            ("ana", Some("ana")),
            ("Ana.B-2_c", Some("ana.b-2_c")),
            ("", None),
            ("ana b", None),
            ("ana\u{202e}", None),
            ("é", None),
            ("a/b", None),
            ("abcdefghijklmnopqrstuvwxyz0123456", None),
        ];
        for (name, expected) in table {
            assert_eq!(parse_name(name).as_deref(), expected, "{name:?}");
        }
    }
}
