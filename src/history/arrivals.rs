//! Remembers who did something lately, in the order in which they did it last.

use std::collections::{HashMap, VecDeque};

use super::lines::KEEP_MS;
use crate::letters::bytes::SpreadBuild;

/// Senders, each with the last time; those seen longest ago make room.
#[derive(Default)]
pub struct Arrivals {
    /// Each sender once, the latest behind.
    order: VecDeque<(u64, u64)>,
    last_ms: HashMap<u64, u64, SpreadBuild>,
}

impl Arrivals {
    /// Notes a sender, and forgets who was not seen within the window.
    pub fn note(&mut self, sender: u64, now: u64, window_ms: u64, max: usize) {
        let latest = self.order.back().map_or(0, |(at, _)| *at);
        match latest.saturating_sub(now) {
            // The clock went back: nobody knows any more when these were here.
            KEEP_MS.. => {
                self.order.clear();
                self.last_ms.clear();
            }
            // Told late, and of no moment by now.
            late if late >= window_ms => return,
            _ => {}
        }
        let now = self.order.back().map_or(now, |(at, _)| now.max(*at));
        if let Some(before) = self.last_ms.insert(sender, now) {
            self.leave(sender, before);
        }
        self.order.push_back((now, sender));
        let is_over = |at: u64| at.saturating_add(window_ms) <= now;
        while self.order.front().is_some_and(|(at, _)| is_over(*at) || self.order.len() > max) {
            if let Some((_, gone)) = self.order.pop_front() {
                self.last_ms.remove(&gone);
            }
        }
    }

    fn leave(&mut self, sender: u64, at: u64) {
        let first = self.order.partition_point(|(other, _)| *other < at);
        let own = self.order.range(first..).position(|(_, other)| *other == sender);
        own.map(|own| self.order.remove(first + own));
    }

    /// How many were seen within the window.
    pub fn within(&self, now: u64, window_ms: u64) -> usize {
        let is_over = |at: &u64| at.saturating_add(window_ms) <= now;
        self.order.len() - self.order.partition_point(|(at, _)| is_over(at))
    }

    /// When the earliest of the last so many was here.
    pub fn since(&self, count: usize) -> Option<u64> {
        self.order.get(self.order.len().checked_sub(count)?).map(|(at, _)| *at)
    }

    /// Whether a sender is among those who were seen since then.
    pub fn has_since(&self, sender: u64, since_ms: u64) -> bool {
        self.last_ms.get(&sender).is_some_and(|at| *at >= since_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_again_is_counted_once_and_last() {
        let mut seen = Arrivals::default();
        for (sender, now) in [(1, 0), (2, 10), (3, 20), (1, 30)] {
            seen.note(sender, now, 100, 9);
        }
        assert_eq!((seen.within(30, 100), seen.within(30, 15)), (3, 2));
        assert_eq!((seen.since(1), seen.since(3), seen.since(4)), (Some(30), Some(10), None));
        assert!(seen.has_since(1, 30) && seen.has_since(3, 20) && !seen.has_since(2, 20));
        // The second is too long ago for those who look, and the next one takes it out.
        assert_eq!(seen.within(110, 100), 2);
        seen.note(4, 110, 100, 9);
        assert_eq!((seen.order.len(), seen.last_ms.len()), (3, 3));
    }

    #[test]
    fn the_bound_holds_and_the_clock_may_go_back() {
        let mut seen = Arrivals::default();
        for sender in 0..1_000 {
            seen.note(sender, 5, 100, 16);
        }
        assert_eq!((seen.within(5, 100), seen.last_ms.len()), (16, 16));
        assert!(seen.has_since(999, 5) && !seen.has_since(1, 5));
        // A little late is as good as now.
        seen.note(1, 0, 100, 16);
        assert!(seen.has_since(1, 5));
        // What is told minutes late takes nobody's place.
        seen.note(2, KEEP_MS, 100, 16);
        seen.note(3, 7, 100, 16);
        assert_eq!((seen.has_since(2, 5), seen.has_since(3, 7)), (true, false));
        seen.note(2, 2 * KEEP_MS, 100, 16);
        seen.note(3, 7, 100, 16);
        assert_eq!((seen.within(7, 100), seen.has_since(3, 7)), (1, true));
    }
}
