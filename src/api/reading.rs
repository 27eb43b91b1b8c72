//! Asks the model about a text of any length, for answers that cannot say "not known".

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::sentences::pieces;
use crate::{
    message::{Finding, Message, Score, Scores, now_ms},
    pipeline::Pipeline,
};

/// The model reads a long text in three windows, and what stands between them not at all. Up to
/// here the three hold everything: 192 pieces of its vocabulary, each three bytes or longer but for
/// noise.
const WHOLE_BYTES_MAX: usize = 512;
/// Less than two windows, so that nothing falls between.
const PIECE_BYTES_MAX: usize = 320;

/// The model did not answer in time, or another took over meanwhile.
pub struct Late;

/// What the model says of a text: of each head the highest over the text and, where it is long,
/// over its pieces. `None` without a model.
///
/// The pieces are asked for one after the other, so that one long text is never more than one of
/// those that wait for the model.
///
/// # Errors
/// Where the model has not answered everything within `wait`.
pub async fn scores(
    pipeline: &Pipeline,
    text: &str,
    wait: Duration,
) -> Result<Option<Scores>, Late> {
    let until = Instant::now() + wait;
    let mut all = match pipeline.score_within(text, Some(wait)).await {
        Score::Known(scores) => scores,
        Score::Skipped => return Ok(None),
        Score::Late => return Err(Late),
    };
    if text.len() <= WHOLE_BYTES_MAX {
        return Ok(Some(all));
    }
    for piece in pieces(text, PIECE_BYTES_MAX) {
        let left = until.saturating_duration_since(Instant::now());
        match pipeline.score_within(&text[piece], Some(left)).await {
            Score::Known(scores) if Arc::ptr_eq(&scores.model, &all.model) => {
                for (highest, p) in all.row.iter_mut().zip(scores.row) {
                    *highest = highest.max(p);
                }
            }
            _ => return Err(Late),
        }
    }
    Ok(Some(all))
}

/// What lists and rules find in a text that nobody in particular has said.
///
/// A long text takes milliseconds, so that this is no work for the threads that carry the chat.
pub async fn found(pipeline: &Pipeline, route: Arc<str>, text: String) -> Vec<Finding> {
    let pipeline = pipeline.clone();
    let message = Message { route, text, at_ms: now_ms(), ..Message::default() };
    // It fails only when it panics, which has been reported by then, or while all is shut down.
    tokio::task::spawn_blocking(move || pipeline.found(&message)).await.unwrap_or_default()
}

/// Which model answers: its name and the first digits of its file's digest.
pub fn model(pipeline: &Pipeline) -> String {
    let about = pipeline.scorer.about();
    about.map_or_else(|| "none".to_owned(), |about| format!("{}-{}", about.name, about.id))
}
