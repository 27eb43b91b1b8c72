//! Lets programs ban, trust and allow, list what is in force, and lift it.

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, Request},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    holds::{Named, bad, named},
    problem::Problem,
    senders::{Asked, channel},
};
use crate::{
    accounts::Scope,
    doors::{decrees::Lasting, read_json},
    history::Whose,
    message::now_ms,
};

/// As [`crate::history::What::kind`] has them.
const KINDS: [&str; 3] = ["ban", "trust", "allow"];
/// Rows in one answer; all that there may be are asked for at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;
/// A number of seconds.
const BODY_BYTES_MAX: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kind: Option<String>,
    route: Option<String>,
    channel: Option<String>,
    limit: Option<usize>,
    /// The id of the last row that was seen.
    after: Option<String>,
}

/// `GET /v1/decrees`: what is in force, the oldest first.
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
    if let Some(kind) = wanted.kind.as_ref().filter(|kind| !KINDS.contains(&kind.as_str())) {
        let kind: String = kind.chars().take(64).collect();
        return Err(bad("kind", format!("{kind:?} is none of {}", KINDS.join(", "))).into());
    }
    let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|w| w == own);
    let (mut all, _) = api.doors.settler.pipeline.history.decrees(usize::MAX, now_ms());
    all.retain(|own| {
        is(&wanted.kind, own.what.kind())
            && is(&wanted.route, &own.route)
            && is(&wanted.channel, &own.channel)
    });
    // Ids sort by time.
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let total = all.len();
    let from = wanted.after.map_or(0, |after| all.partition_point(|own| own.id <= after));
    let page = &all[from..total.min(from + limit)];
    let next = page.last().filter(|_| from + page.len() < total).map(|own| &own.id);
    Ok(Json(json!({ "decrees": page, "total": total, "next": next })))
}

/// `DELETE /v1/decrees/{id}`: what it was.
pub async fn lift(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    Ok(Json(json!(api.doors.lift(&named(id)?, &by).await?)))
}

/// `POST /v1/holds/{id}/ban`: removes the message as well; the record as it is then.
pub async fn ban_with(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let hold = api.doors.ban_with(&named(id)?, &by).await?;
    Ok(Json(api.held(&hold)))
}

/// `POST /v1/holds/{id}/trust`: releases the message as well.
pub async fn trust_with(
    State(api): State<Api>,
    id: Named<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(request.headers()).await?;
    let id = named(id)?;
    let lasting: Lasting = read_json(request, BODY_BYTES_MAX).await?;
    let hold = api.doors.trust_with(&id, lasting, &by).await?;
    Ok(Json(api.held(&hold)))
}

/// `POST /v1/holds/{id}/allow`: releases the message as well.
pub async fn allow_with(
    State(api): State<Api>,
    id: Named<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(request.headers()).await?;
    let id = named(id)?;
    let lasting: Lasting = read_json(request, BODY_BYTES_MAX).await?;
    let hold = api.doors.allow_with(&id, lasting, &by).await?;
    Ok(Json(api.held(&hold)))
}

/// `POST /v1/senders/{channel}/{sender}/ban`: the sender as they are then, as of every act.
pub async fn ban(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.ban(whose, &by).await?;
    Ok(api.sender(whose)?)
}

/// `POST /v1/senders/{channel}/{sender}/unban`: also where there is no ban.
pub async fn unban(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.unban(whose, &by).await?;
    Ok(api.sender(whose)?)
}

/// `POST /v1/senders/{channel}/{sender}/trust`
pub async fn trust(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(request.headers()).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let lasting: Lasting = read_json(request, BODY_BYTES_MAX).await?;
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.trust(whose, lasting, &by).await?;
    Ok(api.sender(whose)?)
}

/// `POST /v1/senders/{channel}/{sender}/untrust`: also where there is no trust.
pub async fn untrust(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.untrust(whose, &by).await?;
    Ok(api.sender(whose)?)
}
