//! Judges the units of one frame and sees each to its fate: kept, masked, dropped or held.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Gate, Route};
use crate::{
    act,
    audit::{Event, Record},
    config::{Mode, Unjudged},
    decide::Policy,
    hold::{Hold, HoldError, State, StoredFrame},
    message::{Category, Fate, Finding, Judgement, Message, Severity, Verdict, Word, now_ms},
    protocol::{Frame, Notice, NoticeKind, Unit},
};

/// Whose frame it is.
pub struct By {
    pub live: u64,
    pub identity: Option<String>,
    /// Channels in which further messages are held because one already is.
    pub held_channels: Vec<String>,
}

/// What became of one unit.
pub struct Outcome {
    pub fate: Fate,
    pub notice: Option<Notice>,
    pub held: bool,
}

/// A frame whose units all have their fates.
pub struct Settled {
    pub frame: Frame,
    pub units: Vec<Unit>,
    pub outcomes: Vec<Outcome>,
}

/// Judges every unit in order; `alone` has, for each, the frame that carries only it.
pub async fn settle(
    gate: Arc<Gate>,
    route: Arc<Route>,
    by: By,
    frame: Frame,
    units: Vec<Unit>,
    alone: Vec<Frame>,
) -> Settled {
    let mut outcomes = Vec::with_capacity(units.len());
    for (unit, alone) in units.iter().zip(alone) {
        let message = &unit.message;
        outcomes.push(match route.config.mode {
            Mode::Inline => settle_one(&gate, &route, &by, message, alone).await,
            // Every viewer receives the same message: it is judged for the first of them.
            Mode::Egress => {
                let first = async { settle_one(&gate, &route, &by, message, alone).await.fate };
                let fate = gate.once.settle(message, first).await;
                Outcome { fate, notice: None, held: false }
            }
        });
    }
    Settled { frame, units, outcomes }
}

async fn settle_one(
    gate: &Gate,
    route: &Route,
    by: &By,
    message: &Message,
    alone: Frame,
) -> Outcome {
    let began = Instant::now();
    let mut judgement = gate.pipeline.judge(message).await;
    gate.metrics.judge_seconds.observe(began.elapsed().as_secs_f64());
    if by.held_channels.contains(&message.channel) && judgement.verdict < Verdict::Hold {
        judgement.verdict = Verdict::Hold;
        judgement.findings.push(behind_a_held_one());
        judgement.grounds.word = Word::Rule(WHILE_HELD.to_owned());
    }
    count(gate, route, &judgement);
    let rules = gate.pipeline.rules.load();
    let policy = rules.policy(&route.name, &message.channel);
    match judgement.verdict {
        Verdict::Pass => Outcome { fate: Fate::Keep, notice: None, held: false },
        Verdict::Hold => hold(gate, route, policy, by, message, judgement, alone).await,
        Verdict::Mask | Verdict::Drop => {
            let id = gate.holds.fresh_id();
            gate.audit.record(record(id, route, message, &judgement), Some(&message.text));
            let notice = dropped_kind(&judgement).and_then(|kind| {
                policy.notices.then(|| notice(route, kind, judgement.grounds.rule()))
            });
            Outcome { fate: act::fate(&judgement), notice, held: false }
        }
    }
}

/// What the sender of a message that does not pass is told; a mask speaks for itself.
fn dropped_kind(judgement: &Judgement) -> Option<NoticeKind> {
    let timed_out = judgement.grounds.rule() == "time_out";
    match (judgement.verdict, timed_out) {
        (Verdict::Drop, true) => Some(NoticeKind::TimedOut),
        (Verdict::Drop, false) => Some(NoticeKind::Dropped),
        _ => None,
    }
}

/// Writes the message to the hold queue, and only then lets its sender be told.
async fn hold(
    gate: &Gate,
    route: &Route,
    policy: &Policy,
    by: &By,
    message: &Message,
    judgement: Judgement,
    alone: Frame,
) -> Outcome {
    let held_ms = gate.holds.now_ms();
    let rule = judgement.grounds.rule().to_owned();
    let told = |kind| policy.notices.then(|| notice(route, kind, &rule));
    let id = gate.holds.fresh_id();
    let record = record(id.clone(), route, message, &judgement);
    let hold = Hold {
        id,
        route: route.name.to_string(),
        mode: route.config.mode,
        channel: message.channel.clone(),
        sender: message.sender.clone(),
        message_id: message.id.clone(),
        identity: by.identity.clone(),
        live: by.live,
        language: route.config.language,
        text: message.text.clone(),
        on_expiry: policy.on_expiry(&judgement.findings),
        findings: judgement.findings,
        frame: StoredFrame::of(&alone),
        rules: judgement.rules.to_string(),
        decided_by: judgement.grounds.to_string(),
        rule: rule.clone(),
        held_ms,
        expires_ms: held_ms + policy.hold_ms,
        state: State::Held,
        decided: None,
    };
    match gate.holds.hold(hold).await {
        Ok(_) => {
            gate.audit.record(record, None);
            Outcome { fate: Fate::Remove, notice: told(NoticeKind::Held), held: true }
        }
        Err(cause) => {
            let reason = match cause {
                HoldError::Full(_) => "hold_full",
                HoldError::Store(_) => "hold_store_failed",
            };
            gate.metrics.discard(reason);
            tracing::warn!(route = %route.name, %cause, "a message could not be held");
            match policy.when_full {
                Unjudged::Pass => Outcome { fate: Fate::Keep, notice: None, held: false },
                Unjudged::Drop => {
                    let notice = told(NoticeKind::Dropped);
                    Outcome { fate: Fate::Remove, notice, held: false }
                }
            }
        }
    }
}

const WHILE_HELD: &str = "while_held";

fn behind_a_held_one() -> Finding {
    Finding {
        rule: WHILE_HELD.into(),
        category: Category::Spam,
        severity: Severity::new(1).expect("1 is a severity"),
        span: None,
        why: "an earlier message of this sender is held".into(),
        shadow: false,
        scored: None,
    }
}

fn count(gate: &Gate, route: &Route, judgement: &Judgement) {
    gate.metrics.message(&route.name, judgement.verdict.name());
    for finding in &judgement.findings {
        gate.metrics.finding(&finding.rule, finding.category.name());
    }
    for (rule, _) in &judgement.grounds.failed {
        gate.metrics.condition_failed(rule);
    }
    if judgement.findings.iter().any(|finding| finding.rule == "crowd" && !finding.shadow) {
        gate.metrics.crowd_copy(judgement.verdict.name());
    }
}

fn record(id: String, route: &Route, message: &Message, judgement: &Judgement) -> Record {
    Record {
        id,
        at_ms: now_ms(),
        route: route.name.to_string(),
        channel: message.channel.clone(),
        sender: message.sender.clone(),
        event: Event::Judged(judgement.verdict),
        findings: judgement.findings.clone(),
        rules: judgement.rules.to_string(),
        decided_by: judgement.grounds.to_string(),
        text_sha256: String::new(),
    }
}

fn notice(route: &Route, kind: NoticeKind, rule: &str) -> Notice {
    Notice { kind, language: route.config.language, rule: rule.to_owned() }
}

/// The notice that a held message has met its end, where policy wants one.
pub fn notice_of(gate: &Gate, hold: &Hold, kind: NoticeKind) -> (Message, Option<Notice>) {
    let rules = gate.pipeline.rules.load();
    let notice = Notice { kind, language: hold.language, rule: hold.rule.clone() };
    let message = Message {
        route: hold.route.as_str().into(),
        channel: hold.channel.clone(),
        sender: hold.sender.clone(),
        id: hold.message_id.clone(),
        text: String::new(),
        at_ms: hold.held_ms,
    };
    let policy = rules.policy(&hold.route, &hold.channel);
    (message, policy.notices.then_some(notice))
}
