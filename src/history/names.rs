//! Remembers what was found in senders' names, and who speaks for a channel.

use std::{
    hash::BuildHasher,
    sync::{Arc, Mutex, OnceLock},
};

use super::{History, bounded::Bounded, lock};
use crate::message::{Message, Named, Role, SharedName};

/// Names remembered as judged, for each sender that is remembered: a map of two generations holds
/// between half of that and all of it. A name takes a few dozen bytes, and one more is judged anew.
const NAMES_PER_SENDER: usize = 2;
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
    /// The name as it is compared, written by whoever compares it first.
    pub drawn: OnceLock<Vec<char>>,
}

/// In shards; a shard's lock is held for a look and never while a name is judged.
pub struct Names {
    /// By name, for most names may be of one channel.
    judged: Box<[Mutex<Bounded<SharedName>>]>,
    /// By channel.
    teams: Box<[Mutex<Teams>]>,
    /// In which nothing was found: that of nearly everybody.
    clean: SharedName,
}

struct Teams {
    staff: Bounded<Team>,
    /// Changes of any staff here, so that no number names two: a channel that was forgotten and
    /// comes back begins where none was judged yet.
    changes: u64,
}

/// A channel's staff, and the number of its last change: what was judged against another is
/// forgotten.
#[derive(Default)]
struct Team {
    members: Arc<Vec<Staff>>,
    /// When each of them was heard last.
    heard_ms: Vec<u64>,
    change: u64,
}

impl Names {
    pub fn new(senders_max: usize) -> Names {
        let names_max = (NAMES_PER_SENDER * senders_max).div_ceil(SHARDS);
        let teams = || Teams { staff: Bounded::new(CHANNELS_MAX / SHARDS), changes: 0 };
        Names {
            judged: (0..SHARDS).map(|_| Mutex::new(Bounded::new(names_max))).collect(),
            teams: (0..SHARDS).map(|_| Mutex::new(teams())).collect(),
            clean: SharedName::default(),
        }
    }
}

impl History {
    /// What was found in the name that a message's sender goes by: remembered, or as `judge` finds
    /// it beside the channel's known staff. `rules` is the version of the ruleset that judges.
    ///
    /// Whom the message calls broadcaster or moderator is remembered by the way, and who says
    /// something without being called so any more is forgotten.
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
        let shard = |key: u128| (key % SHARDS as u128) as usize;
        let mut teams = lock(&self.names.teams[shard(channel)]);
        teams.learn(channel, message);
        let team = teams.staff.find(channel);
        let (members, change) =
            team.map(|team| (team.members.clone(), team.change)).unwrap_or_default();
        drop(teams);
        let own = (channel, &message.sender.id, message.name(), message.is_name);
        let half = |at: usize| u128::from(self.keys[at].hash_one((own, rules, change)));
        let key = half(0) << 64 | half(1);
        let known = &self.names.judged[shard(key)];
        if let Some(judged) = lock(known).touch(key) {
            return judged.clone();
        }
        let judged = match judge(&members) {
            Named { hits, alike: None } if hits.is_empty() => self.names.clean.clone(),
            found => SharedName::new(found),
        };
        lock(known).put(key, judged.clone());
        judged
    }

    /// The same, leaving no trace: nobody is learnt or forgotten, and nothing remembered.
    pub fn peek_name(
        &self,
        message: &Message,
        judge: impl FnOnce(&[Staff]) -> Named,
    ) -> SharedName {
        if message.name().is_empty() {
            return SharedName::default();
        }
        let channel = self.key(&message.route, &message.channel, "");
        let teams = lock(&self.names.teams[(channel % SHARDS as u128) as usize]);
        let team = teams.staff.find(channel).map(|team| team.members.clone());
        drop(teams);
        SharedName::new(judge(&team.unwrap_or_default()))
    }
}

impl Teams {
    fn learn(&mut self, channel: u128, message: &Message) {
        let sender = &message.sender;
        let speaks = |role: &Role| matches!(role, Role::Broadcaster | Role::Moderator);
        let staffs = sender.roles.iter().any(speaks);
        // A change of name does not say what its bearer is.
        if sender.id.is_empty() || (message.is_name && !staffs) {
            return;
        }
        let short = !sender.name.is_empty() && sender.name.len() <= NAME_BYTES_MAX;
        match (staffs, short) {
            (true, true) => {
                if self.staff.touch(channel).is_none() {
                    self.staff.put(channel, Team::default());
                }
            }
            (true, false) => return,
            (false, _) => {}
        }
        // Looked up without keeping it for longer where a viewer speaks: those are many.
        let Some(team) = self.staff.find_mut(channel) else { return };
        let changed = match staffs {
            true => team.hear(&sender.id, &sender.name, message.at_ms),
            false => team.dismiss(&sender.id),
        };
        if changed {
            self.changes += 1;
            team.change = self.changes;
        }
    }
}

impl Team {
    /// Whether that changes who is protected.
    fn hear(&mut self, id: &str, name: &str, now: u64) -> bool {
        let known = self.members.iter().position(|staff| staff.id == id);
        if let Some(at) = known.filter(|at| self.members[*at].name == name) {
            self.heard_ms[at] = now;
            return false;
        }
        let longest = self.heard_ms.iter().enumerate().min_by_key(|(_, heard_ms)| **heard_ms);
        let full = self.members.len() >= STAFF_MAX;
        let leaves = known.or(longest.map(|(at, _)| at).filter(|_| full));
        let members = Arc::make_mut(&mut self.members);
        if let Some(at) = leaves {
            members.remove(at);
            self.heard_ms.remove(at);
        }
        let (id, name, drawn) = (id.to_owned(), name.to_owned(), OnceLock::new());
        members.push(Staff { id, name, drawn });
        self.heard_ms.push(now);
        true
    }

    fn dismiss(&mut self, id: &str) -> bool {
        let Some(at) = self.members.iter().position(|staff| staff.id == id) else { return false };
        Arc::make_mut(&mut self.members).remove(at);
        self.heard_ms.remove(at);
        true
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
            // No moderator any more: anybody may go by that name.
            (message("9", "Maja", &[]), "v1", 7, 0),
            (message("1", "Una", &[]), "v1", 8, 0),
            (message("9", "Maja", &moderator), "v1", 9, 1),
            (message("1", "Una", &[]), "v1", 10, 1),
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
        let kept: usize = history.names.judged.iter().map(|names| lock(names).len()).sum();
        assert!((SHARDS..=NAMES_PER_SENDER * 100 + SHARDS).contains(&kept), "{kept}");
    }

    #[test]
    fn whoever_was_heard_longest_ago_makes_room() {
        let history = History::new(100);
        let says = |n: usize, at_ms: u64| {
            let id = n.to_string();
            let said = Message { at_ms, ..message(&id, &format!("Mod {n}"), &[Role::Moderator]) };
            history.name(&said, "v", |_| Named::default());
        };
        (0..STAFF_MAX).for_each(|n| says(n, n as u64));
        // The first one still speaks, so the second one leaves.
        says(0, 1_000);
        says(STAFF_MAX, 1_001);
        history.name(&message("una", "Una", &[]), "v", |staff| {
            let has = |id: &str| staff.iter().any(|staff| staff.id == id);
            assert_eq!((staff.len(), has("0"), has("1"), has("2")), (STAFF_MAX, true, false, true));
            Named::default()
        });
    }

    #[test]
    fn a_channel_that_was_forgotten_brings_no_old_judgement_back() {
        let history = History::new(100);
        let times = Cell::new(0);
        let una = |history: &History| {
            history.name(&message("1", "Una", &[]), "v", |_| {
                times.set(times.get() + 1);
                Named::default()
            });
        };
        let staff = |id: &str, name: &str| {
            let one = message(id, name, &[Role::Moderator]);
            history.name(&one, "v", |_| Named::default());
        };
        staff("9", "Mara");
        una(&history);
        // As many channels as push it out.
        for n in 0..CHANNELS_MAX * 2 {
            let one = message("9", "Mara", &[Role::Moderator]);
            let one = Message { channel: format!("#{n}"), ..one };
            history.name(&one, "v", |_| Named::default());
        }
        staff("8", "Una");
        let before = times.get();
        una(&history);
        assert_eq!(times.get(), before + 1, "judged beside another staff");
    }
}
