//! Streams what was decided to programs, from wherever they broke off.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse, Response, Sse, sse},
};
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{
    Api,
    feed::{Feed, Step},
    holds::bad,
    problem::Problem,
    told, webhooks,
};
use crate::{accounts::Scope, audit::Record, doors::Failure};

mod socket;

/// A reader that heard nothing for three of these knows that the connection is dead.
const BEAT: Duration = Duration::from_secs(10);
const KINDS_MAX: usize = 40;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The id of the last event that was seen; without it, what comes from now on.
    after: Option<u64>,
    route: Option<String>,
    channel: Option<String>,
    /// Comma-separated.
    kinds: Option<String>,
}

/// `GET /v1/events`: every verdict other than pass and every decision, as server-sent events or,
/// where an upgrade is asked for, over a WebSocket.
///
/// An event's id is its place in the audit chain, so whoever comes back after a restart misses
/// nothing that is still kept; where something is not, a `gap` says so, and where the place is of
/// another chain, a `reset`.
pub async fn events(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    api.permit(&headers, Scope::Read).await?;
    let Query(wanted) = wanted.map_err(|cause| bad("query", cause.body_text()))?;
    let upgrade = socket::asked(&request)?;
    let Ok(place) = api.streams.clone().try_acquire_owned() else {
        api.doors.settler.metrics.discard("api_streams");
        let message = "as many programs listen as may";
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        return Err(failure.after(Duration::from_secs(5)).into());
    };
    let last = match headers.get("last-event-id") {
        None => wanted.after,
        Some(id) => {
            let number = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            Some(number.ok_or_else(|| bad("last_event_id", "an event's id is a number"))?)
        }
    };
    let kinds = wanted.kinds.map(|kinds| kinds.split(',').map(str::to_owned).collect::<Vec<_>>());
    if kinds.as_ref().is_some_and(|kinds| kinds.len() > KINDS_MAX) {
        return Err(bad("kinds", format!("names {KINDS_MAX} at most")).into());
    }
    let kinds = kinds.map(|kinds| webhooks::kinds(&kinds)).transpose();
    let kinds = kinds.map_err(|cause| bad("kinds", cause))?;
    let feed = Feed::open(&api.doors.settler.audit, last).await.map_err(Failure::from)?;
    // A stream says at once where it begins.
    let first = if upgrade.is_some() { BEAT } else { Duration::ZERO };
    let mut beat = interval_at(Instant::now() + first, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let wants = Wants { route: wanted.route, channel: wanted.channel, kinds };
    let listener = Listener { feed, wants, beat, headers, api, _place: place };
    Ok(match upgrade {
        Some(accepted) => socket::answer(listener, accepted, request),
        None => Sse::new(unfold(listener, sent)).into_response(),
    })
}

/// A program that listens.
struct Listener {
    api: Api,
    feed: Feed,
    wants: Wants,
    beat: Interval,
    /// Asked again at every beat: a token may be taken back.
    headers: HeaderMap,
    _place: OwnedSemaphorePermit,
}

struct Wants {
    route: Option<String>,
    channel: Option<String>,
    kinds: Option<Vec<&'static str>>,
}

/// What a listener is told next.
enum Next {
    Event(Value),
    /// A sign of life; it is time to ask for the token again.
    Beat,
    /// The store does not answer, or nothing is recorded any more.
    Over,
}

impl Listener {
    /// Whether the token still opens this.
    async fn may(&self) -> bool {
        let known = self.api.known(&self.headers, Scope::Read).await;
        // A store that does not answer has taken nothing back.
        known.err().is_none_or(|refused| refused.status.is_server_error())
    }

    /// Nothing is lost where a caller gives up waiting.
    async fn next(&mut self) -> Next {
        loop {
            let step = tokio::select! {
                step = self.feed.next() => step,
                _ = self.beat.tick() => return Next::Beat,
            };
            match step {
                Ok(Some(Step::Gap(missing, kept))) => return Next::Event(told::gap(missing, kept)),
                Ok(Some(Step::Reset(asked, head))) => return Next::Event(told::reset(asked, head)),
                Ok(Some(Step::Record(seq, record))) if self.wants.include(&record) => {
                    return Next::Event(told::event(seq, &record));
                }
                Ok(Some(Step::Record(..))) => {}
                Ok(None) => return Next::Over,
                Err(error) => {
                    tracing::warn!(%error, "events cannot be read");
                    return Next::Over;
                }
            }
        }
    }
}

impl Wants {
    fn include(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|w| w == own);
        let kinds = self.kinds.as_ref();
        is(&self.route, &record.route)
            && is(&self.channel, &record.channel)
            && kinds.is_none_or(|kinds| kinds.contains(&told::kind(record)))
    }
}

/// The next thing of a stream of server-sent events.
async fn sent(mut listener: Listener) -> Option<(Result<sse::Event, Infallible>, Listener)> {
    let event = match listener.next().await {
        Next::Event(told) => {
            let kind = told["kind"].as_str().unwrap_or_default();
            sse::Event::default().event(kind).id(told["id"].to_string()).data(told.to_string())
        }
        // With its place, so that whoever has heard nothing yet can come back to it.
        Next::Beat if listener.may().await => {
            sse::Event::default().id(listener.feed.last().to_string()).comment("beat")
        }
        Next::Beat | Next::Over => return None,
    };
    Some((Ok(event), listener))
}
