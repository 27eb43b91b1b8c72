//! Calls Kick's public API: subscriptions, the key, and what can be done about chat.

use std::time::Duration;

use hyper::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::bots::{
    ActError,
    http::{Http, Reply, percent, query},
    oauth::{Tokens, Trouble},
};

/// What Kick is asked to tell. The first is what the bot is there for.
const EVENTS: [&str; 4] =
    ["chat.message.sent", "kicks.gifted", "moderation.banned", "livestream.status.updated"];
/// A time-out lasts a minute to a week.
const MINUTES_MAX: u64 = 7 * 24 * 60;
const REASON_CHARS_MAX: usize = 100;

/// The API, with the app's token to listen and a person's to act.
pub struct Api {
    pub http: Http,
    pub base: String,
    pub app: Tokens,
    /// None for a bot that only listens.
    pub person: Option<Tokens>,
}

impl Api {
    /// The key that events are signed with, in PEM.
    pub async fn public_key(&self) -> Result<String, Trouble> {
        let url = format!("{}/public-key", self.base);
        let reply = self.http.call(Method::GET, &url, &HeaderMap::new(), &Value::Null).await?;
        let answer = answer(&reply)?;
        let key = answer["data"]["public_key"].as_str();
        key.map(str::to_owned).ok_or_else(|| Trouble::Later("there is no key in the answer".into()))
    }

    /// Subscribes to what is not subscribed to yet; the events that were.
    pub async fn subscribe(&self, channel: u64) -> Result<Vec<&'static str>, Trouble> {
        let id = channel.to_string();
        let url = format!("{}/events/subscriptions", self.base);
        let filter = query(&[("broadcaster_user_id", &id)]);
        let listed = format!("{url}?{filter}");
        let reply = self.app.call(Method::GET, &listed, &Value::Null).await?;
        let listed = answer(&reply)?;
        let all = listed["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let there = |event: &str| {
            all.iter().any(|one| {
                let own = one["broadcaster_user_id"].as_u64().is_none_or(|id| id == channel);
                own && one["event"] == event && one["method"] == "webhook"
            })
        };
        let missing: Vec<_> = EVENTS.into_iter().filter(|event| !there(event)).collect();
        if missing.is_empty() {
            return Ok(missing);
        }
        let events: Vec<_> = missing.iter().map(|e| json!({ "name": e, "version": 1 })).collect();
        let body = json!({
            "broadcaster_user_id": channel, "events": events, "method": "webhook",
        });
        let reply = self.app.call(Method::POST, &url, &body).await?;
        let made = answer(&reply)?;
        for one in made["data"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let (name, error) = (one["name"].as_str(), one["error"].as_str().unwrap_or_default());
            if error.is_empty() {
                continue;
            }
            let error: String = error.chars().take(100).collect();
            if name == Some(EVENTS[0]) {
                return Err(Trouble::Refused(format!("Kick will not tell of chat: {error}")));
            }
            let event = EVENTS.into_iter().find(|event| name == Some(event)).unwrap_or_default();
            tracing::warn!(channel, event, error, "an event is not told");
        }
        Ok(missing)
    }

    /// Which scopes are missing for acting; a token that does not come now is met again soon.
    pub async fn lacking(&self) -> Vec<String> {
        const ACT: &[&[&str]] = &[&["moderation:chat_message:manage"], &["moderation:ban"]];
        match &self.person {
            Some(person) => person.lacking(ACT).await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    pub async fn delete(&self, message: &str) -> Result<(), ActError> {
        if message.is_empty() {
            return Err(ActError::Refused("it has no id by which it could be deleted".into()));
        }
        let url = format!("{}/chat/{}", self.base, percent(message));
        self.act(Method::DELETE, &url, &Value::Null).await
    }

    /// Bans a user from a channel, for so many seconds or for good.
    pub async fn ban(
        &self,
        channel: &str,
        user: &str,
        seconds: Option<u64>,
        reason: &str,
    ) -> Result<(), ActError> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| ActError::Gone);
        let mut body = json!({
            "broadcaster_user_id": number(channel)?,
            "user_id": number(user)?,
            "reason": reason.chars().take(REASON_CHARS_MAX).collect::<String>(),
        });
        if let Some(seconds) = seconds {
            body["duration"] = seconds.div_ceil(60).clamp(1, MINUTES_MAX).into();
        }
        self.act(Method::POST, &format!("{}/moderation/bans", self.base), &body).await
    }

    async fn act(&self, method: Method, url: &str, body: &Value) -> Result<(), ActError> {
        let refused = || ActError::Refused("settings.refresh_token_file: is missing".into());
        let person = self.person.as_ref().ok_or_else(refused)?;
        let reply = person.call(method, url, body).await?;
        let cause = || reply.status.to_string();
        match reply.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Err(ActError::Gone),
            StatusCode::TOO_MANY_REQUESTS => {
                let after = reply.retry_after().unwrap_or(Duration::from_secs(5));
                Err(ActError::Later { cause: cause(), after: Some(after) })
            }
            StatusCode::FORBIDDEN => Err(ActError::Refused(format!(
                "{}: the account moderates no such channel, or its consent is too narrow",
                cause()
            ))),
            status if status.is_client_error() => Err(ActError::Refused(cause())),
            _ => Err(ActError::later(cause())),
        }
    }
}

fn answer(reply: &Reply) -> Result<Value, Trouble> {
    match reply.status {
        status if status.is_success() => reply.json().map_err(Trouble::Later),
        StatusCode::TOO_MANY_REQUESTS => Err(Trouble::Later(reply.status.to_string())),
        status if status.is_client_error() => Err(Trouble::Refused(status.to_string())),
        status => Err(Trouble::Later(status.to_string())),
    }
}
