//! Keeps the channels that are in shield mode, and why.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::Serialize;
use tokio::sync::broadcast;

use super::{History, lock, rooms::Burst};
use crate::config::ShieldConfig;

/// More raids at once than a platform has moderators; one more takes the place of the oldest that
/// came by itself.
const SHIELDS_MAX: usize = 1_000;
/// Changes that a listener may be behind before it misses some.
const BEHIND_MAX: usize = 256;
/// A moderator who ends a shield is not fought: it does not come back by itself this soon.
const REST_MS: u64 = 900_000;

/// A channel in shield mode, for whoever lists them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shield {
    pub route: String,
    pub channel: String,
    pub since_ms: u64,
    /// The moderator who switched it on; absent where it came by itself.
    pub by: Option<String>,
    /// What they said of it; empty where nothing.
    pub why: String,
    /// When a moderator's ends; one that came by itself ends when it has been calm for a while.
    pub until_ms: Option<u64>,
}

/// A channel that came into shield mode or left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub route: String,
    pub channel: String,
    pub on: bool,
    /// The moderator who did it; absent where it did so by itself.
    pub by: Option<String>,
    /// What they said of it.
    pub why: String,
    pub at_ms: u64,
}

/// Who switches a shield, and why.
#[derive(Clone, Copy, Debug)]
pub struct Because<'a> {
    pub by: &'a str,
    pub why: &'a str,
}

pub struct Shields {
    channels: Mutex<HashMap<u64, Entry>>,
    /// So that a message costs no lock where there is no shield.
    count: AtomicUsize,
    turns: broadcast::Sender<Turn>,
}

struct Entry {
    route: Arc<str>,
    channel: String,
    since_ms: u64,
    kind: Kind,
}

enum Kind {
    Auto {
        /// When it was last as hot as keeps a shield up.
        hot_ms: u64,
        min_ms: u64,
        calm_ms: u64,
    },
    By {
        name: String,
        why: String,
        until_ms: u64,
    },
    /// Off by a moderator's word, whatever happens.
    Rest {
        until_ms: u64,
    },
}

impl Default for Shields {
    fn default() -> Self {
        let (turns, _) = broadcast::channel(BEHIND_MAX);
        Shields { channels: Mutex::default(), count: AtomicUsize::new(0), turns }
    }
}

impl Shields {
    pub fn subscribe(&self) -> broadcast::Receiver<Turn> {
        self.turns.subscribe()
    }

    /// Whether a channel is in shield mode; what is over is taken down.
    pub fn up(&self, key: u64, now: u64) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut channels = lock(&self.channels);
        let Some(entry) = channels.get(&key) else { return false };
        if !entry.is_over(now) {
            return entry.is_up();
        }
        let over = channels.remove(&key);
        self.counted(&channels);
        drop(channels);
        over.into_iter().for_each(|entry| self.tell_over(entry, now));
        false
    }

    /// The same, leaving no trace.
    pub fn peek(&self, key: u64, now: u64) -> bool {
        let channels = lock(&self.channels);
        channels.get(&key).is_some_and(|entry| entry.is_up() && !entry.is_over(now))
    }

    /// Puts a shield up where a burst asks for one, and keeps it up while it is hot.
    ///
    /// It goes up at the threshold and stays up until less than half of it has lasted for a while:
    /// between the two nothing changes, so that it does not flap.
    pub fn weigh(
        &self,
        key: u64,
        (route, channel): (&Arc<str>, &str),
        burst: Burst,
        now: u64,
        config: &ShieldConfig,
    ) {
        let most = config.newcomers_max;
        let share = burst.hostile.saturating_mul(2) >= burst.newcomers;
        let hostile = burst.hostile >= config.hostile_max && share;
        let comes = config.auto && (hostile || (most > 0 && burst.newcomers > most));
        let hot =
            burst.hostile * 2 >= config.hostile_max || (most > 0 && burst.newcomers * 2 > most);
        if !comes && (!hot || self.count.load(Ordering::Relaxed) == 0) {
            return;
        }
        let mut channels = lock(&self.channels);
        match channels.get_mut(&key) {
            Some(Entry { kind: Kind::Auto { hot_ms, .. }, .. }) => *hot_ms = now.max(*hot_ms),
            Some(_) => {}
            None if comes => {
                let (min_ms, calm_ms) = (config.min_ms, config.calm_ms);
                let kind = Kind::Auto { hot_ms: now, min_ms, calm_ms };
                let channel = channel.to_owned();
                let entry = Entry { route: route.clone(), channel, since_ms: now, kind };
                let turn = entry.turn(true, None, now);
                make_room(&mut channels);
                channels.insert(key, entry);
                self.counted(&channels);
                drop(channels);
                self.tell(turn);
            }
            None => {}
        }
    }

    /// A moderator's switch; `until_ms` is when a shield that is switched on ends.
    pub fn switch(
        &self,
        key: u64,
        (route, channel): (&str, &str),
        until_ms: Option<u64>,
        Because { by, why }: Because,
        now: u64,
    ) {
        let kind = match until_ms {
            Some(until_ms) => Kind::By { name: by.to_owned(), why: why.to_owned(), until_ms },
            None => Kind::Rest { until_ms: now.saturating_add(REST_MS) },
        };
        let (route, channel) = (Arc::from(route), channel.to_owned());
        let entry = Entry { route, channel, since_ms: now, kind };
        let turn = entry.turn(until_ms.is_some(), Some(Because { by, why }), now);
        let mut channels = lock(&self.channels);
        if !channels.contains_key(&key) {
            make_room(&mut channels);
        }
        let was_up = channels.get(&key).is_some_and(|old| old.is_up() && !old.is_over(now));
        channels.insert(key, entry);
        self.counted(&channels);
        drop(channels);
        // Switched off twice is off once; a shield that came by itself becomes a person's.
        if turn.on || was_up {
            self.tell(turn);
        }
    }

    /// Every channel in shield mode, the newest first; what is over is taken down.
    pub fn list(&self, now: u64) -> Vec<Shield> {
        self.end(now);
        let channels = lock(&self.channels);
        let up = channels.values().filter(|entry| entry.is_up());
        let mut shields: Vec<Shield> = up.map(Entry::shown).collect();
        drop(channels);
        shields.sort_by_key(|shield| Reverse(shield.since_ms));
        shields
    }

    /// Takes down what is over, and tells.
    pub fn end(&self, now: u64) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut channels = lock(&self.channels);
        let over: Vec<u64> =
            channels.iter().filter(|(_, entry)| entry.is_over(now)).map(|(key, _)| *key).collect();
        let over: Vec<Entry> = over.iter().filter_map(|key| channels.remove(key)).collect();
        self.counted(&channels);
        drop(channels);
        over.into_iter().for_each(|entry| self.tell_over(entry, now));
    }

    fn counted(&self, channels: &HashMap<u64, Entry>) {
        self.count.store(channels.len(), Ordering::Relaxed);
    }

    /// A rest that is over changes nothing that anybody sees.
    fn tell_over(&self, entry: Entry, now: u64) {
        if entry.is_up() {
            self.tell(entry.turn(false, None, now));
        }
    }

    fn tell(&self, turn: Turn) {
        // Nobody listening is no failure.
        let _ = self.turns.send(turn);
    }
}

impl Entry {
    fn is_up(&self) -> bool {
        !matches!(self.kind, Kind::Rest { .. })
    }

    fn is_over(&self, now: u64) -> bool {
        match self.kind {
            Kind::By { until_ms, .. } | Kind::Rest { until_ms } => now >= until_ms,
            Kind::Auto { hot_ms, min_ms, calm_ms } => {
                let long = now.saturating_sub(self.since_ms) >= min_ms;
                long && now.saturating_sub(hot_ms) >= calm_ms
            }
        }
    }

    fn shown(&self) -> Shield {
        let (by, why, until_ms) = match &self.kind {
            Kind::By { name, why, until_ms } => (Some(name.clone()), why.clone(), Some(*until_ms)),
            Kind::Auto { .. } | Kind::Rest { .. } => (None, String::new(), None),
        };
        let (route, channel) = (self.route.to_string(), self.channel.clone());
        Shield { route, channel, since_ms: self.since_ms, by, why, until_ms }
    }

    fn turn(&self, on: bool, because: Option<Because>, at_ms: u64) -> Turn {
        Turn {
            route: self.route.to_string(),
            channel: self.channel.clone(),
            on,
            by: because.map(|because| because.by.to_owned()),
            why: because.map_or_else(String::new, |because| because.why.to_owned()),
            at_ms,
        }
    }
}

/// What came by itself goes first, then whatever began first.
fn make_room(channels: &mut HashMap<u64, Entry>) {
    if channels.len() < SHIELDS_MAX {
        return;
    }
    let by_person = |entry: &Entry| !matches!(entry.kind, Kind::Auto { .. });
    let first = channels.iter().min_by_key(|(_, entry)| (by_person(entry), entry.since_ms));
    let first = first.map(|(key, _)| *key);
    first.map(|key| channels.remove(&key));
}

impl History {
    /// A moderator's switch: on until then, or off (`None`), which keeps the shield from coming
    /// back by itself for a quarter of an hour.
    pub fn switch_shield(
        &self,
        route: &str,
        channel: &str,
        until_ms: Option<u64>,
        because: Because,
        now: u64,
    ) {
        let key = self.channel_key(route, channel);
        self.shields.switch(key, (route, channel), until_ms, because, now);
    }

    /// Every channel in shield mode now.
    pub fn shields(&self, now: u64) -> Vec<Shield> {
        self.shields.list(now)
    }

    /// Takes down the shields that are over, and tells whoever follows.
    pub fn end_shields(&self, now: u64) {
        self.shields.end(now);
    }

    /// Every change of a shield from now on; who lags behind misses some.
    pub fn turns(&self) -> broadcast::Receiver<Turn> {
        self.shields.subscribe()
    }
}
