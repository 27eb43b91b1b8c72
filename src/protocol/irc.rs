//! Speaks IRC over WebSocket, as Twitch and as InspIRCd do.
//!
//! A message to several targets is one unit for each. Who writes is known from the session's own
//! nick (inline) or the line's prefix and tags (egress). A message that carries a `label` and does
//! not reach the server is answered with that label, so that its client does not wait.

use std::{ops::Range, sync::Arc};

use super::{
    Dialect, Fate, Frame, Leg, Message, Notice, NoticeKind, Protocol, Reader, Reading, Seat, Unit,
    spelling::{Reason, Spelled},
    splice::{Edit, cuts, splice},
};
use crate::{
    config::{Mode, RouteConfig},
    message::{Deleted, Gone},
};
use framing::Framing;
use known::{Known, author, channel_name};
use line::{Line, Speech, lines};

mod framing;
mod known;
mod line;
mod reader;
mod twitch;

pub use twitch::PUBLIC;

/// The one vendor whose dialect is spoken beside the standard's.
use twitch as vendor;

/// Messages in one frame; a frame that has more is a flood or an attack on memory.
const MESSAGES_MAX: usize = 1024;

/// Marks a message id that is the client's own label. Inline messages have no other id.
const LABEL: &str = "label=";

/// Services that are told passwords, which must never be stored. Nobody else reads them.
const PRIVATE: [&str; 4] = ["nickserv", "chanserv", "authserv", "saslserv"];

pub fn compile(route: &RouteConfig) -> Result<Arc<dyn Dialect>, String> {
    Ok(Arc::new(IrcDialect { vendor: vendor::is_at(&route.upstream) }))
}

struct IrcDialect {
    /// The chat server is the vendor's own.
    vendor: bool,
}

impl Dialect for IrcDialect {
    fn open(&self, seat: Seat) -> Box<dyn Protocol> {
        Box::new(Irc { seat, known: Known::default(), framing: Framing::default() })
    }

    fn channel(&self, written: &str) -> String {
        channel_name(written)
    }

    fn reader(&self, channel: &str, number: u32) -> Result<Reader, &'static str> {
        reader::reader(channel, number, self.vendor)
    }
}

struct Irc {
    seat: Seat,
    known: Known,
    framing: Framing,
}

impl Protocol for Irc {
    /// Text and binary frames alike: InspIRCd speaks either.
    fn read(&mut self, from: Leg, frame: &Frame, now_ms: u64) -> Reading {
        let bytes = frame.bytes();
        let reading = match self.seat.judges(from) {
            false => Ok(Vec::new()),
            true => self.units(from, bytes, now_ms),
        };
        match from {
            Leg::Client => lines(bytes).for_each(|line| self.known.learn_from_client(&line)),
            Leg::Server => {
                self.framing.note_server(bytes, matches!(frame, Frame::Binary(_)));
                lines(bytes).for_each(|line| self.known.learn_from_server(&line));
            }
        }
        match reading {
            Err(reason) => Reading::Unreadable(reason),
            Ok(units) if units.is_empty() => Reading::NotChat,
            Ok(units) => Reading::Chat(units),
        }
    }

    fn rebuild(&self, frame: &Frame, _units: &[Unit], fates: &[Fate]) -> Option<Frame> {
        let left = self.render(frame, fates, false)?;
        // Without the nick that stood first, the lines behind it may be joined to a message.
        let joins = self.seat.mode == Mode::Inline && self.framing.may_join(left.bytes());
        (!joins).then_some(left)
    }

    fn alone(&self, frame: &Frame, units: &[Unit], index: usize) -> Option<Frame> {
        self.render(frame, &super::only(units.len(), index), true)
    }

    /// A NOTICE, to the nick from `tidegate`, or as Twitch itself writes one where the client asked
    /// for Twitch's capabilities: such clients read notices from their server alone.
    ///
    /// The first notice about a labelled message carries the label, which is then answered; later
    /// ones do not, and a released message is answered by the server as well.
    fn notice(&self, about: &Message, notice: &Notice) -> Vec<Frame> {
        let text = notice.text();
        let label = about.id.as_deref().and_then(|id| id.strip_prefix(LABEL));
        let first = matches!(
            notice.kind,
            NoticeKind::Dropped
                | NoticeKind::Held
                | NoticeKind::TimedOut
                | NoticeKind::Banned
                | NoticeKind::NameRefused
        );
        let label = label.filter(|_| first);
        let mut tags = Vec::new();
        tags.extend(label.map(|label| format!("label={label}")));
        let refused = notice.kind == NoticeKind::NameRefused;
        let line = match self.known.vendor && !self.known.server.is_empty() {
            // As a server says it (RFC 2812), so that clients try another nick.
            _ if refused => {
                let (server, nick) = (self.known.server(), self.known.confirmed_nick());
                format!(":{server} 432 {nick} {} :{text}", about.text)
            }
            true => {
                tags.extend(vendor::notice_id(notice.kind).map(|id| format!("msg-id={id}")));
                format!(":{} NOTICE {} :{text}", self.known.server, about.channel)
            }
            false => format!(":tidegate NOTICE {} :{text}", self.known.nick()),
        };
        let mut line = match tags.is_empty() {
            true => line,
            false => format!("@{} {line}", tags.join(";")),
        };
        if self.framing.ends_lines() {
            line.push_str("\r\n");
        }
        vec![match self.framing.binary {
            true => Frame::Binary(line.into_bytes().into()),
            false => Frame::Text(line.into()),
        }]
    }

    fn deleted(&self, frame: &Frame) -> Vec<Deleted> {
        lines(frame.bytes()).filter_map(|line| reader::deleted(&line)).take(MESSAGES_MAX).collect()
    }

    fn retract(&self, gone: &Gone, _now_ms: u64) -> Option<Frame> {
        let mut line = reader::retraction(&self.known, gone)?;
        if self.framing.ends_lines() {
            line.push_str("\r\n");
        }
        Some(match self.framing.binary {
            true => Frame::Binary(line.into_bytes().into()),
            false => Frame::Text(line.into()),
        })
    }
}

/// A line that says something, to whom.
struct Said<'a> {
    line: Line<'a>,
    speech: Speech,
    /// It is the nick that the client wants.
    is_name: bool,
}

impl Irc {
    fn units(&mut self, from: Leg, bytes: &[u8], now_ms: u64) -> Result<Vec<Unit>, Reason> {
        if from == Leg::Client {
            self.framing.check_client(bytes)?;
        }
        let mut units = Vec::new();
        for said in self.said(bytes)? {
            if from == Leg::Client && said.line.limited_bytes() > self.known.line_max {
                // Servers cut what is too long, and a word cut short can be another word.
                return Err("an IRC line that is too long");
            }
            for (index, target) in said.speech.targets.iter().enumerate() {
                let message = self.message(from, bytes, &said, target, now_ms);
                let whole = said.cut(bytes, &[index]);
                units.push(Unit { message, whole, text: said.speech.text.clone() });
            }
        }
        Ok(units)
    }

    fn message(
        &self,
        from: Leg,
        bytes: &[u8],
        said: &Said,
        target: &Range<usize>,
        now_ms: u64,
    ) -> Message {
        let channel = match said.is_name {
            true => String::new(),
            false => channel_name(&String::from_utf8_lossy(&bytes[target.clone()])),
        };
        let server = from == Leg::Server;
        let id = match from {
            Leg::Client => said.line.tag("label").map(|label| format!("{LABEL}{label}")),
            Leg::Server => said.line.tag("id").or(said.line.tag("msgid")).map(str::to_owned),
        };
        Message {
            route: self.seat.route.clone(),
            sender: match from {
                Leg::Client => self.known.sender(&channel),
                Leg::Server => author(&said.line),
            },
            channel,
            id,
            text: String::from_utf8_lossy(&bytes[said.speech.text.clone()]).into_owned(),
            at_ms: now_ms,
            paid: vendor::paid(&said.line).filter(|_| server),
            first: server && vendor::is_first(&said.line),
            is_name: said.is_name,
        }
    }

    /// The lines of a frame that are judged.
    fn said<'a>(&self, bytes: &'a [u8]) -> Result<Vec<Said<'a>>, Reason> {
        let mut all = Vec::new();
        let mut count = 0;
        for line in lines(bytes) {
            let (speech, is_name) = match line.speech()? {
                Some(speech) => (speech, false),
                // What the server says of nicks is not judged: a client that misses it would take
                // one person for two.
                None if self.seat.mode == Mode::Inline && line.is("NICK") => match line.naming()? {
                    Some(naming) => (naming, true),
                    None => continue,
                },
                None => continue,
            };
            let to_service = |target: &Range<usize>| {
                PRIVATE
                    .iter()
                    .any(|name| bytes[target.clone()].eq_ignore_ascii_case(name.as_bytes()))
            };
            let passed = match self.seat.mode {
                // True of no target at all, too.
                Mode::Inline => !is_name && speech.targets.iter().all(to_service),
                Mode::Egress => {
                    speech.targets.is_empty() || (line.is("NOTICE") && is_server(line.prefix()))
                }
            };
            if !passed {
                count += speech.targets.len();
                all.push(Said { line, speech, is_name });
            }
            if count > MESSAGES_MAX {
                return Err("too many messages in one frame");
            }
        }
        Ok(all)
    }

    /// The frame after `fates`; `alone` leaves out lines in which no message is kept.
    fn render(&self, frame: &Frame, fates: &[Fate], alone: bool) -> Option<Frame> {
        if !alone && fates.iter().all(|fate| *fate == Fate::Keep) {
            return Some(frame.clone());
        }
        let bytes = frame.bytes();
        let said = self.said(bytes).ok()?;
        if said.iter().map(|said| said.speech.targets.len()).sum::<usize>() != fates.len() {
            return None;
        }
        let mut edits = Vec::new();
        let mut rest = fates;
        for said in &said {
            let (fates, after) = rest.split_at(said.speech.targets.len());
            rest = after;
            let removed: Vec<_> =
                (0..fates.len()).filter(|at| fates[*at] == Fate::Remove).collect();
            edits.extend(said.cuts(bytes, &removed).into_iter().map(Edit::cut));
            // One text for all targets: what is masked for one is masked for all.
            for fate in fates {
                if let Fate::Mask(spans) = fate {
                    let at = said.speech.text.clone();
                    let text = std::str::from_utf8(&bytes[at.clone()]).ok()?;
                    edits.extend(Spelled::plain(text, at.start).stars(spans));
                }
            }
        }
        if alone {
            let judged = |line: &Line| {
                said.binary_search_by_key(&line.whole.start, |said| said.line.whole.start).is_ok()
            };
            edits.extend(lines(bytes).filter(|l| !judged(l)).map(|line| Edit::cut(line.whole)));
        }
        splice(frame, edits)
    }
}

impl Said<'_> {
    /// What vanishes with one target alone.
    fn cut(&self, bytes: &[u8], removed: &[usize]) -> Range<usize> {
        self.cuts(bytes, removed).into_iter().next().unwrap_or(self.line.whole.clone())
    }

    /// What vanishes with the targets `removed`: with the last of them the line.
    fn cuts(&self, bytes: &[u8], removed: &[usize]) -> Vec<Range<usize>> {
        let targets = &self.speech.targets;
        if removed.len() == targets.len() {
            return vec![self.line.whole.clone()];
        }
        let removed: Vec<_> = removed.iter().map(|at| targets[*at].clone()).collect();
        // Blanks end the list of targets, so that only commas are looked at.
        let list = self.line.params[0].end;
        cuts(&bytes[..list], &removed, b',')
    }
}

/// A server speaks for itself; nicks have no dots.
fn is_server(prefix: &str) -> bool {
    !prefix.contains('!') && (prefix.is_empty() || prefix.contains('.'))
}
