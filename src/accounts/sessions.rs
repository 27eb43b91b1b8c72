//! Lets people in by password and code, and knows them by their browsers' secrets.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    AccountError, Accounts, RETRIES_MAX, Rights, Role, change, parse, parse_name, removal, secret,
};
use crate::{
    message::now_ms,
    store::{StoreError, Table},
};

/// Enough to know one's own browser again.
const AGENT_CHARS_MAX: usize = 160;

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub name: String,
    pub rights: Rights,
    pub expires_ms: u64,
}

/// A new session, and the secret that the browser keeps.
pub struct Login {
    pub secret: String,
    pub session: Session,
}

/// What somebody logs in with.
pub struct Attempt<'a> {
    pub name: &'a str,
    pub password: &'a str,
    /// Of the second factor, from those who have one.
    pub code: Option<&'a str>,
    pub from: IpAddr,
    /// What the browser calls itself, so that its owner knows it again.
    pub agent: &'a str,
    /// The secret of the session that this one replaces.
    pub rotated: Option<&'a str>,
}

/// A browser that is logged in, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seat {
    pub id: String,
    /// 0 where an earlier version let it in.
    pub since_ms: u64,
    pub expires_ms: u64,
    pub from: String,
    pub agent: String,
    /// It is the one that asks.
    pub own: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredSession {
    account: String,
    expires_ms: u64,
    #[serde(default)]
    since_ms: u64,
    #[serde(default)]
    from: String,
    #[serde(default)]
    agent: String,
}

impl Session {
    /// Whether they have at least this role somewhere.
    pub fn has(&self, role: Role) -> bool {
        self.rights.highest() >= Some(role)
    }
}

impl Accounts {
    /// Checks a password, and a code where the account has a second factor, and starts a session.
    ///
    /// A wrong name costs the same time as a wrong password.
    pub async fn log_in(&self, attempt: Attempt<'_>) -> Result<Login, AccountError> {
        let Attempt { password, code, from, rotated, .. } = attempt;
        let name = parse_name(attempt.name).ok_or(AccountError::Refused)?;
        let account = self.account(&name).await?.map(|(account, _)| account);
        let (stored, factor) =
            account.map_or((None, None), |account| (Some(account.password), account.factor));
        let proven = stored.clone().unwrap_or_default();
        self.prove(&name, password, stored, from).await?;
        let refused = |error| {
            self.inner.lockout.failed(&name, from);
            Err(error)
        };
        let step = match (factor, code) {
            (None, _) => None,
            (Some(_), None) => return Err(AccountError::CodeNeeded),
            (Some(factor), Some(code)) => match factor.step_of(code, now_ms()) {
                Some(step) => Some(step),
                None => return refused(AccountError::Code),
            },
        };
        let login = match self.start_session(&name, &attempt, (&proven, step)).await {
            // Somebody else was in with the same code: it may have been looked at.
            Err(error @ AccountError::Code) => return refused(error),
            login => login?,
        };
        self.inner.lockout.succeeded(&name, from);
        if let Some(rotated) = rotated {
            self.log_out(rotated).await?;
        }
        Ok(login)
    }

    /// Compares a password with the stored one; whoever fails waits, longer each time.
    pub(super) async fn prove(
        &self,
        name: &str,
        password: &str,
        stored: Option<String>,
        from: IpAddr,
    ) -> Result<(), AccountError> {
        let lockout = &self.inner.lockout;
        let waits =
            || lockout.wait(name, from).map_or(Ok(()), |wait| Err(AccountError::Locked(wait)));
        waits()?;
        let fits = self.inner.hasher.verify(password, stored).await?;
        // Others may have guessed while this one waited for its turn: no two of them are answered
        // between one failure and the wait after it.
        waits()?;
        if !fits {
            lockout.failed(name, from);
            return Err(AccountError::Refused);
        }
        Ok(())
    }

    async fn start_session(
        &self,
        name: &str,
        attempt: &Attempt<'_>,
        (proven, step): (&str, Option<u64>),
    ) -> Result<Login, AccountError> {
        for _ in 0..RETRIES_MAX {
            let Some((mut account, old)) = self.account(name).await? else {
                return Err(AccountError::Refused);
            };
            // What was proven is what counts now: it may have been changed meanwhile.
            if account.password != proven {
                return Err(AccountError::Refused);
            }
            match (&mut account.factor, step) {
                (Some(factor), Some(step)) => factor.take(step)?,
                (Some(_), None) => return Err(AccountError::CodeNeeded),
                (None, _) => {}
            }
            let secret = secret::fresh();
            let key = secret::digest(&secret);
            let since_ms = now_ms();
            let expires_ms = since_ms + self.inner.session_ms;
            let agent = attempt.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX);
            let stored = StoredSession {
                account: name.to_owned(),
                expires_ms,
                since_ms,
                from: attempt.from.to_string(),
                agent: agent.collect(),
            };
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
            let session = Session { name: name.to_owned(), rights: account.rights, expires_ms };
            return Ok(Login { secret, session });
        }
        Err(AccountError::Busy)
    }

    /// Who this secret belongs to, with the roles that the account has now.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, StoreError> {
        let Some(stored) = self.stored_session(&secret::digest(secret)).await? else {
            return Ok(None);
        };
        let account = self.account(&stored.account).await?;
        Ok(account.map(|(account, _)| Session {
            name: stored.account,
            rights: account.rights,
            expires_ms: stored.expires_ms,
        }))
    }

    /// One that has not expired.
    async fn stored_session(&self, key: &str) -> Result<Option<StoredSession>, StoreError> {
        let stored = self.inner.store.load(Table::Sessions, key).await?;
        let stored = stored.and_then(|stored| parse::<StoredSession>(&stored));
        Ok(stored.filter(|stored| stored.expires_ms > now_ms()))
    }

    /// Somebody's browsers, the newest first; `own` is the secret of the one that asks.
    pub async fn seats(&self, name: &str, own: &str) -> Result<Vec<Seat>, AccountError> {
        let name = parse_name(name).ok_or(AccountError::Name)?;
        let Some((account, _)) = self.account(&name).await? else {
            return Err(AccountError::Unknown(name));
        };
        let (own, mut seats) = (secret::digest(own), Vec::new());
        for key in account.sessions.iter().rev() {
            let Some(stored) = self.stored_session(key).await? else { continue };
            let StoredSession { since_ms, expires_ms, from, agent, .. } = stored;
            let id = secret::id(key).to_owned();
            seats.push(Seat { id, since_ms, expires_ms, from, agent, own: *key == own });
        }
        Ok(seats)
    }

    /// Ends one of somebody's sessions, or without an `id` all but the one of this secret.
    pub async fn end_seats(
        &self,
        name: &str,
        seat: Option<&str>,
        own: &str,
    ) -> Result<(), AccountError> {
        let own = secret::digest(own);
        self.update(name, |account| {
            let meant = |key: &String| seat.map_or(*key != own, |seat| secret::id(key) == seat);
            let ended: Vec<String> = account.sessions.extract_if(.., |key| meant(key)).collect();
            Ok(ended.iter().map(|key| removal(Table::Sessions, key)).collect())
        })
        .await
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
}
