//! Keeps the channels that a moderator put in slow mode, and for how long.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::Serialize;
use tokio::sync::broadcast;

use super::{History, Past, lock};
use crate::config::ShieldConfig;

/// As many as there may be shields; nobody keeps an eye on more.
const SLOWED_MAX: usize = 1_000;
/// Changes that a listener may be behind before it misses some.
const BEHIND_MAX: usize = 256;

/// A channel in slow mode by a moderator's word, for whoever lists them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slowed {
    pub route: String,
    pub channel: String,
    /// From one message of a sender to the next.
    pub seconds: u64,
    pub by: String,
    pub since_ms: u64,
    pub until_ms: u64,
}

/// A channel whose slow mode was switched, or came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowTurn {
    pub route: String,
    pub channel: String,
    /// 0: off.
    pub seconds: u64,
    /// The moderator who did it; absent where its time was over.
    pub by: Option<String>,
    pub at_ms: u64,
}

/// How long a sender has to wait between two messages just now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    pub slow_ms: u64,
    /// The moderator's part of it, which is a person's word.
    pub switched_ms: u64,
}

impl Pace {
    /// What is left of it for one sender: the longer wait, and whether a moderator's word asks for
    /// any.
    pub fn left(self, past: &Past, now: u64) -> (u64, bool) {
        (past.slow(now, self.slow_ms), past.slow(now, self.switched_ms) > 0)
    }
}

pub(super) struct Slows {
    channels: Mutex<HashMap<u64, Slowed>>,
    /// So that a message costs no lock where no channel is slowed.
    count: AtomicUsize,
    turns: broadcast::Sender<SlowTurn>,
}

impl Default for Slows {
    fn default() -> Self {
        let (turns, _) = broadcast::channel(BEHIND_MAX);
        Slows { channels: Mutex::default(), count: AtomicUsize::new(0), turns }
    }
}

impl Slows {
    /// The wait in a channel: the longer of the shield's and a moderator's.
    pub fn pace(&self, key: u64, now: u64, shield: bool, config: &ShieldConfig) -> Pace {
        let switched_ms = self.wait_ms(key, now);
        let shield_ms = if shield { config.slow_ms } else { 0 };
        Pace { slow_ms: shield_ms.max(switched_ms), switched_ms }
    }

    fn wait_ms(&self, key: u64, now: u64) -> u64 {
        if self.count.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let channels = lock(&self.channels);
        let own = channels.get(&key).filter(|own| now < own.until_ms);
        own.map_or(0, |own| own.seconds.saturating_mul(1_000))
    }

    /// One that is in slow mode already gets the new pace and end.
    fn on(&self, key: u64, slowed: Slowed) -> Result<(), usize> {
        self.end(slowed.since_ms);
        let mut channels = lock(&self.channels);
        if channels.len() >= SLOWED_MAX && !channels.contains_key(&key) {
            return Err(SLOWED_MAX);
        }
        let turn = turn(&slowed, slowed.seconds, Some(slowed.by.clone()), slowed.since_ms);
        channels.insert(key, slowed);
        self.counted(&channels);
        drop(channels);
        self.tell(turn);
        Ok(())
    }

    /// Switched off where it is off already, it changes nothing, and nobody is told.
    fn off(&self, key: u64, by: &str, now: u64) {
        let mut channels = lock(&self.channels);
        let own = channels.remove(&key);
        self.counted(&channels);
        drop(channels);
        own.iter().for_each(|own| self.tell(turn(own, 0, Some(by.to_owned()), now)));
    }

    fn list(&self, now: u64) -> Vec<Slowed> {
        self.end(now);
        let mut list: Vec<Slowed> = lock(&self.channels).values().cloned().collect();
        list.sort_by_key(|slowed| Reverse(slowed.since_ms));
        list
    }

    fn end(&self, now: u64) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut channels = lock(&self.channels);
        let is_over = |slowed: &Slowed| slowed.until_ms <= now;
        let over: Vec<u64> =
            channels.iter().filter(|(_, own)| is_over(own)).map(|(key, _)| *key).collect();
        let over: Vec<Slowed> = over.iter().filter_map(|key| channels.remove(key)).collect();
        self.counted(&channels);
        drop(channels);
        over.iter().for_each(|own| self.tell(turn(own, 0, None, now)));
    }

    fn counted(&self, channels: &HashMap<u64, Slowed>) {
        self.count.store(channels.len(), Ordering::Relaxed);
    }

    fn tell(&self, turn: SlowTurn) {
        // Nobody listening is no failure.
        let _ = self.turns.send(turn);
    }
}

fn turn(slowed: &Slowed, seconds: u64, by: Option<String>, at_ms: u64) -> SlowTurn {
    let (route, channel) = (slowed.route.clone(), slowed.channel.clone());
    SlowTurn { route, channel, seconds, by, at_ms }
}

impl History {
    /// A moderator's switch: from now on every sender of a channel waits between two messages.
    ///
    /// # Errors
    /// The most channels that there may be in slow mode, where there are so many.
    pub fn slow_on(&self, slowed: Slowed) -> Result<(), usize> {
        self.slows.on(self.channel_key(&slowed.route, &slowed.channel), slowed)
    }

    /// Off again before its time; the shield's slow mode stays.
    pub fn slow_off(&self, route: &str, channel: &str, by: &str, now: u64) {
        self.slows.off(self.channel_key(route, channel), by, now);
    }

    /// Every channel that a moderator put in slow mode, the newest first.
    pub fn slowed(&self, now: u64) -> Vec<Slowed> {
        self.slows.list(now)
    }

    /// Takes back what is over, and tells whoever follows.
    pub fn end_slow(&self, now: u64) {
        self.slows.end(now);
    }

    /// Every change of slow mode from now on; who lags behind misses some.
    pub fn slow_turns(&self) -> broadcast::Receiver<SlowTurn> {
        self.slows.turns.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slowed(channel: &str, seconds: u64, since_ms: u64, until_ms: u64) -> Slowed {
        let (route, channel, by) = ("main".to_owned(), channel.to_owned(), "ana".to_owned());
        Slowed { route, channel, seconds, by, since_ms, until_ms }
    }

    #[test]
    fn the_longer_wait_counts_until_its_end() {
        let slows = Slows::default();
        let config = ShieldConfig { slow_ms: 10_000, ..ShieldConfig::default() };
        let check = |now, shield, slow_ms, switched_ms| {
            let pace = slows.pace(1, now, shield, &config);
            assert_eq!(pace, Pace { slow_ms, switched_ms }, "at {now}, shield: {shield}");
        };
        check(0, false, 0, 0);
        check(0, true, 10_000, 0);
        slows.on(1, slowed("lobby", 5, 0, 60_000)).expect("there is room");
        check(0, false, 5_000, 5_000);
        check(0, true, 10_000, 5_000);
        slows.on(1, slowed("lobby", 30, 1_000, 50_000)).expect("it is the same channel");
        check(49_999, true, 30_000, 30_000);
        check(50_000, true, 10_000, 0);
        assert_eq!(slows.pace(2, 2_000, false, &config), Pace::default(), "of one channel only");
    }

    #[test]
    fn a_switch_and_an_end_are_told_once() {
        let slows = Slows::default();
        let mut turns = slows.turns.subscribe();
        let mut told = || turns.try_recv().ok().map(|turn| (turn.seconds, turn.by, turn.at_ms));
        let ana = || Some("ana".to_owned());
        slows.off(1, "max", 0);
        assert_eq!(told(), None, "it was off");
        slows.on(1, slowed("lobby", 5, 1, 60_000)).expect("there is room");
        slows.off(1, "max", 2);
        slows.off(1, "max", 3);
        assert_eq!(
            (told(), told(), told()),
            (Some((5, ana(), 1)), Some((0, Some("max".into()), 2)), None)
        );
        slows.on(1, slowed("lobby", 5, 10, 60_000)).expect("there is room");
        assert_eq!((slows.list(59_999).len(), slows.list(60_000).len()), (1, 0));
        slows.end(60_001);
        assert_eq!((told(), told(), told()), (Some((5, ana(), 10)), Some((0, None, 60_000)), None));
    }

    #[test]
    fn there_is_a_bound_and_what_is_over_makes_room() {
        let slows = Slows::default();
        for key in 0..SLOWED_MAX as u64 {
            slows.on(key, slowed(&key.to_string(), 5, 0, 60_000)).expect("there is room");
        }
        assert_eq!(slows.on(u64::MAX, slowed("x", 5, 59_999, 90_000)), Err(SLOWED_MAX));
        assert_eq!(slows.on(3, slowed("3", 9, 59_999, 90_000)), Ok(()), "it is there already");
        assert_eq!(slows.on(u64::MAX, slowed("x", 5, 60_000, 90_000)), Ok(()));
        let list = slows.list(60_000);
        let names: Vec<&str> = list.iter().map(|slowed| slowed.channel.as_str()).collect();
        assert_eq!(names, ["x", "3"]);
    }
}
