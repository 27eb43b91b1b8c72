//! Puts the stages in order, and nothing else.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    decide,
    decide::Seen,
    history::History,
    message::{Judgement, Message, Score},
    normalize::normalize,
    rules::Ruleset,
    score::Scorer,
};

/// Judges messages; cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    pub rules: Arc<ArcSwap<Ruleset>>,
    pub history: Arc<History>,
    pub scorer: Scorer,
}

impl Pipeline {
    /// The one judgement of a message. It cannot fail, and waits for nothing but the score.
    pub async fn judge(&self, message: &Message) -> Judgement {
        let rules = self.rules.load_full();
        let policy = rules.policy(&message.route);
        let text = normalize(&message.text);
        let recent = self.history.note(message, &text, policy.flood.window_ms);
        let hits = rules.scanner.scan(&text, &recent.tail);
        let seen = Seen { message, text: &text, hits: &hits, recent: &recent };
        let needed = policy.needs_score(&seen);
        let score = match needed {
            true => self.scorer.score(&message.text).await,
            false => Score::Skipped,
        };
        let findings = decide::findings(policy, &seen, &score);
        let verdict = decide::verdict(policy, &seen, &findings, &score);
        let mask = decide::mask(policy, &findings);
        Judgement { verdict, findings, score, needed, mask, rules: rules.version.clone() }
    }
}
