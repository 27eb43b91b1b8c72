//! Has many texts scored together, before each is judged on its own.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt, stream};

use super::Api;

/// Texts that are seen to at once; of a longer request some are judged before others are scored.
const TEXTS_MAX: usize = 256;

impl Api {
    /// How many texts to score together; 0 where there is no model, or it remembers nothing.
    pub(super) fn together(&self) -> usize {
        match self.doors.settler.pipeline.scorer.available() {
            // So many of the latest answers are remembered, whatever else comes.
            true => (self.doors.config.score.cache_max / 2).min(TEXTS_MAX),
            false => 0,
        }
    }

    /// Asks the model for all of them at once, so that it reads them in batches.
    ///
    /// The answers are left where the judgement of each text finds them: nothing else of it
    /// changes, and what is late here is asked for again there. Messages are still judged one after
    /// the other, for each may depend on those before.
    pub(super) async fn foresee(&self, texts: HashSet<String>) {
        if texts.len() < 2 {
            return;
        }
        let wait = Duration::from_millis(self.doors.config.api.score_wait_ms);
        let (pipeline, at_once) = (&self.doors.settler.pipeline, self.doors.config.score.batch_max);
        let asked = stream::iter(texts).map(|text| async move {
            // All requests together leave most of the model's queue to the chat.
            let _place = self.scoring.acquire().await;
            pipeline.score_within(&text, Some(wait)).await
        });
        // One batch is read while the next one gathers.
        let all = asked.buffer_unordered(at_once.saturating_mul(2).max(1)).for_each(|_| async {});
        // What is not there by then is late for this request too.
        let _ = tokio::time::timeout(wait, all).await;
    }
}
