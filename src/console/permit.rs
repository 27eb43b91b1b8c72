//! Takes moderators' permits: one link of one sender, for a while.

use axum::{Json, body::Body, extract::State, http::Request};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Console, guard::may};
use crate::{accounts::Role, doors::Failure, doors::read_json, history::Whose, message::now_ms};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Permit {
    route: String,
    #[serde(default)]
    channel: String,
    /// The sender's id, as records and held messages have it.
    sender: String,
    seconds: u64,
}

/// Lets a sender post one link; answers until when.
pub async fn permit(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let Permit { route, channel, sender, seconds } = read_json(request, BODY_BYTES_MAX).await?;
    may(&session, Role::Moderator, &route, &console.doors.place(&route, &channel)?)?;
    let whose = Whose { route: &route, channel: &channel, sender: &sender };
    let until_ms = console.doors.permit_link(whose, seconds, &session.name)?;
    Ok(Json(json!({ "now_ms": now_ms(), "until_ms": until_ms })))
}
