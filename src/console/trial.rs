//! Judges a text under the running policy and, beside it, under one that is only being tried.
//!
//! Nothing of it is kept: no history, no record, no line in a log.

use std::{ops::Range, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    Console,
    guard::{may, may_everywhere},
    shown::{findings, utf16},
};
use crate::{
    accounts::{Rights, Role, Session},
    config::PRESETS,
    doors::{
        Failure, Pace,
        overrides::{LIST_BYTES_MAX, merged},
        place::unfit,
        read_json,
    },
    message::{
        self, Depth, Head, Judgement, Language, Message, Paid, Recent, Score, Sender, now_ms,
    },
    pipeline::Pipeline,
    rules::{Candidate, Trial, Yardstick},
};

/// A policy of hundreds of lines and a list, of which quotes and line ends are two bytes in JSON.
pub const BODY_BYTES_MAX: usize = 64 * 1024 + 2 * LIST_BYTES_MAX;
/// As for a nuke: longer texts are no chat message.
const TEXT_CHARS_MAX: usize = 2_000;
const STRIKES_MAX: f32 = 1_000.0;
/// One moderator may try a text every two seconds, and twenty at once.
const COST: Duration = Duration::from_secs(2);
const BURST: u32 = 20;
/// Whoever writes a list has it checked at every pause.
const EDIT_COST: Duration = Duration::from_secs(1);
const EDIT_BURST: u32 = 30;
/// There are as many accounts as an admin makes.
const CALLERS_MAX: usize = 1_000;

/// What trying costs is bounded for each moderator and in all.
pub struct Trials {
    pace: Pace,
    edits: Pace,
    /// Compiling lists keeps a core busy for a moment: one at a time.
    pub building: Semaphore,
    pub replaying: Semaphore,
}

impl Trials {
    pub fn new() -> Trials {
        let pace = Pace::new(COST, BURST, CALLERS_MAX);
        let edits = Pace::new(EDIT_COST, EDIT_BURST, CALLERS_MAX);
        Trials { pace, edits, building: Semaphore::new(1), replaying: Semaphore::new(1) }
    }

    /// Takes a request that costs as much as so many texts.
    pub fn take(&self, name: &str, count: u32) -> Result<(), Failure> {
        self.pace.take_many(name, count, Instant::now()).map_err(too_many)
    }

    /// Takes a request that looks at a list or saves something.
    pub fn edit(&self, name: &str) -> Result<(), Failure> {
        self.edits.take_many(name, 1, Instant::now()).map_err(too_many)
    }
}

fn too_many(wait: Duration) -> Failure {
    let message = "too many at once; wait a little";
    Failure::new(StatusCode::TOO_MANY_REQUESTS, "pace", message).after(wait)
}

/// The policies that there are, and where each of them judges.
pub async fn policies(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Moderator).await?;
    let rules = console.doors.settler.pipeline.rules.load();
    let mut names: Vec<&String> = rules.policies.keys().collect();
    names.sort();
    names.retain(|name| console.may_try(&session, name).is_ok());
    let history = &console.doors.settler.pipeline.history;
    Ok(Json(json!({
        "now_ms": now_ms(),
        "policies": names,
        "places": console.places(&session.rights),
        "keeps_chat": history.chat.is_kept(),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    route: String,
    channel: String,
    text: String,
    /// What was paid for it, as it is shown; empty: nothing.
    #[serde(default)]
    paid: String,
    #[serde(default)]
    standing: Standing,
    candidate: Option<Trial>,
    #[serde(default)]
    language: Language,
}

/// What is to be taken for known of whoever says it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Standing {
    roles: Vec<message::Role>,
    first: bool,
    strikes: f32,
    /// The channel is in shield mode.
    shield: bool,
}

impl Standing {
    fn recent(&self) -> Recent {
        Recent {
            messages: 1,
            repeats: 1,
            first: self.first,
            newcomer: self.first && self.roles.is_empty(),
            shield: self.shield,
            strikes: self.strikes,
            ..Recent::default()
        }
    }
}

/// What becomes of a text now, and what would become of it.
pub async fn try_out(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    console.trials.take(&session.name, 1)?;
    let asked: Asked = read_json(request, BODY_BYTES_MAX).await?;
    let channel = console.doors.place(&asked.route, &asked.channel)?;
    // Whoever may try texts on a channel can guess what it has armed.
    may(&session, Role::Moderator, &asked.route, &channel)?;
    if asked.text.trim().is_empty() {
        return Err(unfit("text", "there is no text"));
    }
    if asked.text.chars().count() > TEXT_CHARS_MAX {
        return Err(unfit("long", format!("a text has {TEXT_CHARS_MAX} characters at most")));
    }
    if let Some(trial) = &asked.candidate {
        console.may_try(&session, &trial.policy)?;
    }
    let strikes = asked.standing.strikes;
    if !(0.0..=STRIKES_MAX).contains(&strikes) {
        return Err(unfit("strikes", format!("strikes are 0 to {STRIKES_MAX}")));
    }
    let recent = asked.standing.recent();
    let candidate = match asked.candidate {
        Some(trial) => Some(console.candidate(&asked.route, &channel, trial, &session).await?),
        None => None,
    };
    let rules = console.doors.settler.pipeline.rules.load();
    let running = rules.yardstick(&asked.route, &channel);
    let message = Message {
        route: asked.route.into(),
        channel,
        sender: Sender { roles: asked.standing.roles, ..Sender::default() },
        text: asked.text,
        at_ms: now_ms(),
        paid: Paid::new(&asked.paid, ""),
        first: recent.first,
        ..Message::default()
    };
    let question = Question { console: &console, message, recent, language: asked.language };
    let (tried, warnings) = match &candidate {
        Some(Candidate { by, warnings, .. }) => (Some(question.side(by).await), &warnings[..]),
        None => (None, &[][..]),
    };
    Ok(Json(json!({
        "now_ms": now_ms(),
        "running": question.side(&running).await,
        "candidate": tried,
        "warnings": warnings,
    })))
}

/// One text, to be judged by several yardsticks.
struct Question<'a> {
    console: &'a Console,
    message: Message,
    recent: Recent,
    language: Language,
}

#[derive(Serialize)]
struct HeadScore<'a> {
    head: &'a str,
    score: f32,
    /// From here on it counts; `None`: the policy gives it no say.
    threshold: Option<f32>,
}

impl Question<'_> {
    async fn side(&self, by: &Yardstick) -> Value {
        let pipeline = &self.console.doors.settler.pipeline;
        let (message, wait) = (&self.message, self.console.score_wait());
        let judgement = pipeline.rehearse(by, message, &self.recent, wait).await;
        // Every text is scored here; it changes no verdict beyond what the policy asked for.
        let score = match judgement.score {
            Score::Skipped if pipeline.scorer.available() => scored(pipeline, message, wait).await,
            ref own => own.clone(),
        };
        let policy = by.policy.acting(self.recent.shield, self.recent.trusted);
        let scores: Vec<HeadScore> = match &score {
            Score::Known(scores) => {
                let threshold = |name: &str| policy.threshold(&scores.model, Head::named(name)?);
                let all = scores.all();
                all.map(|(head, score)| HeadScore { head, score, threshold: threshold(head) })
                    .collect()
            }
            Score::Late | Score::Skipped => Vec::new(),
        };
        json!({
            "policy": &*policy.name,
            "verdict": judgement.verdict,
            "asked": judgement.asked,
            "by": judgement.grounds.to_string(),
            "exempt": judgement.grounds.exempt,
            "findings": findings(&message.text, &judgement.findings),
            "mask": masked(&message.text, &judgement),
            "scores": scores,
            "late": score == Score::Late,
            "told": judgement.explain(Depth::Sender, self.language),
        })
    }
}

async fn scored(pipeline: &Pipeline, message: &Message, wait: Duration) -> Score {
    pipeline.score_within(&message.text, Some(wait)).await
}

/// The spans that become stars, where the verdict is a mask.
fn masked(text: &str, judgement: &Judgement) -> Vec<Range<usize>> {
    let spans = judgement.mask.iter().filter_map(|span| utf16(text, span));
    spans.filter(|_| judgement.verdict == message::Verdict::Mask).collect()
}

impl Console {
    /// How long whoever tries something waits for the model: longer than a chat does.
    pub fn score_wait(&self) -> Duration {
        Duration::from_millis(self.doors.config.api.score_wait_ms)
    }

    /// Whether a policy judges where they decide: with another's they could guess what it has
    /// armed.
    pub fn may_try(&self, session: &Session, policy: &str) -> Result<(), Failure> {
        let own = policy.is_empty()
            || PRESETS.contains(&policy)
            || self.places(&session.rights).iter().any(|place| place["policy"] == policy);
        if own { Ok(()) } else { may_everywhere(session, Role::Moderator) }
    }

    /// Builds what is to be tried, apart from the threads that carry the chat.
    pub async fn candidate(
        &self,
        route: &str,
        channel: &str,
        mut trial: Trial,
        session: &Session,
    ) -> Result<Candidate, Failure> {
        if let Some(wanted) = &trial.levels {
            let admin = self.may_set(session, route, channel)?;
            let old = self.doors.setting(route, channel).await?;
            trial.set = Some(merged(&old.levels, wanted, admin)?);
        }
        // Nobody closes it.
        let _turn = self.trials.building.acquire().await.ok();
        let rules = self.doors.settler.pipeline.rules.load_full();
        let (route, channel): (Arc<str>, Arc<str>) = (route.into(), channel.into());
        let build = move || rules.candidate(&route, &channel, &trial);
        let built = tokio::task::spawn_blocking(build).await.map_err(|_| {
            // What it panicked of has been reported by then.
            let message = "the candidate cannot be built";
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "candidate_broke", message)
        })?;
        built.map_err(|problems| {
            let message = "what is to be tried is not right";
            unfit("candidate", message).with(json!({ "problems": problems }))
        })
    }

    /// Every route, bot and hook, and the channels that have a policy of their own or were heard
    /// lately: what a text can be tried for.
    fn places(&self, rights: &Rights) -> Vec<Value> {
        let (pipeline, config) = (&self.doors.settler.pipeline, &self.doors.config);
        let rules = pipeline.rules.load();
        let place = |route: &str, channel: &str| {
            let policy = &*rules.policy(route, channel).name;
            json!({ "route": route, "channel": channel, "policy": policy })
        };
        let mut names: Vec<(String, String)> = Vec::new();
        for inflow in config.inflows() {
            names.push((inflow.name.to_owned(), String::new()));
            let own = inflow.channels.keys().take(PLACES_MAX);
            names.extend(own.map(|channel| (inflow.name.to_owned(), channel.clone())));
        }
        if names.is_empty() {
            names.push(Default::default());
        }
        names.extend(pipeline.history.channels(PLACES_MAX));
        names.sort();
        names.dedup();
        names.retain(|(route, channel)| rights.reach(route, channel, Role::Moderator));
        names.truncate(PLACES_MAX);
        names.iter().map(|(route, channel)| place(route, channel)).collect()
    }
}

/// More are named by hand.
const PLACES_MAX: usize = 200;
