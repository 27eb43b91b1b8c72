//! Carries what happens with a step, or not at all: rows, records, and what they put in force.
//!
//! All rows are one commit with the step's compare-and-set. A crash before it leaves nothing, one
//! after it leaves everything: what is in force in memory is read from the rows at the next start.

use std::sync::Arc;

use super::{
    Change, DecideError, Decision, Hold, HoldQueue, State, already,
    ledger::{Ledger, Outcome, TRIES, put, write},
    states::{Row, Step},
    told,
};
use crate::{
    audit::{Noted, Record},
    history::Whose,
    store::{Expect, StoreError, Write},
};

/// What goes with a step.
#[derive(Default)]
pub struct Along {
    /// Rows of other tables.
    pub writes: Vec<Write>,
    /// Of those rows; they follow the step's own.
    pub records: Vec<Record>,
    /// Puts it in force, once it is known that all is written. It does not wait.
    pub then: Option<Box<dyn FnOnce() + Send>>,
    /// The sender is silenced: the clock releases nothing of theirs that waits.
    pub silences: bool,
}

/// Says what goes with a step, from the message as the step leaves it.
pub type Bring = dyn Fn(&Hold) -> Along + Send + Sync;

/// A step and all that goes with it, written or about to be.
pub struct Taken {
    pub was: Row,
    pub next: Row,
    /// What is stored if it was taken.
    pub bytes: Vec<u8>,
    pub step: Step,
    pub told: Vec<Noted>,
    /// Other messages of the sender that change with it.
    pub others: Vec<(Row, Vec<u8>)>,
    pub then: Option<Box<dyn FnOnce() + Send>>,
}

impl Ledger {
    /// A step as it would be taken, and the commit that takes it.
    pub fn prepare(
        &self,
        (was, stored): (Row, Vec<u8>),
        next: Row,
        step: &Step,
        by: &str,
        bring: Option<&Bring>,
    ) -> Result<(Taken, Vec<Write>), StoreError> {
        let bytes = write(&next)?;
        let along = bring.map(|bring| bring(&next.hold)).unwrap_or_default();
        let mut records = told::of(&was, &next, step, by, self.clock.now_ms());
        records.extend(along.records);
        let told: Vec<_> = records.into_iter().map(|record| self.audit.note(record)).collect();
        let id = &next.hold.id;
        let mut writes = vec![put(id, Expect::Exactly(stored), Some(bytes.clone()))];
        writes.extend(along.writes);
        writes.extend(told.iter().map(Noted::write));
        let mut others = Vec::new();
        if along.silences {
            let (theirs, changes) = self.kept_back(next.hold.whose(), id)?;
            (others, writes) = (theirs, [writes, changes].concat());
        }
        let (step, then) = (step.clone(), along.then);
        Ok((Taken { was, next, bytes, step, told, others, then }, writes))
    }

    /// What waits of a sender, as it is when the clock may release it no more; `but` is left out.
    #[allow(clippy::type_complexity, reason = "rows with their bytes, and the writes of them")]
    fn kept_back(
        &self,
        whose: Whose,
        but: &str,
    ) -> Result<(Vec<(Row, Vec<u8>)>, Vec<Write>), StoreError> {
        let theirs = self.book().open_of(whose);
        let (mut rows, mut writes) = (Vec::new(), Vec::new());
        for (row, stored) in theirs.into_iter().filter(|(row, _)| row.hold.id != but) {
            let Some(next) = row.after(&Step::KeepBack(true), self.clock.now_ms()) else {
                continue;
            };
            let bytes = write(&next)?;
            writes.push(put(&row.hold.id, Expect::Exactly(stored.to_vec()), Some(bytes.clone())));
            rows.push((next, bytes));
        }
        Ok((rows, writes))
    }

    async fn keep_back(&self, whose: Whose<'_>, rows: Vec<Write>) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let (theirs, changes) = self.kept_back(whose, "")?;
            let writes = [rows.clone(), changes].concat();
            if writes.is_empty() {
                return Ok(());
            }
            match self.commit(writes).await {
                Ok(()) => {
                    self.mirror_all(theirs);
                    return Ok(());
                }
                Err(StoreError::Conflict(key)) => self.learn(&key).await?,
                // If it was written all the same, whoever next changes one of them learns of it.
                Err(error) => return Err(error),
            }
        }
        Err(self.too_often("what waits of a sender"))
    }

    pub fn mirror_all(&self, rows: Vec<(Row, Vec<u8>)>) {
        for (row, bytes) in rows {
            self.mirror(row, bytes, u64::MAX, Change::Moved);
        }
    }
}

impl HoldQueue {
    /// Takes a decision with all that goes with it: both are written, or neither is.
    pub async fn decide_along(
        &self,
        id: &str,
        decision: Decision,
        by: &str,
        bring: Arc<Bring>,
    ) -> Result<Arc<Hold>, DecideError> {
        let undo_ms = self.ledger.config.undo_ms;
        let step = Step::Decide { decision, by: by.to_owned(), undo_ms };
        self.stepped(id, step, by, Some(bring)).await
    }

    /// Takes a denial back, with all that goes with that.
    pub async fn undo_along(
        &self,
        id: &str,
        by: &str,
        bring: Arc<Bring>,
    ) -> Result<Arc<Hold>, DecideError> {
        match self.stepped(id, Step::Undo, by, Some(bring)).await {
            Err(DecideError::Already { .. }) => Err(DecideError::TooLate),
            done => done,
        }
    }

    pub(super) async fn stepped(
        &self,
        id: &str,
        step: Step,
        by: &str,
        bring: Option<Arc<Bring>>,
    ) -> Result<Arc<Hold>, DecideError> {
        match self.ledger.step(id, step, by, bring).await? {
            Outcome::Done(hold) => Ok(hold),
            Outcome::Refused(hold) => Err(already(&hold)),
            Outcome::Unknown => Err(DecideError::Unknown(id.to_owned())),
        }
    }

    /// Learns what became of decisions whose commit failed and may have happened. Whoever decides
    /// by what is in force asks this first.
    pub async fn settle_doubts(&self) -> Result<(), StoreError> {
        for id in self.ledger.unsure_ids() {
            self.ledger.make_sure(&id, false).await?;
        }
        self.ledger.deliver();
        Ok(())
    }

    /// A message as it is, also one that ended long ago.
    pub async fn read(&self, id: &str) -> Result<Option<Arc<Hold>>, StoreError> {
        match self.find(id) {
            Some(hold) => Ok(Some(hold)),
            None => Ok(self.ledger.load(id).await?.map(|(row, _)| row.hold)),
        }
    }

    /// The message, if it is undecided.
    ///
    /// # Errors
    /// Who decided, as for a second moderator.
    pub async fn undecided(&self, id: &str) -> Result<Arc<Hold>, DecideError> {
        match self.read(id).await? {
            Some(hold) if hold.state == State::Held => Ok(hold),
            Some(hold) => Err(already(&hold)),
            None => Err(DecideError::Unknown(id.to_owned())),
        }
    }

    /// Writes `rows` of other tables, and with them that the clock releases nothing more that
    /// waits of a sender: who is silenced is not heard by what they said before. A person may
    /// release it.
    pub async fn keep_back(&self, whose: Whose<'_>, rows: Vec<Write>) -> Result<(), StoreError> {
        // Whoever keeps the queue now minds it by what is in force there. Rows are written here, or
        // it is said that they are not.
        if self.is_handed_over() && rows.is_empty() {
            return Ok(());
        }
        self.ledger.keep_back(whose, rows).await
    }

    /// Leaves it to the clock again, where that was so before.
    pub async fn give_back(&self, whose: Whose<'_>) -> Result<(), StoreError> {
        if self.is_handed_over() {
            return Ok(());
        }
        let theirs = self.ledger.book().open_of(whose);
        // A crash on the way leaves some to people alone, which is the mild mistake.
        for (row, _) in theirs.iter().filter(|(row, _)| row.kept_back) {
            self.ledger.step_here(&row.hold.id, &Step::KeepBack(false), "").await?;
        }
        Ok(())
    }
}
