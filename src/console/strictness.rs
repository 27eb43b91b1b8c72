//! Shows how strict a channel is in each category, and sets it.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, Request},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BODY_BYTES_MAX, Console,
    guard::{may, may_everywhere},
};
use crate::{
    accounts::{Role, Session},
    decide::{Level, Policy, Strictness},
    doors::{Failure, read_json},
    message::{Category, now_ms},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    route: String,
    #[serde(default)]
    channel: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    route: String,
    channel: String,
    levels: BTreeMap<Category, Strictness>,
    /// The version that was read.
    base: u32,
}

pub async fn show(
    State(console): State<Console>,
    Query(Place { route, channel }): Query<Place>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    let channel = console.doors.place(&route, &channel)?;
    may(&session, Role::Viewer, &route, &channel)?;
    Ok(Json(console.strictness(&route, &channel, &session).await?))
}

/// What an admin of the channel sets is so; what a moderator sets is at least so.
pub async fn set(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let Asked { route, channel, levels, base } = read_json(request, BODY_BYTES_MAX).await?;
    let channel = console.doors.place(&route, &channel)?;
    let admin = console.may_set(&session, &route, &channel)?;
    console.trials.edit(&session.name)?;
    console.doors.save_levels((&route, &channel), levels, admin, base, &session.name).await?;
    Ok(Json(console.strictness(&route, &channel, &session).await?))
}

impl Console {
    /// Whether somebody who may set a channel's strictness is an admin there. Without a channel it
    /// is of many, and a role in none of them reaches so far.
    pub fn may_set(&self, session: &Session, route: &str, channel: &str) -> Result<bool, Failure> {
        if channel.is_empty() {
            may_everywhere(session, Role::Moderator)?;
            return Ok(session.rights.everywhere(Role::Admin));
        }
        may(session, Role::Moderator, route, channel)?;
        Ok(session.rights.reach(route, channel, Role::Admin))
    }

    async fn strictness(
        &self,
        route: &str,
        channel: &str,
        session: &Session,
    ) -> Result<Value, Failure> {
        let setting = self.doors.setting(route, channel).await?;
        let rules = self.doors.settler.pipeline.rules.load_full();
        let (base, now) = (rules.without_own(route, channel), rules.policy(route, channel));
        let may = self.may_set(session, route, channel);
        let admin = *may.as_ref().unwrap_or(&false);
        let of = |category: Category| {
            let level = setting.levels.get(&category);
            json!({
                "category": category,
                "level": level.map(|level| level.strictness),
                "by_admin": level.is_some_and(|level| !level.least),
                "now": now.categories[&category].action,
                "base": base.categories[&category].action,
                "levels": levels(base, category, admin),
            })
        };
        Ok(json!({
            "now_ms": now_ms(),
            "route": route,
            "channel": channel,
            "policy": &*base.name,
            "version": setting.version,
            "by": setting.by,
            "at_ms": setting.at_ms,
            "may": may.is_ok(),
            "may_be_milder": admin,
            "in_force": self.doors.is_in_force(),
            "categories": Category::ALL.map(of),
        }))
    }
}

/// What each level would do at severity 1 to 4 by the word of whoever reads it, and whether it is
/// milder than what there is without.
fn levels(base: &Policy, category: Category, admin: bool) -> BTreeMap<&'static str, Value> {
    let of = |strictness: &Strictness| {
        let level = Level { strictness: *strictness, least: !admin };
        let action = base.action_at(category, level);
        let milder = base.is_milder_at(category, *strictness);
        (strictness.name(), json!({ "action": action, "milder": milder }))
    };
    Strictness::of(category).iter().map(of).collect()
}
