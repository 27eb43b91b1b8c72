//! Ends a session: finishes what was begun, closes both legs, waits a little for their answers.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::StreamExt;
use tokio::{sync::watch, time::Instant};

use super::{End, Session, end::restarting, judged_leg};
use crate::protocol;

/// How long a closing handshake may take before the transport is cut.
pub const CLOSING: Duration = Duration::from_secs(3);

impl Session {
    /// Asks the client to come back. What it sent before it reads that still arrives: the chat
    /// server is told when the client has answered.
    pub(super) fn leave(&mut self) {
        // It came to its moment once, and is asked again with everything else.
        self.drained = Box::pin(std::future::pending());
        if self.closing.is_none() {
            let frame = restarting();
            self.client.close(Some(&frame));
            self.closing = Some((protocol::Leg::Server, Some(frame), Instant::now() + CLOSING));
            self.leaving = true;
        }
    }

    /// Finishes what was begun, closes both legs and waits a little for their answers.
    pub(super) async fn part(mut self: Box<Self>, end: End) {
        let _ = tokio::time::timeout(CLOSING, self.finish()).await;
        end.tell(&mut self.client, &mut self.server);
        let closed = poll_fn(|cx| self.poll_parted(cx));
        let _ = tokio::time::timeout(CLOSING, closed).await;
        let flushed = poll_fn(|cx| Poll::Ready(self.server.poll_flush(cx))).await;
        let written = std::mem::take(&mut self.unflushed);
        for id in written {
            self.gate.settler.holds.written(&id, flushed).await;
        }
        let rest = Duration::from_secs(1);
        let Session { client, server, .. } = *self;
        tokio::join!(client.linger(rest), server.linger(rest));
    }

    pub(super) async fn finish(&mut self) {
        loop {
            if let Some(settling) = self.settling.take() {
                let settled = settling.await;
                self.settled(settled);
            } else if let Some((frame, units)) = self.waiting.pop_front() {
                if units.is_empty() {
                    self.forward(judged_leg(self.route.config.mode), frame);
                    continue;
                }
                // What waited behind a held message is held as well: its sender will not be
                // here when that one is decided.
                self.judge(frame, units, true);
            } else if let Some((hold, claimed)) = self.claims.next().await {
                self.claimed(&hold, claimed);
            } else {
                return;
            }
        }
    }

    fn poll_parted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limits = &self.gate.config.limits;
        for leg in [&mut self.client, &mut self.server] {
            while leg.poll_hear(cx, limits).is_ready() {}
            leg.poll_flush(cx);
        }
        match self.client.done() && self.server.done() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// A session that opens while all others close goes within this.
const LATE_MS: u64 = 1_000;

/// Ready at a random moment of the drain window once draining has begun.
pub async fn drained(mut draining: watch::Receiver<bool>, window_ms: u64) {
    let window_ms = if *draining.borrow() { window_ms.min(LATE_MS) } else { window_ms };
    // A sender that is gone is a process that ends: that is draining too.
    let _ = draining.wait_for(|draining| *draining).await;
    let mut random = [0; 8];
    let _ = getrandom::fill(&mut random);
    let delay = u64::from_le_bytes(random) % window_ms.max(1);
    tokio::time::sleep(Duration::from_millis(delay)).await;
}
