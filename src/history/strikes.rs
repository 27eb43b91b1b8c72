//! Counts what senders did wrong, and lets it wear off.

use std::sync::Mutex;

use super::{History, Key, bounded::Bounded, lock};

/// Fewer are as good as none: they are not shown and not kept.
const STRIKES_MIN: f32 = 0.05;

/// What one sender's strikes led to and still counts, each to be undone alone. Few strikes lead to
/// anything at once, and of holds the longest is what matters.
const RESULTS_MAX: usize = 4;

/// The strikes of every sender who has some.
pub struct Strikes {
    kept: Mutex<Bounded<Entry>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    points: f32,
    /// When that many points were left.
    at_ms: u64,
    half_life_ms: u64,
    /// When each hold of everything ends; the last one counts.
    holds: Few,
    /// The times of the strikes for which a warning is due.
    warnings: Few,
}

/// A few times; 0 is none.
#[derive(Clone, Copy, Debug, Default)]
struct Few([u64; RESULTS_MAX]);

impl Few {
    /// The smallest makes room.
    fn add(&mut self, time: u64) {
        if let Some(least) = self.0.iter_mut().min() {
            *least = time.max(*least);
        }
    }

    fn remove(&mut self, time: u64) {
        if let Some(own) = self.0.iter_mut().find(|own| **own == time) {
            *own = 0;
        }
    }

    fn last(&self) -> Option<u64> {
        self.0.into_iter().max().filter(|last| *last > 0)
    }
}

/// What a strike made of a sender's count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Struck {
    pub before: f32,
    pub after: f32,
}

/// What is known of a sender's strikes at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    pub points: f32,
    pub held_until_ms: Option<u64>,
    pub warning: bool,
}

impl Strikes {
    pub fn new(senders_max: usize) -> Strikes {
        Strikes { kept: Mutex::new(Bounded::new(senders_max)) }
    }

    pub(super) fn count(&self, key: Key, now_ms: u64) -> Count {
        let kept = lock(&self.kept);
        let Some(entry) = kept.find(key) else { return Count::default() };
        Count {
            points: Some(entry.left(now_ms)).filter(|p| *p >= STRIKES_MIN).unwrap_or(0.0),
            held_until_ms: entry.holds.last().filter(|until| *until > now_ms),
            warning: entry.warnings.last().is_some(),
        }
    }

    fn change<T>(&self, key: Key, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut kept = lock(&self.kept);
        let mut entry = kept.find(key).copied().unwrap_or_default();
        let result = change(&mut entry);
        kept.put(key, entry);
        result
    }
}

impl Entry {
    /// What is left of the points. A clock that went backwards takes nothing off.
    fn left(&self, now_ms: u64) -> f32 {
        let halves = now_ms.saturating_sub(self.at_ms) as f32 / self.half_life_ms.max(1) as f32;
        self.points * 0.5_f32.powf(halves)
    }
}

/// One sender in one channel.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    pub route: &'a str,
    pub channel: &'a str,
    pub sender: &'a str,
}

impl History {
    /// Adds strikes to what is left of earlier ones; half of them wear off in `half_life_ms`.
    pub fn strike(&self, whose: Whose, points: f32, half_life_ms: u64, now_ms: u64) -> Struck {
        self.strikes.change(self.key_whose(whose), |entry| {
            let before = entry.left(now_ms);
            let after = before + points;
            *entry = Entry { points: after, at_ms: now_ms, half_life_ms, ..*entry };
            Struck { before, after }
        })
    }

    /// Takes back what is left of strikes that were given at `given_ms`, and nothing else: what
    /// they led to is taken back with [`History::unhold`], [`History::unwarn`] and
    /// [`History::unsilence`].
    pub fn unstrike(&self, whose: Whose, points: f32, given_ms: u64, now_ms: u64) {
        self.strikes.change(self.key_whose(whose), |entry| {
            let theirs = Entry { points, at_ms: given_ms, ..*entry }.left(now_ms);
            let points = (entry.left(now_ms) - theirs).max(0.0);
            *entry = Entry { points, at_ms: now_ms, ..*entry };
        });
    }

    /// Everything of this sender is held until then, or longer where that was so already.
    pub fn hold_all(&self, whose: Whose, until_ms: u64) {
        self.strikes.change(self.key_whose(whose), |entry| entry.holds.add(until_ms));
    }

    /// Nothing of this sender is shown until then: what the ladder comes to. A moderator's time-out
    /// is `time_out`.
    pub fn silence(&self, whose: Whose, until_ms: u64) {
        self.time_outs.step(self.key_whose(whose), until_ms);
    }

    /// Takes that back, named by its end; what else silences the sender stays.
    pub fn unsilence(&self, whose: Whose, until_ms: u64) {
        self.time_outs.unstep(self.key_whose(whose), until_ms);
    }

    /// Takes one such hold back, named by its end; others stay.
    pub fn unhold(&self, whose: Whose, until_ms: u64) {
        self.strikes.change(self.key_whose(whose), |entry| entry.holds.remove(until_ms));
    }

    /// The sender is to be warned at the next chance, for a strike that was given at `given_ms`.
    pub fn warn(&self, whose: Whose, given_ms: u64) {
        self.strikes.change(self.key_whose(whose), |entry| entry.warnings.add(given_ms));
    }

    /// The sender need not be warned for that strike any more.
    pub fn unwarn(&self, whose: Whose, given_ms: u64) {
        self.strikes.change(self.key_whose(whose), |entry| entry.warnings.remove(given_ms));
    }

    /// Whether a warning is due; it no longer is then.
    pub fn take_warning(&self, whose: Whose) -> bool {
        let key = self.key_whose(whose);
        match self.strikes.count(key, 0).warning {
            true => {
                let due = self.strikes.change(key, |entry| std::mem::take(&mut entry.warnings));
                due.last().is_some()
            }
            false => false,
        }
    }

    /// Forgets strikes, time-outs and whatever came of them: a clean slate.
    pub fn pardon(&self, whose: Whose) {
        let key = self.key_whose(whose);
        lock(&self.strikes.kept).remove(key);
        self.time_outs.forget(key);
    }

    fn key_whose(&self, whose: Whose) -> Key {
        self.key(whose.route, whose.channel, whose.sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNA: Whose = Whose { route: "/", channel: "#a", sender: "una" };
    const HOUR: u64 = 3_600_000;

    fn count(history: &History, now_ms: u64) -> Count {
        history.strikes.count(history.key_whose(UNA), now_ms)
    }

    #[test]
    fn strikes_add_up_and_wear_off() {
        let history = History::new(100);
        let strike = |points, at| history.strike(UNA, points, HOUR, at);
        assert_eq!(strike(1.0, 0), Struck { before: 0.0, after: 1.0 });
        assert_eq!(strike(1.0, HOUR), Struck { before: 0.5, after: 1.5 });
        for (at, left) in [(HOUR, 1.5), (2 * HOUR, 0.75), (3 * HOUR, 0.375), (9 * HOUR, 0.0)] {
            assert!((count(&history, at).points - left).abs() < 1e-6, "{at}");
        }
        // A clock that went backwards takes nothing off and adds nothing.
        assert_eq!(count(&history, 0).points, 1.5);
    }

    #[test]
    fn what_was_given_in_error_is_taken_back_as_far_as_it_is_left() {
        let history = History::new(100);
        history.strike(UNA, 2.0, HOUR, 0);
        history.strike(UNA, 1.0, HOUR, HOUR);
        history.unstrike(UNA, 1.0, HOUR, 2 * HOUR);
        assert_eq!(count(&history, 2 * HOUR).points, 0.5);
        history.unstrike(UNA, 5.0, 2 * HOUR, 2 * HOUR);
        assert_eq!(count(&history, 2 * HOUR).points, 0.0);
    }

    #[test]
    fn what_another_strike_led_to_stays() {
        let history = History::new(100);
        history.strike(UNA, 2.0, HOUR, 1);
        history.warn(UNA, 1);
        history.hold_all(UNA, 9 * HOUR);
        history.strike(UNA, 1.0, HOUR, 2);
        history.hold_all(UNA, 10 * HOUR);
        history.unstrike(UNA, 1.0, 2, 2);
        let left = count(&history, 2);
        assert!((left.points - 2.0).abs() < 1e-3, "{left:?}");
        assert_eq!((left.held_until_ms, left.warning), (Some(10 * HOUR), true));
        history.unwarn(UNA, 2);
        history.unhold(UNA, 10 * HOUR);
        let left = count(&history, 2);
        assert_eq!((left.held_until_ms, left.warning), (Some(9 * HOUR), true));
        history.unwarn(UNA, 1);
        history.unhold(UNA, 9 * HOUR);
        let left = count(&history, 2);
        assert_eq!((left.held_until_ms, left.warning), (None, false));
        // More than are kept push out the one that ends first.
        (1..=9).for_each(|n| history.hold_all(UNA, n * HOUR));
        assert_eq!(count(&history, 2).held_until_ms, Some(9 * HOUR));
        history.unhold(UNA, 9 * HOUR);
        assert_eq!(count(&history, 2).held_until_ms, Some(8 * HOUR));
    }

    #[test]
    fn holds_end_warnings_are_given_once_and_a_pardon_forgets_all() {
        let history = History::new(100);
        history.hold_all(UNA, 2_000);
        history.hold_all(UNA, 1_000);
        let held = |at| count(&history, at).held_until_ms;
        assert_eq!((held(1_999), held(2_000)), (Some(2_000), None));
        history.warn(UNA, 5);
        assert_eq!([history.take_warning(UNA), history.take_warning(UNA)], [true, false]);
        history.strike(UNA, 3.0, HOUR, 0);
        history.time_out("/", "#a", "una", 9_000);
        history.silence(UNA, 9_000);
        history.pardon(UNA);
        assert_eq!(count(&history, 0), Count::default());
        assert_eq!(history.time_outs.until(history.key_whose(UNA), 0), None);
    }

    #[test]
    fn channels_are_apart_and_the_bound_holds() {
        let history = History::new(100);
        let elsewhere = Whose { channel: "#b", ..UNA };
        history.strike(elsewhere, 1.0, HOUR, 0);
        assert_eq!(count(&history, 0).points, 0.0);
        for n in 0..1_000 {
            let sender = format!("s{n}");
            history.strike(Whose { sender: &sender, ..UNA }, 1.0, HOUR, 0);
        }
        assert!(lock(&history.strikes.kept).len() <= 100);
    }
}
