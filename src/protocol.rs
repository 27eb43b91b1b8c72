//! Reads chat messages out of frames and writes the answer back in the same dialect.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    config::{JsonConfig, Mode, RouteConfig},
    message::{Deleted, Fate, Gone, Language, Message},
};

mod irc;
mod json;
mod notice;
mod seat;
mod spelling;
mod splice;
mod text;

pub use json::rfc3339;
pub use spelling::Spelled;

/// One state machine per proxied connection; it sees the data frames of both legs, in order.
///
/// A protocol is pure: no I/O and no clock.
pub trait Protocol: Send {
    /// What one whole data message (fragments already joined) says.
    ///
    /// Only the judged leg yields chat: [`Leg::Client`] in `inline`, [`Leg::Server`] in `egress`.
    /// The other leg is read for state alone (a nick that changed, a channel that was joined).
    /// Binary frames are the protocol's to judge; where they cannot be, it answers as the route's
    /// `on_binary` says, with `NotChat` or `Unreadable`.
    fn read(&mut self, from: Leg, frame: &Frame, now_ms: u64) -> Reading;

    /// The frame with each unit kept, masked or removed, every other byte as it was.
    ///
    /// `None` when nothing worth sending remains. `fates` is as long as `units`.
    fn rebuild(&self, frame: &Frame, units: &[Unit], fates: &[Fate]) -> Option<Frame>;

    /// The frame that carries one unit and nothing else: what is written when it is released.
    ///
    /// [`Protocol::rebuild`] keeps what is not chat, and that was sent when the frame came.
    fn alone(&self, frame: &Frame, units: &[Unit], index: usize) -> Option<Frame> {
        self.rebuild(frame, units, &only(units.len(), index))
    }

    /// What tells the person on the client leg what became of `about`; may be empty.
    fn notice(&self, about: &Message, notice: &Notice) -> Vec<Frame>;

    /// What the server takes away with this frame, so that nobody releases it here.
    fn deleted(&self, _frame: &Frame) -> Vec<Deleted> {
        Vec::new()
    }

    /// What takes a message off the screen on the client leg, as its own server would say it at
    /// this time (Unix milliseconds); `None` where the dialect has no word for it.
    fn retract(&self, _gone: &Gone, _now_ms: u64) -> Option<Frame> {
        None
    }
}

/// The side of the proxy that a frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    Client,
    Server,
}

/// A WebSocket data message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Frame {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
        }
    }
}

/// What a frame turned out to be.
#[derive(Debug)]
pub enum Reading {
    /// Nothing to judge: it passes untouched.
    NotChat,
    /// One unit or several (IRC lines, an array of messages), in the order they stand.
    Chat(Vec<Unit>),
    /// It may be chat but cannot be understood without doubt; the route's `on_unreadable` decides.
    Unreadable(&'static str),
}

/// The smallest piece of a frame that is judged, kept, held or removed as one.
#[derive(Clone, Debug)]
pub struct Unit {
    pub message: Message,
    /// The bytes of the frame that vanish when this unit is removed.
    pub whole: Range<usize>,
    /// The bytes of the frame that spell the message's text, escapes included.
    pub text: Range<usize>,
}

/// What the sender is told.
#[derive(Clone, Debug)]
pub struct Notice {
    pub kind: NoticeKind,
    pub language: Language,
    /// The rule that acted, never how to evade it.
    pub rule: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    Dropped,
    Held,
    Released,
    Denied,
    Expired,
    TimedOut,
    /// Not for a while: until somebody lifts it.
    Banned,
    /// The name that the sender wanted, not a message.
    NameRefused,
    /// Strikes have come to a warning.
    Warned,
}

/// What a connection knows from its handshake, before the first frame.
#[derive(Clone, Debug)]
pub struct Seat {
    pub route: Arc<str>,
    pub mode: Mode,
    /// The request's path, and its query without the question mark.
    pub path: String,
    pub query: String,
    /// The subprotocol that was agreed on, if any.
    pub subprotocol: Option<String>,
}

/// The fates that keep one unit and remove all others.
fn only(units: usize, index: usize) -> Vec<Fate> {
    (0..units).map(|at| if at == index { Fate::Keep } else { Fate::Remove }).collect()
}

/// The text as a browser shows this HTML, for whoever hears it elsewhere than on a route.
pub fn shown(html: &str) -> String {
    Spelled::plain(html, 0).shown().text
}

/// A route's protocol with its settings compiled, shared by the route's connections.
pub trait Dialect: Send + Sync {
    fn open(&self, seat: Seat) -> Box<dyn Protocol>;

    /// A channel's name as its messages carry it, however somebody wrote it.
    fn channel(&self, written: &str) -> String {
        written.to_owned()
    }

    /// How a page that only reads has to listen to one channel; `number` tells it from others.
    ///
    /// # Errors
    /// Why the channel cannot be listened to.
    fn reader(&self, channel: &str, number: u32) -> Result<Reader, &'static str>;
}

/// What somebody who only reads says to a chat server, and how to read the answers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reader {
    /// `irc`, `json` or `text`.
    pub speaks: &'static str,
    /// The channel as messages carry it; empty for all.
    pub channel: String,
    /// Frames to send when the connection is open, and when the server has welcomed one.
    pub hello: Vec<String>,
    pub welcomed: Vec<String>,
    /// Where the parts of a message stand, where it speaks JSON.
    pub json: Option<JsonConfig>,
}

/// A platform whose chat anybody may read without an account.
#[derive(Clone, Copy, Debug)]
pub struct Public {
    pub name: &'static str,
    pub upstream: &'static str,
    pub protocol: &'static str,
}

/// Every such platform.
pub const PUBLIC: &[Public] = &[irc::PUBLIC];

/// Compiles a route's settings; the error says what is wrong with them.
type Compile = fn(&RouteConfig) -> Result<Arc<dyn Dialect>, String>;

/// Every protocol by the name it has in the settings.
pub const PROTOCOLS: &[(&str, Compile)] = &[
    ("text", text::compile),
    ("irc", irc::compile),
    ("json", json::compile),
    ("generic", json::compile),
    ("owncast", json::compile),
];

/// The compiled protocol of a route.
pub fn dialect(route: &RouteConfig) -> Result<Arc<dyn Dialect>, String> {
    let known = PROTOCOLS.iter().find(|(name, _)| *name == route.protocol);
    let Some((_, compile)) = known else {
        let names: Vec<_> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
        let name = &route.protocol;
        return Err(format!("protocol {name:?} is not one of {}", names.join(", ")));
    };
    compile(route)
}
