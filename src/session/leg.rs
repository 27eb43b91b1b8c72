//! Reads and writes one side's frames, and knows when that side is flooding, stalled or dead.

use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::Instant,
};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::coding::CloseCode};

use super::{
    codec::{Codec, Item},
    deflate::Deflate,
    wire::Wire,
};
use crate::{config::LimitsConfig, protocol::Frame};

/// What one read takes at most; it is shared by all connections of a thread.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// One WebSocket connection of the pair.
pub struct Leg {
    wire: Wire,
    codec: Codec,
    /// More than this waiting means that the session writes without looking.
    backlog_hard_max: usize,
    unflushed: bool,
    /// Since when the peer takes nothing of what waits for it.
    stalled: Option<Instant>,
    /// Since when bytes are there that make no whole message.
    partial: Option<Instant>,
    heard: Instant,
    /// It is not read at present, for the other side's sake: its silence means nothing.
    suspended: bool,
    pinged: bool,
    /// Pings in the present second.
    pings: (u32, Instant),
    /// A write failed: what was given to the transport may or may not have arrived.
    broken: bool,
    /// We have sent our close frame.
    closing: bool,
    /// The peer has said its last word, or broke a rule.
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
    pub fn to_client(
        wire: Wire,
        read: &[u8],
        limits: &LimitsConfig,
        deflate: Option<Deflate>,
    ) -> Leg {
        Leg::new(wire, Codec::new(Role::Server, read, limits, deflate), limits)
    }

    /// The leg to the upstream: Tidegate is the client of it.
    pub fn to_server(
        wire: Wire,
        read: &[u8],
        limits: &LimitsConfig,
        deflate: Option<Deflate>,
    ) -> Leg {
        Leg::new(wire, Codec::new(Role::Client, read, limits, deflate), limits)
    }

    fn new(wire: Wire, codec: Codec, limits: &LimitsConfig) -> Leg {
        let now = Instant::now();
        Leg {
            wire,
            codec,
            // The other leg is not read beyond the backlog; the message that crosses it, notices
            // and releases come on top.
            backlog_hard_max: limits.backlog_bytes_max + 4 * limits.message_bytes_max + 64 * 1024,
            unflushed: false,
            stalled: None,
            partial: None,
            heard: now,
            suspended: false,
            pinged: false,
            pings: (0, now),
            broken: false,
            closing: false,
            ended: false,
        }
    }

    /// Bytes that wait for the peer to take them.
    pub fn backlog(&self) -> usize {
        self.codec.waiting()
    }

    /// Notes that the leg is not read for now.
    pub fn suspend(&mut self) {
        self.suspended = true;
    }

    pub fn suspended(&self) -> bool {
        self.suspended
    }

    /// We have sent our close frame: nothing more can be said.
    pub fn closing(&self) -> bool {
        self.closing
    }

    /// Nothing more will be heard from this leg, and nothing more can be said to it.
    pub fn done(&self) -> bool {
        self.ended && (!self.unflushed || self.broken)
    }

    /// The next frame or the end of the leg; pings and pongs are dealt with here.
    pub fn poll_hear(&mut self, cx: &mut Context<'_>, limits: &LimitsConfig) -> Poll<Heard> {
        if self.suspended {
            // Its time counts again from now.
            self.suspended = false;
            self.heard = Instant::now();
            self.partial = None;
        }
        while !self.ended {
            let item = match self.codec.next() {
                Ok(Some(item)) => item,
                Ok(None) => match self.poll_read(cx) {
                    Poll::Ready(true) => continue,
                    Poll::Ready(false) => return Poll::Ready(self.last(Last::Lost)),
                    Poll::Pending => {
                        self.partial = match self.codec.unfinished() {
                            true => self.partial.or_else(|| Some(Instant::now())),
                            false => None,
                        };
                        return Poll::Pending;
                    }
                },
                Err(fault) => return Poll::Ready(self.last(Last::Broke(fault.code, fault.why))),
            };
            let now = Instant::now();
            self.heard = now;
            self.pinged = false;
            match item {
                Item::Message(frame) => {
                    self.partial = None;
                    return Poll::Ready(Heard::Frame(frame));
                }
                Item::Close(frame) => return Poll::Ready(self.last(Last::Close(frame))),
                Item::Ping(payload) => {
                    if self.floods(now, limits) {
                        let flood = Last::Broke(CloseCode::Policy, "too many pings");
                        return Poll::Ready(self.last(flood));
                    }
                    if !self.closing {
                        self.codec.write_pong(&payload);
                        self.unflushed = true;
                    }
                }
                Item::Pong => {}
            }
        }
        Poll::Pending
    }

    fn last(&mut self, last: Last) -> Heard {
        self.ended = true;
        self.partial = None;
        Heard::Last(last)
    }

    /// Feeds the codec; false at the end of the transport.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            match Pin::new(&mut self.wire).poll_read(cx, &mut buffer) {
                Poll::Pending => Poll::Pending,
                // A transport that fails is one that ended.
                Poll::Ready(Err(_)) => Poll::Ready(false),
                Poll::Ready(Ok(())) => {
                    self.codec.feed(buffer.filled());
                    Poll::Ready(!buffer.filled().is_empty())
                }
            }
        })
    }

    fn floods(&mut self, now: Instant, limits: &LimitsConfig) -> bool {
        if now.duration_since(self.pings.1) >= Duration::from_secs(1) {
            self.pings = (0, now);
        }
        self.pings.0 += 1;
        self.pings.0 > limits.pings_per_second
    }

    /// Puts a frame behind what already waits; `false` where that is more than there may be.
    #[must_use]
    pub fn write(&mut self, frame: &Frame) -> bool {
        if self.closing {
            return true;
        }
        self.codec.write_message(frame);
        self.unflushed = true;
        self.codec.waiting() <= self.backlog_hard_max
    }

    /// Sends a close frame once; `None` closes without a code, as the peer's peer did.
    pub fn close(&mut self, frame: Option<&CloseFrame>) {
        if !self.closing {
            self.closing = true;
            self.codec.write_close(frame);
            self.unflushed = true;
        }
    }

    /// Drives what was written to the transport; `true` when all of it is there.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> bool {
        if self.broken || !self.unflushed {
            return !self.broken;
        }
        while self.codec.waiting() > 0 {
            match Pin::new(&mut self.wire).poll_write(cx, self.codec.outbox()) {
                Poll::Ready(Ok(count @ 1..)) => {
                    self.codec.written(count);
                    self.stalled = None;
                }
                // It cannot be written to any more; reading it says why it ends.
                Poll::Ready(_) => {
                    self.codec.written(self.codec.waiting());
                    self.broken = true;
                    return false;
                }
                Poll::Pending => {
                    self.stalled.get_or_insert_with(Instant::now);
                    return false;
                }
            }
        }
        // TLS keeps a buffer of its own.
        self.unflushed = Pin::new(&mut self.wire).poll_flush(cx).is_pending();
        self.stalled = None;
        !self.unflushed
    }

    /// What time has to say: pings a quiet peer, names a dead, stalled or dawdling one.
    pub fn check(&mut self, now: Instant, limits: &LimitsConfig) -> Option<Trouble> {
        let passed = |since: Instant, ms: u64| now >= since + Duration::from_millis(ms);
        if self.stalled.is_some_and(|since| passed(since, limits.stall_ms)) {
            return Some(Trouble::Stalled);
        }
        if self.ended || self.suspended {
            return None;
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
            self.codec.write_ping();
        }
        None
    }

    /// When `check` has something to say at the earliest.
    pub fn next_check(&self, now: Instant, limits: &LimitsConfig) -> Instant {
        let after = |since: Instant, ms: u64| since + Duration::from_millis(ms);
        let stalled = self.stalled.map(|since| after(since, limits.stall_ms));
        let quiet = match (self.ended || self.suspended, self.pinged || self.closing) {
            (true, _) => after(now, limits.ping_ms),
            (false, true) => after(self.heard, limits.dead_ms),
            (false, false) => after(self.heard, limits.ping_ms),
        };
        let unfinished = self.partial.filter(|_| !self.ended && !self.suspended);
        let unfinished = unfinished.map(|since| after(since, limits.partial_ms));
        [stalled, unfinished].into_iter().flatten().fold(quiet, Instant::min)
    }

    /// Ends the transport after the close frames, reading on a little: closing a socket with
    /// unread bytes resets it, and the peer would never see why it was closed.
    pub async fn linger(mut self, limit: Duration) {
        let drained = async {
            let _ = self.wire.shutdown().await;
            let mut sink = vec![0; 2048];
            let mut left = 256 * 1024_usize;
            while let Ok(read @ 1..) = self.wire.read(&mut sink).await {
                left = left.saturating_sub(read);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(limit, drained).await;
    }
}
