//! Replays what is still known by its text under a candidate, and says what would become of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{Request, StatusCode},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Console, shown::findings, trial::BODY_BYTES_MAX};
use crate::{
    accounts::Role,
    audit::Event,
    doors::{Failure, read_json},
    hold::{Hold, State as HoldState},
    message::{Judgement, Message, Paid, Recent, Score, Sender, Standing, Verdict, now_ms},
    rules::{Candidate, Ruleset, Trial, Yardstick},
};

/// Of each source, the newest.
const HELD_MAX: usize = 500;
const ENDED_MAX: usize = 500;
const STOPPED_MAX: usize = 500;
/// Records looked through for texts that are still stored.
const RECORDS_MAX: usize = 2_000;
/// Rows in one answer: more than anybody reads.
const SHOWN_MAX: usize = 100;
/// A moderator waits this long; what was not looked at by then is told.
const TIME_MAX: Duration = Duration::from_secs(10);
/// A replay costs as much as so many texts.
const COST: u32 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    route: String,
    /// Empty: all of the route's.
    channel: String,
    candidate: Trial,
}

/// Where a row comes from.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// It waits for a moderator.
    Held,
    /// It was held and was not shown.
    Ended,
    /// It was masked or dropped.
    Stopped,
    /// It passed, and the operator keeps the last minutes.
    Chat,
}

struct Row {
    source: Source,
    id: String,
    at_ms: u64,
    route: Arc<str>,
    channel: String,
    sender: Sender,
    text: String,
    paid: Option<Paid>,
    standing: Standing,
    /// How it ended, where somebody or the clock decided.
    state: Option<HoldState>,
    by: Option<String>,
}

/// Judges every row by what runs and by the candidate, and lists where they differ.
///
/// What hangs on pace, on crowds and on names is left out on both sides: of that, nothing is known
/// any more.
pub async fn replay(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    console.trials.take(&session.name, COST)?;
    let asked: Asked = read_json(request, BODY_BYTES_MAX).await?;
    let Ok(_turn) = console.trials.replaying.try_acquire() else {
        let message = "somebody else replays just now";
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        return Err(failure.after(TIME_MAX));
    };
    let channel = console.doors.place(&asked.route, &asked.channel)?;
    console.may_try(&session, &asked.candidate.policy)?;
    let own_policy = asked.candidate.names_policy();
    let candidate = console.candidate(&asked.route, &channel, asked.candidate, &session).await?;
    let rules = console.doors.settler.pipeline.rules.load_full();
    let mut rows = console.rows(&asked.route, &channel).await?;
    rows.retain(|row| session.rights.reach(&row.route, &row.channel, Role::Moderator));
    let play = Play { console: &console, rules, candidate: &candidate, own_policy };
    let mut told = play.all(&rows).await;
    told["now_ms"] = now_ms().into();
    told["warnings"] = json!(candidate.warnings);
    told["sources"] = json!(sources(&rows));
    told["keeps_chat"] = console.doors.settler.pipeline.history.chat.is_kept().into();
    Ok(Json(told))
}

fn sources(rows: &[Row]) -> Value {
    let count = |source| rows.iter().filter(|row| row.source == source).count();
    json!({
        "held": count(Source::Held),
        "ended": count(Source::Ended),
        "stopped": count(Source::Stopped),
        "chat": count(Source::Chat),
    })
}

struct Play<'a> {
    console: &'a Console,
    rules: Arc<Ruleset>,
    candidate: &'a Candidate,
    /// The candidate is a policy; else each channel keeps its own, and lists or strictness are
    /// tried.
    own_policy: bool,
}

impl Play<'_> {
    async fn all(&self, rows: &[Row]) -> Value {
        let end = Instant::now() + TIME_MAX;
        let (mut looked_at, mut late, mut changed) = (0, 0, 0);
        let mut moves: BTreeMap<(Verdict, Verdict), u32> = BTreeMap::new();
        let mut shown = Vec::new();
        for row in rows {
            if Instant::now() >= end {
                break;
            }
            looked_at += 1;
            let (was, now) = self.both(row).await;
            late += usize::from(was.score == Score::Late || now.score == Score::Late);
            if was.verdict != now.verdict {
                changed += 1;
                *moves.entry((was.verdict, now.verdict)).or_default() += 1;
                if shown.len() < SHOWN_MAX {
                    shown.push(told(row, &was, &now));
                }
            }
            // Chat goes first.
            tokio::task::yield_now().await;
        }
        let moves = moves.into_iter();
        let moves: Vec<Value> =
            moves.map(|((from, to), n)| json!({ "from": from, "to": to, "n": n })).collect();
        json!({
            "total": rows.len(),
            "looked_at": looked_at,
            "late": late,
            "changed": changed,
            "moves": moves,
            "rows": shown,
        })
    }

    async fn both(&self, row: &Row) -> (Judgement, Judgement) {
        let pipeline = &self.console.doors.settler.pipeline;
        let running = self.rules.yardstick(&row.route, &row.channel);
        let by = &self.candidate.by;
        let policy = match self.own_policy {
            true => &by.policy,
            false => self.candidate.policy(&row.route, &row.channel).unwrap_or(&running.policy),
        };
        let candidate = Yardstick { policy: policy.clone(), ..by.clone() };
        let (message, recent) = (row.message(), row.recent());
        let wait = self.console.score_wait();
        let was = pipeline.rehearse(&running, &message, &recent, wait).await;
        let now = pipeline.rehearse(&candidate, &message, &recent, wait).await;
        (was, now)
    }
}

fn told(row: &Row, was: &Judgement, now: &Judgement) -> Value {
    let Row { source, id, at_ms, route, channel, sender, text, state, by, .. } = row;
    // What is let through is let through for what is no longer found.
    let found = if now.findings.is_empty() { &was.findings } else { &now.findings };
    json!({
        "source": source,
        "id": id,
        "at_ms": at_ms,
        "route": &**route,
        "channel": channel,
        "sender": sender,
        "text": text,
        "state": state,
        "decided_by": by,
        "was": was.verdict,
        "now": now.verdict,
        "by": now.grounds.to_string(),
        "findings": findings(text, found),
    })
}

impl Row {
    fn of_hold(source: Source, hold: &Hold) -> Row {
        Row {
            source,
            id: hold.id.clone(),
            at_ms: hold.held_ms,
            route: hold.route.as_str().into(),
            channel: hold.channel.clone(),
            sender: hold.sender.clone(),
            text: hold.text.clone(),
            paid: hold.paid.clone(),
            standing: hold.standing,
            state: (source == Source::Ended).then_some(hold.state),
            by: hold.decided.as_ref().map(|decided| decided.by.clone()),
        }
    }

    fn message(&self) -> Message {
        Message {
            route: self.route.clone(),
            channel: self.channel.clone(),
            sender: self.sender.clone(),
            text: self.text.clone(),
            at_ms: self.at_ms,
            paid: self.paid.clone(),
            first: self.standing.first,
            ..Message::default()
        }
    }

    fn recent(&self) -> Recent {
        let Standing { first, strikes, shield, .. } = self.standing;
        Recent { messages: 1, repeats: 1, first, strikes, shield, ..Recent::default() }
    }
}

impl Console {
    /// Everything of a route whose text is still there, each source's newest first.
    async fn rows(&self, route: &str, channel: &str) -> Result<Vec<Row>, Failure> {
        let settler = &self.doors.settler;
        let meant = |own: &str, room: &str| own == route && (channel.is_empty() || room == channel);
        let of_holds = |source, holds: Vec<Arc<Hold>>, max| {
            let holds = holds.into_iter();
            let own = holds.filter(|h| meant(&h.route, &h.channel) && !h.text.is_empty());
            own.take(max).map(move |hold| Row::of_hold(source, &hold)).collect::<Vec<_>>()
        };
        let mut held = settler.holds.list();
        held.sort_by_key(|hold| std::cmp::Reverse(hold.held_ms));
        let mut rows = of_holds(Source::Held, held, HELD_MAX);
        rows.extend(of_holds(Source::Ended, settler.holds.recent(RECORDS_MAX), ENDED_MAX));
        rows.extend(self.stopped(&meant).await?);
        let chat = settler.pipeline.history.chat.list(now_ms());
        rows.extend(chat.iter().filter(|said| meant(&said.route, &said.channel)).map(|said| Row {
            source: Source::Chat,
            id: String::new(),
            at_ms: said.at_ms,
            route: said.route.clone(),
            channel: said.channel.clone(),
            sender: said.sender.clone(),
            text: said.text.clone(),
            paid: said.paid.clone(),
            standing: said.standing,
            state: None,
            by: None,
        }));
        Ok(rows)
    }

    /// What was masked or dropped and is not erased yet.
    async fn stopped(&self, meant: &impl Fn(&str, &str) -> bool) -> Result<Vec<Row>, Failure> {
        let audit = &self.doors.settler.audit;
        let mut rows = Vec::new();
        for record in audit.recent(RECORDS_MAX).await? {
            let stopped = matches!(record.event, Event::Judged(Verdict::Mask | Verdict::Drop));
            if rows.len() >= STOPPED_MAX || !stopped || !meant(&record.route, &record.channel) {
                continue;
            }
            let Some(text) = audit.text(&record.id).await? else { continue };
            rows.push(Row {
                source: Source::Stopped,
                id: record.id,
                at_ms: record.at_ms,
                route: record.route.into(),
                channel: record.channel,
                sender: record.sender,
                text,
                paid: None,
                standing: Standing::default(),
                state: None,
                by: None,
            });
        }
        Ok(rows)
    }
}
