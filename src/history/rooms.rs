//! Keeps what a channel's newcomers do, and remembers the channels heard lately.

use std::sync::Arc;

use super::{faces::Faces, generations::Generations};

/// Newcomers counted in one channel; no threshold may be higher.
pub const NEWCOMERS_MAX: usize = 512;
/// Channels that nothing is heard from are forgotten within two of these.
const FORGET_MS: u64 = 600_000;
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
    spoke: Faces,
    hostile: Faces,
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
            spoke: Faces::default(),
            hostile: Faces::default(),
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

impl Room {
    pub fn spoke(&mut self, sender: u64, now: u64, window_ms: u64) {
        self.spoke.note(sender, true, now, window_ms, NEWCOMERS_MAX);
    }

    pub fn hostile(&mut self, sender: u64, now: u64, window_ms: u64) {
        self.hostile.note(sender, true, now, window_ms, NEWCOMERS_MAX);
    }

    pub fn newcomers(&self, now: u64, window_ms: u64) -> u32 {
        self.spoke.within(now, window_ms).count() as u32
    }

    pub fn burst(&self, now: u64, window_ms: u64) -> Burst {
        let hostile = self.hostile.within(now, window_ms).count() as u32;
        Burst { newcomers: self.newcomers(now, window_ms), hostile }
    }
}
