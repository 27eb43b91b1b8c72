//! Makes sure of steps whose commit failed: they may have been taken all the same.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use super::{
    Change, Hold,
    along::Taken,
    ledger::{DOUBTS_MAX, Ledger},
    states::{Row, Step},
};
use crate::store::StoreError;

impl Ledger {
    fn unsure(&self) -> MutexGuard<'_, HashMap<String, Taken>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a step whose commit failed, unless whoever looked meanwhile saw it taken: then it was,
    /// and comes back to be settled.
    pub fn note_unsure(&self, id: &str, step: Taken) -> Option<Taken> {
        let mut unsure = self.unsure();
        if self.book().entry(id).is_some_and(|entry| *entry.bytes == step.bytes) {
            return Some(step);
        }
        // Beyond, what was written is learnt when somebody next asks for it.
        if unsure.len() < DOUBTS_MAX {
            unsure.insert(id.to_owned(), step);
        }
        drop(unsure);
        self.wake.notify_one();
        None
    }

    /// Mirrors what was found in the store, but for a claim of which nobody knows yet that it was
    /// taken: to be offered again, it must not seem to have ended.
    ///
    /// Under the same lock as [`Ledger::note_unsure`], so that one of both knows of the other.
    pub fn mirror_found(&self, row: &Row, bytes: &[u8]) {
        let unsure = self.unsure();
        let is_claim = |own: &Taken| matches!(own.step, Step::Claim) && own.bytes == bytes;
        if !unsure.get(&row.hold.id).is_some_and(is_claim) {
            self.mirror(row.clone(), bytes.to_vec(), self.orphan_ms(row), Change::Moved);
        }
    }

    /// Whether it may have been claimed by somebody who was not told so.
    pub fn may_be_claimed(&self, id: &str) -> bool {
        self.unsure().get(id).is_some_and(|unsure| matches!(unsure.step, Step::Claim))
    }

    /// The unsure step that would have left these bytes, if it still is the one.
    fn take_unsure(&self, id: &str, bytes: &[u8]) -> Option<Taken> {
        let mut unsure = self.unsure();
        let is_it = unsure.get(id).is_some_and(|own| own.bytes == bytes);
        is_it.then(|| unsure.remove(id)).flatten()
    }

    /// Records of which a step is unsure; a claim is made sure of by whoever claims next.
    pub fn unsure_ids(&self) -> Vec<String> {
        let unsure = self.unsure();
        let others = unsure.iter().filter(|(_, unsure)| !matches!(unsure.step, Step::Claim));
        others.map(|(id, _)| id.clone()).collect()
    }

    /// Learns whether a step was taken though its commit failed, and does what follows from it.
    /// Only who `claims` learns of a claim: after anybody else had, nobody would write the message.
    pub async fn make_sure(
        &self,
        id: &str,
        claims: bool,
    ) -> Result<Option<(Step, Arc<Hold>)>, StoreError> {
        let concerns = |unsure: &Taken| claims || !matches!(unsure.step, Step::Claim);
        let noted = self.unsure().get(id).filter(|own| concerns(own)).map(|own| own.bytes.clone());
        let Some(noted) = noted else { return Ok(None) };
        let found = self.load(id).await?;
        // Somebody else may have been faster, and another step be unsure by now.
        let Some(unsure) = self.take_unsure(id, &noted) else { return Ok(None) };
        if found.as_ref().is_none_or(|(_, found)| *found != unsure.bytes) {
            let went_on =
                |row: &Row| row.rev > unsure.next.rev && same(&row.hold, &unsure.next.hold);
            if found.is_some_and(|(row, _)| went_on(&row)) {
                // Taken, and another step followed before it was known: what goes with it holds.
                unsure.then.into_iter().for_each(|then| then());
                self.mirror_all(unsure.others);
            }
            // If it was taken its records are there, and nobody else brings them.
            self.audit.catch_up();
            return Ok(None);
        }
        let step = unsure.step.clone();
        Ok(Some((step, self.settle(unsure))))
    }
}

/// Whether both are the same decision.
fn same(one: &Hold, other: &Hold) -> bool {
    let of = |hold: &Hold| hold.decided.as_ref().map(|own| (own.by.clone(), own.at_ms));
    of(one).is_some() && of(one) == of(other)
}
