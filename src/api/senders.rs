//! Tells programs what is remembered of a sender, and lets them act on it.

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    holds::{Named, Seconds, bad, named},
    problem::Problem,
};
use crate::{
    accounts::Scope,
    decide,
    doors::{Failure, read_json},
    history::Whose,
    message::now_ms,
};

/// Stands for the channel of protocols that have none: a path has no empty part.
const NO_CHANNEL: &str = "-";
/// A number of seconds.
const BODY_BYTES_MAX: usize = 1024;

/// Which route is meant; the first one unless it is said.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    route: Option<String>,
}

pub type Asked = Result<Query<Where>, QueryRejection>;

impl Api {
    pub fn route_of(&self, asked: Asked) -> Result<String, Failure> {
        let Query(asked) = asked.map_err(|cause| bad("query", cause.body_text()))?;
        let Some(route) = asked.route else { return Ok(self.route.to_string()) };
        if !self.doors.has_route(&route) {
            let start: String = route.chars().take(64).collect();
            let message = format!("there is no route {start:?}");
            return Err(Failure::new(StatusCode::NOT_FOUND, "route", message));
        }
        Ok(route)
    }

    /// What is remembered of a sender, and where the policy's ladder has them.
    pub fn sender(&self, whose: Whose) -> Result<Json<Value>, Failure> {
        let channel = self.doors.meant(whose)?;
        let whose = Whose { channel: &channel, ..whose };
        let pipeline = &self.doors.settler.pipeline;
        let known = pipeline.history.known(whose, now_ms());
        let rules = pipeline.rules.load();
        let ladder = &rules.policy(whose.route, whose.channel).ladder;
        let step = decide::reached(ladder, known.strikes);
        let step = step.map(|step| json!({ "at": step.at, "then": step.then }));
        let mut told = json!(known);
        // They wear off all the time; more digits would only look exact.
        told["strikes"] = ((f64::from(known.strikes) * 100.0).round() / 100.0).into();
        told["route"] = whose.route.into();
        told["channel"] = whose.channel.into();
        told["sender"] = whose.sender.into();
        told["step"] = step.into();
        Ok(Json(told))
    }
}

/// A channel as a path has it.
pub fn channel(named: &str) -> &str {
    if named == NO_CHANNEL { "" } else { named }
}

/// `GET /v1/senders/{channel}/{sender}`: nothing of what they said.
pub async fn one(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    api.permit(&headers, Scope::Read).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    Ok(api.sender(Whose { route: &route, channel: channel(&place), sender: &sender })?)
}

/// `POST /v1/senders/{channel}/{sender}/forgive`: the sender as they are then, as of every act.
pub async fn forgive(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.forgive(whose, &by)?;
    Ok(api.sender(whose)?)
}

/// `POST /v1/senders/{channel}/{sender}/time-out`
pub async fn time_out(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(request.headers()).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let Seconds { seconds } = read_json(request, BODY_BYTES_MAX).await?;
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.silence(whose, seconds, &by).await?;
    Ok(api.sender(whose)?)
}

/// `DELETE /v1/senders/{channel}/{sender}/time-out`: they may speak again, also where they might.
pub async fn lift(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(&headers).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.unsilence(whose, &by)?;
    Ok(api.sender(whose)?)
}

/// `POST /v1/senders/{channel}/{sender}/permit`: one link.
pub async fn permit(
    State(api): State<Api>,
    names: Named<(String, String)>,
    asked: Asked,
    request: Request<Body>,
) -> Result<Json<Value>, Problem> {
    let by = api.decider(request.headers()).await?;
    let ((place, sender), route) = (named(names)?, api.route_of(asked)?);
    let Seconds { seconds } = read_json(request, BODY_BYTES_MAX).await?;
    let whose = Whose { route: &route, channel: channel(&place), sender: &sender };
    api.doors.permit_link(whose, seconds, &by)?;
    Ok(api.sender(whose)?)
}
