//! Asks the model, in bounded batches under a deadline.

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use crate::{
    config::ScoreConfig,
    message::{ModelCard, Score, Scores},
    metrics::Metrics,
};

mod cache;
mod cascade;
mod embedded;
mod load;
mod onnx;
mod overload;
mod worker;

pub mod manifest;
pub mod pieces;
pub mod text;

pub use cascade::Cascade;
pub use load::{Prepared, files, open};
pub use onnx::{check as check_file, ensure_silence, runtime_cause};
pub use overload::Step;

use cache::Cache;
use overload::Overload;
use worker::{Ask, Worker};

/// A toxicity model: batch in, one row of probabilities per text out.
///
/// It runs on threads of its own, never on the async runtime's.
pub trait Model: Send + Sync {
    fn about(&self) -> &About;

    /// Its heads in the order of every row, and how they are to be read.
    fn card(&self) -> &Arc<ModelCard>;

    /// # Errors
    /// Why the whole batch has no answer.
    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String>;

    /// The same in less time and less well, where more waits than can be read.
    ///
    /// # Errors
    /// As [`Model::score`].
    fn score_in_haste(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        self.score(texts)
    }

    /// What became of uncertain texts since this was last asked.
    fn take_uncertain(&self) -> Uncertain {
        Uncertain::default()
    }
}

/// Texts that the first of two models left uncertain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncertain {
    /// The second has read them.
    pub read: u64,
    /// There was no time for it.
    pub left: u64,
}

/// Which model it is, and what runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub name: String,
    /// The first twelve hex digits of the file's digest; of a second model's too, after a `+`.
    pub id: Arc<str>,
    /// As the settings name it.
    pub runtime: &'static str,
    pub version: String,
    /// The runtime's file, if it is no part of this program.
    pub library: Option<PathBuf>,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About { name, id, runtime, version, library } = self;
        write!(f, "model {name} ({id}), runtime {runtime} ({version}")?;
        match library {
            Some(library) => write!(f, ", {})", library.display()),
            None => f.write_str(")"),
        }
    }
}

/// The queue before the model; cheap to clone. The threads end with the last clone.
#[derive(Clone)]
pub struct Scorer {
    stage: Option<Arc<Stage>>,
}

struct Stage {
    queue: SyncSender<Ask>,
    loaded: Arc<ArcSwap<Loaded>>,
    /// Drawn at the start, so that nobody outside knows which texts share a place in the cache.
    keys: RandomState,
    cache_max: usize,
    deadline: Duration,
    overload: Arc<Overload>,
    metrics: Arc<Metrics>,
}

/// A model and what it has answered: both go when another takes over.
struct Loaded {
    prepared: Prepared,
    cache: Cache,
}

impl Loaded {
    fn known(&self, row: Vec<f32>) -> Score {
        Score::Known(Scores { model: self.prepared.model.card().clone(), row })
    }
}

impl Scorer {
    /// A stage without a model: every score is `Skipped`.
    pub fn none() -> Scorer {
        Scorer { stage: None }
    }

    /// The stage as the settings want it. Loading takes up to a second.
    ///
    /// # Errors
    /// Everything that is wrong with the model that the settings name.
    pub fn open(config: &ScoreConfig, metrics: Arc<Metrics>) -> Result<Scorer, Vec<String>> {
        if !config.enabled {
            tracing::info!("no model: word lists and rules judge alone");
            return Ok(Scorer::none());
        }
        let prepared = load::open(config)?;
        tracing::info!("{}", prepared.model.about());
        Ok(Scorer::with(prepared, config, metrics))
    }

    /// Starts the model's threads.
    pub fn start(model: Arc<dyn Model>, config: &ScoreConfig, metrics: Arc<Metrics>) -> Scorer {
        Scorer::with(Prepared { model, manifest: None }, config, metrics)
    }

    fn with(prepared: Prepared, config: &ScoreConfig, metrics: Arc<Metrics>) -> Scorer {
        let (queue, asks) = sync_channel(config.queue_max.max(1));
        let cache = Cache::new(config.cache_max);
        let loaded = Arc::new(ArcSwap::from_pointee(Loaded { prepared, cache }));
        let deadline = Duration::from_millis(config.score_deadline_ms);
        let overload = Overload::new(config.threads, deadline, config.queue_max, metrics.clone());
        let overload = Arc::new(overload);
        Worker::start(config, asks, &loaded, &overload, &metrics);
        let stage = Stage {
            queue,
            loaded,
            keys: RandomState::new(),
            cache_max: config.cache_max,
            deadline,
            overload,
            metrics,
        };
        Scorer { stage: Some(Arc::new(stage)) }
    }

    /// Whether there is a model at all.
    pub fn available(&self) -> bool {
        self.stage.is_some()
    }

    /// Which model answers now.
    pub fn about(&self) -> Option<About> {
        self.stage.as_ref().map(|stage| stage.loaded.load().prepared.model.about().clone())
    }

    /// The score of a text, and of the reading that undoes its evasion where it has one: of each
    /// head the higher. `Late` after the deadline, with a full queue, or when the model failed.
    pub async fn score(&self, text: &str, reading: Option<&str>) -> Score {
        self.score_within(text, reading, None).await
    }

    /// The same for whoever can wait longer, or less long, than a chat; `None`: as a chat.
    pub async fn score_within(
        &self,
        text: &str,
        reading: Option<&str>,
        wait: Option<Duration>,
    ) -> Score {
        self.score_of(text, reading, wait, false).await
    }

    /// The same for what was paid for: it is asked for as long as there is room at all.
    pub async fn score_paid(
        &self,
        text: &str,
        reading: Option<&str>,
        wait: Option<Duration>,
    ) -> Score {
        self.score_of(text, reading, wait, true).await
    }

    async fn score_of(
        &self,
        text: &str,
        reading: Option<&str>,
        wait: Option<Duration>,
        paid: bool,
    ) -> Score {
        let Some(stage) = &self.stage else { return Score::Skipped };
        let reading = reading.filter(|reading| *reading != text);
        let key = stage.keys.hash_one((text, reading));
        let loaded = stage.loaded.load();
        if let Some(row) = loaded.cache.find(key) {
            stage.metrics.scored("cached");
            return loaded.known(row);
        }
        drop(loaded);
        let asked = Instant::now();
        let admitted = match wait {
            None if !paid => {
                let queued = u64::try_from(stage.metrics.score_queue.get()).unwrap_or(0);
                stage.overload.admits(queued, stage.deadline)
            }
            // Whoever can wait, waits.
            _ => true,
        };
        let score = match admitted {
            true => stage.ask(key, (text, reading), wait, paid).await,
            false => {
                stage.metrics.discard("score_overload");
                Score::Late
            }
        };
        stage.metrics.score_seconds.observe(asked.elapsed().as_secs_f64());
        stage.metrics.scored(if score == Score::Late { "late" } else { "known" });
        score
    }

    /// No score, for the policy has no use for one.
    pub fn skip(&self) -> Score {
        if let Some(stage) = &self.stage {
            stage.metrics.scored("not_needed");
        }
        Score::Skipped
    }

    /// What is given up now because more is asked than the model can read.
    pub fn overload(&self) -> Step {
        self.stage.as_ref().map_or(Step::Nothing, |stage| stage.overload.step())
    }

    /// No score, for others need it more.
    pub fn spare(&self) -> Score {
        if let Some(stage) = &self.stage {
            stage.metrics.scored("spared");
        }
        Score::Skipped
    }

    /// Loads what the settings name now, off the path; `None` where that is what runs already, or
    /// where no model runs.
    ///
    /// # Errors
    /// Everything that is wrong with it; the model of before goes on.
    pub fn prepare(&self, config: &ScoreConfig) -> Result<Option<Prepared>, Vec<String>> {
        let Some(stage) = &self.stage else { return Ok(None) };
        let manifest = load::manifest(config)?;
        if stage.loaded.load().prepared.manifest.as_ref() == Some(&manifest) {
            // Files that no longer fit would not be found out before the next start.
            return load::verify(config, &manifest).map(|()| None);
        }
        load::open(config).map(Some)
    }

    /// Lets a prepared model answer from now on; what was answered before is forgotten.
    pub fn swap(&self, prepared: Prepared) {
        let Some(stage) = &self.stage else { return };
        tracing::info!("{} from now on", prepared.model.about());
        let cache = Cache::new(stage.cache_max);
        stage.loaded.store(Arc::new(Loaded { prepared, cache }));
    }
}

impl Stage {
    async fn ask(
        &self,
        key: u64,
        (text, reading): (&str, Option<&str>),
        wait: Option<Duration>,
        paid: bool,
    ) -> Score {
        let (answer, row) = oneshot::channel();
        let (text, reading) = (text.to_owned(), reading.map(str::to_owned));
        let chat = wait.is_none() && !paid;
        let ask = Ask { key, text, reading, chat, answer };
        let weight = ask.weight();
        self.metrics.score_queue.inc();
        self.overload.enter(weight);
        if let Err(refused) = self.queue.try_send(ask) {
            self.metrics.score_queue.dec();
            self.overload.leave(weight);
            if chat {
                self.overload.turned_away();
            }
            self.metrics.discard(match refused {
                TrySendError::Full(_) => "score_queue_full",
                TrySendError::Disconnected(_) => "score_threads_gone",
            });
            return Score::Late;
        }
        match tokio::time::timeout(wait.unwrap_or(self.deadline), row).await {
            Ok(Ok(score)) => score,
            // The model failed on this batch and dropped the way back.
            Ok(Err(_)) => {
                self.metrics.discard("score_failed");
                Score::Late
            }
            Err(_) => {
                self.metrics.discard("score_deadline");
                Score::Late
            }
        }
    }
}
