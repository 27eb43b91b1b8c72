//! Compiles where the parts of a chat message stand in JSON, and reads them there.

use std::ops::Range;

use super::pointer::{Node, Pointer, Scalar, place};
use crate::{
    config::JsonConfig,
    message::{Role, Sender},
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
        Ok(Shape {
            messages: inside("messages", &config.messages)?,
            kind: anywhere("kind", &config.kind)?,
            kinds: config.kinds.clone(),
            text,
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
        Ok(if self.html { spelled.shown() } else { spelled })
    }

    fn read_line(&self, frame: &str, at: Range<usize>) -> Result<Line, Reason> {
        let outer = Node::parse(&frame[at.clone()])?;
        let mut line = Line { at, inner: None, items: None, found: Vec::new() };
        // A kind outside is asked first: what is not chat may have anything inside.
        let outside = self.kind.as_ref().filter(|kind| kind.outer);
        if outside.is_some() && !self.is_kind(&outer, &outer)? {
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
        if !self.is_kind(outer, node)? {
            return Ok(None);
        }
        let Some(raw) = node.find(&self.text)? else { return Ok(None) };
        match raw.as_bytes().first() {
            Some(b'"') => {}
            Some(b'n') => return Ok(None),
            // A page that shows `["x"]` or 5 shows x or 5.
            _ => return Err("a text that is not a string"),
        }
        let string = place(text, raw);
        let spelling = string.start + 1..string.end - 1;
        let spelled = match self.html {
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
        }))
    }

    fn is_kind(&self, outer: &Node, node: &Node) -> Result<bool, Reason> {
        let Some(pointer) = &self.kind else { return Ok(true) };
        let raw = if pointer.outer { outer.find(pointer)? } else { node.find(pointer)? };
        Ok(match Scalar::of(raw)? {
            Scalar::Text(kind) => self.kinds.iter().any(|known| *known == kind),
            // JavaScript's == takes `["chat"]` for `"chat"`.
            Scalar::Nested => return Err("a kind that is an object or an array"),
            Scalar::Absent => false,
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
