//! Plays the YouTube Data API: strict about parts, tokens, pages, pace and units.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{body::Body, http::Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::media::{Asked, Fake, Mishap, Shared, Tokens, broken, json, serve, time};

const READ: &str = "https://www.googleapis.com/auth/youtube.readonly";
pub const ACT: &str = "https://www.googleapis.com/auth/youtube.force-ssl";
/// Items that one page holds here at most, so that there are many pages.
const PAGE: usize = 20;
/// Items of the page before that a page repeats in a storm.
const REPEATED: usize = 3;

pub struct State {
    pub tokens: Tokens,
    pub scope: String,
    pub interval: Duration,
    /// Units left; what is asked for after that is a complaint.
    pub units: u64,
    pub spent: bool,
    pub chats: Vec<Chat>,
    /// Which chat is broadcast now.
    pub live: Option<usize>,
    pub said: HashMap<String, Instant>,
    pub polls: u64,
    /// What the next pages are instead.
    pub garbage: Vec<String>,
}

#[derive(Default)]
pub struct Chat {
    pub id: String,
    pub items: Vec<Value>,
    pub ended: bool,
    /// The token that was given last, the one before, and whether the last answer arrived.
    given: Option<String>,
    before: Option<String>,
    lost: bool,
    answered: Option<Instant>,
}

pub struct Youtube {
    pub shared: Fake<State>,
    pub address: SocketAddr,
}

impl Youtube {
    pub async fn open() -> Youtube {
        let shared = Arc::new(Shared::new(State {
            tokens: Tokens::new(u32::MAX),
            scope: format!("{READ} {ACT}"),
            interval: Duration::from_millis(5),
            units: u64::MAX,
            spent: false,
            chats: Vec::new(),
            live: None,
            said: HashMap::new(),
            polls: 0,
            garbage: Vec::new(),
        }));
        let own = shared.clone();
        let address = serve(move |asked| answer(&own, &asked)).await;
        Youtube { shared, address }
    }

    pub fn begin(&self, chat: &str) {
        let mut state = self.shared.state();
        state.chats.push(Chat { id: chat.to_owned(), ..Chat::default() });
        state.live = Some(state.chats.len() - 1);
    }

    /// Adds an item to the live chat; its id.
    pub fn put(&self, kind: &str, author: &str, details: (&str, Value)) -> String {
        self.put_at(kind, author, details, 1)
    }

    pub fn put_at(&self, kind: &str, author: &str, details: (&str, Value), ahead: i64) -> String {
        let mut state = self.shared.state();
        let id = format!("LCC.{}_{author}==", state.said.len());
        let mut item = json!({
            "kind": "youtube#liveChatMessage", "etag": "e", "id": id,
            "snippet": {
                "type": kind, "liveChatId": "x", "authorChannelId": author,
                "publishedAt": time(ahead), "hasDisplayContent": true, "displayMessage": "shown",
            },
            "authorDetails": {
                "channelId": author, "displayName": author, "isVerified": false,
                "isChatOwner": false, "isChatSponsor": false, "isChatModerator": false,
            },
        });
        item["snippet"][details.0] = details.1;
        let live = state.live.expect("a live chat");
        state.chats[live].items.push(item);
        state.said.insert(id.clone(), Instant::now());
        id
    }

    pub fn say(&self, author: &str, text: &str) -> String {
        self.put("textMessageEvent", author, ("textMessageDetails", json!({ "messageText": text })))
    }

    /// The live chat ends, with an event or without.
    pub fn end(&self, event: bool) {
        if event {
            self.put("chatEndedEvent", "UCowner", ("x", Value::Null));
        }
        let mut state = self.shared.state();
        let live = state.live.take().expect("a live chat");
        state.chats[live].ended = !event;
    }

    /// Waits until the chat was asked for so many times more.
    pub async fn polled(&self, times: u64) {
        let from = self.shared.state().polls;
        self.shared.until("a poll", |_, state| state.polls >= from + times).await;
    }
}

fn fault(status: u16, reason: &str) -> Response<Body> {
    let error = json!({ "message": reason, "domain": "youtube", "reason": reason });
    json(status, &json!({ "error": { "code": status, "message": reason, "errors": [error] } }))
}

fn answer(shared: &Fake<State>, asked: &Asked) -> Response<Body> {
    if asked.path == "/token" {
        return token(shared, asked);
    }
    let mishap = shared.mishap();
    match mishap {
        Mishap::Fails => return fault(503, "backendError"),
        Mishap::BreaksBefore => return broken(),
        Mishap::TooFast => return fault(403, "rateLimitExceeded"),
        Mishap::None | Mishap::BreaksAfter => {}
    }
    if !shared.state().tokens.take(&asked.headers, "ya29") {
        return fault(401, "authError");
    }
    let lost = mishap == Mishap::BreaksAfter;
    let answer = match (asked.method.as_str(), &*asked.path) {
        ("GET", "/v3/liveBroadcasts") => broadcasts(shared, asked),
        ("GET", "/v3/videos") => videos(shared, asked),
        ("GET", "/v3/liveChat/messages") => page(shared, asked, lost),
        ("DELETE", "/v3/liveChat/messages") => delete(shared, asked, lost),
        ("POST", "/v3/liveChat/bans") => ban(shared, asked, lost),
        (method, path) => {
            shared.complain(format!("there is no {method} {path}"));
            fault(404, "notFound")
        }
    };
    shared.tell();
    if lost { broken() } else { answer }
}

fn token(shared: &Fake<State>, asked: &Asked) -> Response<Body> {
    let form = asked.form();
    let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
    let kind = asked.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    if asked.method != "POST" || kind != Some("application/x-www-form-urlencoded") {
        shared.complain("a token is asked for by a form".into());
    }
    let known = is("client_id", "the app") && is("client_secret", "hush&hush=");
    if !known || !is("grant_type", "refresh_token") || !is("refresh_token", "1//refresh") {
        return json(400, &json!({ "error": "invalid_grant" }));
    }
    let mut state = shared.state();
    let (token, scope) = (state.tokens.give("ya29"), state.scope.clone());
    let answer = json!({
        "access_token": token, "expires_in": 3599, "scope": scope, "token_type": "Bearer",
    });
    json(200, &answer)
}

/// Takes units, or says that there are none left.
fn spend(shared: &Fake<State>, units: u64) -> Option<Response<Body>> {
    let mut state = shared.state();
    if state.spent {
        shared.complain("it is asked after the units are used up".into());
    }
    if state.units < units {
        state.spent = true;
        return Some(fault(403, "quotaExceeded"));
    }
    state.units -= units;
    None
}

fn only(shared: &Fake<State>, asked: &Asked, known: &[&str]) {
    for name in asked.pairs.keys().filter(|name| !known.contains(&name.as_str())) {
        shared.complain(format!("{} knows no {name}", asked.path));
    }
}

fn broadcasts(shared: &Fake<State>, asked: &Asked) -> Response<Body> {
    only(shared, asked, &["part", "broadcastStatus", "broadcastType"]);
    if let Some(fault) = spend(shared, 1) {
        return fault;
    }
    let is = |name: &str, value: &str| asked.pairs.get(name).is_some_and(|given| given == value);
    if !is("part", "snippet") || !is("broadcastStatus", "active") {
        shared.complain(format!("a strange look for broadcasts: {:?}", asked.pairs));
        return fault(400, "missingRequiredParameter");
    }
    let state = shared.state();
    let live = state.live.map(|live| state.chats[live].id.clone());
    let live = live
        .map(|id| json!({ "id": "v", "snippet": { "channelId": "UCowner", "liveChatId": id } }));
    json(200, &json!({ "items": live.into_iter().collect::<Vec<_>>() }))
}

fn videos(shared: &Fake<State>, asked: &Asked) -> Response<Body> {
    only(shared, asked, &["part", "id"]);
    if let Some(fault) = spend(shared, 1) {
        return fault;
    }
    let parts = asked.pairs.get("part").map_or("", String::as_str);
    if !parts.split(',').any(|part| part == "liveStreamingDetails") {
        return fault(400, "missingRequiredParameter");
    }
    let state = shared.state();
    let live = state.live.map(|live| state.chats[live].id.clone());
    let item = json!({
        "id": asked.pairs.get("id"), "snippet": { "channelId": "UCowner" },
        "liveStreamingDetails": { "activeLiveChatId": live },
    });
    json(200, &json!({ "items": [item] }))
}

fn page(shared: &Fake<State>, asked: &Asked, lost: bool) -> Response<Body> {
    only(shared, asked, &["part", "liveChatId", "maxResults", "fields", "pageToken"]);
    if let Some(fault) = spend(shared, 5) {
        return fault;
    }
    let storm = shared.log().storm;
    let mut state = shared.state();
    state.polls += 1;
    let interval = state.interval;
    if let Some(garbage) = state.garbage.pop() {
        return Response::new(Body::from(garbage));
    }
    let part = asked.pairs.get("part").map_or("", String::as_str);
    let max = asked.pairs.get("maxResults").and_then(|max| max.parse().ok()).unwrap_or(0);
    if part != "id,snippet,authorDetails" || !(200..=2_000).contains(&max) {
        shared.complain(format!("a strange page: {:?}", asked.pairs));
        return fault(400, "invalidParameter");
    }
    let id = asked.pairs.get("liveChatId");
    let Some(chat) = state.chats.iter_mut().find(|chat| Some(&chat.id) == id) else {
        return fault(404, "liveChatNotFound");
    };
    if chat.ended {
        return fault(403, "liveChatEnded");
    }
    if chat.answered.is_some_and(|at| at.elapsed() < interval) {
        shared.complain(format!("polled {:?} after a page", chat.answered.map(|at| at.elapsed())));
        return fault(403, "rateLimitExceeded");
    }
    let token = asked.pairs.get("pageToken");
    let again = chat.lost && token == chat.before.as_ref();
    if token != chat.given.as_ref() && !again {
        shared.complain(format!("{token:?} comes after {:?}", chat.given));
        return fault(400, "pageTokenInvalid");
    }
    let from: usize = token.and_then(|token| token.strip_prefix("pt-")?.parse().ok()).unwrap_or(0);
    let to = (from + PAGE).min(chat.items.len());
    let from = if storm { from.saturating_sub(REPEATED) } else { from };
    let next = format!("pt-{to}");
    (chat.before, chat.given) = (token.cloned(), Some(next.clone()));
    (chat.lost, chat.answered) = (lost, Some(Instant::now()));
    json(
        200,
        &json!({
            "nextPageToken": next,
            "pollingIntervalMillis": interval.as_millis() as u64,
            "items": chat.items[from..to],
        }),
    )
}

fn may_act(shared: &Fake<State>) -> bool {
    shared.state().scope.contains(ACT)
}

fn delete(shared: &Fake<State>, asked: &Asked, lost: bool) -> Response<Body> {
    only(shared, asked, &["id"]);
    if let Some(fault) = spend(shared, 20) {
        return fault;
    }
    if !may_act(shared) {
        return fault(403, "insufficientPermissions");
    }
    let id = asked.pairs.get("id").cloned().unwrap_or_default();
    if !shared.state().said.contains_key(&id) {
        shared.complain(format!("there is no message {id:?}"));
        return fault(404, "liveChatMessageNotFound");
    }
    let was_there = !shared.ids("delete").contains(&id);
    shared.done("delete", &id, Value::Null, lost);
    if was_there { json(204, &Value::Null) } else { fault(404, "liveChatMessageNotFound") }
}

fn ban(shared: &Fake<State>, asked: &Asked, lost: bool) -> Response<Body> {
    only(shared, asked, &["part"]);
    if let Some(fault) = spend(shared, 50) {
        return fault;
    }
    if !may_act(shared) {
        return fault(403, "insufficientPermissions");
    }
    let body = asked.json();
    let snippet = &body["snippet"];
    let id = snippet["bannedUserDetails"]["channelId"].as_str().unwrap_or_default();
    let seconds = snippet["banDurationSeconds"].as_str().and_then(|s| s.parse::<u64>().ok());
    let fits = match snippet["type"].as_str() {
        Some("temporary") => seconds.is_some(),
        Some("permanent") => snippet.get("banDurationSeconds").is_none(),
        _ => false,
    };
    let chat = snippet["liveChatId"].as_str().unwrap_or_default();
    let known = shared.state().chats.iter().any(|one| one.id == chat);
    if asked.pairs.get("part").map(String::as_str) != Some("snippet") || !fits || id.is_empty() {
        shared.complain(format!("a strange ban: {body}"));
        return fault(400, "invalidValue");
    }
    if !known {
        return fault(404, "liveChatNotFound");
    }
    shared.done("ban", id, snippet.clone(), lost);
    json(200, &json!({ "id": "ban", "snippet": snippet }))
}
