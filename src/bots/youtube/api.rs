//! Calls the YouTube Data API and tells its errors apart.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    item::Chat,
    quota::{BAN, DELETE, LIST, LOOK, Quota},
};
use crate::{
    bots::{
        ActError,
        http::{Reply, query},
        oauth::{Tokens, Trouble},
    },
    message::now_ms,
};

/// As many as a page holds; the default of the API. With the fields below that is far from what
/// one answer may weigh.
pub const PAGE_MAX: usize = 500;
const FIELDS: &str = "nextPageToken,pollingIntervalMillis,offlineAt,items(id,\
    snippet(type,authorChannelId,publishedAt,textMessageDetails,superChatDetails,\
    superStickerDetails,memberMilestoneChatDetails,fanFundingEventDetails),\
    authorDetails(channelId,displayName,isChatOwner,isChatModerator,isChatSponsor))";

/// The API, and what may be spent on it.
pub struct Api {
    tokens: Tokens,
    base: String,
    pub quota: Quota,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub enum Fault {
    Trouble(Trouble),
    /// The day's units are used up for so long.
    Spent(Duration),
    TooFast(Option<Duration>),
    /// There is no such chat any more.
    Ended,
    /// There is no such message or user.
    Gone,
    /// The request itself is not understood.
    Misread(String),
}

/// What was said since the page before.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Page {
    pub next_page_token: Option<String>,
    pub polling_interval_millis: Option<u64>,
    pub offline_at: Option<String>,
    pub items: Vec<Value>,
}

impl Api {
    pub fn new(tokens: Tokens, base: &str, quota: Quota) -> Api {
        Api { tokens, base: base.trim_end_matches('/').to_owned(), quota }
    }

    /// The chat of a video, or of the account's own broadcast that is live where none is named.
    pub async fn find(&self, video: &str) -> Result<Option<Chat>, Fault> {
        let (path, pairs, chat) = match video {
            "" => {
                let pairs = [("broadcastStatus", "active"), ("broadcastType", "all")];
                ("liveBroadcasts", pairs.to_vec(), "/snippet/liveChatId")
            }
            _ => ("videos", vec![("id", video)], "/liveStreamingDetails/activeLiveChatId"),
        };
        let parts = if video.is_empty() { "snippet" } else { "snippet,liveStreamingDetails" };
        let pairs: Vec<_> = [("part", parts)].into_iter().chain(pairs).collect();
        let url = format!("{}/{path}?{}", self.base, query(&pairs));
        let reply = self.ask(LOOK, Method::GET, &url, &Value::Null).await?;
        let answer: Value = reply.json().map_err(strange)?;
        let text = |item: &Value, at: &str| {
            item.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let chats = items
            .iter()
            .map(|item| Chat { id: text(item, chat), channel: text(item, "/snippet/channelId") });
        Ok(chats.into_iter().find(|chat| !chat.id.is_empty()))
    }

    /// What was said in a chat after a page, or before it where none is named.
    pub async fn page(&self, chat: &str, page: Option<&str>) -> Result<Page, Fault> {
        let max = PAGE_MAX.to_string();
        let mut pairs = vec![
            ("liveChatId", chat),
            ("part", "id,snippet,authorDetails"),
            ("maxResults", &max),
            ("fields", FIELDS),
        ];
        pairs.extend(page.map(|page| ("pageToken", page)));
        let url = format!("{}/liveChat/messages?{}", self.base, query(&pairs));
        let reply = self.ask(LIST, Method::GET, &url, &Value::Null).await?;
        reply.json().map_err(strange)
    }

    pub async fn delete(&self, message: &str) -> Result<(), Fault> {
        let url = format!("{}/liveChat/messages?{}", self.base, query(&[("id", message)]));
        self.ask(DELETE, Method::DELETE, &url, &Value::Null).await.map(drop)
    }

    /// Bans a user from a chat, for so many seconds or for good.
    pub async fn ban(&self, chat: &str, user: &str, seconds: Option<u64>) -> Result<(), Fault> {
        let url = format!("{}/liveChat/bans?part=snippet", self.base);
        let mut snippet = json!({
            "liveChatId": chat,
            "type": if seconds.is_some() { "temporary" } else { "permanent" },
            "bannedUserDetails": { "channelId": user },
        });
        if let Some(seconds) = seconds {
            // 64-bit numbers are strings in Google's JSON.
            snippet["banDurationSeconds"] = seconds.to_string().into();
        }
        self.ask(BAN, Method::POST, &url, &json!({ "snippet": snippet })).await.map(drop)
    }

    /// Which scopes are missing for acting; a token that does not come now is met again soon.
    pub async fn lacking(&self) -> Vec<String> {
        const ACT: &[&str] = &[
            "https://www.googleapis.com/auth/youtube.force-ssl",
            "https://www.googleapis.com/auth/youtube",
        ];
        self.tokens.lacking(&[ACT]).await.unwrap_or_default()
    }

    async fn ask(
        &self,
        units: u64,
        method: Method,
        url: &str,
        body: &Value,
    ) -> Result<Reply, Fault> {
        self.quota.spend(units, now_ms()).map_err(Fault::Spent)?;
        let reply = self.tokens.call(method, url, body).await.map_err(Fault::Trouble)?;
        if reply.status.is_success() { Ok(reply) } else { Err(self.fault(&reply)) }
    }

    fn fault(&self, reply: &Reply) -> Fault {
        let answer: Value = reply.json().unwrap_or_default();
        let reason = answer.pointer("/error/errors/0/reason").and_then(Value::as_str);
        let named = reason.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric);
        let reason: String = named.take(40).collect();
        let cause = || format!("{} {reason}", reply.status).trim_end().to_owned();
        match (reply.status, &*reason) {
            (_, "quotaExceeded" | "dailyLimitExceeded") => Fault::Spent(self.quota.end(now_ms())),
            (_, "rateLimitExceeded" | "userRateLimitExceeded" | "userRequestsExceedRateLimit")
            | (StatusCode::TOO_MANY_REQUESTS, _) => Fault::TooFast(reply.retry_after()),
            (_, "liveChatEnded" | "liveChatDisabled" | "liveChatNotFound") => Fault::Ended,
            (_, "liveChatMessageNotFound" | "liveChatUserNotFound") => Fault::Gone,
            (StatusCode::BAD_REQUEST, _) => Fault::Misread(cause()),
            (status, _) if status.is_client_error() => Fault::Trouble(Trouble::Refused(cause())),
            _ => Fault::Trouble(Trouble::Later(cause())),
        }
    }
}

fn strange(cause: String) -> Fault {
    Fault::Trouble(Trouble::Later(cause))
}

impl From<Fault> for ActError {
    fn from(fault: Fault) -> ActError {
        let later = |cause: &str, after| ActError::Later { cause: cause.to_owned(), after };
        match fault {
            Fault::Trouble(trouble) => trouble.into(),
            Fault::Spent(rest) => later("the day's quota is used up", Some(rest)),
            Fault::TooFast(after) => later("it is asked too often", after),
            Fault::Ended | Fault::Gone => ActError::Gone,
            Fault::Misread(cause) => ActError::Refused(cause),
        }
    }
}
