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
    decide::{Level, Strictness},
    doors::{Failure, read_json},
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
    levels: BTreeMap<Category, Strictness>,
    /// The version that was read.
    base: u64,
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
        // What a moderator sets stands beside what an admin has set.
        let exact = |(category, level): (&Category, &Level)| {
            (*category, Level { exact: level.exact, least: None })
        };
        let below = match admin {
            true => None,
            false => Some(base.at(&setting.levels.iter().map(exact).collect())),
        };
        let of = |category: Category| {
            let level = setting.levels.get(&category).copied().unwrap_or_default();
            json!({
                "category": category,
                "level": level.least.or(level.exact),
                "by_admin": level.exact,
                "now": now.categories[&category].action,
                "base": below.as_ref().unwrap_or(base).categories[&category].action,
                "levels": match &below {
                    None => levels(category, |level| (base.action_at(category, level), false)),
                    Some(own) => levels(category, |level| {
                        (own.raised_to(category, level), own.is_as_strict(category, level))
                    }),
                },
            })
        };
        Ok(json!({
            "now_ms": now_ms(),
            "route": route,
            "channel": channel,
            "policy": &*base.name,
            "version": setting.version,
            "by": setting.by,
            "may": may.is_ok(),
            "may_be_milder": admin,
            "in_force": self.doors.is_in_force(),
            "categories": Category::ALL.map(of),
        }))
    }
}

/// What each level would do at severity 1 to 4, and whether that is nothing more than there is.
fn levels(
    category: Category,
    of: impl Fn(Strictness) -> ([Verdict; 4], bool),
) -> BTreeMap<&'static str, Value> {
    let each = Strictness::of(category).iter().map(|level| {
        let (action, idle) = of(*level);
        (level.name(), json!({ "action": action, "idle": idle }))
    });
    each.collect()
}
