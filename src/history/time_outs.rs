//! Keeps who is silenced, and until when.

use std::{collections::HashMap, sync::Mutex};

use super::{History, Key, Whose, bounded::Bounded, lock};

/// Time-outs of one sender that run at once; only undoing needs more than the longest.
const ENDS_MAX: usize = 8;

/// Apart from what senders say, so that a crowd of new senders cannot wash a time-out away.
pub struct TimeOuts {
    ends: Mutex<HashMap<Key, Ends>>,
    /// When the ladder's own end. Apart from moderators', because a raid climbs the ladder with
    /// any number of accounts: none of them costs a look at all, or a moderator's decision.
    steps: Mutex<Bounded<Ends>>,
    senders_max: usize,
}

/// When each of a sender's time-outs ends. The last one counts: a shorter time-out shortens none,
/// and undoing one leaves the others.
type Ends = Vec<u64>;

impl TimeOuts {
    pub fn new(senders_max: usize) -> TimeOuts {
        let steps = Mutex::new(Bounded::new(senders_max));
        TimeOuts { ends: Mutex::default(), steps, senders_max: senders_max.max(1) }
    }

    /// What the ladder comes to, on a message's way.
    pub fn step(&self, key: Key, until_ms: u64) {
        let mut steps = lock(&self.steps);
        let mut ends = steps.find(key).cloned().unwrap_or_default();
        push(&mut ends, until_ms);
        steps.put(key, ends);
    }

    /// Takes one of the ladder's back, named by its end; the others stay.
    pub fn unstep(&self, key: Key, until_ms: u64) {
        let mut steps = lock(&self.steps);
        let Some(mut ends) = steps.find(key).cloned() else { return };
        if let Some(at) = ends.iter().position(|end| *end == until_ms) {
            ends.swap_remove(at);
        }
        steps.put(key, ends);
    }

    /// What a moderator decided.
    pub fn add(&self, key: Key, until_ms: u64) {
        let mut all = lock(&self.ends);
        if all.len() >= self.senders_max && !all.contains_key(&key) {
            // Only moderators come here, so a look at all of them is affordable. The one that
            // ends first, perhaps long over, makes room.
            let soonest = all.iter().min_by_key(|(_, ends)| ends.iter().max());
            let soonest = soonest.map(|(key, _)| *key);
            soonest.map(|key| all.remove(&key));
        }
        push(all.entry(key).or_default(), until_ms);
    }

    pub fn lift(&self, key: Key, until_ms: u64) {
        let mut all = lock(&self.ends);
        let Some(ends) = all.get_mut(&key) else { return };
        if let Some(at) = ends.iter().position(|end| *end == until_ms) {
            ends.swap_remove(at);
        }
        if ends.is_empty() {
            all.remove(&key);
        }
    }

    /// Ends all of a sender's time-outs.
    pub fn forget(&self, key: Key) {
        lock(&self.ends).remove(&key);
        lock(&self.steps).remove(key);
    }

    pub fn until(&self, key: Key, now: u64) -> Option<u64> {
        let last = lock(&self.ends).get(&key).and_then(|ends| ends.iter().max().copied());
        let step = lock(&self.steps).find(key).and_then(|ends| ends.iter().max().copied());
        last.max(step).filter(|until| *until > now)
    }
}

impl History {
    /// Ends all time-outs of a sender in a channel; strikes stay.
    pub fn end_time_outs(&self, whose: Whose) {
        self.time_outs.forget(self.key(whose.route, whose.channel, whose.sender));
    }
}

fn push(ends: &mut Ends, until_ms: u64) {
    ends.push(until_ms);
    if ends.len() > ENDS_MAX {
        ends.sort_unstable();
        ends.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_counts_and_each_is_undone_alone() {
        let outs = TimeOuts::new(100);
        for (what, end, expected) in [
            ("add", 9_000, Some(9_000)),
            ("add", 5_000, Some(9_000)),
            ("add", 20_000, Some(20_000)),
            ("lift", 20_000, Some(9_000)),
            ("lift", 7_000, Some(9_000)),
            ("add", 9_000, Some(9_000)),
            ("lift", 9_000, Some(9_000)),
            ("lift", 9_000, Some(5_000)),
            ("lift", 5_000, None),
            ("lift", 5_000, None),
        ] {
            if what == "add" {
                outs.add(7, end)
            } else {
                outs.lift(7, end)
            }
            assert_eq!(outs.until(7, 1), expected, "{what} {end}");
        }
        assert_eq!(lock(&outs.ends).len(), 0);
        (1..=100).for_each(|n| outs.add(7, n * 1_000));
        assert_eq!(outs.until(7, 1), Some(100_000));
        assert_eq!(lock(&outs.ends).values().map(Vec::len).sum::<usize>(), ENDS_MAX);
    }

    #[test]
    fn more_than_fit_push_out_the_one_that_ends_first() {
        let outs = TimeOuts::new(100);
        (0..1_000_u64).for_each(|n| outs.add(Key::from(n), 5_000 - n));
        assert_eq!(lock(&outs.ends).len(), 100);
        assert_eq!((outs.until(0, 1), outs.until(899, 1)), (Some(5_000), None));
    }

    #[test]
    fn the_ladder_pushes_out_no_moderators_time_out() {
        let outs = TimeOuts::new(100);
        (0..100).for_each(|n| outs.add(n, 5_000));
        outs.step(7, 9_000);
        assert_eq!(outs.until(7, 1), Some(9_000));
        (1_000..3_000).for_each(|n| outs.step(n, 9_000));
        assert!((0..100).all(|n| outs.until(n, 1) == Some(5_000)));
        assert!(lock(&outs.steps).len() <= 100);
        assert_eq!((outs.until(2_999, 8_999), outs.until(2_999, 9_000)), (Some(9_000), None));
        outs.step(2_999, 6_000);
        assert_eq!(outs.until(2_999, 1), Some(9_000), "a step shortens none");
        outs.forget(2_999);
        assert_eq!(outs.until(2_999, 1), None);
    }
}
