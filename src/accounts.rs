//! Knows people and programs: roles, sessions, tokens, and who must wait after failing.

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    config::ConsoleConfig,
    message::now_ms,
    store::{Expect, Store, StoreError, Table, Write},
};

mod lockout;
mod password;
pub mod secret;

use lockout::Lockout;
use password::Hasher;

pub use password::PASSWORD_CHARS_MIN;

/// The cookie that carries a session's secret: without TLS, and with it. `__Host-` binds it to one
/// host and to TLS; browsers refuse it without.
pub const COOKIE_NAMES: [&str; 2] = ["tidegate", "__Host-tidegate"];

/// A record that two logins change at once is read again this often before giving up.
const RETRIES_MAX: usize = 8;
/// More than any installation has people.
const ACCOUNTS_MAX: usize = 100_000;
/// More than any installation has programs.
const TOKENS_MAX: usize = 100_000;

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

/// What somebody may do: each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees the queue.
    Viewer,
    /// Decides.
    Moderator,
    Admin,
}

impl Role {
    pub fn named(name: &str) -> Option<Role> {
        match name {
            "viewer" => Some(Role::Viewer),
            "moderator" => Some(Role::Moderator),
            "admin" => Some(Role::Admin),
            _ => None,
        }
    }
}

/// What a program's token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Asks for verdicts.
    Judge,
    /// Reads decisions, the queue and events, stored texts among them.
    Read,
    /// Decides what is held, and silences senders.
    Decide,
    /// Sends live messages that may be held until somebody decides.
    Hook,
    /// Hands in senders' appeals, and reads how they ended.
    Appeal,
}

impl Scope {
    pub const ALL: [Scope; 5] =
        [Scope::Judge, Scope::Read, Scope::Decide, Scope::Hook, Scope::Appeal];

    pub const fn name(self) -> &'static str {
        match self {
            Scope::Judge => "judge",
            Scope::Read => "read",
            Scope::Decide => "decide",
            Scope::Hook => "hook",
            Scope::Appeal => "appeal",
        }
    }
}

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub name: String,
    pub role: Role,
    pub expires_ms: u64,
}

/// A new session, and the secret that the browser keeps.
pub struct Login {
    pub secret: String,
    pub session: Session,
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    pub role: Role,
    pub created_ms: u64,
    /// How many there are at most; some may have expired.
    pub sessions: usize,
}

/// A program that may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_ms: u64,
    /// From then on it opens nothing; `None` where it is good until it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
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
    role: Role,
    /// A PHC string: argon2id with its parameters and salt.
    password: String,
    created_ms: u64,
    /// The keys in `Table::Sessions`, oldest first, so that their number is bounded.
    sessions: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredSession {
    account: String,
    expires_ms: u64,
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

    /// Creates an account; with `replace` an existing one gets a new role and password, and its
    /// sessions end.
    pub async fn add(
        &self,
        name: &str,
        role: Role,
        password: &str,
        replace: bool,
    ) -> Result<(), AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        if !password::acceptable(password) {
            return Err(AccountError::Password);
        }
        if password::obvious(&name, password) {
            return Err(AccountError::Obvious);
        }
        let old = self.inner.store.load(Table::Accounts, &name).await?;
        if old.is_some() && !replace {
            return Err(AccountError::Exists(name));
        }
        let password = self.inner.hasher.hash(password).await?;
        let account = Account { role, password, created_ms: now_ms(), sessions: Vec::new() };
        let mut writes = vec![change(Table::Accounts, &name, old.clone(), Some(&account))];
        let ended = old.and_then(|old| parse::<Account>(&old)).map(|old| old.sessions);
        writes.extend(ended.unwrap_or_default().iter().map(|key| removal(Table::Sessions, key)));
        match self.inner.store.commit(writes).await {
            Err(StoreError::Conflict(_)) => Err(AccountError::Exists(name)),
            done => Ok(done?),
        }
    }

    /// Every account, without what it is told by.
    pub async fn list(&self) -> Result<Vec<Person>, StoreError> {
        let all = self.inner.store.scan(Table::Accounts, "", ACCOUNTS_MAX).await?;
        let person = |(name, stored): (String, Vec<u8>)| {
            let Account { role, created_ms, sessions, .. } = parse(&stored)?;
            Some(Person { name, role, created_ms, sessions: sessions.len() })
        };
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

    /// Checks a password and starts a session; `rotated` is the session that it replaces.
    ///
    /// A wrong name costs the same time as a wrong password.
    pub async fn log_in(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
        rotated: Option<&str>,
    ) -> Result<Login, AccountError> {
        let name = parse_name(name).ok_or(AccountError::Refused)?;
        if let Some(wait) = self.inner.lockout.wait(&name, from) {
            return Err(AccountError::Locked(wait));
        }
        let account = self.account(&name).await?.map(|(account, _)| account);
        let stored = account.map(|account| account.password);
        if !self.inner.hasher.verify(password, stored).await? {
            self.inner.lockout.failed(&name, from);
            return Err(AccountError::Refused);
        }
        self.inner.lockout.succeeded(&name, from);
        if let Some(rotated) = rotated {
            self.log_out(rotated).await?;
        }
        self.start_session(&name).await
    }

    async fn start_session(&self, name: &str) -> Result<Login, AccountError> {
        for _ in 0..RETRIES_MAX {
            let Some((mut account, old)) = self.account(name).await? else {
                return Err(AccountError::Refused);
            };
            let secret = secret::fresh();
            let key = secret::digest(&secret);
            let expires_ms = now_ms() + self.inner.session_ms;
            let stored = StoredSession { account: name.to_owned(), expires_ms };
            account.sessions.push(key.clone());
            let surplus = account.sessions.len().saturating_sub(self.inner.sessions_max);
            let ended: Vec<String> = account.sessions.drain(..surplus).collect();
            let mut writes = vec![
                change(Table::Accounts, name, Some(old), Some(&account)),
                change(Table::Sessions, &key, None, Some(&stored)),
            ];
            writes.extend(ended.iter().map(|key| removal(Table::Sessions, key)));
            match self.inner.store.commit(writes).await {
                Err(StoreError::Conflict(_)) => continue,
                done => done?,
            }
            let session = Session { name: name.to_owned(), role: account.role, expires_ms };
            return Ok(Login { secret, session });
        }
        Err(AccountError::Busy)
    }

    /// Who this secret belongs to, with the role that the account has now.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, StoreError> {
        let key = secret::digest(secret);
        let Some(stored) = self.inner.store.load(Table::Sessions, &key).await? else {
            return Ok(None);
        };
        let Some(stored) = parse::<StoredSession>(&stored) else { return Ok(None) };
        if stored.expires_ms <= now_ms() {
            return Ok(None);
        }
        let account = self.account(&stored.account).await?;
        Ok(account.map(|(account, _)| Session {
            name: stored.account,
            role: account.role,
            expires_ms: stored.expires_ms,
        }))
    }

    /// Ends a session; an unknown one is no error.
    pub async fn log_out(&self, secret: &str) -> Result<(), StoreError> {
        let key = secret::digest(secret);
        let Some(stored) = self.inner.store.load(Table::Sessions, &key).await? else {
            return Ok(());
        };
        self.inner.store.commit(vec![removal(Table::Sessions, &key)]).await?;
        let Some(stored) = parse::<StoredSession>(&stored) else { return Ok(()) };
        let Some((mut account, old)) = self.account(&stored.account).await? else {
            return Ok(());
        };
        account.sessions.retain(|kept| *kept != key);
        let write = change(Table::Accounts, &stored.account, Some(old), Some(&account));
        match self.inner.store.commit(vec![write]).await {
            // A login changed the record meanwhile: the key that stays in it opens nothing, and
            // leaves as the oldest.
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    /// A new token for a program, good until it is taken back; it is shown once and stored hashed.
    pub async fn issue_token(&self, name: &str, scopes: &[Scope]) -> Result<String, AccountError> {
        self.issue_token_for(name, scopes, None).await
    }

    /// The same, good for so long.
    pub async fn issue_token_for(
        &self,
        name: &str,
        scopes: &[Scope],
        life: Option<Duration>,
    ) -> Result<String, AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        let secret = format!("tg_{}", secret::fresh());
        let created_ms = now_ms();
        let expires_ms = life.map(|life| created_ms.saturating_add(life.as_millis() as u64));
        let token = Token { name, scopes: scopes.to_vec(), created_ms, expires_ms };
        let key = secret::digest(&secret);
        self.inner.store.commit(vec![change(Table::Tokens, &key, None, Some(&token))]).await?;
        Ok(secret)
    }

    pub async fn token(&self, secret: &str) -> Result<Option<Token>, StoreError> {
        let stored = self.inner.store.load(Table::Tokens, &secret::digest(secret)).await?;
        let token = stored.and_then(|stored| parse::<Token>(&stored));
        Ok(token.filter(|token| token.expires_ms.is_none_or(|expires| expires > now_ms())))
    }

    /// Every token, without what it is told by.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let all = self.inner.store.scan(Table::Tokens, "", TOKENS_MAX).await?;
        let mut tokens: Vec<Token> = all.iter().filter_map(|(_, stored)| parse(stored)).collect();
        tokens.sort_by(|a, b| (&a.name, a.created_ms).cmp(&(&b.name, b.created_ms)));
        Ok(tokens)
    }

    /// Takes back every token of this name; how many there were.
    pub async fn revoke_tokens(&self, name: &str) -> Result<usize, AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        let all = self.inner.store.scan(Table::Tokens, "", TOKENS_MAX).await?;
        let meant = |stored: &[u8]| parse::<Token>(stored).is_some_and(|token| token.name == name);
        let writes: Vec<Write> = all
            .iter()
            .filter(|(_, stored)| meant(stored))
            .map(|(key, _)| removal(Table::Tokens, key))
            .collect();
        let count = writes.len();
        if count > 0 {
            self.inner.store.commit(writes).await?;
        }
        Ok(count)
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

    #[test]
    fn roles_include_those_below() {
        assert!(Role::Admin > Role::Moderator && Role::Moderator > Role::Viewer);
        assert_eq!(Role::named("moderator"), Some(Role::Moderator));
        assert_eq!(Role::named("Root"), None);
    }
}
