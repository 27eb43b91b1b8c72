//! Judges the units of one frame and sees each to its fate: kept, masked, dropped or held.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Gate, Route, strikes};
use crate::{
    act,
    audit::{Event, Record},
    config::{Mode, OnExpiry, Unjudged},
    decide::Policy,
    history::Whose,
    hold::{Hold, HoldError, HoldQueue, State, StoredFrame},
    message::{
        Category, Fate, Finding, Judgement, Message, Severity, Standing, Verdict, Word, now_ms,
    },
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
    /// What the sender is told: what became of the message, and a warning where one is due.
    pub notices: Vec<Notice>,
    pub held: bool,
}

impl Outcome {
    fn new(fate: Fate, notice: Option<Notice>) -> Outcome {
        Outcome { fate, notices: notice.into_iter().collect(), held: false }
    }
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
                Outcome::new(fate, None)
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
    let rules = gate.pipeline.rules.load();
    // The one that judged: under the shield it is the stricter.
    let policy = rules.policy(&route.name, &message.channel).acting(judgement.standing.shield);
    let behind = by.held_channels.contains(&message.channel) && !message.is_name;
    if behind && judgement.verdict < Verdict::Hold {
        judgement.verdict = Verdict::Hold;
        judgement.asked = judgement.asked.max(Verdict::Hold);
        let finding = behind_a_held_one();
        judgement.releases &= policy.releases(&finding);
        judgement.findings.push(finding);
        judgement.grounds.word = Word::Rule(WHILE_HELD.to_owned());
    }
    if message.is_name {
        judgement.verdict = of_a_name(route.config.mode, judgement.verdict);
    }
    count(gate, route, &judgement);
    let mut may_be_warned = judgement.standing.warning;
    let mut outcome = match judgement.verdict {
        Verdict::Pass => Outcome::new(Fate::Keep, None),
        Verdict::Hold => hold(gate, route, policy, by, message, judgement, alone).await,
        Verdict::Mask | Verdict::Drop => {
            let id = gate.holds.fresh_id();
            strikes::note(gate, policy, &id, message, &judgement);
            may_be_warned = true;
            gate.audit.record(record(id, route, message, &judgement), Some(&message.text));
            let notice = dropped_kind(message, &judgement).and_then(|kind| {
                policy.notices.then(|| notice(route, kind, judgement.grounds.rule()))
            });
            Outcome::new(act::fate(&judgement), notice)
        }
    };
    if may_be_warned && policy.notices && route.config.mode == Mode::Inline {
        outcome.notices.extend(warning(gate, route, message));
    }
    outcome
}

/// What can become of a name. Nobody waits for one to be released, and a client's name cannot be
/// masked without being another name: inline it is taken or not. On a screen it becomes stars.
fn of_a_name(mode: Mode, verdict: Verdict) -> Verdict {
    match (mode, verdict) {
        (Mode::Inline, Verdict::Mask | Verdict::Hold) => Verdict::Drop,
        (Mode::Egress, Verdict::Hold) => Verdict::Mask,
        (_, verdict) => verdict,
    }
}

/// The warning that the sender's strikes have come to, given once.
fn warning(gate: &Gate, route: &Route, message: &Message) -> Option<Notice> {
    let whose = Whose { route: &route.name, channel: &message.channel, sender: &message.sender.id };
    let due = gate.pipeline.history.take_warning(whose);
    due.then(|| notice(route, NoticeKind::Warned, ""))
}

/// What the sender of a message that does not pass is told; a mask speaks for itself.
fn dropped_kind(message: &Message, judgement: &Judgement) -> Option<NoticeKind> {
    let timed_out = judgement.grounds.rule() == "time_out";
    match (judgement.verdict, timed_out) {
        (Verdict::Drop, _) if message.is_name => Some(NoticeKind::NameRefused),
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
    let rule = judgement.grounds.rule().to_owned();
    let told = |kind| policy.notices.then(|| notice(route, kind, &rule));
    let hold = Hold {
        frame: StoredFrame::of(&alone),
        decided_by: judgement.grounds.to_string(),
        rule: rule.clone(),
        on_expiry: if judgement.releases { OnExpiry::Release } else { OnExpiry::Drop },
        standing: judgement.standing,
        ..unframed(gate, route, policy, by, message, judgement.findings.clone())
    };
    let hold = Hold { rules: judgement.rules.to_string(), ..hold };
    let record = record(hold.id.clone(), route, message, &judgement);
    // Nobody may lose it silently: what cannot be held is kept for whoever refunds.
    let paid = message.paid.is_some().then(|| hold.clone());
    match gate.holds.hold(hold).await {
        Ok(_) => {
            gate.audit.record(record, None);
            let held = Outcome::new(Fate::Remove, told(NoticeKind::Held));
            Outcome { held: true, ..held }
        }
        Err(cause) => {
            let reason = match cause {
                HoldError::Full(_) => "hold_full",
                HoldError::Store(_) => "hold_store_failed",
            };
            gate.metrics.discard(reason);
            tracing::warn!(route = %route.name, %cause, "a message could not be held");
            match policy.when_full {
                // Not what would have been dropped, had nobody paid for it.
                Unjudged::Pass if judgement.asked < Verdict::Drop => Outcome::new(Fate::Keep, None),
                Unjudged::Pass | Unjudged::Drop => {
                    if let Some(paid) = paid {
                        report(gate.holds.clone(), paid).await;
                    }
                    Outcome::new(Fate::Remove, told(NoticeKind::Dropped))
                }
            }
        }
    }
}

const WHILE_HELD: &str = "while_held";

/// A message as it is held, but for the frame that releases it and what judged it.
fn unframed(
    gate: &Gate,
    route: &Route,
    policy: &Policy,
    by: &By,
    message: &Message,
    findings: Vec<Finding>,
) -> Hold {
    let held_ms = gate.holds.now_ms();
    Hold {
        id: gate.holds.fresh_id(),
        route: route.name.to_string(),
        mode: route.config.mode,
        channel: message.channel.clone(),
        sender: message.sender.clone(),
        message_id: message.id.clone(),
        identity: by.identity.clone(),
        live: by.live,
        language: route.config.language,
        text: message.text.clone(),
        on_expiry: OnExpiry::Drop,
        findings,
        frame: StoredFrame { binary: false, bytes: Vec::new() },
        rules: String::new(),
        decided_by: String::new(),
        rule: String::new(),
        held_ms,
        expires_ms: held_ms + policy.hold_ms(message),
        state: State::Held,
        decided: None,
        paid: message.paid.clone(),
        standing: Standing::default(),
    }
}

/// Reports a paid message that is dropped because too much waits behind a held one.
pub fn turned_away(gate: &Gate, route: &Route, by: &By, message: &Message) {
    let rules = gate.pipeline.rules.load();
    let policy = rules.policy(&route.name, &message.channel);
    let hold = unframed(gate, route, policy, by, message, vec![behind_a_held_one()]);
    let (rules, rule) = (rules.version.to_string(), WHILE_HELD.to_owned());
    let hold = Hold { rules, rule, ..hold };
    tokio::spawn(report(gate.holds.clone(), hold));
}

async fn report(holds: HoldQueue, hold: Hold) {
    let (id, route) = (hold.id.clone(), hold.route.clone());
    if let Err(cause) = holds.turn_away(hold).await {
        tracing::error!(%cause, id, route, "a paid message was lost and is only in the audit log");
    }
}

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
        at_ms: hold.held_ms,
        ..Message::default()
    };
    let policy = rules.policy(&hold.route, &hold.channel);
    (message, policy.notices.then_some(notice))
}
