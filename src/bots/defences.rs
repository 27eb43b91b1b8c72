//! Keeps a platform's own defences as Tidegate's are: its shield, and terms blocked for nukes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use super::{ActError, Ears, Platform};
use crate::{
    history::History,
    message::{Message, now_ms},
    store::{Expect, Store, Table, Write},
};

/// Between two looks at what should be up. A raid is over in minutes, a look costs two locks.
const LOOK: Duration = Duration::from_millis(500);
/// After a failure that says nothing of when to come back.
const PAUSE: Duration = Duration::from_secs(5);
/// For taking back what is ours when the process is to end; the rest goes at the next start.
const CLOSING_MAX: Duration = Duration::from_secs(2);

/// A change of one of a channel's own defences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defence<'a> {
    ShieldOn,
    ShieldOff,
    /// Whatever says this text is not shown.
    Block(&'a str),
    /// By the id that blocking gave.
    Unblock(&'a str),
}

impl Defence<'_> {
    const fn name(self) -> &'static str {
        match self {
            Defence::ShieldOn => "shield_on",
            Defence::ShieldOff => "shield_off",
            Defence::Block(_) => "block",
            Defence::Unblock(_) => "unblock",
        }
    }
}

/// What is to be up in a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Want {
    Shield,
    Nuke(u64),
    /// For a nuke of a process that has ended: numbers begin anew with each.
    Past(u64),
}

/// By channel and what for: the platform's id of it, empty where it needs none.
type Made = BTreeMap<(String, Want), String>;

/// A bot's defences at its platform.
pub struct Defences {
    platform: Arc<dyn Platform>,
    store: Arc<dyn Store>,
    key: String,
    /// Ours to take back. Stored, because whoever is killed leaves them up.
    made: Made,
    /// Up by somebody else, refused, or only watched: nothing more is done about it.
    let_be: BTreeSet<(String, Want)>,
    /// Nothing is asked of the platform until then.
    rest_until: Instant,
}

impl Defences {
    /// Knows what an earlier process left up.
    pub async fn open(platform: Arc<dyn Platform>, store: Arc<dyn Store>, bot: &str) -> Defences {
        let key = format!("bot/{bot}/defences");
        let stored = store.load(Table::Meta, &key).await.map_err(|cause| cause.to_string());
        let read = |bytes: Option<Vec<u8>>| match bytes {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|cause| cause.to_string()),
            None => Ok(Vec::new()),
        };
        let stored: Vec<(String, Want, String)> = stored.and_then(read).unwrap_or_else(|cause| {
            tracing::error!(bot, cause, "what an earlier process left up is not known");
            Vec::new()
        });
        let past = |(number, (channel, want, id)): (usize, (String, Want, String))| {
            let want = if want == Want::Shield { want } else { Want::Past(number as u64) };
            ((channel, want), id)
        };
        let made = stored.into_iter().enumerate().map(past).collect();
        let (let_be, rest_until) = (BTreeSet::new(), Instant::now());
        Defences { platform, store, key, made, let_be, rest_until }
    }

    /// Follows the shields and nukes of the bot's channels until the process is to end, and takes
    /// back what is ours then.
    pub async fn keep(mut self, ears: &Ears) {
        let following = async {
            while !self.rest(ears).await {
                if ears.is_ready() {
                    self.look(ears).await;
                }
            }
            let all: Vec<_> = self.made.keys().cloned().collect();
            for (channel, want) in all {
                self.take_back(ears, channel, want).await;
            }
        };
        tokio::select! {
            () = following => {}
            // What is left is known at the next start.
            () = async { ears.closing().await; sleep(CLOSING_MAX).await; } => {}
        }
    }

    /// Waits for the next look; whether the process is to end instead. Nothing that the platform
    /// was asked for is broken off by that: what it did has to be known.
    async fn rest(&self, ears: &Ears) -> bool {
        tokio::select! {
            () = sleep_until(self.rest_until.max(Instant::now() + LOOK)) => false,
            () = ears.closing() => true,
        }
    }

    async fn look(&mut self, ears: &Ears) {
        let wanted = wanted(&ears.settler.pipeline.history, ears);
        self.let_be.retain(|one| wanted.contains_key(one));
        let over: Vec<_> =
            self.made.keys().filter(|one| !wanted.contains_key(one)).cloned().collect();
        for (channel, want) in over {
            if !self.take_back(ears, channel, want).await {
                return;
            }
        }
        for ((channel, want), text) in wanted {
            let one = (channel, want);
            if self.made.contains_key(&one) || self.let_be.contains(&one) {
                continue;
            }
            let defence = text.as_deref().map_or(Defence::ShieldOn, Defence::Block);
            if !ears.act {
                note(ears, &one.0, defence, "watched", "");
                self.let_be.insert(one);
                continue;
            }
            match self.platform.defend(&one.0, defence).await {
                Ok(Some(id)) => {
                    note(ears, &one.0, defence, "done", "");
                    self.made.insert(one, id);
                    self.save(ears).await;
                }
                Ok(None) | Err(ActError::Gone) => {
                    note(ears, &one.0, defence, "gone", "it was so already");
                    self.let_be.insert(one);
                }
                Err(ActError::Refused(cause)) => {
                    note(ears, &one.0, defence, "refused", &cause);
                    self.let_be.insert(one);
                }
                Err(ActError::Later { after, cause }) => return self.rest_for(after, &cause),
                Err(ActError::Busy { after }) => return self.rest_for(Some(after), "not yet"),
            }
        }
    }

    /// Whether the platform is to be asked for more.
    async fn take_back(&mut self, ears: &Ears, channel: String, want: Want) -> bool {
        let one = (channel, want);
        let Some(id) = self.made.get(&one) else { return true };
        let shared = |(other, its): (&(String, Want), &String)| {
            other.0 == one.0 && *other != one && other.1 != Want::Shield && its == id
        };
        if one.1 != Want::Shield && self.made.iter().any(shared) {
            // Two nukes of one text are one term there, which the other still needs.
            self.made.remove(&one);
            self.save(ears).await;
            return true;
        }
        let defence = match one.1 {
            Want::Shield => Defence::ShieldOff,
            Want::Nuke(_) | Want::Past(_) => Defence::Unblock(id),
        };
        match self.platform.defend(&one.0, defence).await {
            Ok(_) => note(ears, &one.0, defence, "done", ""),
            Err(ActError::Gone) => note(ears, &one.0, defence, "gone", ""),
            Err(ActError::Refused(cause)) => note(ears, &one.0, defence, "refused", &cause),
            Err(ActError::Later { after, cause }) => {
                self.rest_for(after, &cause);
                return false;
            }
            Err(ActError::Busy { after }) => {
                self.rest_for(Some(after), "not yet");
                return false;
            }
        }
        self.made.remove(&one);
        self.save(ears).await;
        true
    }

    fn rest_for(&mut self, after: Option<Duration>, cause: &str) {
        tracing::debug!(cause, "a platform's defences are left for later");
        self.rest_until = Instant::now() + after.unwrap_or(PAUSE);
    }

    async fn save(&self, ears: &Ears) {
        let all: Vec<_> =
            self.made.iter().map(|((channel, want), id)| (channel, want, id)).collect();
        let value = match all.is_empty() {
            true => None,
            false => serde_json::to_vec(&all).ok(),
        };
        let (table, key) = (Table::Meta, self.key.clone());
        let write = Write { table, key, expect: Expect::Anything, value };
        if let Err(cause) = self.store.commit(vec![write]).await {
            // It is taken back all the same, unless this process is killed before.
            tracing::warn!(bot = ears.name(), %cause, "what is up on a platform is not stored");
        }
    }
}

/// What should be up on the bot's platform, with the text of each that has one.
fn wanted(history: &History, ears: &Ears) -> BTreeMap<(String, Want), Option<String>> {
    let (now, own) = (now_ms(), ears.name());
    let mut wanted = BTreeMap::new();
    if ears.actions.shield {
        let shields = history.shields(now).into_iter().filter(|shield| shield.route == own);
        wanted.extend(shields.map(|shield| ((shield.channel, Want::Shield), None)));
    }
    if ears.actions.block {
        // What is only to be held is for a moderator to see; a blocked term shows it to none.
        let nukes = history.nukes(now).into_iter().filter(|nuke| nuke.route == own && nuke.drop);
        wanted.extend(
            nukes.map(|nuke| ((nuke.channel, Want::Nuke(nuke.id)), Some(nuke.text.to_string()))),
        );
    }
    wanted
}

fn note(ears: &Ears, channel: &str, defence: Defence, result: &'static str, cause: &str) {
    let about = Message { channel: channel.to_owned(), ..Message::default() };
    let decision = ears.settler.holds.fresh_id();
    ears.record(&decision, &about, defence.name(), (result, cause));
}
