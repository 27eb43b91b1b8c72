//! Issues programs' tokens, which are stored hashed, and takes them back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AccountError, Accounts, change, parse, parse_name, removal, secret};
use crate::{
    message::now_ms,
    store::{StoreError, Table, Write},
};

/// More than any installation has programs.
const TOKENS_MAX: usize = 100_000;

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

impl Accounts {
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
}
