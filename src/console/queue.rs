//! Lists what is held and takes moderators' decisions.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BODY_BYTES_MAX, Console,
    shown::{shown, winner},
};
use crate::{
    accounts::Role,
    audit::{Event, Record},
    doors::{Failure, read_json},
    hold::{DecideError, Decision, Hold},
    message::now_ms,
};

/// Rows in one answer, the paid ones and then the oldest first: more than anybody reads before they
/// are decided. The page asks again when it runs out.
const LISTED_MAX: usize = 200;
/// Two weeks, as chat platforms have it.
const TIME_OUT_S_MAX: u64 = 14 * 86_400;

pub async fn queue(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    console.need(&headers, Role::Viewer).await?;
    Ok(Json(console.snapshot()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeOut {
    seconds: u64,
}

/// `release`, `remove`, `time-out` and `undo`; answers with the record as it is now. `alike` counts
/// what is held like it, `release-alike` and `remove-alike` decide all of that.
pub async fn act(
    State(console): State<Console>,
    Path((id, act)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.need(request.headers(), Role::Moderator).await?;
    let by = session.name.as_str();
    let hold = match act.as_str() {
        "release" => console.doors.settler.holds.decide(&id, Decision::Release, by).await,
        "remove" => console.doors.settler.holds.decide(&id, Decision::Remove, by).await,
        "time-out" => {
            let TimeOut { seconds } = read_json(request, BODY_BYTES_MAX).await?;
            return console.time_out(&id, seconds, by).await;
        }
        "alike" => return console.count_alike(&id).await,
        "release-alike" => return console.decide_alike(&id, Decision::Release, by).await,
        "remove-alike" => return console.decide_alike(&id, Decision::Remove, by).await,
        "undo" => return console.undo(&id, by).await,
        _ => return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here")),
    };
    let hold = hold.map_err(refused)?;
    Ok(Json(console.answer(&hold)))
}

impl Console {
    /// The first rows, how many there are in all, and the last decisions.
    pub fn snapshot(&self) -> Value {
        let holds = &self.doors.settler.holds;
        let list = holds.list();
        let ended = self.ended.list();
        json!({
            "now_ms": now_ms(),
            "total": list.len(),
            "holds": list.iter().take(LISTED_MAX).map(|h| shown(holds, h)).collect::<Vec<_>>(),
            "ended": ended.iter().map(|h| shown(holds, h)).collect::<Vec<_>>(),
            "crowds": self.crowds(),
        })
    }

    /// How a release of each listed row would go now: senders come and go while it waits.
    pub fn ways(&self) -> Value {
        let holds = &self.doors.settler.holds;
        let list = holds.list();
        let ways =
            list.iter().take(LISTED_MAX).map(|hold| (hold.id.clone(), json!(holds.way(hold))));
        let ways: serde_json::Map<String, Value> = ways.collect();
        let crowds = self.crowds();
        json!({ "now_ms": now_ms(), "total": list.len(), "ways": ways, "crowds": crowds })
    }

    pub fn answer(&self, hold: &Hold) -> Value {
        json!({ "now_ms": now_ms(), "hold": shown(&self.doors.settler.holds, hold) })
    }

    /// Removes the message and keeps the sender silent for a while, in that channel.
    async fn time_out(&self, id: &str, seconds: u64, by: &str) -> Result<Json<Value>, Failure> {
        if !(1..=TIME_OUT_S_MAX).contains(&seconds) {
            let message = format!("a time-out lasts 1 to {TIME_OUT_S_MAX} seconds");
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "seconds", message));
        }
        let holds = &self.doors.settler.holds;
        if holds.find(id).is_some_and(|hold| hold.sender.id.is_empty()) {
            let message = "this sender cannot be told from others; remove the message instead";
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "sender", message));
        }
        let hold = holds.decide(id, Decision::TimeOut { seconds }, by).await.map_err(refused)?;
        let until_ms = time_out_end(&hold).unwrap_or_else(now_ms);
        let history = &self.doors.settler.pipeline.history;
        history.time_out(&hold.route, &hold.channel, &hold.sender.id, until_ms);
        self.record_time_out(&hold, until_ms, by);
        Ok(Json(self.answer(&hold)))
    }

    /// The queue records the removal; the silence that came with it is a decision of its own.
    fn record_time_out(&self, hold: &Hold, until_ms: u64, by: &str) {
        let record = Record {
            id: hold.id.clone(),
            at_ms: now_ms(),
            route: hold.route.clone(),
            channel: hold.channel.clone(),
            sender: hold.sender.clone(),
            event: Event::TimedOut { until_ms, by: by.to_owned() },
            findings: Vec::new(),
            rules: hold.rules.clone(),
            decided_by: String::new(),
            text_sha256: String::new(),
        };
        self.doors.settler.audit.record(record, None);
    }

    /// Takes back a removal, and the time-out that came with it.
    async fn undo(&self, id: &str, by: &str) -> Result<Json<Value>, Failure> {
        let holds = &self.doors.settler.holds;
        let before = holds.find(id);
        let hold = holds.undo(id, by).await.map_err(refused)?;
        if let Some(until_ms) = before.and_then(|before| time_out_end(&before)) {
            let history = &self.doors.settler.pipeline.history;
            history.lift_time_out(&hold.route, &hold.channel, &hold.sender.id, until_ms);
        }
        Ok(Json(self.answer(&hold)))
    }
}

/// When the time-out ends that came with a removal: the same whenever it is asked.
fn time_out_end(hold: &Hold) -> Option<u64> {
    let decided = hold.decided.as_ref()?;
    Some(decided.at_ms.saturating_add(decided.time_out_s?.saturating_mul(1000)))
}

pub fn refused(error: DecideError) -> Failure {
    let message = error.to_string();
    match error {
        DecideError::Unknown(_) => Failure::new(StatusCode::NOT_FOUND, "unknown", message),
        DecideError::Already { state, decided } => {
            let more = winner(state, decided.as_ref());
            Failure::new(StatusCode::CONFLICT, "already", message).with(more)
        }
        DecideError::TooLate => Failure::new(StatusCode::CONFLICT, "too_late", message),
        DecideError::Store(error) => error.into(),
    }
}
