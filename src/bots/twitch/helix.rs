//! Calls Helix: who is who, subscriptions, and what can be done about a message or its sender.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    bots::{
        ActError, Deed, Defence, HearError, What,
        http::{Reply, query},
        oauth::{Tokens, Trouble},
    },
    config::{Action, BotConfig},
    message::now_ms,
};

/// What is subscribed to, each with its version; the first is what the bot is there for.
const SUBSCRIPTIONS: [(&str, &str); 3] =
    [(CHAT, "1"), ("automod.message.hold", "2"), ("automod.message.update", "2")];
pub const CHAT: &str = "channel.chat.message";
/// Two weeks.
const TIME_OUT_S_MAX: u64 = 1_209_600;
const REASON_CHARS_MAX: usize = 500;
const TERM_CHARS_MAX: usize = 500;
/// Twitch takes two; what is that short stands in half of all that is said.
const TERM_LETTERS_MIN: usize = 4;
/// Of what Twitch says to a refusal.
const CAUSE_CHARS_MAX: usize = 200;
/// Points come back within a minute.
const REST_MAX: Duration = Duration::from_secs(60);

/// A broadcaster.
#[derive(Clone, Debug, Deserialize)]
pub struct Channel {
    pub id: String,
    pub login: String,
}

pub struct Helix {
    tokens: Tokens,
    base: String,
    validate_url: String,
    me: OnceLock<String>,
    /// Ids of broadcasters by their logins.
    broadcasters: Mutex<HashMap<String, String>>,
    /// No points are left until then.
    rest_until: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct ShieldMode {
    is_active: bool,
}

#[derive(Deserialize)]
struct Term {
    id: String,
    moderator_id: String,
}

#[derive(Deserialize)]
struct Validated {
    user_id: String,
    #[serde(default)]
    scopes: Option<Vec<String>>,
}

/// The scopes for hearing and for what the settings ask for.
pub fn needs(config: &BotConfig) -> Vec<&'static str> {
    let actions = &config.actions;
    let most = [actions.mask, actions.hold, actions.drop].into_iter().max();
    let mut needs = vec!["user:read:chat", "moderator:manage:automod"];
    if config.act {
        needs.push("moderator:manage:chat_messages");
    }
    if config.act && (actions.ladder || most >= Some(Action::TimeOut)) {
        needs.push("moderator:manage:banned_users");
    }
    if config.act && actions.ladder {
        needs.push("moderator:manage:warnings");
    }
    if config.act && actions.shield {
        needs.push("moderator:manage:shield_mode");
    }
    if config.act && actions.block {
        needs.push("moderator:manage:blocked_terms");
    }
    needs
}

impl Helix {
    pub fn new(tokens: Tokens, base: String, validate_url: String) -> Helix {
        let (me, broadcasters, rest_until) = Default::default();
        Helix { tokens, base, validate_url, me, broadcasters, rest_until }
    }

    /// The id of the account whose token it is; empty before it is known.
    pub fn me(&self) -> &str {
        self.me.get().map_or("", String::as_str)
    }

    /// Looks at the token, as Twitch demands: which scopes it lacks.
    pub async fn validate(&self, needs: &[&'static str]) -> Result<Vec<String>, HearError> {
        let asked = self.tokens.call_as("OAuth", Method::GET, &self.validate_url, &Value::Null);
        let reply = asked.await?;
        let Validated { user_id, scopes } = answer(&reply)?;
        let scopes = scopes.unwrap_or_default();
        let me = self.me.get_or_init(|| user_id.clone());
        if *me != user_id {
            return Err(HearError::Refused("the token is another account's now".into()));
        }
        let lacks = |need: &&&str| !scopes.iter().any(|scope| scope == **need);
        Ok(needs.iter().filter(lacks).map(|need| format!("scope {need}")).collect())
    }

    /// The broadcasters of these logins, all of them.
    pub async fn channels(&self, logins: &[String]) -> Result<Vec<Channel>, HearError> {
        let pairs: Vec<_> = logins.iter().map(|login| ("login", login.as_str())).collect();
        let url = format!("{}/users?{}", self.base, query(&pairs));
        let reply = self.tokens.call(Method::GET, &url, &Value::Null).await?;
        let Data::<Channel> { data } = answer(&reply)?;
        let known: HashMap<&str, &Channel> =
            data.iter().map(|channel| (channel.login.as_str(), channel)).collect();
        let found = logins.iter().map(|login| {
            let missing = || HearError::Refused(format!("there is no broadcaster {login:?}"));
            known.get(login.as_str()).copied().cloned().ok_or_else(missing)
        });
        let found: Vec<Channel> = found.collect::<Result<_, _>>()?;
        let ids = found.iter().map(|channel| (channel.login.clone(), channel.id.clone()));
        *locked(&self.broadcasters) = ids.collect();
        Ok(found)
    }

    /// Asks to be told of a channel's chat and of what AutoMod holds there; what will not be told.
    pub async fn subscribe(
        &self,
        channel: &Channel,
        session: &str,
    ) -> Result<Vec<String>, HearError> {
        let url = format!("{}/eventsub/subscriptions", self.base);
        let mut lacking = Vec::new();
        for (kind, version) in SUBSCRIPTIONS {
            let role = if kind == CHAT { "user_id" } else { "moderator_user_id" };
            let body = json!({
                "type": kind,
                "version": version,
                "condition": { "broadcaster_user_id": channel.id, role: self.me() },
                "transport": { "method": "websocket", "session_id": session },
            });
            let reply = self.tokens.call(Method::POST, &url, &body).await?;
            let cause = || format!("{kind} of {}: {}", channel.login, said(&reply));
            match reply.status {
                // It is told already.
                StatusCode::CONFLICT => {}
                status if status.is_success() => {}
                StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST if kind != CHAT => {
                    lacking.push(cause());
                }
                status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                    return Err(HearError::Refused(cause()));
                }
                _ => return Err(HearError::Lost(cause())),
            }
        }
        Ok(lacking)
    }

    pub async fn act(&self, deed: &Deed) -> Result<(), ActError> {
        self.may_ask()?;
        let target = &deed.target;
        let mut pairs =
            vec![("broadcaster_id", target.channel.as_str()), ("moderator_id", self.me())];
        let reason: String = deed.reason.chars().take(REASON_CHARS_MAX).collect();
        let ban = |duration: Option<u64>| {
            let mut data = json!({ "user_id": target.user, "reason": reason });
            if let Some(seconds) = duration {
                data["duration"] = seconds.clamp(1, TIME_OUT_S_MAX).into();
            }
            json!({ "data": data })
        };
        let answer_automod = |action: &str| {
            let (me, message) = (self.me(), &target.message);
            json!({ "user_id": me, "msg_id": message, "action": action })
        };
        let (method, path, body) = match deed.what {
            What::Delete => {
                pairs.push(("message_id", &target.message));
                (Method::DELETE, "moderation/chat", Value::Null)
            }
            What::Warn => {
                let data = json!({ "user_id": target.user, "reason": reason });
                (Method::POST, "moderation/warnings", json!({ "data": data }))
            }
            What::TimeOut { seconds } => (Method::POST, "moderation/bans", ban(Some(seconds))),
            What::Ban => (Method::POST, "moderation/bans", ban(None)),
            What::Allow => (Method::POST, "moderation/automod/message", answer_automod("ALLOW")),
            What::Deny => (Method::POST, "moderation/automod/message", answer_automod("DENY")),
        };
        let pairs = if path.ends_with("automod/message") { &[][..] } else { &pairs[..] };
        let url = format!("{}/{path}?{}", self.base, query(pairs));
        let reply = self.tokens.call(method, url.trim_end_matches('?'), &body).await?;
        self.note_points(&reply);
        self.outcome(&reply, Some(deed.what))
    }

    /// How a call ended; `what` was to be done about a message or its sender.
    fn outcome(&self, reply: &Reply, what: Option<What>) -> Result<(), ActError> {
        let text = said(reply).to_lowercase();
        let over = ["already", "not found", "no longer"].iter().any(|part| text.contains(part));
        match reply.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Err(ActError::Gone),
            // Deleted, banned or answered by somebody else.
            StatusCode::BAD_REQUEST if over && what != Some(What::Delete) => Err(ActError::Gone),
            StatusCode::TOO_MANY_REQUESTS => {
                let after = resets(reply).unwrap_or(Duration::from_secs(5));
                Err(ActError::Later { cause: said(reply), after: Some(after) })
            }
            // Somebody else is banning the same user just now.
            StatusCode::CONFLICT => Err(ActError::later(said(reply))),
            status if status.is_client_error() => Err(ActError::Refused(said(reply))),
            _ => Err(ActError::later(said(reply))),
        }
    }

    /// As in [`crate::bots::Platform::defend`]; a channel is named by its login.
    pub async fn defend(
        &self,
        login: &str,
        defence: Defence<'_>,
    ) -> Result<Option<String>, ActError> {
        self.may_ask()?;
        let broadcaster = locked(&self.broadcasters).get(&login.to_ascii_lowercase()).cloned();
        let broadcaster =
            broadcaster.ok_or_else(|| ActError::Refused("no channel of this bot".into()))?;
        let ids = [("broadcaster_id", broadcaster.as_str()), ("moderator_id", self.me())];
        let shield = format!("{}/moderation/shield_mode?{}", self.base, query(&ids));
        let terms = format!("{}/moderation/blocked_terms?{}", self.base, query(&ids));
        let switch = |on: bool| json!({ "is_active": on });
        let switched = Some(String::new());
        match defence {
            Defence::ShieldOn => {
                let is: Data<ShieldMode> = self.ask(Method::GET, &shield, &Value::Null).await?;
                if is.data.first().is_some_and(|mode| mode.is_active) {
                    return Ok(None);
                }
                self.tell(Method::PUT, &shield, &switch(true)).await.map(|()| switched)
            }
            Defence::ShieldOff => {
                self.tell(Method::PUT, &shield, &switch(false)).await.map(|()| switched)
            }
            Defence::Block(text) => {
                let term = blockable(text).ok_or_else(|| {
                    ActError::Refused("the text is too short to be blocked by itself".into())
                })?;
                let body = json!({ "text": term });
                let made: Data<Term> = self.ask(Method::POST, &terms, &body).await?;
                let made = made.data.into_iter().next().ok_or_else(|| {
                    ActError::Refused("Twitch did not say what the blocked term is called".into())
                })?;
                // What was blocked before is given back as it is, and may be somebody else's.
                Ok((made.moderator_id == self.me()).then_some(made.id))
            }
            Defence::Unblock(id) => {
                let url = format!("{terms}&{}", query(&[("id", id)]));
                self.tell(Method::DELETE, &url, &Value::Null).await.map(|()| switched)
            }
        }
    }

    async fn tell(&self, method: Method, url: &str, body: &Value) -> Result<(), ActError> {
        let reply = self.tokens.call(method, url, body).await?;
        self.note_points(&reply);
        self.outcome(&reply, None)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        method: Method,
        url: &str,
        body: &Value,
    ) -> Result<T, ActError> {
        let reply = self.tokens.call(method, url, body).await?;
        self.note_points(&reply);
        self.outcome(&reply, None)?;
        // What it did is done; asked again, it would be done again.
        reply.json().map_err(ActError::Refused)
    }

    /// Whether anything may be asked just now.
    fn may_ask(&self) -> Result<(), ActError> {
        let rest_until = *self.rest_until();
        let rest = rest_until.map(|until| until.saturating_duration_since(Instant::now()));
        match rest.filter(|rest| !rest.is_zero()) {
            Some(after) => Err(ActError::Busy { after }),
            None if self.me().is_empty() => Err(ActError::later("Twitch was not heard yet")),
            None => Ok(()),
        }
    }

    /// Where the last point was spent, nothing is asked until they come back.
    fn note_points(&self, reply: &Reply) {
        let left = reply.headers.get("ratelimit-remaining").and_then(|left| left.to_str().ok());
        if left.is_some_and(|left| left.trim() == "0") {
            *self.rest_until() = resets(reply).map(|pause| Instant::now() + pause);
        }
    }

    fn rest_until(&self) -> MutexGuard<'_, Option<Instant>> {
        locked(&self.rest_until)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left whole values behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What Twitch takes as a blocked term: a whole text that is not too long, else how it begins, at a
/// word's end. `None`: too little to be blocked without meeting much else.
fn blockable(text: &str) -> Option<String> {
    // A star would stand for anything.
    let plain = text.replace('*', " ");
    let mut term = String::new();
    for word in plain.split_whitespace() {
        if term.chars().count() + 1 + word.chars().count() > TERM_CHARS_MAX {
            break;
        }
        if !term.is_empty() {
            term.push(' ');
        }
        term.push_str(word);
    }
    let letters = term.chars().filter(|c| c.is_alphanumeric()).count();
    (letters >= TERM_LETTERS_MIN).then_some(term)
}

/// How long until points come back: the header is a second of Unix time.
fn resets(reply: &Reply) -> Option<Duration> {
    let second: u64 = reply.headers.get("ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
    let wait = second.saturating_mul(1_000).saturating_sub(now_ms());
    // The second has begun, but the header does not say how far it is.
    Some(Duration::from_millis(wait).max(Duration::from_millis(250)).min(REST_MAX))
}

fn said(reply: &Reply) -> String {
    let body: Value = reply.json().unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default();
    let message: String = message.chars().take(CAUSE_CHARS_MAX).collect();
    format!("{} {}", reply.status, message.escape_debug())
}

fn answer<T: for<'de> Deserialize<'de>>(reply: &Reply) -> Result<T, Trouble> {
    match reply.status {
        status if status.is_success() => reply.json().map_err(Trouble::Later),
        StatusCode::TOO_MANY_REQUESTS => Err(Trouble::Later(said(reply))),
        status if status.is_client_error() => Err(Trouble::Refused(said(reply))),
        _ => Err(Trouble::Later(said(reply))),
    }
}
