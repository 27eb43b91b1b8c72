//! Lists bans, trusted senders and allowed terms, and lifts them.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request},
};
use serde_json::{Value, json};

use super::Console;
use crate::{accounts::Role, doors::Failure, message::now_ms};

/// The newest ones on the board; `total` says how many there are, the API lists all.
const LISTED_MAX: usize = 100;

pub async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    console.need(&headers, Role::Viewer).await?;
    Ok(Json(console.decrees()))
}

/// Ends one before its time; answers with the others.
pub async fn lift(
    State(console): State<Console>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    console.doors.lift(&id, &session.name).await?;
    Ok(Json(console.decrees()))
}

impl Console {
    pub fn decrees(&self) -> Value {
        let now = now_ms();
        let (list, total) = self.doors.settler.pipeline.history.decrees(LISTED_MAX, now);
        json!({ "now_ms": now, "decrees": list, "total": total })
    }

    /// What allowing the terms of a held message would have let through.
    pub async fn foresee(&self, id: &str) -> Result<Json<Value>, Failure> {
        let hold = self.doors.held(id)?;
        // Reading all that was stopped is heavy: one at a time, as with nukes.
        let _turn = self.comparing().await;
        Ok(Json(json!(self.doors.foresee(&hold, &self.ended.list()).await?)))
    }
}
