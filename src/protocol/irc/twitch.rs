//! Knows where Twitch departs from other IRC servers.

use super::NoticeKind;

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
        NoticeKind::Released | NoticeKind::Expired => None,
    }
}
