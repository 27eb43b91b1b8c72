//! Serves the gateway: hello, identify or resume, heartbeats, events in order.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{Discord, GENERAL, GUILD, ME, MODS, OWN_ROLE, OWNER, Order, Pages, RAID, Session};
use crate::fake_door::{Answer, Ask, Seat, Site};

/// Guilds, guild messages, message content.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 15;
const BEGIN_WAIT: Duration = Duration::from_secs(20);
const PAYLOAD_BYTES_MAX: usize = 4096;

/// Where a connection stands.
struct Place {
    session: String,
    sent: usize,
}

impl Site for Discord {
    fn answer(&self, ask: Ask) -> Answer {
        self.call(&ask)
    }

    fn seat(self: Arc<Self>, at: String, seat: Seat) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.sit(&at, seat).await })
    }
}

impl Discord {
    async fn sit(&self, at: &str, mut seat: Seat) {
        if at != "/gateway/?v=10&encoding=json" {
            return self.wrong(format!("the gateway was opened as {at}"));
        }
        let (mut orders, mut turns) = (self.orders.subscribe(), self.book.turns());
        let every = self.book.read(|pages| pages.beat_ms);
        let hello = json!({ "op": 10, "d": { "heartbeat_interval": every } });
        let _ = seat.send(Message::text(hello.to_string())).await;
        let Some(mut place) = self.begin(&mut seat).await else { return };
        loop {
            if !self.flush(&mut seat, &mut place).await {
                return;
            }
            tokio::select! {
                order = orders.recv() => match order {
                    Ok(Order::Raw(frame)) => _ = seat.send(Message::text(frame)).await,
                    Ok(Order::Close(code)) => return close(&mut seat, code).await,
                    Ok(Order::HangUp) | Err(_) => return,
                },
                _ = turns.changed() => {}
                came = seat.next() => match came {
                    Some(Ok(Message::Text(text))) => {
                        if let Some(code) = self.came(&mut seat, &place, &text).await {
                            return close(&mut seat, code).await;
                        }
                    }
                    Some(Ok(_)) => {}
                    _ => return,
                },
            }
        }
    }

    /// Sends whatever the session has more than was sent.
    async fn flush(&self, seat: &mut Seat, place: &mut Place) -> bool {
        let news = self.book.read(|pages| match pages.sessions.get(&place.session) {
            Some(session) if !session.over => session.log[place.sent..].to_vec(),
            _ => Vec::new(),
        });
        place.sent += news.len();
        for event in news {
            if seat.send(Message::text(event)).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn begin(&self, seat: &mut Seat) -> Option<Place> {
        let came = timeout(BEGIN_WAIT, seat.next()).await.ok()??.ok()?;
        let Message::Text(text) = came else { return None };
        let frame: Value = serde_json::from_str(&text).ok()?;
        let d = &frame["d"];
        let begun = match frame["op"].as_u64() {
            Some(2) => self.identify(d),
            Some(6) => self.resume(d),
            _ => Err(4003),
        };
        match begun {
            Ok(Some(place)) => Some(place),
            Ok(None) => {
                let over = json!({ "op": 9, "d": false }).to_string();
                let _ = seat.send(Message::text(over)).await;
                None
            }
            Err(code) => {
                close(seat, code).await;
                None
            }
        }
    }

    fn identify(&self, d: &Value) -> Result<Option<Place>, u16> {
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let properties =
            ["os", "browser", "device"].iter().all(|name| text(&d["properties"][name]));
        if !properties || d["intents"] != json!(INTENTS) {
            self.wrong(format!("identify: {} {}", d["intents"], d["properties"]));
            return Err(4013);
        }
        self.book.write(|pages| {
            if d["token"] != pages.token {
                return Err(4004);
            }
            if !pages.content_granted {
                return Err(4014);
            }
            pages.identified += 1;
            let id = format!("session-{}", pages.identified);
            let mut session = Session::default();
            session.push(
                "READY",
                &json!({
                    "v": 10,
                    "user": { "id": ME, "username": "tidegate", "bot": true },
                    "guilds": [{ "id": GUILD, "unavailable": true }],
                    "session_id": id,
                    "resume_gateway_url": format!("ws://{}/gateway", self.address),
                    "application": { "id": ME, "flags": 0 },
                }),
            );
            session.push("GUILD_CREATE", &guild(pages));
            pages.sessions.insert(id.clone(), session);
            Ok(Some(Place { session: id, sent: 0 }))
        })
    }

    fn resume(&self, d: &Value) -> Result<Option<Place>, u16> {
        self.book.write(|pages| {
            if d["token"] != pages.token {
                return Err(4004);
            }
            let id = d["session_id"].as_str().unwrap_or_default().to_owned();
            let Some(session) = pages.sessions.get_mut(&id).filter(|session| !session.over) else {
                return Ok(None);
            };
            let seq = d["seq"].as_u64().and_then(|seq| usize::try_from(seq).ok());
            let Some(sent) = seq.filter(|seq| (1..=session.log.len()).contains(seq)) else {
                pages.wrong.push(format!("resume at {}", d["seq"]));
                return Err(4007);
            };
            session.push("RESUMED", &json!({}));
            pages.resumed += 1;
            Ok(Some(Place { session: id, sent }))
        })
    }

    /// What the bot says once it is known; a code where it must go.
    async fn came(&self, seat: &mut Seat, place: &Place, text: &str) -> Option<u16> {
        if text.len() > PAYLOAD_BYTES_MAX {
            self.wrong("a payload that is too long");
            return Some(4002);
        }
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        if frame["op"] != json!(1) {
            self.wrong(format!("a strange payload: {}", frame["op"]));
            return Some(if frame["op"] == json!(2) { 4005 } else { 4001 });
        }
        // The last number that it has seen.
        let seen = frame["d"].as_u64().and_then(|seq| usize::try_from(seq).ok());
        if !frame["d"].is_null() && seen.is_none_or(|seen| seen > place.sent) {
            self.wrong(format!("a heartbeat with {} after {}", frame["d"], place.sent));
        }
        let answers = self.book.write(|pages| {
            pages.beats += 1;
            pages.answers_beats
        });
        if answers {
            let _ = seat.send(Message::text(json!({ "op": 11 }).to_string())).await;
        }
        None
    }
}

async fn close(seat: &mut Seat, code: u16) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
    let _ = seat.close(Some(frame)).await;
    // Until the other side has read it.
    let _ = timeout(Duration::from_secs(5), async { while let Some(Ok(_)) = seat.next().await {} })
        .await;
}

fn guild(pages: &Pages) -> Value {
    let channel = |id: &str, name: &str| {
        let none: [Value; 0] = [];
        json!({ "id": id, "type": 0, "name": name, "permission_overwrites": none })
    };
    let everyone = (1_u64 << 10 | 1 << 11).to_string();
    json!({
        "id": GUILD,
        "name": "The guild",
        "owner_id": OWNER,
        "roles": [
            { "id": GUILD, "name": "@everyone", "permissions": everyone },
            { "id": MODS, "name": "mods", "permissions": (1_u64 << 13).to_string() },
            { "id": OWN_ROLE, "name": "tidegate", "permissions": pages.permissions.to_string() },
        ],
        "channels": [channel(GENERAL, "general"), channel(RAID, "raid")],
        "threads": [],
        "members": [{ "user": { "id": ME }, "roles": [OWN_ROLE] }],
    })
}
