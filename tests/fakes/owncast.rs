//! Plays an Owncast server: its chat, its history and what moderators may ask of it, strictly.

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
use tokio_tungstenite::tungstenite::Message;

use crate::fake_door::{self as door, Answer, Ask, Book, Seat, Site};

/// As they stand in an address, the first with what must be escaped there.
pub const MODERATOR: &str = "mod+token/=";
pub const INTEGRATION: &str = "integration-token";
pub const VIEWER: &str = "viewer-token";

/// Of the last messages, as many are given to whoever asks.
const HISTORY_MAX: usize = 100;

#[derive(Clone)]
pub struct Account {
    id: &'static str,
    scopes: &'static [&'static str],
    pub disabled: bool,
}

pub struct Said {
    pub id: String,
    event: Value,
    visible: bool,
    pub at: Instant,
}

/// What goes wrong with the next call.
pub enum Trouble {
    Status(u16),
    /// Too many: again after so many seconds.
    Wait(&'static str),
    /// It is done, and nobody hears of it.
    DoneAndLost,
    Lost,
}

#[derive(Default)]
pub struct Pages {
    pub accounts: HashMap<String, Account>,
    pub said: Vec<Said>,
    /// In order; one that was hidden twice stands there twice.
    pub hidden: Vec<(String, Instant)>,
    pub banned: Vec<String>,
    pub trouble: VecDeque<Trouble>,
    pub connections: u32,
    /// What a real server would not have understood.
    pub wrong: Vec<String>,
}

#[derive(Clone)]
enum Order {
    Frame(String),
    HangUp,
}

pub struct Owncast {
    pub book: Book<Pages>,
    orders: broadcast::Sender<Order>,
}

impl Owncast {
    pub async fn open() -> (Arc<Owncast>, SocketAddr) {
        let account = |id, scopes| Account { id, scopes, disabled: false };
        let pages = Pages {
            accounts: [
                (MODERATOR.to_owned(), account("m1", &["MODERATOR"] as &[_])),
                (INTEGRATION.to_owned(), account("i1", &["HAS_ADMIN_ACCESS"])),
                (VIEWER.to_owned(), account("v1", &[])),
            ]
            .into(),
            ..Pages::default()
        };
        let orders = broadcast::Sender::new(10_000);
        let owncast = Arc::new(Owncast { book: Book::new(pages), orders });
        let address = door::open(owncast.clone()).await;
        (owncast, address)
    }

    /// Somebody says something; its id.
    pub fn say(&self, user: &str, html: &str) -> String {
        let (id, event) = self.note(user, html);
        self.send(event.to_string());
        id
    }

    /// Several at once, in one frame.
    pub fn say_all(&self, said: &[(&str, &str)]) -> Vec<String> {
        let (ids, events): (Vec<_>, Vec<_>) =
            said.iter().map(|(user, html)| self.note(user, html)).unzip();
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        self.send(lines.join("\n"));
        ids
    }

    /// The same message comes once more.
    pub fn repeat(&self, id: &str) {
        let known = |pages: &Pages| {
            pages.said.iter().find(|said| said.id == id).map(|said| said.event.to_string())
        };
        self.send(self.book.read(known).expect("it was said"));
    }

    pub fn send(&self, frame: String) {
        // Nobody may be connected.
        let _ = self.orders.send(Order::Frame(frame));
    }

    pub fn hang_up(&self) {
        let _ = self.orders.send(Order::HangUp);
    }

    fn note(&self, user: &str, html: &str) -> (String, Value) {
        self.book.write(|pages| {
            let id = format!("m-{}", pages.said.len());
            let event = json!({
                "type": "CHAT",
                "id": id,
                "timestamp": rfc3339(now_ms()),
                "body": html,
                "visible": true,
                "user": user_json(user, &[]),
            });
            let said =
                Said { id: id.clone(), event: event.clone(), visible: true, at: Instant::now() };
            pages.said.push(said);
            (id, event)
        })
    }

    fn hide(&self, ids: &[String]) {
        self.book.write(|pages| {
            for id in ids {
                pages.hidden.push((id.clone(), Instant::now()));
                let known = pages.said.iter_mut().find(|said| said.id == *id);
                known.into_iter().for_each(|said| said.visible = false);
            }
        });
        let event = json!({ "type": "VISIBILITY-UPDATE", "id": "v", "ids": ids, "visible": false });
        self.send(event.to_string());
    }

    fn wrong(&self, what: String) -> Answer {
        self.book.write(|pages| pages.wrong.push(what));
        Answer::json(400, json!({ "success": false, "message": "wrong" }))
    }

    fn history(&self) -> Answer {
        let events = self.book.read(|pages| {
            let from = pages.said.len().saturating_sub(HISTORY_MAX);
            let seen = pages.said[from..].iter().filter(|said| said.visible);
            seen.map(|said| said.event.clone()).collect::<Vec<_>>()
        });
        Answer::json(200, json!(events))
    }

    /// What a call does, once whoever makes it may.
    fn moderate(&self, ask: &Ask) -> Answer {
        let Some(body) = ask.json() else { return self.wrong(format!("{}: no JSON", ask.path)) };
        let done = match ask.path.rsplit('/').next() {
            Some("messagevisibility") => self.visibility(&body),
            _ => self.enabled(&body),
        };
        match done {
            Ok(()) => Answer::json(200, json!({ "success": true, "message": "changed" })),
            Err(cause) => self.wrong(format!("{}: {cause}: {body}", ask.path)),
        }
    }

    fn visibility(&self, body: &Value) -> Result<(), &'static str> {
        let ids: Option<Vec<String>> = body["idArray"]
            .as_array()
            .and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
        let ids = ids.filter(|ids| !ids.is_empty()).ok_or("no ids")?;
        let known =
            |pages: &Pages| ids.iter().all(|id| pages.said.iter().any(|said| said.id == *id));
        if !self.book.read(known) {
            return Err("unknown ids");
        }
        if body["visible"] != json!(false) || body.as_object().is_none_or(|body| body.len() != 2) {
            return Err("not hidden");
        }
        self.hide(&ids);
        Ok(())
    }

    fn enabled(&self, body: &Value) -> Result<(), &'static str> {
        let user = body["userId"].as_str().filter(|user| !user.is_empty()).ok_or("no user")?;
        if body["enabled"] != json!(false) || body.as_object().is_none_or(|body| body.len() != 2) {
            return Err("not disabled");
        }
        self.book.write(|pages| pages.banned.push(user.to_owned()));
        Ok(())
    }

    /// Whose token it is: in the address, or as a bearer's.
    fn account(&self, ask: &Ask) -> Option<Account> {
        let bearer = ask.header("authorization").strip_prefix("Bearer ").map(str::to_owned);
        let token = bearer.or_else(|| token(&ask.query))?;
        let account = self.book.read(|pages| pages.accounts.get(&token).cloned());
        account.filter(|account| !account.disabled)
    }
}

fn user_json(id: &str, scopes: &[&str]) -> Value {
    json!({
        "id": id,
        "displayName": format!("{id}-name"),
        "displayColor": 7,
        "createdAt": "2026-01-01T00:00:00Z",
        "previousNames": [id],
        "scopes": if scopes.is_empty() { Value::Null } else { json!(scopes) },
        "isBot": false,
        "authenticated": false,
    })
}

fn token(query: &str) -> Option<String> {
    let raw = query.split('&').find_map(|part| part.strip_prefix("accessToken="))?;
    // Whoever does not escape a sign is not understood.
    if raw.contains(['+', '/', '=']) {
        return None;
    }
    Some(raw.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="))
}

impl Site for Owncast {
    fn answer(&self, ask: Ask) -> Answer {
        let post = ask.method == "POST";
        let scope = match ask.path.as_str() {
            "/api/chat" if ask.method == "GET" => {
                return match self.account(&ask) {
                    Some(_) => self.history(),
                    None => Answer::json(401, json!("unauthorized")),
                };
            }
            "/api/chat/messagevisibility" | "/api/chat/users/setenabled" if post => "MODERATOR",
            "/api/integrations/chat/messagevisibility" if post => "HAS_ADMIN_ACCESS",
            path => return self.wrong(format!("{} {path}", ask.method)),
        };
        // Moderators of the chat have their token in the address, integrations in a header.
        let bearer = !ask.header("authorization").is_empty();
        let account = self.account(&ask).filter(|account| account.scopes.contains(&scope));
        if account.is_none() || bearer != (scope == "HAS_ADMIN_ACCESS") {
            return Answer::json(401, json!("unauthorized"));
        }
        match self.book.write(|pages| pages.trouble.pop_front()) {
            None => self.moderate(&ask),
            Some(Trouble::Status(status)) => Answer::json(status, Value::Null),
            Some(Trouble::Wait(seconds)) => Answer::Reply {
                status: 429,
                headers: vec![("retry-after", seconds.to_owned())],
                body: Value::Null,
            },
            Some(Trouble::DoneAndLost) => {
                self.moderate(&ask);
                Answer::HangUp
            }
            Some(Trouble::Lost) => Answer::HangUp,
        }
    }

    fn seat(self: Arc<Self>, at: String, seat: Seat) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.sit(&at, seat).await })
    }
}

impl Owncast {
    async fn sit(&self, at: &str, mut seat: Seat) {
        let mut orders = self.orders.subscribe();
        let query = at.strip_prefix("/ws?").unwrap_or_default();
        let account = token(query)
            .and_then(|token| self.book.read(|pages| pages.accounts.get(&token).cloned()));
        let begin = match &account {
            None => json!({ "type": "ERROR_NEEDS_REGISTRATION" }),
            Some(Account { disabled: true, .. }) => json!({ "type": "ERROR_USER_DISABLED" }),
            Some(Account { id, scopes, .. }) => {
                json!({ "type": "CONNECTED_USER_INFO", "user": user_json(id, scopes) })
            }
        };
        let _ = seat.send(Message::text(begin.to_string())).await;
        if account.is_none_or(|account| account.disabled) {
            let _ = seat.close(None).await;
            return;
        }
        self.book.write(|pages| pages.connections += 1);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Ok(Order::Frame(frame)) => {
                        if seat.send(Message::text(frame)).await.is_err() {
                            return;
                        }
                    }
                    Ok(Order::HangUp) | Err(_) => return,
                },
                came = seat.next() => match came {
                    Some(Ok(Message::Text(text))) => {
                        self.book.write(|pages| pages.wrong.push(format!("it spoke: {text}")));
                    }
                    Some(Ok(_)) => {}
                    _ => return,
                },
            }
        }
    }
}
