//! Relays one client and one server, and lets nothing unjudged across.

use std::{
    collections::{HashSet, VecDeque},
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{future::BoxFuture, stream::FuturesOrdered};
use tokio::{
    sync::watch,
    time::{Instant, Sleep},
};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::{
    config::{Config, Mode, Unjudged, WhileHeld},
    hold::{Berth, Hold, Live},
    message::{Fate, now_ms},
    protocol::{self, Frame, Notice, NoticeKind, Protocol, Reading, Unit},
    settle::{By, Settler},
    store::StoreError,
};

pub(crate) mod codec;
pub(crate) mod deflate;
mod end;
mod events;
mod handshake;
pub(crate) mod headers;
mod http;
mod leg;
mod mask;
mod once;
mod parting;
mod release;
pub(crate) mod route;
mod service;
mod settle;
#[cfg(test)]
mod simulation;
mod upstream;
mod wire;

use end::End;
use events::Event;
pub use handshake::{Place, answer};
pub use http::{Body, say};
use leg::{Heard, Last, Leg};
pub use once::Once;
use parting::{CLOSING, drained};
pub use route::{Peer, Route};
pub use service::service;
use settle::{Settled, settle};
pub use wire::Wire;

/// Everything that sessions share.
pub struct Gate {
    pub config: Arc<Config>,
    pub routes: Vec<Arc<Route>>,
    pub settler: Arc<Settler>,
    /// For `wss` upstreams.
    pub tls: Arc<ClientConfig>,
    /// What identities are hashed with; kept in the store so that they outlive a restart.
    pub secret: Vec<u8>,
    /// Egress: what became of a message is decided once for all viewers.
    pub once: Once,
    /// True from SIGTERM on.
    pub draining: watch::Receiver<bool>,
}

/// One proxied connection.
pub struct Session {
    gate: Arc<Gate>,
    route: Arc<Route>,
    client: Leg,
    server: Leg,
    protocol: Box<dyn Protocol>,
    berth: Berth,
    identity: Option<String>,
    /// The chat frame that is being judged or written to the hold queue; one at a time keeps the
    /// sender's order.
    settling: Option<BoxFuture<'static, Settled>>,
    /// Chat frames behind it, or behind a held message where policy says `wait`.
    waiting: VecDeque<(Frame, Vec<Unit>)>,
    /// Messages of this connection that are held. Others of its user may end here as well, held
    /// on an earlier connection: those hold nothing up.
    held: Vec<Held>,
    /// Ends of messages whose hold is being noted still: somebody was quick.
    ended_early: Vec<String>,
    /// In the order of the orders: releases go out as they were held.
    claims: FuturesOrdered<BoxFuture<'static, Claim>>,
    /// Claimed releases that were written and not yet flushed.
    unflushed: Vec<String>,
    /// Who closed first and in which words, until the other side has answered.
    closing: Option<(protocol::Leg, Option<CloseFrame>, Instant)>,
    drained: BoxFuture<'static, ()>,
    /// The client was asked to come back elsewhere, and finishes what it has sent.
    leaving: bool,
    timer: Pin<Box<Sleep>>,
    /// Which leg is listened to first, in turn.
    turn: bool,
    /// Frames heard since everything else had its turn.
    burst: usize,
    /// Egress: channels that this viewer received messages of.
    channels: HashSet<String>,
}

/// A held message that this connection's later chat may have to wait for.
struct Held {
    id: String,
    channel: String,
}

/// Channels that one viewer is remembered to follow.
const CHANNELS_MAX: usize = 256;

type Claim = (Arc<Hold>, Result<bool, StoreError>);

impl Session {
    pub fn new(
        gate: Arc<Gate>,
        route: Arc<Route>,
        client: Leg,
        server: Leg,
        protocol: Box<dyn Protocol>,
        live: Live,
    ) -> Session {
        let limits = &gate.config.limits;
        let now = Instant::now();
        let first_check = client.next_check(now, limits).min(server.next_check(now, limits));
        Session {
            identity: live.identity.clone(),
            berth: gate.settler.holds.register(live),
            drained: Box::pin(drained(gate.draining.clone(), gate.config.listen.drain_ms)),
            timer: Box::pin(tokio::time::sleep_until(first_check)),
            gate,
            route,
            client,
            server,
            protocol,
            settling: None,
            waiting: VecDeque::new(),
            held: Vec::new(),
            ended_early: Vec::new(),
            claims: FuturesOrdered::new(),
            unflushed: Vec::new(),
            closing: None,
            leaving: false,
            turn: false,
            burst: 0,
            channels: HashSet::new(),
        }
    }

    /// Runs until either side or the operator ends it; `place` is given back then.
    pub async fn relay(mut self: Box<Self>, place: Place) {
        let metrics = self.gate.settler.metrics.clone();
        metrics.connections.inc();
        let end = loop {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            if let Event::Heard(_, Heard::Last(_)) = event {
                // A message that is being judged or written to the hold queue is not forgotten
                // because its sender leaves right after it.
                let _ = tokio::time::timeout(CLOSING, Box::pin(self.finish())).await;
            }
            if let Some(end) = self.meet(event) {
                break end;
            }
        };
        tracing::debug!(route = %self.route.name, reason = end.reason, "session ends");
        // Boxed: what an end needs is not carried through the session's life.
        Box::pin(self.part(end)).await;
        metrics.connections.dec();
        drop(place);
    }

    fn meet(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Heard(from, Heard::Frame(frame)) => return self.frame(from, frame),
            Event::Heard(from, Heard::Last(last)) => return self.heard_last(from, last),
            Event::Settled(settled) => return self.settled(settled),
            Event::Order(order) => return self.order(order),
            Event::Claimed((hold, claimed)) => return self.claimed(&hold, claimed),
            Event::Flushed => {
                let written = std::mem::take(&mut self.unflushed);
                let holds = self.gate.settler.holds.clone();
                tokio::spawn(async move {
                    for id in written {
                        holds.written(&id, true).await;
                    }
                });
            }
            Event::Check => return self.check(),
            Event::Drain => self.leave(),
        }
        None
    }

    fn frame(&mut self, from: protocol::Leg, frame: Frame) -> Option<End> {
        let length = frame.bytes().len() as u64;
        match from {
            protocol::Leg::Client => self.gate.settler.metrics.bytes_from_clients.inc_by(length),
            protocol::Leg::Server => self.gate.settler.metrics.bytes_from_servers.inc_by(length),
        };
        let judged = judged_leg(self.route.config.mode) == from;
        match self.protocol.read(from, &frame, now_ms()) {
            Reading::Chat(units) => self.chat(frame, units),
            Reading::Unreadable(why) if judged && self.unreadable(why) => None,
            // It keeps its place behind a message that is being settled.
            Reading::NotChat | Reading::Unreadable(_) if judged && self.settling.is_some() => {
                self.waiting.push_back((frame, Vec::new()));
                None
            }
            Reading::NotChat | Reading::Unreadable(_) => self.forward(from, frame),
        }
    }

    /// Passes a close on and leaves the answer to the other side, so that what that side still
    /// has to say arrives, and its own code and reason do.
    fn heard_last(&mut self, from: protocol::Leg, last: Last) -> Option<End> {
        match (last, self.closing.take()) {
            (Last::Close(_) | Last::Lost, _) if self.leaving => Some(End::restart()),
            (Last::Close(frame), None) => {
                self.other(from).close(frame.as_ref());
                self.closing = Some((from, frame, Instant::now() + CLOSING));
                None
            }
            (Last::Close(frame), Some((first, _, _))) => Some(End::closed(first, frame)),
            // It took the close for the end and went.
            (Last::Lost, Some((first, frame, _))) => Some(End::closed(first, frame)),
            (Last::Lost, None) => Some(End::lost(from)),
            (Last::Broke(code, why), _) => {
                self.gate.settler.metrics.discard("broken_frame");
                Some(End::broke(from, code, why))
            }
        }
    }

    fn other(&mut self, leg: protocol::Leg) -> &mut Leg {
        match leg {
            protocol::Leg::Client => &mut self.server,
            protocol::Leg::Server => &mut self.client,
        }
    }

    /// Counts a frame that cannot be judged; true where the route drops it.
    fn unreadable(&self, why: &'static str) -> bool {
        tracing::debug!(route = %self.route.name, why, "unreadable frame");
        let drops = self.route.config.on_unreadable == Unjudged::Drop;
        self.gate.settler.metrics.discard(if drops { "unreadable" } else { "unreadable_passed" });
        drops
    }

    /// Judges a chat frame now, or puts it in line.
    fn chat(&mut self, frame: Frame, units: Vec<Unit>) -> Option<End> {
        if self.route.config.mode == Mode::Egress {
            self.note_channels(&units);
        }
        let behind = !self.waiting.is_empty() || self.must_wait(&units);
        match (self.settling.is_some(), behind) {
            (false, false) => self.judge(frame, units, false),
            (false, true) if self.waiting.len() >= self.waiting_max(&units) => {
                self.turn_away(&units)
            }
            _ => {
                self.waiting.push_back((frame, units));
                None
            }
        }
    }

    fn note_channels(&mut self, units: &[Unit]) {
        for unit in units {
            let channel = &unit.message.channel;
            if self.channels.len() < CHANNELS_MAX && !self.channels.contains(channel) {
                self.channels.insert(channel.clone());
            }
        }
    }

    /// What somebody paid for may wait where nothing else may any more.
    fn waiting_max(&self, units: &[Unit]) -> usize {
        let most = self.gate.config.limits.waiting_max;
        let paid = units.iter().any(|unit| unit.message.paid.is_some());
        if paid { 2 * most } else { most }
    }

    /// Drops what comes when too much waits behind a held message, and says so.
    fn turn_away(&mut self, units: &[Unit]) -> Option<End> {
        for unit in units {
            self.gate.settler.metrics.discard("waiting_full");
            if unit.message.paid.is_some() {
                let by = self.by(Vec::new());
                self.gate.settler.turned_away(&self.route.inlet, &by, &unit.message);
            }
            let notice = Notice {
                kind: NoticeKind::Dropped,
                language: self.route.config.language,
                rule: "while_held".to_owned(),
            };
            if let Some(end) = self.tell(&unit.message, &notice) {
                return Some(end);
            }
        }
        None
    }

    /// Whether policy lets these wait until the sender's held message has met its end.
    fn must_wait(&self, units: &[Unit]) -> bool {
        let waits = |channel: &String| self.while_held(channel) == WhileHeld::Wait;
        let holds_up = |channel: &String| self.held.iter().any(|held| held.channel == *channel);
        let held = |unit: &Unit| holds_up(&unit.message.channel);
        units.iter().any(|unit| held(unit) && waits(&unit.message.channel))
    }

    fn while_held(&self, channel: &str) -> WhileHeld {
        self.gate.settler.pipeline.rules.load().policy(&self.route.name, channel).while_held
    }

    fn judge(&mut self, frame: Frame, units: Vec<Unit>, leaving: bool) -> Option<End> {
        let holds_on = |channel: &&String| match self.while_held(channel) {
            WhileHeld::Pass => false,
            WhileHeld::Wait => leaving,
            WhileHeld::Hold => true,
        };
        let channels = self.held.iter().map(|held| &held.channel);
        let channels = channels.filter(holds_on).cloned().collect();
        let alone = (0..units.len()).map(|index| self.alone(&frame, &units, index)).collect();
        let by = self.by(channels);
        let mut settling: BoxFuture<'static, Settled> =
            Box::pin(settle(self.gate.clone(), self.route.clone(), by, frame, units, alone));
        // Nearly every message is judged without waiting for anything.
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if let Poll::Ready(settled) = settling.as_mut().poll(&mut cx) {
            return self.settled(settled);
        }
        self.settling = Some(settling);
        None
    }

    fn by(&self, held_channels: Vec<String>) -> By {
        By {
            live: self.berth.live,
            identity: self.identity.clone(),
            held_channels,
            suspected: None,
        }
    }

    /// The frame that would carry this unit and nothing else.
    fn alone(&self, frame: &Frame, units: &[Unit], index: usize) -> Frame {
        // Nearly always the frame is the message.
        if units.len() == 1 && units[0].whole == (0..frame.bytes().len()) {
            return frame.clone();
        }
        self.protocol.alone(frame, units, index).unwrap_or_else(|| frame.clone())
    }

    /// Sends what a settled frame became, tells the sender, and goes on with what waited.
    fn settled(&mut self, settled: Settled) -> Option<End> {
        let Settled { frame, units, outcomes } = settled;
        let fates: Vec<Fate> = outcomes.iter().map(|outcome| outcome.fate.clone()).collect();
        let kept = match fates.iter().all(|fate| *fate == Fate::Keep) {
            true => Some(frame),
            false => self.protocol.rebuild(&frame, &units, &fates),
        };
        let from = judged_leg(self.route.config.mode);
        if let Some(kept) = kept
            && let Some(end) = self.forward(from, kept)
        {
            return Some(end);
        }
        for (unit, outcome) in units.iter().zip(outcomes) {
            if let Some(id) = outcome.held
                && !self.ended_early.contains(&id)
            {
                self.held.push(Held { id, channel: unit.message.channel.clone() });
            }
            for notice in outcome.notices {
                if let Some(end) = self.tell(&unit.message, &notice) {
                    return Some(end);
                }
            }
        }
        self.ended_early.clear();
        self.go_on()
    }

    /// Goes on with what waited, as far as nothing holds it up any more: chat in its order, and
    /// what is not chat past a held message.
    fn go_on(&mut self) -> Option<End> {
        while self.settling.is_none() {
            let (_, first) = self.waiting.front()?;
            let next = match !first.is_empty() && self.must_wait(first) {
                true => self.waiting.iter().position(|(_, units)| units.is_empty())?,
                false => 0,
            };
            let (frame, units) = self.waiting.remove(next)?;
            let end = match units.is_empty() {
                true => self.forward(judged_leg(self.route.config.mode), frame),
                false => self.judge(frame, units, false),
            };
            if end.is_some() {
                return end;
            }
        }
        None
    }

    fn tell(&mut self, about: &crate::message::Message, notice: &protocol::Notice) -> Option<End> {
        if self.route.config.mode == Mode::Egress {
            return None;
        }
        for frame in self.protocol.notice(about, notice) {
            if !self.client.write(&frame) {
                return Some(End::stalled(protocol::Leg::Client));
            }
        }
        None
    }

    fn forward(&mut self, from: protocol::Leg, frame: Frame) -> Option<End> {
        if from == protocol::Leg::Server && self.route.config.mode == Mode::Egress {
            self.note_deleted(&frame);
        }
        let stalled = match from {
            protocol::Leg::Client => protocol::Leg::Server,
            protocol::Leg::Server => protocol::Leg::Client,
        };
        match self.other(from).write(&frame) {
            true => None,
            false => Some(End::stalled(stalled)),
        }
    }
}

/// The leg whose chat is judged.
fn judged_leg(mode: Mode) -> protocol::Leg {
    match mode {
        Mode::Inline => protocol::Leg::Client,
        Mode::Egress => protocol::Leg::Server,
    }
}
