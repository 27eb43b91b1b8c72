//! Shapes messages for the wire: as JSON, IRC or text, read or unread, compressed or under TLS.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use super::{
    Outcome,
    chat::{self, Dice},
    talk, wire,
};

/// What a generator sends and how its connections are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON of the `generic` preset, 200 bytes.
    Json,
    /// The same in binary frames that are no text, which Tidegate passes on unread.
    Unread,
    /// JSON, in which no text comes twice; not every message has to come back.
    Talk,
    Irc,
    Text,
    /// JSON in compressed frames.
    Deflate,
    /// JSON under TLS as far as the proxy.
    Tls,
}

impl Shape {
    pub const ALL: [Shape; 7] = [
        Shape::Json,
        Shape::Unread,
        Shape::Talk,
        Shape::Irc,
        Shape::Text,
        Shape::Deflate,
        Shape::Tls,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Shape::Json => "json",
            Shape::Unread => "unread",
            Shape::Talk => "talk",
            Shape::Irc => "irc",
            Shape::Text => "text",
            Shape::Deflate => "deflate",
            Shape::Tls => "tls",
        }
    }

    pub fn named(name: &str) -> Outcome<Shape> {
        let known = Shape::ALL.into_iter().find(|shape| shape.name() == name);
        known.ok_or_else(|| format!("there is no shape {name:?}"))
    }

    /// How Tidegate's route is told to read it.
    pub fn protocol(self) -> &'static str {
        match self {
            Shape::Irc => "irc",
            Shape::Text => "text",
            _ => "generic",
        }
    }

    /// One message, as its text.
    pub fn message(self, id: u64, dice: &mut Dice) -> String {
        match self {
            Shape::Json | Shape::Unread | Shape::Deflate | Shape::Tls => chat::message(id, dice),
            Shape::Talk => talk::message(id, dice),
            Shape::Irc => format!("PRIVMSG #main :{}\r\n", chat::line(dice)),
            Shape::Text => chat::line(dice),
        }
    }

    /// Appends the frame of a message, masked as a client's.
    pub fn frame(self, message: &str, dice: &mut Dice, out: &mut Vec<u8>) -> Outcome<()> {
        let mask = dice.roll() as u32;
        match self {
            Shape::Unread => wire::write_frame(wire::BINARY, &unread(message), mask, out),
            Shape::Deflate => {
                let packed = deflate(message.as_bytes()).map_err(|e| e.to_string())?;
                wire::write_frame(wire::TEXT | wire::COMPRESSED, &packed, mask, out);
            }
            _ => wire::write_frame(wire::TEXT, message.as_bytes(), mask, out),
        }
        Ok(())
    }

    /// Whether what came back is this message.
    pub fn is(self, message: &str, opcode: u8, payload: &[u8]) -> Outcome<bool> {
        Ok(match self {
            Shape::Unread => opcode == wire::BINARY && payload == unread(message),
            Shape::Talk => opcode == wire::TEXT,
            // Whoever changes a frame may find that it is not worth compressing.
            Shape::Deflate if opcode & wire::COMPRESSED != 0 => {
                let mut text = String::new();
                // The end of a message's last block is left out on the wire.
                let whole = payload.chain(&[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff][..]);
                let read = DeflateDecoder::new(whole).read_to_string(&mut text);
                read.map_err(|e| format!("what came back cannot be inflated: {e}"))?;
                opcode == wire::TEXT | wire::COMPRESSED && text == message
            }
            _ => opcode == wire::TEXT && payload == message.as_bytes(),
        })
    }

    /// The number of a message in what came back, where it says one.
    pub fn id_of(self, payload: &[u8]) -> Option<usize> {
        match self {
            Shape::Json | Shape::Talk => chat::id_of(payload),
            _ => None,
        }
    }

    /// Whether messages have no number that can be read, and all come back in the order in which
    /// they went, so that they can be told apart without one.
    pub fn in_order(self) -> bool {
        !matches!(self, Shape::Json | Shape::Talk)
    }
}

/// The bytes of a message with a first one that stands in no text.
fn unread(message: &str) -> Vec<u8> {
    let mut bytes = message.as_bytes().to_vec();
    if let Some(first) = bytes.first_mut() {
        *first = 0xff;
    }
    bytes
}

/// As RFC 7692 has it: raw, ended by an empty block whose four bytes are left out.
fn deflate(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.flush()?;
    let mut packed = encoder.get_ref().clone();
    if packed.ends_with(&[0, 0, 0xff, 0xff]) {
        packed.truncate(packed.len() - 4);
    }
    Ok(packed)
}
