//! Invites people, who choose a name and a password of their own.

use serde::{Deserialize, Serialize};

use super::{AccountError, Accounts, PLACES_MAX, Rights, change, parse, secret};
use crate::{
    message::now_ms,
    store::{StoreError, Table},
};

/// Long enough for a weekend away.
const LIFE_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Of one person: more than anybody keeps an eye on.
const INVITATIONS_MAX: usize = 50;
/// Of all, as many as are read.
const READ_MAX: usize = 10_000;

/// What somebody is invited to, for the list of those who invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Of the secret's digest, which opens nothing.
    #[serde(default)]
    pub id: String,
    #[serde(flatten)]
    pub rights: Rights,
    pub by: String,
    pub expires_ms: u64,
}

impl Accounts {
    /// A new invitation's secret, which is shown once, stored hashed and good for one account.
    pub async fn invite(&self, rights: Rights, by: &str) -> Result<String, AccountError> {
        if rights.places.len() > PLACES_MAX {
            return Err(AccountError::Places);
        }
        let open = self.stored_invitations().await?;
        let (open, over): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|(_, _, own)| own.expires_ms > now_ms());
        let own = open.iter().filter(|(_, _, own)| own.by == by).count();
        if own >= INVITATIONS_MAX || open.len() >= READ_MAX / 2 {
            return Err(AccountError::Invitations);
        }
        let secret = secret::fresh();
        let (by, expires_ms) = (by.to_owned(), now_ms() + LIFE_MS);
        let invitation = Invitation { id: String::new(), rights, by, expires_ms };
        let key = secret::digest(&secret);
        let mut writes = vec![change(Table::Invitations, &key, None, Some(&invitation))];
        let gone = |(key, old, _): (String, Vec<u8>, Invitation)| {
            change::<Invitation>(Table::Invitations, &key, Some(old), None)
        };
        writes.extend(over.into_iter().map(gone));
        match self.inner.store.commit(writes).await {
            Err(StoreError::Conflict(_)) => Err(AccountError::Busy),
            done => Ok(done.map(|()| secret)?),
        }
    }

    /// Those that are open, the oldest first.
    pub async fn invitations(&self) -> Result<Vec<Invitation>, StoreError> {
        let all = self.stored_invitations().await?.into_iter();
        let mut open: Vec<Invitation> = all
            .map(|(key, _, own)| Invitation { id: secret::id(&key).to_owned(), ..own })
            .filter(|own| own.expires_ms > now_ms())
            .collect();
        open.sort_by_key(|own| own.expires_ms);
        Ok(open)
    }

    /// Takes one back.
    pub async fn take_back(&self, invitation: &str) -> Result<(), AccountError> {
        let all = self.stored_invitations().await?;
        let found = all.into_iter().find(|(key, _, _)| secret::id(key) == invitation);
        let (key, old, _) = found.ok_or(AccountError::Invitation)?;
        let write = change::<Invitation>(Table::Invitations, &key, Some(old), None);
        match self.inner.store.commit(vec![write]).await {
            Err(StoreError::Conflict(_)) => Err(AccountError::Invitation),
            done => Ok(done?),
        }
    }

    /// Makes the account that a secret invites to; nobody makes a second one with it.
    pub async fn accept(
        &self,
        secret: &str,
        name: &str,
        password: &str,
    ) -> Result<(String, Invitation), AccountError> {
        let key = secret::digest(secret);
        let stored = self.inner.store.load(Table::Invitations, &key).await?;
        let stored = stored.ok_or(AccountError::Invitation)?;
        let invitation = parse::<Invitation>(&stored)
            .filter(|own| own.expires_ms > now_ms())
            .ok_or(AccountError::Invitation)?;
        // Nobody is let in by who has left, or may not invite to it any more.
        let inviter = self.account(&invitation.by).await?.map(|(inviter, _)| inviter.rights);
        if !inviter.is_some_and(|own| own.cover(&invitation.rights)) {
            return Err(AccountError::Invitation);
        }
        let (name, account) = self.fresh(name, invitation.rights.clone(), password).await?;
        let writes = vec![
            change(Table::Accounts, &name, None, Some(&account)),
            change::<Invitation>(Table::Invitations, &key, Some(stored), None),
        ];
        match self.inner.store.commit(writes).await {
            Err(StoreError::Conflict(taken)) if taken == name => Err(AccountError::Exists(name)),
            Err(StoreError::Conflict(_)) => Err(AccountError::Invitation),
            done => Ok(done.map(|()| (name, invitation))?),
        }
    }

    async fn stored_invitations(&self) -> Result<Vec<(String, Vec<u8>, Invitation)>, StoreError> {
        // Those that are over are taken out when the next one is made.
        let all = self.inner.store.scan(Table::Invitations, "", READ_MAX).await?;
        let read = |(key, stored): (String, Vec<u8>)| {
            let invitation = parse(&stored)?;
            Some((key, stored, invitation))
        };
        Ok(all.into_iter().filter_map(read).collect())
    }
}
