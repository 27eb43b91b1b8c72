//! Throws random frames at every protocol and holds it to what is true of all of them.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use proptest::prelude::*;
use tidegate::{
    config::{JsonConfig, Mode, RouteConfig, Unjudged},
    message::Fate,
    protocol::{Dialect, Frame, Leg, Protocol, Reading, Unit, dialect},
};

use super::seat;

/// How frames of the known shapes begin and end, and what may stand in between, fit or not.
const JSON_OPEN: [&str; 6] = [
    r#"{"type":"chat","text":""#,
    r#"{"type":"CHAT","body":""#,
    r#"{"l":[{"t":""#,
    r#"{"d":"{\"t\":\""#,
    r#"{"d":"{\"l\":[{\"t\":\""#,
    "",
];
const JSON_CLOSE: [&str; 7] = [
    r#""}"#,
    r#"","id":"7","user":{"id":"ana"}}"#,
    r#""},{"t":"x"}]}"#,
    r#"\"}"}"#,
    r#"\"},{\"t\":\"x\"}]}"}"#,
    "\"}\n{\"type\":\"CHAT\",\"body\":\"x\"}\n",
    "",
];
const JSON_TEXT: [&str; 18] = [
    "blorp",
    "é😀",
    " ",
    r"\u0062",
    r"\ud83d\ude00",
    r"\\u0062",
    r"\n",
    r"\\n",
    r"\/",
    "&amp;",
    "*",
    r"\ud83d",
    "\"",
    "\\",
    ",",
    "}",
    "\n",
    "<b>",
];

const IRC_OPEN: [&str; 8] =
    ["", "", "@label=1 ", "@id=7;user-id=5 ", ":ana!a@h ", ":irc.example ", "@a :b ", "  "];
const IRC_COMMAND: [&str; 10] = [
    "PRIVMSG ",
    "PRIVMSG ",
    "PRIVMSG ",
    "notice ",
    "USERNOTICE ",
    "NICK ",
    "JOIN ",
    "PING ",
    "PRIV",
    "TAGMSG ",
];
const IRC_TARGET: [&str; 8] =
    ["#a ", "#a ", "@#A ", "#a,#b,bob ", ",,#a,  ", "NickServ ", "bob ", ""];
const IRC_TEXT: [&str; 14] =
    ["blorp", "é😀", " ", "\x01", "\x01ACTION ", ":", ",", "x", "*", "@a", "\r", "\0", "#a", "\n"];

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(from)
}

fn json_like() -> impl Strategy<Value = String> {
    // Most texts hold no broken pieces, so that most frames are chat.
    let whole = prop::collection::vec(pick(&JSON_TEXT[..11]), 0..6);
    let broken = prop::collection::vec(pick(&JSON_TEXT), 0..6);
    let text = prop_oneof![3 => whole, 1 => broken].prop_map(|pieces| pieces.concat());
    let one =
        (pick(&JSON_OPEN), text, pick(&JSON_CLOSE)).prop_map(|(a, b, c)| a.to_owned() + &b + c);
    prop::collection::vec(one, 1..3).prop_map(|parts| parts.join("\n"))
}

fn irc_like() -> impl Strategy<Value = String> {
    let whole = prop::collection::vec(pick(&IRC_TEXT[..10]), 0..6);
    let broken = prop::collection::vec(pick(&IRC_TEXT), 0..6);
    let text = prop_oneof![5 => whole, 1 => broken].prop_map(|pieces| pieces.concat());
    let colon = prop::sample::select(&[":", ":", ":", ""][..]);
    let end = prop::sample::select(&["\r\n", "\r\n", "\n", ""][..]);
    let line = (pick(&IRC_OPEN), pick(&IRC_COMMAND), pick(&IRC_TARGET), colon, text, end);
    let line = line.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, &e, f].concat());
    prop::collection::vec(line, 1..5).prop_map(|lines| lines.concat())
}

/// Every route with its protocol, compiled once.
static ROUTES: LazyLock<Vec<Way>> = LazyLock::new(|| {
    let compiled = |route: RouteConfig| {
        let dialect = dialect(&route).expect("the settings are right");
        (route, dialect)
    };
    routes().into_iter().map(compiled).collect()
});

type Way = (RouteConfig, Arc<dyn Dialect>);

fn routes() -> Vec<RouteConfig> {
    let array = JsonConfig { messages: "/l".into(), text: "/t".into(), ..JsonConfig::default() };
    let inner = JsonConfig { inner: "/d".into(), text: "/t".into(), ..JsonConfig::default() };
    let deep = JsonConfig { messages: "/l".into(), lines: true, ..inner.clone() };
    let named = [("text", None), ("irc", None), ("generic", None), ("owncast", None)];
    let json = [array, inner, deep].map(|json| ("json", Some(json)));
    let both = named.into_iter().chain(json).flat_map(|(protocol, json)| {
        [Mode::Inline, Mode::Egress].map(|mode| RouteConfig {
            protocol: protocol.into(),
            json: json.clone(),
            mode,
            // What is left of a frame can be no chat, and then has to pass as it did within.
            on_binary: Unjudged::Pass,
            ..RouteConfig::default()
        })
    });
    both.collect()
}

fn read((route, dialect): &Way, frame: &Frame) -> (Box<dyn Protocol>, Option<Vec<Unit>>) {
    let mut protocol = dialect.open(seat(route.mode, "user=ana"));
    let leg = if route.mode == Mode::Inline { Leg::Client } else { Leg::Server };
    // The other leg first, so that a server which ends its lines is known.
    if leg == Leg::Client {
        protocol.read(Leg::Server, &Frame::Text(":irc.example 001 ana :hi\r\n".into()), 0);
    }
    match protocol.read(leg, frame, 0) {
        Reading::Chat(units) => (protocol, Some(units)),
        Reading::NotChat => (protocol, Some(Vec::new())),
        Reading::Unreadable(_) => (protocol, None),
    }
}

/// What must hold of a frame, whatever it is.
fn check(route: &Way, frame: &Frame, from: usize, to: usize) -> Result<(), TestCaseError> {
    let (protocol, units) = read(route, frame);
    let units = units.unwrap_or_default();
    if units.is_empty() {
        return Ok(());
    }
    let all_kept = vec![Fate::Keep; units.len()];
    prop_assert_eq!(protocol.rebuild(frame, &units, &all_kept), Some(frame.clone()));
    for (index, unit) in units.iter().enumerate() {
        prop_assert!(frame.bytes().get(unit.whole.clone()).is_some());
        let alone = protocol.alone(frame, &units, index);
        let (_, read_again) = read(route, &alone.expect("a unit stands in its frame"));
        let read_again = read_again.unwrap_or_default();
        prop_assert_eq!(read_again.len(), 1);
        prop_assert_eq!(&read_again[0].message.text, &unit.message.text);
        prop_assert_eq!(&read_again[0].message.channel, &unit.message.channel);
        check_masked(route, &*protocol, frame, &units, index, from, to)?;
    }
    let mut fates = all_kept;
    fates[0] = Fate::Remove;
    let left = protocol.rebuild(frame, &units, &fates);
    let left = left.map_or(Some(Vec::new()), |left| read(route, &left).1);
    let texts = |units: &[Unit]| units.iter().map(|u| u.message.text.clone()).collect::<Vec<_>>();
    prop_assert_eq!(left.as_deref().map(texts), Some(texts(&units[1..])));
    let none = protocol.rebuild(frame, &units, &vec![Fate::Remove; units.len()]);
    let none = none.map_or(Some(0), |none| read(route, &none).1.map(|units| units.len()));
    prop_assert_eq!(none, Some(0));
    Ok(())
}

/// A mask changes the bytes of the text alone, and what is read then is the masked text.
fn check_masked(
    route: &Way,
    protocol: &dyn Protocol,
    frame: &Frame,
    units: &[Unit],
    index: usize,
    from: usize,
    to: usize,
) -> Result<(), TestCaseError> {
    let unit = &units[index];
    let letters: Vec<_> = unit.message.text.char_indices().collect();
    if letters.is_empty() {
        return Ok(());
    }
    let (from, to) = (from % letters.len(), to % letters.len());
    let (first, last) = (letters[from.min(to)], letters[from.max(to)]);
    let span = first.0..last.0 + last.1.len_utf8();
    let mut fates = vec![Fate::Keep; units.len()];
    fates[index] = Fate::Mask(vec![span.clone()]);
    let masked = protocol.rebuild(frame, units, &fates);
    let Some(masked) = masked else { return Err(TestCaseError::fail("a masked frame is gone")) };
    let (before, after) = (&frame.bytes()[..unit.text.start], &frame.bytes()[unit.text.end..]);
    prop_assert!(masked.bytes().starts_with(before) && masked.bytes().ends_with(after));
    prop_assert!(masked.bytes().len() <= frame.bytes().len());
    let starred = unit.message.text.char_indices();
    let starred: String = starred.map(|(at, c)| if span.contains(&at) { '*' } else { c }).collect();
    let again = read(route, &masked).1.unwrap_or_default();
    prop_assert_eq!(again.len(), units.len());
    let html = route.0.protocol == "owncast" && route.0.mode == Mode::Egress;
    match html {
        // The gap that a tag makes is no byte of the frame and cannot be masked.
        true => prop_assert_eq!(again[index].message.text.chars().count(), letters.len()),
        false => prop_assert_eq!(&again[index].message.text, &starred),
    }
    Ok(())
}

fn frame(text: &str, binary: bool) -> Frame {
    match binary {
        true => Frame::Binary(Bytes::copy_from_slice(text.as_bytes())),
        false => Frame::Text(text.into()),
    }
}

/// Writes a text as a JSON string in one of the many ways there are.
fn spell(text: &str, ways: &[u8]) -> String {
    let mut ways = ways.iter().cycle();
    let mut spelled = String::from("\"");
    for letter in text.chars() {
        let plain = !letter.is_control() && !"\"\\".contains(letter);
        match ways.next() {
            Some(0..=127) if plain => spelled.push(letter),
            _ => {
                let mut units = [0; 2];
                for unit in letter.encode_utf16(&mut units) {
                    spelled += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    spelled + "\""
}

proptest! {
    #[test]
    fn pieces_of_json(text in json_like(), binary: bool, from: usize, to: usize) {
        for route in ROUTES.iter() {
            // Half a tag that a mask completes is one; no server sends half a tag.
            if !(text.contains('<') && route.0.protocol == "owncast") {
                check(route, &frame(&text, binary), from, to)?;
            }
        }
    }

    #[test]
    fn pieces_of_irc(text in irc_like(), binary: bool, from: usize, to: usize) {
        for route in ROUTES.iter() {
            check(route, &frame(&text, binary), from, to)?;
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), from: usize, to: usize) {
        for route in ROUTES.iter() {
            check(route, &Frame::Binary(bytes.clone().into()), from, to)?;
        }
    }

    #[test]
    fn messages_however_they_are_spelled(
        text in any::<String>(), other in "\\PC{0,8}",
        ways in prop::collection::vec(any::<u8>(), 1..8), from: usize, to: usize,
    ) {
        let (string, second) = (spell(&text, &ways), spell(&other, &ways));
        let inner = spell(&format!("{{\"t\":{string}}}"), &ways);
        for (frame, texts) in [
            (format!("{{\"type\":\"chat\",\"text\":{string}}}"), vec![&text]),
            (format!("{{\"l\":[{{\"t\":{string}}},{{\"t\":{second}}}]}}"), vec![&text, &other]),
            (format!("{{\"d\":{inner}}}"), vec![&text]),
        ] {
            let frame = Frame::Text(frame.into());
            let mut read_by = 0;
            let json = |way: &&Way| !["text", "irc"].contains(&&*way.0.protocol);
            for route in ROUTES.iter().filter(json) {
                check(route, &frame, from, to)?;
                let units = read(route, &frame).1.unwrap_or_default();
                if !units.is_empty() {
                    let read: Vec<_> = units.iter().map(|unit| &unit.message.text).collect();
                    prop_assert_eq!(&read, &texts);
                    read_by += 1;
                }
            }
            prop_assert!(read_by >= 2, "{:?} is read in both modes", frame);
        }
    }
}
