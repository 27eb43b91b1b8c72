//! Remembers how the last held messages ended, for a page that opens later.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast::error::RecvError;

use crate::hold::{Change, Hold, HoldQueue, State};

/// What fits a page; the audit log has all of them.
const ENDED_MAX: usize = 50;

#[derive(Clone, Default)]
pub struct Ended {
    holds: Arc<Mutex<VecDeque<Arc<Hold>>>>,
}

impl Ended {
    /// Starts with what the queue remembers and follows its changes until it is gone.
    ///
    /// The queue counts a removal as ended only when it can no longer be undone; the page shows
    /// it at once.
    pub fn follow(holds: &HoldQueue) -> Ended {
        let mut changes = holds.subscribe();
        let ended = Ended::default();
        holds.recent(ENDED_MAX).into_iter().rev().for_each(|hold| ended.note(hold));
        let kept = ended.clone();
        tokio::spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(Change::Moved(hold, _)) => kept.note(hold),
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
