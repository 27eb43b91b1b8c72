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
    /// It ended on the platform: there is nothing left to answer.
    there: Option<There>,
}

/// How it ended on the platform itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    Shown,
    /// Somebody denied it, or nobody decided in time.
    Denied,
}

impl Pending {
    pub fn insert(&self, hold: &str, target: Target) {
        self.lock().insert(hold.to_owned(), Waits { target, there: None });
    }

    /// Ends it; how the platform ended it, where it did.
    pub fn end(&self, hold: &str) -> Option<There> {
        self.lock().remove(hold).and_then(|waits| waits.there)
    }

    /// The hold of a message that ended on the platform. What it said first holds.
    pub fn note(&self, message: &str, there: There) -> Option<String> {
        let mut all = self.lock();
        let (hold, waits) = all.iter_mut().find(|(_, waits)| waits.target.message == message)?;
        waits.there.get_or_insert(there);
        Some(hold.clone())
    }

    /// How it ended on the platform, where it did.
    pub fn there(&self, target: &Target) -> Option<There> {
        self.lock().values().find(|waits| waits.target == *target)?.there
    }

    pub fn holds(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waits>> {
        // Whoever panicked left whole entries behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
