//! Takes senders' appeals, keeps them until somebody who did not decide looks, and tells the end.
//!
//! An appeal names a decision. What its sender writes is a text like any other: it lies apart from
//! the record and goes with its retention, or when its sender is erased.

use std::{collections::BTreeSet, time::Duration};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::Mutex,
    time::{MissedTickBehavior, interval},
};

use super::{Doors, Failure, place::unfit};
use crate::{
    audit::{Event, Record},
    history::Whose,
    message::{Finding, Sender, Verdict, now_ms},
    store::{Expect, StoreError, Table, Write},
};

/// More wait for nobody: whoever asks then is told to come again.
const OPEN_MAX: usize = 1_000;
const FULL_WAIT: Duration = Duration::from_secs(600);
/// Of one sender.
const OPEN_OF_SENDER_MAX: usize = 3;
/// A few sentences.
pub const TEXT_CHARS_MAX: usize = 500;
/// Rows read at once by whoever looks at the age of all.
const PAGE: usize = 100;
/// Ages are counted in days; an hour late is on time.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The log has room again, or the store answers again.
const LOG_WAIT: Duration = Duration::from_secs(1);
/// Where they stand among the small values: those that wait, and those that are over.
const OPEN: &str = "appeal/open/";
const OVER: &str = "appeal/over/";
/// Whom records name where no person and no program decided.
const NOBODY: [&str; 3] = ["expiry", "erasure", "sender"];
/// Who ends what nobody has looked at.
const CLOCK: &str = "clock";
/// One is taken at a time, or two at once could be one too many, or be against the same decision.
static TAKING: Mutex<()> = Mutex::const_new(());

/// One appeal, without what its sender wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Appeal {
    /// Of its own record, where its text is.
    pub id: String,
    /// What it is against; there is one appeal against each.
    pub decision: String,
    pub route: String,
    pub channel: String,
    pub sender: Sender,
    pub at_ms: u64,
    /// Which program handed it in.
    pub by: String,
    /// What had become of the message: `dropped`, `masked`, `denied`, `expired`, `timed_out`.
    pub against: String,
    /// What had the last word, and what was found.
    pub decided_by: String,
    pub findings: Vec<Finding>,
    /// Whoever decided it before has no say now.
    pub deciders: BTreeSet<String>,
    pub end: Option<End>,
}

/// How an appeal ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub outcome: Outcome,
    pub by: String,
    pub at_ms: u64,
}

/// Whether what was decided stands; it does, too, where nobody looked while the texts were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Upheld,
    Overturned,
    Lapsed,
}

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Upheld => "upheld",
            Outcome::Overturned => "overturned",
            Outcome::Lapsed => "lapsed",
        }
    }
}

impl Doors {
    /// Takes a sender's appeal against a decision. When it returns, what the sender wrote is in the
    /// log, and the appeal is where a moderator finds it.
    ///
    /// # Errors
    /// No such decision, of somebody else, nothing to appeal against, appealed already, or too
    /// many that wait; or it cannot be kept now.
    pub async fn appeal(
        &self,
        decision: &str,
        sender: &str,
        text: &str,
        by: &str,
    ) -> Result<Appeal, Failure> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
            return Err(unfit("text", format!("an appeal has 1 to {TEXT_CHARS_MAX} characters")));
        }
        let _taking = TAKING.lock().await;
        self.settler.audit.flush().await;
        let records = self.settler.audit.find(decision).await?;
        let appeal = self.against(decision, &records, sender, by)?;
        if self.appeal_against(decision).await?.is_some() {
            return Err(already());
        }
        let open = self.appeals().await?;
        if open.len() >= OPEN_MAX {
            let message = "as many appeals wait as may";
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
            return Err(failure.after(FULL_WAIT));
        }
        let own = open.iter().filter(|a| a.route == appeal.route && a.sender.id == sender);
        if own.count() >= OPEN_OF_SENDER_MAX {
            let message = format!("{OPEN_OF_SENDER_MAX} appeals of one sender wait at most");
            return Err(Failure::new(StatusCode::CONFLICT, "appeals", message));
        }
        self.keep_text(&appeal, text).await?;
        let write = put(OPEN, decision, Expect::Absent, Some(bytes(&appeal)?));
        self.store.commit(vec![write]).await.map_err(|error| match error {
            StoreError::Conflict(_) => already(),
            error => error.into(),
        })?;
        Ok(appeal)
    }

    /// Puts what the sender wrote in the log, and sees that it is there: an appeal without its text
    /// is none.
    async fn keep_text(&self, appeal: &Appeal, text: &str) -> Result<(), Failure> {
        let (of, by) = (appeal.decision.clone(), appeal.by.clone());
        let record = self.record_of(appeal, Event::Appealed { of, by });
        let audit = &self.settler.audit;
        audit.record(record, Some(text));
        audit.flush().await;
        match audit.find(&appeal.id).await?.iter().any(|own| !own.text_sha256.is_empty()) {
            true => Ok(()),
            false => {
                let message = "an appeal cannot be kept now";
                let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
                Err(failure.after(LOG_WAIT))
            }
        }
    }

    /// Those that wait, oldest first.
    pub async fn appeals(&self) -> Result<Vec<Appeal>, Failure> {
        let rows = self.store.scan(Table::Meta, OPEN, OPEN_MAX).await?;
        let rows = rows.into_iter().take_while(|(key, _)| key.starts_with(OPEN));
        let mut all = rows.map(|(key, row)| read(&key, &row)).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// The appeal against a decision, whether it waits or is over.
    pub async fn appeal_against(&self, decision: &str) -> Result<Option<Appeal>, Failure> {
        let open = self.load(OPEN, decision).await?;
        let found = match open {
            Some((appeal, _)) => Some(appeal),
            None => self.load(OVER, decision).await?.map(|(appeal, _)| appeal),
        };
        Ok(found)
    }

    /// Ends an appeal; the first who does so wins.
    ///
    /// # Errors
    /// It is unknown, over already, or against what the same person decided.
    pub async fn end_appeal(
        &self,
        decision: &str,
        outcome: Outcome,
        forgive: bool,
        by: &str,
    ) -> Result<Appeal, Failure> {
        let Some((mut appeal, stored)) = self.load(OPEN, decision).await? else {
            return Err(match self.load(OVER, decision).await? {
                Some((appeal, _)) => over(&appeal),
                None => Failure::new(StatusCode::NOT_FOUND, "unknown", "there is no such appeal"),
            });
        };
        if appeal.deciders.contains(by) {
            let message = "you decided it yourself; somebody else has to look";
            return Err(Failure::new(StatusCode::FORBIDDEN, "own_decision", message));
        }
        appeal.end = Some(End { outcome, by: by.to_owned(), at_ms: now_ms() });
        self.put_over(&appeal, stored).await?;
        if forgive && outcome == Outcome::Overturned && !appeal.sender.id.is_empty() {
            let Appeal { route, channel, sender, .. } = &appeal;
            self.forgive(Whose { route, channel, sender: &sender.id }, by)?;
        }
        Ok(appeal)
    }

    /// Moves an appeal that has its end to those that are over, and tells.
    async fn put_over(&self, appeal: &Appeal, stored: Vec<u8>) -> Result<(), Failure> {
        let Appeal { decision, end: Some(End { outcome, by, .. }), .. } = appeal else {
            return Ok(());
        };
        let writes = vec![
            put(OPEN, decision, Expect::Exactly(stored), None),
            put(OVER, decision, Expect::Absent, Some(bytes(appeal)?)),
        ];
        match self.store.commit(writes).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => {
                return Err(match self.load(OVER, decision).await? {
                    Some((appeal, _)) => over(&appeal),
                    None => already(),
                });
            }
            Err(error) => return Err(error.into()),
        }
        let (of, outcome) = (decision.clone(), outcome.name().to_owned());
        let event = Event::AppealEnded { of, outcome, by: by.clone() };
        self.settler.audit.record(self.record_of(appeal, event), None);
        Ok(())
    }

    /// What is on record of a decision, as something to appeal against.
    fn against(
        &self,
        decision: &str,
        records: &[Record],
        sender: &str,
        by: &str,
    ) -> Result<Appeal, Failure> {
        let unknown =
            || Failure::new(StatusCode::NOT_FOUND, "unknown", "no such decision is known");
        // What strikes came to may be on record before the verdict that it came with.
        let judged = records.iter().find(|record| matches!(record.event, Event::Judged(_)));
        let Some(first) = judged.or(records.first()) else { return Err(unknown()) };
        // Whoever is not its sender learns no more than that.
        if first.sender.id.is_empty() || first.sender.id != sender {
            return Err(unknown());
        }
        let Some(against) = records.iter().fold(None, adverse) else {
            let message = "nothing was decided against this message, or it still waits";
            return Err(Failure::new(StatusCode::CONFLICT, "nothing_against", message));
        };
        let deciders = records.iter().filter_map(|record| decider(&record.event));
        let deciders = deciders.filter(|by| !NOBODY.contains(by)).map(str::to_owned).collect();
        Ok(Appeal {
            id: self.settler.holds.fresh_id(),
            decision: decision.to_owned(),
            route: first.route.clone(),
            channel: first.channel.clone(),
            sender: first.sender.clone(),
            at_ms: now_ms(),
            by: by.to_owned(),
            against: against.to_owned(),
            decided_by: first.decided_by.clone(),
            findings: first.findings.clone(),
            deciders,
            end: None,
        })
    }

    fn record_of(&self, appeal: &Appeal, event: Event) -> Record {
        Record {
            id: appeal.id.clone(),
            at_ms: now_ms(),
            route: appeal.route.clone(),
            channel: appeal.channel.clone(),
            sender: appeal.sender.clone(),
            event,
            findings: Vec::new(),
            rules: self.settler.pipeline.rules.load().version.to_string(),
            decided_by: String::new(),
            text_sha256: String::new(),
        }
    }

    async fn load(
        &self,
        place: &str,
        decision: &str,
    ) -> Result<Option<(Appeal, Vec<u8>)>, Failure> {
        let key = format!("{place}{decision}");
        let row = self.store.load(Table::Meta, &key).await?;
        row.map(|row| Ok((read(&key, &row)?, row))).transpose()
    }

    /// Looks at the age of all appeals, now and every hour, until its task is aborted.
    pub async fn age_appeals(self) {
        let mut looks = interval(SWEEP_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Err(Failure { message, .. }) = self.sweep_appeals(now_ms()).await {
                tracing::warn!(cause = message, "old appeals stay for now");
            }
        }
    }

    /// Ends what waited until the texts went that somebody would have had to read, and forgets what
    /// was over before the records of it went.
    ///
    /// # Errors
    /// The store does not answer. One that cannot be read keeps no other from its end.
    pub async fn sweep_appeals(&self, now_ms: u64) -> Result<(), Failure> {
        let keep = &self.config.retention;
        let before = |days: u32| now_ms.saturating_sub(u64::from(days) * DAY_MS);
        // Where texts go at once somebody has a day to look at the rest.
        let (lapses_ms, goes_ms) = (before(keep.text_days.max(1)), before(keep.record_days));
        for (mut appeal, stored) in self.older(OPEN, lapses_ms).await? {
            let at_ms = now_ms;
            appeal.end = Some(End { outcome: Outcome::Lapsed, by: CLOCK.to_owned(), at_ms });
            match self.put_over(&appeal, stored).await {
                Ok(()) => {}
                // Somebody has looked in this moment.
                Err(failure) if failure.status == StatusCode::CONFLICT => {}
                Err(failure) => return Err(failure),
            }
        }
        let gone = self.older(OVER, goes_ms).await?;
        let write = |appeal: &Appeal, row| put(OVER, &appeal.decision, Expect::Exactly(row), None);
        let writes: Vec<Write> = gone.into_iter().map(|(own, row)| write(&own, row)).collect();
        match writes.is_empty() {
            true => Ok(()),
            false => Ok(self.store.commit(writes).await?),
        }
    }

    /// Those in a place that were handed in before then.
    async fn older(&self, place: &str, before_ms: u64) -> Result<Vec<(Appeal, Vec<u8>)>, Failure> {
        let (mut found, mut after) = (Vec::new(), place.to_owned());
        loop {
            let rows = self.store.scan(Table::Meta, &after, PAGE).await?;
            let mut own = rows.into_iter().take_while(|(key, _)| key.starts_with(place)).peekable();
            if own.peek().is_none() {
                return Ok(found);
            }
            for (key, row) in own {
                match read(&key, &row) {
                    Ok(appeal) if appeal.at_ms < before_ms => found.push((appeal, row)),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "an appeal cannot be read"),
                }
                after = key;
            }
        }
    }
}

/// What stands against the sender after one record more; `None`: nothing, or nothing yet.
fn adverse<'a>(before: Option<&'a str>, record: &'a Record) -> Option<&'a str> {
    match &record.event {
        Event::Judged(Verdict::Mask) => Some("masked"),
        Event::Judged(Verdict::Drop) => Some("dropped"),
        Event::Judged(Verdict::Pass | Verdict::Hold) | Event::Undone { .. } => None,
        Event::Decided { state, .. } => {
            Some(state.as_str()).filter(|state| ["denied", "expired"].contains(state))
        }
        Event::TimedOut { .. } => Some("timed_out"),
        // What strikes came to, what a bot did, what is to be refunded: all follow from the rest.
        _ => before,
    }
}

fn decider(event: &Event) -> Option<&str> {
    match event {
        Event::Decided { by, .. } | Event::TimedOut { by, .. } | Event::Undone { by } => Some(by),
        _ => None,
    }
}

fn already() -> Failure {
    Failure::new(StatusCode::CONFLICT, "appealed", "it was appealed against already")
}

/// Whoever comes second is told who was first.
fn over(appeal: &Appeal) -> Failure {
    let message = "somebody was faster";
    let end = appeal.end.as_ref();
    Failure::new(StatusCode::CONFLICT, "appeal_over", message).with(json!({
        "outcome": end.map(|end| end.outcome),
        "by": end.map(|end| &end.by),
        "at_ms": end.map(|end| end.at_ms),
    }))
}

fn put(place: &str, decision: &str, expect: Expect, value: Option<Vec<u8>>) -> Write {
    Write { table: Table::Meta, key: format!("{place}{decision}"), expect, value }
}

fn bytes(appeal: &Appeal) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(appeal).map_err(|error| broken(&appeal.decision, &error))
}

fn read(key: &str, row: &[u8]) -> Result<Appeal, StoreError> {
    serde_json::from_slice(row).map_err(|error| broken(key, &error))
}

fn broken(key: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { place: key.to_owned(), cause: error.to_string() }
}
