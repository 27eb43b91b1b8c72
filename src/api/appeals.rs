//! Takes appeals that a platform hands in for its senders, and tells how they ended.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    holds::{Named, named, unknown},
    problem::Problem,
};
use crate::{
    accounts::Scope,
    doors::{appeals::Appeal, read_json},
};

/// An id, and a few sentences in any script.
const BODY_BYTES_MAX: usize = 8 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The sender's id, as the record has it.
    sender: String,
    text: String,
}

/// `POST /v1/decisions/{id}/appeal`: it waits until somebody who did not decide has looked.
pub async fn appeal(
    State(api): State<Api>,
    id: Named<String>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let token = api.permit(request.headers(), Scope::Appeal).await?;
    let id = named(id)?;
    let Asked { sender, text } = read_json(request, BODY_BYTES_MAX).await?;
    let _place = api.place()?;
    let by = format!("token:{}", token.name);
    let appeal = api.doors.appeal(&id, &sender, &text, &by).await?;
    Ok((StatusCode::CREATED, Json(told(&appeal))))
}

/// `GET /v1/decisions/{id}/appeal`: whether it waits, or how it ended.
pub async fn state(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    api.permit(&headers, Scope::Appeal).await?;
    let id = named(id)?;
    let appeal = api.doors.appeal_against(&id).await?.ok_or_else(|| unknown(&id))?;
    Ok(Json(told(&appeal)))
}

/// What the sender may be told: not who decided, and not what was written.
fn told(appeal: &Appeal) -> Value {
    let end = appeal.end.as_ref();
    json!({
        "appeal": appeal.id,
        "decision": appeal.decision,
        "against": appeal.against,
        "at_ms": appeal.at_ms,
        "state": end.map_or("open", |end| end.outcome.name()),
        "ended_ms": end.map(|end| end.at_ms),
    })
}
