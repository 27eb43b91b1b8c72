//! Reads and writes WebSocket frames (RFC 6455) in memory, strictly and within bounds.
//!
//! Headers, opcodes and close codes are tungstenite's. What stands here instead of its connection
//! is what a proxy needs and a connection hides: a close frame that is not answered before the
//! other side has answered it, and no memory for a peer that is quiet.

use std::io::Cursor;

use bytes::{Buf, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::{
    Utf8Bytes,
    protocol::{
        CloseFrame, Role,
        frame::{
            FrameHeader,
            coding::{CloseCode, Control, Data, OpCode},
        },
    },
};

use super::{
    deflate::{self, Deflate, Wrong},
    mask::{apply, fresh_mask},
};
use crate::{config::LimitsConfig, protocol::Frame};

/// RFC 6455, 5.5: the payload of a control frame.
const CONTROL_MAX: usize = 125;
/// Unmasked, a header has at most ten bytes; a mask adds four.
pub const HEADER_MAX: usize = 14;

/// One direction pair of a connection: bytes in, frames out, and the reverse.
pub struct Codec {
    role: Role,
    message_max: usize,
    fragments_max: usize,
    inflate_ratio_max: usize,
    /// What was agreed on compression; nothing is kept of it between messages.
    deflate: Option<Deflate>,
    inbox: BytesMut,
    /// The message whose fragments are being gathered.
    partial: Option<Partial>,
    outbox: BytesMut,
}

struct Partial {
    text: bool,
    deflated: bool,
    bytes: BytesMut,
    fragments: usize,
}

/// What the peer sent.
#[derive(Debug, PartialEq)]
pub enum Item {
    Message(Frame),
    Ping(Bytes),
    Pong,
    Close(Option<CloseFrame>),
}

/// What the peer did wrong, as the close code that tells it.
#[derive(Debug, PartialEq)]
pub struct Fault {
    pub code: CloseCode,
    pub why: &'static str,
}

impl Fault {
    fn protocol(why: &'static str) -> Fault {
        Fault { code: CloseCode::Protocol, why }
    }

    fn size(why: &'static str) -> Fault {
        Fault { code: CloseCode::Size, why }
    }

    fn text() -> Fault {
        Fault { code: CloseCode::Invalid, why: "invalid UTF-8" }
    }
}

impl Codec {
    /// A codec that has already read `read`.
    pub fn new(role: Role, read: &[u8], limits: &LimitsConfig, deflate: Option<Deflate>) -> Codec {
        Codec {
            role,
            message_max: limits.message_bytes_max,
            fragments_max: limits.fragments_max,
            inflate_ratio_max: limits.inflate_ratio_max,
            deflate,
            inbox: BytesMut::from(read),
            partial: None,
            outbox: BytesMut::new(),
        }
    }

    /// Takes in what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
    }

    /// Whether a message was begun and is not finished.
    pub fn unfinished(&self) -> bool {
        !self.inbox.is_empty() || self.partial.is_some()
    }

    /// The next thing that is whole, or `None` until more is fed.
    pub fn next(&mut self) -> Result<Option<Item>, Fault> {
        loop {
            let Some((header, payload)) = self.frame()? else {
                if self.inbox.is_empty() {
                    // A quiet peer costs no memory.
                    self.inbox = BytesMut::new();
                }
                return Ok(None);
            };
            match header.opcode {
                OpCode::Control(control) => return control_item(control, payload).map(Some),
                OpCode::Data(data) => {
                    if let Some(frame) = self.data(data, &header, payload)? {
                        return Ok(Some(Item::Message(frame)));
                    }
                }
            }
        }
    }

    /// One whole frame, unmasked.
    fn frame(&mut self) -> Result<Option<(FrameHeader, BytesMut)>, Fault> {
        let mut cursor = Cursor::new(&self.inbox[..]);
        let parsed = FrameHeader::parse(&mut cursor);
        let Some((header, length)) = parsed.map_err(|_| Fault::protocol("a malformed header"))?
        else {
            return Ok(None);
        };
        let begins = cursor.position() as usize;
        self.check(&header, length)?;
        // Within the limit, and so within `usize`.
        let length = length as usize;
        if self.inbox.len() < begins + length {
            return Ok(None);
        }
        self.inbox.advance(begins);
        let mut payload = self.inbox.split_to(length);
        if let Some(mask) = header.mask {
            apply(mask, &mut payload);
        }
        Ok(Some((header, payload)))
    }

    fn check(&self, header: &FrameHeader, length: u64) -> Result<(), Fault> {
        // Only the first frame of a message says that the message is compressed.
        let may_be = matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        let deflated = header.rsv1 && may_be && self.deflate.is_some();
        if header.rsv1 != deflated || header.rsv2 || header.rsv3 {
            return Err(Fault::protocol("a reserved bit"));
        }
        if header.mask.is_some() != (self.role == Role::Server) {
            return Err(Fault::protocol("a frame masked the wrong way"));
        }
        match header.opcode {
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => {
                Err(Fault::protocol("a reserved opcode"))
            }
            OpCode::Control(_) if !header.is_final => Err(Fault::protocol("a control fragment")),
            OpCode::Control(_) if length > CONTROL_MAX as u64 => {
                Err(Fault::protocol("a long control frame"))
            }
            OpCode::Control(_) => Ok(()),
            OpCode::Data(_) => {
                let before = self.partial.as_ref().map_or(0, |partial| partial.bytes.len());
                match length.saturating_add(before as u64) > self.message_max as u64 {
                    true => Err(Fault::size("message too big")),
                    false => Ok(()),
                }
            }
        }
    }

    /// A message that this fragment completes.
    fn data(
        &mut self,
        data: Data,
        header: &FrameHeader,
        payload: BytesMut,
    ) -> Result<Option<Frame>, Fault> {
        let last = header.is_final;
        match (data, self.partial.take()) {
            (Data::Continue, None) => Err(Fault::protocol("a continuation of nothing")),
            (Data::Continue, Some(mut partial)) => {
                partial.bytes.extend_from_slice(&payload);
                partial.fragments += 1;
                if partial.fragments > self.fragments_max {
                    return Err(Fault::size("too many fragments"));
                }
                self.gathered(partial, last)
            }
            (_, Some(_)) => Err(Fault::protocol("a message within a message")),
            (data, None) => {
                let (text, deflated) = (data == Data::Text, header.rsv1);
                self.gathered(Partial { text, deflated, bytes: payload, fragments: 1 }, last)
            }
        }
    }

    fn gathered(&mut self, partial: Partial, last: bool) -> Result<Option<Frame>, Fault> {
        if last {
            return self.whole(partial).map(Some);
        }
        // Fails fast: what no continuation can mend is not gathered any further.
        if partial.text
            && !partial.deflated
            && let Err(error) = std::str::from_utf8(&partial.bytes)
            && error.error_len().is_some()
        {
            return Err(Fault::text());
        }
        self.partial = Some(partial);
        Ok(None)
    }

    /// A message whose last fragment is there.
    fn whole(&self, partial: Partial) -> Result<Frame, Fault> {
        let bytes = match partial.deflated {
            false => partial.bytes.freeze(),
            true => {
                let honest = partial.bytes.len().saturating_mul(self.inflate_ratio_max);
                let max = honest.saturating_add(deflate::ALWAYS).min(self.message_max);
                deflate::inflate(&partial.bytes, max).map_err(|wrong| match wrong {
                    Wrong::Big => Fault::size("message too big when inflated"),
                    Wrong::Garbled => {
                        Fault { code: CloseCode::Invalid, why: "invalid compressed data" }
                    }
                })?
            }
        };
        match partial.text {
            true => Utf8Bytes::try_from(bytes).map(Frame::Text).map_err(|_| Fault::text()),
            false => Ok(Frame::Binary(bytes)),
        }
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> usize {
        self.outbox.len()
    }

    pub fn outbox(&self) -> &[u8] {
        &self.outbox
    }

    /// Notes that this much of the outbox was written.
    pub fn written(&mut self, count: usize) {
        self.outbox.advance(count);
        if self.outbox.is_empty() {
            self.outbox = BytesMut::new();
        }
    }

    pub fn write_message(&mut self, frame: &Frame) {
        let data = match frame {
            Frame::Text(_) => Data::Text,
            Frame::Binary(_) => Data::Binary,
        };
        match self.deflate.and_then(|deflate| deflate.deflate(frame.bytes())) {
            Some(deflated) => self.write(OpCode::Data(data), &deflated, true),
            None => self.write(OpCode::Data(data), frame.bytes(), false),
        }
    }

    pub fn write_ping(&mut self) {
        self.write(OpCode::Control(Control::Ping), &[], false);
    }

    pub fn write_pong(&mut self, payload: &[u8]) {
        self.write(OpCode::Control(Control::Pong), payload, false);
    }

    pub fn write_close(&mut self, frame: Option<&CloseFrame>) {
        let mut payload = Vec::new();
        if let Some(frame) = frame {
            payload.extend(u16::from(frame.code).to_be_bytes());
            payload.extend(frame.reason.as_bytes());
        }
        self.write(OpCode::Control(Control::Close), &payload, false);
    }

    fn write(&mut self, opcode: OpCode, payload: &[u8], deflated: bool) {
        let mask = (self.role == Role::Client).then(fresh_mask);
        let mut header = FrameHeader { opcode, mask, rsv1: deflated, ..FrameHeader::default() };
        header.is_final = true;
        self.outbox.reserve(HEADER_MAX + payload.len());
        let mut head = [0; HEADER_MAX];
        let mut free = &mut head[..];
        // Fourteen bytes are enough for every header.
        let _ = header.format(payload.len() as u64, &mut free);
        let left = free.len();
        self.outbox.extend_from_slice(&head[..HEADER_MAX - left]);
        let begins = self.outbox.len();
        self.outbox.extend_from_slice(payload);
        if let Some(mask) = mask {
            apply(mask, &mut self.outbox[begins..]);
        }
    }
}

fn control_item(control: Control, payload: BytesMut) -> Result<Item, Fault> {
    match control {
        Control::Ping => Ok(Item::Ping(payload.freeze())),
        Control::Pong => Ok(Item::Pong),
        _ => close(&payload).map(Item::Close),
    }
}

fn close(payload: &[u8]) -> Result<Option<CloseFrame>, Fault> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(Fault::protocol("half a close code")),
        [high, low, reason @ ..] => (CloseCode::from(u16::from_be_bytes([*high, *low])), reason),
    };
    // 1014 is registered (bad gateway) and unknown to the library.
    if !code.is_allowed() && u16::from(code) != 1014 {
        return Err(Fault::protocol("a close code that must not be sent"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Fault::text())?;
    Ok(Some(CloseFrame { code, reason: reason.into() }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(role: Role, message_bytes_max: usize, deflate: Option<Deflate>) -> Codec {
        let limits =
            LimitsConfig { message_bytes_max, fragments_max: 8, ..LimitsConfig::default() };
        Codec::new(role, &[], &limits, deflate)
    }

    fn codec(role: Role) -> Codec {
        with(role, 1000, None)
    }

    #[test]
    fn close_codes_are_checked() {
        let check = |payload: &[u8], expected: Result<Option<u16>, CloseCode>| {
            let read = close(payload).map(|frame| frame.map(|frame| u16::from(frame.code)));
            assert_eq!(read.map_err(|fault| fault.code), expected, "{payload:?}");
        };
        check(&[], Ok(None));
        for code in [1000_u16, 1003, 1007, 1014, 3000, 4999] {
            check(&code.to_be_bytes(), Ok(Some(code)));
        }
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            check(&code.to_be_bytes(), Err(CloseCode::Protocol));
        }
        check(&[3], Err(CloseCode::Protocol));
        check(&[3, 232, 0xff], Err(CloseCode::Invalid));
    }

    /// A frame to a client, with the first byte as it is given.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short payload");
        [&[first, length], payload].concat()
    }

    #[test]
    fn compressed_messages_are_read_where_that_was_agreed() {
        const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let bomb = Deflate { window: 15 }.deflate(&[b'a'; 5000]).expect("worth it");
        let read = |deflate, frames: &[Vec<u8>]| {
            let mut codec = with(Role::Client, 60_000, deflate);
            codec.feed(&frames.concat());
            codec.next().map_err(|fault| u16::from(fault.code))
        };
        let hello = || Ok(Some(Item::Message(Frame::Text("Hello".into()))));
        for (frames, expected) in [
            (vec![frame(0xc1, HELLO)], hello()),
            (vec![frame(0x81, b"Hello")], hello()),
            (
                vec![frame(0x41, &HELLO[..1]), frame(0, &HELLO[1..4]), frame(0x80, &HELLO[4..])],
                hello(),
            ),
            (vec![frame(0x41, HELLO), frame(0x80, &[])], hello()),
            (vec![frame(0x41, HELLO)], Ok(None)),
            // The bit again on a continuation, on one of what is not compressed, on a ping.
            (vec![frame(0x41, &HELLO[..1]), frame(0xc0, &HELLO[1..])], Err(1002)),
            (vec![frame(0x01, b"Hel"), frame(0xc0, b"lo")], Err(1002)),
            (vec![frame(0xc9, b"")], Err(1002)),
            (vec![frame(0xa1, b"")], Err(1002)),
            // Not deflated, not whole, not UTF-8 when inflated, more than ten times as much.
            (vec![frame(0xc1, b"Hello")], Err(1007)),
            (vec![frame(0xc1, &HELLO[..3])], Err(1007)),
            (vec![frame(0xc1, &[0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00])], Err(1007)),
            (vec![frame(0xc2, &bomb)], Err(1009)),
        ] {
            assert_eq!(read(Some(Deflate { window: 15 }), &frames), expected, "{frames:?}");
        }
        assert_eq!(read(None, &[frame(0xc1, HELLO)]), Err(1002));
    }

    proptest! {
        /// Large messages are compressed on their way, and arrive whole through any cut.
        #[test]
        fn compressed_frames_arrive_as_they_were_written(
            words in prop::collection::vec("[a-z ]{1,12}", 1..600),
            window in 9..=15_u8,
            cut in 1..500_usize,
        ) {
            let deflate = Some(Deflate { window });
            let mut writer = with(Role::Client, 60_000, deflate);
            let mut reader = with(Role::Server, 60_000, deflate);
            let text = words.concat();
            writer.write_message(&Frame::Text(text.as_str().into()));
            writer.write_ping();
            let small = text.len() < deflate::WORTH_IT;
            prop_assert_eq!(writer.outbox()[0] & 0x40 == 0, small);
            let mut heard = Vec::new();
            for piece in writer.outbox().chunks(cut) {
                reader.feed(piece);
                while let Some(item) = reader.next().expect("valid frames") {
                    heard.push(item);
                }
            }
            let sent = [Item::Message(Frame::Text(text.into())), Item::Ping(Bytes::new())];
            prop_assert_eq!(heard, sent);
            prop_assert!(!reader.unfinished());
        }

        /// What one side writes the other reads, however the bytes are cut on their way.
        #[test]
        fn frames_arrive_as_they_were_written(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
            cut in 1..50_usize,
            client in any::<bool>(),
        ) {
            let (from, to) = match client {
                true => (Role::Client, Role::Server),
                false => (Role::Server, Role::Client),
            };
            let (mut writer, mut reader) = (codec(from), codec(to));
            for message in &messages {
                writer.write_message(&Frame::Binary(message.clone().into()));
            }
            let mut heard = Vec::new();
            for piece in writer.outbox().chunks(cut) {
                reader.feed(piece);
                while let Some(item) = reader.next().expect("valid frames") {
                    heard.push(item);
                }
            }
            let sent: Vec<_> = messages
                .into_iter()
                .map(|message| Item::Message(Frame::Binary(message.into())))
                .collect();
            prop_assert_eq!(heard, sent);
            prop_assert!(!reader.unfinished());
        }

        /// No bytes at all make it panic, nor keep more than a message's worth of them.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            for role in [Role::Client, Role::Server] {
                let mut reader = codec(role);
                for piece in bytes.chunks(97) {
                    reader.feed(piece);
                    while let Ok(Some(_)) = reader.next() {}
                    if reader.next().is_err() {
                        break;
                    }
                    prop_assert!(reader.inbox.len() <= 1000 + HEADER_MAX + 97);
                }
            }
        }
    }
}
