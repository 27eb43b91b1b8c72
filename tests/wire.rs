//! Reads and rebuilds frames shaped like real ones with every protocol, by the tables in `wire/`.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use serde::Deserialize;
use tidegate::{
    config::{JsonConfig, Mode, RouteConfig, Unjudged},
    message::{Fate, Language, Role},
    protocol::{Frame, Leg, Notice, NoticeKind, Protocol, Reading, Seat, Unit, dialect},
};

#[path = "wire/random.rs"]
mod random;

/// The user in a table where the sender is known by the connection alone.
const STRANGER: &str = "(connection)";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

/// One frame and what has to come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    protocol: String,
    mode: Mode,
    json: Option<JsonConfig>,
    #[serde(default)]
    on_binary: Unjudged,
    #[serde(default)]
    query: String,
    /// Frames that came before, as `"> client's"` and `"< server's"`.
    #[serde(default)]
    before: Vec<String>,
    frame: Option<String>,
    /// The frame is binary; with `hex` its bytes are these.
    #[serde(default)]
    binary: bool,
    hex: Option<String>,
    #[serde(default)]
    trust_paid: bool,
    /// Exactly one of these.
    not_chat: Option<bool>,
    unreadable: Option<String>,
    #[serde(default)]
    unit: Vec<Expected>,
    /// The frame when the first unit is masked, removed, or sent alone; `removed = ""` for none.
    masked: Option<String>,
    removed: Option<String>,
    alone: Option<String>,
    /// What the sender of the first unit gets when it is dropped and when it is held.
    dropped: Option<Vec<String>>,
    held: Option<Vec<String>>,
    /// What the sender of the first unit gets when that name is refused.
    refused: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    text: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    user: String,
    /// The user's name where it is not their id.
    name: Option<String>,
    #[serde(default)]
    roles: Vec<Role>,
    /// The bytes that spell the text, where they are not the text.
    spelling: Option<String>,
    whole: Option<String>,
    paid: Option<String>,
    #[serde(default)]
    first: bool,
    #[serde(default)]
    is_name: bool,
}

impl Case {
    fn frame(&self) -> Frame {
        match (&self.frame, &self.hex) {
            (Some(text), None) if self.binary => {
                Frame::Binary(Bytes::copy_from_slice(text.as_bytes()))
            }
            (Some(text), None) => Frame::Text(text.as_str().into()),
            (None, Some(hex)) => {
                let digits = hex.split_whitespace();
                let bytes = digits.map(|d| u8::from_str_radix(d, 16).expect("two hex digits"));
                Frame::Binary(bytes.collect::<Vec<_>>().into())
            }
            _ => panic!("{}: frame or hex", self.name),
        }
    }

    fn open(&self) -> Box<dyn Protocol> {
        let dialect = dialect(&self.route()).expect("the settings are right");
        let mut protocol = dialect.open(seat(self.mode, &self.query));
        for frame in &self.before {
            let (leg, text) = match frame.split_at(2) {
                ("> ", text) => (Leg::Client, text),
                ("< ", text) => (Leg::Server, text),
                _ => panic!("{}: {frame:?} starts with neither > nor <", self.name),
            };
            protocol.read(leg, &Frame::Text(text.into()), 0);
        }
        protocol
    }

    fn route(&self) -> RouteConfig {
        RouteConfig {
            protocol: self.protocol.clone(),
            mode: self.mode,
            json: self.json.clone(),
            on_binary: self.on_binary,
            trust_paid: self.trust_paid,
            ..RouteConfig::default()
        }
    }

    fn check(&self) {
        let mut protocol = self.open();
        let frame = self.frame();
        let leg = if self.mode == Mode::Inline { Leg::Client } else { Leg::Server };
        let units = match protocol.read(leg, &frame, 1_798_761_599_000) {
            Reading::NotChat => {
                assert_eq!(self.not_chat, Some(true), "{}: not chat", self.name);
                return;
            }
            Reading::Unreadable(reason) => {
                assert_eq!(self.unreadable.as_deref(), Some(reason), "{}", self.name);
                return;
            }
            Reading::Chat(units) => units,
        };
        assert!(self.not_chat.is_none() && self.unreadable.is_none(), "{}: chat", self.name);
        assert_eq!(units.len(), self.unit.len(), "{}: {units:#?}", self.name);
        for (unit, expected) in units.iter().zip(&self.unit) {
            self.check_unit(&frame, unit, expected);
        }
        self.check_rebuilt(&*protocol, &frame, &units);
        for (kind, expected) in [
            (NoticeKind::Dropped, &self.dropped),
            (NoticeKind::Held, &self.held),
            (NoticeKind::NameRefused, &self.refused),
        ] {
            let notice = Notice { kind, language: Language::En, rule: "hate".into() };
            let told = protocol.notice(&units[0].message, &notice);
            let told: Vec<_> = told.iter().map(shown).collect();
            assert!(expected.as_ref().is_none_or(|e| *e == told), "{}: {told:?}", self.name);
        }
    }

    fn check_unit(&self, frame: &Frame, unit: &Unit, expected: &Expected) {
        let name = &self.name;
        let bytes = |at: &std::ops::Range<usize>| {
            String::from_utf8_lossy(&frame.bytes()[at.clone()]).into_owned()
        };
        let message = &unit.message;
        assert_eq!(message.text, expected.text, "{name}: text");
        assert_eq!(message.id, expected.id, "{name}: id");
        assert_eq!(message.channel, expected.channel, "{name}: channel");
        let called = match expected.user.as_str() {
            // Its number is another in each run.
            STRANGER => {
                assert!(message.sender.id.starts_with("connection:"), "{name}: {message:?}");
                ""
            }
            user => {
                assert_eq!(message.sender.id, user, "{name}: user");
                expected.name.as_deref().unwrap_or(user)
            }
        };
        assert_eq!(message.sender.name, called, "{name}: name");
        assert_eq!(message.sender.roles, expected.roles, "{name}: roles");
        let paid = message.paid.as_ref().map(|paid| paid.amount.as_str());
        assert_eq!(paid, expected.paid.as_deref(), "{name}: paid");
        let found = (message.first, message.is_name);
        assert_eq!(found, (expected.first, expected.is_name), "{name}: first, is_name");
        let spelling = expected.spelling.as_ref().unwrap_or(&expected.text);
        assert_eq!(bytes(&unit.text), *spelling, "{name}: spelling");
        if let Some(whole) = &expected.whole {
            assert_eq!(bytes(&unit.whole), *whole, "{name}: whole");
        }
    }

    fn check_rebuilt(&self, protocol: &dyn Protocol, frame: &Frame, units: &[Unit]) {
        let name = &self.name;
        let rebuilt = |first: Fate| {
            let mut fates = vec![Fate::Keep; units.len()];
            fates[0] = first;
            protocol.rebuild(frame, units, &fates)
        };
        assert_eq!(rebuilt(Fate::Keep).as_ref(), Some(frame), "{name}: kept");
        let text = |frame: Option<Frame>| frame.as_ref().map(shown).unwrap_or_default();
        if let Some(expected) = &self.masked {
            let all = 0..units[0].message.text.len();
            assert_eq!(text(rebuilt(Fate::Mask(vec![all]))), *expected, "{name}: masked");
        }
        if let Some(expected) = &self.removed {
            assert_eq!(text(rebuilt(Fate::Remove)), *expected, "{name}: removed");
        }
        if let Some(expected) = &self.alone {
            assert_eq!(text(protocol.alone(frame, units, 0)), *expected, "{name}: alone");
        }
        let none = vec![Fate::Remove; units.len()];
        let none = text(protocol.rebuild(frame, units, &none));
        for unit in units.iter().filter(|unit| unit.message.text.contains("blorp")) {
            assert!(!none.contains(&unit.message.text), "{name}: all removed, left {none:?}");
        }
    }
}

fn shown(frame: &Frame) -> String {
    String::from_utf8_lossy(frame.bytes()).into_owned()
}

fn seat(mode: Mode, query: &str) -> Seat {
    Seat {
        route: Arc::from("test"),
        mode,
        path: "/room".into(),
        query: query.into(),
        subprotocol: None,
    }
}

fn check_table(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(file);
    let text = std::fs::read_to_string(&path).expect("the table is there");
    let table: Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!table.case.is_empty());
    table.case.iter().for_each(Case::check);
}

#[test]
fn text_frames() {
    check_table("text.toml");
}

#[test]
fn generic_frames() {
    check_table("generic.toml");
}

#[test]
fn owncast_frames() {
    check_table("owncast.toml");
}

#[test]
fn json_frames() {
    check_table("json.toml");
}

#[test]
fn irc_frames_to_the_server() {
    check_table("irc-inline.toml");
}

#[test]
fn irc_frames_from_the_server() {
    check_table("irc-egress.toml");
}

/// Unless a route says otherwise, nothing that was not read gets through.
#[test]
fn binary_frames_do_not_pass_by_default() {
    for protocol in ["text", "generic", "owncast"] {
        for (mode, leg) in [(Mode::Inline, Leg::Client), (Mode::Egress, Leg::Server)] {
            let route = RouteConfig { protocol: protocol.into(), mode, ..RouteConfig::default() };
            let mut open = dialect(&route).expect("the settings are right").open(seat(mode, ""));
            let frame = Frame::Binary(Bytes::from_static(&[0xc3, 0x28, 0]));
            let reading = open.read(leg, &frame, 0);
            assert!(matches!(reading, Reading::Unreadable(_)), "{protocol}: {reading:?}");
        }
    }
}

/// Two connections that say nothing of themselves are two senders, and each stays who it is.
#[test]
fn connections_without_a_name_are_senders_of_their_own() {
    for (protocol, said) in [
        ("text", "x"),
        ("generic", r#"{"type":"chat","text":"x"}"#),
        ("owncast", r#"{"type":"CHAT","body":"x"}"#),
    ] {
        let route = RouteConfig { protocol: protocol.into(), ..RouteConfig::default() };
        let dialect = dialect(&route).expect("the settings are right");
        let senders = [(); 2].map(|()| {
            let mut open = dialect.open(seat(Mode::Inline, ""));
            let ids =
                [(); 2].map(|()| match open.read(Leg::Client, &Frame::Text(said.into()), 0) {
                    Reading::Chat(units) => units[0].message.sender.id.clone(),
                    other => panic!("{protocol}: {other:?}"),
                });
            assert_eq!(ids[0], ids[1], "{protocol}: one connection");
            ids[0].clone()
        });
        assert_ne!(senders[0], senders[1], "{protocol}: two connections");
    }
}

/// Settings that are refused, and the key that the refusal names.
#[test]
fn wrong_settings_are_named() {
    let check = |protocol: &str, json: Option<JsonConfig>, named: &str| {
        let route = RouteConfig { protocol: protocol.into(), json, ..RouteConfig::default() };
        let said = dialect(&route).err().unwrap_or_default();
        assert!(said.contains(named), "{protocol}: {said:?} does not name {named}");
    };
    let text = || JsonConfig { text: "/text".into(), ..JsonConfig::default() };
    check("json", None, "[route.json]");
    check("json", Some(JsonConfig::default()), "json.text");
    check("json", Some(JsonConfig { text: "text".into(), ..text() }), "json.text");
    check("json", Some(JsonConfig { text: "^/text".into(), ..text() }), "json.text");
    check("json", Some(JsonConfig { user: "/a~b".into(), ..text() }), "json.user");
    check("json", Some(JsonConfig { kind: "/type".into(), ..text() }), "json.kinds");
    check("json", Some(JsonConfig { kinds: vec!["x".into()], ..text() }), "json.kind");
    check("json", Some(JsonConfig { notice: "{\"a\":{id}}".into(), ..text() }), "json.notice");
    check("json", Some(JsonConfig { inner: "data".into(), ..text() }), "json.inner");
    check("generic", Some(text()), "json");
    check("gopher", None, "gopher");
}
