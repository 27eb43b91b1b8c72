//! Keeps the platform's gateway: who the bot is, heartbeats, and going on where it broke off.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use hyper::HeaderMap;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::time::Instant;

use super::{Discord, Id, said_ms};
use crate::bots::{
    Ears, HearError,
    socket::{Came, Socket},
};

/// Guilds, their messages, and what is written in them.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 15;
/// A guild comes whole, with every channel, role and picture that it has.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
const HELLO_WAIT: Duration = Duration::from_secs(20);
/// As it is said there: 41 seconds. Neither a busy loop nor for ever.
const BEAT_MS: std::ops::RangeInclusive<u64> = 10..=600_000;
/// Connections in a row that broke before anything was heard: something in what is to come again
/// breaks them.
const VAIN_MAX: u32 = 3;

/// What is kept between connections, so that nothing is missed.
#[derive(Clone)]
pub struct Session {
    id: String,
    /// Where to go on; empty where that did not answer.
    url: String,
    /// The last event that was judged: whatever came after comes again.
    seq: u64,
    vain: u32,
}

#[derive(Deserialize)]
struct Frame<'a> {
    op: u8,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    s: Option<u64>,
    t: Option<String>,
}

#[derive(Deserialize)]
struct Hello {
    heartbeat_interval: u64,
}

#[derive(Deserialize)]
struct Ready {
    session_id: String,
    resume_gateway_url: String,
    user: Named,
    guilds: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: Id,
}

/// When the next heartbeat is due, and whether the last was answered.
struct Beat {
    every: Duration,
    due: Instant,
    answered: bool,
}

impl Beat {
    fn new(every: Duration) -> Beat {
        // Not everybody at once, after an outage.
        let share = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
        Beat { every, due: Instant::now() + every.mul_f64(share), answered: true }
    }

    fn wait(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }
}

fn lost(cause: impl Into<String>) -> HearError {
    HearError::Lost(cause.into())
}

impl Discord {
    pub(super) async fn listen(&self, ears: &Ears) -> Result<(), HearError> {
        let token = self.token.renew().map_err(HearError::Refused)?;
        let session = self.begun();
        let known = session.as_ref().map(|session| session.url.clone());
        let base = match known.filter(|url| !url.is_empty()) {
            Some(url) => url,
            None => self.gateway_url(&token).await?,
        };
        let url = format!("{base}/?v=10&encoding=json");
        let (tls, headers) = (&self.tools.tls, HeaderMap::new());
        let connected = Socket::connect_for(tls, &url, &headers, MESSAGE_BYTES_MAX).await;
        let mut socket = connected.map_err(|cause| {
            if let Some(session) = &mut *self.session() {
                session.url.clear();
            }
            HearError::Lost(cause)
        })?;
        let mut beat = hello(&mut socket).await?;
        let begin = match &session {
            Some(Session { id, seq, .. }) => json!({
                "op": 6, "d": { "token": &*token, "session_id": id, "seq": seq },
            }),
            None => json!({ "op": 2, "d": {
                "token": &*token,
                "intents": INTENTS,
                "properties": {
                    "os": std::env::consts::OS,
                    "browser": "tidegate",
                    "device": "tidegate",
                },
            } }),
        };
        socket.send(begin.to_string()).await.map_err(HearError::Lost)?;
        if let Some(session) = &mut *self.session() {
            session.vain += 1;
        }
        loop {
            if beat.wait().is_zero() {
                self.beat(&mut socket, &mut beat).await?;
            }
            match socket.next(beat.wait()).await.map_err(HearError::Lost)? {
                Came::Text(text) => self.frame(ears, &mut socket, &mut beat, &text).await?,
                Came::Closed(code) => return Err(self.closed(code)),
                Came::Nothing => {}
            }
        }
    }

    /// The session to go on with; given up where that was tried in vain.
    fn begun(&self) -> Option<Session> {
        let mut kept = self.session();
        *kept = kept.take().filter(|session| session.vain < VAIN_MAX);
        kept.clone()
    }

    async fn gateway_url(&self, token: &str) -> Result<String, HearError> {
        match self.settings.gateway_url.is_empty() {
            true => self.rest.gateway(token).await,
            false => Ok(self.settings.gateway_url.clone()),
        }
    }

    async fn beat(&self, socket: &mut Socket, beat: &mut Beat) -> Result<(), HearError> {
        if !std::mem::take(&mut beat.answered) {
            return Err(lost("the gateway does not answer heartbeats"));
        }
        beat.due = Instant::now() + beat.every;
        self.pulse(socket).await
    }

    async fn pulse(&self, socket: &mut Socket) -> Result<(), HearError> {
        let seq = self.session().as_ref().map(|session| session.seq);
        let sent = socket.send(json!({ "op": 1, "d": seq }).to_string()).await;
        sent.map_err(HearError::Lost)
    }

    async fn frame(
        &self,
        ears: &Ears,
        socket: &mut Socket,
        beat: &mut Beat,
        text: &str,
    ) -> Result<(), HearError> {
        let frame: Frame = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(cause) => {
                ears.strange(&cause);
                return Ok(());
            }
        };
        let d = frame.d.map_or("null", RawValue::get);
        match frame.op {
            0 => {
                self.dispatch(ears, frame.t.as_deref().unwrap_or_default(), d).await?;
                if let (Some(session), Some(seq)) = (&mut *self.session(), frame.s) {
                    (session.seq, session.vain) = (seq, 0);
                }
                Ok(())
            }
            1 => self.pulse(socket).await,
            7 => Err(lost("the gateway wants to be connected to again")),
            9 => {
                if d.trim() != "true" {
                    *self.session() = None;
                }
                Err(lost("the gateway has ended the session"))
            }
            11 => {
                beat.answered = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn dispatch(&self, ears: &Ears, kind: &str, d: &str) -> Result<(), HearError> {
        match kind {
            "READY" => self.ready(d),
            "RESUMED" => {
                self.say_ready(ears);
                Ok(())
            }
            "MESSAGE_CREATE" | "MESSAGE_UPDATE" => {
                self.said(ears, d).await;
                Ok(())
            }
            "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => {
                self.note_deleted(ears, d);
                Ok(())
            }
            _ => {
                let noted = self.guild().note(kind, d);
                match noted {
                    Ok(Some(true)) => self.say_ready(ears),
                    Ok(Some(false)) => {
                        return Err(HearError::Refused(
                            "the bot was removed from the guild".into(),
                        ));
                    }
                    Ok(None) => {}
                    Err(cause) => ears.strange(&cause),
                }
                Ok(())
            }
        }
    }

    fn ready(&self, d: &str) -> Result<(), HearError> {
        let ready: Ready = serde_json::from_str(d).map_err(|cause| lost(cause.to_string()))?;
        let Ready { session_id: id, resume_gateway_url, user, guilds } = ready;
        let url = resume_gateway_url.trim_end_matches('/').to_owned();
        // The token goes there: never with less protection than before.
        let safe = url.starts_with("wss://") || self.settings.gateway_url.starts_with("ws://");
        let url = if safe { url } else { String::new() };
        let guild = self.settings.guild;
        if !guilds.iter().any(|known| known.id == guild) {
            return Err(HearError::Refused(format!("the bot is not in the guild {guild}")));
        }
        self.guild().me = user.id;
        *self.session() = Some(Session { id, url, seq: 0, vain: 0 });
        Ok(())
    }

    fn say_ready(&self, ears: &Ears) {
        let lacking = self.guild().lacking(self.needs, &self.settings.channels);
        ears.ready(&lacking);
    }

    fn note_deleted(&self, ears: &Ears, d: &str) {
        #[derive(Deserialize)]
        struct Deleted {
            id: Option<Id>,
            #[serde(default)]
            ids: Vec<Id>,
        }
        match serde_json::from_str(d) {
            Ok(Deleted { id, ids }) => {
                let mut deleted = self.deleted();
                id.into_iter().chain(ids).for_each(|id| _ = deleted.note(&id));
            }
            Err(cause) => ears.strange(&cause),
        }
    }

    /// Why the gateway closed, and whether the session can go on.
    fn closed(&self, code: Option<u16>) -> HearError {
        let cause = match code {
            Some(4004) => "the token is not valid",
            Some(4010 | 4011) => "the bot is in too many guilds for one connection",
            Some(4012) => "the gateway does not speak version 10 any more",
            Some(4013) => "the gateway does not know the intents",
            Some(4014) => {
                "the message content intent is not granted: \
                 switch it on in the developer portal, on the bot's page"
            }
            Some(4003 | 4005 | 4007 | 4009) => {
                *self.session() = None;
                return lost("the gateway has ended the session");
            }
            Some(code) => return lost(format!("the gateway closed with code {code}")),
            None => return lost("the gateway closed"),
        };
        *self.session() = None;
        HearError::Refused(cause.to_owned())
    }
}

async fn hello(socket: &mut Socket) -> Result<Beat, HearError> {
    let until = Instant::now() + HELLO_WAIT;
    loop {
        let wait = until.saturating_duration_since(Instant::now());
        let text = match socket.next(wait).await.map_err(HearError::Lost)? {
            Came::Text(text) => text,
            Came::Closed(_) => return Err(lost("the gateway closed before it said hello")),
            Came::Nothing => return Err(lost("the gateway says no hello")),
        };
        let Ok(Frame { op: 10, d: Some(d), .. }) = serde_json::from_str(&text) else { continue };
        let hello: Hello =
            serde_json::from_str(d.get()).map_err(|cause| lost(format!("hello: {cause}")))?;
        let every = hello.heartbeat_interval.clamp(*BEAT_MS.start(), *BEAT_MS.end());
        return Ok(Beat::new(Duration::from_millis(every)));
    }
}

/// When an event was said, by the id of its message.
pub fn at_ms(id: Id) -> u64 {
    said_ms(Some(id.at_ms()))
}
