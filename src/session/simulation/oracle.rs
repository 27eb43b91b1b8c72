//! Holds what happened against what was promised.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    audit::{self, Record},
    config::{OnExpiry, Unjudged, WhileHeld},
    hold::{Hold, State},
    message::Verdict,
};

/// Who decided where nobody did in time.
const EXPIRY: &str = "expiry";

/// What a message is, by the words in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    #[default]
    Plain,
    Masked,
    Held,
    Dropped,
}

/// How a message came to the chat server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    Connection(u32),
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    Release,
    Remove,
    Ban,
    Undo,
}

impl Act {
    fn removes(self) -> bool {
        matches!(self, Act::Remove | Act::Ban)
    }
}

/// How a moderator's act was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Done,
    Refused,
    /// The store failed: it may have happened.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Sent {
        connection: u32,
        message: u32,
        kind: Kind,
    },
    /// The verdict of a notice.
    Told {
        message: u32,
        verdict: String,
    },
    Arrived {
        via: Via,
        message: u32,
        text: String,
    },
    /// A moderator asks; others may act before the answer comes.
    Asked {
        hold: String,
        act: Act,
    },
    Acted {
        hold: String,
        act: Act,
        answer: Answer,
    },
    /// The connection was cut, or ended with its process.
    Lost {
        connection: u32,
    },
    Crashed,
}

/// What was promised in this run.
pub struct Promise {
    pub while_held: WhileHeld,
    pub on_expiry: OnExpiry,
    pub when_full: Unjudged,
    pub held_max: usize,
}

/// Everything that happened, how the held messages ended, and what is written of it.
pub struct Told<'a> {
    pub promise: &'a Promise,
    pub events: &'a [Event],
    pub holds: &'a [Arc<Hold>],
    pub records: &'a [Record],
    pub bans: &'a [String],
}

/// Every promise that was broken; empty where none was.
pub fn violations(told: &Told) -> Vec<String> {
    let read = Read::of(told);
    let rules: [fn(&Read, &mut Vec<String>); 8] =
        [once, forbidden, not_lost, in_order, first_wins, none_silent, on_record, together];
    let mut broken = Vec::new();
    rules.iter().for_each(|rule| rule(&read, &mut broken));
    broken
}

struct Read<'a> {
    told: &'a Told<'a>,
    kinds: BTreeMap<u32, (u32, Kind)>,
    arrived: BTreeMap<u32, Vec<(Via, &'a str)>>,
    notices: BTreeMap<u32, Vec<&'a str>>,
    holds: BTreeMap<u32, &'a Hold>,
    lost: BTreeSet<u32>,
}

impl<'a> Read<'a> {
    fn of(told: &'a Told<'a>) -> Read<'a> {
        let mut read = Read {
            told,
            kinds: BTreeMap::new(),
            arrived: BTreeMap::new(),
            notices: BTreeMap::new(),
            holds: BTreeMap::new(),
            lost: BTreeSet::new(),
        };
        for event in told.events {
            match event {
                Event::Sent { connection, message, kind } => {
                    read.kinds.insert(*message, (*connection, *kind));
                }
                Event::Told { message, verdict } => {
                    read.notices.entry(*message).or_default().push(verdict);
                }
                Event::Arrived { via, message, text } => {
                    read.arrived.entry(*message).or_default().push((*via, text));
                }
                Event::Lost { connection } => _ = read.lost.insert(*connection),
                Event::Asked { .. } | Event::Acted { .. } | Event::Crashed => {}
            }
        }
        for hold in told.holds {
            let number = hold.message_id.as_deref().and_then(|id| id.parse().ok());
            read.holds.extend(number.map(|number| (number, &**hold)));
        }
        read
    }

    fn was_told(&self, message: u32, verdict: &str) -> bool {
        self.notices.get(&message).is_some_and(|all| all.contains(&verdict))
    }

    fn times(&self, message: u32) -> usize {
        self.arrived.get(&message).map_or(0, Vec::len)
    }
}

/// No message arrives twice.
fn once(read: &Read, broken: &mut Vec<String>) {
    for (message, ways) in read.arrived.iter().filter(|(_, ways)| ways.len() > 1) {
        broken.push(format!("message {message} arrived {} times: {ways:?}", ways.len()));
    }
}

/// Nothing arrives that the policy or a moderator forbids.
fn forbidden(read: &Read, broken: &mut Vec<String>) {
    for (message, ways) in &read.arrived {
        let Some((_, kind)) = read.kinds.get(message) else {
            broken.push(format!("message {message} arrived and was never sent"));
            continue;
        };
        if *kind == Kind::Dropped {
            broken.push(format!("message {message} is forbidden and arrived"));
        }
        // A moderator may show what the policy would have covered.
        let person = |hold: &&Hold| hold.decided.as_ref().is_some_and(|d| d.by != EXPIRY);
        let shown = read.holds.get(message).copied().filter(person).is_some();
        if *kind == Kind::Masked && !shown && ways.iter().any(|(_, text)| text.contains("blorp")) {
            broken.push(format!("message {message} arrived unmasked"));
        }
        let held = read.holds.get(message);
        match held.map(|hold| hold.state) {
            Some(State::Released) => {}
            Some(state) => broken.push(format!("message {message} arrived and is {state:?}")),
            // With no room to hold it, the policy says what becomes of it.
            None if *kind == Kind::Held && read.told.promise.when_full == Unjudged::Drop => {
                broken.push(format!("message {message} was to be held, and arrived"));
            }
            None => {}
        }
        let released = held.filter(|hold| hold.state == State::Released);
        let by = released.and_then(|hold| Some((hold, hold.decided.as_ref()?.by.as_str())));
        if let Some((hold, by)) = by
            && !may_be_released(read, hold, by)
        {
            broken.push(format!("message {message} was released by {by}, who never did"));
        }
    }
}

fn may_be_released(read: &Read, hold: &Hold, by: &str) -> bool {
    if by == EXPIRY {
        return read.told.promise.on_expiry == OnExpiry::Release;
    }
    read.told.events.iter().any(|event| match event {
        Event::Acted { hold: id, act: Act::Release, answer } => {
            *id == hold.id && *answer != Answer::Refused
        }
        _ => false,
    })
}

/// Whoever was told that a message waits finds it again, and it has one end.
fn not_lost(read: &Read, broken: &mut Vec<String>) {
    for message in read.notices.keys().filter(|message| read.was_told(**message, "hold")) {
        if !read.holds.contains_key(message) {
            broken.push(format!("message {message} was held, and nobody knows of it"));
        }
    }
    for (message, hold) in &read.holds {
        match hold.state {
            State::Held | State::Approved => {
                broken.push(format!("message {message} never came to an end: {:?}", hold.state));
            }
            State::Denied | State::Expired | State::Withdrawn | State::Orphaned => {}
            State::Released => {
                let written = hold.decided.as_ref().and_then(|decided| decided.written);
                let (connection, _) = read.kinds.get(message).copied().unwrap_or_default();
                // Bytes that were written are lost with a cable; not otherwise.
                let crashed = read.told.events.contains(&Event::Crashed);
                let whole = !crashed && read.lost.is_empty();
                if written == Some(true) && whole && read.times(*message) == 0 {
                    broken.push(format!(
                        "message {message} of connection {connection} was released and written, \
                         and did not arrive"
                    ));
                }
            }
        }
    }
}

/// What one connection sent arrives in its order, but for what was held.
fn in_order(read: &Read, broken: &mut Vec<String>) {
    let mut last: HashMap<u32, u32> = HashMap::new();
    let waits = read.told.promise.while_held == WhileHeld::Wait;
    for event in read.told.events {
        let Event::Arrived { via: Via::Connection(connection), message, .. } = event else {
            continue;
        };
        let own = read.kinds.get(message).is_some_and(|(from, _)| from == connection);
        let held = read.holds.contains_key(message);
        if !own || (held && !waits) {
            continue;
        }
        let before = last.insert(*connection, *message);
        if before.is_some_and(|before| before > *message) {
            broken.push(format!("message {message} arrived after {}", before.unwrap_or(0)));
        }
    }
}

/// The first decision wins: what was answered "done" stays, unless it was undone.
fn first_wins(read: &Read, broken: &mut Vec<String>) {
    let mut stands: HashMap<&str, Vec<Act>> = HashMap::new();
    let mut doubtful: BTreeSet<&str> = BTreeSet::new();
    let mut asked: Vec<(&str, Act)> = Vec::new();
    // Undone before whoever removed it had their answer.
    let mut undone: BTreeSet<&str> = BTreeSet::new();
    for event in read.told.events {
        let (hold, act, answer) = match event {
            Event::Asked { hold, act } => {
                asked.push((hold, *act));
                continue;
            }
            Event::Acted { hold, act, answer } => (hold.as_str(), *act, answer),
            _ => continue,
        };
        let at = asked.iter().position(|own| *own == (hold, act));
        at.map(|at| asked.swap_remove(at));
        match answer {
            Answer::Unknown => _ = doubtful.insert(hold),
            Answer::Refused => {}
            Answer::Done if act.removes() && undone.remove(hold) => {}
            Answer::Done => {
                let before = stands.entry(hold).or_default();
                let good = match (before.last(), act) {
                    (None | Some(Act::Undo), Act::Release | Act::Remove | Act::Ban) => true,
                    (Some(Act::Remove | Act::Ban), Act::Undo) => true,
                    (None | Some(Act::Undo), Act::Undo) => {
                        let removing = |own: &(&str, Act)| own.0 == hold && own.1.removes();
                        asked.iter().any(removing) && undone.insert(hold)
                    }
                    _ => false,
                };
                if !good && !doubtful.contains(hold) {
                    broken.push(format!("hold {hold}: {act:?} was done after {before:?}"));
                }
                before.push(act);
            }
        }
    }
    for hold in read.told.holds.iter().filter(|hold| !doubtful.contains(hold.id.as_str())) {
        let last = stands.get(hold.id.as_str()).and_then(|acts| acts.last());
        let fits = match last {
            Some(Act::Release) => matches!(hold.state, State::Released | State::Orphaned),
            Some(Act::Remove | Act::Ban) => hold.state == State::Denied,
            Some(Act::Undo) | None => true,
        };
        if !fits {
            broken.push(format!("hold {}: {last:?} was done, and it is {:?}", hold.id, hold.state));
        }
    }
}

/// Whoever stayed knows what became of every message: it arrived, or they were told.
fn none_silent(read: &Read, broken: &mut Vec<String>) {
    for (message, (connection, kind)) in &read.kinds {
        let gone = read.lost.contains(connection);
        let known = read.times(*message) > 0 || read.notices.contains_key(message);
        if !gone && !known {
            broken.push(format!("message {message} ({kind:?}) of {connection} vanished"));
        }
    }
}

/// What became of a held message is on record step by step, each step once.
fn on_record(read: &Read, broken: &mut Vec<String>) {
    let mut told: HashMap<&str, Vec<&audit::Event>> = HashMap::new();
    for record in read.told.records {
        told.entry(&record.id).or_default().push(&record.event);
    }
    for hold in read.told.holds {
        let events = told.remove(hold.id.as_str()).unwrap_or_default();
        let held = events.iter().filter(|e| ***e == audit::Event::Judged(Verdict::Hold)).count();
        if held != 1 {
            broken.push(format!("hold {}: on record as held {held} times", hold.id));
        }
        let mut state = State::Held.name();
        for event in &events {
            state = match (state, event) {
                ("held", audit::Event::Decided { state, .. })
                    if ["approved", "denied", "expired", "withdrawn"].contains(&&**state) =>
                {
                    state
                }
                ("approved", audit::Event::Decided { state, .. })
                    if ["released", "orphaned"].contains(&&**state) =>
                {
                    state
                }
                ("denied", audit::Event::Undone { .. }) => State::Held.name(),
                (state, audit::Event::Decided { .. } | audit::Event::Undone { .. }) => {
                    broken.push(format!("hold {}: {event:?} on record after {state}", hold.id));
                    state
                }
                (state, _) => state,
            };
        }
        if state != hold.state.name() {
            broken.push(format!("hold {} is {:?}, on record {state}", hold.id, hold.state));
        }
        let undone = |event: &&&audit::Event| matches!(event, audit::Event::Undone { .. });
        let undone = events.iter().filter(undone).count();
        if undone < done(read, hold, Act::Undo) {
            broken.push(format!("hold {}: an undo is not on record", hold.id));
        }
    }
}

fn done(read: &Read, hold: &Hold, act: Act) -> usize {
    let own = Event::Acted { hold: hold.id.clone(), act, answer: Answer::Done };
    read.told.events.iter().filter(|event| **event == own).count()
}

/// A ban and the removal that it comes with are both there, or neither is.
fn together(read: &Read, broken: &mut Vec<String>) {
    let bans: BTreeSet<&str> = read.told.bans.iter().map(String::as_str).collect();
    let with = |hold: &Hold| {
        hold.state == State::Denied && hold.decided.as_ref().is_some_and(|own| own.banned)
    };
    for hold in read.told.holds {
        let (removed, banned) = (with(hold), bans.contains(hold.id.as_str()));
        if removed != banned {
            broken.push(format!("hold {}: removed {removed}, banned {banned}", hold.id));
        }
        let own = read.told.records.iter().filter(|record| record.id == hold.id);
        let count = own.fold(0, |count, record| match record.event {
            audit::Event::Banned { .. } => count + 1,
            audit::Event::Lifted { .. } => count - 1,
            _ => count,
        });
        if count != i32::from(banned) {
            broken.push(format!("hold {}: banned {banned}, on record {count}", hold.id));
        }
    }
}
