//! Remembers what senders and crowds did lately, bounded and expiring.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    config::{CrowdConfig, FloodConfig, HistoryConfig, ShieldConfig},
    message::{Canonical, Gone, Message, Recent},
};

mod arrivals;
mod chat;
mod crowds;
mod decrees;
mod duty;
mod faces;
mod generations;
mod lines;
mod nukes;
mod rooms;
mod shields;
mod shown;
mod sign;
mod slow;
mod time_outs;

pub use chat::{Chat, Said};
pub use decrees::{Decree, Full, What};
pub use duty::{Duty, OnDuty};
pub use lines::{FACES_MAX, KEEP_MS};
pub use nukes::{Nuke, Pattern};
pub use rooms::NEWCOMERS_MAX;
pub use shields::{Because, Shield, Turn};
pub use slow::{SlowTurn, Slowed};

use crowds::Crowds;
use decrees::Decrees;
use generations::Generations;
use lines::Says;
use nukes::Nukes;
use raids::Raids;
use shields::Shields;
use shown::Shown;
use sign::Sign;
use slow::Slows;
use time_outs::TimeOuts;

mod permits;
mod chains;

use permits::Permits;

mod bounded;
mod known;
mod names;
mod raids;
mod strikes;

pub use known::Known;
pub use names::Staff;
pub use strikes::{Struck, Whose};

/// Messages kept of one sender: as many as a policy's pace may allow (100) and some, so that
/// "beyond" can be told from "far beyond" for any but the largest bounds.
const MESSAGES_MAX: usize = 128;
/// Words split over messages come in short pieces, one soon after the other.
const TAIL_PIECES_MAX: usize = 8;
const TAIL_BYTES_MAX: usize = 16;
const TAIL_MS: u64 = 10_000;
/// No policy looks further back, so a sender who was silent for longer is forgotten.
const FORGET_MS: u64 = 600_000;
/// That somebody was here at all is remembered for about an evening: they are no newcomer.
const KNOWN_MS: u64 = 6 * 3_600_000;
/// Enough that two threads seldom meet, few enough that each has room for several senders.
const SHARDS_MAX: usize = 64;

/// What is remembered of senders and channels: in shards, each behind a lock of its own that is
/// held for one message's bookkeeping and never while waiting.
///
/// An entry is found by a keyed hash of route, channel and sender: its size does not depend on
/// what anybody calls themselves, and nobody can aim at another's. Of what was said, keyed hashes
/// are kept, and a sender's last few short pieces.
pub struct History {
    shards: Box<[Mutex<Shard>]>,
    keys: [RandomState; 2],
    sign_keys: sign::Keys,
    /// Senders in one generation of one shard.
    generation_max: usize,
    crowds: Crowds,
    shields: Shields,
    slows: Slows,
    nukes: Nukes,
    shown: Shown,
    /// What passed lately, where the settings keep any of it.
    pub chat: Chat,
    /// Who is on duty at the consoles.
    pub duty: Duty,
    time_outs: TimeOuts,
    permits: Permits,
    decrees: Decrees,
    names: names::Names,
    strikes: strikes::Strikes,
    /// Words split over messages. One lock for all channels: it is held for a few instructions.
    chains: Mutex<chains::Chains>,
    raids: Raids,
}

/// What a policy wants to know of the past.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    pub flood: &'a FloodConfig,
    pub crowd: &'a CrowdConfig,
    pub shield: &'a ShieldConfig,
}

type Key = u128;

#[derive(Default)]
struct Shard {
    senders: Generations<Key, Past>,
    /// When each sender was first seen.
    known: Generations<u64, u64>,
}

/// What is kept of one sender in one channel.
#[derive(Clone, Default)]
struct Past {
    /// When each message came, and a hash of its text.
    messages: VecDeque<(u64, u64)>,
    /// When each short piece came, and the piece.
    tail: VecDeque<(u64, Box<str>)>,
    /// The last message that slow mode let through.
    spoke_ms: Option<u64>,
}

impl History {
    pub fn new(senders_max: usize) -> History {
        History::open(&HistoryConfig { senders_max, ..HistoryConfig::default() })
    }

    pub fn open(config: &HistoryConfig) -> History {
        let senders_max = config.senders_max;
        let shards = (senders_max / 16).clamp(1, SHARDS_MAX);
        History {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            keys: [RandomState::new(), RandomState::new()],
            sign_keys: sign::Keys::new(),
            generation_max: (senders_max / shards / 2).max(1),
            crowds: Crowds::new(config),
            shields: Shields::default(),
            slows: Slows::default(),
            nukes: Nukes::default(),
            shown: Shown::new(config.shown_max),
            chat: Chat::new(config),
            duty: Duty::default(),
            time_outs: TimeOuts::new(senders_max),
            permits: Permits::new(senders_max),
            decrees: Decrees::new(config.decrees_max),
            names: names::Names::new(senders_max),
            strikes: strikes::Strikes::new(senders_max),
            chains: Mutex::default(),
            raids: Raids::default(),
        }
    }

    /// Notes a message and says what came before it. A sender without an id leaves no trace.
    ///
    /// The message's own time is the clock.
    pub fn note(&self, message: &Message, text: &Canonical, watch: &Watch) -> Recent {
        let channel = self.channel_key(&message.route, &message.channel);
        let sign = Sign::of(message, text, self.sign_keys, channel);
        let now = message.at_ms;
        let shield = self.shields.up(channel, now);
        let nuked = self.nukes.find(channel, &sign, now, true);
        let Some(key) = self.key_of(message) else {
            return Recent { shield, nuked, ..unknown() };
        };
        let plain = plain(text, message);
        let window_ms = watch.flood.window_ms;
        let mut shard = lock(self.shard(key));
        let newcomer = shard.meet(key, message, watch.crowd.newcomer_ms, self.generation_max);
        let newcomer = newcomer && !self.decrees.of_sender(key, now).1;
        shard.senders.turn(now, self.generation_max, FORGET_MS);
        let known = shard.senders.take(&key);
        let first = known.is_none();
        let mut past = known.unwrap_or_default();
        past.forget(now, window_ms);
        let hash = self.keys[0].hash_one(plain);
        let mut recent = past.recent(now, window_ms, hash);
        let pace = self.slows.pace(channel, now, shield, watch.shield);
        (recent.slow_ms, recent.slow_switched) = pace.left(&past, now);
        past.add(now, hash, plain);
        if recent.slow_ms == 0 {
            past.spoke_ms = Some(now);
        }
        shard.senders.put(key, past);
        drop(shard);

        let mut chains = lock(&self.chains);
        let room = chains.tail(channel.into(), key, now);
        chains.add(channel.into(), key, now, plain);
        drop(chains);
        let says = says(channel, key, newcomer, now, watch);
        let names = (&message.route, message.channel.as_str());
        let (crowd, burst) = self.crowds.note(&says, names, &sign, watch.shield);
        self.shields.weigh(channel, names, burst, now, watch.shield);
        self.add_record(&mut recent, key, now);
        let first = first || message.first;
        Recent { first, newcomer, crowd, shield, nuked, room, ..recent }
    }

    /// What moderators and the ladder made of the sender so far.
    fn add_record(&self, recent: &mut Recent, key: Key, now: u64) {
        let (banned, trusted) = self.decrees.of_sender(key, now);
        let silent = self.time_outs.until(key, now);
        // A ban is a silence without an end.
        recent.timed_out_until_ms = if banned { Some(u64::MAX) } else { silent };
        recent.trusted = trusted;
        let count = self.strikes.count(key, now);
        recent.strikes = count.points;
        recent.held_until_ms = count.held_until_ms;
        recent.warning = count.warning;
    }

    /// What `note` would say, leaving no trace.
    pub fn peek(&self, message: &Message, text: &Canonical, watch: &Watch) -> Recent {
        let channel = self.channel_key(&message.route, &message.channel);
        let sign = Sign::of(message, text, self.sign_keys, channel);
        let now = message.at_ms;
        let shield = self.shields.peek(channel, now);
        let nuked = self.nukes.find(channel, &sign, now, false);
        let Some(key) = self.key_of(message) else {
            return Recent { shield, nuked, ..unknown() };
        };
        let shard = lock(self.shard(key));
        let since = shard.known.see(&(key as u64)).copied();
        let newcomer = is_new(message, since.unwrap_or(now), watch.crowd.newcomer_ms);
        let newcomer = newcomer && !self.decrees.of_sender(key, now).1;
        let hash = self.keys[0].hash_one(plain(text, message));
        let past = shard.senders.see(&key);
        let mut recent =
            past.map_or_else(unknown, |past| past.recent(now, watch.flood.window_ms, hash));
        let pace = self.slows.pace(channel, now, shield, watch.shield);
        (recent.slow_ms, recent.slow_switched) =
            past.map_or_else(Default::default, |past| pace.left(past, now));
        drop(shard);
        let room = lock(&self.chains).tail(channel.into(), key, now);
        let crowd = self.crowds.peek(&says(channel, key, newcomer, now, watch), &sign);
        self.add_record(&mut recent, key, now);
        Recent { newcomer, crowd, shield, nuked, room, ..recent }
    }

    /// Notes that a message was found hostile: many newcomers of that kind raise the shield.
    pub fn found_hostile(&self, message: &Message, recent: &Recent, watch: &Watch) {
        let Some(key) = self.key_of(message).filter(|_| recent.newcomer) else { return };
        let channel = self.channel_key(&message.route, &message.channel);
        let (now, window_ms) = (message.at_ms, watch.shield.window_ms);
        let names = (&message.route, message.channel.as_str());
        let burst = self.crowds.hostile(channel, names, key as u64, now, window_ms);
        self.shields.weigh(channel, names, burst, now, watch.shield);
    }

    /// Notes a sign of a raid; true where it is the raid's first.
    pub fn raid_begins(&self, route: &str, channel: &str, now: u64) -> bool {
        self.raids.note(self.channel_key(route, channel), now)
    }

    /// Channels heard lately, the last one first.
    pub fn channels(&self, max: usize) -> Vec<(String, String)> {
        self.crowds.channels(max)
    }

    /// What is meant by a text in a channel.
    pub fn pattern(&self, message: &Message, text: &Canonical) -> Pattern {
        let channel = self.channel_key(&message.route, &message.channel);
        Pattern { channel, sign: Sign::of(message, text, self.sign_keys, channel) }
    }

    /// How many messages like it were said lately, and by how many senders: of ten minutes, and
    /// of each line those of the last senders that are remembered.
    pub fn said(&self, pattern: &Pattern, now: u64, back_ms: u64) -> (u32, u32) {
        self.crowds.said(pattern.channel, |sign| pattern.means(sign), now, back_ms)
    }

    /// Stops everything like a text until the nuke's end, beginning with the next message.
    ///
    /// # Errors
    /// The most that there may be at once, where there are so many.
    pub fn nuke(&self, pattern: Pattern, nuke: Nuke) -> Result<Nuke, usize> {
        self.nukes.add(pattern, nuke)
    }

    pub fn lift_nuke(&self, id: u64) -> Option<Nuke> {
        self.nukes.lift(id)
    }

    /// The nukes in force, the newest first.
    pub fn nukes(&self, now: u64) -> Vec<Nuke> {
        self.nukes.list(now)
    }

    /// Notes that a screen shows a message.
    pub fn note_shown(&self, message: &Message, text: &Canonical) {
        self.shown.note(message, self.pattern(message, text));
    }

    /// What screens show of a channel that a text means, said since then; it is forgotten here.
    pub fn take_shown_like(&self, pattern: &Pattern, since_ms: u64) -> Vec<Gone> {
        self.shown.take_like(pattern, since_ms)
    }

    /// What screens show of one sender in a channel; it is forgotten here.
    pub fn take_shown_of(&self, route: &str, channel: &str, sender: &str) -> Vec<Gone> {
        match sender {
            // Nobody can be told from others by nothing.
            "" => Vec::new(),
            sender => self.shown.take_of(route, channel, sender),
        }
    }

    /// Drops a sender's messages in a channel until then (Unix milliseconds), or for longer where
    /// an earlier time-out does.
    pub fn time_out(&self, route: &str, channel: &str, sender: &str, until_ms: u64) {
        self.time_outs.add(self.key(route, channel, sender), until_ms);
    }

    /// Takes one time-out back, named by its end; what else silences the sender stays.
    pub fn lift_time_out(&self, route: &str, channel: &str, sender: &str, until_ms: u64) {
        self.time_outs.lift(self.key(route, channel, sender), until_ms);
    }

    /// Whether nothing that a sender says in a channel is shown now, whoever decided so.
    pub fn is_silent(&self, whose: Whose, now_ms: u64) -> bool {
        let key = self.key(whose.route, whose.channel, whose.sender);
        self.decrees.of_sender(key, now_ms).0 || self.time_outs.until(key, now_ms).is_some()
    }

    /// Lets a sender post one link in a channel until then (Unix milliseconds).
    pub fn permit_link(&self, route: &str, channel: &str, sender: &str, until_ms: u64) {
        self.permits.give(self.key(route, channel, sender), until_ms);
    }

    /// Whether this message's sender may post a link now.
    pub fn has_permit(&self, message: &Message) -> bool {
        self.key_of(message).is_some_and(|key| self.permits.has(key, message.at_ms))
    }

    /// Uses a permit up, and says until when it would have run; `None` where another message did
    /// just before.
    pub fn spend_permit(&self, message: &Message) -> Option<u64> {
        self.key_of(message).and_then(|key| self.permits.take(key, message.at_ms))
    }

    /// Takes a message's use of a permit back: it was not shown after all.
    pub fn return_permit(&self, message: &Message, until_ms: u64) {
        if let Some(key) = self.key_of(message) {
            self.permits.give(key, until_ms);
        }
    }

    /// How many senders are remembered now.
    pub fn senders(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).senders.len()).sum()
    }

    /// How many lines of crowds and how many channels are remembered now.
    pub fn crowds(&self) -> (usize, usize) {
        self.crowds.sizes()
    }

    fn key_of(&self, message: &Message) -> Option<Key> {
        let sender = &message.sender.id;
        (!sender.is_empty()).then(|| self.key(&message.route, &message.channel, sender))
    }

    fn key(&self, route: &str, channel: &str, sender: &str) -> Key {
        self.key_of_parts(&[route, channel, sender])
    }

    fn key_of_parts(&self, parts: &[&str]) -> Key {
        // The hash of a list of strings marks how many there are and where each ends.
        let half = |keys: &RandomState| u128::from(keys.hash_one(parts));
        half(&self.keys[0]) << 64 | half(&self.keys[1])
    }

    fn channel_key(&self, route: &str, channel: &str) -> u64 {
        self.keys[0].hash_one((route, channel))
    }

    fn shard(&self, key: Key) -> &Mutex<Shard> {
        &self.shards[(key % self.shards.len() as u128) as usize]
    }
}

/// What is said of a sender who leaves no trace.
fn unknown() -> Recent {
    Recent { messages: 1, repeats: 1, first: true, ..Recent::default() }
}

/// The text as far as spelling tricks do not matter: the same words are the same text.
fn plain<'a>(text: &'a Canonical, message: &'a Message) -> &'a str {
    text.views.first().map_or(&message.text, |view| &view.text)
}

/// A panic elsewhere while a lock was held leaves counts that may be one off, and no worse.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn says(channel: u64, key: Key, newcomer: bool, now: u64, watch: &Watch) -> Says {
    let window_ms = watch.crowd.window_ms;
    Says { channel, sender: key as u64, newcomer, now, window_ms }
}

/// Whoever has a role in the channel has been there before.
fn is_new(message: &Message, since_ms: u64, newcomer_ms: u64) -> bool {
    message.sender.roles.is_empty() && message.at_ms.saturating_sub(since_ms) < newcomer_ms
}

impl Shard {
    /// Whether a sender is new here; remembers that they were.
    fn meet(&mut self, key: Key, message: &Message, newcomer_ms: u64, senders_max: usize) -> bool {
        let (key, now) = (key as u64, message.at_ms);
        // So little is kept of each that there is room for more than speak at once.
        self.known.turn(now, senders_max.saturating_mul(2), KNOWN_MS);
        let since_ms = self.known.take(&key).unwrap_or(now);
        self.known.put(key, since_ms);
        is_new(message, since_ms, newcomer_ms)
    }
}

impl Past {
    /// Forgets what lies outside the windows. A clock that went backwards counts as distance too,
    /// so that a time from the future is not remembered for ever.
    fn forget(&mut self, now: u64, window_ms: u64) {
        self.messages.retain(|(at, _)| at.abs_diff(now) < window_ms);
        self.tail.retain(|(at, _)| at.abs_diff(now) < TAIL_MS);
    }

    /// What is known just before a message with this text, the message counted.
    fn recent(&self, now: u64, window_ms: u64, hash: u64) -> Recent {
        let within = || self.messages.iter().filter(|(at, _)| at.abs_diff(now) < window_ms);
        let tail = self.tail.iter().filter(|(at, _)| at.abs_diff(now) < TAIL_MS);
        Recent {
            messages: 1 + within().count() as u32,
            repeats: 1 + within().filter(|(_, own)| *own == hash).count() as u32,
            tail: tail.map(|(_, piece)| piece.to_string()).collect(),
            ..Recent::default()
        }
    }

    /// How long the sender has to wait under slow mode, in milliseconds.
    fn slow(&self, now: u64, slow_ms: u64) -> u64 {
        let passed = self.spoke_ms.map(|spoke_ms| now.abs_diff(spoke_ms));
        passed.map_or(0, |passed| slow_ms.saturating_sub(passed))
    }

    fn add(&mut self, now: u64, hash: u64, plain: &str) {
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back((now, hash));
        // A longer message ends the chain: a word is not split over whole sentences, and joining
        // the end of one with the start of the next makes words that nobody wrote.
        if plain.len() > TAIL_BYTES_MAX {
            return self.tail.clear();
        }
        if self.tail.len() >= TAIL_PIECES_MAX {
            self.tail.pop_front();
        }
        self.tail.push_back((now, plain.into()));
    }
}

#[cfg(test)]
mod tests;
