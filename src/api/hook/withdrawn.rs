//! Takes back what a server's people deleted before anybody decided it.

use std::collections::BTreeSet;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        Api,
        name::{NAME_BYTES_MAX, Name},
    },
    Named, Problem,
};
use crate::{
    accounts::Scope,
    doors::{Failure, place::unfit, read_json},
    hold::Hold,
};

/// In one request; whoever deletes more asks again.
const IDS_MAX: usize = 1_000;
/// So many ids of their longest.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Which messages are meant: those that fit everything that is said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deleted {
    /// The server's own ids of messages.
    #[serde(default)]
    ids: Option<Vec<Name>>,
    #[serde(default)]
    channel: Name,
    /// A sender's id.
    #[serde(default)]
    sender: Name,
}

/// `POST /v1/hook/{name}/withdraw`: what is still held of what was deleted leaves the queue.
pub async fn withdraw(
    State(api): State<Api>,
    name: Named<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    api.permit(request.headers(), Scope::Hook).await?;
    let hook = api.hooks.named(name)?;
    let bytes_max = api.doors.config.api.body_bytes_max.min(BODY_BYTES_MAX);
    let deleted: Deleted = read_json(request, bytes_max).await?;
    let meant = deleted.meant()?;
    let _place = api.place_of(&hook.requests, "hook_requests")?;
    let route = &*hook.inlet.name;
    let of_hook = |hold: &Hold| hold.route == route && meant(hold);
    let withdrawn = api.doors.settler.holds.withdraw_those(of_hook).await.map_err(Failure::from)?;
    let told = |hold: &Hold| json!({ "id": hold.message_id, "decision": hold.id });
    let told: Vec<Value> = withdrawn.iter().map(|hold| told(hold)).collect();
    Ok(Json(json!({ "withdrawn": told })))
}

impl Deleted {
    fn meant(self) -> Result<impl Fn(&Hold) -> bool, Failure> {
        let ids = self.ids.map(|ids| ids.iter().map(Name::plain).collect::<BTreeSet<_>>());
        if ids.as_ref().is_some_and(|ids| ids.len() > IDS_MAX) {
            let message = format!("{IDS_MAX} ids are the most in one request");
            return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", message));
        }
        let said = |name: Name| match name {
            Name::Absent => None,
            name => Some(name.plain()),
        };
        let (channel, sender) = (said(self.channel), said(self.sender));
        let mut names = ids.iter().flatten().chain(&channel).chain(&sender);
        if names.any(|name| name.len() > NAME_BYTES_MAX) {
            return Err(unfit("id", format!("a name may have {NAME_BYTES_MAX} bytes")));
        }
        // Nothing said would mean everything.
        if ids.is_none() && sender.is_none() && channel.is_none() {
            return Err(unfit("id", "say which: `ids`, a `sender` or a `channel`"));
        }
        let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|w| w == own);
        Ok(move |hold: &Hold| {
            let own = || hold.message_id.as_ref();
            ids.as_ref().is_none_or(|ids| own().is_some_and(|id| ids.contains(id)))
                && is(&channel, &hold.channel)
                && is(&sender, &hold.sender.id)
        })
    }
}
