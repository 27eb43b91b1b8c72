//! Mirrors the open records in memory, with the sessions and services that can carry them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Hold, Live, Order, Service, State, Way, states::Row};
use crate::{
    config::{HoldConfig, Position},
    history::Whose,
};

/// Ended records that can still be asked about without the store.
const ENDED_MAX: usize = 1_000;

/// One mirrored record. The store has the truth; this is where to start a compare-and-set from.
pub struct Entry {
    pub row: Row,
    /// As stored: what the next compare-and-set expects.
    pub bytes: Arc<Vec<u8>>,
    /// When the clock looks at it next, in Unix milliseconds.
    pub due_ms: Option<u64>,
    /// Approved: when it is given up.
    pub orphan_ms: u64,
    /// Approved: who has it in hand; not offered to another at the same time.
    pub offered: Option<Carrier>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Session(u64),
    Courier,
}

pub struct Seat {
    pub live: Live,
    pub orders: mpsc::Sender<Order>,
}

#[derive(Default)]
pub struct Book {
    entries: HashMap<String, Entry>,
    /// Open records in the order held.
    open: BTreeSet<(u64, String)>,
    approved: BTreeSet<(u64, String)>,
    dues: BTreeSet<(u64, String)>,
    by_live: HashMap<u64, Vec<String>>,
    /// Open records of each sender, and those about to be written.
    by_sender: HashMap<(String, String), usize>,
    /// Room taken by records about to be written.
    reserved: usize,
    held: usize,
    ended: VecDeque<String>,
    pub seats: BTreeMap<u64, Seat>,
    pub services: HashMap<String, Service>,
    /// Routes whose courier runs now.
    pub couriers: HashSet<String>,
}

/// Who counts as one sender: the id, else the connection.
fn sender(hold: &Hold) -> (String, String) {
    match hold.sender.id.as_str() {
        "" => connection(hold),
        id => (hold.route.clone(), id.to_owned()),
    }
}

/// The connection, apart from every id: inline, a client may write another id in every message.
fn connection(hold: &Hold) -> (String, String) {
    (hold.route.clone(), format!("\0{}", hold.live))
}

/// The counts that a record is part of; a sender without an id is counted once.
fn counted(hold: &Hold) -> impl Iterator<Item = (String, String)> {
    let named = !hold.sender.id.is_empty();
    named.then(|| sender(hold)).into_iter().chain([connection(hold)])
}

impl Book {
    /// Takes room for a record that is about to be written; the bound that it met otherwise.
    ///
    /// A paid one has room of its own behind that of all others, and no bound by sender: nobody
    /// fills a queue at that price.
    pub fn reserve(&mut self, hold: &Hold, bounds: &HoldConfig) -> Result<(), usize> {
        let (mut max, sender_max) = (bounds.held_max, bounds.held_per_sender_max);
        if hold.paid.is_some() {
            max += bounds.held_paid_max;
        }
        if self.open.len() + self.reserved >= max {
            return Err(max);
        }
        if hold.paid.is_some() {
            self.take_room(hold);
            return Ok(());
        }
        // A bridge speaks for many senders on one connection, but not for the whole queue.
        let connection_max = sender_max.max(max / 10);
        for (who, most) in [(sender(hold), sender_max), (connection(hold), connection_max)] {
            if self.by_sender.get(&who).is_some_and(|count| *count >= most) {
                return Err(most);
            }
        }
        self.take_room(hold);
        Ok(())
    }

    fn take_room(&mut self, hold: &Hold) {
        self.one_more(hold);
        self.reserved += 1;
    }

    /// Gives room back, after the record was put here or was not written.
    pub fn unreserve(&mut self, hold: &Hold) {
        self.reserved -= 1;
        self.one_less(hold);
    }

    fn one_more(&mut self, hold: &Hold) {
        for who in counted(hold) {
            *self.by_sender.entry(who).or_default() += 1;
        }
    }

    fn one_less(&mut self, hold: &Hold) {
        for who in counted(hold) {
            if let Some(count) = self.by_sender.get_mut(&who) {
                *count -= 1;
                if *count == 0 {
                    self.by_sender.remove(&who);
                }
            }
        }
    }

    /// Mirrors a record unless a newer one is here already; says whether it was taken.
    ///
    /// `orphan_ms` is when it is given up if it is approved.
    pub fn put(&mut self, row: Row, bytes: Vec<u8>, orphan_ms: u64) -> bool {
        let id = row.hold.id.clone();
        if self.entries.get(&id).is_some_and(|entry| entry.row.rev >= row.rev) {
            return false;
        }
        let old = self.take(&id);
        let had_ended = old.is_some_and(|old| old.row.ended_ms.is_some());
        let hold = row.hold.clone();
        let place = (hold.held_ms, id.clone());
        let due_ms = match hold.state {
            _ if row.ended_ms.is_some() => None,
            State::Held => Some(hold.expires_ms),
            State::Approved => Some(orphan_ms),
            _ => hold.decided.as_ref().map(|decided| decided.undo_until_ms),
        };
        if row.ended_ms.is_none() {
            self.open.insert(place.clone());
            self.by_live.entry(hold.live).or_default().push(id.clone());
            self.one_more(&hold);
        } else if !had_ended {
            self.ended.push_back(id.clone());
        }
        self.held += usize::from(hold.state == State::Held);
        if hold.state == State::Approved {
            self.approved.insert(place);
        }
        self.dues.extend(due_ms.map(|due| (due, id.clone())));
        let bytes = Arc::new(bytes);
        self.entries.insert(id, Entry { row, bytes, due_ms, orphan_ms, offered: None });
        while self.ended.len() > ENDED_MAX {
            if let Some(oldest) = self.ended.pop_front() {
                self.entries.remove(&oldest);
            }
        }
        true
    }

    /// Takes a record out of every index but `ended`.
    fn take(&mut self, id: &str) -> Option<Entry> {
        let entry = self.entries.remove(id)?;
        let hold = &entry.row.hold;
        let place = (hold.held_ms, id.to_owned());
        self.approved.remove(&place);
        if let Some(due) = entry.due_ms {
            self.dues.remove(&(due, id.to_owned()));
        }
        if self.open.remove(&place) {
            self.one_less(hold);
            if let Some(ids) = self.by_live.get_mut(&hold.live) {
                ids.retain(|other| other != id);
                if ids.is_empty() {
                    self.by_live.remove(&hold.live);
                }
            }
        }
        self.held -= usize::from(hold.state == State::Held);
        Some(entry)
    }

    /// Drops a record that the store does not have any more.
    pub fn forget(&mut self, id: &str) {
        self.take(id);
        self.ended.retain(|other| other != id);
    }

    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// How many are undecided.
    pub fn held(&self) -> usize {
        self.held
    }

    pub fn undecided(&self) -> impl Iterator<Item = &Arc<Hold>> {
        let holds = self.open.iter().filter_map(|(_, id)| self.entries.get(id));
        holds.map(|entry| &entry.row.hold).filter(|hold| hold.state == State::Held)
    }

    /// Whether something of this message's sender may be open, without walking the queue.
    pub fn may_have(&self, hold: &Hold) -> bool {
        hold.sender.id.is_empty() || self.by_sender.contains_key(&sender(hold))
    }

    /// The open ones of one sender in one channel, with their bytes.
    pub fn open_of(&self, whose: Whose) -> Vec<(Row, Arc<Vec<u8>>)> {
        let id = (whose.route.to_owned(), whose.sender.to_owned());
        // Most senders have none, and the queue may be long.
        if whose.sender.is_empty() || !self.by_sender.contains_key(&id) {
            return Vec::new();
        }
        let entries = self.open.iter().filter_map(|(_, id)| self.entries.get(id));
        let theirs = entries.filter(|entry| {
            let Hold { route, channel, sender, .. } = &*entry.row.hold;
            *route == whose.route && *channel == whose.channel && sender.id == whose.sender
        });
        theirs.map(|entry| (entry.row.clone(), entry.bytes.clone())).collect()
    }

    /// The last that ended, newest first.
    pub fn ended(&self) -> impl Iterator<Item = &Arc<Hold>> {
        let entries = self.ended.iter().rev().filter_map(|id| self.entries.get(id));
        entries.map(|entry| &entry.row.hold)
    }

    pub fn waiting(&self, live: u64, channel: &str) -> usize {
        let Some(ids) = self.by_live.get(&live) else { return 0 };
        let entries = ids.iter().filter_map(|id| self.entries.get(id));
        entries.filter(|entry| entry.row.hold.channel == channel).count()
    }

    pub fn next_due(&self) -> Option<u64> {
        self.dues.first().map(|(due, _)| *due)
    }

    /// What the clock has to look at, earliest first and of one time in the order held.
    pub fn due(&self, now_ms: u64, max: usize) -> Vec<Arc<Hold>> {
        let due = self.dues.iter().take_while(|(due, _)| *due <= now_ms).take(max);
        due.filter_map(|(_, id)| Some(self.entries.get(id)?.row.hold.clone())).collect()
    }

    /// Lets the clock look again at `due_ms`; what has ended it leaves alone.
    pub fn postpone(&mut self, id: &str, due_ms: u64) {
        if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.row.ended_ms.is_none()) {
            if let Some(old) = entry.due_ms.replace(due_ms) {
                self.dues.remove(&(old, id.to_owned()));
            }
            self.dues.insert((due_ms, id.to_owned()));
        }
    }

    pub fn offer(&mut self, id: &str, carrier: Option<Carrier>) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.offered = carrier;
        }
    }

    /// Approved and in nobody's hand, in the order held.
    pub fn unoffered(&self) -> Vec<Arc<Hold>> {
        let entries = self.approved.iter().filter_map(|(_, id)| self.entries.get(id));
        entries.filter(|e| e.offered.is_none()).map(|e| e.row.hold.clone()).collect()
    }

    /// Takes back whatever a session had in hand.
    pub fn leave(&mut self, live: u64) {
        self.seats.remove(&live);
        let approved: Vec<_> = self.approved.iter().map(|(_, id)| id.clone()).collect();
        for id in approved {
            if self.entries.get(&id).and_then(|e| e.offered) == Some(Carrier::Session(live)) {
                self.offer(&id, None);
            }
        }
    }

    /// The sessions that may carry it, best first: the one it came by, then those of the same
    /// user on the same route, newest first.
    pub fn seats_of<'a>(&'a self, hold: &'a Hold) -> impl Iterator<Item = (u64, &'a Seat)> {
        let own = self.seats.get_key_value(&hold.live);
        let same_user = move |seat: &Seat| {
            hold.identity.is_some()
                && seat.live.identity == hold.identity
                && *seat.live.route == *hold.route
                && seat.live.mode == hold.mode
        };
        let others = self.seats.iter().rev();
        let others = others.filter(move |(live, seat)| **live != hold.live && same_user(seat));
        own.into_iter().chain(others).map(|(live, seat)| (*live, seat))
    }

    /// Every connected viewer of an egress route.
    pub fn viewers<'a>(&'a self, route: &'a str) -> impl Iterator<Item = &'a Seat> {
        let of_route = move |seat: &&Seat| {
            seat.live.mode == Position::Egress
                && *seat.live.route == *route
                && !seat.orders.is_closed()
        };
        self.seats.values().filter(of_route)
    }

    pub fn way(&self, hold: &Hold) -> Way {
        match hold.mode {
            Position::Egress if self.viewers(&hold.route).next().is_some() => Way::Connection,
            // What the server sent is never written back to it.
            Position::Egress => Way::Orphan,
            Position::Inline | Position::Bot | Position::Hook => {
                let mut seats = self.seats_of(hold);
                match seats.any(|(_, seat)| !seat.orders.is_closed()) {
                    true => Way::Connection,
                    false if self.services.contains_key(&hold.route) => Way::Service,
                    false => Way::Orphan,
                }
            }
        }
    }
}
