//! Keeps what is set at the console over the settings file, and puts it in force.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};

use super::{Doors, Failure, decrees::carried, place::unfit};
use crate::{
    audit::{Event, Record},
    decide::{Level, Levels, Strictness},
    message::{Category, Sender, now_ms},
    pipeline::Pipeline,
    rules::{Overrides, Ruleset, swapped},
    store::{Expect, Store, StoreError, Table, Write},
};

/// Thousands of terms; what is longer is a file's business.
pub const LIST_BYTES_MAX: usize = 100 * 1024;
/// Channels with a strictness of their own: each has policies of its own in memory.
const PLACES_MAX: usize = 1_000;
/// Versions of one list that are kept, so that an older one can be had back.
pub const REVISIONS_MAX: usize = 30;
/// Rows read at once when starting.
const PAGE: usize = 256;

/// What is set, and the turn to change it; cheap to clone.
#[derive(Clone)]
pub struct Overriding {
    turn: Arc<Semaphore>,
    /// As it is written down. Where the rules could not be built with it, it is not in force.
    kept: Arc<Mutex<Arc<Overrides>>>,
}

/// One version of one list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Revision {
    /// From 1; 0 is the empty list that nobody wrote.
    pub version: u32,
    pub by: String,
    pub at_ms: u64,
    /// Lines more and fewer than the version before had.
    pub added: usize,
    pub removed: usize,
    pub text: String,
}

/// A channel's own strictness, and who set it last.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Setting {
    pub route: String,
    pub channel: String,
    /// When it was set, in Unix milliseconds, and never the same twice; 0 where nothing is.
    pub version: u64,
    pub by: String,
    pub levels: Levels,
}

impl Overriding {
    /// Puts what was stored in force again.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn open(store: &dyn Store, pipeline: &Pipeline) -> Result<Overriding, StoreError> {
        let (mut overrides, mut after) = (Overrides::default(), String::new());
        loop {
            let page = store.scan(Table::Overrides, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            for (key, bytes) in page {
                // The gate opens in any case: nobody can mend at a closed one what does not fit.
                if let Err(cause) = overrides.take(&key, &bytes) {
                    tracing::error!(%cause, "something set at the console is not in force");
                }
            }
        }
        let overrides = Arc::new(overrides);
        if *pipeline.rules.load().overrides != *overrides {
            let causes = enforce(pipeline, overrides.clone()).await.err().unwrap_or_default();
            causes.iter().for_each(|cause| {
                tracing::error!(%cause, "what is set at the console is not in force");
            });
            // Lists may not go together with those of the settings; how strict channels are does.
            if !causes.is_empty() {
                let levels = Overrides { levels: overrides.levels.clone(), ..Overrides::default() };
                let _ = enforce(pipeline, Arc::new(levels)).await;
            }
        }
        Ok(Overriding { turn: Arc::new(Semaphore::new(1)), kept: Arc::new(Mutex::new(overrides)) })
    }

    fn kept(&self) -> MutexGuard<'_, Arc<Overrides>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turn.acquire().await.ok()
    }
}

impl Overrides {
    /// Takes a row in. In the order of the keys the newest version of a list is the last.
    fn take(&mut self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        *self = match list_of(key) {
            Some(name) => self.with_list(name, &read::<Revision>(key, bytes)?.text),
            None => {
                let Setting { route, channel, levels, .. } = read(key, bytes)?;
                self.with_levels(&route, &channel, levels)
            }
        };
        Ok(())
    }
}

/// Builds the rules anew and swaps them in, as often as others come in between.
async fn enforce(pipeline: &Pipeline, overrides: Arc<Overrides>) -> Result<(), Vec<String>> {
    loop {
        let (before, new) = built(pipeline, overrides.clone()).await?;
        if swapped(&pipeline.rules, &before, new) {
            return Ok(());
        }
    }
}

/// The rules that judge now, and as they would be.
async fn built(
    pipeline: &Pipeline,
    overrides: Arc<Overrides>,
) -> Result<(Arc<Ruleset>, Ruleset), Vec<String>> {
    let before = pipeline.rules.load_full();
    let source = before.clone();
    let work = spawn_blocking(move || source.revised(overrides)).await;
    let new = work.unwrap_or_else(|failed| Err(vec![format!("building failed: {failed}")]))?;
    Ok((before, new))
}

impl Doors {
    /// The versions of a list that are kept, the newest first.
    pub async fn revisions(&self, name: &str) -> Result<Vec<Revision>, Failure> {
        let first = list_key(name, 0);
        let rows = self.store.scan(Table::Overrides, &first, REVISIONS_MAX + 1).await?;
        let own = rows.iter().filter(|(key, _)| list_of(key) == Some(name));
        let read: Result<Vec<Revision>, StoreError> =
            own.map(|(key, bytes)| read(key, bytes)).collect();
        let mut revisions = read?;
        revisions.reverse();
        Ok(revisions)
    }

    /// Writes a list down as it is to be, and puts it in force. `base` is the version that whoever
    /// wrote it had read.
    pub async fn save_list(
        &self,
        name: &'static str,
        text: String,
        base: u32,
        by: &str,
    ) -> Result<(), Failure> {
        let (doors, by) = (self.clone(), by.to_owned());
        carried(async move {
            let _turn = doors.overriding.turn().await;
            let kept = doors.revisions(name).await?;
            let old = kept.first().cloned().unwrap_or_default();
            unchanged(old.version.into(), base.into(), &old.by, old.at_ms)?;
            if text == old.text {
                return Ok(());
            }
            let (added, removed) = difference(&old.text, &text);
            let new = Revision { version: base + 1, by, at_ms: now_ms(), added, removed, text };
            doors.linted(name, &new.text).await?;
            let overrides = doors.overriding.kept().with_list(name, &new.text);
            let what = format!(
                "word list {name}: {added} lines more, {removed} fewer, version {}",
                new.version
            );
            let mut writes = vec![row(&list_key(name, new.version), Expect::Absent, &new)];
            let over = kept.iter().skip(REVISIONS_MAX - 1);
            writes.extend(over.map(|old| removal(&list_key(name, old.version))));
            doors.keep(writes, overrides, ("", ""), what, &new.by).await
        })
        .await
    }

    async fn linted(&self, name: &'static str, text: &str) -> Result<(), Failure> {
        let (rules, text) = (self.settler.pipeline.rules.load_full(), text.to_owned());
        let lint = spawn_blocking(move || rules.lint(name, &text)).await;
        let problems = lint.map_err(|_| broken())?.problems;
        match problems.is_empty() {
            true => Ok(()),
            false => {
                let message = "the list has faults; it stays as it was";
                Err(unfit("list", message).with(json!({ "problems": problems })))
            }
        }
    }

    /// What is set for a channel, or for all of a route's without a policy of their own.
    pub async fn setting(&self, route: &str, channel: &str) -> Result<Setting, Failure> {
        let key = place_key(route, channel);
        let (route, channel) = (route.to_owned(), channel.to_owned());
        match self.store.load(Table::Overrides, &key).await? {
            Some(bytes) => Ok(read(&key, &bytes)?),
            None => Ok(Setting { route, channel, ..Setting::default() }),
        }
    }

    /// Sets a channel's strictness. What an admin sets is so; what others set is at least so.
    pub async fn save_levels(
        &self,
        (route, channel): (&str, &str),
        wanted: BTreeMap<Category, Strictness>,
        admin: bool,
        base: u64,
        by: &str,
    ) -> Result<(), Failure> {
        let (doors, by) = (self.clone(), by.to_owned());
        let (route, channel) = (route.to_owned(), channel.to_owned());
        carried(async move {
            let _turn = doors.overriding.turn().await;
            let old = doors.setting(&route, &channel).await?;
            unchanged(old.version, base, &old.by, old.version)?;
            let levels = merged(&old.levels, &wanted, admin)?;
            if levels == old.levels {
                return Ok(());
            }
            let overrides = doors.overriding.kept().with_levels(&route, &channel, levels.clone());
            if overrides.levels.len() > PLACES_MAX {
                let message = format!("{PLACES_MAX} channels may have a strictness of their own");
                return Err(Failure::new(StatusCode::CONFLICT, "places", message));
            }
            let what = told(&levels);
            let place = (route.clone(), channel.clone());
            let version = now_ms().max(base + 1);
            let new = Setting { route, channel, version, by, levels };
            let key = place_key(&place.0, &place.1);
            let expect = match old.version {
                0 => Expect::Absent,
                _ => Expect::Exactly(bytes(&old)),
            };
            // Nothing set is no row: channels' names are anybody's invention.
            let value = (!new.levels.is_empty()).then(|| bytes(&new));
            let writes = vec![Write { table: Table::Overrides, key, expect, value }];
            doors.keep(writes, overrides, (&place.0, &place.1), what, &new.by).await
        })
        .await
    }

    /// Whether what is written down judges, too.
    pub fn is_in_force(&self) -> bool {
        *self.settler.pipeline.rules.load().overrides == **self.overriding.kept()
    }

    /// Builds, writes down with its record, and only then puts in force.
    async fn keep(
        &self,
        mut writes: Vec<Write>,
        overrides: Overrides,
        (route, channel): (&str, &str),
        what: String,
        by: &str,
    ) -> Result<(), Failure> {
        let (pipeline, audit) = (&self.settler.pipeline, &self.settler.audit);
        let overrides = Arc::new(overrides);
        let (before, new) = built(pipeline, overrides.clone()).await.map_err(|causes| {
            causes.iter().for_each(|cause| tracing::warn!(%cause, "what was set is refused"));
            let message = "the rules cannot be built with it; the log says why";
            unfit("rules", message)
        })?;
        let noted = audit.note(Record {
            id: self.settler.holds.fresh_id(),
            at_ms: now_ms(),
            route: route.to_owned(),
            channel: channel.to_owned(),
            sender: Sender::default(),
            event: Event::Settings { what, by: by.to_owned(), why: String::new() },
            findings: Vec::new(),
            rules: new.version.to_string(),
            text_sha256: String::new(),
            decided_by: String::new(),
        });
        let (key, wanted) = (writes[0].key.clone(), writes[0].value.clone());
        writes.push(noted.write());
        match self.store.commit(writes).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Err(faster(json!({}))),
            // A commit that failed may be on the disk all the same. What is there is in force at
            // the next start, so it is from now on.
            Err(error) => match self.store.load(Table::Overrides, &key).await {
                Ok(found) if found == wanted => {}
                _ => return Err(error.into()),
            },
        }
        audit.record_noted(noted);
        *self.overriding.kept() = overrides.clone();
        if swapped(&pipeline.rules, &before, new) {
            return Ok(());
        }
        enforce(pipeline, overrides).await.map_err(|causes| {
            causes.iter().for_each(|cause| tracing::error!(%cause, "what was set is not in force"));
            broken()
        })
    }
}

fn broken() -> Failure {
    let message = "the rules could not be built; the log says why";
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "rules_broke", message)
}

fn unchanged(now: u64, base: u64, by: &str, at_ms: u64) -> Result<(), Failure> {
    match now == base {
        true => Ok(()),
        false => Err(faster(json!({ "version": now, "by": by, "at_ms": at_ms }))),
    }
}

fn faster(more: serde_json::Value) -> Failure {
    let message = "somebody else has changed it meanwhile; read it again first";
    Failure::new(StatusCode::CONFLICT, "changed", message).with(more)
}

/// Lines more and fewer, wherever they stand.
pub fn difference(old: &str, new: &str) -> (usize, usize) {
    let mut counts: BTreeMap<&str, isize> = BTreeMap::new();
    for (text, one) in [(old, -1), (new, 1)] {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            *counts.entry(line).or_default() += one;
        }
    }
    let sum = |sign: isize| counts.values().map(|n| (n * sign).max(0).unsigned_abs()).sum();
    (sum(1), sum(-1))
}

/// What comes of what somebody wants. An admin's word is exact and ends a moderator's; a
/// moderator's stands beside an admin's, and goes without touching it.
pub fn merged(
    old: &Levels,
    wanted: &BTreeMap<Category, Strictness>,
    admin: bool,
) -> Result<Levels, Failure> {
    let mut levels = Levels::new();
    for category in Category::ALL {
        let was = old.get(&category).copied().unwrap_or_default();
        let wants = wanted.get(&category).copied();
        if let Some(strictness) = wants.filter(|own| !Strictness::of(category).contains(own)) {
            let message = format!("{category} is never {}", strictness.name());
            return Err(unfit("level", message));
        }
        let level = match admin {
            _ if wants == was.least.or(was.exact) => was,
            true => Level { exact: wants, least: None },
            false => Level { least: wants.filter(|own| Some(*own) != was.exact), ..was },
        };
        if level != Level::default() {
            levels.insert(category, level);
        }
    }
    Ok(levels)
}

fn told(levels: &Levels) -> String {
    if levels.is_empty() {
        return "strictness: as the settings say".to_owned();
    }
    let each = levels.iter().map(|(category, Level { exact, least })| {
        let exact = exact.map(|exact| format!(" {}", exact.name())).unwrap_or_default();
        let least = least.map(|least| format!(" at least {}", least.name())).unwrap_or_default();
        format!("{category}{exact}{least}")
    });
    format!("strictness: {}", each.collect::<Vec<_>>().join(", "))
}

/// In the order of its versions.
fn list_key(name: &str, version: u32) -> String {
    format!("list/{name}/{version:010}")
}

fn list_of(key: &str) -> Option<&str> {
    key.strip_prefix("list/")?.split('/').next()
}

/// Names hold anything, so that only a format with quotes tells one from the other.
fn place_key(route: &str, channel: &str) -> String {
    format!("place/{}", json!([route, channel]))
}

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers are JSON")
}

fn row<T: Serialize>(key: &str, expect: Expect, value: &T) -> Write {
    Write { table: Table::Overrides, key: key.to_owned(), expect, value: Some(bytes(value)) }
}

fn removal(key: &str) -> Write {
    Write { table: Table::Overrides, key: key.to_owned(), expect: Expect::Anything, value: None }
}

fn read<'a, T: Deserialize<'a>>(key: &str, bytes: &'a [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Corrupt {
        place: format!("override {key}"),
        cause: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admins_word_is_exact_and_others_only_make_stricter() {
        use Strictness::{Off, Standard, Strict};
        let exact = |strictness| Level { exact: Some(strictness), least: None };
        let least = |strictness| Level { exact: None, least: Some(strictness) };
        let both = |exact, least| Level { exact: Some(exact), least: Some(least) };
        let (hate, spam) = (Category::Hate, Category::Spam);
        let old = Levels::from([(hate, exact(Standard)), (spam, least(Strict))]);
        let beside = Levels::from([(hate, both(Standard, Strict))]);
        for (old, all, admin, expected) in [
            (&old, &[(hate, Standard), (spam, Strict)][..], false, Some(old.clone())),
            (&old, &[(hate, Standard), (spam, Strict)], true, Some(old.clone())),
            // One's own kind is taken back, an admin's stays.
            (&old, &[(hate, Standard)], false, Some(Levels::from([(hate, exact(Standard))]))),
            (&old, &[], false, Some(Levels::from([(hate, exact(Standard))]))),
            (&old, &[(hate, Strict)], false, Some(beside.clone())),
            (&beside, &[(hate, Strict)], false, Some(beside.clone())),
            (&beside, &[(hate, Strict)], true, Some(beside.clone())),
            (&beside, &[], false, Some(Levels::from([(hate, exact(Standard))]))),
            (&beside, &[(hate, Standard)], false, Some(Levels::from([(hate, exact(Standard))]))),
            (&beside, &[(hate, Off)], true, Some(Levels::from([(hate, exact(Off))]))),
            (&old, &[], true, Some(Levels::new())),
            (&old, &[(Category::Threat, Off)], true, None),
        ] {
            let wanted = all.iter().copied().collect();
            assert_eq!(merged(old, &wanted, admin).ok(), expected, "{old:?} {all:?} {admin}");
        }
    }

    #[test]
    fn lines_are_counted_wherever_they_stand() {
        for (old, new, expected) in [
            ("", "", (0, 0)),
            ("", "a\nb\n", (2, 0)),
            ("a\nb", " b\n\na ", (0, 0)),
            ("a\na\nb", "a\nc", (1, 2)),
        ] {
            assert_eq!(difference(old, new), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn keys_tell_what_they_are_of() {
        assert_eq!(list_of(&list_key("self_harm", 7)), Some("self_harm"));
        assert_eq!(list_of(&place_key("list/a", "b")), None);
        assert_ne!(place_key("a", "b\",\"c"), place_key("a\",\"b", "c"));
        assert!(list_key("hate", 9) < list_key("hate", 10));
    }
}
