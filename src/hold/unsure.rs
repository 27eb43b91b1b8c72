//! Makes sure of steps whose commit failed: they may have been taken all the same.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use super::{
    Hold,
    ledger::{DOUBTS_MAX, Ledger},
    states::{Row, Step},
};
use crate::store::StoreError;

/// A step of which nobody knows whether it was taken.
pub struct Unsure {
    pub was: Row,
    pub next: Row,
    /// What is stored if it was.
    pub bytes: Vec<u8>,
    pub step: Step,
    pub by: String,
}

impl Ledger {
    fn unsure(&self) -> MutexGuard<'_, HashMap<String, Unsure>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note_unsure(&self, id: &str, step: Unsure) {
        let mut unsure = self.unsure();
        // Beyond, what was written is learnt when somebody next asks for it.
        if unsure.len() < DOUBTS_MAX {
            unsure.insert(id.to_owned(), step);
        }
        drop(unsure);
        self.wake.notify_one();
    }

    /// Whether it may have been claimed by somebody who was not told so.
    pub fn may_be_claimed(&self, id: &str) -> bool {
        self.unsure().get(id).is_some_and(|unsure| matches!(unsure.step, Step::Claim))
    }

    /// Records of which a step is unsure; a claim is made sure of by whoever claims next.
    pub fn unsure_ids(&self) -> Vec<String> {
        let unsure = self.unsure();
        let others = unsure.iter().filter(|(_, unsure)| !matches!(unsure.step, Step::Claim));
        others.map(|(id, _)| id.clone()).collect()
    }

    /// Learns whether a step was taken though its commit failed, and does what follows from it.
    pub async fn make_sure(&self, id: &str) -> Result<Option<(Step, Arc<Hold>)>, StoreError> {
        if !self.unsure().contains_key(id) {
            return Ok(None);
        }
        let found = self.load(id).await?;
        // Somebody else may have been faster.
        let Some(unsure) = self.unsure().remove(id) else { return Ok(None) };
        let Unsure { was, next, bytes, step, by } = unsure;
        if found.is_none_or(|(_, found)| found != bytes) {
            return Ok(None);
        }
        let hold = self.settle(&was, next, bytes, &step, &by);
        Ok(Some((step, hold)))
    }
}
