//! Reads what platforms tell the bots, and believes no signature that is none.

use std::sync::LazyLock;

use serde_json::Value;
use tidegate::{
    bots::Heard,
    fuzzing::{Chat, Envelope, Guild, Id, Item, KickEvent, News, OwncastEvent, Seal},
};

use crate::input::Input;

/// Between the events of one input.
const BETWEEN: u8 = b'\x1e';
/// Channels that are moderated, for whoever asks.
const CHANNELS: [u64; 2] = [7, 123_456];

pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(6) {
        0 => twitch(input.bytes()),
        1 => youtube(input.bytes()),
        2 => kick(input),
        3 => owncast(input.bytes()),
        4 => discord(input),
        _ => sealed(input),
    }
}

fn heard(heard: &Heard) {
    let text = &heard.message.text;
    if let Some(span) = heard.pending.as_ref().and_then(|finding| finding.span.clone()) {
        assert!(text.get(span.clone()).is_some_and(|said| !said.is_empty()), "{span:?}: {text:?}");
    }
    if let Some(paid) = &heard.message.paid {
        assert!(!paid.amount.is_empty() && paid.amount.len() < 64, "{paid:?}");
    }
}

fn twitch(bytes: &[u8]) {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(bytes) else { return };
    match envelope.news() {
        News::Said(said) => heard(&said),
        News::Revoked { kind, status } => {
            assert!(!(kind + &status).contains(char::is_control));
        }
        _ => {}
    }
}

fn youtube(bytes: &[u8]) {
    let chat = Chat { id: "chat".into(), channel: "ana".into() };
    let Ok(item) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Item::Said(said) = Item::read(&item, &chat, 1_000) {
        heard(&said);
        assert!(!said.message.text.is_empty() && !said.target.user.is_empty());
        assert!(said.message.at_ms >= 1_000, "it was said before");
    }
}

fn kick(mut input: Input) {
    let kind = input.pick(&["chat.message.sent", "kicks.gifted", "other"]);
    if let KickEvent::Said(said) = KickEvent::read("delivery", kind, input.bytes(), &CHANNELS) {
        heard(&said);
        assert!(!said.message.text.is_empty());
        assert!(CHANNELS.iter().any(|channel| channel.to_string() == said.target.channel));
        // It becomes part of an address.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        assert!(said.target.message.chars().all(plain), "{:?}", said.target.message);
    }
}

fn owncast(bytes: &[u8]) {
    if let Ok(OwncastEvent::Chat(chat)) = serde_json::from_slice(bytes) {
        let message = chat.message();
        assert!(message.id.is_some());
    }
}

fn discord(input: Input) {
    let id = |text: &str| Id::read(text).expect("digits");
    let mut guild = Guild::new(id("1"));
    for event in input.pieces(BETWEEN) {
        let text = String::from_utf8_lossy(event);
        let (kind, d) = text.split_once(' ').unwrap_or((&text, ""));
        // What is wrong with an event is told; it changes nothing then.
        let _ = guild.note(kind, d);
    }
    let (room, _) = guild.room(id("2"));
    guild.owns(room);
    guild.moderates(&[id("3"), room]);
}

/// Nobody signs without the private key, which nobody here has.
fn sealed(mut input: Input) {
    static KEY: LazyLock<String> = LazyLock::new(|| {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/keys/test-only.pub.pem");
        std::fs::read_to_string(file).expect("the key is there")
    });
    let seal = Seal::default();
    let known = input.flag();
    let bytes = input.bytes();
    let text = String::from_utf8_lossy(bytes);
    let (pem, signature) = text.split_once('\x1e').unwrap_or((&text, ""));
    match known {
        true => assert_eq!(seal.trust(&KEY), Ok(())),
        false => assert_eq!(seal.trust(pem).is_ok(), seal.has_key()),
    }
    if known {
        assert!(!seal.holds("id", "2026-01-01T00:00:00Z", pem.as_bytes(), signature), "a forgery");
    } else {
        seal.holds("id", "2026-01-01T00:00:00Z", pem.as_bytes(), signature);
    }
}
