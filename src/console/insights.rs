//! Counts what was judged and decided lately, from records that hold no text, and tells it.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::{Console, guard::may_everywhere, sheet};
use crate::{
    accounts::Role,
    doors::{Doors, Failure},
    message::{Verdict, now_ms},
    metrics::Metrics,
    settle::Settler,
    store::StoreError,
};

mod table;
mod tally;
mod waits;

use table::Table;
use tally::{Tally, Window};

/// Records read back at the start: more than a week of most channels, and read within a second.
const BACK_MAX: u64 = 50_000;
/// Records read at once.
const PAGE: usize = 200;
/// Often enough that a bar of five minutes is right, and that kept chat is gone in time.
const TICK: Duration = Duration::from_secs(10);

/// What was counted, for as long as anybody judges.
pub struct Insights {
    tally: Mutex<Tally>,
    /// The place in the chain up to which records were counted; `None` before the first.
    walked: tokio::sync::Mutex<Option<u64>>,
    metrics: Arc<Metrics>,
    /// The names under which messages are counted.
    inlets: Vec<String>,
}

impl Insights {
    /// Follows the records from now on. It keeps neither the queue nor the store: when those are
    /// gone, it ends.
    pub fn follow(doors: &Doors) -> Arc<Insights> {
        let inlets = doors.config.inflows().map(|inflow| inflow.name.to_owned()).collect();
        let insights = Arc::new(Insights {
            tally: Mutex::new(Tally::new(now_ms())),
            walked: tokio::sync::Mutex::default(),
            metrics: doors.settler.metrics.clone(),
            inlets,
        });
        tokio::spawn(tick(Arc::downgrade(&insights), Arc::downgrade(&doors.settler)));
        insights
    }

    /// Counts what was recorded since the last look.
    async fn catch_up(&self, settler: &Settler) -> Result<(), StoreError> {
        let mut walked = self.walked.lock().await;
        let mut last = match *walked {
            Some(last) => last,
            None => settler.audit.head().await?.saturating_sub(BACK_MAX),
        };
        loop {
            let page = settler.audit.after(last, PAGE).await?;
            let full = page.len() == PAGE;
            {
                let mut tally = self.tally();
                page.iter().for_each(|(_, record)| tally.note(record));
            }
            last = page.last().map_or(last, |(seq, _)| *seq);
            *walked = Some(last);
            if !full {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.tally().passed(now_ms(), self.metrics.judged(&self.inlets, Verdict::Pass.name()));
        Ok(())
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn tick(insights: Weak<Insights>, settler: Weak<Settler>) {
    let mut clock = interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let (Some(insights), Some(settler)) = (insights.upgrade(), settler.upgrade()) else {
            return;
        };
        settler.pipeline.history.chat.sweep(now_ms());
        if let Err(error) = insights.catch_up(&settler).await {
            tracing::warn!(%error, "records were not counted yet");
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(default)]
    window: Window,
    table: Option<Table>,
}

type Question = Result<Query<Asked>, QueryRejection>;

fn asked(question: Question) -> Result<Asked, Failure> {
    let Query(asked) = question
        .map_err(|cause| Failure::new(StatusCode::BAD_REQUEST, "query", cause.body_text()))?;
    Ok(asked)
}

/// Everything that was counted in a window.
pub async fn insights(
    State(console): State<Console>,
    question: Question,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    // They are of all channels together.
    may_everywhere(&console.need(&headers, Role::Moderator).await?, Role::Moderator)?;
    let Asked { window, .. } = asked(question)?;
    let settler = &console.doors.settler;
    console.insights.catch_up(settler).await?;
    let (now, tally) = (now_ms(), console.insights.tally());
    let mut told = json!(tally.sum(window, now));
    told["now_ms"] = now.into();
    told["held_now"] = settler.holds.list().len().into();
    Ok(Json(told))
}

/// One of the tables, for a spreadsheet.
pub async fn insights_csv(
    State(console): State<Console>,
    question: Question,
    headers: HeaderMap,
) -> Result<(HeaderMap, String), Failure> {
    may_everywhere(&console.need(&headers, Role::Moderator).await?, Role::Moderator)?;
    let Asked { window, table } = asked(question)?;
    let table = table.unwrap_or_default();
    console.insights.catch_up(&console.doors.settler).await?;
    let sum = console.insights.tally().sum(window, now_ms());
    let name = format!("{}-{}", table.name(), window.name());
    Ok((sheet::headers(&name), table.sheet(&sum)))
}
