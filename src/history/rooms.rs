//! Keeps what a channel's newcomers do, and remembers the channels heard lately.

use std::sync::Arc;

use super::{arrivals::Arrivals, generations::Generations};

/// Newcomers counted in one channel; no threshold may be higher.
pub const NEWCOMERS_MAX: usize = 512;
/// Channels that nothing is heard from are forgotten within two of these.
const FORGET_MS: u64 = 600_000;
/// What "just now" is: long enough to hold some of a raid, short enough to forget what was before.
const JUST_NOW_MS: u64 = 10_000;
/// Where fewer speak in that time, the last of them: a raid is half of these by its sixth copy.
const JUST_NOW_MIN: usize = 12;
/// A channel with a longer name is counted, but not listed.
const NAME_BYTES_MAX: usize = 256;

#[derive(Default)]
pub struct Rooms(Generations<u64, Room>);

/// One channel.
pub struct Room {
    pub route: Arc<str>,
    pub channel: Box<str>,
    pub last_ms: u64,
    /// Newcomers who said something, and those of them whose words were found hostile.
    spoke: Arrivals,
    hostile: Arrivals,
}

/// Newcomers within a window: all, and those found hostile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    pub newcomers: u32,
    pub hostile: u32,
}

impl Rooms {
    /// The channel, as a name that may be shown.
    pub fn enter(
        &mut self,
        key: u64,
        (route, channel): (&Arc<str>, &str),
        now: u64,
        max: usize,
    ) -> &mut Room {
        self.0.turn(now, max, FORGET_MS);
        let fresh = || Room {
            route: route.clone(),
            channel: if channel.len() <= NAME_BYTES_MAX { channel.into() } else { "".into() },
            last_ms: now,
            spoke: Arrivals::default(),
            hostile: Arrivals::default(),
        };
        let mut room = self.0.take(&key).unwrap_or_else(fresh);
        room.last_ms = now;
        self.0.entry(key, room)
    }

    pub fn see(&self, key: u64) -> Option<&Room> {
        self.0.see(&key)
    }

    pub fn all(&self) -> impl Iterator<Item = &Room> {
        self.0.values()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Newcomers who spoke just now: how many, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JustNow {
    pub count: usize,
    since_ms: u64,
}

impl Room {
    pub fn spoke(&mut self, sender: u64, now: u64, window_ms: u64) {
        self.spoke.note(sender, now, window_ms, NEWCOMERS_MAX);
    }

    pub fn hostile(&mut self, sender: u64, now: u64, window_ms: u64) {
        self.hostile.note(sender, now, window_ms, NEWCOMERS_MAX);
    }

    /// Newcomers who spoke just now: those of some seconds, or the last few of them.
    pub fn just_now(&self, now: u64, window_ms: u64) -> JustNow {
        let quick = self.spoke.within(now, window_ms.min(JUST_NOW_MS));
        let last = || self.spoke.within(now, window_ms).min(JUST_NOW_MIN);
        let count = if quick >= JUST_NOW_MIN { quick } else { last() };
        JustNow { count, since_ms: self.spoke.since(count).unwrap_or(u64::MAX) }
    }

    /// Whether a sender is one of them.
    pub fn is_of(&self, sender: u64, just_now: JustNow) -> bool {
        self.spoke.has_since(sender, just_now.since_ms)
    }

    pub fn burst(&self, now: u64, window_ms: u64) -> Burst {
        let count = |those: &Arrivals| those.within(now, window_ms) as u32;
        Burst { newcomers: count(&self.spoke), hostile: count(&self.hostile) }
    }
}
