//! Lists what was paid for and never shown, for whoever must refund it.

use serde::Serialize;

use super::{
    Errand, Hold, HoldError, HoldQueue, State, StoredFrame,
    ledger::{Ledger, PAGE, read},
    states::Row,
};
use crate::{
    audit::Event,
    message::Sender,
    store::{StoreError, Table},
};

/// One payment whose message did not reach the room, without the message's text.
#[derive(Clone, Debug, Serialize)]
pub struct Refund {
    pub id: String,
    pub ended_ms: u64,
    pub held_ms: u64,
    pub route: String,
    pub channel: String,
    pub sender: Sender,
    pub message_id: Option<String>,
    pub amount: String,
    pub cause: &'static str,
    /// Who decided, where somebody did.
    pub by: Option<String>,
    /// What was found in it: rule and category of each.
    pub found: Vec<String>,
}

/// Payments in the order in which their messages came.
#[derive(Debug, Default)]
pub struct Refunds {
    pub list: Vec<Refund>,
    /// There are more after the last one.
    pub more: bool,
    /// Records that could not be read: passed over, because the rest is owed all the same.
    pub unreadable: usize,
}

impl Refund {
    /// `None` for what nobody paid for, for what is not decided yet, and for what was shown.
    fn of(row: &Row) -> Option<Refund> {
        let hold = &*row.hold;
        let (paid, ended_ms) = (hold.paid.as_ref()?, row.ended_ms?);
        let acting = hold.findings.iter().filter(|finding| !finding.shadow);
        Some(Refund {
            id: hold.id.clone(),
            ended_ms,
            held_ms: hold.held_ms,
            route: hold.route.clone(),
            channel: hold.channel.clone(),
            sender: hold.sender.clone(),
            message_id: hold.message_id.clone(),
            amount: paid.amount.clone(),
            cause: cause(hold)?,
            by: hold.decided.as_ref().map(|decided| decided.by.clone()),
            found: acting.map(|f| format!("{}: {}", f.rule, f.category)).collect(),
        })
    }
}

/// Why an ended message was not shown, or may not have been.
fn cause(hold: &Hold) -> Option<&'static str> {
    let written = hold.decided.as_ref().and_then(|decided| decided.written);
    match (hold.state, written) {
        (State::Released, Some(true)) => None,
        (State::Released, Some(false)) => Some("not_written"),
        // A crash between the decision and the write: somebody has to look.
        (State::Released, None) => Some("unknown"),
        (state, _) => Some(state.name()),
    }
}

impl HoldQueue {
    /// Up to `max` payments that ended unshown at `since_ms` or later, of those after an id (all
    /// come after an empty one). They are kept as long as records are.
    pub async fn refunds(
        &self,
        since_ms: u64,
        after: &str,
        max: usize,
    ) -> Result<Refunds, StoreError> {
        let (mut after, mut found) = (after.to_owned(), Refunds::default());
        loop {
            let page = self.ledger.store.scan(Table::Holds, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            after = last.clone();
            for (id, bytes) in &page {
                let row = match read(id, bytes) {
                    Ok(row) => row,
                    Err(error) => {
                        tracing::error!(%error, id, "a record that may be owed cannot be read");
                        found.unreadable += 1;
                        continue;
                    }
                };
                let refund = Refund::of(&row).filter(|refund| refund.ended_ms >= since_ms);
                if refund.is_some() && found.list.len() == max {
                    found.more = true;
                    return Ok(found);
                }
                found.list.extend(refund);
            }
        }
    }

    /// Writes down a paid message that there was no room for: it ends unheld, and is reported.
    ///
    /// # Errors
    /// The store did not take it. It is counted and in the audit log's queue all the same.
    pub async fn turn_away(&self, hold: Hold) -> Result<(), StoreError> {
        match self.is_handed_over() {
            true => self.send(Errand::TurnAway(Box::new(hold))).await.map_err(HoldError::store),
            false => self.ledger.turn_away(hold).await,
        }
    }
}

impl Ledger {
    async fn turn_away(&self, hold: Hold) -> Result<(), StoreError> {
        // Nobody can release it, so nothing of its frame is kept.
        let frame = StoredFrame { binary: false, bytes: Vec::new() };
        let row = Row::turned_away(Hold { frame, ..hold }, self.clock.now_ms());
        self.count_refund(&row.hold);
        let record = event(&row.hold).map(|event| row.hold.record(event, self.clock.now_ms()));
        let Err(error) = self.insert_ended(row, record.clone()).await else { return Ok(()) };
        // Its row may be on the disk all the same, and be appended too: twice is better than never.
        record.into_iter().for_each(|record| self.audit.record(record, None));
        Err(error)
    }

    /// Counts a paid message that ended unshown; does nothing for any other.
    pub(super) fn count_refund(&self, hold: &Hold) {
        if let (Some(_), Some(cause)) = (&hold.paid, cause(hold)) {
            self.metrics.paid_unshown(cause);
        }
    }
}

/// What is reported of a paid message that ended unshown; `None` for any other.
pub(super) fn event(hold: &Hold) -> Option<Event> {
    let (paid, cause) = (hold.paid.as_ref()?, cause(hold)?);
    let (amount, message_id) = (paid.amount.clone(), hold.message_id.clone());
    Some(Event::Refund { amount, message_id, cause: cause.to_owned() })
}
