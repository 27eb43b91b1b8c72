//! Knows what a platform holds back and waits here for a moderator.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Target;

/// By hold id; as many as may be held.
#[derive(Default)]
pub struct Pending(Mutex<HashMap<String, Waits>>);

struct Waits {
    target: Target,
    /// Somebody decided on the platform: there is nothing left to answer.
    answered: bool,
}

impl Pending {
    pub fn insert(&self, hold: &str, target: Target) {
        self.lock().insert(hold.to_owned(), Waits { target, answered: false });
    }

    /// Ends it; whether the platform was answered already.
    pub fn end(&self, hold: &str) -> bool {
        self.lock().remove(hold).is_some_and(|waits| waits.answered)
    }

    /// The hold of a message that was decided on the platform.
    pub fn answer(&self, message: &str) -> Option<String> {
        let mut all = self.lock();
        let (hold, waits) = all.iter_mut().find(|(_, waits)| waits.target.message == message)?;
        waits.answered = true;
        Some(hold.clone())
    }

    /// Whether a release has to be told to the platform.
    pub fn is_answered(&self, target: &Target) -> bool {
        self.lock().values().any(|waits| waits.answered && waits.target == *target)
    }

    pub fn holds(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waits>> {
        // Whoever panicked left whole entries behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
