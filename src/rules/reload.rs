//! Watches settings, word lists and model, and swaps in what is built from what they say now.
//!
//! Once a second the files' lengths, times and real paths are compared. A notification service
//! of the system would be quicker and misses what matters: a mounted Kubernetes config map changes
//! by a swapped symbolic link two levels up, network and overlay file systems send nothing, and an
//! editor that renames a new file into place ends a watch on the old one. A few `stat` calls a
//! second cost nothing and see all of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;

use super::{Overrides, Ruleset};
use crate::{
    config::Config,
    metrics::Metrics,
    score::{self, Prepared, Scorer},
};

const POLL: Duration = Duration::from_secs(1);
/// Files looked at within word-list folders, so that a path of `/` is a slow mistake and no worse.
const FILES_MAX: usize = 10_000;
/// `wordlists/<lang>/<category>`, and some room.
const DEPTH_MAX: usize = 4;

/// Reloads for ever: when a file has changed, and at SIGHUP.
///
/// Only policies, word lists and the model are taken over; what needs a restart is said in the log.
pub async fn reload_on_change(
    path: PathBuf,
    running: Config,
    rules: Arc<ArcSwap<Ruleset>>,
    scorer: Scorer,
    metrics: Arc<Metrics>,
) {
    let mut reloader = Reloader::new(path, running, rules, scorer, metrics).await;
    let mut clock = tokio::time::interval(POLL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut hangup = Hangup::listen();
    loop {
        let forced = tokio::select! {
            _ = clock.tick() => false,
            () = hangup.next() => true,
        };
        reloader.step(forced).await;
    }
}

/// What one look at the files led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Unchanged,
    /// The new ruleset judges from now on, with the new model where there is one.
    Loaded,
    /// The old ruleset and model go on judging, for these causes.
    Refused(Vec<String>),
}

/// Compares, builds and swaps.
pub struct Reloader {
    path: PathBuf,
    running: Config,
    rules: Arc<ArcSwap<Ruleset>>,
    scorer: Scorer,
    metrics: Arc<Metrics>,
    /// The word lists and model files that the settings as last read name, good or bad.
    parts: Vec<PathBuf>,
    /// The files as they were when last loaded or refused.
    done: Vec<Mark>,
    /// The files as they were at the last look.
    seen: Vec<Mark>,
}

impl Reloader {
    pub async fn new(
        path: PathBuf,
        running: Config,
        rules: Arc<ArcSwap<Ruleset>>,
        scorer: Scorer,
        metrics: Arc<Metrics>,
    ) -> Reloader {
        let parts = parts(&running);
        let done = marks(&path, &parts).await;
        Reloader { path, running, rules, scorer, metrics, parts, seen: done.clone(), done }
    }

    /// Looks once, and loads what has changed and stayed so since the last look: a file that is
    /// still being written is left alone. `forced` loads in any case.
    pub async fn step(&mut self, forced: bool) -> Outcome {
        let now = marks(&self.path, &self.parts).await;
        let settled = now == self.seen;
        self.seen = now.clone();
        if !forced && (!settled || now == self.done) {
            return Outcome::Unchanged;
        }
        loop {
            if let Some(outcome) = self.attempt().await {
                return outcome;
            }
        }
    }

    /// Builds and swaps; `None` where something was set at the console meanwhile, which would be
    /// lost.
    async fn attempt(&mut self) -> Option<Outcome> {
        let before = self.rules.load_full();
        let (path, running) = (self.path.clone(), self.running.clone());
        let (scorer, metrics) = (self.scorer.clone(), self.metrics.clone());
        let overrides = before.overrides.clone();
        let work = move || build(&path, &running, overrides, &scorer, &metrics);
        let (parts, result) = tokio::task::spawn_blocking(work).await.unwrap_or_else(|failed| {
            // A panic while building is ours, and no reason to stop judging with what we have.
            (None, Err(vec![format!("building the ruleset failed: {failed}")]))
        });
        if let Some(parts) = parts
            && parts != self.parts
        {
            self.parts = parts;
            self.seen = marks(&self.path, &self.parts).await;
        }
        self.done = self.seen.clone();
        self.finish(&before, result)
    }

    fn finish(&self, before: &Arc<Ruleset>, result: Result<Built, Vec<String>>) -> Option<Outcome> {
        Some(match result {
            Ok(Built { ruleset, model, restart }) => {
                let version = ruleset.version.clone();
                // Two stores: a message in between has its score read by the rules of before.
                if let Some(model) = model {
                    self.scorer.swap(model);
                    self.metrics.model_load("ok");
                }
                if !swapped(&self.rules, before, ruleset) {
                    return None;
                }
                self.metrics.reload("ok");
                tracing::info!(%version, "new rules judge from now on");
                if !restart.is_empty() {
                    let keys = restart.join(", ");
                    tracing::warn!(%keys, "these settings have changed and need a restart");
                }
                Outcome::Loaded
            }
            Err(causes) => {
                self.metrics.reload("refused");
                let version = self.rules.load().version.clone();
                for cause in &causes {
                    tracing::error!(%cause, "new rules refused");
                }
                tracing::error!(%version, "the rules of before go on judging");
                Outcome::Refused(causes)
            }
        })
    }
}

/// Puts new rules in force, unless others came into force since they were begun.
pub fn swapped(rules: &ArcSwap<Ruleset>, before: &Arc<Ruleset>, new: Ruleset) -> bool {
    let found = rules.compare_and_swap(before, Arc::new(new));
    Arc::ptr_eq(&found, before)
}

/// Everything that takes over together.
struct Built {
    ruleset: Ruleset,
    /// None where the model stays.
    model: Option<Prepared>,
    /// The settings that have changed and need a restart.
    restart: Vec<String>,
}

/// The parts that the file names, if it could be read, and what came of building from it.
fn build(
    path: &Path,
    running: &Config,
    overrides: Arc<Overrides>,
    scorer: &Scorer,
    metrics: &Metrics,
) -> (Option<Vec<PathBuf>>, Result<Built, Vec<String>>) {
    let new = match Config::read(path) {
        Ok(new) => new,
        Err(problems) => return (None, Err(problems.iter().map(ToString::to_string).collect())),
    };
    let merged = merged(running, &new);
    let model = scorer.prepare(&merged.score).inspect_err(|_| metrics.model_load("refused"));
    let built = match (Ruleset::overridden(&merged, overrides), model) {
        (Ok(ruleset), Ok(model)) => {
            Ok(Built { ruleset, model, restart: needs_restart(running, &new) })
        }
        (rules, model) => {
            let causes = [rules.err(), model.err()];
            Err(causes.into_iter().flatten().flatten().collect())
        }
    };
    (Some(parts(&new)), built)
}

fn parts(config: &Config) -> Vec<PathBuf> {
    let lists = config.wordlists.paths.iter().cloned();
    lists.chain(score::files(&config.score)).collect()
}

/// The running settings with the new policies, word lists and model. The routes stay those that
/// run, or a route renamed in the file would be judged by the fallback until the restart.
fn merged(running: &Config, new: &Config) -> Config {
    let mut merged = running.clone();
    merged.wordlists = new.wordlists.clone();
    merged.policy = new.policy.clone();
    merged.floor = new.floor.clone();
    merged.score.manifest = new.score.manifest.clone();
    let policies = &mut merged.policy;
    // What is gone from the file still runs; its policies may be gone too, and still must stand.
    let mut keep = |channels: &BTreeMap<String, String>, own: &String| {
        for name in channels.values().chain([own]) {
            let Some(policy) = running.policy.get(name) else { continue };
            policies.entry(name.clone()).or_insert_with(|| policy.clone());
        }
    };
    for route in &mut merged.route {
        match new.route.iter().find(|other| other.name() == route.name()) {
            Some(other) => {
                route.policy = other.policy.clone();
                route.channels = other.channels.clone();
            }
            None => keep(&route.channels, &route.policy),
        }
    }
    for hook in &mut merged.hook {
        match new.hook.iter().find(|other| other.name == hook.name) {
            Some(other) => {
                hook.policy = other.policy.clone();
                hook.channels = other.channels.clone();
            }
            None => keep(&hook.channels, &hook.policy),
        }
    }
    merged
}

/// The sections that differ and are read at the start alone.
fn needs_restart(running: &Config, new: &Config) -> Vec<String> {
    let plain = |config: &Config| {
        let mut config = config.clone();
        config.policy.clear();
        config.floor = Default::default();
        config.wordlists = Default::default();
        config.score.manifest = PathBuf::new();
        for route in &mut config.route {
            route.policy.clear();
            route.channels.clear();
        }
        for hook in &mut config.hook {
            hook.policy.clear();
            hook.channels.clear();
        }
        toml::Table::try_from(config).unwrap_or_default()
    };
    let (old, new) = (plain(running), plain(new));
    let differs = |key: &&String| old.get(*key) != new.get(*key);
    let mut keys: Vec<String> = old.keys().chain(new.keys()).filter(differs).cloned().collect();
    keys.sort();
    keys.dedup();
    keys
}

/// One file as it was: its real path tells of a swapped link, the rest of a change in place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    real: Option<PathBuf>,
    length: u64,
    changed: Option<SystemTime>,
}

async fn marks(path: &Path, parts: &[PathBuf]) -> Vec<Mark> {
    let (path, parts) = (path.to_owned(), parts.to_vec());
    let look = move || {
        let mut marks = Vec::new();
        mark(&path, 0, &mut marks);
        parts.iter().for_each(|part| mark(part, 0, &mut marks));
        marks
    };
    // Were the look itself to fail, it would look like files that are gone: refused, and said so.
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

fn mark(path: &Path, depth: usize, marks: &mut Vec<Mark>) {
    if marks.len() >= FILES_MAX || depth > DEPTH_MAX {
        return;
    }
    let real = fs::canonicalize(path).ok();
    let Ok(meta) = fs::metadata(path) else {
        return marks.push(Mark { real, length: 0, changed: None });
    };
    if !meta.is_dir() {
        let changed = meta.modified().ok();
        return marks.push(Mark { real, length: meta.len(), changed });
    }
    for inside in inside(path).unwrap_or_default() {
        mark(&inside, depth + 1, marks);
    }
}

fn inside(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.take(FILES_MAX);
    let mut paths: Vec<PathBuf> = entries.map(|e| Ok(e?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// The signal by which operators ask for a reload; never there where the system has none.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    #[cfg(unix)]
    fn listen() -> Hangup {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup());
        Hangup { signal: signal.inspect_err(|cause| tracing::error!(%cause, "no SIGHUP")).ok() }
    }

    #[cfg(not(unix))]
    fn listen() -> Hangup {
        Hangup {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
