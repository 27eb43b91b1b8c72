//! Finds values in JSON text by RFC 6901 pointers, and where they stand.

use std::{borrow::Cow, fmt, ops::Range};

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::protocol::spelling::{Reason, unescape};

/// Nesting that no chat frame needs; deeper ones are made to exhaust or confuse parsers.
const DEPTH_MAX: usize = 32;

const NOT_JSON: Reason = "not JSON";

/// A compiled pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    steps: Vec<String>,
    /// Written with `^`: it starts from the frame's value, whatever encloses the message.
    pub outer: bool,
}

impl Pointer {
    /// Reads the pointer that the settings give for `key`; none where it is empty.
    pub fn parse(key: &str, text: &str) -> Result<Option<Pointer>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let (outer, path) = match text.strip_prefix('^') {
            Some(path) => (true, path),
            None => (false, text),
        };
        let steps = path
            .strip_prefix('/')
            .ok_or_else(|| format!("{key} = {text:?} must start with / (RFC 6901)"))?;
        let steps = steps.split('/').map(|step| {
            let left = step.replace("~0", "").replace("~1", "");
            match left.contains('~') {
                true => Err(format!("{key} = {text:?}: after ~ must come 0 or 1")),
                false => Ok(step.replace("~1", "/").replace("~0", "~")),
            }
        });
        Ok(Some(Pointer { steps: steps.collect::<Result<_, _>>()?, outer }))
    }
}

/// One JSON value, checked, with its members at hand.
pub struct Node<'a> {
    pub raw: &'a str,
    parts: Parts<'a>,
}

enum Parts<'a> {
    Members(Vec<(Cow<'a, str>, &'a str)>),
    Items(Vec<&'a str>),
    Scalar,
}

impl<'a> Node<'a> {
    /// Checks a whole text, which must be one JSON value.
    pub fn parse(text: &'a str) -> Result<Node<'a>, Reason> {
        check_depth(text)?;
        Node::part(text)
    }

    /// Takes apart a value that was found in a checked text.
    pub fn part(text: &'a str) -> Result<Node<'a>, Reason> {
        let raw = text.trim_matches([' ', '\t', '\r', '\n']);
        let mut json = serde_json::Deserializer::from_str(raw);
        let parts = match raw.as_bytes().first() {
            Some(b'{') => json.deserialize_map(Split),
            Some(b'[') => json.deserialize_seq(Split),
            _ => serde::Deserialize::deserialize(&mut json).map(|_: &RawValue| Parts::Scalar),
        };
        let parts = parts.and_then(|parts| json.end().map(|()| parts)).map_err(|_| NOT_JSON)?;
        Ok(Node { raw, parts })
    }

    /// The value at `pointer`, if there is one.
    pub fn find(&self, pointer: &Pointer) -> Result<Option<&'a str>, Reason> {
        let Some((first, rest)) = pointer.steps.split_first() else {
            return Ok(Some(self.raw));
        };
        let mut found = self.step(first)?;
        for step in rest {
            match found {
                Some(raw) => found = Node::part(raw)?.step(step)?,
                None => break,
            }
        }
        Ok(found)
    }

    /// The items of an array; `None` where it is none.
    pub fn items(&self) -> Option<&[&'a str]> {
        match &self.parts {
            Parts::Items(items) => Some(items),
            _ => None,
        }
    }

    /// One member or item. Which of two members of one name counts differs from reader to reader,
    /// and some readers do not tell upper from lower case; so neither is ever chosen from.
    fn step(&self, step: &str) -> Result<Option<&'a str>, Reason> {
        let mut found = None;
        match &self.parts {
            Parts::Scalar => {}
            Parts::Items(items) => {
                let index = step.parse::<usize>().ok().filter(|index| index.to_string() == step);
                found = index.and_then(|index| items.get(index).copied());
            }
            Parts::Members(members) => {
                for (key, raw) in members {
                    match key == step {
                        true if found.is_some() => return Err("a key that stands there twice"),
                        true => found = Some(*raw),
                        false if alike(key, step) => return Err("a key that differs by case only"),
                        false => {}
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Where in `text` a part stands that was borrowed from it.
pub fn place(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.len()
}

/// A scalar value as text.
pub enum Scalar<'a> {
    /// Missing or `null`.
    Absent,
    /// A string's content, decoded, or a number or boolean as it stands.
    Text(Cow<'a, str>),
    /// An object or array.
    Nested,
}

impl<'a> Scalar<'a> {
    pub fn of(raw: Option<&'a str>) -> Result<Scalar<'a>, Reason> {
        Ok(match raw.map(|raw| (raw, raw.as_bytes().first())) {
            None | Some((_, None | Some(b'n'))) => Scalar::Absent,
            Some((raw, Some(b'"'))) => Scalar::Text(unescape(&raw[1..raw.len() - 1])?),
            Some((_, Some(b'{' | b'['))) => Scalar::Nested,
            Some((raw, _)) => Scalar::Text(Cow::Borrowed(raw)),
        })
    }
}

/// Whether two different names are one to a reader that folds case, Unicode's two odd letters
/// (long s, the Kelvin sign) included.
fn alike(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    let fold = |s: &str| -> String {
        s.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
    };
    fold(one) == fold(other)
}

/// Bounds the nesting before anything recursive or quadratic looks at it.
fn check_depth(text: &str) -> Result<(), Reason> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for b in text.bytes() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err("JSON nested too deeply");
        }
    }
    Ok(())
}

/// Takes an object or array apart, one level deep, and borrows all of it.
struct Split;

impl<'de> Visitor<'de> for Split {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<Key>()? {
            members.push((key.0, map.next_value::<&RawValue>()?.get()));
        }
        Ok(Parts::Members(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Parts<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<&RawValue>()? {
            items.push(item.get());
        }
        Ok(Parts::Items(items))
    }
}

/// A key, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, pointer: &str, expected: Result<Option<&str>, Reason>) {
        let pointer = Pointer::parse("text", pointer).expect("it parses").expect("it is not empty");
        let found = Node::parse(json).and_then(|node| node.find(&pointer));
        assert_eq!(found, expected, "{json} at {pointer:?}");
    }

    #[test]
    fn values_are_found() {
        check(r#"{"a":1}"#, "/a", Ok(Some("1")));
        check(r#" { "a" : { "b" : [ 1 , "x" ] } } "#, "/a/b/1", Ok(Some("\"x\"")));
        check(r#"{"a/b":{"m~n":null}}"#, "/a~1b/m~0n", Ok(Some("null")));
        check(r#"{"\u0061":1}"#, "/a", Ok(Some("1")));
        check(r#"["3","r",{"body":"x"}]"#, "/2/body", Ok(Some("\"x\"")));
        check(r#"[1]"#, "/00", Ok(None));
        check(r#"[1]"#, "/1", Ok(None));
        check(r#"{"a":1}"#, "/b", Ok(None));
        check(r#"{"a":1}"#, "/a/b", Ok(None));
        check("5", "/a", Ok(None));
    }

    #[test]
    fn what_readers_differ_on_is_refused() {
        let twice = Err("a key that stands there twice");
        let case = Err("a key that differs by case only");
        check(r#"{"a":1,"a":2}"#, "/a", twice);
        check(r#"{"a":1,"\u0061":2}"#, "/a", twice);
        check(r#"{"x":{"a":1,"a":1}}"#, "/x/a", twice);
        check(r#"{"b":1,"b":2,"a":3}"#, "/a", Ok(Some("3")));
        check(r#"{"text":1,"Text":2}"#, "/text", case);
        check(r#"{"TEXT":2}"#, "/text", case);
        check("{\"kind\":1,\"\u{212a}ind\":2}", "/kind", case);
        check("{\"text\":1,\"te\u{17f}t\":2}", "/test", case);
        let bad = Err(NOT_JSON);
        for json in ["", "{", "{\"a\":1}x", "{\"a\":1}{\"a\":2}", "{\"a\":NaN}", "{'a':1}", "{a:1}"]
        {
            check(json, "/a", bad);
        }
        for json in
            ["{\"a\":1,}", "[1,]", "{\"a\":01}", "{\"a\":\"\t\"}", "\u{feff}{\"a\":1}", "nul"]
        {
            check(json, "/a", bad);
        }
        check(r#"{"b":"\ud800","a":1}"#, "/a", Ok(Some("1")));
        check(r#"{"\ud800":1,"a":1}"#, "/a", bad);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| format!("{{\"a\":{}1{}}}", "[".repeat(n), "]".repeat(n));
        assert!(Node::parse(&nested(31)).is_ok());
        assert_eq!(Node::parse(&nested(32)).err(), Some("JSON nested too deeply"));
        assert!(Node::parse(&"[".repeat(1_000_000)).is_err());
        assert!(Node::parse(&format!("\"{}\"", "[\\\"".repeat(99))).is_ok(), "only text");
    }

    #[test]
    fn pointers_are_checked() {
        assert_eq!(Pointer::parse("text", ""), Ok(None));
        let outer = Pointer::parse("kind", "^/event").expect("it parses").expect("it is there");
        assert!(outer.outer && outer.steps == ["event"]);
        for bad in ["text", "text/x", "/a~2", "/a~", "^x"] {
            let said = Pointer::parse("text", bad).expect_err(bad);
            assert!(said.starts_with("text = "), "{said}");
        }
    }
}
