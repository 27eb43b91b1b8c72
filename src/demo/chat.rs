//! Seats people in the demo's chat room and carries what they say to everybody.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::broadcast,
    time::{Instant, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// The only channel that the room's page shows; others are carried all the same.
pub const CHANNEL: &str = "main";

/// One message: what Tidegate itself lets through, so that the room is never the narrower of both.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Messages that a reader may be behind before it is dropped: two seconds of a very busy room.
const BACKLOG_MAX: usize = 1024;
/// A reader that takes nothing for this long is dropped.
const STALL: Duration = Duration::from_secs(5);
/// A silent peer is asked this often whether it is there …
const PING: Duration = Duration::from_secs(20);
/// … and is gone when nothing came for this long.
const DEAD: Duration = Duration::from_secs(60);
/// What a newcomer is shown of what was said before: a screenful,
const PAST_MAX: usize = 50;
/// in one frame that fits into Tidegate's limit with room to spare.
const PAST_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;
/// What is read away after a close that the peer has not seen yet.
const REST_BYTES_MAX: u64 = 1024 * 1024;
/// A name as long as a line of the page is wide.
const NAME_CHARS_MAX: usize = 40;

/// For whom a connection speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The handshake named this person; the room lets it speak for nobody else.
    Named(String),
    /// Nobody was named: each message says who speaks.
    Guest,
    /// Tidegate, for messages released after their sender left.
    Service,
}

impl Who {
    /// A name that can be shown in one line, or nothing.
    pub fn named(name: &str) -> Option<Who> {
        let name = name.trim();
        let fits = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX;
        (fits && !name.chars().any(char::is_control)).then(|| Who::Named(name.to_owned()))
    }
}

/// Everybody who is in the room, and the last things that were said.
pub struct Hub {
    heard: broadcast::Sender<Utf8Bytes>,
    past: Mutex<Past>,
    next_id: AtomicU64,
}

#[derive(Default)]
struct Past {
    lines: VecDeque<Utf8Bytes>,
    bytes: usize,
}

#[derive(Serialize)]
struct Chat<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    channel: &'a str,
    user: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Welcome<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    channel: &'a str,
    user: Option<&'a str>,
}

impl Hub {
    pub fn new() -> Hub {
        let (heard, _) = broadcast::channel(BACKLOG_MAX);
        Hub { heard, past: Mutex::default(), next_id: AtomicU64::new(1) }
    }

    /// Says a frame to everybody if it is chat, or takes back what its sender said before; anything
    /// else is ignored.
    fn hear(&self, who: &Who, frame: &Utf8Bytes) {
        let fresh = || format!("r{}", self.next_id.fetch_add(1, Ordering::Relaxed));
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match (spoken(who, frame, fresh), removed(frame)) {
            (Some(line), _) => line,
            (None, Some(id)) if past.take_back(who, &id) => removal(&id),
            (None, _) => return,
        };
        past.remember(line.clone());
        // Sent under the lock, so that a newcomer hears each line exactly once. It fails only when
        // nobody listens.
        let _ = self.heard.send(line);
    }

    /// What was said so far, and everything from now on.
    fn join(&self) -> (Vec<Utf8Bytes>, broadcast::Receiver<Utf8Bytes>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        (past.lines.iter().cloned().collect(), self.heard.subscribe())
    }
}

impl Past {
    /// Forgets a message of this sender; whether there was one.
    fn take_back(&mut self, who: &Who, id: &str) -> bool {
        let Who::Named(name) = who else { return false };
        let own = |line: &Utf8Bytes| {
            let said: Map<String, Value> = serde_json::from_str(line).unwrap_or_default();
            let field = |key: &str| said.get(key).and_then(Value::as_str);
            field("id") == Some(id) && field("user") == Some(name)
        };
        let Some(at) = self.lines.iter().position(own) else { return false };
        self.bytes -= self.lines.remove(at).map_or(0, |line| line.len());
        true
    }

    fn remember(&mut self, line: Utf8Bytes) {
        if line.len() > PAST_BYTES_MAX {
            return;
        }
        // A newcomer is not told of what is not there any more.
        if removed(&line).is_some() {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > PAST_MAX || self.bytes > PAST_BYTES_MAX {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
        }
    }
}

/// The id of the message that a frame takes back.
fn removed(frame: &str) -> Option<String> {
    let object: Map<String, Value> = serde_json::from_str(frame).ok()?;
    let field = |key: &str| object.get(key).and_then(Value::as_str);
    (field("type") == Some("remove")).then(|| field("id").unwrap_or_default().to_owned())
}

fn removal(id: &str) -> Utf8Bytes {
    serde_json::json!({ "type": "remove", "id": id }).to_string().into()
}

/// What a frame says to the room; `None` when it is not chat.
///
/// A complete frame is carried byte for byte, so that what Tidegate passed stays what was written.
fn spoken(who: &Who, frame: &Utf8Bytes, fresh: impl FnOnce() -> String) -> Option<Utf8Bytes> {
    let object: Map<String, Value> = serde_json::from_str(frame).ok()?;
    let field = |key: &str| object.get(key).and_then(Value::as_str).filter(|it| !it.is_empty());
    let text = field("text").filter(|text| !text.trim().is_empty())?;
    if field("type") != Some("chat") {
        return None;
    }
    let claimed = field("user");
    let user = match who {
        Who::Named(name) => name,
        Who::Guest | Who::Service => claimed.unwrap_or("guest"),
    };
    let (id, channel) = (field("id"), field("channel"));
    if claimed == Some(user) && id.is_some() && channel.is_some() {
        return Some(frame.clone());
    }
    let id = id.map_or_else(fresh, str::to_owned);
    let chat = Chat { kind: "chat", id: &id, channel: channel.unwrap_or(CHANNEL), user, text };
    serde_json::to_string(&chat).ok().map(Utf8Bytes::from)
}

/// Bounds for one connection; the buffers are small because a demo's messages are.
pub fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(4 * 1024)
        .max_write_buffer_size(4 * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// Serves one connection until either side ends it.
pub async fn sit<S>(hub: &Hub, who: Who, mut socket: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let code = match converse(hub, &who, &mut socket).await {
        Some(code) => code,
        None => return,
    };
    let frame = CloseFrame { code, reason: Utf8Bytes::default() };
    // What the peer still sends is read away: closing a socket with unread bytes resets it, and
    // the peer would never learn why. It may also be gone already, and then nobody needs to.
    let _ = timeout(STALL, async {
        socket.close(Some(frame)).await?;
        socket.get_mut().shutdown().await.map_err(Error::Io)?;
        let mut rest = socket.get_mut().take(REST_BYTES_MAX);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map_err(Error::Io)
    })
    .await;
}

/// Relays until the connection ends: with a code to send, or with nothing more to say.
async fn converse<S>(hub: &Hub, who: &Who, socket: &mut WebSocketStream<S>) -> Option<CloseCode>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (past, mut heard) = hub.join();
    write(socket, welcome(who)).await.ok()?;
    if !past.is_empty() {
        write(socket, history(&past)).await.ok()?;
    }
    let mut asked = interval(PING);
    let mut last = Instant::now();
    loop {
        let out = tokio::select! {
            frame = socket.next() => match frame? {
                Ok(Message::Close(_)) => return None,
                Ok(frame) => {
                    last = Instant::now();
                    if let Message::Text(text) = &frame {
                        hub.hear(who, text);
                    }
                    continue;
                }
                Err(Error::Capacity(_)) => return Some(CloseCode::Size),
                Err(Error::Protocol(_)) => return Some(CloseCode::Protocol),
                Err(Error::Utf8(_)) => return Some(CloseCode::Invalid),
                Err(_) => return None,
            },
            line = heard.recv() => match line {
                Ok(line) => Message::Text(line),
                // Too far behind: better gone and back than a chat with holes.
                Err(_) => return Some(CloseCode::Again),
            },
            _ = asked.tick() => match last.elapsed() > DEAD {
                true => return None,
                false => Message::Ping(Vec::new().into()),
            },
        };
        write(socket, out).await.ok()?;
    }
}

/// Writes within the time that a slow reader is given.
async fn write<S>(socket: &mut WebSocketStream<S>, frame: Message) -> Result<(), ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(STALL, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

fn welcome(who: &Who) -> Message {
    let user = match who {
        Who::Named(name) => Some(name.as_str()),
        Who::Guest | Who::Service => None,
    };
    let welcome = Welcome { kind: "welcome", channel: CHANNEL, user };
    Message::Text(serde_json::to_string(&welcome).unwrap_or_default().into())
}

/// The past in a frame of its own kind: nobody takes it for something that is said now.
fn history(past: &[Utf8Bytes]) -> Message {
    let lines: Vec<&str> = past.iter().map(|line| line.as_str()).collect();
    // Each line is a whole JSON object that was parsed before it was remembered.
    Message::Text(format!(r#"{{"type":"history","messages":[{}]}}"#, lines.join(",")).into())
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[test]
    fn only_chat_is_spoken_and_only_for_oneself() {
        let ada = Who::named("ada").unwrap();
        let whole = r#"{"type":"chat","id":"7","channel":"x","user":"ada","text":"hi","more":[1]}"#;
        let stamped = r#"{"type":"chat","id":"7","channel":"x","user":"ada","text":"hi"}"#;
        let bare = r#"{"type":"chat","text":"hi"}"#;
        let by = |user: &str| {
            format!(
                r#"{{"type":"chat","id":"fresh","channel":"main","user":"{user}","text":"hi"}}"#
            )
        };
        let check = |who: &Who, frame: &str, expected: Option<&str>| {
            let said = spoken(who, &frame.into(), || "fresh".into());
            assert_eq!(said.as_ref().map(|said| said.as_str()), expected, "{who:?} {frame}");
        };
        check(&ada, whole, Some(whole));
        check(&Who::named("bob").unwrap(), whole, Some(&stamped.replace("ada", "bob")));
        check(&Who::Service, whole, Some(whole));
        check(&Who::Guest, whole, Some(whole));
        check(&ada, bare, Some(&by("ada")));
        check(&Who::Guest, bare, Some(&by("guest")));
        check(&ada, r#"{"type":"typing","text":"hi"}"#, None);
        check(&ada, r#"{"type":"chat","text":"  "}"#, None);
        check(&ada, r#"{"type":"chat","text":7}"#, None);
        check(&ada, r#"{"type":"chat"}"#, None);
        check(&ada, r#"["chat"]"#, None);
        check(&ada, "hi", None);
        check(&ada, "", None);
    }

    #[test]
    fn people_take_back_what_they_said_themselves() {
        let [ada, bob] = ["ada", "bob"].map(|name| Who::named(name).unwrap());
        let mut past = Past::default();
        past.remember(
            spoken(&ada, &r#"{"type":"chat","id":"7","text":"hi"}"#.into(), String::new).unwrap(),
        );
        let removal = removal("7");
        assert_eq!(removed(&removal).as_deref(), Some("7"));
        for (who, id, expected) in
            [(&bob, "7", false), (&Who::Guest, "7", false), (&ada, "8", false), (&ada, "7", true)]
        {
            assert_eq!(past.take_back(who, id), expected, "{who:?} {id}");
        }
        past.remember(removal);
        assert_eq!((past.lines.len(), past.bytes), (0, 0));
    }

    #[test]
    fn a_name_fits_on_one_line() {
        let check = |name: &str, expected: Option<&str>| {
            let expected = expected.map(|name| Who::Named(name.into()));
            assert_eq!(Who::named(name), expected, "{name:?}");
        };
        check("ada", Some("ada"));
        check(" Zoé ", Some("Zoé"));
        check("", None);
        check("  ", None);
        check("a\nb", None);
        check(&"x".repeat(NAME_CHARS_MAX), Some(&"x".repeat(NAME_CHARS_MAX)));
        check(&"x".repeat(NAME_CHARS_MAX + 1), None);
    }

    #[test]
    fn the_past_is_bounded_in_lines_and_bytes() {
        let check = |line: usize, times: usize, kept: usize| {
            let mut past = Past::default();
            (0..times).for_each(|_| past.remember("x".repeat(line).into()));
            assert_eq!((past.lines.len(), past.bytes), (kept, kept * line), "{line} x {times}");
        };
        check(1, 3, 3);
        check(1, 3 * PAST_MAX, PAST_MAX);
        check(PAST_BYTES_MAX, 2, 1);
        check(PAST_BYTES_MAX / 4, 9, 4);
        check(PAST_BYTES_MAX + 1, 1, 0);
    }

    /// On one thread, the reader cannot run while the lines are said: it is behind at once.
    #[tokio::test(flavor = "current_thread")]
    async fn a_reader_that_fell_behind_is_told_to_come_again() {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let hub = Hub::new();
        let said = &hub;
        let server = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
        let mut client = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let reads = async move {
            let welcome = client.next().await.unwrap().unwrap();
            assert!(welcome.to_text().unwrap().contains("welcome"));
            let frame: Utf8Bytes = r#"{"type":"chat","text":"hi"}"#.into();
            (0..=BACKLOG_MAX).for_each(|_| said.hear(&Who::Guest, &frame));
            loop {
                match client.next().await.unwrap().unwrap() {
                    Message::Close(frame) => break frame.unwrap().code,
                    Message::Text(text) => panic!("{text}"),
                    _ => {}
                }
            }
        };
        let (_, code) = tokio::join!(sit(&hub, Who::Guest, server), reads);
        assert_eq!(code, CloseCode::Again);
    }
}
