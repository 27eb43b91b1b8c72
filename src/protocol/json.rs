//! Speaks JSON: pointers say where the parts of a message stand.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{
    Dialect, Fate, Frame, Leg, Message, Notice, NoticeKind, Protocol, Reader, Reading, Seat, Unit,
    seat,
    splice::{Edit, cuts, splice},
};
use crate::{
    config::{JsonConfig, Mode, RouteConfig, Unjudged},
    message::{Deleted, Gone, Language, Sender},
};
use removal::Removal;
use shape::{Line, Shape};

mod me;
mod pointer;
mod removal;
mod shape;
mod template;
mod wide;

pub use template::rfc3339;

/// The shapes of chat servers that are known by name.
const PRESETS: &str = include_str!("json/presets.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    inline: JsonConfig,
    egress: JsonConfig,
    me: Option<JsonConfig>,
}

/// Compiles `[route.json]`, or the preset that is named like the protocol.
pub fn compile(route: &RouteConfig) -> Result<Arc<dyn Dialect>, String> {
    let (mut config, me) = match (route.protocol.as_str(), &route.json) {
        ("json", None) => return Err("protocol = \"json\" needs [route.json] with text".into()),
        ("json", Some(config)) => (config.clone(), None),
        (name, Some(_)) => {
            return Err(format!("json: protocol = {name:?} brings its own; use \"json\""));
        }
        (name, None) => preset(name, route.mode)?,
    };
    if route.mode == Mode::Inline {
        // Whoever writes the frame does not get to say that they are a moderator.
        config.roles.clear();
        // Nor that they paid, unless the operator knows better.
        if !route.trust_paid {
            config.paid.clear();
        }
    }
    check_notice(&config.notice)?;
    check_removal(&config.removal)?;
    let (reader, removals) = (config.clone(), Removal::compile(&config)?);
    Ok(Arc::new(JsonDialect {
        compiled: Arc::new(Compiled {
            shape: Shape::compile(&config)?,
            me: me.as_ref().map(me::Me::compile).transpose()?,
            notice: config.notice,
            removals,
            removal: config.removal,
            reader,
            on_binary: route.on_binary,
        }),
        user_parameter: seat::user_parameter(route),
    }))
}

fn preset(name: &str, mode: Mode) -> Result<(JsonConfig, Option<JsonConfig>), String> {
    let mut presets: BTreeMap<String, Preset> =
        toml::from_str(PRESETS).map_err(|error| format!("the JSON presets: {error}"))?;
    let preset = presets.remove(name).ok_or_else(|| format!("no JSON preset {name:?}"))?;
    Ok(match mode {
        Mode::Inline => (preset.inline, preset.me),
        Mode::Egress => (preset.egress, None),
    })
}

/// A filled template must be JSON, whatever it is filled with.
fn check_notice(template: &str) -> Result<(), String> {
    if template.is_empty() {
        return Ok(());
    }
    let about = Message { id: Some("\"\\\n".into()), ..Message::default() };
    let notice = Notice { kind: NoticeKind::Held, language: Language::En, rule: "rule".into() };
    let filled = template::fill(template, &about, &notice);
    match serde_json::from_str::<serde::de::IgnoredAny>(&filled) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("json.notice is not JSON when it is filled in: {error}")),
    }
}

fn check_removal(template: &str) -> Result<(), String> {
    let filled = template::fill_removal(template, "\"\\\n", 0);
    match serde_json::from_str::<serde::de::IgnoredAny>(&filled) {
        Err(error) if !template.is_empty() => {
            Err(format!("json.removal is not JSON when it is filled in: {error}"))
        }
        _ => Ok(()),
    }
}

struct JsonDialect {
    compiled: Arc<Compiled>,
    user_parameter: String,
}

struct Compiled {
    shape: Shape,
    me: Option<me::Me>,
    notice: String,
    /// What the server says to take messages away, and what Tidegate says.
    removals: Option<Removal>,
    removal: String,
    /// The settings, for whoever reads the frames elsewhere.
    reader: JsonConfig,
    on_binary: Unjudged,
}

impl Dialect for JsonDialect {
    fn open(&self, seat: Seat) -> Box<dyn Protocol> {
        let (writer, stranger) = (seat.writer(&self.user_parameter), seat.stranger());
        Box::new(Json { compiled: self.compiled.clone(), writer, stranger, told: None, seat })
    }

    fn reader(&self, channel: &str, _number: u32) -> Result<Reader, &'static str> {
        let json = self.compiled.reader.clone();
        // Where messages name no channel, there is one for all.
        let channel = if json.channel.is_empty() { "" } else { channel };
        let json = JsonConfig { notice: String::new(), removal: String::new(), ..json };
        let channel = channel.to_owned();
        Ok(Reader { speaks: "json", channel, json: Some(json), ..Reader::default() })
    }
}

struct Json {
    compiled: Arc<Compiled>,
    seat: Seat,
    /// Who writes on this connection, by its handshake.
    writer: Option<Sender>,
    /// Who writes where nothing says who does.
    stranger: Sender,
    /// Who writes on this connection, by what the server told it.
    told: Option<Sender>,
}

impl Protocol for Json {
    fn read(&mut self, from: Leg, frame: &Frame, now_ms: u64) -> Reading {
        if !self.seat.judges(from) {
            if let (Leg::Server, Some(me)) = (from, &self.compiled.me) {
                me.learn(frame, &mut self.told);
            }
            return Reading::NotChat;
        }
        let binary = matches!(frame, Frame::Binary(_));
        if binary && wide::looks_like_json(frame.bytes()) {
            return Reading::Unreadable("JSON in UTF-16 or UTF-32");
        }
        // Servers that do not care for the opcode read JSON from a binary frame too, so one that
        // looks like JSON is judged as JSON.
        if binary && !looks_like_json(frame.bytes()) {
            return self.not_json();
        }
        let Ok(text) = std::str::from_utf8(frame.bytes()) else {
            return Reading::Unreadable("not UTF-8");
        };
        let lines = match self.compiled.shape.read(text) {
            Ok(lines) => lines,
            Err(reason) => return Reading::Unreadable(reason),
        };
        let units: Vec<_> = lines
            .iter()
            .flat_map(|line| (0..line.found.len()).map(move |index| (line, index)))
            .map(|(line, index)| self.unit(text, line, index, now_ms))
            .collect();
        match units.is_empty() {
            true if binary => self.not_json(),
            true => Reading::NotChat,
            false => Reading::Chat(units),
        }
    }

    fn rebuild(&self, frame: &Frame, _units: &[Unit], fates: &[Fate]) -> Option<Frame> {
        self.render(frame, fates, false)
    }

    fn alone(&self, frame: &Frame, units: &[Unit], index: usize) -> Option<Frame> {
        self.render(frame, &super::only(units.len(), index), true)
    }

    fn notice(&self, about: &Message, notice: &Notice) -> Vec<Frame> {
        match self.compiled.notice.as_str() {
            "" => Vec::new(),
            template => vec![Frame::Text(template::fill(template, about, notice).into())],
        }
    }

    fn deleted(&self, frame: &Frame) -> Vec<Deleted> {
        match (&self.compiled.removals, std::str::from_utf8(frame.bytes())) {
            (Some(removals), Ok(text)) => removals.read(text),
            _ => Vec::new(),
        }
    }

    fn retract(&self, gone: &Gone, now_ms: u64) -> Option<Frame> {
        let template = self.compiled.removal.as_str();
        (!template.is_empty())
            .then(|| Frame::Text(template::fill_removal(template, &gone.id, now_ms).into()))
    }
}

impl Json {
    fn not_json(&self) -> Reading {
        match self.compiled.on_binary {
            Unjudged::Pass => Reading::NotChat,
            Unjudged::Drop => Reading::Unreadable("a binary frame"),
        }
    }

    fn unit(&self, frame: &str, line: &Line, index: usize, now_ms: u64) -> Unit {
        let found = &line.found[index];
        let whole = match line.items.is_some() {
            true => {
                let cut =
                    cuts(line.text(frame).as_bytes(), std::slice::from_ref(&found.element), b',');
                line.in_frame(cut[0].clone())
            }
            false => cuts(frame.as_bytes(), std::slice::from_ref(&line.at), b'\n')[0].clone(),
        };
        let message = Message {
            route: self.seat.route.clone(),
            channel: found.channel.clone().unwrap_or_else(|| self.seat.path.clone()),
            sender: self.sender(&found.sender),
            id: found.id.clone(),
            text: found.text.clone(),
            at_ms: now_ms,
            paid: found.paid.clone(),
            is_name: found.is_name,
            ..Message::default()
        };
        Unit { message, whole, text: line.in_frame(found.spelling.clone()) }
    }

    /// Who wrote a message that names `said` as its sender.
    ///
    /// Inline a client writes its frames as it likes, so that the server's word comes first and
    /// the handshake's next: who is timed out cannot go on under a name of each frame's own, nor
    /// have somebody else timed out.
    fn sender(&self, said: &Sender) -> Sender {
        let claimed = |who: &Sender| Sender { id: seat::claimed(who.id.clone()), ..who.clone() };
        match (self.seat.mode, &self.told, &self.writer) {
            (Mode::Inline, Some(told), _) => claimed(told),
            (Mode::Inline, None, Some(writer)) if writer.id != claimed(said).id => writer.clone(),
            (_, None, None) if said.id.is_empty() => self.stranger.clone(),
            (Mode::Inline, ..) => claimed(said),
            (Mode::Egress, ..) => said.clone(),
        }
    }

    /// The frame after `fates`; `alone` leaves out lines in which no message is kept.
    fn render(&self, frame: &Frame, fates: &[Fate], alone: bool) -> Option<Frame> {
        if !alone && fates.iter().all(|fate| *fate == Fate::Keep) {
            return Some(frame.clone());
        }
        let text = std::str::from_utf8(frame.bytes()).ok()?;
        let lines = self.compiled.shape.read(text).ok()?;
        if lines.iter().map(|line| line.found.len()).sum::<usize>() != fates.len() {
            return None;
        }
        let mut edits = Vec::new();
        let mut removed_lines = Vec::new();
        let mut rest = fates;
        for line in &lines {
            let (fates, after) = rest.split_at(line.found.len());
            rest = after;
            if fates.iter().all(|fate| *fate == Fate::Remove)
                && (alone || (line.items.is_none() && !fates.is_empty()))
            {
                removed_lines.push(line.at.clone());
                continue;
            }
            let mut kept = Vec::new();
            for (found, fate) in line.found.iter().zip(fates) {
                if *fate != Fate::Remove {
                    kept.push(&found.element);
                }
                if let Fate::Mask(spans) = fate {
                    let spelled = self.compiled.shape.spelled(text, line, found).ok()?;
                    edits.extend(spelled.stars(spans));
                }
            }
            let mut removed = line.items.clone().unwrap_or_default();
            removed.retain(|item| {
                let chat = line.found.iter().any(|found| found.element == *item);
                (alone || chat) && !kept.contains(&item)
            });
            let removed = cuts(line.text(text).as_bytes(), &removed, b',');
            edits.extend(removed.into_iter().map(|cut| Edit::cut(line.in_frame(cut))));
        }
        edits.extend(cuts(text.as_bytes(), &removed_lines, b'\n').into_iter().map(Edit::cut));
        splice(frame, edits)
    }
}

/// Whether a binary frame could be taken for JSON by a reader that is not strict about UTF-8.
fn looks_like_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    matches!(bytes.first(), Some(b'{' | b'['))
}
