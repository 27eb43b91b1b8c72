//! Lists senders' appeals to moderators, and takes the decision of one who did not decide before.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Console, guard::may, shown::findings};
use crate::{
    accounts::{Role, Session},
    doors::{
        Failure,
        appeals::{Appeal, Outcome},
        read_json,
    },
    message::now_ms,
};

/// Rows in one answer, the oldest first; the page asks again when they are decided.
const LISTED_MAX: usize = 50;

pub async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Moderator).await?;
    console.appeals(&session).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Ended {
    /// The sender's strikes and time-outs in that channel are forgotten, too.
    forgive: bool,
}

/// `uphold` or `overturn`; answers with those that still wait.
pub async fn end(
    State(console): State<Console>,
    Path((decision, act)): Path<(String, String)>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let outcome = match act.as_str() {
        "uphold" => Outcome::Upheld,
        "overturn" => Outcome::Overturned,
        _ => return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here")),
    };
    if let Some(appeal) = console.doors.appeal_against(&decision).await? {
        may(&session, Role::Moderator, &appeal.route, &appeal.channel)?;
    }
    let Ended { forgive } = read_json(request, BODY_BYTES_MAX).await?;
    console.doors.end_appeal(&decision, outcome, forgive, &session.name).await?;
    console.appeals(&session).await.map(Json)
}

impl Console {
    async fn appeals(&self, reader: &Session) -> Result<Value, Failure> {
        let mut open = self.doors.appeals().await?;
        open.retain(|own| reader.rights.reach(&own.route, &own.channel, Role::Moderator));
        let mut shown = Vec::new();
        for appeal in open.iter().take(LISTED_MAX) {
            shown.push(self.appeal(appeal, &reader.name).await?);
        }
        Ok(json!({ "now_ms": now_ms(), "total": open.len(), "appeals": shown }))
    }

    /// With both texts, as long as they are stored.
    async fn appeal(&self, appeal: &Appeal, reader: &str) -> Result<Value, Failure> {
        let settler = &self.doors.settler;
        let held = settler.holds.find(&appeal.decision).map(|hold| hold.text.clone());
        let said = match held.filter(|text| !text.is_empty()) {
            Some(text) => text,
            None => settler.audit.text(&appeal.decision).await?.unwrap_or_default(),
        };
        let text = settler.audit.text(&appeal.id).await?.unwrap_or_default();
        Ok(json!({
            "id": appeal.id,
            "decision": appeal.decision,
            "route": appeal.route,
            "channel": appeal.channel,
            "sender": appeal.sender,
            "at_ms": appeal.at_ms,
            "against": appeal.against,
            "decided_by": appeal.decided_by,
            "deciders": appeal.deciders,
            "findings": findings(&said, &appeal.findings),
            "said": said,
            "text": text,
            "may_end": !appeal.deciders.contains(reader),
        }))
    }
}
