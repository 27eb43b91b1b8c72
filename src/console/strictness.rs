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

use super::{BODY_BYTES_MAX, Console, guard::may};
use crate::{
    accounts::{Role, Session},
    decide::{Levels, Policy, Strictness},
    doors::{Failure, place::unfit, read_json},
    message::{Category, Verdict, now_ms},
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
    levels: Levels,
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

/// Whoever may decide in a channel may make it stricter than its settings; to let more through
/// takes an admin of the channel.
pub async fn set(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let Asked { route, channel, levels, base } = read_json(request, BODY_BYTES_MAX).await?;
    let channel = console.doors.place(&route, &channel)?;
    may(&session, Role::Moderator, &route, &channel)?;
    console.trials.edit(&session.name)?;
    let old = console.doors.setting(&route, &channel).await?.levels;
    let rules = console.doors.settler.pipeline.rules.load_full();
    let configured = rules.as_configured(&route, &channel);
    for (category, level) in &levels {
        if !Strictness::of(*category).contains(level) {
            let message = format!("{category} is never {}", level.name());
            return Err(unfit("level", message));
        }
        let new = old.get(category) != Some(level);
        if new && configured.is_milder_at(*category, *level) {
            may(&session, Role::Admin, &route, &channel)?;
        }
    }
    console.doors.save_levels((&route, &channel), levels, base, &session.name).await?;
    Ok(Json(console.strictness(&route, &channel, &session).await?))
}

impl Console {
    async fn strictness(
        &self,
        route: &str,
        channel: &str,
        session: &Session,
    ) -> Result<Value, Failure> {
        let setting = self.doors.setting(route, channel).await?;
        let rules = self.doors.settler.pipeline.rules.load_full();
        let configured = rules.as_configured(route, channel);
        let now = rules.policy(route, channel);
        let of = |category: Category| {
            json!({
                "category": category,
                "level": setting.levels.get(&category),
                "now": now.categories[&category].action,
                "configured": configured.categories[&category].action,
                "levels": levels(configured, category),
            })
        };
        let reach = |role| session.rights.reach(route, channel, role);
        Ok(json!({
            "now_ms": now_ms(),
            "route": route,
            "channel": channel,
            "policy": &*configured.name,
            "version": setting.version,
            "by": setting.by,
            "at_ms": setting.at_ms,
            "may": reach(Role::Moderator),
            "may_be_milder": reach(Role::Admin),
            "categories": Category::ALL.map(of),
        }))
    }
}

/// What each level would do at severity 1 to 4, and whether it is milder than the settings.
fn levels(configured: &Policy, category: Category) -> BTreeMap<&'static str, Value> {
    let of = |level: &Strictness| {
        let action: [Verdict; 4] = configured.action_at(category, *level);
        let milder = configured.is_milder_at(category, *level);
        (level.name(), json!({ "action": action, "milder": milder }))
    };
    Strictness::of(category).iter().map(of).collect()
}
