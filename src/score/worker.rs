//! Feeds the model on threads of their own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::Receiver,
    },
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::{Loaded, Model, Uncertain, overload::Overload};
use crate::{config::ScoreConfig, message::Score, metrics::Metrics};

/// Text that one batch takes, about; a longer one is run by itself. Some hundred ids: what the
/// model reads within the usual deadline.
const BATCH_BYTES_MAX: usize = 2_048;

/// One text waiting for its score.
pub(super) struct Ask {
    /// Of both readings, for the cache.
    pub key: u64,
    pub text: String,
    pub reading: Option<String>,
    /// A chat message that cannot wait: what overload is measured by.
    pub chat: bool,
    pub answer: oneshot::Sender<Score>,
}

impl Ask {
    fn texts(&self) -> impl Iterator<Item = &str> {
        [Some(self.text.as_str()), self.reading.as_deref()].into_iter().flatten()
    }

    pub fn bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// What of it a chat message would have to wait for: the newest goes first, and whoever can
    /// wait does so behind the chat.
    pub fn weight(&self) -> usize {
        if self.chat { self.bytes() } else { 0 }
    }
}

/// What waits for the model, before all its threads.
struct Waiting {
    asks: Receiver<Ask>,
    /// Taken from the queue, the newest last; never more than the queue may have.
    stack: Vec<Ask>,
}

/// One thread that feeds the model.
pub(super) struct Worker {
    loaded: Arc<ArcSwap<Loaded>>,
    waiting: Arc<Mutex<Waiting>>,
    queue_max: usize,
    batch_max: usize,
    deadline_ns: u64,
    overload: Arc<Overload>,
    /// The overload's.
    ns_a_byte: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
    /// Whether the last batch failed, so that a long illness is logged once.
    ill: Arc<AtomicBool>,
}

impl Worker {
    /// Starts as many threads as the settings say; they end when nobody can ask any more.
    pub fn start(
        config: &ScoreConfig,
        asks: Receiver<Ask>,
        loaded: &Arc<ArcSwap<Loaded>>,
        overload: &Arc<Overload>,
        metrics: &Arc<Metrics>,
    ) {
        let waiting = Arc::new(Mutex::new(Waiting { asks, stack: Vec::new() }));
        let ill = Arc::new(AtomicBool::new(false));
        for number in 0..config.threads.max(1) {
            let worker = Worker {
                loaded: loaded.clone(),
                waiting: waiting.clone(),
                queue_max: config.queue_max.max(1),
                batch_max: config.batch_max.max(1),
                deadline_ns: config.score_deadline_ms.saturating_mul(1_000_000),
                ns_a_byte: overload.ns_a_byte.clone(),
                overload: overload.clone(),
                metrics: metrics.clone(),
                ill: ill.clone(),
            };
            let name = format!("score-{number}");
            if let Err(cause) = thread::Builder::new().name(name).spawn(move || worker.run()) {
                // With fewer threads, or none, scores come late, and policy knows what to do.
                tracing::error!(%cause, "a model thread could not be started");
            }
        }
    }

    fn run(self) {
        while let Some((batch, behind)) = self.batch() {
            if batch.is_empty() {
                continue;
            }
            // One model for the whole batch, whatever is swapped meanwhile.
            let loaded = self.loaded.load_full();
            match self.rows(&*loaded.prepared.model, &batch, behind) {
                Ok(rows) => {
                    if self.ill.swap(false, Ordering::Relaxed) {
                        tracing::info!("the model answers again");
                    }
                    answer(&loaded, batch, rows);
                }
                Err(cause) => {
                    if !self.ill.swap(true, Ordering::Relaxed) {
                        tracing::error!(%cause, "the model fails: scores are late from now on");
                    }
                }
            }
        }
    }

    /// Waits for a text and takes the newest that wait; `None` when nobody can ask any more.
    ///
    /// The newest first: behind schedule, the oldest are near their deadline, and a model that
    /// serves them in order answers everybody a moment too late. So whoever is answered is answered
    /// in time, and who waited longest is late.
    ///
    /// With the batch comes whether more is left than the next could take.
    fn batch(&self) -> Option<(Vec<Ask>, bool)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Waiting { asks, stack } = &mut *waiting;
        if stack.is_empty() {
            stack.push(asks.recv().ok()?);
        }
        while stack.len() < self.queue_max
            && let Ok(ask) = asks.try_recv()
        {
            stack.push(ask);
        }
        let weight = |stack: &[Ask]| stack.iter().map(Ask::weight).sum::<usize>();
        let (waited, weighed) = (stack.len(), weight(stack));
        // Whose deadline has passed no longer listens, and costs the model nothing.
        stack.retain(|ask| !ask.answer.is_closed());
        let (mut batch, mut bytes, bytes_max) = (Vec::new(), 0, self.bytes_in_time());
        while batch.len() < self.batch_max
            && bytes < bytes_max
            && let Some(ask) = stack.pop()
        {
            bytes += ask.bytes();
            batch.push(ask);
        }
        self.metrics.score_queue.dec_by((waited - stack.len()) as i64);
        let left: usize = stack.iter().map(Ask::bytes).sum();
        self.overload.leave(weighed - weight(stack));
        Some((batch, left > bytes_max))
    }

    /// How much text the model reads in half the deadline, by its own pace: the other half may have
    /// passed while the batch before ran.
    fn bytes_in_time(&self) -> usize {
        match self.ns_a_byte.load(Ordering::Relaxed) {
            0 => BATCH_BYTES_MAX,
            // One text is always taken, however slow the model is.
            pace => ((self.deadline_ns / 2 / pace) as usize).clamp(1, BATCH_BYTES_MAX),
        }
    }

    /// Notes what a batch took; the pace follows within some batches.
    fn note_pace(&self, took: Duration, batch: &[Ask]) {
        let bytes = batch.iter().map(Ask::bytes).sum::<usize>().max(1);
        let now = (took.as_nanos() as u64 / bytes as u64).max(1);
        let pace = match self.ns_a_byte.load(Ordering::Relaxed) {
            0 => now,
            before => (before * 3 + now) / 4,
        };
        self.ns_a_byte.store(pace.max(1), Ordering::Relaxed);
    }

    /// One row for each ask: of each head the higher of both readings.
    fn rows(
        &self,
        model: &dyn Model,
        batch: &[Ask],
        behind: bool,
    ) -> Result<Vec<Vec<f32>>, String> {
        let texts: Vec<&str> = batch.iter().flat_map(Ask::texts).collect();
        let started = Instant::now();
        // A model that panics on one text must not take the stage down for good.
        // Behind schedule, an answer of the first model is worth more than a late one of both.
        let score = || if behind { model.score_in_haste(&texts) } else { model.score(&texts) };
        let rows =
            catch_unwind(AssertUnwindSafe(score)).map_err(|_| "it panicked".to_owned())??;
        let took = started.elapsed();
        self.note_pace(took, batch);
        self.metrics.model_seconds.observe(took.as_secs_f64());
        self.metrics.score_batch.observe(texts.len() as f64);
        let Uncertain { read, left } = model.take_uncertain();
        self.metrics.uncertain(read, left);
        let heads = model.card().heads.len();
        let sound = |row: &Vec<f32>| row.len() == heads && row.iter().all(|p| p.is_finite());
        if rows.len() != texts.len() || !rows.iter().all(sound) {
            return Err("its answer has the wrong shape or is not a number".to_owned());
        }
        let mut rows = rows.into_iter();
        let highest = |ask: &Ask| {
            let mut row = vec![0.0f32; heads];
            for own in rows.by_ref().take(ask.texts().count()) {
                for (highest, p) in row.iter_mut().zip(own) {
                    *highest = highest.max(p.clamp(0.0, 1.0));
                }
            }
            row
        };
        Ok(batch.iter().map(highest).collect())
    }
}

fn answer(loaded: &Loaded, batch: Vec<Ask>, rows: Vec<Vec<f32>>) {
    for (ask, row) in batch.into_iter().zip(rows) {
        let score = loaded.known(row.clone());
        loaded.cache.keep(ask.key, row);
        // Nobody listens where the deadline has just passed; the next of that text need not wait.
        let _ = ask.answer.send(score);
    }
}
