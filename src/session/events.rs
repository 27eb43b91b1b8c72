//! Waits for whatever happens to a session next.

use std::{
    future::Future,
    task::{Context, Poll},
};

use futures_util::StreamExt;
use tokio::time::Instant;

use super::{Claim, End, Session, judged_leg, leg::Heard, settle::Settled};
use crate::{hold::Order, protocol};

/// Frames of one wake-up, before everything else has its turn: a tenth of a millisecond or two.
const BURST_MAX: usize = 32;

/// What a session waits for.
pub enum Event {
    Heard(protocol::Leg, Heard),
    Settled(Settled),
    Order(Order),
    Claimed(Claim),
    Flushed,
    Check,
    Drain,
}

impl Session {
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(settling) = &mut self.settling
            && let Poll::Ready(settled) = settling.as_mut().poll(cx)
        {
            self.settling = None;
            return Poll::Ready(Event::Settled(settled));
        }
        // The legs come first, for they nearly always woke us, but not for ever.
        let paused = self.burst >= BURST_MAX;
        if !paused && let Poll::Ready(event) = self.poll_legs(cx) {
            self.burst += 1;
            return Poll::Ready(event);
        }
        self.burst = 0;
        if let Poll::Ready(Some(order)) = self.berth.orders.poll_recv(cx) {
            return Poll::Ready(Event::Order(order));
        }
        if !self.claims.is_empty()
            && let Poll::Ready(Some(claim)) = self.claims.poll_next_unpin(cx)
        {
            return Poll::Ready(Event::Claimed(claim));
        }
        if self.drained.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Event::Drain);
        }
        // Nothing more to read now: what was written goes out in as few writes as possible.
        let flushed = self.server.poll_flush(cx);
        self.client.poll_flush(cx);
        if flushed && !self.unflushed.is_empty() {
            return Poll::Ready(Event::Flushed);
        }
        // A leg that was not read has no waker; the room that the flush made is one.
        if paused || self.has_room_again() {
            cx.waker().wake_by_ref();
        }
        self.poll_timer(cx)
    }

    /// Listens to both legs; a leg is not read while the other has too much to take already.
    fn poll_legs(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let gate = self.gate.clone();
        let limits = &gate.config.limits;
        self.turn = !self.turn;
        for client_first in [self.turn, !self.turn] {
            let (from, open) = match client_first {
                true => (protocol::Leg::Client, self.may_hear(protocol::Leg::Client)),
                false => (protocol::Leg::Server, self.may_hear(protocol::Leg::Server)),
            };
            let leg = match client_first {
                true => &mut self.client,
                false => &mut self.server,
            };
            if !open {
                leg.suspend();
            } else if let Poll::Ready(heard) = leg.poll_hear(cx, limits) {
                return Poll::Ready(Event::Heard(from, heard));
            }
        }
        Poll::Pending
    }

    fn may_hear(&self, from: protocol::Leg) -> bool {
        let limits = &self.gate.config.limits;
        let other = match from {
            protocol::Leg::Client => &self.server,
            protocol::Leg::Server => &self.client,
        };
        // Behind a message that is being settled, which takes milliseconds, everything of its leg
        // is put in line; behind a held one, which takes minutes, the leg is read on.
        let line_full = self.settling.is_some() && self.waiting.len() >= limits.waiting_max;
        let judged = judged_leg(self.route.config.mode) == from;
        other.backlog() < limits.backlog_bytes_max && !(judged && line_full)
    }

    fn has_room_again(&self) -> bool {
        (self.client.suspended() && self.may_hear(protocol::Leg::Client))
            || (self.server.suspended() && self.may_hear(protocol::Leg::Server))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let next = self.next_check();
        // Moving a timer costs more than letting it ring once in vain: it is only ever pulled in.
        if next < self.timer.deadline() {
            self.timer.as_mut().reset(next);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Event::Check),
            Poll::Pending => Poll::Pending,
        }
    }

    pub(super) fn check(&mut self) -> Option<End> {
        let limits = &self.gate.config.limits;
        let now = Instant::now();
        for (name, leg) in
            [(protocol::Leg::Client, &mut self.client), (protocol::Leg::Server, &mut self.server)]
        {
            if let Some(trouble) = leg.check(now, limits) {
                return Some(End::trouble(name, trouble));
            }
        }
        if let Some((first, frame, _)) = self.closing.take_if(|(_, _, until)| *until <= now) {
            return Some(if self.leaving { End::restart() } else { End::closed(first, frame) });
        }
        let next = self.next_check();
        self.timer.as_mut().reset(next);
        None
    }

    fn next_check(&self) -> Instant {
        let limits = &self.gate.config.limits;
        let now = Instant::now();
        let legs = self.client.next_check(now, limits).min(self.server.next_check(now, limits));
        self.closing.as_ref().map_or(legs, |(_, _, until)| legs.min(*until))
    }
}
