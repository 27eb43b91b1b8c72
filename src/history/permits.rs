//! Keeps which senders may post one link, and until when.

use std::{collections::HashMap, sync::Mutex};

use super::{Key, lock};

/// Moderators' permits, apart from what crowds wash through.
pub(super) struct Permits {
    by_sender: Mutex<HashMap<Key, u64>>,
    senders_max: usize,
}

impl Permits {
    pub fn new(senders_max: usize) -> Permits {
        Permits { by_sender: Mutex::default(), senders_max: senders_max.max(1) }
    }

    /// Permits one link until then; a second permit only changes until when.
    pub fn give(&self, key: Key, until_ms: u64) {
        let mut permits = lock(&self.by_sender);
        if permits.len() >= self.senders_max && !permits.contains_key(&key) {
            // Only moderators come here, so a look at all of them is affordable.
            let soonest = permits.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key);
            soonest.map(|key| permits.remove(&key));
        }
        permits.insert(key, until_ms);
    }

    pub fn has(&self, key: Key, now_ms: u64) -> bool {
        self.until(key, now_ms).is_some()
    }

    pub fn until(&self, key: Key, now_ms: u64) -> Option<u64> {
        lock(&self.by_sender).get(&key).copied().filter(|until| *until > now_ms)
    }

    /// Uses a permit up, and says until when it would have run; `None` where there is none.
    pub fn take(&self, key: Key, now_ms: u64) -> Option<u64> {
        lock(&self.by_sender).remove(&key).filter(|until| *until > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_for_once_and_for_a_while() {
        let permits = Permits::new(2);
        assert!(!permits.has(1, 0) && permits.take(1, 0).is_none());
        permits.give(1, 100);
        assert!(permits.has(1, 99) && !permits.has(1, 100));
        assert_eq!([permits.take(1, 99), permits.take(1, 99)], [Some(100), None]);
        permits.give(1, 100);
        assert_eq!(permits.take(1, 100), None);
        for key in 1..=3 {
            permits.give(key, u64::try_from(key).unwrap());
        }
        assert_eq!([1, 2, 3].map(|key| permits.has(key, 0)), [false, true, true]);
    }
}
