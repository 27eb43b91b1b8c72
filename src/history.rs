//! Remembers what senders did lately, bounded and expiring.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::message::{Canonical, Message, Recent};

mod bounded;
mod names;
mod strikes;

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
/// Time-outs of one sender that run at once; only undoing needs more than the longest.
const TIME_OUTS_MAX: usize = 8;
/// Enough that two threads seldom meet, few enough that each has room for several senders.
const SHARDS_MAX: usize = 64;

/// What is remembered of senders: in shards, each behind a lock of its own that is held for one
/// message's bookkeeping and never while waiting.
///
/// A shard has two generations. A sender who speaks moves to the young one; when that is full or
/// old, it becomes the old one and the old one is forgotten. So forgetting costs nothing on the
/// path, and takes those who were silent the longest. An entry is found by a keyed hash of route,
/// channel and sender: its size does not depend on what anybody calls themselves, and nobody can
/// aim at another's.
pub struct History {
    shards: Box<[Mutex<Shard>]>,
    keys: [RandomState; 2],
    /// Senders in one generation of one shard.
    generation_max: usize,
    /// Apart from the rest, so that a crowd of new senders cannot wash a time-out away.
    time_outs: Mutex<HashMap<Key, Ends>>,
    time_outs_max: usize,
    names: names::Names,
    strikes: strikes::Strikes,
}

type Key = u128;

/// When each of a sender's time-outs ends. The last one counts: a shorter time-out shortens none,
/// and undoing one leaves the others.
type Ends = Vec<u64>;

#[derive(Default)]
struct Shard {
    young: HashMap<Key, Past>,
    old: HashMap<Key, Past>,
    /// When the young generation began, by its first message's clock.
    young_since_ms: u64,
}

/// What is kept of one sender in one channel.
#[derive(Clone, Default)]
struct Past {
    /// When each message came, and a hash of its text.
    messages: VecDeque<(u64, u64)>,
    /// When each short piece came, and the piece.
    tail: VecDeque<(u64, Box<str>)>,
}

impl History {
    pub fn new(senders_max: usize) -> History {
        let shards = (senders_max / 16).clamp(1, SHARDS_MAX);
        History {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            keys: [RandomState::new(), RandomState::new()],
            generation_max: (senders_max / shards / 2).max(1),
            time_outs: Mutex::default(),
            time_outs_max: senders_max.max(1),
            names: names::Names::default(),
            strikes: strikes::Strikes::new(senders_max),
        }
    }

    /// Notes a message and says what came before it. A sender without an id leaves no trace.
    ///
    /// The message's own time is the clock.
    pub fn note(&self, message: &Message, text: &Canonical, window_ms: u64) -> Recent {
        let Some(key) = self.key_of(message) else { return unknown() };
        let plain = plain(text, message);
        let now = message.at_ms;
        let mut shard = lock(self.shard(key));
        shard.turn(now, self.generation_max);
        let known = shard.young.remove(&key).or_else(|| shard.old.remove(&key));
        let first = known.is_none();
        let mut past = known.unwrap_or_default();
        past.forget(now, window_ms);
        let hash = self.keys[0].hash_one(plain);
        let mut recent = past.recent(now, window_ms, hash);
        past.add(now, hash, plain);
        shard.young.insert(key, past);
        drop(shard);
        recent.first = first || message.first;
        self.add_record(&mut recent, key, now);
        recent
    }

    /// What moderators and the ladder made of the sender so far.
    fn add_record(&self, recent: &mut Recent, key: Key, now: u64) {
        recent.timed_out_until_ms = self.timed_out_until(key, now);
        let count = self.strikes.count(key, now);
        recent.strikes = count.points;
        recent.held_until_ms = count.held_until_ms;
        recent.warning = count.warning;
    }

    /// What `note` would say, leaving no trace.
    pub fn peek(&self, message: &Message, text: &Canonical, window_ms: u64) -> Recent {
        let Some(key) = self.key_of(message) else { return unknown() };
        let plain = plain(text, message);
        let shard = lock(self.shard(key));
        let known = shard.young.get(&key).or_else(|| shard.old.get(&key));
        let hash = self.keys[0].hash_one(plain);
        let mut recent = match known {
            Some(past) => past.recent(message.at_ms, window_ms, hash),
            None => unknown(),
        };
        drop(shard);
        self.add_record(&mut recent, key, message.at_ms);
        recent
    }

    /// Drops a sender's messages in a channel until then (Unix milliseconds), or for longer where
    /// an earlier time-out does.
    pub fn time_out(&self, route: &str, channel: &str, sender: &str, until_ms: u64) {
        let key = self.key(route, channel, sender);
        let mut time_outs = lock(&self.time_outs);
        if time_outs.len() >= self.time_outs_max && !time_outs.contains_key(&key) {
            // Only moderators come here, so a look at all of them is affordable. The one that
            // ends first, perhaps long over, makes room.
            let soonest = time_outs.iter().min_by_key(|(_, ends)| ends.iter().max());
            let soonest = soonest.map(|(key, _)| *key);
            soonest.map(|key| time_outs.remove(&key));
        }
        let ends = time_outs.entry(key).or_default();
        ends.push(until_ms);
        if ends.len() > TIME_OUTS_MAX {
            ends.sort_unstable();
            ends.remove(0);
        }
    }

    /// Takes one time-out back, named by its end; what else silences the sender stays.
    pub fn lift_time_out(&self, route: &str, channel: &str, sender: &str, until_ms: u64) {
        let key = self.key(route, channel, sender);
        let mut time_outs = lock(&self.time_outs);
        let Some(ends) = time_outs.get_mut(&key) else { return };
        if let Some(at) = ends.iter().position(|end| *end == until_ms) {
            ends.swap_remove(at);
        }
        if ends.is_empty() {
            time_outs.remove(&key);
        }
    }

    /// How many senders are remembered now.
    pub fn senders(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = lock(shard);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }

    fn timed_out_until(&self, key: Key, now: u64) -> Option<u64> {
        let last = lock(&self.time_outs).get(&key).and_then(|ends| ends.iter().max().copied());
        last.filter(|until| *until > now)
    }

    fn key_of(&self, message: &Message) -> Option<Key> {
        let sender = &message.sender.id;
        (!sender.is_empty()).then(|| self.key(&message.route, &message.channel, sender))
    }

    fn key(&self, route: &str, channel: &str, sender: &str) -> Key {
        // The hash of a tuple of strings marks where each ends.
        let half = |keys: &RandomState| u128::from(keys.hash_one((route, channel, sender)));
        half(&self.keys[0]) << 64 | half(&self.keys[1])
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

impl Shard {
    /// Begins a new generation where the young one is full or old.
    fn turn(&mut self, now: u64, generation_max: usize) {
        if self.young.is_empty() {
            self.young_since_ms = now;
        }
        let aged = now.saturating_sub(self.young_since_ms) > FORGET_MS;
        if aged || self.young.len() >= generation_max {
            self.old = mem::take(&mut self.young);
            self.young_since_ms = now;
        }
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
mod tests {
    use super::*;
    use crate::message::{Sender, View, ViewKind};

    fn message(sender: &str, text: &str, at_ms: u64) -> Message {
        let sender = Sender { id: sender.into(), ..Sender::default() };
        let (route, channel, text) = ("/".into(), "#a".into(), text.to_owned());
        Message { route, channel, sender, text, at_ms, ..Message::default() }
    }

    fn canonical(text: &str) -> Canonical {
        let text = text.to_lowercase();
        Canonical { views: vec![View { kind: ViewKind::Plain, text, origin: vec![] }] }
    }

    fn note(history: &History, sender: &str, text: &str, at_ms: u64) -> Recent {
        history.note(&message(sender, text, at_ms), &canonical(text), 10_000)
    }

    #[test]
    fn counts_within_the_window() {
        let history = History::new(1000);
        for (sender, text, at_ms, messages, repeats, first) in [
            ("una", "Hi", 0, 1, 1, true),
            ("una", "hi", 1_000, 2, 2, false),
            ("una", "you", 2_000, 3, 1, false),
            ("ben", "hi", 2_000, 1, 1, true),
            ("una", "hi", 9_999, 4, 3, false),
            ("una", "hi", 10_000, 4, 3, false),
            ("una", "hi", 12_000, 3, 3, false),
            // A clock that went backwards forgets rather than remembers for ever.
            ("una", "hi", 1, 3, 3, false),
            ("", "hi", 3_000, 1, 1, true),
            ("", "hi", 3_000, 1, 1, true),
        ] {
            let recent = note(&history, sender, text, at_ms);
            let found = (recent.messages, recent.repeats, recent.first);
            assert_eq!(found, (messages, repeats, first), "{sender} {text} {at_ms}");
        }
        assert_eq!(history.senders(), 2);
    }

    #[test]
    fn channels_and_routes_are_apart() {
        let history = History::new(1000);
        note(&history, "una", "hi", 0);
        let mut elsewhere = message("una", "hi", 1);
        elsewhere.channel = "#b".into();
        assert!(history.note(&elsewhere, &canonical("hi"), 10_000).first);
        // Where one name ends and the next begins counts.
        let (mut a, mut b) = (message("bc", "x", 0), message("c", "x", 0));
        (a.channel, b.channel) = ("a".into(), "ab".into());
        assert_ne!(history.key_of(&a), history.key_of(&b));
    }

    #[test]
    fn the_tail_is_short_recent_and_broken_by_sentences() {
        let history = History::new(1000);
        for (text, at_ms, tail) in [
            ("b", 0, vec![]),
            ("L", 1_000, vec!["b"]),
            ("o", 10_500, vec!["l"]),
            ("a sentence that is no piece of a word", 10_600, vec!["l", "o"]),
            ("r", 10_700, vec![]),
            ("p", 30_000, vec![]),
        ] {
            assert_eq!(note(&history, "una", text, at_ms).tail, tail, "{text} {at_ms}");
        }
        for n in 0..20 {
            note(&history, "una", &n.to_string(), 31_000);
        }
        let tail = note(&history, "una", "x", 31_000).tail;
        assert_eq!(tail, ["12", "13", "14", "15", "16", "17", "18", "19"]);
    }

    #[test]
    fn peeking_leaves_no_trace() {
        let history = History::new(1000);
        let later = message("una", "b", 2);
        assert!(history.peek(&later, &canonical("b"), 10_000).first);
        note(&history, "una", "a", 0);
        note(&history, "una", "b", 1);
        for _ in 0..3 {
            let recent = history.peek(&later, &canonical("b"), 10_000);
            assert_eq!((recent.messages, recent.repeats, recent.first), (3, 2, false));
            assert_eq!(recent.tail, ["a", "b"]);
        }
    }

    #[test]
    fn ten_thousand_senders_are_the_most() {
        let history = History::new(10_000);
        for n in 0..50_000_u64 {
            note(&history, &format!("sender {n}"), "hi", n);
        }
        let senders = history.senders();
        assert!((2_500..=10_000).contains(&senders), "{senders}");
        // Those heard last are known, those heard first forgotten.
        assert!(!note(&history, "sender 49999", "hi", 50_000).first);
        assert!(note(&history, "sender 0", "hi", 50_000).first);
    }

    #[test]
    fn one_sender_costs_a_bounded_amount() {
        let history = History::new(10_000);
        for n in 0..10_000_u64 {
            note(&history, "una", &format!("{n:016}"), n % 100);
        }
        let shard = lock(history.shard(history.key("/", "#a", "una")));
        let past = shard.young.values().next().expect("the sender is known");
        let tail: usize = past.tail.iter().map(|(_, piece)| piece.len()).sum();
        assert_eq!((past.messages.len(), tail), (MESSAGES_MAX, TAIL_PIECES_MAX * TAIL_BYTES_MAX));
        assert!(past.messages.capacity() <= 2 * MESSAGES_MAX);
    }

    #[test]
    fn the_silent_are_forgotten() {
        let history = History::new(16);
        note(&history, "una", "hi", 0);
        note(&history, "ben", "hi", FORGET_MS + 1);
        assert!(!note(&history, "una", "hi", FORGET_MS + 2).first);
        note(&history, "ben", "hi", 2 * FORGET_MS + 3);
        note(&history, "ben", "hi", 3 * FORGET_MS + 5);
        assert!(note(&history, "una", "hi", 3 * FORGET_MS + 6).first);
    }

    #[test]
    fn time_outs_end_and_outlast_crowds() {
        let history = History::new(100);
        let until = |at_ms| note(&history, "una", "hi", at_ms).timed_out_until_ms;
        history.time_out("/", "#a", "una", 5_000);
        assert_eq!(until(0), Some(5_000));
        for n in 0..1_000_u64 {
            note(&history, &format!("s{n}"), "hi", n);
        }
        assert_eq!((until(4_999), until(5_000)), (Some(5_000), None));
        history.time_out("/", "#a", "una", 9_000);
        history.lift_time_out("/", "#a", "una", 9_000);
        assert_eq!(until(6_000), None);
        for n in 0..1_000_u64 {
            history.time_out("/", "#a", &format!("s{n}"), n);
        }
        assert_eq!(lock(&history.time_outs).len(), 100);
    }

    #[test]
    fn the_longest_time_out_counts_and_each_is_undone_alone() {
        let history = History::new(100);
        let until = || note(&history, "una", "hi", 1).timed_out_until_ms;
        let set = |end| history.time_out("/", "#a", "una", end);
        let lift = |end| history.lift_time_out("/", "#a", "una", end);
        for (what, end, expected) in [
            ("set", 9_000, Some(9_000)),
            ("set", 5_000, Some(9_000)),
            ("set", 20_000, Some(20_000)),
            ("lift", 20_000, Some(9_000)),
            ("lift", 7_000, Some(9_000)),
            ("set", 9_000, Some(9_000)),
            ("lift", 9_000, Some(9_000)),
            ("lift", 9_000, Some(5_000)),
            ("lift", 5_000, None),
            ("lift", 5_000, None),
        ] {
            if what == "set" {
                set(end)
            } else {
                lift(end)
            }
            assert_eq!(until(), expected, "{what} {end}");
        }
        assert_eq!(lock(&history.time_outs).len(), 0);
        (1..=100).for_each(|n| set(n * 1_000));
        assert_eq!(until(), Some(100_000));
        let kept: usize = lock(&history.time_outs).values().map(Vec::len).sum();
        assert_eq!(kept, TIME_OUTS_MAX);
    }
}
