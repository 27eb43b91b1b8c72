//! Forgets by halves: what is not touched for a generation or two is gone.

use std::{collections::HashMap, hash::Hash, mem};

use crate::letters::bytes::SpreadBuild;

/// A map of two generations, of keyed hashes. What is touched moves to the young one; when that is
/// full or old, it becomes the old one and the old one is forgotten. So forgetting costs nothing on
/// the path, and takes what was silent the longest.
pub struct Generations<K, V> {
    young: HashMap<K, V, SpreadBuild>,
    old: HashMap<K, V, SpreadBuild>,
    /// When the young generation began, by its first message's clock.
    since_ms: u64,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Generations { young: HashMap::default(), old: HashMap::default(), since_ms: 0 }
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// Begins a new generation where the young one is full or old.
    pub fn turn(&mut self, now: u64, generation_max: usize, generation_ms: u64) {
        if self.young.is_empty() {
            self.since_ms = now;
        }
        let aged = now.saturating_sub(self.since_ms) > generation_ms;
        if aged || self.young.len() >= generation_max {
            self.old = mem::take(&mut self.young);
            self.since_ms = now;
        }
    }

    pub fn take(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    pub fn see(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub fn put(&mut self, key: K, value: V) {
        self.young.insert(key, value);
    }

    /// The same, and the value in its place.
    pub fn entry(&mut self, key: K, value: V) -> &mut V {
        self.young.entry(key).insert_entry(value).into_mut()
    }

    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.young.values().chain(self.old.values())
    }
}
