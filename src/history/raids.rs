//! Tells the first sign of a raid from all that follow, so that a raid is reported once.

use std::{collections::HashMap, sync::Mutex};

use super::lock;

/// A channel that showed no sign for so long is calm again; the next sign is another raid. A raid
/// comes in waves of minutes.
const CALM_MS: u64 = 10 * 60_000;
/// More raids at once than a platform has moderators; one more takes the place of the one that was
/// heard of longest ago.
const RAIDS_MAX: usize = 1_000;

/// Channels that are being raided, by key, and when the last sign was seen.
#[derive(Default)]
pub struct Raids(Mutex<HashMap<u64, u64>>);

impl Raids {
    /// Notes a sign; true where it is the first one of a raid.
    pub fn note(&self, channel: u64, now: u64) -> bool {
        let mut raids = lock(&self.0);
        if let Some(last) = raids.get_mut(&channel) {
            let calm = now.saturating_sub(*last) >= CALM_MS;
            *last = now.max(*last);
            return calm;
        }
        if raids.len() >= RAIDS_MAX {
            raids.retain(|_, last| now.saturating_sub(*last) < CALM_MS);
        }
        if raids.len() >= RAIDS_MAX {
            let oldest = raids.iter().min_by_key(|(_, last)| **last).map(|(key, _)| *key);
            oldest.map(|key| raids.remove(&key));
        }
        raids.insert(channel, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raid_begins_once_and_again_after_a_calm() {
        let raids = Raids::default();
        for (channel, now, expected) in [
            (1, 1_000, true),
            (1, 1_001, false),
            (2, 1_002, true),
            (1, 1_001 + CALM_MS - 1, false),
            // Counted from the last sign, not from the first.
            (1, 1_000 + 2 * CALM_MS - 1, false),
            (1, 1_000 + 3 * CALM_MS, true),
            // A clock that went back starts nothing.
            (1, 5, false),
        ] {
            assert_eq!(raids.note(channel, now), expected, "{channel} at {now}");
        }
    }

    #[test]
    fn a_thousand_channels_are_remembered_and_the_quietest_makes_room() {
        let raids = Raids::default();
        for channel in 0..RAIDS_MAX as u64 + 1 {
            assert!(raids.note(channel, 1_000 + channel));
        }
        assert_eq!(lock(&raids.0).len(), RAIDS_MAX);
        assert!(!raids.note(1, 3_000), "still known");
        assert!(raids.note(0, 3_000), "it made room");
    }
}
