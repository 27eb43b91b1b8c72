//! Reads frames with every protocol, and masks, removes and releases what they say.

use std::{
    ops::Range,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use tidegate::{
    config::{JsonConfig, Mode, RouteConfig, Unjudged},
    message::{Fate, Gone, Language},
    protocol::{Dialect, Frame, Leg, Notice, NoticeKind, Protocol, Reading, Seat, Unit, dialect},
};

use crate::input::{Input, boundary};

/// Between the frames of one input.
const BETWEEN: u8 = b'\x1e';

pub fn text(bytes: &[u8]) {
    static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| ways("text", &[None]));
    check(bytes, &WAYS);
}

pub fn generic(bytes: &[u8]) {
    static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| ways("generic", &[None]));
    check(bytes, &WAYS);
}

pub fn owncast(bytes: &[u8]) {
    static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| ways("owncast", &[None]));
    check(bytes, &WAYS);
}

pub fn irc(bytes: &[u8]) {
    static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| ways("irc", &[None]));
    check(bytes, &WAYS);
}

pub fn json(bytes: &[u8]) {
    static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| {
        let text = JsonConfig {
            text: "/t".into(),
            user: "/u".into(),
            channel: "/c".into(),
            id: "/i".into(),
            notice: r#"{"n":"{id} {verdict} {rule} {text} {time}"}"#.into(),
            removal: r#"{"x":"{id}","at":"{time}"}"#.into(),
            ..JsonConfig::default()
        };
        let array = JsonConfig { messages: "/l".into(), ..text.clone() };
        let inner = JsonConfig { inner: "/d".into(), ..text.clone() };
        let deep = JsonConfig { messages: "/l".into(), lines: true, ..inner.clone() };
        let shown = JsonConfig { html: true, lines: true, ..text.clone() };
        ways("json", &[text, array, inner, deep, shown].map(Some))
    });
    check(bytes, &WAYS);
}

/// A route and its protocol, compiled.
struct Way {
    route: RouteConfig,
    dialect: Arc<dyn Dialect>,
    /// The text is HTML, of which a mask may complete half a tag.
    html: bool,
}

fn ways(protocol: &str, shapes: &[Option<JsonConfig>]) -> Vec<Way> {
    let modes = [Mode::Inline, Mode::Egress].into_iter();
    let each = modes.flat_map(|mode| shapes.iter().map(move |shape| (mode, shape)));
    let way = |(mode, shape): (Mode, &Option<JsonConfig>)| {
        let html = shape.as_ref().is_some_and(|shape| shape.html);
        let route = RouteConfig {
            protocol: protocol.into(),
            mode,
            json: shape.clone(),
            // What is left of a frame can be no chat, and then has to pass as it did within.
            on_binary: Unjudged::Pass,
            ..RouteConfig::default()
        };
        let dialect = dialect(&route).expect("the settings are right");
        Way { html: html || (protocol == "owncast" && mode == Mode::Egress), route, dialect }
    };
    each.map(way).collect()
}

/// One connection up to the frame that is looked at.
struct Connection<'a> {
    way: &'a Way,
    before: Vec<(Leg, Frame)>,
}

impl Connection<'_> {
    fn judged(&self) -> Leg {
        match self.way.route.mode {
            Mode::Inline => Leg::Client,
            Mode::Egress => Leg::Server,
        }
    }

    fn open(&self) -> Box<dyn Protocol> {
        let mut protocol = self.way.dialect.open(Seat {
            route: "fuzz".into(),
            mode: self.way.route.mode,
            path: "/room".into(),
            query: "user=ana".into(),
            subprotocol: None,
        });
        for (leg, frame) in &self.before {
            protocol.read(*leg, frame, 0);
            protocol.deleted(frame);
        }
        protocol
    }

    /// `None`: it cannot be read.
    fn read(&self, frame: &Frame) -> (Box<dyn Protocol>, Option<Vec<Unit>>) {
        let mut protocol = self.open();
        let units = match protocol.read(self.judged(), frame, 0) {
            Reading::Chat(units) => Some(units),
            Reading::NotChat => Some(Vec::new()),
            Reading::Unreadable(_) => None,
        };
        (protocol, units)
    }

    fn texts(&self, frame: Option<Frame>) -> Option<Vec<String>> {
        let Some(frame) = frame else { return Some(Vec::new()) };
        let units = self.read(&frame).1?;
        Some(units.into_iter().map(|unit| unit.message.text).collect())
    }
}

fn check(bytes: &[u8], ways: &[Way]) {
    let mut input = Input::new(bytes);
    let way = &ways[input.below(ways.len())];
    let binary = input.flag();
    let places = (usize::from(input.byte()), usize::from(input.byte()));
    let frame = |bytes: &[u8], binary: bool| match std::str::from_utf8(bytes) {
        Ok(text) if !binary => Frame::Text(text.into()),
        _ => Frame::Binary(Bytes::copy_from_slice(bytes)),
    };
    let mut frames: Vec<_> = input.pieces(BETWEEN).collect();
    let last = frame(frames.pop().unwrap_or_default(), binary);
    let before = frames.into_iter().map(|bytes| match bytes {
        [b'<', rest @ ..] => (Leg::Server, frame(rest, binary)),
        [b'>', rest @ ..] => (Leg::Client, frame(rest, false)),
        rest => (Leg::Server, frame(rest, false)),
    });
    let connection = Connection { way, before: before.collect() };
    let (protocol, units) = connection.read(&last);
    protocol.deleted(&last);
    let Some(units) = units.filter(|units| !units.is_empty()) else { return };
    check_units(&connection, &*protocol, &last, &units);
    // Of very many, three: what is done to one is done to all alike.
    for index in [0, units.len() / 2, units.len() - 1] {
        check_alone(&connection, &*protocol, &last, &units, index);
        check_masked(&connection, &*protocol, &last, &units, (index, places));
        check_told(&*protocol, &units[index], places.0);
    }
}

fn check_units(connection: &Connection, protocol: &dyn Protocol, frame: &Frame, units: &[Unit]) {
    for unit in units {
        assert!(frame.bytes().get(unit.whole.clone()).is_some(), "{:?} is no place", unit.whole);
        assert!(frame.bytes().get(unit.text.clone()).is_some(), "{:?} is no place", unit.text);
    }
    let kept = vec![Fate::Keep; units.len()];
    assert_eq!(protocol.rebuild(frame, units, &kept).as_ref(), Some(frame), "kept");
    let mut fates = kept;
    fates[0] = Fate::Remove;
    match protocol.rebuild(frame, units, &fates) {
        // What the others would become without it, nobody would have judged.
        None if connection.way.route.protocol == "irc" => {}
        left => {
            let others = units[1..].iter().map(|unit| unit.message.text.clone()).collect();
            assert_eq!(connection.texts(left), Some(others), "the first removed");
        }
    }
    let none = vec![Fate::Remove; units.len()];
    let left = connection.texts(protocol.rebuild(frame, units, &none));
    assert_eq!(left, Some(Vec::new()), "all removed");
}

fn check_alone(
    connection: &Connection,
    protocol: &dyn Protocol,
    frame: &Frame,
    units: &[Unit],
    index: usize,
) {
    let alone = protocol.alone(frame, units, index).expect("a unit stands in its frame");
    let again = connection.read(&alone).1.expect("what was read is read alone");
    let [again] = again.as_slice() else { panic!("{} units alone", again.len()) };
    let unit = &units[index].message;
    assert_eq!((&again.message.text, &again.message.channel), (&unit.text, &unit.channel));
    assert_eq!((&again.message.sender, &again.message.id), (&unit.sender, &unit.id));
}

/// A mask changes the bytes of the text alone, and what is read then is the masked text.
fn check_masked(
    connection: &Connection,
    protocol: &dyn Protocol,
    frame: &Frame,
    units: &[Unit],
    (index, (from, to)): (usize, (usize, usize)),
) {
    let unit = &units[index];
    let text = &unit.message.text;
    let (from, to) = (boundary(text, from), boundary(text, to));
    let span = from.min(to)..from.max(to);
    if span.is_empty() {
        return;
    }
    let mut fates = vec![Fate::Keep; units.len()];
    fates[index] = Fate::Mask(vec![span.clone()]);
    let masked = protocol.rebuild(frame, units, &fates).expect("a masked frame is there");
    let (before, after) = (&frame.bytes()[..unit.text.start], &frame.bytes()[unit.text.end..]);
    assert!(masked.bytes().starts_with(before) && masked.bytes().ends_with(after));
    assert!(masked.bytes().len() <= frame.bytes().len(), "a mask made it longer");
    if connection.way.html {
        // The gap that a tag makes is no byte of the frame, and a star may complete a tag.
        return;
    }
    let again = connection.texts(Some(masked)).expect("what was read is read when masked");
    assert_eq!(again.len(), units.len(), "units when masked");
    assert_eq!(again[index], starred(text, &span));
}

fn starred(text: &str, span: &Range<usize>) -> String {
    let letters = text.char_indices();
    letters.map(|(at, letter)| if span.contains(&at) { '*' } else { letter }).collect()
}

/// What people are told is one line or one JSON value, whatever the message was.
fn check_told(protocol: &dyn Protocol, unit: &Unit, number: usize) {
    let kinds = [
        NoticeKind::Dropped,
        NoticeKind::Held,
        NoticeKind::Released,
        NoticeKind::Denied,
        NoticeKind::NameRefused,
    ];
    let kind = kinds[number % kinds.len()];
    let notice = Notice { kind, language: Language::En, rule: unit.message.text.clone() };
    let gone = Gone {
        channel: unit.message.channel.clone(),
        id: unit.message.id.clone().unwrap_or_else(|| unit.message.text.clone()),
        sender: unit.message.sender.clone(),
    };
    let retracted = protocol.retract(&gone, number as u64);
    for told in protocol.notice(&unit.message, &notice).iter().chain(&retracted) {
        let told = std::str::from_utf8(told.bytes()).expect("what is told is text");
        let line = told.strip_suffix("\r\n").unwrap_or(told);
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?} is more than a line");
        if line.starts_with('{') {
            let read = serde_json::from_str::<serde_json::Value>(line);
            assert!(read.is_ok(), "{line:?} is no JSON");
        }
    }
}
