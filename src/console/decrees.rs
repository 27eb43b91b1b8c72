//! Lists bans, trusted senders and allowed terms, and lifts them.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request},
};
use serde_json::{Value, json};

use super::{Console, guard::may};
use crate::{
    accounts::{Rights, Role},
    doors::Failure,
    message::now_ms,
};

/// The newest ones on the board; `total` says how many there are, the API lists all.
const LISTED_MAX: usize = 100;

pub async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    Ok(Json(console.decrees(&session.rights)))
}

/// Ends one before its time; answers with the others.
pub async fn lift(
    State(console): State<Console>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let (all, _) = console.doors.settler.pipeline.history.decrees(usize::MAX, now_ms());
    if let Some(decree) = all.iter().find(|decree| decree.id == id) {
        may(&session, Role::Moderator, &decree.route, &decree.channel)?;
    }
    console.doors.lift(&id, &session.name).await?;
    Ok(Json(console.decrees(&session.rights)))
}

impl Console {
    pub fn decrees(&self, rights: &Rights) -> Value {
        let (now, history) = (now_ms(), &self.doors.settler.pipeline.history);
        let most = if rights.everywhere(Role::Viewer) { LISTED_MAX } else { usize::MAX };
        let (mut list, mut total) = history.decrees(most, now);
        if most > LISTED_MAX {
            list.retain(|own| rights.reach(&own.route, &own.channel, Role::Viewer));
            total = list.len();
            list.truncate(LISTED_MAX);
        }
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
