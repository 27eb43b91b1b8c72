//! Acts on what is held, for moderators and programs alike.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Doors, Failure};
use crate::hold::{DecideError, Decided, Decision, Hold, State};

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
