//! Keeps what a channel's newcomers do, and remembers the channels heard lately.

use std::sync::Arc;

use super::{
    faces::{Face, Faces},
    generations::Generations,
};

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
    pub fn spoke(&mut self, face: Face, window_ms: u64) {
        self.spoke.note(face, window_ms, NEWCOMERS_MAX);
    }

    pub fn hostile(&mut self, face: Face, window_ms: u64) {
        self.hostile.note(face, window_ms, NEWCOMERS_MAX);
    }

    /// Newcomers who spoke just now: those of some seconds, or the last few of them.
    pub fn just_now(&self, now: u64, window_ms: u64) -> Vec<u64> {
        let mut last: Vec<(u64, u64)> = self
            .spoke
            .within(now, window_ms)
            .map(|face| (face.at_ms.abs_diff(now), face.sender))
            .collect();
        let quick = last.iter().filter(|(ago, _)| *ago < JUST_NOW_MS).count();
        let most = quick.max(JUST_NOW_MIN);
        if last.len() > most {
            last.select_nth_unstable(most);
            last.truncate(most);
        }
        last.into_iter().map(|(_, sender)| sender).collect()
    }

    pub fn burst(&self, now: u64, window_ms: u64) -> Burst {
        let newcomers = self.spoke.within(now, window_ms).count() as u32;
        Burst { newcomers, hostile: self.hostile.within(now, window_ms).count() as u32 }
    }
}
