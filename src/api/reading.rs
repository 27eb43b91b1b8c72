//! Asks the model about a text of any length, for answers that cannot say "not known".

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use super::sentences;
use crate::{
    message::{Finding, Message, Score, Scores, now_ms},
    pipeline::Pipeline,
};

/// Sentences that are read one by one; of more, some are read together, so that
/// even the longest comment is answered within the wait.
const PARTS_MAX: usize = 128;
/// The model reads three windows of 64 pieces of its vocabulary, and nothing between them: this is
/// less than two windows in any script, so that nothing goes unread.
const PART_BYTES_MAX: usize = 320;

/// The model did not answer in time, or another took over meanwhile.
pub struct Late;

/// The parts of a text that are read beside the whole of it; none where there is one alone.
///
/// The model was made for lines of chat. A threat beside one harmless sentence scored 0.36 where it
/// scored 0.89 alone, so that a comment counts as much as the worst that it says.
pub fn parts(text: &str) -> Vec<Range<usize>> {
    let parts = sentences::parts(text, PARTS_MAX, PART_BYTES_MAX);
    if parts.len() > 1 { parts } else { Vec::new() }
}

/// What the model says of a text: of each head the highest over the whole and its parts. `None`
/// without a model.
///
/// One is asked for after the other, so that a long text is never more than one of those that wait
/// for the model.
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
    for part in parts(text) {
        let left = until.saturating_duration_since(Instant::now());
        match pipeline.score_within(&text[part], Some(left)).await {
            Score::Known(scores) => raise(&mut all, scores)?,
            _ => return Err(Late),
        }
    }
    Ok(Some(all))
}

/// Takes the higher of each head.
pub fn raise(all: &mut Scores, other: Scores) -> Result<(), Late> {
    if !Arc::ptr_eq(&all.model, &other.model) {
        return Err(Late);
    }
    for (highest, p) in all.row.iter_mut().zip(other.row) {
        *highest = highest.max(p);
    }
    Ok(())
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
