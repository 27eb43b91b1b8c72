//! Carries out what the hold queue orders: releases, and the ends of held messages.

use std::sync::Arc;

use super::{End, Session};
use crate::{
    hold::{Decided, Hold, Order, State},
    message::now_ms,
    protocol::{self, Frame, NoticeKind},
    store::StoreError,
};

impl Session {
    pub(super) fn order(&mut self, order: Order) -> Option<End> {
        match order {
            // Nothing more is said to a server that was told goodbye: when this session is gone,
            // the queue finds another way.
            Order::Release(_) if self.closing.is_some() => None,
            Order::Release(hold) => {
                let holds = self.gate.settler.holds.clone();
                self.claims.push_back(Box::pin(async move {
                    let claimed = holds.claim(&hold.id).await;
                    (hold, claimed)
                }));
                None
            }
            // A route may have many rooms, and messages to one person alone.
            Order::Show(hold) if !self.channels.contains(&hold.channel) => None,
            Order::Show(hold) => self.forward(protocol::Leg::Server, hold.frame.frame()),
            Order::Retract(gone) if !self.channels.contains(&gone.channel) => None,
            Order::Retract(gone) => {
                let frame = self.protocol.retract(&gone, now_ms())?;
                self.forward(protocol::Leg::Server, frame)
            }
            Order::Ended(hold) => self.ended(&hold),
        }
    }

    /// Withdraws what is held of the messages that the server takes away with this frame. By now
    /// whatever came before it has been judged.
    pub(super) fn note_deleted(&self, frame: &Frame) {
        let deleted = self.protocol.deleted(frame);
        if deleted.is_empty() {
            return;
        }
        let (settler, route) = (self.gate.settler.clone(), self.route.name.clone());
        tokio::spawn(async move { settler.holds.withdraw_deleted(&route, &deleted).await });
    }

    /// Writes a release that is ours to write, and only then.
    pub(super) fn claimed(
        &mut self,
        hold: &Arc<Hold>,
        claimed: Result<bool, StoreError>,
    ) -> Option<End> {
        match claimed {
            // Claimed in the moment of a close: it cannot be written, and must not seem to be.
            Ok(true) if self.server.closing() => {
                let (holds, id) = (self.gate.settler.holds.clone(), hold.id.clone());
                tokio::spawn(async move { holds.written(&id, false).await });
                None
            }
            Ok(true) => {
                self.unflushed.push(hold.id.clone());
                self.forward(protocol::Leg::Client, hold.frame.frame()).or_else(|| self.ended(hold))
            }
            Ok(false) => None,
            Err(cause) => {
                tracing::error!(%cause, hold = %hold.id, "a release could not be claimed");
                self.gate.settler.metrics.discard("claim_failed");
                None
            }
        }
    }

    /// Tells the sender how a held message ended, and lets go what waited behind it.
    fn ended(&mut self, hold: &Hold) -> Option<End> {
        if let Some(at) = self.held.iter().position(|held| held.id == hold.id) {
            self.held.swap_remove(at);
        } else if hold.live == self.berth.live && self.settling.is_some() {
            self.ended_early.push(hold.id.clone());
        }
        let with = |is: fn(&Decided) -> bool| hold.decided.as_ref().is_some_and(is);
        let kind = match hold.state {
            State::Denied if with(|own| own.banned) => NoticeKind::Banned,
            State::Denied if with(|own| own.time_out_s.is_some()) => NoticeKind::TimedOut,
            State::Denied => NoticeKind::Denied,
            // Nobody knows whether anybody saw it.
            State::Released if hold.decided.as_ref().is_some_and(|d| d.written == Some(false)) => {
                return self.go_on();
            }
            State::Expired => NoticeKind::Expired,
            State::Approved | State::Released => NoticeKind::Released,
            State::Held | State::Withdrawn | State::Orphaned => return self.go_on(),
        };
        let (message, notice) = self.gate.settler.notice_of(hold, kind);
        let told = notice.and_then(|notice| self.tell(&message, &notice));
        told.or_else(|| self.go_on())
    }
}
