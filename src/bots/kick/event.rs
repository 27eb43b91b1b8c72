//! Reads what Kick tells: chat with its emotes, and gifts with their words.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    bots::{Heard, Target, clock::read_rfc3339, lenient},
    message::{Message, Paid, Role, Sender, now_ms},
};

/// Ids are short and plain; whatever else claims to be one is no part of a URL.
const ID_BYTES_MAX: usize = 64;

/// What an event says.
#[derive(Debug)]
pub enum Event {
    Said(Box<Heard>),
    /// Something that is no chat, worth a line in the log.
    Noted,
    /// It is not what Kick promises.
    Strange,
}

#[derive(Deserialize)]
struct Chat {
    message_id: String,
    broadcaster: User,
    sender: User,
    content: String,
    #[serde(default, deserialize_with = "lenient::list")]
    emotes: Vec<Emote>,
    #[serde(default, deserialize_with = "lenient::value")]
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct Gifted {
    broadcaster: User,
    sender: User,
    gift: Gift,
    #[serde(default, deserialize_with = "lenient::value")]
    created_at: Option<String>,
}

#[derive(Deserialize)]
struct Gift {
    amount: u64,
    #[serde(default, deserialize_with = "lenient::value")]
    message: String,
}

#[derive(Deserialize)]
struct User {
    user_id: u64,
    #[serde(default, deserialize_with = "lenient::value")]
    username: String,
    #[serde(default, deserialize_with = "lenient::value")]
    channel_slug: String,
    #[serde(default, deserialize_with = "lenient::value")]
    identity: Identity,
}

#[derive(Default, Deserialize)]
struct Identity {
    #[serde(default, deserialize_with = "lenient::list")]
    badges: Vec<Badge>,
}

#[derive(Deserialize)]
struct Badge {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Emote {
    emote_id: String,
}

impl Event {
    /// `id` is that of the delivery; `channels` are those that are moderated.
    pub fn read(id: &str, kind: &str, body: &[u8], channels: &[u64]) -> Event {
        match kind {
            "chat.message.sent" => chat(body, channels),
            "kicks.gifted" => gifted(id, body, channels),
            _ => match serde_json::from_slice::<Value>(body) {
                Ok(_) => Event::Noted,
                Err(_) => Event::Strange,
            },
        }
    }
}

fn chat(body: &[u8], channels: &[u64]) -> Event {
    let Ok(chat) = serde_json::from_slice::<Chat>(body) else { return Event::Strange };
    let Chat { message_id, broadcaster, sender, content, emotes, created_at } = chat;
    if !is_id(&message_id) {
        return Event::Strange;
    }
    if !channels.contains(&broadcaster.user_id) || content.is_empty() {
        return Event::Noted;
    }
    let text = without_ids(&content, &emotes);
    let heard = heard(&broadcaster, &sender, &message_id, text, created_at.as_deref(), None);
    // Two subscriptions tell of one message by two deliveries: its own id is the one to know.
    Event::Said(Box::new(Heard { event: message_id, ..heard }))
}

fn gifted(id: &str, body: &[u8], channels: &[u64]) -> Event {
    let Ok(gifted) = serde_json::from_slice::<Gifted>(body) else { return Event::Strange };
    let Gifted { broadcaster, sender, gift, created_at } = gifted;
    let text = gift.message;
    if text.is_empty() || !channels.contains(&broadcaster.user_id) {
        return Event::Noted;
    }
    let paid = Paid::new(&gift.amount.to_string(), "KICKs");
    // A gift's words have no id by which they could be deleted.
    let heard = heard(&broadcaster, &sender, "", text, created_at.as_deref(), paid);
    Event::Said(Box::new(Heard { event: id.to_owned(), ..heard }))
}

fn heard(
    broadcaster: &User,
    sender: &User,
    message: &str,
    text: String,
    created_at: Option<&str>,
    paid: Option<Paid>,
) -> Heard {
    let channel = match broadcaster.channel_slug.as_str() {
        "" => broadcaster.user_id.to_string(),
        slug => slug.to_owned(),
    };
    let message_id = (!message.is_empty()).then(|| message.to_owned());
    let said = Message {
        channel,
        sender: Sender {
            id: sender.user_id.to_string(),
            name: sender.username.clone(),
            roles: roles(sender, sender.user_id == broadcaster.user_id),
        },
        id: message_id,
        text,
        at_ms: created_at.and_then(read_rfc3339).unwrap_or_else(now_ms),
        paid,
        ..Message::default()
    };
    let target = Target {
        channel: broadcaster.user_id.to_string(),
        message: message.to_owned(),
        user: sender.user_id.to_string(),
    };
    Heard { event: String::new(), message: said, target, pending: None }
}

fn roles(sender: &User, owner: bool) -> Vec<Role> {
    let badges = sender.identity.badges.iter();
    let has = |kinds: &[&str]| badges.clone().any(|badge| kinds.contains(&&*badge.kind));
    let held = [
        (owner || has(&["broadcaster"]), Role::Broadcaster),
        (has(&["moderator"]), Role::Moderator),
        (has(&["vip"]), Role::Vip),
        (has(&["subscriber", "founder"]), Role::Subscriber),
    ];
    held.into_iter().filter(|(has, _)| *has).map(|(_, role)| role).collect()
}

/// `[emote:37226:KEKW]` with 0 for its number, which says nothing and may look like a phone's. Only
/// what Kick itself calls an emote: anybody can type the rest. The name is judged as an emote's.
fn without_ids(content: &str, emotes: &[Emote]) -> String {
    const OPEN: &str = "[emote:";
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find(OPEN) {
        let (before, after) = rest.split_at(at + OPEN.len());
        text.push_str(before);
        let id = after.find(':').map(|end| &after[..end]);
        let known = id.filter(|id| emotes.iter().any(|emote| emote.emote_id == *id));
        rest = match known {
            Some(id) => {
                text.push('0');
                &after[id.len()..]
            }
            None => after,
        };
    }
    text.push_str(rest);
    text
}

fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent() -> Value {
        json!({
            "message_id": "m-1",
            "replies_to": null,
            "broadcaster": { "user_id": 7, "username": "Owner", "channel_slug": "owner",
                "identity": null },
            "sender": { "is_anonymous": false, "user_id": 8, "username": "ana",
                "channel_slug": "ana", "identity": { "username_color": "#FF5733", "badges": [
                    { "text": "Moderator", "type": "moderator" },
                    { "text": "Sub", "type": "subscriber", "count": 3 },
                    { "text": "OG", "type": "og" },
                ] } },
            "content": "hi [emote:4148074:HYPERCLAP] [emote:5551234:typed]",
            "emotes": [{ "emote_id": "4148074", "positions": [{ "s": 3, "e": 27 }] }],
            "created_at": "2025-01-14T16:08:06Z",
        })
    }

    fn read(kind: &str, body: &Value) -> Event {
        Event::read("delivery", kind, body.to_string().as_bytes(), &[7])
    }

    #[test]
    fn chat_is_read_whole() {
        let Event::Said(heard) = read("chat.message.sent", &sent()) else { panic!("nothing") };
        let Heard { event, message, target, .. } = *heard;
        assert_eq!((&*event, message.id.as_deref()), ("m-1", Some("m-1")));
        assert_eq!(message.text, "hi [emote:0:HYPERCLAP] [emote:5551234:typed]");
        assert_eq!(message.sender.roles, [Role::Moderator, Role::Subscriber]);
        assert_eq!((&*message.channel, message.at_ms), ("owner", 1_736_870_886_000));
        let expected = Target { channel: "7".into(), message: "m-1".into(), user: "8".into() };
        assert_eq!(target, expected);
    }

    #[test]
    fn a_gift_carries_words_and_an_amount() {
        let gift = json!({
            "broadcaster": { "user_id": 7, "channel_slug": "owner" },
            "sender": { "user_id": 8, "username": "ana" },
            "gift": { "amount": 500, "name": "Rage Quit", "message": "w" },
            "created_at": "2025-10-20T04:00:08.634Z",
        });
        let Event::Said(heard) = read("kicks.gifted", &gift) else { panic!("nothing") };
        assert_eq!(heard.message.paid.map(|paid| paid.amount).as_deref(), Some("500 KICKs"));
        assert_eq!((heard.message.id, &*heard.event), (None, "delivery"));
    }

    #[test]
    fn the_rest_is_noted_or_strange() {
        let with = |at: &str, value: Value| {
            let mut body = sent();
            *body.pointer_mut(at).expect("it is there") = value;
            read("chat.message.sent", &body)
        };
        assert!(matches!(with("/broadcaster/user_id", json!(9)), Event::Noted));
        assert!(matches!(with("/content", json!("")), Event::Noted));
        assert!(matches!(with("/message_id", json!("../bans")), Event::Strange));
        assert!(matches!(with("/sender", json!([])), Event::Strange));
        // Of a part that is not as it should be, the rest is read.
        for (at, value) in [
            ("/emotes", json!([{ "emote_id": 7 }, null])),
            ("/emotes", json!("x")),
            ("/sender/identity", json!([])),
            ("/sender/identity/badges", json!([{ "type": null }, 7])),
            ("/sender/username", json!(7)),
            ("/created_at", json!(1_736_870_886)),
        ] {
            assert!(matches!(with(at, value), Event::Said(_)), "{at}");
        }
        assert!(matches!(read("moderation.banned", &json!({})), Event::Noted));
        let cut = Event::read("d", "chat.message.sent", b"{\"message_id\":", &[7]);
        assert!(matches!(cut, Event::Strange));
        assert!(matches!(Event::read("d", "x", &[0xff, 0xfe], &[7]), Event::Strange));
    }
}
