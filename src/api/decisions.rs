//! Tells programs what is on record of one decision.

use axum::{Json, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use super::{
    Api,
    holds::{Named, named, unknown},
    problem::Problem,
    told,
};
use crate::{accounts::Scope, doors::Failure};

/// `GET /v1/decisions/{id}`: the records, oldest first, and the text while it is stored.
pub async fn decision(
    State(api): State<Api>,
    id: Named<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    api.permit(&headers, Scope::Read).await?;
    let id = named(id)?;
    let (audit, holds) = (&api.doors.settler.audit, &api.doors.settler.holds);
    let records = audit.find(&id).await.map_err(Failure::from)?;
    let hold = holds.look_up(&id).await.map_err(Failure::from)?;
    if records.is_empty() && hold.is_none() {
        return Err(unknown(&id).into());
    }
    let held = hold.as_ref().map(|hold| hold.text.clone()).filter(|text| !text.is_empty());
    let text = match held {
        Some(text) => Some(text),
        None => audit.text(&id).await.map_err(Failure::from)?,
    };
    let records: Vec<Value> = records.iter().map(told::told).collect();
    let state = hold.map(|hold| hold.state);
    Ok(Json(json!({ "id": id, "state": state, "records": records, "text": text })))
}
