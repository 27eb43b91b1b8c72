//! Reads one item of a live chat: what was said, by whom, and what was paid for it.

use serde_json::Value;

use crate::{
    bots::{Heard, Target, clock::read_rfc3339},
    message::{Message, Paid, Role, Sender},
};

/// A live chat, and the channel that broadcasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    pub id: String,
    pub channel: String,
}

/// What an item says.
#[derive(Debug)]
pub enum Item {
    Said(Box<Heard>),
    /// Nothing more will be said in this chat.
    Ended,
    /// Something that is no chat, or that was said too long ago.
    Other,
    /// It is not what the API promises.
    Strange,
}

impl Item {
    /// `since_ms`: what was said before is history.
    pub fn read(item: &Value, chat: &Chat, since_ms: u64) -> Item {
        let snippet = &item["snippet"];
        let text = |at: &str| snippet.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let (id, kind) = (item["id"].as_str().unwrap_or_default(), text("/type"));
        let (said, payment) = match kind {
            "chatEndedEvent" => return Item::Ended,
            "textMessageEvent" => (text("/textMessageDetails/messageText"), None),
            "superChatEvent" => {
                (text("/superChatDetails/userComment"), Some(&snippet["superChatDetails"]))
            }
            "superStickerEvent" => {
                let sticker = &snippet["superStickerDetails"];
                (text("/superStickerDetails/superStickerMetadata/altText"), Some(sticker))
            }
            "fanFundingEvent" => {
                let fund = &snippet["fanFundingEventDetails"];
                (text("/fanFundingEventDetails/userComment"), Some(fund))
            }
            "memberMilestoneChatEvent" => (text("/memberMilestoneChatDetails/userComment"), None),
            "" => return Item::Strange,
            _ => return Item::Other,
        };
        let at_ms = read_rfc3339(text("/publishedAt"));
        let sender = sender(&item["authorDetails"], text("/authorChannelId"));
        let (Some(at_ms), false, false) = (at_ms, id.is_empty(), sender.id.is_empty()) else {
            return Item::Strange;
        };
        if said.is_empty() || at_ms < since_ms {
            return Item::Other;
        }
        let target =
            Target { channel: chat.id.clone(), message: id.to_owned(), user: sender.id.clone() };
        let channel = if chat.channel.is_empty() { &chat.id } else { &chat.channel };
        let message = Message {
            channel: channel.clone(),
            sender,
            id: Some(id.to_owned()),
            text: said.to_owned(),
            at_ms,
            paid: payment.and_then(paid),
            ..Message::default()
        };
        Item::Said(Box::new(Heard { event: id.to_owned(), message, target, pending: None }))
    }
}

fn sender(author: &Value, id: &str) -> Sender {
    let text = |name: &str| author[name].as_str().unwrap_or_default();
    let id = if id.is_empty() { text("channelId") } else { id };
    // A verified channel is nobody's friend for that: it says who it is, not what it is here.
    let roles = [
        ("isChatOwner", Role::Broadcaster),
        ("isChatModerator", Role::Moderator),
        ("isChatSponsor", Role::Subscriber),
    ];
    let held = roles.into_iter().filter(|(name, _)| author[*name] == Value::Bool(true));
    Sender {
        id: id.to_owned(),
        name: text("displayName").to_owned(),
        roles: held.map(|(_, role)| role).collect(),
    }
}

/// Micros are millionths of the currency, a string where they may be large.
fn paid(details: &Value) -> Option<Paid> {
    let micros = &details["amountMicros"];
    let micros = micros.as_u64().or_else(|| micros.as_str()?.parse().ok())?;
    let exact = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let cents = exact.len() - 4;
    let digits = exact.trim_end_matches('0').len().max(cents);
    Paid::new(&exact[..digits], details["currency"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(item: &Value) -> Item {
        let chat = Chat { id: "chat".into(), channel: "UCowner".into() };
        Item::read(item, &chat, 1_000)
    }

    fn item(kind: &str, details: (&str, Value)) -> Value {
        let mut item = json!({
            "id": "m1",
            "snippet": { "type": kind, "publishedAt": "2026-01-01T00:00:00Z" },
            "authorDetails": { "channelId": "UCana", "displayName": "ana" },
        });
        item["snippet"][details.0] = details.1;
        item
    }

    #[test]
    fn text_and_payment_are_found_wherever_they_stand() {
        let money = |micros: Value, more: (&str, Value)| {
            let mut details = json!({ "amountMicros": micros, "currency": "EUR" });
            details[more.0] = more.1;
            details
        };
        for (kind, field, details, text, amount) in [
            ("textMessageEvent", "textMessageDetails", json!({ "messageText": "hi" }), "hi", None),
            (
                "superChatEvent",
                "superChatDetails",
                money(json!("5000000"), ("userComment", json!("yo"))),
                "yo",
                Some("5.00 EUR"),
            ),
            (
                "superChatEvent",
                "superChatDetails",
                money(json!(1_990_000), ("userComment", json!("yo"))),
                "yo",
                Some("1.99 EUR"),
            ),
            (
                "superStickerEvent",
                "superStickerDetails",
                money(json!("125"), ("superStickerMetadata", json!({ "altText": "a cat" }))),
                "a cat",
                Some("0.000125 EUR"),
            ),
            (
                "memberMilestoneChatEvent",
                "memberMilestoneChatDetails",
                json!({ "userComment": "a year" }),
                "a year",
                None,
            ),
        ] {
            let Item::Said(heard) = read(&item(kind, (field, details))) else {
                panic!("{kind} says nothing")
            };
            let message = heard.message;
            assert_eq!((&*message.text, &*message.channel), (text, "UCowner"), "{kind}");
            assert_eq!(message.paid.map(|paid| paid.amount).as_deref(), amount, "{kind}");
            assert_eq!((&*heard.target.channel, &*heard.target.user), ("chat", "UCana"), "{kind}");
        }
    }

    #[test]
    fn what_is_no_chat_says_nothing() {
        let gift = item("membershipGiftingEvent", ("membershipGiftingDetails", json!({})));
        assert!(matches!(read(&gift), Item::Other));
        let mut old = item("textMessageEvent", ("textMessageDetails", json!({"messageText": "x"})));
        old["snippet"]["publishedAt"] = json!("1970-01-01T00:00:00Z");
        assert!(matches!(read(&old), Item::Other));
        old["snippet"]["publishedAt"] = json!(7);
        assert!(matches!(read(&old), Item::Strange));
        assert!(matches!(read(&json!([1, { "snippet": null }])), Item::Strange));
        assert!(matches!(read(&Value::Null), Item::Strange));
        let end = json!({ "id": "e", "snippet": { "type": "chatEndedEvent" } });
        assert!(matches!(read(&end), Item::Ended));
    }

    #[test]
    fn roles_are_those_in_the_chat() {
        let author = json!({
            "channelId": "UCa", "displayName": "a", "isVerified": true, "isChatOwner": false,
            "isChatModerator": true, "isChatSponsor": true,
        });
        assert_eq!(sender(&author, "").roles, [Role::Moderator, Role::Subscriber]);
    }
}
