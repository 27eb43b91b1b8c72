//! Plays Twitch: tokens, Helix and EventSub, as strictly as the real one.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::Instant,
};

use serde_json::{Value, json};
use tidegate::{message::now_ms, protocol::rfc3339};
use tokio::sync::{broadcast, watch};

use crate::fake_door::{self as door, Answer, Ask, Book, Later, Seat, Site};

#[path = "twitch/eventsub.rs"]
mod eventsub;
#[path = "twitch/helix.rs"]
mod helix;

use helix::error;

pub const CLIENT: &str = "theapp";
pub const SECRET: &str = "hush&hush=";
pub const BOT: &str = "900";
pub const CHANNEL: &str = "100";
pub const LOGIN: &str = "ana_live";
pub const SCOPES: [&str; 7] = [
    "user:read:chat",
    "moderator:manage:automod",
    "moderator:manage:chat_messages",
    "moderator:manage:banned_users",
    "moderator:manage:warnings",
    "moderator:manage:shield_mode",
    "moderator:manage:blocked_terms",
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
    /// What is said where a held message is allowed.
    allowed: HashMap<String, Value>,
    /// Statuses that the next requests for a token get.
    pub no_token: VecDeque<u16>,
    pub done: Vec<Done>,
    pub shield: bool,
    /// By id: who blocked it, and the text.
    pub blocked: BTreeMap<String, (String, String)>,
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
    /// While it is false, subscriptions to what AutoMod holds are not answered.
    pub quick: watch::Sender<bool>,
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
            allowed: HashMap::new(),
            no_token: VecDeque::new(),
            done: Vec::new(),
            shield: false,
            blocked: BTreeMap::new(),
            trouble: VecDeque::new(),
            limited: 0,
            wrong: Vec::new(),
        };
        let (orders, quick) = (broadcast::Sender::new(10_000), watch::Sender::new(true));
        let twitch = Arc::new(Twitch { book: Book::new(pages), quick, orders, address });
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
        let mut event = chat(&id, user, text);
        let fields = fields.as_object().expect("fields").clone();
        event.as_object_mut().expect("an event").extend(fields);
        self.book.write(|pages| pages.said.insert(id.clone(), Instant::now()));
        self.tell("channel.chat.message", "1", &event);
        id
    }

    /// AutoMod holds something; its id. `places` are code points, both inclusive.
    pub fn hold(&self, user: &str, text: &str, category: &str, places: &[(u32, u32)]) -> String {
        self.hold_with(user, text, category, places, json!([]))
    }

    /// The same for a message with these parts besides its text.
    pub fn hold_with(
        &self,
        user: &str,
        text: &str,
        category: &str,
        places: &[(u32, u32)],
        parts: Value,
    ) -> String {
        let id = self.fresh("held");
        let mut fragments = vec![json!({
            "type": "text", "text": text, "cheermote": null, "emote": null,
        })];
        fragments.extend(parts.as_array().expect("parts").iter().cloned());
        let places: Vec<_> =
            places.iter().map(|(s, e)| json!({ "start_pos": s, "end_pos": e })).collect();
        self.book.write(|pages| {
            pages.held.insert(id.clone(), (Held::Waiting, Instant::now()));
            pages.allowed.insert(id.clone(), chat(&id, user, text));
        });
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
            "message": { "text": text, "fragments": fragments },
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

    /// Nobody decided there in time.
    pub fn lapse(&self, id: &str) {
        self.book.write(|pages| pages.held.get_mut(id).expect("it is held").0 = Held::Denied);
        self.update(id, "expired");
    }

    fn update(&self, id: &str, status: &str) {
        let mut event = json!({
            "broadcaster_user_id": CHANNEL, "message_id": id, "status": status,
            "moderator_user_id": "5", "moderator_user_login": "mira", "moderator_user_name": "Mira",
        });
        if status == "expired" {
            let nobody = ["moderator_user_id", "moderator_user_login", "moderator_user_name"];
            nobody.iter().for_each(|field| event[*field] = Value::Null);
        }
        self.tell("automod.message.update", "2", &event);
        if status == "approved" {
            let said = self.book.write(|pages| {
                pages.said.insert(id.to_owned(), Instant::now());
                pages.allowed.get(id).cloned().expect("it was held")
            });
            self.tell("channel.chat.message", "1", &said);
        }
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

/// What is told of a message.
fn chat(id: &str, user: &str, text: &str) -> Value {
    json!({
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
    })
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
