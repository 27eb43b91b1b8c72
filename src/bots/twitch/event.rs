//! Reads what EventSub delivers.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use super::helix::CHAT;
use crate::{
    bots::{
        Heard, Resolution, Target,
        clock::{read_rfc3339, said_ms},
        lenient,
    },
    message::{
        Category, Finding, Message, Paid, Role, Sender, Severity, now_ms,
        offsets::bytes_of_code_points,
    },
};

/// What is older was recorded by somebody and is played again.
const AGE_MAX_MS: u64 = 10 * 60 * 1_000;
/// Of the words of a stranger that a log or a moderator sees.
const WORD_CHARS_MAX: usize = 40;

/// What every text of EventSub looks like.
#[derive(Deserialize)]
pub struct Envelope {
    metadata: Metadata,
    #[serde(default)]
    payload: Payload,
}

#[derive(Deserialize)]
struct Metadata {
    message_id: String,
    message_type: String,
    #[serde(default)]
    message_timestamp: String,
    #[serde(default)]
    subscription_type: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    session: Session,
    subscription: Subscription,
    event: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Session {
    id: String,
    keepalive_timeout_seconds: Option<u64>,
    reconnect_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Subscription {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// What a text comes to.
pub enum News {
    Welcome {
        session: String,
        keepalive_s: u64,
    },
    Said(Box<Heard>),
    /// What AutoMod held has ended.
    Resolved {
        message: String,
        how: Resolution,
    },
    /// Where to connect to from now on.
    Moved {
        url: String,
    },
    Revoked {
        kind: String,
        status: String,
    },
    Nothing,
    Strange,
}

#[derive(Deserialize)]
struct ChatMessage {
    broadcaster_user_id: String,
    broadcaster_user_login: String,
    chatter_user_id: String,
    chatter_user_name: String,
    message_id: String,
    message: Text,
    #[serde(default, deserialize_with = "lenient::value")]
    message_type: String,
    #[serde(default, deserialize_with = "lenient::list")]
    badges: Vec<Badge>,
    #[serde(default, deserialize_with = "lenient::value")]
    cheer: Option<Cheer>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    #[serde(default, deserialize_with = "lenient::list")]
    fragments: Vec<Fragment>,
}

#[derive(Deserialize)]
struct Fragment {
    #[serde(default, deserialize_with = "lenient::value")]
    cheermote: Option<Cheer>,
}

#[derive(Deserialize)]
struct Badge {
    set_id: String,
}

#[derive(Deserialize)]
struct Cheer {
    bits: u64,
}

#[derive(Deserialize)]
struct HeldMessage {
    broadcaster_user_id: String,
    broadcaster_user_login: String,
    user_id: String,
    user_name: String,
    message_id: String,
    message: Text,
    #[serde(default, deserialize_with = "lenient::value")]
    automod: Option<AutoMod>,
    #[serde(default, deserialize_with = "lenient::value")]
    blocked_term: Option<BlockedTerm>,
    #[serde(default, deserialize_with = "lenient::value")]
    held_at: String,
}

#[derive(Deserialize)]
struct AutoMod {
    category: String,
    level: u64,
    #[serde(default, deserialize_with = "lenient::list")]
    boundaries: Vec<Boundary>,
}

#[derive(Deserialize)]
struct BlockedTerm {
    #[serde(default, deserialize_with = "lenient::list")]
    terms_found: Vec<Term>,
}

#[derive(Deserialize)]
struct Term {
    boundary: Boundary,
}

/// Code points of the text, both inclusive.
#[derive(Clone, Copy, Deserialize)]
struct Boundary {
    start_pos: usize,
    end_pos: usize,
}

#[derive(Deserialize)]
struct Update {
    message_id: String,
    status: String,
    /// Nobody where it ended by itself.
    #[serde(default, deserialize_with = "lenient::value")]
    moderator_user_login: String,
}

impl Envelope {
    pub fn news(self) -> News {
        let Envelope { metadata, payload: Payload { session, subscription, event } } = self;
        match metadata.message_type.as_str() {
            "session_welcome" if !session.id.is_empty() => News::Welcome {
                keepalive_s: session.keepalive_timeout_seconds.unwrap_or(10),
                session: session.id,
            },
            "session_reconnect" => match session.reconnect_url {
                Some(url) => News::Moved { url },
                None => News::Strange,
            },
            "session_keepalive" => News::Nothing,
            "revocation" => {
                News::Revoked { kind: word(&subscription.kind), status: word(&subscription.status) }
            }
            "notification" => metadata.notification(event),
            _ => News::Strange,
        }
    }
}

impl Metadata {
    fn notification(self, event: Value) -> News {
        let at_ms = read_rfc3339(&self.message_timestamp);
        if at_ms.is_some_and(|at| at + AGE_MAX_MS < now_ms()) {
            return News::Nothing;
        }
        let at_ms = said_ms(at_ms);
        match self.subscription_type.as_str() {
            CHAT => match serde_json::from_value::<ChatMessage>(event) {
                Ok(said) => News::Said(Box::new(said.heard(self.message_id, at_ms))),
                Err(_) => News::Strange,
            },
            "automod.message.hold" => match serde_json::from_value::<HeldMessage>(event) {
                Ok(held) => News::Said(Box::new(held.heard(self.message_id))),
                Err(_) => News::Strange,
            },
            "automod.message.update" => match serde_json::from_value::<Update>(event) {
                Ok(Update { message_id, status, moderator_user_login }) => {
                    let by = word(&moderator_user_login);
                    let how = match status.to_ascii_lowercase().as_str() {
                        "approved" => Resolution::Shown { by },
                        "denied" => Resolution::Denied { by },
                        _ => Resolution::Lapsed,
                    };
                    News::Resolved { message: message_id, how }
                }
                Err(_) => News::Strange,
            },
            _ => News::Nothing,
        }
    }
}

impl ChatMessage {
    fn heard(self, event: String, at_ms: u64) -> Heard {
        let has = |set: &str| self.badges.iter().any(|badge| badge.set_id == set);
        let roles = [
            (has("broadcaster"), Role::Broadcaster),
            (has("moderator") || has("lead_moderator"), Role::Moderator),
            (has("vip"), Role::Vip),
            (has("subscriber") || has("founder"), Role::Subscriber),
        ];
        let roles = roles.into_iter().filter(|(is, _)| *is).map(|(_, role)| role).collect();
        let paid = self.cheer.and_then(|cheer| Paid::new(&cheer.bits.to_string(), "bits"));
        Heard {
            event,
            target: Target {
                channel: self.broadcaster_user_id,
                message: self.message_id.clone(),
                user: self.chatter_user_id.clone(),
            },
            message: Message {
                channel: self.broadcaster_user_login,
                sender: Sender { id: self.chatter_user_id, name: self.chatter_user_name, roles },
                id: Some(self.message_id),
                text: self.message.text,
                at_ms,
                paid,
                first: self.message_type == "user_intro",
                ..Message::default()
            },
            pending: None,
        }
    }
}

impl HeldMessage {
    fn heard(self, event: String) -> Heard {
        let found = self.finding();
        // Only the parts of a held message say that it was paid for.
        let cheers = self.message.fragments.iter().filter_map(|part| part.cheermote.as_ref());
        let bits = cheers.fold(0_u64, |sum, cheer| sum.saturating_add(cheer.bits));
        Heard {
            event,
            target: Target {
                channel: self.broadcaster_user_id,
                message: self.message_id.clone(),
                user: self.user_id.clone(),
            },
            message: Message {
                channel: self.broadcaster_user_login,
                sender: Sender { id: self.user_id, name: self.user_name, roles: Vec::new() },
                id: Some(self.message_id),
                text: self.message.text,
                at_ms: said_ms(read_rfc3339(&self.held_at)),
                paid: Paid::new(&bits.to_string(), "bits"),
                ..Message::default()
            },
            pending: Some(found),
        }
    }

    /// What Twitch found: its category and level, and where.
    fn finding(&self) -> Finding {
        let (category, level, why, places) = match (&self.automod, &self.blocked_term) {
            (Some(AutoMod { category, level, boundaries }), _) => {
                let why = format!("AutoMod: {}, level {level}", word(category));
                (meant(category), *level, why, boundaries.clone())
            }
            (None, Some(terms)) => {
                let places = terms.terms_found.iter().map(|term| term.boundary).collect();
                (Category::Harassment, 3, "a term that the channel blocks".to_owned(), places)
            }
            (None, None) => (Category::Harassment, 1, "held by the platform".to_owned(), vec![]),
        };
        let level = u8::try_from(level.clamp(1, 4)).unwrap_or(4);
        let text = &self.message.text;
        let spans: Vec<_> = places.iter().filter_map(|place| place.bytes(text)).collect();
        let start = spans.iter().map(|span| span.start).min();
        let end = spans.iter().map(|span| span.end).max();
        Finding {
            rule: "platform".into(),
            category,
            severity: Severity::new(level).expect("it is 1 to 4"),
            span: start.zip(end).map(|(start, end)| start..end),
            why,
            shadow: false,
            scored: None,
        }
    }
}

impl Boundary {
    /// The same in bytes; nothing where it is not within the text.
    fn bytes(self, text: &str) -> Option<Range<usize>> {
        bytes_of_code_points(text, self.start_pos, self.end_pos)
    }
}

/// Our word for one of Twitch's, which come and go.
fn meant(category: &str) -> Category {
    match category {
        "racism"
        | "homophobia"
        | "misogyny"
        | "sexuality"
        | "ableism"
        | "disability"
        | "race_ethnicity_or_religion"
        | "sexuality_sex_or_gender" => Category::Hate,
        "sexwords" | "sex_based_terms" => Category::Sexual,
        "swearing" | "profanity" => Category::Profanity,
        _ => Category::Harassment,
    }
}

/// A stranger's word, short and harmless to show.
fn word(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.chars().filter(plain).take(WORD_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_code_points_with_both_ends() {
        let check = |text: &str, start_pos, end_pos, expected: Option<&str>| {
            let span = Boundary { start_pos, end_pos }.bytes(text);
            assert_eq!(span.map(|span| &text[span]), expected, "{text} {start_pos} {end_pos}");
        };
        check("😂 blorp", 2, 6, Some("blorp"));
        check("a Kappa 😂😂 foo private", 11, 13, Some("foo"));
        check("é", 0, 0, Some("é"));
        check("abc", 2, 1, None);
        check("abc", 0, 3, None);
        check("", 0, 0, None);
        check("abc", usize::MAX, usize::MAX, None);
    }

    #[test]
    fn strange_words_are_short_and_plain() {
        assert_eq!(word("swearing"), "swearing");
        assert_eq!(word("\u{202e}<b>\n"), "b");
        assert_eq!(word(&"x".repeat(100)).len(), WORD_CHARS_MAX);
    }
}
