//! Keeps what moderators want nothing more of: a text and everything like it, for a while.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use serde::Serialize;

use super::{lock, sign::Sign};
use crate::message::Nuked;

/// In force at once over all channels. Each message of a channel is compared with each of its own,
/// and nobody keeps an eye on more.
const NUKES_MAX: usize = 64;
/// As much as this of the two has to be the same …
const ALIKE: f32 = 0.6;
/// … or this much of the nuked text in a longer one.
const INSIDE: f32 = 0.85;

/// What is meant by a text, without the text.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub(super) channel: u64,
    pub(super) sign: Sign,
}

/// A nuke as a moderator has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nuke {
    pub id: u64,
    pub route: String,
    pub channel: String,
    /// How its text begins: what a moderator knows it by. Gone with the nuke.
    pub label: String,
    /// The whole, for a platform that can refuse it before anybody sees it. Never shown or stored,
    /// and gone with the nuke.
    #[serde(skip)]
    pub text: Arc<str>,
    /// Dropped, rather than held.
    pub drop: bool,
    pub by: String,
    pub since_ms: u64,
    pub until_ms: u64,
    /// Messages that it met.
    pub hits: u64,
}

#[derive(Default)]
pub struct Nukes {
    nukes: Mutex<Vec<(Pattern, Nuke)>>,
    /// So that a message costs no lock where there is no nuke.
    count: AtomicUsize,
    last_id: AtomicU64,
}

impl Pattern {
    /// Whether a text of the same channel is meant: the same or like it, or it with more around.
    pub(super) fn means(&self, sign: &Sign) -> bool {
        match self.sign.letters {
            0 => sign.letters == 0 && self.sign.words == sign.words,
            _ => self.sign.compare(sign).1 >= ALIKE || self.sign.within(sign) >= INSIDE,
        }
    }

    /// The same between two patterns.
    pub fn meets(&self, other: &Pattern) -> bool {
        self.channel == other.channel && self.means(&other.sign)
    }

    /// Only the very same text is meant: it is too short to be like anything.
    pub fn is_exact(&self) -> bool {
        self.sign.letters == 0
    }
}

impl Nukes {
    /// # Errors
    /// The most that there may be, where there are so many.
    pub fn add(&self, pattern: Pattern, nuke: Nuke) -> Result<Nuke, usize> {
        let mut nukes = lock(&self.nukes);
        nukes.retain(|(_, old)| old.until_ms > nuke.since_ms);
        if nukes.len() >= NUKES_MAX {
            return Err(NUKES_MAX);
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let nuke = Nuke { id, ..nuke };
        nukes.push((pattern, nuke.clone()));
        self.count.store(nukes.len(), Ordering::Relaxed);
        Ok(nuke)
    }

    /// Takes one back; what it was.
    pub fn lift(&self, id: u64) -> Option<Nuke> {
        let mut nukes = lock(&self.nukes);
        let at = nukes.iter().position(|(_, nuke)| nuke.id == id)?;
        let (_, nuke) = nukes.remove(at);
        self.count.store(nukes.len(), Ordering::Relaxed);
        Some(nuke)
    }

    pub fn list(&self, now: u64) -> Vec<Nuke> {
        let mut nukes = lock(&self.nukes);
        nukes.retain(|(_, nuke)| nuke.until_ms > now);
        self.count.store(nukes.len(), Ordering::Relaxed);
        nukes.iter().rev().map(|(_, nuke)| nuke.clone()).collect()
    }

    /// The strictest that means this text; `counted`: it is a message that was said.
    pub fn find(&self, channel: u64, sign: &Sign, now: u64, counted: bool) -> Option<Nuked> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut nukes = lock(&self.nukes);
        let mut found: Option<Nuked> = None;
        for (pattern, nuke) in nukes.iter_mut() {
            if pattern.channel != channel || nuke.until_ms <= now || !pattern.means(sign) {
                continue;
            }
            nuke.hits += u64::from(counted);
            let own = Nuked { until_ms: nuke.until_ms, drop: nuke.drop };
            let stricter =
                found.is_none_or(|found| (own.drop, own.until_ms) > (found.drop, found.until_ms));
            found = if stricter { Some(own) } else { found };
        }
        found
    }
}
