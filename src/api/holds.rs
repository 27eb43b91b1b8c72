//! Lists what is held, for programs, and takes their decisions.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, answer::AnswerFinding, problem::Problem};
use crate::{
    accounts::Scope,
    doors::{Failure, read_json, whole},
    hold::{Decision, Hold},
};

/// Rows in one answer.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;
/// A number of seconds.
const BODY_BYTES_MAX: usize = 1024;
/// Of an id that is not known, as much is said again.
const ID_CHARS_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    route: Option<String>,
    channel: Option<String>,
    limit: Option<usize>,
    /// The id of the last row that was seen.
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    #[serde(deserialize_with = "whole")]
    pub seconds: u64,
}

/// `GET /v1/holds`: what waits, the oldest first.
pub async fn list(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    api.permit(&headers, Scope::Read).await?;
    let Query(wanted) = wanted.map_err(|cause| bad("query", cause.body_text()))?;
    let limit = wanted.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(bad("limit", format!("{limit} is not within 1 to {LIMIT_MAX}")).into());
    }
    let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|w| w == own);
    let mut all = api.doors.settler.holds.list();
    all.retain(|hold| is(&wanted.route, &hold.route) && is(&wanted.channel, &hold.channel));
    // Ids sort by time, whoever paid.
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let total = all.len();
    let from = wanted.after.map_or(0, |after| all.partition_point(|hold| hold.id <= after));
    let page: Vec<&Arc<Hold>> = all[from..].iter().take(limit).collect();
    let more = from + page.len() < total;
    let next = page.last().filter(|_| more).map(|hold| hold.id.clone());
    let rows: Vec<Value> = page.iter().map(|hold| api.held(hold)).collect();
    Ok(Json(json!({ "holds": rows, "total": total, "next": next })))
}

/// `GET /v1/holds/{id}`: one that waits or has ended, for as long as its record is kept.
pub async fn one(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    api.permit(&headers, Scope::Read).await?;
    let id = named(id)?;
    let hold = api.doors.settler.holds.look_up(&id).await.map_err(Failure::from)?;
    let hold = hold.ok_or_else(|| unknown(&id))?;
    Ok(Json(api.held(&hold)))
}

/// `POST /v1/holds/{id}/release`: the record as it is then, as of every act.
pub async fn release(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let hold = api.doors.decide(&named(id)?, Decision::Release, &by).await?;
    Ok(Json(api.held(&hold)))
}

/// `POST /v1/holds/{id}/remove`
pub async fn remove(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let hold = api.doors.decide(&named(id)?, Decision::Remove, &by).await?;
    Ok(Json(api.held(&hold)))
}

/// `POST /v1/holds/{id}/time-out`
pub async fn time_out(
    State(api): State<Api>,
    id: Named<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(request.headers()).await?;
    let id = named(id)?;
    let Seconds { seconds } = read_json(request, BODY_BYTES_MAX).await?;
    let hold = api.doors.time_out(&id, seconds, &by).await?;
    Ok(Json(api.held(&hold)))
}

/// `POST /v1/holds/{id}/undo`
pub async fn undo(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let hold = api.doors.undo(&named(id)?, &by).await?;
    Ok(Json(api.held(&hold)))
}

/// What a path names; whoever may not ask is told that first.
pub type Named<T> = Result<Path<T>, PathRejection>;

pub fn named<T>(path: Named<T>) -> Result<T, Failure> {
    path.map(|Path(names)| names).map_err(|cause| bad("path", cause.body_text()))
}

pub fn unknown(id: &str) -> Failure {
    let id: String = id.chars().take(ID_CHARS_MAX).collect();
    Failure::new(StatusCode::NOT_FOUND, "unknown", format!("nothing is known of {id:?}"))
}

pub fn bad(what: &'static str, cause: impl std::fmt::Display) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, what, format!("{what}: {cause}"))
}

impl Api {
    /// Who decides, as it is recorded: a program is no moderator of the same name.
    pub async fn decider(&self, headers: &HeaderMap) -> Result<String, Failure> {
        let token = self.permit(headers, Scope::Decide).await?;
        Ok(format!("token:{}", token.name))
    }

    /// A held message as programs see it; spans are bytes of the text, as everywhere in this API.
    pub fn held(&self, hold: &Hold) -> Value {
        let findings: Vec<AnswerFinding> =
            hold.findings.iter().cloned().map(AnswerFinding::of).collect();
        json!({
            "id": hold.id,
            "route": hold.route,
            "mode": hold.mode,
            "channel": hold.channel,
            "sender": hold.sender,
            "message_id": hold.message_id,
            "text": hold.text,
            "findings": findings,
            "decided_by": hold.decided_by,
            "rules": hold.rules,
            "held_ms": hold.held_ms,
            "expires_ms": hold.expires_ms,
            "on_expiry": hold.on_expiry,
            "state": hold.state,
            "decided": hold.decided,
            "way": self.doors.settler.holds.way(hold),
            "paid": hold.paid.as_ref().map(|paid| &paid.amount),
        })
    }
}
