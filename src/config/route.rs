//! Settles how a route leads to a chat server, and where in a frame its messages stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ServiceConfig;
use crate::message::Language;

/// Among `origins`: every page that this machine itself serves.
pub const LOOPBACK: &str = "loopback";

/// One way through the proxy: a path prefix and the chat server behind it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteConfig {
    /// The route's name in policy, metrics and console; its path where none is given.
    pub name: String,
    /// A path prefix; the longest that fits wins.
    pub path: String,
    /// `ws://`, `wss://`: where the chat server is. A path here replaces the route's prefix.
    pub upstream: String,
    pub protocol: String,
    pub mode: Mode,
    pub policy: String,
    /// The policies of single channels, by the channel's name; the others have the route's.
    pub channels: BTreeMap<String, String>,
    /// Origins that browsers may come from; `*` lets the upstream decide, [`LOOPBACK`] is this
    /// machine.
    pub origins: Vec<String>,
    /// Plain HTTP below the path.
    pub http: HttpMode,
    /// Path prefixes that are answered 403 (a history that would show held messages).
    pub blocked_paths: Vec<String>,
    /// A frame that may be chat but cannot be understood without doubt.
    pub on_unreadable: Unjudged,
    /// A binary frame without chat that can be judged, where the protocol speaks text.
    pub on_binary: Unjudged,
    pub language: Language,
    /// Whether compression is offered to the chat server.
    pub compression: Compression,
    /// Where the client's identity stands in its handshake, if it can be trusted there.
    pub identity: Option<IdentityConfig>,
    /// A connection of Tidegate's own, for releases whose sender is gone.
    pub service: Option<ServiceConfig>,
    /// JSON pointers, for `protocol = "json"`.
    pub json: Option<JsonConfig>,
    /// Inline: clients cannot say that they paid unless they did (a server before this one sees
    /// to it). In egress the server's word is taken either way.
    pub trust_paid: bool,
}

impl Default for RouteConfig {
    fn default() -> Self {
        RouteConfig {
            name: String::new(),
            path: "/".into(),
            upstream: String::new(),
            protocol: "generic".into(),
            mode: Mode::Inline,
            policy: "standard".into(),
            channels: BTreeMap::new(),
            origins: vec!["*".into()],
            http: HttpMode::Block,
            blocked_paths: Vec::new(),
            on_unreadable: Unjudged::Drop,
            on_binary: Unjudged::Drop,
            language: Language::En,
            compression: Compression::Off,
            identity: None,
            service: None,
            json: None,
            trust_paid: false,
        }
    }
}

impl RouteConfig {
    /// The name it goes by: its path where it has none of its own.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { &self.path } else { &self.name }
    }
}

/// Where in the path a route stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Client to its own chat server: nothing reaches others before the verdict.
    #[default]
    Inline,
    /// Chat server to one screen: keeps it off this screen.
    Egress,
}

impl Mode {
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Inline => "inline",
            Mode::Egress => "egress",
        }
    }
}

/// Whether messages may be compressed on a leg (permessage-deflate).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    #[default]
    Off,
    On,
}

/// What becomes of plain HTTP requests on a route's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpMode {
    /// Passed to the upstream unchanged and unjudged.
    Pass,
    #[default]
    Block,
}

/// What becomes of a frame that cannot be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unjudged {
    Pass,
    #[default]
    Drop,
}

/// Where a handshake says who the client is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    pub from: IdentitySource,
    /// The header's, cookie's or query parameter's name.
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentitySource {
    Header,
    Cookie,
    Query,
}

/// Where the parts of a chat message stand in a JSON frame, as RFC 6901 pointers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct JsonConfig {
    /// The array of messages in a frame; empty where the frame is one message.
    pub messages: String,
    /// A value that says that this is chat, for instance `/type` is one of `chat`.
    pub kind: String,
    pub kinds: Vec<String>,
    /// The text; required.
    pub text: String,
    /// Where the text stands in a message that has none there (a paid message's comment).
    pub text_or: String,
    pub user: String,
    pub name: String,
    pub channel: String,
    pub id: String,
    /// Read from the server alone (`egress`): what clients say they are is not believed.
    pub roles: String,
    /// What was paid for the message, a number or as it is shown, and in what.
    pub paid: String,
    pub currency: String,
    /// Values at `kind` that tell of a sender's name, and where the new name stands.
    pub name_kinds: Vec<String>,
    pub new_name: String,
    /// A string that holds JSON of its own, in which the pointers above then apply. One of them
    /// that starts with `^` (`^/event`) stays outside: it starts from the frame, or from the line.
    pub inner: String,
    /// The text is HTML: judged as a browser shows it, masked between its tags.
    pub html: bool,
    /// Several JSON values in one frame, one a line.
    pub lines: bool,
    /// Values at `kind` that take messages away again, where the ids stand (one, or an array), and
    /// where something true says that they are not taken away.
    pub removed_kinds: Vec<String>,
    pub removed: String,
    pub removed_unless: String,
    /// The same event from Tidegate, for what a moderator takes off a screen: a template with
    /// `{id}` and `{time}`.
    pub removal: String,
    /// A notice to the sender, a template with `{id}`, `{verdict}`, `{rule}`, `{text}` and
    /// `{time}`.
    pub notice: String,
}
