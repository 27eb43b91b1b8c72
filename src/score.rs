//! Asks the model, in bounded batches under a deadline.

use std::sync::Arc;

use crate::{config::ScoreConfig, message::Score, metrics::Metrics};

/// A toxicity model: batch in, one row of probabilities per text out.
///
/// It runs on threads of its own, never on the async runtime's.
pub trait Model: Send + Sync {
    /// Head names, in the order of every row.
    fn heads(&self) -> &[Arc<str>];

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String>;
}

/// The queue before the model.
#[derive(Clone)]
pub struct Scorer {}

impl Scorer {
    /// A stage without a model: every score is `Skipped`.
    pub fn none() -> Scorer {
        todo!()
    }

    pub fn start(_model: Arc<dyn Model>, _config: &ScoreConfig, _metrics: Arc<Metrics>) -> Scorer {
        todo!()
    }

    pub fn available(&self) -> bool {
        todo!()
    }

    /// The score, or `Late` after the deadline, with a full queue, or when the model failed.
    pub async fn score(&self, _text: &str) -> Score {
        todo!()
    }
}
