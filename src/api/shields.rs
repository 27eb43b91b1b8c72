//! Tells programs which channels are in shield mode, and lets them switch it.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Request},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    holds::{Named, named},
    problem::Problem,
    senders::{Asked, channel},
};
use crate::{
    accounts::Scope,
    doors::{read_json, whole},
    history::Because,
    message::now_ms,
};

/// A number of minutes, and a reason of 200 characters at most.
const BODY_BYTES_MAX: usize = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct On {
    #[serde(deserialize_with = "whole")]
    minutes: u64,
    #[serde(default)]
    why: String,
}

/// `GET /v1/shields`: every channel in shield mode, the newest first.
pub async fn list(State(api): State<Api>, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    api.permit(&headers, Scope::Read).await?;
    Ok(api.shields())
}

/// `PUT /v1/shields/{channel}`: the list as it is then.
pub async fn on(
    State(api): State<Api>,
    place: Named<String>,
    asked: Asked,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(request.headers()).await?;
    let (place, route) = (named(place)?, api.route_of(asked)?);
    let On { minutes, why } = read_json(request, BODY_BYTES_MAX).await?;
    let because = Because { by: &by, why: &why };
    api.doors.shield_on(&route, channel(&place), minutes, because)?;
    Ok(api.shields())
}

/// `DELETE /v1/shields/{channel}`: off, also where it is off already.
pub async fn off(
    State(api): State<Api>,
    place: Named<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let (place, route) = (named(place)?, api.route_of(asked)?);
    api.doors.shield_off(&route, channel(&place), Because { by: &by, why: "" })?;
    Ok(api.shields())
}

impl Api {
    fn shields(&self) -> Json<Value> {
        let shields = self.doors.settler.pipeline.history.shields(now_ms());
        Json(json!({ "shields": shields }))
    }
}
