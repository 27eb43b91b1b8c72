//! Keeps what moderators decided for longer than one message: bans, trust and allowed terms.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::{History, Key, Whose, lock};
use crate::message::{Category, Hit, Message};

/// Held messages that one ban can have come with; only undoing needs them.
const MESSAGES_MAX: usize = 8;
/// Listeners are told that something changed, not what: being behind costs them nothing.
const BEHIND_MAX: usize = 16;

/// One decision that stays in force in one channel of one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decree {
    pub id: String,
    pub route: String,
    pub channel: String,
    #[serde(flatten)]
    pub what: What,
    pub by: String,
    pub since_ms: u64,
    /// Until it is lifted, where there is no end.
    pub until_ms: Option<u64>,
    /// The removals that a ban came with: it goes when the last of them is undone. Empty where it
    /// was decided by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// Nothing of this sender is shown.
    Ban { sender: String, name: String },
    /// This sender is believed in what the policy lets trust waive.
    Trust { sender: String, name: String },
    /// This listed term is not found.
    Allow { term: String, list: String, category: Category },
}

impl What {
    pub const fn kind(&self) -> &'static str {
        match self {
            What::Ban { .. } => "ban",
            What::Trust { .. } => "trust",
            What::Allow { .. } => "allow",
        }
    }
}

/// There may be only so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full(pub usize);

/// What they are found by: the kind, and a keyed hash of the rest.
type Mark = (&'static str, Key);

/// Apart from what crowds wash through; whoever changes them writes them down first.
pub(super) struct Decrees {
    kept: Mutex<HashMap<Mark, Decree>>,
    /// So that a message costs no lock where there is none.
    count: AtomicUsize,
    most: usize,
    changed: broadcast::Sender<()>,
}

impl Decrees {
    pub fn new(most: usize) -> Decrees {
        let changed = broadcast::channel(BEHIND_MAX).0;
        Decrees { kept: Mutex::default(), count: AtomicUsize::new(0), most, changed }
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Mark, Decree>) -> T) -> T {
        let mut kept = lock(&self.kept);
        let result = change(&mut kept);
        self.count.store(kept.len(), Ordering::Relaxed);
        drop(kept);
        // Nobody listening is no failure.
        let _ = self.changed.send(());
        result
    }

    fn find(&self, mark: Mark, now_ms: u64) -> Option<Decree> {
        lock(&self.kept).get(&mark).filter(|decree| decree.holds(now_ms)).cloned()
    }

    fn is(&self, mark: Mark, now_ms: u64) -> bool {
        lock(&self.kept).get(&mark).is_some_and(|decree| decree.holds(now_ms))
    }

    /// Whether a sender is banned, and whether trusted.
    pub fn of_sender(&self, key: Key, now_ms: u64) -> (bool, bool) {
        match self.is_empty() {
            true => (false, false),
            false => (self.is((BAN, key), now_ms), self.is((TRUST, key), now_ms)),
        }
    }

    pub fn trust(&self, key: Key, now_ms: u64) -> Option<Decree> {
        self.find((TRUST, key), now_ms)
    }
}

const BAN: &str = "ban";
const TRUST: &str = "trust";
const ALLOW: &str = "allow";

impl Decree {
    fn holds(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until_ms| until_ms > now_ms)
    }

    /// What becomes of one that is decided again. A ban keeps who was first, and stands by itself
    /// if either does; of anything else the latest word counts.
    fn over(self, old: &Decree) -> Decree {
        if !matches!(self.what, What::Ban { .. }) {
            return Decree { id: old.id.clone(), ..self };
        }
        let mut with = old.with.clone();
        if self.with.is_empty() {
            with.clear();
        } else if !with.is_empty() {
            with.extend(self.with);
            let most = with.len().saturating_sub(MESSAGES_MAX);
            with.drain(..most);
        }
        Decree { with, ..old.clone() }
    }
}

impl History {
    /// Decrees as they would be among those that are there, all or none. Nothing is changed:
    /// whoever asks writes them down and then says so with [`History::put_decree`], one at a time.
    ///
    /// # Errors
    /// Where there is no room.
    pub fn next_decrees(&self, new: Vec<Decree>, now_ms: u64) -> Result<Vec<Decree>, Full> {
        let kept = lock(&self.decrees.kept);
        let (mut next, mut more) = (Vec::with_capacity(new.len()), 0);
        for decree in new {
            match kept.get(&self.mark(&decree)).filter(|old| old.holds(now_ms)) {
                Some(old) => next.push(decree.over(old)),
                None => {
                    more += 1;
                    next.push(decree);
                }
            }
        }
        let most = self.decrees.most;
        let in_force = || kept.values().filter(|old| old.holds(now_ms)).count();
        match more > 0 && kept.len() + more > most && in_force() + more > most {
            true => Err(Full(most)),
            false => Ok(next),
        }
    }

    /// The ids of those that are over and were not put out of force yet.
    pub fn decrees_over(&self, now_ms: u64) -> Vec<String> {
        let kept = lock(&self.decrees.kept);
        let over = kept.values().filter(|decree| !decree.holds(now_ms));
        over.map(|decree| decree.id.clone()).collect()
    }

    /// Puts one in force; the ids of those that it takes the place of, and of those that are over.
    pub fn put_decree(&self, decree: Decree, now_ms: u64) -> Vec<String> {
        let (mark, id) = (self.mark(&decree), decree.id.clone());
        let mut gone = Vec::new();
        self.decrees.change(|kept| {
            let replaced = kept.insert(mark, decree);
            gone.extend(replaced.filter(|old| old.id != id).map(|old| old.id));
            kept.retain(|_, old| {
                let stays = old.holds(now_ms);
                if !stays {
                    gone.push(old.id.clone());
                }
                stays
            });
        });
        gone
    }

    /// Ends one; `None` where there is none of this id.
    pub fn lift_decree(&self, id: &str) -> Option<Decree> {
        self.decrees.change(|kept| {
            let mark = kept.iter().find(|(_, decree)| decree.id == id).map(|(mark, _)| *mark)?;
            kept.remove(&mark)
        })
    }

    pub fn decree(&self, id: &str) -> Option<Decree> {
        lock(&self.decrees.kept).values().find(|decree| decree.id == id).cloned()
    }

    /// A sender's ban, where there is one.
    pub fn ban(&self, whose: Whose, now_ms: u64) -> Option<Decree> {
        self.decrees.find((BAN, self.key(whose.route, whose.channel, whose.sender)), now_ms)
    }

    /// That a sender is trusted, where it is so.
    pub fn trust(&self, whose: Whose, now_ms: u64) -> Option<Decree> {
        self.decrees.trust(self.key(whose.route, whose.channel, whose.sender), now_ms)
    }

    /// Those in force, the newest first, and how many there are in all.
    pub fn decrees(&self, max: usize, now_ms: u64) -> (Vec<Decree>, usize) {
        let kept = lock(&self.decrees.kept);
        let mut all: Vec<&Decree> = kept.values().filter(|decree| decree.holds(now_ms)).collect();
        all.sort_unstable_by(|a, b| (b.since_ms, &b.id).cmp(&(a.since_ms, &a.id)));
        (all.iter().take(max).map(|decree| (*decree).clone()).collect(), all.len())
    }

    /// Every change of them from now on.
    pub fn decrees_changed(&self) -> broadcast::Receiver<()> {
        self.decrees.changed.subscribe()
    }

    /// Whether a moderator allowed a listed term where a message is said.
    pub fn allows(&self, message: &Message, hit: &Hit) -> bool {
        if self.decrees.is_empty() {
            return false;
        }
        let key = self.term_key(&message.route, &message.channel, &hit.term, &hit.list);
        self.decrees.is((ALLOW, key), message.at_ms)
    }

    fn mark(&self, decree: &Decree) -> Mark {
        let Decree { route, channel, what, .. } = decree;
        let key = match what {
            What::Ban { sender, .. } | What::Trust { sender, .. } => {
                self.key(route, channel, sender)
            }
            What::Allow { term, list, .. } => self.term_key(route, channel, term, list),
        };
        (what.kind(), key)
    }

    fn term_key(&self, route: &str, channel: &str, term: &str, list: &str) -> Key {
        self.key_of_parts(&[route, channel, term, list])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNA: Whose = Whose { route: "/", channel: "#a", sender: "una" };

    fn ban(id: &str, with: &[&str]) -> Decree {
        Decree {
            id: id.into(),
            route: "/".into(),
            channel: "#a".into(),
            what: What::Ban { sender: "una".into(), name: "Una".into() },
            by: id.into(),
            since_ms: 1,
            until_ms: None,
            with: with.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    fn trust(id: &str, sender: &str, until_ms: Option<u64>) -> Decree {
        let what = What::Trust { sender: sender.into(), name: String::new() };
        Decree { what, until_ms, ..ban(id, &[]) }
    }

    fn put(history: &History, decree: Decree, now_ms: u64) -> Vec<String> {
        let mut next = history.next_decrees(vec![decree], now_ms).expect("there is room");
        history.put_decree(next.remove(0), now_ms)
    }

    #[test]
    fn a_ban_keeps_who_was_first_and_what_it_came_with() {
        let check = |steps: &[&[&str]], expected: &[&str]| {
            let history = History::new(100);
            for (nth, with) in steps.iter().enumerate() {
                put(&history, ban(&nth.to_string(), with), 1);
            }
            let own = history.ban(UNA, 1).expect("they are banned");
            assert_eq!((own.id.as_str(), own.by.as_str()), ("0", "0"), "{steps:?}");
            assert_eq!(own.with, expected, "{steps:?}");
        };
        check(&[&["m1"]], &["m1"]);
        check(&[&["m1"], &["m2"]], &["m1", "m2"]);
        // Decided by itself, before or after: no undo of a removal takes it back.
        check(&[&["m1"], &[]], &[]);
        check(&[&[], &["m1"]], &[]);
        let many: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let each: Vec<[&str; 1]> = many.iter().map(|id| [id.as_str()]).collect();
        let each: Vec<&[&str]> = each.iter().map(|id| &id[..]).collect();
        check(&each, &["2", "3", "4", "5", "6", "7", "8", "9"]);
    }

    #[test]
    fn they_end_are_replaced_and_are_bounded() {
        let history = History::new(100);
        put(&history, trust("1", "una", Some(100)), 1);
        let until = |now_ms| history.trust(UNA, now_ms).map(|own| own.until_ms);
        assert_eq!([until(99), until(100)], [Some(Some(100)), None]);
        // The latest word counts, also where it is shorter; it is the same row.
        assert_eq!(put(&history, trust("2", "una", None), 1), [""; 0]);
        assert_eq!(history.trust(UNA, 1_000).expect("until it is lifted").id, "1");
        put(&history, trust("3", "una", Some(50)), 1);
        assert_eq!(until(50), None);
        // What is over is told, so that it can be taken out of the store.
        assert_eq!(put(&history, ban("4", &[]), 60), ["1"]);
        let other = Whose { channel: "#b", ..UNA };
        assert!(history.ban(UNA, 60).is_some() && history.ban(other, 60).is_none());
        assert_eq!(history.lift_decree("4").map(|own| own.id), Some("4".into()));
        assert_eq!((history.lift_decree("4"), history.ban(UNA, 60)), (None, None));
        assert!(history.decrees.is_empty());

        let small = History { decrees: Decrees::new(2), ..History::new(100) };
        put(&small, trust("1", "a", Some(10)), 1);
        put(&small, trust("2", "b", None), 1);
        let fits = |who: &[&str], now_ms| {
            let new = who.iter().map(|who| trust("3", who, None)).collect();
            small.next_decrees(new, now_ms)
        };
        assert_eq!(fits(&["c"], 1), Err(Full(2)));
        assert!(fits(&["b"], 1).is_ok(), "it is there already");
        assert!(fits(&["c"], 10).is_ok(), "one is over");
        assert_eq!(fits(&["b", "c", "d"], 10), Err(Full(2)), "all or none");
        assert_eq!((small.decrees_over(9), small.decrees_over(10)), (vec![], vec!["1".into()]));
        let (list, total) = small.decrees(1, 1);
        assert_eq!((list[0].id.as_str(), total), ("2", 2));
    }

    #[test]
    fn a_decree_is_stored_as_it_is() {
        let allow = What::Allow {
            term: "blorp".into(),
            list: "en/profanity".into(),
            category: Category::Profanity,
        };
        for decree in
            [ban("1", &["m1"]), trust("2", "b", Some(9)), Decree { what: allow, ..ban("3", &[]) }]
        {
            let text = serde_json::to_string(&decree).expect("it can be written");
            assert_eq!(serde_json::from_str::<Decree>(&text).expect("and read"), decree, "{text}");
        }
    }
}
