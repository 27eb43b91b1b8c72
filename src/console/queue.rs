//! Lists what is held and takes moderators' decisions.

use std::sync::Arc;

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
    shown::{Shown, shown},
    view::{Question, View},
};
use crate::{
    accounts::{Rights, Role},
    doors::{Failure, decrees::Lasting, read_json},
    hold::{Decision, Hold},
    message::now_ms,
};

/// Rows in one answer, the paid ones and then the oldest first: more than anybody reads before they
/// are decided. The page asks again when it runs out.
const LISTED_MAX: usize = 200;

pub async fn queue(
    State(console): State<Console>,
    asked: Question,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    Ok(Json(console.snapshot(&View::new(session.rights, asked)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeOut {
    seconds: u64,
}

/// `release`, `remove`, `time-out`, `ban`, `trust`, `allow` and `undo`; answers with the record as
/// it is now. `foresee` says what `allow` would have let through. `alike` counts what is held like
/// it, `release-alike` and `remove-alike` decide all of that.
pub async fn act(
    State(console): State<Console>,
    Path((id, act)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    console.may_decide(&session, &id).await?;
    let by = session.name.as_str();
    let doors = &console.doors;
    let hold = match act.as_str() {
        "release" => doors.decide(&id, Decision::Release, by).await?,
        "remove" => doors.decide(&id, Decision::Remove, by).await?,
        "time-out" => {
            let TimeOut { seconds } = read_json(request, BODY_BYTES_MAX).await?;
            doors.time_out(&id, seconds, by).await?
        }
        "ban" => doors.ban_with(&id, by).await?,
        "trust" => {
            let lasting: Lasting = read_json(request, BODY_BYTES_MAX).await?;
            doors.trust_with(&id, lasting, by).await?
        }
        "allow" => {
            let lasting: Lasting = read_json(request, BODY_BYTES_MAX).await?;
            doors.allow_with(&id, lasting, by).await?
        }
        "foresee" => return console.foresee(&id).await,
        "alike" => return console.count_alike(&id).await,
        "release-alike" => return console.decide_alike(&id, Decision::Release, by).await,
        "remove-alike" => return console.decide_alike(&id, Decision::Remove, by).await,
        "undo" => doors.undo(&id, by).await?,
        _ => return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here")),
    };
    Ok(Json(console.answer(&hold, &session.rights)))
}

impl Console {
    /// The first rows, how many there are in all, and the last decisions.
    pub fn snapshot(&self, view: &View) -> Value {
        let (holds, rights) = (&self.doors.settler.holds, &view.rights);
        let list = self.held(view);
        let listed = list.iter().take(LISTED_MAX).map(|hold| self.shown(hold, rights));
        let ended = self.ended.list();
        let ended = ended.iter().filter(|hold| view.sees(hold));
        json!({
            "now_ms": now_ms(),
            "total": list.len(),
            "holds": listed.collect::<Vec<_>>(),
            "ended": ended.map(|h| self.shown(h, rights)).collect::<Vec<_>>(),
            "crowds": self.crowds(rights),
            "store_failing": holds.is_failing(),
            "overload": self.doors.settler.pipeline.scorer.overload() as u8,
            "decrees": self.decrees(rights),
            "looks": self.looks(rights),
            "on_duty": self.on_duty(),
        })
    }

    /// What waits of what a page asked for.
    fn held(&self, view: &View) -> Vec<Arc<Hold>> {
        let mut list = self.doors.settler.holds.list();
        view.cut(&mut list);
        list
    }

    /// How a release of each listed row would go now: senders come and go while it waits.
    pub fn ways(&self, view: &View) -> Value {
        let holds = &self.doors.settler.holds;
        let list = self.held(view);
        let ways =
            list.iter().take(LISTED_MAX).map(|hold| (hold.id.clone(), json!(holds.way(hold))));
        let ways: serde_json::Map<String, Value> = ways.collect();
        let crowds = self.crowds(&view.rights);
        json!({
            "now_ms": now_ms(),
            "total": list.len(),
            "ways": ways,
            "crowds": crowds,
            "store_failing": holds.is_failing(),
            "overload": self.doors.settler.pipeline.scorer.overload() as u8,
            "on_duty": self.on_duty(),
        })
    }

    pub fn answer(&self, hold: &Hold, rights: &Rights) -> Value {
        json!({ "now_ms": now_ms(), "hold": self.shown(hold, rights) })
    }

    fn shown<'a>(&self, hold: &'a Hold, rights: &Rights) -> Shown<'a> {
        shown(&self.doors, hold, rights)
    }
}
