//! Streams what was decided to programs, from wherever they broke off.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{Sse, sse},
};
use futures_util::{Stream, stream::unfold};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{Receiver, error::RecvError},
    },
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{Api, answer::AnswerFinding, holds::bad, problem::Problem};
use crate::{
    accounts::Scope,
    audit::{Event, Record},
    doors::Failure,
};

/// A reader that heard nothing for three of these knows that the connection is dead.
const BEAT: Duration = Duration::from_secs(10);
/// Records read from the chain at once.
const PAGE: usize = 100;
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

/// `GET /v1/events`: every verdict other than pass and every decision, as server-sent events.
///
/// An event's id is its place in the audit chain, so whoever comes back after a restart misses
/// nothing that is still kept; where something is not, a `gap` says so.
pub async fn events(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    api.permit(&headers, Scope::Read).await?;
    let Query(wanted) = wanted.map_err(|cause| bad("query", cause.body_text()))?;
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
    // Heard before the chain is read, so that nothing falls between them.
    let audit = &api.doors.settler.audit;
    let news = audit.subscribe();
    let head = audit.head().await.map_err(Failure::from)?;
    let mut beat = interval_at(Instant::now() + BEAT, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed {
        // Whoever asks for what is yet to come would wait for ever.
        last: last.unwrap_or(head).min(head),
        read: Vec::new().into_iter(),
        behind: true,
        wants: Wants { route: wanted.route, channel: wanted.channel, kinds },
        news,
        beat,
        headers,
        api,
        _place: place,
    };
    Ok(Sse::new(unfold(feed, Feed::next)))
}

struct Feed {
    api: Api,
    /// The last event that was passed or left out.
    last: u64,
    /// What was read of the chain and not passed yet.
    read: std::vec::IntoIter<(u64, Record)>,
    /// There may be more in the chain.
    behind: bool,
    wants: Wants,
    news: Receiver<Arc<Record>>,
    beat: Interval,
    /// Asked again at every beat: a token may be taken back.
    headers: HeaderMap,
    _place: OwnedSemaphorePermit,
}

struct Wants {
    route: Option<String>,
    channel: Option<String>,
    kinds: Option<Vec<String>>,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Feed)> {
        loop {
            while let Some((seq, record)) = self.read.as_slice().first() {
                let (seq, first) = (*seq, self.last + 1);
                if seq > first {
                    let gap = json!({ "first_missing": first, "first_kept": seq });
                    self.last = seq - 1;
                    return Some((Ok(event("gap", self.last, &gap)), self));
                }
                let told = self.wants.include(record).then(|| {
                    let mut told = told(record);
                    told["id"] = seq.into();
                    event(kind(record), seq, &told)
                });
                self.last = seq;
                self.read.next();
                if let Some(told) = told {
                    return Some((Ok(told), self));
                }
            }
            if self.behind {
                let page = self.api.doors.settler.audit.after(self.last, PAGE).await;
                match page {
                    Ok(page) => {
                        self.behind = page.len() == PAGE;
                        self.read = page.into_iter();
                    }
                    Err(error) => {
                        tracing::warn!(%error, "events cannot be read");
                        return None;
                    }
                }
                continue;
            }
            tokio::select! {
                news = self.news.recv() => match news {
                    // How many there are is seen in the chain.
                    Ok(_) | Err(RecvError::Lagged(_)) => self.behind = true,
                    Err(RecvError::Closed) => return None,
                },
                _ = self.beat.tick() => {
                    self.api.known(&self.headers, Scope::Read).await.ok()?;
                    return Some((Ok(sse::Event::default().comment("beat")), self));
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
            && kinds.is_none_or(|kinds| kinds.iter().any(|wanted| wanted == kind(record)))
    }
}

fn event(kind: &str, id: u64, data: &Value) -> sse::Event {
    sse::Event::default().event(kind).id(id.to_string()).data(data.to_string())
}

/// What happened, in a word.
fn kind(record: &Record) -> &str {
    match &record.event {
        Event::Judged(verdict) => match verdict.name() {
            "hold" => "held",
            "mask" => "masked",
            "drop" => "dropped",
            _ => "passed",
        },
        Event::Decided { state, .. } => state,
        Event::Undone { .. } => "undone",
        Event::TimedOut { .. } => "timed_out",
        Event::Permitted { .. } => "permitted",
        Event::Settings { what, .. } if what == "shield on" => "shield_on",
        Event::Settings { what, .. } if what == "shield off" => "shield_off",
        Event::Settings { .. } => "settings",
        Event::Refund { .. } => "refund",
        Event::Ladder { .. } => "ladder",
        Event::Pardoned { .. } => "pardoned",
        Event::Acted { .. } => "acted",
    }
}

/// A record as programs see it: never the text.
pub fn told(record: &Record) -> Value {
    let findings: Vec<AnswerFinding> =
        record.findings.iter().cloned().map(AnswerFinding::of).collect();
    let mut told = json!({
        "kind": kind(record),
        "at_ms": record.at_ms,
        "decision": record.id,
        "route": record.route,
        "channel": record.channel,
        "sender": record.sender,
        "findings": findings,
        "decided_by": record.decided_by,
        "rules": record.rules,
    });
    let more = match &record.event {
        Event::Judged(_) => json!({}),
        Event::Decided { by, .. } | Event::Undone { by } | Event::Pardoned { by } => {
            json!({ "by": by })
        }
        Event::TimedOut { until_ms, by } | Event::Permitted { until_ms, by } => {
            json!({ "by": by, "until_ms": until_ms })
        }
        Event::Settings { what, by, why } => json!({ "what": what, "by": by, "why": why }),
        Event::Refund { amount, message_id, cause } => {
            json!({ "amount": amount, "message_id": message_id, "cause": cause })
        }
        Event::Ladder { then, until_ms } => json!({ "then": then, "until_ms": until_ms }),
        Event::Acted { what, result, cause } => {
            json!({ "what": what, "result": result, "cause": cause })
        }
    };
    if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    told
}
