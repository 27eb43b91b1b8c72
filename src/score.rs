//! Asks the model, in bounded batches under a deadline.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    config::ScoreConfig,
    message::{ModelCard, Score, Scores},
    metrics::Metrics,
};

pub mod manifest;

/// A toxicity model: batch in, one row of probabilities per text out.
///
/// It runs on threads of its own, never on the async runtime's.
pub trait Model: Send + Sync {
    /// Which model it is, its heads in the order of every row, and how they are to be read.
    fn card(&self) -> &Arc<ModelCard>;

    /// # Errors
    /// Why the whole batch has no answer.
    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String>;
}

/// The queue before the model; cheap to clone. The threads end with the last clone.
#[derive(Clone)]
pub struct Scorer {
    stage: Option<Arc<Stage>>,
}

struct Stage {
    queue: SyncSender<Ask>,
    deadline: Duration,
    metrics: Arc<Metrics>,
}

/// One text waiting for its row.
struct Ask {
    text: String,
    answer: oneshot::Sender<Scores>,
}

impl Scorer {
    /// A stage without a model: every score is `Skipped`.
    pub fn none() -> Scorer {
        Scorer { stage: None }
    }

    /// The stage as the settings want it, with the model that this build carries: so far none, so
    /// that word lists and rules judge alone.
    pub fn open(config: &ScoreConfig, _metrics: Arc<Metrics>) -> Scorer {
        if config.enabled {
            tracing::info!("no model in this build: word lists and rules judge alone");
        }
        Scorer::none()
    }

    /// Starts the model's threads.
    pub fn start(model: Arc<dyn Model>, config: &ScoreConfig, metrics: Arc<Metrics>) -> Scorer {
        let (queue, asks) = sync_channel(config.queue_max.max(1));
        let asks = Arc::new(Mutex::new(asks));
        let ill = Arc::new(AtomicBool::new(false));
        for number in 0..config.threads.max(1) {
            let worker = Worker {
                model: model.clone(),
                asks: asks.clone(),
                batch_max: config.batch_max.max(1),
                ill: ill.clone(),
            };
            let name = format!("score-{number}");
            if let Err(cause) = thread::Builder::new().name(name).spawn(move || worker.run()) {
                // With fewer threads, or none, scores come late, and policy knows what to do.
                tracing::error!(%cause, "a model thread could not be started");
            }
        }
        let deadline = Duration::from_millis(config.score_deadline_ms);
        Scorer { stage: Some(Arc::new(Stage { queue, deadline, metrics })) }
    }

    /// Whether there is a model at all.
    pub fn available(&self) -> bool {
        self.stage.is_some()
    }

    /// The score, or `Late` after the deadline, with a full queue, or when the model failed.
    pub async fn score(&self, text: &str) -> Score {
        let Some(stage) = &self.stage else { return Score::Skipped };
        let asked = Instant::now();
        let score = stage.ask(text).await;
        stage.metrics.score_seconds.observe(asked.elapsed().as_secs_f64());
        stage.metrics.scored(if score == Score::Late { "late" } else { "known" });
        score
    }
}

impl Stage {
    async fn ask(&self, text: &str) -> Score {
        let (answer, row) = oneshot::channel();
        match self.queue.try_send(Ask { text: text.to_owned(), answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.metrics.discard("score_queue_full");
                return Score::Late;
            }
            Err(TrySendError::Disconnected(_)) => {
                self.metrics.discard("score_threads_gone");
                return Score::Late;
            }
        }
        match tokio::time::timeout(self.deadline, row).await {
            Ok(Ok(row)) => Score::Known(row),
            // The model failed on this batch and dropped the way back.
            Ok(Err(_)) => Score::Late,
            Err(_) => Score::Late,
        }
    }
}

/// One thread that feeds the model.
struct Worker {
    model: Arc<dyn Model>,
    asks: Arc<Mutex<Receiver<Ask>>>,
    batch_max: usize,
    /// Whether the last batch failed, so that a long illness is logged once.
    ill: Arc<AtomicBool>,
}

impl Worker {
    fn run(self) {
        while let Some(batch) = self.batch() {
            if batch.is_empty() {
                continue;
            }
            match self.rows(&batch) {
                Ok(rows) => {
                    if self.ill.swap(false, Ordering::Relaxed) {
                        tracing::info!("the model answers again");
                    }
                    self.answer(batch, rows);
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
        while batch.len() < self.batch_max
            && let Ok(ask) = asks.try_recv()
        {
            batch.push(ask);
        }
        drop(asks);
        // Whose deadline has passed no longer listens, and costs the model nothing.
        batch.retain(|ask| !ask.answer.is_closed());
        Some(batch)
    }

    fn rows(&self, batch: &[Ask]) -> Result<Vec<Vec<f32>>, String> {
        let texts: Vec<&str> = batch.iter().map(|ask| ask.text.as_str()).collect();
        // A model that panics on one text must not take the stage down for good.
        let rows = catch_unwind(AssertUnwindSafe(|| self.model.score(&texts)))
            .map_err(|_| "it panicked".to_owned())??;
        let heads = self.model.card().heads.len();
        let sound = |row: &Vec<f32>| row.len() == heads && row.iter().all(|p| p.is_finite());
        match rows.len() == batch.len() && rows.iter().all(sound) {
            true => Ok(rows),
            false => Err("its answer has the wrong shape or is not a number".to_owned()),
        }
    }

    fn answer(&self, batch: Vec<Ask>, rows: Vec<Vec<f32>>) {
        for (ask, row) in batch.into_iter().zip(rows) {
            let row = row.into_iter().map(|p| p.clamp(0.0, 1.0)).collect();
            // Nobody listens where the deadline has just passed.
            let _ = ask.answer.send(Scores { model: self.model.card().clone(), row });
        }
    }
}
