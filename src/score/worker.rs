//! Feeds the model on threads of their own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
    thread,
    time::Instant,
};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::{Loaded, Model};
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
    pub answer: oneshot::Sender<Score>,
}

impl Ask {
    fn texts(&self) -> impl Iterator<Item = &str> {
        [Some(self.text.as_str()), self.reading.as_deref()].into_iter().flatten()
    }
}

/// One thread that feeds the model.
pub(super) struct Worker {
    loaded: Arc<ArcSwap<Loaded>>,
    asks: Arc<Mutex<Receiver<Ask>>>,
    batch_max: usize,
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
        metrics: &Arc<Metrics>,
    ) {
        let asks = Arc::new(Mutex::new(asks));
        let ill = Arc::new(AtomicBool::new(false));
        for number in 0..config.threads.max(1) {
            let worker = Worker {
                loaded: loaded.clone(),
                asks: asks.clone(),
                batch_max: config.batch_max.max(1),
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
        while let Some(batch) = self.batch() {
            if batch.is_empty() {
                continue;
            }
            // One model for the whole batch, whatever is swapped meanwhile.
            let loaded = self.loaded.load_full();
            match self.rows(&*loaded.prepared.model, &batch) {
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

    /// Waits for one text and takes along what else is there; `None` when nobody can ask any more.
    fn batch(&self) -> Option<Vec<Ask>> {
        let asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = vec![asks.recv().ok()?];
        // Long texts are not taken along: nobody who asks about a short one should wait for them.
        let mut bytes: usize = batch[0].texts().map(str::len).sum();
        while batch.len() < self.batch_max
            && bytes < BATCH_BYTES_MAX
            && let Ok(ask) = asks.try_recv()
        {
            bytes += ask.texts().map(str::len).sum::<usize>();
            batch.push(ask);
        }
        drop(asks);
        self.metrics.score_queue.dec_by(batch.len() as i64);
        // Whose deadline has passed no longer listens, and costs the model nothing.
        batch.retain(|ask| !ask.answer.is_closed());
        Some(batch)
    }

    /// One row for each ask: of each head the higher of both readings.
    fn rows(&self, model: &dyn Model, batch: &[Ask]) -> Result<Vec<Vec<f32>>, String> {
        let texts: Vec<&str> = batch.iter().flat_map(Ask::texts).collect();
        let started = Instant::now();
        // A model that panics on one text must not take the stage down for good.
        let rows = catch_unwind(AssertUnwindSafe(|| model.score(&texts)))
            .map_err(|_| "it panicked".to_owned())??;
        self.metrics.model_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.score_batch.observe(texts.len() as f64);
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
