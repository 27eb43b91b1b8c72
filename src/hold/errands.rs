//! Leaves the queue to another process, and does for it what live sessions still ask for.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tokio::sync::{MutexGuard, mpsc, oneshot};

use super::{Hold, HoldError, HoldQueue, ledger::Ledger};
use crate::{audit::Record, config::Position, message::Deleted, store::StoreError};

/// Errands under way at once: each session has one or two.
const ERRANDS_MAX: usize = 1_024;
/// Messages that may be held twice take turns by their id; few others have to wait with them.
pub const TURNS: usize = 32;

/// What a process without the store asks of the one that has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    Hold { hold: Box<Hold>, record: Option<Box<Record>> },
    TurnAway(Box<Hold>),
    Written { id: String, ok: bool },
    Withdraw { route: String, deleted: Vec<Deleted> },
}

/// An errand, and where its end is waited for.
pub struct Asked {
    pub errand: Errand,
    pub answer: oneshot::Sender<Result<(), HoldError>>,
}

impl HoldQueue {
    /// Does nothing by itself from now on: no expiry, no release. What sessions ask for goes to
    /// whoever listens here, and waits until it is answered.
    pub fn hand_over(&self) -> mpsc::Receiver<Asked> {
        let (successor, asked) = mpsc::channel(ERRANDS_MAX);
        // A queue is handed over once.
        let _ = self.ledger.successor.set(successor);
        self.ledger.wake.notify_one();
        asked
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.ledger.successor.get().is_some()
    }

    /// Does what a process asks that has handed over to this one.
    ///
    /// # Errors
    /// As the one who asked would have met it here.
    pub async fn run(&self, errand: Errand) -> Result<(), HoldError> {
        match errand {
            Errand::Hold { mut hold, record } => {
                // Its connection is not here, whatever number it has there.
                hold.live = 0;
                self.add(*hold, record.map(|record| *record)).await.map(drop)
            }
            Errand::TurnAway(hold) => self.turn_away(*hold).await.map_err(HoldError::Store),
            Errand::Written { id, ok } => {
                self.written(&id, ok).await;
                Ok(())
            }
            Errand::Withdraw { route, deleted } => {
                self.withdraw_deleted(&route, &deleted).await;
                Ok(())
            }
        }
    }

    pub(super) async fn send(&self, errand: Errand) -> Result<(), HoldError> {
        self.ledger.send(errand).await
    }
}

/// Whether viewers of another process may bring it too: each process judges what its own see.
fn is_shared(hold: &Hold) -> bool {
    hold.mode == Position::Egress && hold.message_id.is_some()
}

impl Ledger {
    /// Waits until nobody else holds this message just now.
    pub async fn turn(&self, hold: &Hold) -> Option<MutexGuard<'_, ()>> {
        if !is_shared(hold) {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        hold.message_id.hash(&mut hasher);
        Some(self.turns[hasher.finish() as usize % TURNS].lock().await)
    }

    /// The same message as viewers of another process brought it.
    pub fn same(&self, hold: &Hold) -> Option<Arc<Hold>> {
        let is = |own: &&Arc<Hold>| {
            own.message_id == hold.message_id
                && (&own.route, &own.channel) == (&hold.route, &hold.channel)
                // An id is often the sender's own choice.
                && (&own.sender.id, &own.text) == (&hold.sender.id, &hold.text)
        };
        let book = self.book();
        // Most senders have none, and the queue may be long.
        let may_be = is_shared(hold) && book.may_have(hold);
        may_be.then(|| book.undecided().find(is).cloned()).flatten()
    }

    pub async fn send(&self, errand: Errand) -> Result<(), HoldError> {
        let gone = || {
            HoldError::Store(StoreError::Unavailable {
                place: "the process that took over".to_owned(),
                cause: "it does not answer".to_owned(),
            })
        };
        let successor = self.successor.get().ok_or_else(gone)?;
        let (answer, answered) = oneshot::channel();
        successor.send(Asked { errand, answer }).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl HoldError {
    /// What the store has to do with it.
    pub(super) fn store(self) -> StoreError {
        match self {
            HoldError::Store(error) => error,
            full @ HoldError::Full(_) => StoreError::Unavailable {
                place: "the hold queue".to_owned(),
                cause: full.to_string(),
            },
        }
    }
}
