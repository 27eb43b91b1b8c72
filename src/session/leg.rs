//! Reads and writes one side's frames, and knows when that side is flooding, stalled or dead.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::{CapacityError, ProtocolError},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::wire::Wire;
use crate::{config::LimitsConfig, protocol::Frame};

/// One WebSocket connection of the pair.
pub struct Leg {
    ws: Box<WebSocketStream<Wire>>,
    /// Bytes given to the codec since it was last seen empty: an upper bound of what waits.
    backlog: usize,
    /// Something was written that has not been flushed.
    unflushed: bool,
    /// The transport's count of written bytes, and since when it stands still.
    stalled: Option<(u64, Instant)>,
    /// The transport's count of read bytes up to which they made whole messages.
    mark: u64,
    /// Since when bytes are there that make no whole message.
    partial: Option<Instant>,
    heard: Instant,
    pinged: bool,
    /// Pings in the present second.
    pings: (u32, Instant),
    closing: bool,
    ended: bool,
}

/// What a leg has to say.
pub enum Heard {
    Frame(Frame),
    Last(Last),
}

/// How a leg came to its end.
pub enum Last {
    /// The peer closes, in its own words.
    Close(Option<CloseFrame>),
    /// The transport ended without a close frame.
    Lost,
    /// The peer broke a rule; it is told with this code.
    Broke(CloseCode, &'static str),
}

/// What time brings to light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It takes nothing of what waits for it.
    Stalled,
    /// It began a message and does not finish it.
    Dawdling,
    /// It does not even answer pings.
    Dead,
}

impl Leg {
    /// The leg to a client: Tidegate is the server of it.
    pub async fn to_client(wire: Wire, read: Bytes, limits: &LimitsConfig) -> Leg {
        Leg::new(wire, read, Role::Server, limits).await
    }

    /// The leg to the upstream: Tidegate is the client of it.
    pub async fn to_server(wire: Wire, read: Bytes, limits: &LimitsConfig) -> Leg {
        Leg::new(wire, read, Role::Client, limits).await
    }

    async fn new(wire: Wire, read: Bytes, role: Role, limits: &LimitsConfig) -> Leg {
        let largest = limits.message_bytes_max;
        let config = WebSocketConfig::default()
            // Allocated at once for every connection: most of them are quiet.
            .read_buffer_size(2 * 1024)
            .write_buffer_size(4 * 1024)
            // The other leg is not read beyond the backlog; the message that crosses it, notices
            // and releases come on top.
            .max_write_buffer_size(limits.backlog_bytes_max + 4 * largest + 64 * 1024)
            .max_message_size(Some(largest))
            .max_frame_size(Some(largest));
        let now = Instant::now();
        let mark = wire.bytes_read;
        let ws = WebSocketStream::from_partially_read(wire, read.to_vec(), role, Some(config));
        Leg {
            ws: Box::new(ws.await),
            backlog: 0,
            unflushed: false,
            stalled: None,
            mark,
            partial: None,
            heard: now,
            pinged: false,
            pings: (0, now),
            closing: false,
            ended: false,
        }
    }

    /// Bytes that may still wait for the peer to take them.
    pub fn backlog(&self) -> usize {
        self.backlog
    }

    /// Nothing more will be heard from this leg.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The next frame or the end of the leg; control frames are dealt with here.
    pub fn poll_hear(&mut self, cx: &mut Context<'_>, limits: &LimitsConfig) -> Poll<Heard> {
        loop {
            if self.ended {
                return Poll::Pending;
            }
            let message = match Pin::new(&mut *self.ws).poll_next(cx) {
                Poll::Pending => return self.partly_heard(limits),
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(Some(Err(cause))) => {
                    self.ended = true;
                    return Poll::Ready(Heard::Last(broken(&cause)));
                }
                Poll::Ready(None) => {
                    self.ended = true;
                    return Poll::Ready(Heard::Last(Last::Lost));
                }
            };
            let now = Instant::now();
            self.heard = now;
            self.pinged = false;
            match message {
                Message::Text(text) => return Poll::Ready(self.whole(Frame::Text(text))),
                Message::Binary(bytes) => return Poll::Ready(self.whole(Frame::Binary(bytes))),
                Message::Close(frame) => return Poll::Ready(Heard::Last(Last::Close(frame))),
                Message::Ping(payload) => {
                    self.control(payload.len());
                    // The codec has queued the pong.
                    self.unflushed = true;
                    if self.floods(now, limits) {
                        let why = "too many pings";
                        return Poll::Ready(Heard::Last(Last::Broke(CloseCode::Policy, why)));
                    }
                }
                Message::Pong(payload) => self.control(payload.len()),
                Message::Frame(_) => {}
            }
        }
    }

    fn whole(&mut self, frame: Frame) -> Heard {
        self.mark = self.ws.get_ref().bytes_read;
        self.partial = None;
        Heard::Frame(frame)
    }

    /// A control frame within a fragmented message does not make the message any younger.
    fn control(&mut self, payload: usize) {
        // Six bytes at most beside the payload: two of header and four of mask.
        self.mark = (self.mark + payload as u64 + 6).min(self.ws.get_ref().bytes_read);
    }

    /// Nothing whole is there: notes since when bytes came that are no message yet.
    fn partly_heard(&mut self, limits: &LimitsConfig) -> Poll<Heard> {
        let unfinished = self.ws.get_ref().bytes_read.saturating_sub(self.mark);
        if unfinished > 0 && self.partial.is_none() {
            self.partial = Some(Instant::now());
        }
        // Fourteen bytes are the longest frame header: even empty fragments come to an end.
        let bound = limits.message_bytes_max + 14 * limits.fragments_max;
        if unfinished > bound as u64 {
            let why = "too many fragments";
            return Poll::Ready(Heard::Last(Last::Broke(CloseCode::Size, why)));
        }
        Poll::Pending
    }

    fn floods(&mut self, now: Instant, limits: &LimitsConfig) -> bool {
        if now.duration_since(self.pings.1) >= Duration::from_secs(1) {
            self.pings = (0, now);
        }
        self.pings.0 += 1;
        self.pings.0 > limits.pings_per_second
    }

    /// Gives a frame to the codec; `false` where the peer can take no more.
    #[must_use]
    pub fn write(&mut self, frame: Frame) -> bool {
        if self.closing || self.ended {
            return true;
        }
        self.backlog += frame.bytes().len() + 14;
        self.unflushed = true;
        let message = match frame {
            Frame::Text(text) => Message::Text(text),
            Frame::Binary(bytes) => Message::Binary(bytes),
        };
        // A transport that failed says so when it is read; only a full buffer matters here.
        let sent = Pin::new(&mut *self.ws).start_send(message);
        !matches!(sent, Err(Error::WriteBufferFull(_)))
    }

    /// The codec has answered the peer's close frame: there is nothing more to write.
    pub fn answered(&mut self) {
        self.closing = true;
        self.unflushed = true;
    }

    /// Sends a close frame once; `None` closes without a code, as the peer's peer did.
    pub fn close(&mut self, frame: Option<CloseFrame>) {
        if self.closing {
            return;
        }
        self.closing = true;
        self.unflushed = true;
        let _ = Pin::new(&mut *self.ws).start_send(Message::Close(frame));
    }

    /// Drives what was written to the transport; `true` when all of it is there.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.unflushed {
            return true;
        }
        match Pin::new(&mut *self.ws).poll_flush(cx) {
            // An error ends the leg when it is read; nothing more can be written then.
            Poll::Ready(_) => {
                self.unflushed = false;
                self.backlog = 0;
                self.stalled = None;
                true
            }
            Poll::Pending => {
                let written = self.ws.get_ref().bytes_written;
                if self.stalled.is_none_or(|(before, _)| before != written) {
                    self.stalled = Some((written, Instant::now()));
                }
                false
            }
        }
    }

    /// What time has to say: pings a quiet peer, names a dead, stalled or dawdling one.
    pub fn check(&mut self, now: Instant, limits: &LimitsConfig) -> Option<Trouble> {
        let passed = |since: Instant, ms: u64| now >= since + Duration::from_millis(ms);
        if self.ended {
            return None;
        }
        if self.stalled.is_some_and(|(_, since)| passed(since, limits.stall_ms)) {
            return Some(Trouble::Stalled);
        }
        if self.partial.is_some_and(|since| passed(since, limits.partial_ms)) {
            return Some(Trouble::Dawdling);
        }
        if passed(self.heard, limits.dead_ms) {
            return Some(Trouble::Dead);
        }
        if !self.pinged && !self.closing && passed(self.heard, limits.ping_ms) {
            self.pinged = true;
            self.unflushed = true;
            let _ = Pin::new(&mut *self.ws).start_send(Message::Ping(Bytes::new()));
        }
        None
    }

    /// When `check` has something to say at the earliest.
    pub fn next_check(&self, limits: &LimitsConfig) -> Instant {
        let quiet = if self.pinged { limits.dead_ms } else { limits.ping_ms };
        let after = |since: Instant, ms: u64| since + Duration::from_millis(ms);
        let mut next = after(self.heard, quiet);
        if let Some((_, since)) = self.stalled {
            next = next.min(after(since, limits.stall_ms));
        }
        if let Some(since) = self.partial {
            next = next.min(after(since, limits.partial_ms));
        }
        next
    }

    /// Ends the transport after the close frames, reading on a little: closing a socket with
    /// unread bytes resets it, and the peer would never see why it was closed.
    pub async fn linger(mut self, limit: Duration) {
        let wire = self.ws.get_mut();
        let drained = async {
            let _ = wire.shutdown().await;
            let mut sink = [0; 2048];
            let mut left = 256 * 1024_usize;
            while let Ok(read @ 1..) = wire.read(&mut sink).await {
                left = left.saturating_sub(read);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(limit, drained).await;
    }
}

/// The close code for what the peer did wrong, or the plain loss of its transport.
fn broken(cause: &Error) -> Last {
    match cause {
        Error::Utf8(_) => Last::Broke(CloseCode::Invalid, "invalid UTF-8"),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            Last::Broke(CloseCode::Size, "message too big")
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Last::Lost,
        Error::Protocol(_) => Last::Broke(CloseCode::Protocol, "protocol error"),
        _ => Last::Lost,
    }
}
