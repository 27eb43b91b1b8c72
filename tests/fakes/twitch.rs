//! Plays Twitch: tokens, Helix and EventSub, as strictly as the real one.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Instant,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tidegate::{message::now_ms, protocol::rfc3339};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::fake_door::{self as door, Answer, Ask, Book, Later, Seat, Site};

pub const CLIENT: &str = "theapp";
pub const SECRET: &str = "hush&hush=";
pub const BOT: &str = "900";
pub const CHANNEL: &str = "100";
pub const LOGIN: &str = "ana_live";
pub const SCOPES: [&str; 5] = [
    "user:read:chat",
    "moderator:manage:automod",
    "moderator:manage:chat_messages",
    "moderator:manage:banned_users",
    "moderator:manage:warnings",
];

/// What goes wrong with the next call that acts.
pub enum Trouble {
    Status(u16),
    Lost,
    /// It is done, and nobody hears of it.
    DoneAndLost,
    /// No points are left, for a moment.
    Limited,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    Waiting,
    Allowed,
    Denied,
}

pub struct Done {
    pub what: &'static str,
    /// The message's, or the user's.
    pub id: String,
    pub detail: Value,
    pub at: Instant,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    id: String,
    kind: String,
    version: String,
    session: String,
}

pub struct Pages {
    pub access: String,
    pub refresh: String,
    pub scopes: Vec<&'static str>,
    tokens: u32,
    pub subscriptions: Vec<Subscription>,
    sessions: u32,
    /// Connections of each session: two while one takes over from the other.
    live: HashMap<String, u32>,
    pub connections: u32,
    pub keepalive_s: u64,
    pub said: HashMap<String, Instant>,
    pub deleted: Vec<String>,
    pub held: HashMap<String, (Held, Instant)>,
    pub done: Vec<Done>,
    pub trouble: VecDeque<Trouble>,
    pub limited: u32,
    /// What the real one would not have understood.
    pub wrong: Vec<String>,
}

#[derive(Clone)]
enum Order {
    /// For this session alone.
    Text(String, String),
    HangUp,
    Close(u16),
}

pub struct Twitch {
    pub book: Book<Pages>,
    orders: broadcast::Sender<Order>,
    address: SocketAddr,
}

impl Twitch {
    pub async fn open() -> Arc<Twitch> {
        let later = Arc::new(Later::default());
        let address = door::open(later.clone()).await;
        let pages = Pages {
            access: "none yet".into(),
            refresh: "refresh-0".into(),
            scopes: SCOPES.into(),
            tokens: 0,
            subscriptions: Vec::new(),
            sessions: 0,
            live: HashMap::new(),
            connections: 0,
            keepalive_s: 30,
            said: HashMap::new(),
            deleted: Vec::new(),
            held: HashMap::new(),
            done: Vec::new(),
            trouble: VecDeque::new(),
            limited: 0,
            wrong: Vec::new(),
        };
        let orders = broadcast::Sender::new(10_000);
        let twitch = Arc::new(Twitch { book: Book::new(pages), orders, address });
        later.set(twitch.clone());
        twitch
    }

    /// A bot's settings, but for the client and its files.
    pub fn settings(&self) -> [(&'static str, String); 3] {
        let address = self.address;
        [
            ("api_url", format!("http://{address}/helix")),
            ("auth_url", format!("http://{address}/oauth2")),
            ("eventsub_url", format!("ws://{address}/ws")),
        ]
    }

    /// Somebody says something; its id. It reaches whoever is subscribed now, and nobody later.
    pub fn say(&self, user: &str, text: &str) -> String {
        self.say_with(user, text, json!({}))
    }

    pub fn say_with(&self, user: &str, text: &str, fields: Value) -> String {
        let id = self.fresh("message");
        let mut event = json!({
            "broadcaster_user_id": CHANNEL,
            "broadcaster_user_login": LOGIN,
            "broadcaster_user_name": "Ana_Live",
            "chatter_user_id": user,
            "chatter_user_login": format!("user{user}"),
            "chatter_user_name": format!("User{user}"),
            "message_id": id,
            "message": { "text": text, "fragments": [
                { "type": "text", "text": text, "cheermote": null, "emote": null, "mention": null },
            ] },
            "color": "",
            "badges": [],
            "message_type": "text",
            "cheer": null,
            "reply": null,
            "channel_points_custom_reward_id": null,
            "source_broadcaster_user_id": null,
        });
        let fields = fields.as_object().expect("fields").clone();
        event.as_object_mut().expect("an event").extend(fields);
        self.book.write(|pages| pages.said.insert(id.clone(), Instant::now()));
        self.tell("channel.chat.message", "1", &event);
        id
    }

    /// AutoMod holds something; its id. `places` are code points, both inclusive.
    pub fn hold(&self, user: &str, text: &str, category: &str, places: &[(u32, u32)]) -> String {
        let id = self.fresh("held");
        let places: Vec<_> =
            places.iter().map(|(s, e)| json!({ "start_pos": s, "end_pos": e })).collect();
        self.book.write(|pages| pages.held.insert(id.clone(), (Held::Waiting, Instant::now())));
        // Version 1 has no place for where; clients that do not know version 2 read this.
        let mut event = json!({
            "category": category,
            "level": 4,
            "broadcaster_user_id": CHANNEL,
            "broadcaster_user_login": LOGIN,
            "broadcaster_user_name": "Ana_Live",
            "user_id": user,
            "user_login": format!("user{user}"),
            "user_name": format!("User{user}"),
            "message_id": id,
            "message": { "text": text, "fragments": [
                { "type": "text", "text": text, "cheermote": null, "emote": null },
            ] },
            "held_at": rfc3339(now_ms()),
        });
        self.tell("automod.message.hold", "1", &event);
        let fields = event.as_object_mut().expect("an event");
        fields.retain(|name, _| name != "category" && name != "level");
        event["reason"] = "automod".into();
        event["automod"] = json!({ "category": category, "level": 4, "boundaries": places });
        event["blocked_term"] = Value::Null;
        self.tell("automod.message.hold", "2", &event);
        id
    }

    /// A moderator decides there what AutoMod held.
    pub fn decide(&self, id: &str, allowed: bool) {
        let state = if allowed { Held::Allowed } else { Held::Denied };
        self.book.write(|pages| pages.held.get_mut(id).expect("it is held").0 = state);
        self.update(id, if allowed { "approved" } else { "denied" });
    }

    fn update(&self, id: &str, status: &str) {
        let event = json!({
            "broadcaster_user_id": CHANNEL, "message_id": id, "status": status,
            "moderator_user_id": "5", "moderator_user_login": "mira", "moderator_user_name": "Mira",
        });
        self.tell("automod.message.update", "2", &event);
    }

    fn tell(&self, kind: &str, version: &str, event: &Value) {
        let id = self.fresh("event");
        for subscription in self.subscribed(kind) {
            if subscription.version == version {
                let text = notification(&id, &subscription, event);
                let _ = self.orders.send(Order::Text(subscription.session, text));
            }
        }
    }

    fn subscribed(&self, kind: &str) -> Vec<Subscription> {
        self.book.read(|pages| {
            let meant = pages.subscriptions.iter().filter(|own| own.kind == kind);
            meant.cloned().collect()
        })
    }

    /// Any text to whoever is subscribed to a kind of events.
    pub fn send(&self, kind: &str, text: String) {
        for Subscription { session, .. } in self.subscribed(kind) {
            let _ = self.orders.send(Order::Text(session, text.clone()));
        }
    }

    /// The same event twice, as happens there.
    pub fn repeat(&self, user: &str, text: &str) -> String {
        let id = self.fresh("message");
        let event = json!({
            "broadcaster_user_id": CHANNEL, "broadcaster_user_login": LOGIN,
            "chatter_user_id": user, "chatter_user_name": "x", "message_id": id,
            "message": { "text": text }, "message_type": "text", "badges": [],
        });
        self.book.write(|pages| pages.said.insert(id.clone(), Instant::now()));
        let event_id = self.fresh("event");
        for subscription in self.subscribed("channel.chat.message") {
            let text = notification(&event_id, &subscription, &event);
            for _ in 0..2 {
                let _ = self.orders.send(Order::Text(subscription.session.clone(), text.clone()));
            }
        }
        id
    }

    /// Tells everybody to come by another address, as before a restart there.
    pub fn ask_to_reconnect(&self) {
        let sessions = self.book.read(|pages| {
            let mut all: Vec<_> = pages.subscriptions.iter().map(|s| s.session.clone()).collect();
            all.dedup();
            all
        });
        for session in sessions {
            let url = format!("ws://{}/ws?again={session}", self.address);
            let text = json!({
                "metadata": meta(&self.fresh("event"), "session_reconnect"),
                "payload": { "session": {
                    "id": session, "status": "reconnecting", "keepalive_timeout_seconds": null,
                    "reconnect_url": url,
                } },
            });
            let _ = self.orders.send(Order::Text(session, text.to_string()));
        }
    }

    pub fn revoke(&self, kind: &str) {
        let text = json!({
            "metadata": meta(&self.fresh("event"), "revocation"),
            "payload": { "subscription": { "type": kind, "status": "authorization_revoked" } },
        });
        self.send(kind, text.to_string());
    }

    pub fn hang_up(&self) {
        let _ = self.orders.send(Order::HangUp);
    }

    pub fn close(&self, code: u16) {
        let _ = self.orders.send(Order::Close(code));
    }

    /// Tokens that were good are no longer.
    pub fn expire(&self) {
        self.book.write(|pages| pages.access = "expired".into());
    }

    fn fresh(&self, of: &str) -> String {
        self.book.write(|pages| {
            pages.tokens += 1;
            format!("{of}-{}", pages.tokens)
        })
    }

    fn wrong(&self, cause: String) {
        self.book.write(|pages| pages.wrong.push(cause));
    }
}

fn meta(id: &str, kind: &str) -> Value {
    json!({ "message_id": id, "message_type": kind, "message_timestamp": rfc3339(now_ms()) })
}

fn notification(id: &str, to: &Subscription, event: &Value) -> String {
    let mut metadata = meta(id, "notification");
    metadata["subscription_type"] = to.kind.as_str().into();
    metadata["subscription_version"] = to.version.as_str().into();
    let subscription = json!({
        "id": to.id, "status": "enabled", "type": to.kind, "version": to.version, "cost": 0,
        "condition": {}, "created_at": rfc3339(now_ms()),
        "transport": { "method": "websocket", "session_id": to.session },
    });
    json!({ "metadata": metadata, "payload": { "subscription": subscription, "event": event } })
        .to_string()
}

impl Site for Twitch {
    fn answer(&self, ask: Ask) -> Answer {
        match (ask.method.as_str(), ask.path.as_str()) {
            ("POST", "/oauth2/token") => self.token(&ask),
            ("GET", "/oauth2/validate") => self.validate(&ask),
            (_, path) if path.starts_with("/helix/") => self.helix(&ask),
            ("POST", path) if path.starts_with("/fake/") => self.told_by(&ask),
            (method, path) => {
                self.wrong(format!("{method} {path}"));
                error(404, "not found")
            }
        }
    }

    fn seat(self: Arc<Self>, at: String, seat: Seat) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.sit(&at, seat).await })
    }
}

fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({ "status": status, "error": "", "message": message }))
}

fn pairs(text: &str) -> HashMap<String, String> {
    let read = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'%' => {
                    let hex: String = rest.by_ref().take(2).map(char::from).collect();
                    bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let split = text.split('&').filter_map(|pair| pair.split_once('='));
    split.map(|(name, value)| (read(name), read(value))).collect()
}

impl Twitch {
    /// What whoever plays with it from outside wants said or held, or wants to know.
    fn told_by(&self, ask: &Ask) -> Answer {
        let body = ask.json().unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match ask.path.as_str() {
            "/fake/say" => {
                Answer::json(200, json!({ "id": self.say(&text("user"), &text("text")) }))
            }
            "/fake/hold" => {
                let id = self.hold(&text("user"), &text("text"), &text("category"), &[]);
                Answer::json(200, json!({ "id": id }))
            }
            "/fake/done" => self.book.read(|pages| {
                let done = pages.done.iter().map(|done| json!([done.what, done.id]));
                let done: Vec<_> = done.collect();
                Answer::json(200, json!({ "done": done, "wrong": pages.wrong }))
            }),
            _ => error(404, "not found"),
        }
    }

    fn token(&self, ask: &Ask) -> Answer {
        let form = pairs(&String::from_utf8_lossy(&ask.body));
        let is = |name: &str, value: &str| form.get(name).is_some_and(|own| own == value);
        if ask.header("content-type") != "application/x-www-form-urlencoded"
            || !is("grant_type", "refresh_token")
            || !is("client_id", CLIENT)
            || !is("client_secret", SECRET)
        {
            self.wrong("a strange request for a token".into());
            return error(400, "invalid request");
        }
        self.book.write(|pages| {
            if !is("refresh_token", &pages.refresh) {
                return error(400, "Invalid refresh token");
            }
            pages.tokens += 1;
            pages.access = format!("access-{}", pages.tokens);
            pages.refresh = format!("refresh-{}", pages.tokens);
            Answer::json(
                200,
                json!({
                    "access_token": pages.access, "refresh_token": pages.refresh,
                    "expires_in": 14_000, "scope": pages.scopes, "token_type": "bearer",
                }),
            )
        })
    }

    fn validate(&self, ask: &Ask) -> Answer {
        self.book.read(|pages| match ask.header("authorization") {
            sent if sent == format!("OAuth {}", pages.access) => Answer::json(
                200,
                json!({
                    "client_id": CLIENT, "login": "thebot", "user_id": BOT,
                    "scopes": pages.scopes, "expires_in": 5_000,
                }),
            ),
            _ => error(401, "invalid access token"),
        })
    }

    fn helix(&self, ask: &Ask) -> Answer {
        if ask.header("client-id") != CLIENT {
            self.wrong("no client id".into());
            return error(401, "Client ID is missing");
        }
        let bearer = self.book.read(|pages| format!("Bearer {}", pages.access));
        if ask.header("authorization") != bearer {
            return error(401, "Invalid OAuth token");
        }
        let query = pairs(&ask.query);
        let path = ask.path.trim_start_matches("/helix/");
        match (ask.method.as_str(), path) {
            ("GET", "users") if query.get("login").is_some_and(|login| login == LOGIN) => {
                Answer::json(200, json!({ "data": [{ "id": CHANNEL, "login": LOGIN }] }))
            }
            ("GET", "users") => Answer::json(200, json!({ "data": [] })),
            ("POST", "eventsub/subscriptions") => self.subscribe(ask),
            _ => self.act(ask, path, &query),
        }
    }

    fn subscribe(&self, ask: &Ask) -> Answer {
        let Some(body) = ask.json() else { return error(400, "no JSON") };
        let (kind, condition) = (body["type"].as_str().unwrap_or_default(), &body["condition"]);
        let (versions, role, scope) = match kind {
            "channel.chat.message" => (&["1"][..], "user_id", SCOPES[0]),
            "automod.message.hold" | "automod.message.update" => {
                (&["1", "2"][..], "moderator_user_id", SCOPES[1])
            }
            _ => return error(400, "invalid subscription type"),
        };
        let version = body["version"].as_str().unwrap_or_default();
        let good = versions.contains(&version)
            && condition["broadcaster_user_id"] == CHANNEL
            && condition[role] == BOT
            && condition.as_object().is_some_and(|all| all.len() == 2)
            && body["transport"]["method"] == "websocket";
        if !good {
            self.wrong(format!("subscription: {body}"));
            return error(400, "invalid condition");
        }
        self.book.write(|pages| {
            if !pages.scopes.contains(&scope) {
                return error(403, "subscription missing proper authorization");
            }
            let session = body["transport"]["session_id"].as_str().unwrap_or_default().to_owned();
            pages.tokens += 1;
            let one = Subscription {
                id: format!("subscription-{}", pages.tokens),
                kind: kind.to_owned(),
                version: version.to_owned(),
                session,
            };
            let same = |own: &&Subscription| {
                (&own.kind, &own.version, &own.session) == (&one.kind, &one.version, &one.session)
            };
            if pages.subscriptions.iter().find(same).is_some() {
                return error(409, "subscription already exists");
            }
            let id = one.id.clone();
            pages.subscriptions.push(one);
            Answer::json(202, json!({ "data": [{ "id": id, "status": "enabled" }], "total": 1 }))
        })
    }

    fn act(&self, ask: &Ask, path: &str, query: &HashMap<String, String>) -> Answer {
        let trouble = self.book.write(|pages| pages.trouble.pop_front());
        match trouble {
            Some(Trouble::Status(status)) => return error(status, "trouble"),
            Some(Trouble::Lost) => return Answer::HangUp,
            Some(Trouble::Limited) => {
                self.book.write(|pages| pages.limited += 1);
                let reset = (now_ms() / 1_000 + 1).to_string();
                return Answer::Reply {
                    status: 429,
                    headers: vec![
                        ("ratelimit-limit", "800".into()),
                        ("ratelimit-remaining", "0".into()),
                        ("ratelimit-reset", reset),
                    ],
                    body: json!({ "status": 429, "message": "Too Many Requests" }),
                };
            }
            Some(Trouble::DoneAndLost) | None => {}
        }
        let answer = self.done(ask, path, query);
        if matches!(trouble, Some(Trouble::DoneAndLost)) { Answer::HangUp } else { answer }
    }

    fn done(&self, ask: &Ask, path: &str, query: &HashMap<String, String>) -> Answer {
        let is = |name: &str, value: &str| query.get(name).is_some_and(|own| own == value);
        let own = is("broadcaster_id", CHANNEL) && is("moderator_id", BOT);
        let body = ask.json().unwrap_or_default();
        let needs = match path {
            "moderation/chat" => SCOPES[2],
            "moderation/bans" => SCOPES[3],
            "moderation/warnings" => SCOPES[4],
            _ => SCOPES[1],
        };
        if !self.book.read(|pages| pages.scopes.contains(&needs)) {
            return error(401, &format!("Missing scope: {needs}"));
        }
        match (ask.method.as_str(), path) {
            ("DELETE", "moderation/chat") if own && query.len() == 3 => {
                let id = query.get("message_id").cloned().unwrap_or_default();
                self.delete(id)
            }
            ("POST", "moderation/bans") if own && query.len() == 2 => {
                let data = &body["data"];
                let duration = data.get("duration");
                let sane =
                    duration.is_none_or(|d| (1..=1_209_600).contains(&d.as_u64().unwrap_or(0)));
                if !sane || data["reason"].as_str().is_none_or(|reason| reason.len() > 500) {
                    self.wrong(format!("ban: {body}"));
                    return error(400, "bad request");
                }
                let what = if duration.is_some() { "time_out" } else { "ban" };
                self.note(what, data["user_id"].as_str().unwrap_or_default(), data.clone());
                Answer::json(200, json!({ "data": [{}] }))
            }
            ("POST", "moderation/warnings") if own && query.len() == 2 => {
                let user = body["data"]["user_id"].as_str().unwrap_or_default().to_owned();
                self.note("warn", &user, body["data"].clone());
                Answer::json(200, json!({ "data": [{}] }))
            }
            ("POST", "moderation/automod/message") if query.is_empty() => self.automod(&body),
            (method, path) => {
                self.wrong(format!("{method} {path} {query:?}"));
                error(400, "bad request")
            }
        }
    }

    fn delete(&self, id: String) -> Answer {
        self.book.write(|pages| {
            if !pages.said.contains_key(&id) || pages.deleted.contains(&id) {
                return error(404, "the message was not found");
            }
            pages.deleted.push(id.clone());
            let done = Done { what: "delete", id, detail: Value::Null, at: Instant::now() };
            pages.done.push(done);
            Answer::json(204, Value::Null)
        })
    }

    fn automod(&self, body: &Value) -> Answer {
        let id = body["msg_id"].as_str().unwrap_or_default().to_owned();
        let state = match body["action"].as_str() {
            Some("ALLOW") => Held::Allowed,
            Some("DENY") => Held::Denied,
            _ => Held::Waiting,
        };
        if body["user_id"] != BOT || state == Held::Waiting {
            self.wrong(format!("automod: {body}"));
            return error(400, "bad request");
        }
        let answer = self.book.write(|pages| match pages.held.get_mut(&id) {
            None => error(404, "the message was not found"),
            Some((Held::Waiting, _)) => {
                pages.held.get_mut(&id).expect("it is held").0 = state;
                let what = if state == Held::Allowed { "allow" } else { "deny" };
                let done = Done { what, id: id.clone(), detail: Value::Null, at: Instant::now() };
                pages.done.push(done);
                Answer::json(204, Value::Null)
            }
            Some(_) => error(400, "The message has already been processed"),
        });
        self.update(&id, if state == Held::Allowed { "approved" } else { "denied" });
        answer
    }

    fn note(&self, what: &'static str, id: &str, detail: Value) {
        let done = Done { what, id: id.to_owned(), detail, at: Instant::now() };
        self.book.write(|pages| pages.done.push(done));
    }

    async fn sit(&self, at: &str, mut seat: Seat) {
        let mut orders = self.orders.subscribe();
        let again = at.strip_prefix("/ws?again=").map(str::to_owned);
        if again.is_none() && at != "/ws" {
            return self.wrong(format!("a connection to {at}"));
        }
        let (session, keepalive) = self.book.write(|pages| {
            pages.connections += 1;
            pages.sessions += 1;
            let fresh = format!("session-{}", pages.sessions);
            let session = again.unwrap_or(fresh);
            *pages.live.entry(session.clone()).or_default() += 1;
            (session, pages.keepalive_s)
        });
        let welcome = json!({
            "metadata": meta(&self.fresh("event"), "session_welcome"),
            "payload": { "session": {
                "id": session, "status": "connected", "keepalive_timeout_seconds": keepalive,
                "reconnect_url": null, "connected_at": rfc3339(now_ms()),
            } },
        });
        let _ = seat.send(Message::text(welcome.to_string())).await;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Ok(Order::Text(own, text)) if own == session => {
                        if seat.send(Message::text(text)).await.is_err() {
                            break;
                        }
                    }
                    Ok(Order::Text(..)) => {}
                    Ok(Order::Close(code)) => {
                        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
                        let _ = seat.close(Some(frame)).await;
                        break;
                    }
                    Ok(Order::HangUp) | Err(_) => break,
                },
                came = seat.next() => match came {
                    Some(Ok(Message::Text(text))) => {
                        // Whoever writes to it is thrown out.
                        self.wrong(format!("it was written to: {text}"));
                        break;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
            }
        }
        // With the last connection go the subscriptions.
        self.book.write(|pages| {
            let live = pages.live.get_mut(&session).expect("it was counted");
            *live -= 1;
            if *live == 0 {
                pages.subscriptions.retain(|own| own.session != session);
            }
        });
    }
}
