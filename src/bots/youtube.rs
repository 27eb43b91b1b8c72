//! Moderates the live chat of YouTube broadcasts through the YouTube Data API.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream};
use serde::Deserialize;
use tokio::{sync::Mutex, time::sleep};

use super::{
    ActError, Deed, Ears, HearError, Pace, Platform, Tools, What,
    oauth::{Client, Grant, Tokens, Trouble, secret_of},
    settings,
};
use crate::{config::BotConfig, message::now_ms};

mod api;
pub(crate) mod item;
mod quota;

use api::{Api, Fault, PAGE_MAX, Page};
use item::{Chat, Item};
use quota::Quota;

/// Messages of one page that are judged at once.
const JUDGED_AT_ONCE: usize = 16;
/// Calls in a row that fail before the chat counts as lost.
const FAILURES_MAX: u32 = 5;
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Where a page does not say when the next may be asked for.
const INTERVAL: Duration = Duration::from_secs(5);
const INTERVAL_MAX: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Empty: whatever the account itself broadcasts.
    video: String,
    client_id: String,
    client_secret_file: PathBuf,
    refresh_token_file: PathBuf,
    /// Between two pages, at least; longer where YouTube says so.
    poll_floor_ms: u64,
    /// Between two looks for a broadcast.
    look_s: u64,
    /// Units that may be spent in a day; 0: YouTube alone says when they are used up.
    quota: u64,
    /// Whether what was said before the start is acted on.
    history: bool,
    /// Deletions and bans a second; YouTube counts units and names no pace.
    acts_per_s: u32,
    api: String,
    token_url: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            video: String::new(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            refresh_token_file: PathBuf::new(),
            poll_floor_ms: 10_000,
            look_s: 120,
            quota: 10_000,
            history: false,
            acts_per_s: 5,
            api: "https://www.googleapis.com/youtube/v3".into(),
            token_url: "https://oauth2.googleapis.com/token".into(),
        }
    }
}

struct Youtube {
    api: Api,
    video: String,
    floor: Duration,
    look: Duration,
    act: bool,
    history: bool,
    acts_per_s: u32,
    started_ms: OnceLock<u64>,
    /// Kept from one connection to the next, so that nothing said in between is missed.
    place: Mutex<Option<Place>>,
}

/// How far a chat was read.
struct Place {
    chat: Chat,
    page: Option<String>,
}

/// Reads the settings; the error names the key.
pub fn open(config: &BotConfig, tools: &Tools) -> Result<Arc<dyn Platform>, String> {
    let read: Settings = settings(config)?;
    if read.client_id.is_empty() {
        return Err("settings.client_id: is missing".into());
    }
    for (name, value, range) in [
        ("poll_floor_ms", read.poll_floor_ms, 1..=600_000),
        ("look_s", read.look_s, 1..=86_400),
        ("quota", read.quota, 0..=1_000_000_000),
        ("acts_per_s", read.acts_per_s.into(), 1..=100),
    ] {
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            return Err(format!("settings.{name}: {value} is not within {least} to {most}"));
        }
    }
    let at = |name: &str, cause: String| format!("settings.{name}: {cause}");
    let secret = secret_of(&read.client_secret_file);
    let secret = secret.map_err(|cause| at("client_secret_file", cause))?;
    secret_of(&read.refresh_token_file).map_err(|cause| at("refresh_token_file", cause))?;
    let client = Client { url: read.token_url, id: read.client_id, secret };
    let grant = Grant::Refresh(read.refresh_token_file);
    let tokens = Tokens::new(tools.http.clone(), client, grant);
    Ok(Arc::new(Youtube {
        api: Api::new(tokens, &read.api, Quota::new(read.quota)),
        video: read.video,
        floor: Duration::from_millis(read.poll_floor_ms),
        look: Duration::from_secs(read.look_s),
        act: config.act,
        history: read.history,
        acts_per_s: read.acts_per_s,
        started_ms: OnceLock::new(),
        place: Mutex::default(),
    }))
}

impl Platform for Youtube {
    fn hear<'a>(&'a self, ears: &'a Ears) -> BoxFuture<'a, Result<(), HearError>> {
        Box::pin(self.listen(ears))
    }

    fn act<'a>(&'a self, deed: &'a Deed) -> BoxFuture<'a, Result<(), ActError>> {
        Box::pin(async move {
            let Deed { what, target, .. } = deed;
            let ban = |seconds| self.api.ban(&target.channel, &target.user, seconds);
            match what {
                What::Delete => self.api.delete(&target.message).await?,
                What::TimeOut { seconds } => ban(Some(*seconds)).await?,
                What::Ban => ban(None).await?,
                What::Warn => return Err(ActError::Refused("nobody can be warned there".into())),
                What::Allow | What::Deny => {
                    return Err(ActError::Refused("nothing is held back there".into()));
                }
            }
            Ok(())
        })
    }

    fn pace(&self) -> Pace {
        Pace::new(2 * self.acts_per_s, Duration::from_secs(2))
    }
}

impl Youtube {
    async fn listen(&self, ears: &Ears) -> Result<(), HearError> {
        self.started_ms.get_or_init(now_ms);
        if let Some(rest) = self.api.quota.rest(now_ms()) {
            sleep(rest).await;
        }
        let mut place = self.place.lock().await;
        let mut visit = Visit { bot: self, ears, ready: false, idle: false };
        let mut failures = 0;
        loop {
            let fault = match visit.step(&mut place).await {
                Ok(wait) => {
                    failures = 0;
                    sleep(wait).await;
                    continue;
                }
                Err(fault) => fault,
            };
            failures += 1;
            let backoff = (self.floor * 2_u32.pow(failures.min(10))).min(PAUSE_MAX);
            let (cause, wait) = match fault {
                Fault::Ended => {
                    visit.leave(&mut place);
                    sleep(self.look).await;
                    continue;
                }
                Fault::Spent(rest) => return Err(spent(rest)),
                Fault::Trouble(Trouble::Refused(cause)) => return Err(HearError::Refused(cause)),
                Fault::Trouble(Trouble::Later(cause) | Trouble::NoToken(cause)) => (cause, backoff),
                Fault::TooFast(after) => {
                    ("it is asked too often".to_owned(), after.unwrap_or(backoff).max(backoff))
                }
                Fault::Gone => ("it is not there".to_owned(), backoff),
                Fault::Misread(cause) => {
                    // A page token does not live for ever; the events before it are known again.
                    place.as_mut().map(|place| place.page.take());
                    (cause, backoff)
                }
            };
            if failures > FAILURES_MAX {
                return Err(HearError::Lost(cause));
            }
            tracing::debug!(bot = ears.name(), cause, "a page did not come");
            sleep(wait).await;
        }
    }
}

fn spent(rest: Duration) -> HearError {
    let minutes = rest.as_secs().div_ceil(60);
    HearError::Refused(format!(
        "the day's quota of API units is used up: nothing is heard for {} h {:02} min, until \
         midnight in California",
        minutes / 60,
        minutes % 60,
    ))
}

/// One connection: from finding a chat to losing the platform.
struct Visit<'a> {
    bot: &'a Youtube,
    ears: &'a Ears,
    ready: bool,
    /// It was said that nothing is broadcast.
    idle: bool,
}

impl Visit<'_> {
    /// Reads a page, or looks for a chat; how long to wait before the next.
    async fn step(&mut self, place: &mut Option<Place>) -> Result<Duration, Fault> {
        let bot = self.bot;
        let Some(at) = place else {
            *place = bot.api.find(&bot.video).await?.map(|chat| self.enter(chat));
            if place.is_none() && !self.idle {
                self.idle = true;
                tracing::info!(bot = self.ears.name(), "nothing is broadcast now");
            }
            return Ok(if place.is_some() { Duration::ZERO } else { bot.look });
        };
        let page = bot.api.page(&at.chat.id, at.page.as_deref()).await?;
        if !self.ready {
            self.ready = true;
            let lacking = if bot.act { bot.api.lacking().await } else { Vec::new() };
            self.ears.ready(&lacking);
        }
        let ended = self.judge(&page, &at.chat).await;
        let Page { next_page_token, polling_interval_millis, offline_at, items } = page;
        at.page = next_page_token.filter(|token| !token.is_empty()).or(at.page.take());
        if ended {
            self.leave(place);
            return Ok(bot.look);
        }
        if offline_at.is_some() {
            return self.move_on(place).await;
        }
        let interval = polling_interval_millis.map_or(INTERVAL, Duration::from_millis);
        let floor = if items.len() < PAGE_MAX { bot.floor } else { Duration::ZERO };
        Ok(interval.min(INTERVAL_MAX).max(floor))
    }

    /// Whether the chat ended with this page.
    async fn judge(&self, page: &Page, chat: &Chat) -> bool {
        let started_ms = self.bot.started_ms.get().copied().unwrap_or_default();
        let since_ms = if self.bot.history { 0 } else { started_ms };
        let (mut said, mut ended) = (Vec::with_capacity(page.items.len()), false);
        for item in &page.items {
            match Item::read(item, chat, since_ms) {
                Item::Said(heard) => said.push(*heard),
                Item::Ended => ended = true,
                Item::Other => {}
                Item::Strange => self.ears.settler.metrics.discard("bot_strange"),
            }
        }
        // Each is begun in its turn, so that history sees them in the order of the page.
        let judged = stream::iter(said).map(|heard| self.ears.hear(heard));
        judged.buffer_unordered(JUDGED_AT_ONCE).collect::<()>().await;
        ended
    }

    /// The stream is off, the chat may be open still: to the next broadcast, where there is one.
    async fn move_on(&mut self, place: &mut Option<Place>) -> Result<Duration, Fault> {
        let found = self.bot.api.find(&self.bot.video).await?;
        let here = place.as_ref().map(|place| &place.chat);
        if found.as_ref() == here {
            return Ok(self.bot.look);
        }
        self.leave(place);
        *place = found.map(|chat| self.enter(chat));
        Ok(if place.is_some() { Duration::ZERO } else { self.bot.look })
    }

    fn enter(&mut self, chat: Chat) -> Place {
        self.idle = false;
        tracing::info!(bot = self.ears.name(), channel = chat.channel, "a chat is live");
        Place { chat, page: None }
    }

    fn leave(&self, place: &mut Option<Place>) {
        if place.take().is_some() {
            tracing::info!(bot = self.ears.name(), "a chat ended; the next is looked for");
        }
    }
}
