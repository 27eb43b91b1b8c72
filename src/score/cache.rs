//! Keeps the latest answers, so that what a crowd repeats is asked once.
//!
//! No text is kept: an answer is found by a hash of its text under a key of this process alone.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
};

/// At most so many answers, in two generations: when the younger is full, the elder is dropped
/// whole and nothing has to be sorted on the path.
pub(super) struct Cache {
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, Vec<f32>>,
    old: HashMap<u64, Vec<f32>>,
}

impl Cache {
    /// A cache of `max` answers; 0 keeps none.
    pub fn new(max: usize) -> Cache {
        Cache { half: max.div_ceil(2), generations: Mutex::default() }
    }

    pub fn find(&self, key: u64) -> Option<Vec<f32>> {
        if self.half == 0 {
            return None;
        }
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = generations.young.get(&key) {
            return Some(row.clone());
        }
        // What is still asked for stays.
        let row = generations.old.remove(&key)?;
        self.insert(&mut generations, key, row.clone());
        Some(row)
    }

    pub fn keep(&self, key: u64, row: Vec<f32>) {
        if self.half == 0 {
            return;
        }
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        self.insert(&mut generations, key, row);
    }

    fn insert(&self, generations: &mut Generations, key: u64, row: Vec<f32>) {
        if generations.young.len() >= self.half {
            generations.old = mem::take(&mut generations.young);
        }
        generations.young.insert(key, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let cache = Cache::new(4);
        for key in 1..=100 {
            cache.keep(key, vec![key as f32]);
            assert_eq!(cache.find(1), Some(vec![1.0]), "after {key}");
            let generations = cache.generations.lock().expect("no test panics with it");
            assert!(generations.young.len() + generations.old.len() <= 4);
        }
        assert_eq!(cache.find(100), Some(vec![100.0]));
        assert_eq!(cache.find(50), None);
        let none = Cache::new(0);
        none.keep(1, vec![1.0]);
        assert_eq!(none.find(1), None);
    }
}
