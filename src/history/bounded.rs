//! Keeps what was used last, up to a bound, and forgets the rest at no cost.

use std::{collections::HashMap, mem};

use crate::letters::bytes::SpreadBuild;

/// A map of two generations, of keyed hashes: what is put goes to the young one; when that is full
/// it becomes the old one, and the old one is forgotten.
pub struct Bounded<V> {
    young: HashMap<u128, V, SpreadBuild>,
    old: HashMap<u128, V, SpreadBuild>,
    generation_max: usize,
}

impl<V> Bounded<V> {
    /// Keeps at most `max` entries, at least 2.
    pub fn new(max: usize) -> Bounded<V> {
        let (young, old) = (HashMap::default(), HashMap::default());
        Bounded { young, old, generation_max: (max / 2).max(1) }
    }

    pub fn find(&self, key: u128) -> Option<&V> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    /// The entry, kept for no longer than it would have been.
    pub fn find_mut(&mut self, key: u128) -> Option<&mut V> {
        self.young.get_mut(&key).or_else(|| self.old.get_mut(&key))
    }

    /// The entry, kept for longer from now on.
    pub fn touch(&mut self, key: u128) -> Option<&mut V> {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key)?;
            self.put(key, value);
        }
        self.young.get_mut(&key)
    }

    pub fn put(&mut self, key: u128, value: V) {
        if self.young.len() >= self.generation_max && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub fn remove(&mut self, key: u128) -> Option<V> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_used_stay_and_the_bound_holds() {
        let mut kept = Bounded::new(10);
        kept.put(0, 0);
        for n in 1..1_000 {
            kept.put(n, n);
            assert_eq!(kept.touch(0), Some(&mut 0), "used all the time: {n}");
            assert!(kept.len() <= 10, "{}", kept.len());
        }
        assert_eq!((kept.find(999), kept.find(3)), (Some(&999), None));
        assert_eq!((kept.remove(999), kept.find(999)), (Some(999), None));
    }
}
