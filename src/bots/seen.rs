//! Knows again what was delivered before.

use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash, RandomState},
    mem,
};

/// The last events, as keyed hashes: at least `max / 2` of them, and never more than `max`.
pub struct SeenEvents {
    young: HashSet<u64>,
    old: HashSet<u64>,
    generation_max: usize,
    hasher: RandomState,
}

impl SeenEvents {
    pub fn new(max: usize) -> SeenEvents {
        let (young, old) = (HashSet::new(), HashSet::new());
        SeenEvents { young, old, generation_max: (max / 2).max(1), hasher: RandomState::new() }
    }

    /// Notes an event; false where it was noted before.
    pub fn note(&mut self, event: &(impl Hash + ?Sized)) -> bool {
        let hash = self.hasher.hash_one(event);
        if self.young.contains(&hash) || self.old.contains(&hash) {
            return false;
        }
        if self.young.len() >= self.generation_max {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(hash)
    }

    /// Whether an event was noted.
    pub fn knows(&self, event: &(impl Hash + ?Sized)) -> bool {
        let hash = self.hasher.hash_one(event);
        self.young.contains(&hash) || self.old.contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known_and_the_bound_holds() {
        let mut seen = SeenEvents::new(10);
        for n in 0..100 {
            assert!(seen.note(&n), "{n}");
            assert!(!seen.note(&n) && seen.knows(&n), "{n}");
            assert!(seen.young.len() + seen.old.len() <= 10);
        }
        assert!(!seen.note(&96) && !seen.knows(&3) && seen.note(&3));
    }
}
