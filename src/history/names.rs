//! Remembers what was found in senders' names, and who speaks for a channel.

use std::{
    hash::BuildHasher,
    sync::{Arc, Mutex},
};

use super::{History, bounded::Bounded, lock};
use crate::message::{Message, Named, Role, SharedName};

/// Names remembered as judged; each is a few dozen bytes, and one more is judged anew.
const NAMES_MAX: usize = 16_384;
/// Channels whose broadcaster and moderators are remembered …
const CHANNELS_MAX: usize = 4_096;
/// … and how many of each: beyond it, those heard longest ago are no longer protected.
const STAFF_MAX: usize = 64;
/// Enough that two threads seldom meet.
const SHARDS: usize = 16;
/// Longer names are not remembered: nobody is mistaken for them.
const NAME_BYTES_MAX: usize = 128;

/// Somebody whom the protocol calls broadcaster or moderator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    pub id: String,
    pub name: String,
}

/// In shards by channel; a shard's lock is held for a look and never while a name is judged.
pub struct Names {
    shards: Box<[Mutex<Shard>]>,
}

struct Shard {
    judged: Bounded<SharedName>,
    staff: Bounded<Team>,
}

/// A channel's staff, and how often that changed: what was judged against another is forgotten.
#[derive(Clone, Default)]
struct Team {
    members: Arc<Vec<Staff>>,
    changes: u64,
}

impl Default for Names {
    fn default() -> Names {
        let shard = || Shard {
            judged: Bounded::new(NAMES_MAX / SHARDS),
            staff: Bounded::new(CHANNELS_MAX / SHARDS),
        };
        Names { shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect() }
    }
}

impl History {
    /// What was found in the name that a message's sender goes by: remembered, or as `judge` finds
    /// it beside the channel's known staff. `rules` is the version of the ruleset that judges.
    ///
    /// Whom the message calls broadcaster or moderator is remembered by the way.
    pub fn name(
        &self,
        message: &Message,
        rules: &str,
        judge: impl FnOnce(&[Staff]) -> Named,
    ) -> SharedName {
        if message.name().is_empty() {
            return SharedName::default();
        }
        let channel = self.key(&message.route, &message.channel, "");
        let shard = &self.names.shards[(channel % SHARDS as u128) as usize];
        let mut known = lock(shard);
        known.learn(channel, message);
        let team = known.staff.find(channel).cloned().unwrap_or_default();
        let own = (channel, &message.sender.id, message.name(), message.is_name);
        let half = |at: usize| u128::from(self.keys[at].hash_one((own, rules, team.changes)));
        let key = half(0) << 64 | half(1);
        if let Some(judged) = known.judged.touch(key) {
            return judged.clone();
        }
        drop(known);
        let judged = SharedName::new(judge(&team.members));
        lock(shard).judged.put(key, judged.clone());
        judged
    }
}

impl Shard {
    fn learn(&mut self, channel: u128, message: &Message) {
        let sender = &message.sender;
        let speaks = |role: &Role| matches!(role, Role::Broadcaster | Role::Moderator);
        let short = !sender.name.is_empty() && sender.name.len() <= NAME_BYTES_MAX;
        if sender.id.is_empty() || !short || !sender.roles.iter().any(speaks) {
            return;
        }
        if self.staff.touch(channel).is_none() {
            self.staff.put(channel, Team::default());
        }
        let Some(team) = self.staff.touch(channel) else { return };
        let same = |staff: &&Staff| staff.id == sender.id && staff.name == sender.name;
        if team.members.iter().any(|staff| same(&staff)) {
            return;
        }
        let members = Arc::make_mut(&mut team.members);
        members.retain(|staff| staff.id != sender.id);
        if members.len() >= STAFF_MAX {
            members.remove(0);
        }
        members.push(Staff { id: sender.id.clone(), name: sender.name.clone() });
        team.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::message::Sender;

    fn message(id: &str, name: &str, roles: &[Role]) -> Message {
        let sender = Sender { id: id.into(), name: name.into(), roles: roles.to_vec() };
        Message { route: "/".into(), channel: "#a".into(), sender, ..Message::default() }
    }

    #[test]
    fn a_name_is_judged_once_until_it_the_rules_or_the_staff_change() {
        let history = History::new(100);
        let (times, seen) = (Cell::new(0), Cell::new(0));
        let judge = |staff: &[Staff]| {
            times.set(times.get() + 1);
            seen.set(staff.len());
            Named::default()
        };
        let moderator = [Role::Moderator];
        for (message, rules, judged, staff) in [
            (message("1", "Una", &[]), "v1", 1, 0),
            (message("1", "Una", &[]), "v1", 1, 0),
            (message("1", "Una2", &[]), "v1", 2, 0),
            (message("1", "Una", &[]), "v2", 3, 0),
            (message("9", "Mara", &moderator), "v1", 4, 1),
            (message("1", "Una", &[]), "v1", 5, 1),
            (message("1", "Una", &[]), "v1", 5, 1),
            (message("9", "Mara", &moderator), "v1", 5, 1),
            // The same moderator under another name: the old one is nobody's any more.
            (message("9", "Maja", &moderator), "v1", 6, 1),
            (message("1", "", &[]), "v1", 6, 1),
        ] {
            history.name(&message, rules, judge);
            assert_eq!((times.get(), seen.get()), (judged, staff), "{message:?} {rules}");
        }
    }

    #[test]
    fn another_channel_has_another_staff_and_all_is_bounded() {
        let history = History::new(100);
        history.name(&message("9", "Mara", &[Role::Broadcaster]), "v", |_| Named::default());
        let elsewhere = Message { channel: "#b".into(), ..message("1", "Una", &[]) };
        history.name(&elsewhere, "v", |staff| {
            assert_eq!(staff, []);
            Named::default()
        });
        for n in 0..1_000 {
            let one = message(&n.to_string(), &format!("Mod {n}"), &[Role::Moderator]);
            history.name(&one, "v", |staff| {
                assert!(staff.len() <= STAFF_MAX);
                Named::default()
            });
        }
        for n in 0..40_000 {
            history.name(&message("1", &format!("Una {n}"), &[]), "v", |_| Named::default());
        }
        let kept: usize = history.names.shards.iter().map(|s| lock(s).judged.len()).sum();
        assert!(kept <= NAMES_MAX, "{kept}");
    }
}
