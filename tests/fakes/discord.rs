//! Plays Discord: a gateway with sessions that can be gone on with, and the calls of moderators.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tidegate::message::now_ms;
use tokio::sync::broadcast;

use crate::fake_door::{self as door, Book};

#[path = "discord/calls.rs"]
mod calls;
#[path = "discord/gateway.rs"]
mod gateway;

pub const TOKEN: &str = "bot.token-1";
pub const GUILD: &str = "100000000000000001";
pub const ME: &str = "100000000000000002";
pub const OWNER: &str = "100000000000000003";
pub const GENERAL: &str = "100000000000000010";
pub const RAID: &str = "100000000000000011";
pub const MODS: &str = "100000000000000020";
const OWN_ROLE: &str = "100000000000000021";

/// What goes wrong with the next call.
pub enum Trouble {
    Status(u16),
    /// Nobody may do anything for so many seconds.
    Global(f64),
    /// It is done, and nobody hears of it.
    DoneAndLost,
    Lost,
}

/// What was done, to whom, and when.
#[derive(Clone, Debug)]
pub struct Done {
    pub what: &'static str,
    pub id: String,
    pub at: Instant,
}

pub struct Said {
    channel: &'static str,
    pub at: Instant,
    deleted: bool,
}

/// A session: every event since it began.
#[derive(Default)]
struct Session {
    log: Vec<String>,
    over: bool,
}

pub struct Pages {
    pub token: &'static str,
    pub said: HashMap<String, Said>,
    pub done: Vec<Done>,
    pub trouble: VecDeque<Trouble>,
    /// No permission for anything.
    pub forbidden: bool,
    /// What the bot's own role may do, and whether the intent for contents is granted.
    pub permissions: u64,
    pub content_granted: bool,
    pub beat_ms: u64,
    pub answers_beats: bool,
    /// Calls of a kind and place within a second.
    pub limit: usize,
    pub identified: u32,
    pub resumed: u32,
    pub beats: u32,
    pub limited: u32,
    /// What the real one would not have understood.
    pub wrong: Vec<String>,
    sessions: HashMap<String, Session>,
    calls: HashMap<(&'static str, String), Vec<Instant>>,
    last_id: u64,
}

#[derive(Clone)]
enum Order {
    /// As it is, and counted in no session.
    Raw(String),
    Close(u16),
    HangUp,
}

pub struct Discord {
    pub book: Book<Pages>,
    pub address: SocketAddr,
    orders: broadcast::Sender<Order>,
}

impl Discord {
    pub async fn open() -> Arc<Discord> {
        let pages = Pages {
            token: TOKEN,
            said: HashMap::new(),
            done: Vec::new(),
            trouble: VecDeque::new(),
            forbidden: false,
            // View channels, manage messages, ban and time out members.
            permissions: 1 << 10 | 1 << 13 | 1 << 2 | 1 << 40,
            content_granted: true,
            beat_ms: 41_250,
            answers_beats: true,
            limit: 5,
            identified: 0,
            resumed: 0,
            beats: 0,
            limited: 0,
            wrong: Vec::new(),
            sessions: HashMap::new(),
            calls: HashMap::new(),
            last_id: 0,
        };
        let site = Arc::new(door::Later::default());
        let address = door::open(site.clone()).await;
        let orders = broadcast::Sender::new(10_000);
        let discord = Arc::new(Discord { book: Book::new(pages), address, orders });
        site.set(discord.clone());
        discord
    }

    /// Somebody says something in a channel; its id.
    pub fn say(&self, channel: &'static str, user: u64, content: &str) -> String {
        self.say_with(channel, user, content, json!({}))
    }

    /// The same, with more or other fields.
    pub fn say_with(
        &self,
        channel: &'static str,
        user: u64,
        content: &str,
        fields: Value,
    ) -> String {
        let id = self.fresh_id();
        let said = Said { channel, at: Instant::now(), deleted: false };
        self.book.write(|pages| pages.said.insert(id.clone(), said));
        self.event("MESSAGE_CREATE", message(&id, channel, user, content, fields));
        id
    }

    pub fn edit(&self, id: &str, user: u64, content: &str) {
        let channel = self.book.read(|pages| pages.said[id].channel);
        let at = tidegate::protocol::rfc3339(now_ms());
        let fields = json!({ "edited_timestamp": at });
        self.event("MESSAGE_UPDATE", message(id, channel, user, content, fields));
    }

    /// An event, numbered and kept, in every session.
    pub fn event(&self, kind: &str, d: Value) {
        self.book.write(|pages| {
            for session in pages.sessions.values_mut().filter(|session| !session.over) {
                session.push(kind, &d);
            }
        });
    }

    /// The last so many events of each session once more, under new numbers.
    pub fn repeat(&self, count: usize) {
        self.book.write(|pages| {
            for session in pages.sessions.values_mut().filter(|session| !session.over) {
                let from = session.log.len().saturating_sub(count);
                let parsed = |event: &String| serde_json::from_str(event).expect("it is JSON");
                let again: Vec<Value> = session.log[from..].iter().map(parsed).collect();
                for event in again {
                    if event["t"] == "MESSAGE_CREATE" {
                        session.push("MESSAGE_CREATE", &event["d"]);
                    }
                }
            }
        });
    }

    /// As it is, past every session.
    pub fn raw(&self, frame: impl Into<String>) {
        let _ = self.orders.send(Order::Raw(frame.into()));
    }

    pub fn close(&self, code: u16) {
        let _ = self.orders.send(Order::Close(code));
    }

    pub fn hang_up(&self) {
        let _ = self.orders.send(Order::HangUp);
    }

    /// No session can be gone on with.
    pub fn forget_sessions(&self) {
        self.book.write(|pages| {
            pages.sessions.values_mut().for_each(|session| session.over = true);
        });
    }

    fn fresh_id(&self) -> String {
        const EPOCH_MS: u64 = 1_420_070_400_000;
        self.book.write(|pages| {
            pages.last_id = ((now_ms() - EPOCH_MS) << 22).max(pages.last_id + 1);
            pages.last_id.to_string()
        })
    }

    fn wrong(&self, what: impl Into<String>) {
        self.book.write(|pages| pages.wrong.push(what.into()));
    }
}

impl Session {
    fn push(&mut self, kind: &str, d: &Value) {
        let seq = self.log.len() + 1;
        self.log.push(json!({ "op": 0, "t": kind, "s": seq, "d": d }).to_string());
    }
}

impl Pages {
    /// How long from saying something to its being deleted, in milliseconds.
    pub fn delays(&self) -> Vec<u128> {
        let deleted = self.done.iter().filter(|done| done.what == "delete");
        let delay = |done: &Done| Some((done.at - self.said.get(&done.id)?.at).as_millis());
        deleted.filter_map(delay).collect()
    }

    pub fn done_to(&self, what: &str) -> Vec<&str> {
        let done = self.done.iter().filter(|done| done.what == what);
        done.map(|done| done.id.as_str()).collect()
    }

    /// Whether one more call of a kind may be made now, and what its headers say.
    fn counted(&mut self, kind: &'static str, place: &str) -> (bool, Vec<(&'static str, String)>) {
        const WINDOW: Duration = Duration::from_secs(1);
        let now = Instant::now();
        let limit = self.limit;
        let calls = self.calls.entry((kind, place.to_owned())).or_default();
        // A window begins with its first call.
        if calls.first().is_some_and(|first| now - *first >= WINDOW) {
            calls.clear();
        }
        let may = calls.len() < limit;
        if may {
            calls.push(now);
        }
        let after = calls.first().map_or(WINDOW, |first| WINDOW - (now - *first).min(WINDOW));
        let headers = vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-remaining", (limit - calls.len()).to_string()),
            ("x-ratelimit-reset-after", format!("{:.3}", after.as_secs_f64())),
            ("x-ratelimit-bucket", format!("bucket-of-{kind}")),
        ];
        self.limited += u32::from(!may);
        (may, headers)
    }
}

fn message(id: &str, channel: &str, user: u64, content: &str, fields: Value) -> Value {
    let name = format!("user-{user}");
    let mut message = json!({
        "id": id,
        "channel_id": channel,
        "guild_id": GUILD,
        "type": 0,
        "author": { "id": user.to_string(), "username": name, "global_name": null },
        "member": { "nick": null, "roles": [], "joined_at": "2026-01-01T00:00:00Z" },
        "content": content,
        "timestamp": "2026-01-01T00:00:00.000000+00:00",
        "edited_timestamp": null,
        "tts": false,
        "mentions": [],
        "attachments": [],
        "embeds": [],
    });
    if let (Some(message), Value::Object(fields)) = (message.as_object_mut(), fields) {
        message.extend(fields);
    }
    message
}
