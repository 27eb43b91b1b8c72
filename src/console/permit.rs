//! Takes moderators' permits: one link of one sender, for a while.

use axum::{Json, body::Body, extract::State, http::Request};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BODY_BYTES_MAX, Console,
    place::{check_sender, unfit},
};
use crate::{
    accounts::Role,
    audit::{Event, Record},
    doors::{Failure, read_json},
    message::{Sender, now_ms},
};

/// A permit answers somebody who is asking now; an hour is long for that.
const SECONDS_MAX: u64 = 3_600;

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
    let session = console.need(request.headers(), Role::Moderator).await?;
    let Permit { route, channel, sender, seconds } = read_json(request, BODY_BYTES_MAX).await?;
    if !(1..=SECONDS_MAX).contains(&seconds) {
        return Err(unfit("seconds", format!("a permit lasts 1 to {SECONDS_MAX} seconds")));
    }
    check_sender(&sender)?;
    let channel = console.place(&route, &channel)?;
    let at_ms = now_ms();
    let until_ms = at_ms.saturating_add(seconds.saturating_mul(1000));
    let pipeline = &console.doors.settler.pipeline;
    pipeline.history.permit_link(&route, &channel, &sender, until_ms);
    let record = Record {
        id: console.doors.settler.holds.fresh_id(),
        at_ms,
        route,
        channel,
        sender: Sender { id: sender, ..Sender::default() },
        event: Event::Permitted { until_ms, by: session.name },
        findings: Vec::new(),
        rules: pipeline.rules.load().version.to_string(),
        text_sha256: String::new(),
        decided_by: String::new(),
    };
    console.doors.settler.audit.record(record, None);
    Ok(Json(json!({ "now_ms": at_ms, "until_ms": until_ms })))
}
