//! Hears the chat of an Owncast server, and hides and bans there.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use hyper::{HeaderMap, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;

use super::{
    ActError, Deed, Ears, HearError, Heard, Pace, Platform, Target, Tools,
    http::percent,
    seen::SeenEvents,
    settings,
    socket::{Came, Socket},
    token::{Token, TokenPlace},
};
use crate::config::{Action, BotConfig};
use calls::Rights;
use event::{Event, User};

mod calls;
pub(crate) mod event;

/// The server pings every 54 seconds: after twice that it is gone.
const QUIET_MAX: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// It names no bound; twenty a second is more than a busy chat needs.
const CALLS_A_SECOND: u32 = 20;
/// Messages that are known to be hidden, so that none is hidden twice.
const HIDDEN_MAX: usize = 4_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// As browsers reach it, `http` or `https`.
    url: String,
    token_file: Option<std::path::PathBuf>,
    token_env: Option<String>,
}

struct Owncast {
    tools: Tools,
    /// Without a slash at the end.
    url: String,
    token: Token,
    /// What the token may do there; known once the server has said whose it is.
    rights: Mutex<Option<Rights>>,
    hidden: Mutex<SeenEvents>,
    /// Whether it was heard before: what was said meanwhile is asked for.
    heard: AtomicBool,
    may_ban: bool,
}

pub fn open(config: &BotConfig, tools: &Tools) -> Result<Arc<dyn Platform>, String> {
    let Settings { url, token_file, token_env } = settings(config)?;
    let url = url.trim_end_matches('/').to_owned();
    let known = url.parse::<Uri>().is_ok_and(|uri| {
        uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))
    });
    if !known || url.contains(['?', '#']) {
        return Err(format!("settings.url: {url:?} is not like \"https://example.org\""));
    }
    let actions = &config.actions;
    for (name, action) in [("mask", actions.mask), ("hold", actions.hold), ("drop", actions.drop)] {
        if action == Action::TimeOut {
            return Err(format!("actions.{name}: {NO_TIME_OUT}"));
        }
    }
    Ok(Arc::new(Owncast {
        tools: tools.clone(),
        url,
        token: Token::open(TokenPlace { token_file, token_env })?,
        rights: Mutex::default(),
        hidden: Mutex::new(SeenEvents::new(HIDDEN_MAX)),
        heard: AtomicBool::new(false),
        may_ban: actions.ladder
            || [actions.mask, actions.hold, actions.drop].contains(&Action::Ban),
    }))
}

const NO_TIME_OUT: &str =
    "there are no time-outs there; a ladder's time-out hides each further line";

impl Platform for Owncast {
    fn hear<'a>(&'a self, ears: &'a Ears) -> BoxFuture<'a, Result<(), HearError>> {
        Box::pin(self.listen(ears))
    }

    fn act<'a>(&'a self, deed: &'a Deed) -> BoxFuture<'a, Result<(), ActError>> {
        Box::pin(self.done(deed))
    }

    fn pace(&self) -> Pace {
        Pace::new(CALLS_A_SECOND, Duration::from_secs(1))
    }
}

impl Owncast {
    async fn listen(&self, ears: &Ears) -> Result<(), HearError> {
        let token = self.token.renew().map_err(HearError::Refused)?;
        if !self.heard.load(Ordering::Relaxed) {
            // What was said before the bot came is not its business.
            for event in self.history(&token).await? {
                if let Some(id) = event["id"].as_str() {
                    ears.skip(id);
                }
            }
            self.heard.store(true, Ordering::Relaxed);
        }
        // `http` becomes `ws`, `https` becomes `wss`.
        let address = self.url.replacen("http", "ws", 1);
        let address = format!("{address}/ws?accessToken={}", percent(&token));
        let connected = Socket::connect(&self.tools.tls, &address, &HeaderMap::new()).await;
        let mut socket = connected.map_err(HearError::Lost)?;
        loop {
            match socket.next(LOOK_AGAIN).await.map_err(HearError::Lost)? {
                // One frame carries every event that waited, one a line.
                Came::Text(text) => {
                    for line in text.lines().filter(|line| !line.trim().is_empty()) {
                        match serde_json::from_str(line) {
                            Ok(event) => self.event(ears, &token, event).await?,
                            Err(cause) => ears.strange(&cause),
                        }
                    }
                }
                Came::Closed(_) => return Err(lost("the server closed the connection")),
                Came::Nothing if socket.quiet() > QUIET_MAX => {
                    return Err(lost("nothing came for two minutes, not even a ping"));
                }
                Came::Nothing => {}
            }
        }
    }

    async fn event(&self, ears: &Ears, token: &str, event: Event) -> Result<(), HearError> {
        match event {
            Event::Chat(chat) => self.chat(ears, chat).await,
            Event::Me { user } => {
                // It is sent again whenever something about the account changes.
                let first = !ears.is_ready();
                self.known(ears, &user);
                if first {
                    self.catch_up(ears, token).await?;
                }
            }
            Event::Visibility { ids, visible: false } => {
                let mut hidden = self.hidden();
                ids.iter().for_each(|id| _ = hidden.note(id.as_str()));
            }
            // Whoever made it visible again has seen it.
            Event::Visibility { .. } | Event::Other => {}
            Event::NeedsRegistration => return Err(refused("the server does not know the token")),
            Event::Disabled => return Err(refused("the token's account is disabled")),
            Event::Full => return Err(lost("the server takes no more connections")),
        }
        Ok(())
    }

    async fn chat(&self, ears: &Ears, chat: event::Chat) {
        let own = self.rights().is_some_and(|rights| rights.user == chat.user.id);
        // What other programs write is theirs to answer for.
        if chat.visible == Some(false) || own || chat.user.is_bot {
            return;
        }
        let target =
            Target { channel: String::new(), message: chat.id.clone(), user: chat.user.id.clone() };
        let (event, message) = (chat.id.clone(), chat.message());
        // Only pictures: there is nothing to read.
        if !message.text.trim().is_empty() {
            ears.hear(Heard { event, message, target, pending: None }).await;
        }
    }

    /// Notes what the token may do, and says what it may not.
    fn known(&self, ears: &Ears, user: &User) {
        let rights = Rights::of(user);
        if !ears.is_ready() || self.rights().as_ref() != Some(&rights) {
            ears.ready(&rights.lacking(self.may_ban));
        }
        *self.rights.lock().unwrap_or_else(PoisonError::into_inner) = Some(rights);
    }

    /// Hears what was said while nobody listened; what was heard before is known again by its id.
    async fn catch_up(&self, ears: &Ears, token: &str) -> Result<(), HearError> {
        for event in self.history(token).await? {
            match serde_json::from_value(event) {
                Ok(Event::Chat(chat)) => self.chat(ears, chat).await,
                Ok(_) => {}
                Err(cause) => ears.strange(&cause),
            }
        }
        Ok(())
    }

    /// The last messages, as far as the server gives them.
    async fn history(&self, token: &str) -> Result<Vec<Value>, HearError> {
        let url = format!("{}/api/chat?accessToken={}", self.url, percent(token));
        let asked = self.tools.http.call(Method::GET, &url, &HeaderMap::new(), &Value::Null).await;
        let reply = asked.map_err(|cause| HearError::Lost(cause.to_string()))?;
        match reply.status {
            StatusCode::OK => reply.json().map_err(HearError::Lost),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(refused("the server does not accept the token"))
            }
            // Servers of some years ago have none.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(Vec::new()),
            status => Err(HearError::Lost(format!("the server answers {status}"))),
        }
    }

    fn rights(&self) -> Option<Rights> {
        self.rights.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hidden(&self) -> MutexGuard<'_, SeenEvents> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost(cause: &str) -> HearError {
    HearError::Lost(cause.to_owned())
}

fn refused(cause: &str) -> HearError {
    HearError::Refused(cause.to_owned())
}
