//! Decides several marked messages at once.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Console};
use crate::{
    doors::{Failure, place::unfit, read_json},
    hold::Decision,
    message::now_ms,
};

/// As many as a page lists; each is a commit of its own.
const MARKED_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked {
    ids: Vec<String>,
    act: Act,
    /// Of a time-out.
    seconds: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    Release,
    Remove,
    TimeOut,
    Ban,
}

/// Answers with the ids that were decided, how many were not, and until when it can be undone.
///
/// Another's decision on one of them, taken meanwhile, stands; so does a sender who cannot be told
/// from others.
pub async fn decide(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let Marked { ids, act, seconds } = read_json(request, BODY_BYTES_MAX).await?;
    if !(1..=MARKED_MAX).contains(&ids.len()) {
        return Err(unfit("ids", format!("1 to {MARKED_MAX} messages are decided at once")));
    }
    let seconds = match (act, seconds) {
        (Act::TimeOut, None) => return Err(unfit("seconds", "how long does it last?")),
        (_, seconds) => seconds.unwrap_or(0),
    };
    let (doors, by) = (&console.doors, session.name.as_str());
    let (mut decided, mut undo_until_ms) = (Vec::new(), None);
    for id in &ids {
        // Of another's channel: it is missed as one that another decided.
        match console.may_decide(&session, id).await {
            Err(failure) if failure.status == StatusCode::SERVICE_UNAVAILABLE => {
                return Err(failure);
            }
            Err(_) => continue,
            Ok(()) => {}
        }
        let answer = match act {
            Act::Release => doors.decide(id, Decision::Release, by).await,
            Act::Remove => doors.decide(id, Decision::Remove, by).await,
            Act::TimeOut => doors.time_out(id, seconds, by).await,
            Act::Ban => doors.ban_with(id, by).await,
        };
        match answer {
            Ok(hold) => {
                // Those removed first are final first.
                let own = hold.decided.as_ref().map(|decided| decided.undo_until_ms);
                undo_until_ms = undo_until_ms.or(own);
                decided.push(hold.id.clone());
            }
            Err(failure) if failure.status == StatusCode::SERVICE_UNAVAILABLE => {
                return Err(failure);
            }
            Err(failure) if failure.error == "seconds" => return Err(failure),
            Err(_) => {}
        }
    }
    let missed = ids.len() - decided.len();
    let now = now_ms();
    Ok(Json(json!({
        "now_ms": now, "ids": decided, "missed": missed, "undo_until_ms": undo_until_ms,
    })))
}
