//! Acts on what is held, for moderators and programs alike.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Doors, Failure};
use crate::{
    audit::{Event, Record},
    hold::{DecideError, Decided, Decision, Hold, State},
    message::now_ms,
};

/// Two weeks, as chat platforms have it.
pub const TIME_OUT_S_MAX: u64 = 14 * 86_400;

impl Doors {
    /// Takes a decision about a held message; the first wins.
    pub async fn decide(
        &self,
        id: &str,
        decision: Decision,
        by: &str,
    ) -> Result<Arc<Hold>, Failure> {
        self.settler.holds.decide(id, decision, by).await.map_err(refused)
    }

    /// Removes the message and keeps its sender silent for a while, in that channel; what else
    /// screens show of the sender is taken off them.
    pub async fn time_out(&self, id: &str, seconds: u64, by: &str) -> Result<Arc<Hold>, Failure> {
        if !(1..=TIME_OUT_S_MAX).contains(&seconds) {
            let message = format!("a time-out lasts 1 to {TIME_OUT_S_MAX} seconds");
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "seconds", message));
        }
        self.tellable(id)?;
        let hold = self.decide(id, Decision::TimeOut { seconds }, by).await?;
        let until_ms = time_out_end(&hold).unwrap_or_else(now_ms);
        let history = &self.settler.pipeline.history;
        history.time_out(&hold.route, &hold.channel, &hold.sender.id, until_ms);
        self.record_time_out(&hold, until_ms, by);
        self.settler.take_off_of(&hold.route, &hold.channel, &hold.sender.id);
        Ok(hold)
    }

    /// The queue records the removal; the silence that came with it is a decision of its own.
    fn record_time_out(&self, hold: &Hold, until_ms: u64, by: &str) {
        let record = Record {
            id: hold.id.clone(),
            at_ms: now_ms(),
            route: hold.route.clone(),
            channel: hold.channel.clone(),
            sender: hold.sender.clone(),
            event: Event::TimedOut { until_ms, by: by.to_owned() },
            findings: Vec::new(),
            rules: hold.rules.clone(),
            decided_by: String::new(),
            text_sha256: String::new(),
        };
        self.settler.audit.record(record, None);
    }

    /// Takes back a removal, and the time-out or ban that came with it.
    pub async fn undo(&self, id: &str, by: &str) -> Result<Arc<Hold>, Failure> {
        let before = self.settler.holds.find(id);
        let hold = self.settler.holds.undo(id, by).await.map_err(refused)?;
        let Some(before) = before else { return Ok(hold) };
        if let Some(until_ms) = time_out_end(&before) {
            let history = &self.settler.pipeline.history;
            history.lift_time_out(&hold.route, &hold.channel, &hold.sender.id, until_ms);
        }
        if before.decided.as_ref().is_some_and(|decided| decided.banned) {
            self.unban_with(&hold, by).await?;
        }
        Ok(hold)
    }
}

/// When the time-out ends that came with a removal: the same whenever it is asked.
fn time_out_end(hold: &Hold) -> Option<u64> {
    let decided = hold.decided.as_ref()?;
    Some(decided.at_ms.saturating_add(decided.time_out_s?.saturating_mul(1000)))
}

/// Why a decision was not taken; whoever came second is told who was first.
pub fn refused(error: DecideError) -> Failure {
    let message = error.to_string();
    match error {
        DecideError::Unknown(_) => Failure::new(StatusCode::NOT_FOUND, "unknown", message),
        DecideError::Already { state, decided } => {
            let more = winner(state, decided.as_ref());
            Failure::new(StatusCode::CONFLICT, "already", message).with(more)
        }
        DecideError::TooLate => Failure::new(StatusCode::CONFLICT, "too_late", message),
        DecideError::Store(error) => error.into(),
    }
}

fn winner(state: State, decided: Option<&Decided>) -> Value {
    json!({
        "state": state,
        "by": decided.map(|decided| &decided.by),
        "at_ms": decided.map(|decided| decided.at_ms),
    })
}
