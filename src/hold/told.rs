//! Words what the audit log is told of a step.

use super::{
    Hold, State, refunds,
    states::{EXPIRY, Row, Step},
};
use crate::{
    audit::{Event, Record},
    history::Whose,
};

/// The records of a step that leads from one row to the next, in order.
pub fn of(was: &Row, next: &Row, step: &Step, by: &str, at_ms: u64) -> Vec<Record> {
    let hold = &*next.hold;
    let mut records = Vec::new();
    if is_unshown(was, next, step) {
        records.extend(refunds::event(hold).map(|event| hold.record(event, at_ms)));
    }
    let by = match step {
        Step::Expire => EXPIRY,
        Step::Claim => hold.decided.as_ref().map_or(by, |decided| decided.by.as_str()),
        _ => by,
    };
    let event = match step {
        Step::Finish { early: false }
        | Step::PutOff { .. }
        | Step::Written(_)
        | Step::KeepBack(_)
        | Step::Erase => None,
        Step::Undo => Some(Event::Undone { by: by.to_owned() }),
        _ => Some(Event::Decided { state: hold.state.name().to_owned(), by: by.to_owned() }),
    };
    records.extend(event.map(|event| hold.record(event, at_ms)));
    records
}

/// Whether it is known with this step that its message was not shown.
pub fn is_unshown(was: &Row, next: &Row, step: &Step) -> bool {
    let ended = was.ended_ms.is_none() && next.ended_ms.is_some();
    (ended && next.hold.state != State::Released) || matches!(step, Step::Written(false))
}

impl Hold {
    /// A record of what became of it.
    pub fn record(&self, event: Event, at_ms: u64) -> Record {
        Record {
            id: self.id.clone(),
            at_ms,
            route: self.route.clone(),
            channel: self.channel.clone(),
            sender: self.sender.clone(),
            event,
            findings: self.findings.clone(),
            rules: self.rules.clone(),
            decided_by: String::new(),
            text_sha256: String::new(),
        }
    }

    /// Who said it, and where.
    pub fn whose(&self) -> Whose<'_> {
        Whose { route: &self.route, channel: &self.channel, sender: &self.sender.id }
    }
}
