//! Knows where Twitch departs from other IRC servers.

use super::{Line, NoticeKind};
use crate::{message::Paid, protocol::Public};

/// Its chat over WebSocket, which anybody may read without an account.
pub const PUBLIC: Public =
    Public { name: "twitch", upstream: "wss://irc-ws.chat.twitch.tv", protocol: "irc" };

/// What a reader asks for: ids, names and payments, and what is deleted afterwards.
pub const CAPABILITIES: &str = "twitch.tv/tags twitch.tv/commands";

/// Names that may read and never write, with any number.
pub const READER: &str = "justinfan";

/// Whether a chat server is Twitch's own.
pub fn is_at(upstream: &str) -> bool {
    upstream.to_ascii_lowercase().starts_with(PUBLIC.upstream)
}

/// Twitch allows 500 characters of any length; this holds them and what stands around them.
pub const LINE_MAX: usize = 2560;

/// Whether a client asks for Twitch's capabilities, or a server grants them.
pub fn named(capabilities: &str) -> bool {
    capabilities.contains("twitch.tv/")
}

/// Twitch's own codes for what Tidegate does as well.
pub fn notice_id(kind: NoticeKind) -> Option<&'static str> {
    match kind {
        NoticeKind::Dropped | NoticeKind::Denied => Some("msg_rejected_mandatory"),
        NoticeKind::Held => Some("msg_rejected"),
        NoticeKind::TimedOut => Some("msg_timedout"),
        NoticeKind::Banned => Some("msg_banned"),
        NoticeKind::Released
        | NoticeKind::Expired
        | NoticeKind::NameRefused
        | NoticeKind::Warned => None,
    }
}

/// What was paid with a message that came from the server.
pub fn paid(line: &Line) -> Option<Paid> {
    Paid::new(line.tag("bits")?, "bits")
}

/// Whether the server marks a message as its sender's first in the channel.
pub fn is_first(line: &Line) -> bool {
    line.tag("first-msg") == Some("1")
}
