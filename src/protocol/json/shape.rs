//! Compiles where the parts of a chat message stand in JSON, and reads them there.

use std::ops::Range;

use super::pointer::{Node, Pointer, Scalar, place};
use crate::{
    config::JsonConfig,
    message::{Paid, Role, Sender},
    protocol::{
        seat::NAME_BYTES_MAX,
        spelling::{Reason, Spelled},
    },
};

/// Messages in one frame; a frame that has more is a flood or an attack on memory.
const MESSAGES_MAX: usize = 1024;

/// A compiled [`JsonConfig`].
pub struct Shape {
    messages: Option<Pointer>,
    kind: Option<Pointer>,
    kinds: Vec<String>,
    text: Pointer,
    text_or: Option<Pointer>,
    name_kinds: Vec<String>,
    new_name: Option<Pointer>,
    paid: Option<Pointer>,
    currency: Option<Pointer>,
    user: Option<Pointer>,
    name: Option<Pointer>,
    channel: Option<Pointer>,
    id: Option<Pointer>,
    roles: Option<Pointer>,
    inner: Option<Pointer>,
    html: bool,
    lines: bool,
}

/// One JSON value of a frame.
pub struct Line {
    /// Its bytes in the frame.
    pub at: Range<usize>,
    /// The decoded inner JSON, where the messages stand in one.
    inner: Option<Spelled>,
    /// The items of the array in which the messages stand and can be removed one by one.
    pub items: Option<Vec<Range<usize>>>,
    pub found: Vec<Found>,
}

/// One message, its places relative to the JSON text it stands in.
pub struct Found {
    pub element: Range<usize>,
    /// The content of the text's string, quotes left out.
    pub spelling: Range<usize>,
    pub sender: Sender,
    /// `None` where this shape has no channel.
    pub channel: Option<String>,
    pub id: Option<String>,
    pub text: String,
    pub paid: Option<Paid>,
    /// `text` is a sender's name.
    pub is_name: bool,
}

/// What a value with a known kind is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chat,
    Name,
}

impl Line {
    /// The JSON text in which the places of `found` count.
    pub fn text<'a>(&'a self, frame: &'a str) -> &'a str {
        self.inner.as_ref().map_or(frame, |inner| &inner.text)
    }

    pub fn in_frame(&self, range: Range<usize>) -> Range<usize> {
        match &self.inner {
            None => range,
            Some(inner) => inner.place(range),
        }
    }
}

impl Shape {
    /// Compiles the settings; the error names the key.
    pub fn compile(config: &JsonConfig) -> Result<Shape, String> {
        let anywhere = |key: &str, text: &str| Pointer::parse(&format!("json.{key}"), text);
        let inside = |key: &str, text: &str| match anywhere(key, text)? {
            Some(pointer) if pointer.outer => {
                Err(format!("json.{key} = {text:?} cannot start with ^"))
            }
            pointer => Ok(pointer),
        };
        let text = inside("text", &config.text)?;
        let text = text.ok_or("json.text is missing: a pointer to the message's text")?;
        if config.kind.is_empty() != config.kinds.is_empty() {
            return Err("json.kind and json.kinds go together: a pointer, and the values \
                        at it that are chat"
                .into());
        }
        if config.name_kinds.is_empty() != config.new_name.is_empty()
            || (!config.name_kinds.is_empty() && config.kind.is_empty())
        {
            return Err("json.name_kinds and json.new_name go together, with json.kind".into());
        }
        Ok(Shape {
            messages: inside("messages", &config.messages)?,
            kind: anywhere("kind", &config.kind)?,
            kinds: config.kinds.clone(),
            text,
            text_or: inside("text_or", &config.text_or)?,
            name_kinds: config.name_kinds.clone(),
            new_name: inside("new_name", &config.new_name)?,
            paid: anywhere("paid", &config.paid)?,
            currency: anywhere("currency", &config.currency)?,
            user: anywhere("user", &config.user)?,
            name: anywhere("name", &config.name)?,
            channel: anywhere("channel", &config.channel)?,
            id: anywhere("id", &config.id)?,
            roles: anywhere("roles", &config.roles)?,
            inner: inside("inner", &config.inner)?,
            html: config.html,
            lines: config.lines,
        })
    }

    /// Every JSON value of a frame with the messages in it.
    pub fn read(&self, frame: &str) -> Result<Vec<Line>, Reason> {
        if !self.lines {
            return Ok(vec![self.read_line(frame, 0..frame.len())?]);
        }
        let mut lines = Vec::new();
        let mut start = 0;
        let mut count = 0;
        for text in frame.split('\n') {
            let at = start..start + text.len();
            start = at.end + 1;
            if !text.trim_ascii().is_empty() {
                let line = self.read_line(frame, at)?;
                count += line.found.len();
                lines.push(line);
            }
            if count > MESSAGES_MAX {
                return Err("too many messages in one frame");
            }
        }
        Ok(lines)
    }

    /// The decoded text of a found message with its way back to the frame.
    pub fn spelled(&self, frame: &str, line: &Line, found: &Found) -> Result<Spelled, Reason> {
        let raw = &line.text(frame)[found.spelling.clone()];
        let spelled = Spelled::json(raw, found.spelling.start)?;
        let spelled = match &line.inner {
            Some(inner) => spelled.within(inner),
            None => spelled,
        };
        Ok(if self.html && !found.is_name { spelled.shown() } else { spelled })
    }

    fn read_line(&self, frame: &str, at: Range<usize>) -> Result<Line, Reason> {
        let outer = Node::parse(&frame[at.clone()])?;
        let mut line = Line { at, inner: None, items: None, found: Vec::new() };
        // A kind outside is asked first: what is not chat may have anything inside.
        let outside = self.kind.as_ref().filter(|kind| kind.outer);
        if outside.is_some() && self.kind_of(&outer, &outer)?.is_none() {
            return Ok(line);
        }
        let Some(pointer) = &self.inner else {
            self.messages_in(&outer, &outer, frame, &mut line)?;
            return Ok(line);
        };
        let Some(raw) = outer.find(pointer)? else { return Ok(line) };
        match raw.as_bytes().first() {
            Some(b'"') => {}
            Some(b'{' | b'[') => return Err("an inner value that is not a string"),
            _ => return Ok(line),
        }
        let string = place(frame, raw);
        let content = string.start + 1..string.end - 1;
        let inner = Spelled::json(&frame[content.clone()], content.start)?;
        self.messages_in(&outer, &Node::parse(&inner.text)?, &inner.text, &mut line)?;
        line.inner = Some(inner);
        Ok(line)
    }

    /// Notes in `line` the messages in `node`, which is part of `text`.
    fn messages_in(
        &self,
        outer: &Node,
        node: &Node,
        text: &str,
        line: &mut Line,
    ) -> Result<(), Reason> {
        let Some(pointer) = &self.messages else {
            line.found.extend(self.message(outer, node, text)?);
            return Ok(());
        };
        let Some(raw) = node.find(pointer)? else { return Ok(()) };
        match raw.as_bytes().first() {
            Some(b'[') => {}
            Some(b'{' | b'"') => return Err("messages that are not an array"),
            _ => return Ok(()),
        }
        let array = Node::part(raw)?;
        let items = array.items().unwrap_or_default();
        if items.len() > MESSAGES_MAX {
            return Err("too many messages in one frame");
        }
        for item in items {
            line.found.extend(self.message(outer, &Node::part(item)?, text)?);
        }
        line.items = Some(items.iter().map(|item| place(text, item)).collect());
        Ok(())
    }

    /// The message that `node` is, if it is chat.
    fn message(&self, outer: &Node, node: &Node, text: &str) -> Result<Option<Found>, Reason> {
        let Some(kind) = self.kind_of(outer, node)? else { return Ok(None) };
        let Some(raw) = self.words(node, kind)? else { return Ok(None) };
        let is_name = kind == Kind::Name;
        match raw.as_bytes().first() {
            Some(b'"') => {}
            Some(b'n') => return Ok(None),
            // A page that shows `["x"]` or 5 shows x or 5.
            _ => return Err("a text that is not a string"),
        }
        let string = place(text, raw);
        let spelling = string.start + 1..string.end - 1;
        let spelled = match self.html && !is_name {
            true => Spelled::json(&text[spelling.clone()], 0)?.shown().text,
            false => crate::protocol::spelling::unescape(&text[spelling.clone()])?.into_owned(),
        };
        let value = |pointer: &Option<Pointer>| value(outer, node, pointer);
        let (id, name) = (value(&self.user)?, value(&self.name)?);
        let id = id.or_else(|| name.clone()).unwrap_or_default();
        let name = name.unwrap_or_else(|| id.clone());
        Ok(Some(Found {
            element: place(text, node.raw),
            spelling,
            sender: Sender { id, name, roles: self.roles_in(outer, node)? },
            channel: match self.channel {
                Some(_) => Some(value(&self.channel)?.unwrap_or_default()),
                None => None,
            },
            id: value(&self.id)?,
            text: spelled,
            paid: match is_name {
                true => None,
                false => self.paid_in(value(&self.paid)?, value(&self.currency)?),
            },
            is_name,
        }))
    }

    /// The JSON value that says something, if there is one.
    fn words<'a>(&self, node: &Node<'a>, kind: Kind) -> Result<Option<&'a str>, Reason> {
        if kind == Kind::Name {
            return self.new_name.as_ref().map_or(Ok(None), |pointer| node.find(pointer));
        }
        let found = node.find(&self.text)?.filter(|raw| *raw != "null");
        match (found, &self.text_or) {
            (None, Some(other)) => node.find(other),
            // Were both shown, one of them would pass unread.
            (Some(_), Some(other)) if node.find(other)?.is_some_and(|raw| raw != "null") => {
                Err("two texts in one message")
            }
            (found, _) => Ok(found),
        }
    }

    fn paid_in(&self, amount: Option<String>, currency: Option<String>) -> Option<Paid> {
        Paid::new(&amount?, currency.as_deref().unwrap_or_default())
    }

    /// What this is, if it is anything that is judged.
    fn kind_of(&self, outer: &Node, node: &Node) -> Result<Option<Kind>, Reason> {
        let Some(pointer) = &self.kind else { return Ok(Some(Kind::Chat)) };
        let raw = if pointer.outer { outer.find(pointer)? } else { node.find(pointer)? };
        let among = |kinds: &[String], kind: &str| kinds.iter().any(|known| known == kind);
        Ok(match Scalar::of(raw)? {
            Scalar::Text(kind) if among(&self.kinds, &kind) => Some(Kind::Chat),
            Scalar::Text(kind) if among(&self.name_kinds, &kind) => Some(Kind::Name),
            // JavaScript's == takes `["chat"]` for `"chat"`.
            Scalar::Nested => return Err("a kind that is an object or an array"),
            Scalar::Text(_) | Scalar::Absent => None,
        })
    }

    /// Roles by their usual names; a name that is not known gives none.
    fn roles_in(&self, outer: &Node, node: &Node) -> Result<Vec<Role>, Reason> {
        let Some(pointer) = &self.roles else { return Ok(Vec::new()) };
        let raw = if pointer.outer { outer.find(pointer)? } else { node.find(pointer)? };
        let Some(raw) = raw else { return Ok(Vec::new()) };
        let array = Node::part(raw)?;
        let items = array.items().unwrap_or(std::slice::from_ref(&array.raw));
        let mut roles = Vec::new();
        for item in items {
            if let Scalar::Text(name) = Scalar::of(Some(item))?
                && let Some(role) = role(&name)
                && !roles.contains(&role)
            {
                roles.push(role);
            }
        }
        Ok(roles)
    }
}

/// A short scalar, if it is there.
fn value(outer: &Node, node: &Node, pointer: &Option<Pointer>) -> Result<Option<String>, Reason> {
    let raw = match pointer {
        None => None,
        Some(pointer) if pointer.outer => outer.find(pointer)?,
        Some(pointer) => node.find(pointer)?,
    };
    match Scalar::of(raw)? {
        Scalar::Absent => Ok(None),
        Scalar::Text(text) if text.len() > NAME_BYTES_MAX => Err("a name or id that is too long"),
        Scalar::Text(text) => Ok(Some(text.into_owned())),
        Scalar::Nested => Err("a name or id that is an object or an array"),
    }
}

fn role(name: &str) -> Option<Role> {
    Some(match name.to_ascii_lowercase().as_str() {
        "broadcaster" | "owner" | "streamer" => Role::Broadcaster,
        "moderator" | "mod" => Role::Moderator,
        "vip" => Role::Vip,
        "subscriber" | "sub" => Role::Subscriber,
        _ => return None,
    })
}
