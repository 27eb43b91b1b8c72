//! Speaks plain text: a frame is a message.

use std::sync::Arc;

use super::{
    Dialect, Fate, Frame, Leg, Message, Notice, Protocol, Reader, Reading, Seat, Unit, seat,
    spelling::Spelled, splice,
};
use crate::config::{RouteConfig, Unjudged};

pub fn compile(route: &RouteConfig) -> Result<Arc<dyn Dialect>, String> {
    Ok(Arc::new(TextDialect {
        user_parameter: seat::user_parameter(route),
        on_binary: route.on_binary,
    }))
}

struct TextDialect {
    user_parameter: String,
    on_binary: Unjudged,
}

impl Dialect for TextDialect {
    fn open(&self, seat: Seat) -> Box<dyn Protocol> {
        let sender = seat.writer(&self.user_parameter).unwrap_or_else(|| seat.stranger());
        Box::new(Text { seat, sender, on_binary: self.on_binary })
    }

    fn reader(&self, _channel: &str, _number: u32) -> Result<Reader, &'static str> {
        Ok(Reader { speaks: "text", ..Reader::default() })
    }
}

struct Text {
    seat: Seat,
    sender: crate::message::Sender,
    on_binary: Unjudged,
}

impl Protocol for Text {
    fn read(&mut self, from: Leg, frame: &Frame, now_ms: u64) -> Reading {
        if !self.seat.judges(from) || frame.bytes().is_empty() {
            return Reading::NotChat;
        }
        // Servers that do not care for the opcode show a binary frame like any other, so one that
        // can be text is judged as text.
        let Ok(text) = std::str::from_utf8(frame.bytes()) else {
            return match self.on_binary {
                Unjudged::Pass => Reading::NotChat,
                Unjudged::Drop => Reading::Unreadable("a binary frame"),
            };
        };
        let message = Message {
            route: self.seat.route.clone(),
            channel: self.seat.path.clone(),
            sender: self.sender.clone(),
            id: None,
            text: text.to_owned(),
            at_ms: now_ms,
            ..Message::default()
        };
        Reading::Chat(vec![Unit { message, whole: 0..text.len(), text: 0..text.len() }])
    }

    fn rebuild(&self, frame: &Frame, _units: &[Unit], fates: &[Fate]) -> Option<Frame> {
        match fates {
            [Fate::Keep] => Some(frame.clone()),
            [Fate::Mask(spans)] => {
                let text = std::str::from_utf8(frame.bytes()).ok()?;
                splice::splice(frame, Spelled::plain(text, 0).stars(spans))
            }
            _ => None,
        }
    }

    fn notice(&self, _about: &Message, notice: &Notice) -> Vec<Frame> {
        vec![Frame::Text(notice.text().into())]
    }
}
