//! Carries approved messages: by a session, to the viewers, or over a route's own connection.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};

use super::{
    Hold, Live, Order, Way,
    book::{Book, Carrier, Seat},
    clock::RETRY_MS,
    ledger::Ledger,
};
use crate::{config::Position, message::Gone};

/// Orders that a session may leave unread: three times the messages that one sender may have
/// held. Beyond, it counts as gone.
const ORDERS_MAX: usize = 64;
/// For a service connection to write one frame; longer means that it hangs.
const SERVICE_WAIT: Duration = Duration::from_secs(10);

/// Takes the session off the list when dropped.
pub struct Leave {
    ledger: Arc<Ledger>,
    live: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.ledger.book().leave(self.live);
        // A runtime that shuts down drops sessions too, and starts nothing any more.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.ledger.deliver();
        }
    }
}

impl Ledger {
    pub fn seat(self: &Arc<Self>, live: Live) -> (u64, mpsc::Receiver<Order>, Leave) {
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        let number = self.last_live.fetch_add(1, Ordering::Relaxed) + 1;
        self.book().seats.insert(number, Seat { live, orders });
        self.deliver();
        (number, receiver, Leave { ledger: self.clone(), live: number })
    }

    /// Offers every approved message that nobody has in hand, in the order held.
    pub fn deliver(self: &Arc<Self>) {
        if self.successor.get().is_some() {
            return;
        }
        let mut book = self.book();
        let mut full = HashSet::new();
        let mut routes = HashSet::new();
        for hold in book.unoffered() {
            if hold.mode != Position::Egress
                && let Some(live) = offer(&book, &hold, &mut full)
            {
                book.offer(&hold.id, Some(Carrier::Session(live)));
                continue;
            }
            if by_courier(&book, &hold) {
                routes.insert(hold.route.clone());
            } else if !full.is_empty() {
                // Its session is busy, not gone: try again soon.
                let retry_ms = self.clock.now_ms() + RETRY_MS;
                let orphan_ms = book.entry(&hold.id).map_or(retry_ms, |entry| entry.orphan_ms);
                book.postpone(&hold.id, retry_ms.min(orphan_ms));
                self.wake.notify_one();
            }
        }
        for route in routes {
            if book.couriers.insert(route.clone()) {
                tokio::spawn(courier(self.clone(), route));
            }
        }
    }

    /// Tells every viewer of an egress route to take a message away.
    pub fn retract(&self, route: &str, gone: &Arc<Gone>) {
        for seat in self.book().viewers(route) {
            if seat.orders.try_send(Order::Retract(gone.clone())).is_err() {
                self.metrics.discard("orders_full");
            }
        }
    }

    /// Tells the session that a message came by how it ended.
    pub fn tell_end(&self, hold: &Arc<Hold>) {
        let book = self.book();
        let told = book.seats_of(hold).find_map(|(_, seat)| {
            match seat.orders.try_send(Order::Ended(hold.clone())) {
                Err(TrySendError::Closed(_)) => None,
                sent => Some(sent.is_ok()),
            }
        });
        if told == Some(false) {
            self.metrics.discard("orders_full");
        }
    }
}

/// Orders a release from the first session that takes it.
fn offer(book: &Book, hold: &Arc<Hold>, full: &mut HashSet<u64>) -> Option<u64> {
    for (live, seat) in book.seats_of(hold) {
        if full.contains(&live) {
            continue;
        }
        match seat.orders.try_send(Order::Release(hold.clone())) {
            Ok(()) => return Some(live),
            // Nothing later goes to it before this one does.
            Err(TrySendError::Full(_)) => drop(full.insert(live)),
            Err(TrySendError::Closed(_)) => {}
        }
    }
    None
}

/// Whether no session writes it, but this module does.
fn by_courier(book: &Book, hold: &Hold) -> bool {
    match hold.mode {
        Position::Egress => book.way(hold) == Way::Connection,
        Position::Inline | Position::Bot | Position::Hook => {
            book.services.contains_key(&hold.route)
        }
    }
}

/// Delivers one route's messages one after the other, until there are none.
async fn courier(ledger: Arc<Ledger>, route: String) {
    loop {
        let next = {
            let mut book = ledger.book();
            let mut unoffered = book.unoffered().into_iter();
            let next = unoffered.find(|hold| hold.route == route && by_courier(&book, hold));
            match next {
                Some(hold) => {
                    book.offer(&hold.id, Some(Carrier::Courier));
                    hold
                }
                // Under the same lock, so that whoever approves one later starts a new courier.
                None => {
                    book.couriers.remove(&route);
                    return;
                }
            }
        };
        match ledger.claim(&next.id).await {
            Ok(Some(hold)) => {
                let ok = carry(&ledger, &hold).await;
                // The next need not wait for this note; the order is that of the writes.
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    ledger.written(&hold.id, ok).await;
                    // The connection that it came by may be there and have been too busy.
                    if hold.mode != Position::Egress {
                        let ended = ledger.book().entry(&hold.id).map(|e| e.row.hold.clone());
                        ledger.tell_end(ended.as_ref().unwrap_or(&hold));
                    }
                });
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, id = next.id, "a release was not claimed"),
        }
    }
}

/// Writes a claimed message; whether it reached anybody.
async fn carry(ledger: &Ledger, hold: &Arc<Hold>) -> bool {
    if hold.mode == Position::Egress {
        let book = ledger.book();
        let mut reached = false;
        for seat in book.viewers(&hold.route) {
            match seat.orders.try_send(Order::Show(hold.clone())) {
                Ok(()) => reached = true,
                Err(_) => ledger.metrics.discard("orders_full"),
            }
        }
        return reached;
    }
    let Some(service) = ledger.book().services.get(&hold.route).cloned() else { return false };
    match timeout(SERVICE_WAIT, service(hold.frame.frame())).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(error, route = hold.route, "the service connection did not write");
            false
        }
        Err(_) => {
            tracing::warn!(route = hold.route, "the service connection hangs");
            false
        }
    }
}
