//! Remembers how the last held messages ended, for a page that opens later.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::hold::{Change, Hold, State};

/// What fits a page; the audit log has all of them.
const ENDED_MAX: usize = 50;

#[derive(Clone, Default)]
pub struct Ended {
    holds: Arc<Mutex<VecDeque<Arc<Hold>>>>,
}

impl Ended {
    /// Follows the queue's changes until the queue is gone.
    pub fn follow(mut changes: Receiver<Change>) -> Ended {
        let ended = Ended::default();
        let kept = ended.clone();
        tokio::spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(Change::Moved(hold)) => kept.note(hold),
                    // A list of the last ones may miss some; the log does not.
                    Ok(Change::Added(_)) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                }
            }
        });
        ended
    }

    /// Newest first.
    pub fn list(&self) -> Vec<Arc<Hold>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn note(&self, hold: Arc<Hold>) {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let at = holds.iter().position(|old| old.id == hold.id);
        match (hold.state, at) {
            (State::Held, Some(at)) => drop(holds.remove(at)),
            (State::Held, None) => {}
            (_, Some(at)) => holds[at] = hold,
            (_, None) => holds.push_front(hold),
        }
        holds.truncate(ENDED_MAX);
    }
}
