//! Judges a message, records it and sees it to its fate: kept, masked, dropped or held.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    act,
    audit::{Audit, Event, Record},
    config::{Consequence, OnExpiry, Position, Unjudged},
    decide::{self, Policy},
    history::Whose,
    hold::{Hold, HoldError, HoldQueue, State, StoredFrame},
    message::{
        Category, Fate, Finding, Judgement, Language, Message, Severity, Standing, Verdict, Word,
        now_ms,
    },
    metrics::Metrics,
    pipeline::Pipeline,
    protocol::{Frame, Notice, NoticeKind},
    rules::Ruleset,
};

mod raids;
mod shown;
mod silence;
mod strikes;

pub use raids::Sign;
pub use strikes::follow;

/// What every way in shares: sessions, bots and the hook.
pub struct Settler {
    pub pipeline: Pipeline,
    pub holds: HoldQueue,
    pub audit: Audit,
    pub metrics: Arc<Metrics>,
}

/// Where messages come in: a route, a bot or the hook.
#[derive(Clone, Debug)]
pub struct Inlet {
    /// As messages carry it in `route`; it selects the policy.
    pub name: Arc<str>,
    pub position: Position,
    pub language: Language,
}

/// Whose message it is.
#[derive(Default)]
pub struct By {
    /// The connection it came by; 0 where there is none.
    pub live: u64,
    pub identity: Option<String>,
    /// Channels in which further messages are held because one already is.
    pub held_channels: Vec<String>,
    /// What somebody else found before: for it the message is held at least.
    pub suspected: Option<Finding>,
}

/// What became of one unit.
pub struct Outcome {
    pub fate: Fate,
    /// What the sender is told: what became of the message, and a warning where one is due.
    pub notices: Vec<Notice>,
    /// The id under which it is held, where it is.
    pub held: Option<String>,
}

impl Outcome {
    pub fn new(fate: Fate) -> Outcome {
        Outcome { fate, notices: Vec::new(), held: None }
    }

    fn told(fate: Fate, notice: Option<Notice>) -> Outcome {
        Outcome { notices: notice.into_iter().collect(), ..Outcome::new(fate) }
    }
}

/// A message that was judged, and what was done about it.
pub struct Ruled {
    pub outcome: Outcome,
    pub judgement: Judgement,
    /// What its sender can quote and a moderator can look up; what passed has none.
    pub id: Option<String>,
    /// What its sender's strikes have come to with it, and until when.
    pub led_to: Option<(Consequence, u64)>,
}

impl Settler {
    /// Judges a message and sees to what follows; `frame` is what a release would write. Without
    /// one it cannot be held, only found to deserve it.
    pub async fn settle(
        &self,
        inlet: &Inlet,
        by: &By,
        message: &Message,
        frame: Option<Frame>,
    ) -> Ruled {
        let began = Instant::now();
        let mut judgement = self.pipeline.judge(message).await;
        self.metrics.judge_seconds.observe(began.elapsed().as_secs_f64());
        let rules = self.pipeline.rules.load();
        // The one that judged: under the shield the stricter, for whom somebody trusts the milder.
        let policy = acting(&rules, &inlet.name, &message.channel, judgement.standing);
        let behind = by.held_channels.contains(&message.channel) && !message.is_name;
        let reason = if behind { Some(behind_a_held_one()) } else { by.suspected.clone() };
        if let Some(reason) = reason.filter(|_| judgement.verdict < Verdict::Hold) {
            hold_at_least(policy, &mut judgement, reason);
        }
        if message.is_name {
            judgement.verdict = of_a_name(inlet.position, judgement.verdict);
        }
        self.count(inlet, &judgement);
        // Where copies pass, many who say the same are no raid.
        if !message.is_name && policy.crowd.action > Verdict::Pass {
            raids::look(&self.pipeline.history, &self.audit, message, &judgement);
        }
        let mut may_be_warned = judgement.standing.warning;
        let (mut id, mut led_to) = (None, None);
        let mut outcome = match (judgement.verdict, frame) {
            (Verdict::Pass, _) => {
                self.pipeline.history.chat.note(message, judgement.standing);
                Outcome::new(Fate::Keep)
            }
            (Verdict::Hold, Some(frame)) => {
                let hold = self.held(inlet, policy, by, message, &judgement, frame);
                let fresh = hold.id.clone();
                let outcome = self.hold(inlet, policy, message, &judgement, hold).await;
                id = (outcome.fate == Fate::Remove).then_some(fresh);
                outcome
            }
            (Verdict::Mask | Verdict::Hold | Verdict::Drop, _) => {
                let fresh = self.holds.fresh_id();
                led_to = strikes::note(self, policy, &fresh, message, &judgement);
                may_be_warned = true;
                let record = record(fresh.clone(), inlet, message, &judgement);
                self.audit.record(record, Some(&message.text));
                id = Some(fresh);
                let notice = dropped_kind(message, &judgement).and_then(|kind| {
                    policy.notices.then(|| notice(inlet, kind, judgement.grounds.rule()))
                });
                Outcome::told(act::fate(&judgement), notice)
            }
        };
        if inlet.position == Position::Egress && outcome.fate != Fate::Remove {
            self.note_shown(message);
        }
        // Whoever writes by these hears what became of it.
        let is_asked = matches!(inlet.position, Position::Inline | Position::Hook);
        if may_be_warned && policy.notices && is_asked {
            outcome.notices.extend(self.warning(inlet, message));
        }
        Ruled { outcome, judgement, id, led_to }
    }
}

/// The form of a channel's policy that judged a message of somebody of whom this was known.
fn acting<'a>(rules: &'a Ruleset, route: &str, channel: &str, standing: Standing) -> &'a Policy {
    let Standing { shield, trusted, unattended, .. } = standing;
    rules.policy(route, channel).attended(!unattended).acting(shield, trusted)
}

/// Holds what would have gone, for a reason that no stage knows.
fn hold_at_least(policy: &Policy, judgement: &mut Judgement, reason: Finding) {
    // What would have gone with stars in it is shown whole by a release, which the clock leaves to
    // people.
    judgement.releases &= policy.releases(&reason) && judgement.verdict != Verdict::Mask;
    judgement.verdict = Verdict::Hold;
    judgement.asked = judgement.asked.max(Verdict::Hold);
    judgement.grounds.word = Word::Rule(reason.rule.clone());
    judgement.findings.push(reason);
}

/// What can become of a name. Nobody waits for one to be released, and a client's name cannot be
/// masked without being another name: inline it is taken or not. On a screen it becomes stars.
fn of_a_name(position: Position, verdict: Verdict) -> Verdict {
    match (position, verdict) {
        (Position::Inline, Verdict::Mask | Verdict::Hold) => Verdict::Drop,
        (Position::Egress, Verdict::Hold) => Verdict::Mask,
        (_, verdict) => verdict,
    }
}

/// What the sender of a message that does not pass is told; a mask speaks for itself.
fn dropped_kind(message: &Message, judgement: &Judgement) -> Option<NoticeKind> {
    match (judgement.verdict, judgement.grounds.rule()) {
        (Verdict::Drop, _) if message.is_name => Some(NoticeKind::NameRefused),
        (Verdict::Drop, decide::BAN) => Some(NoticeKind::Banned),
        (Verdict::Drop, decide::TIME_OUT) => Some(NoticeKind::TimedOut),
        (Verdict::Drop, _) => Some(NoticeKind::Dropped),
        _ => None,
    }
}

impl Settler {
    /// The warning that the sender's strikes have come to, given once.
    fn warning(&self, inlet: &Inlet, message: &Message) -> Option<Notice> {
        let sender = &message.sender.id;
        let whose = Whose { route: &inlet.name, channel: &message.channel, sender };
        let due = self.pipeline.history.take_warning(whose);
        due.then(|| notice(inlet, NoticeKind::Warned, ""))
    }

    /// Writes the message to the hold queue, and only then lets its sender be told.
    async fn hold(
        &self,
        inlet: &Inlet,
        policy: &Policy,
        message: &Message,
        judgement: &Judgement,
        hold: Hold,
    ) -> Outcome {
        let rule = judgement.grounds.rule();
        let told = |kind| policy.notices.then(|| notice(inlet, kind, rule));
        let record = record(hold.id.clone(), inlet, message, judgement);
        // Nobody may lose it silently: what cannot be held is kept for whoever refunds.
        let paid = message.paid.is_some().then(|| hold.clone());
        match self.holds.hold_on_record(hold, record.clone()).await {
            Ok(hold) => {
                // Silenced since it was judged: whoever did that may have looked too early.
                let (channel, sender) = (&message.channel, &message.sender.id);
                let whose = Whose { route: &inlet.name, channel, sender };
                if self.pipeline.history.is_silent(whose, now_ms()) {
                    self.heed(whose).await;
                }
                let held = Outcome::told(Fate::Remove, told(NoticeKind::Held));
                Outcome { held: Some(hold.id.clone()), ..held }
            }
            Err(cause) => {
                let reason = match cause {
                    HoldError::Full(_) => "hold_full",
                    HoldError::Store(_) => "hold_store_failed",
                };
                self.metrics.discard(reason);
                tracing::warn!(route = %inlet.name, %cause, "a message could not be held");
                match policy.when_full {
                    // Not what would have been dropped, had nobody paid for it.
                    Unjudged::Pass if judgement.asked < Verdict::Drop => {
                        Outcome::new(act::unheld(judgement))
                    }
                    Unjudged::Pass | Unjudged::Drop => {
                        // Dropped is what became of it, whatever was judged.
                        let decided_by = format!("{}, {reason}", record.decided_by);
                        let event = Event::Judged(Verdict::Drop);
                        let record = Record { event, decided_by, ..record };
                        self.audit.record(record, Some(&message.text));
                        if let Some(paid) = paid {
                            report(self.holds.clone(), paid).await;
                        }
                        Outcome::told(Fate::Remove, told(NoticeKind::Dropped))
                    }
                }
            }
        }
    }

    /// A message as it is held.
    fn held(
        &self,
        inlet: &Inlet,
        policy: &Policy,
        by: &By,
        message: &Message,
        judgement: &Judgement,
        frame: Frame,
    ) -> Hold {
        let findings = judgement.findings.clone();
        // What waits is shown as it was written. A person may do that; the clock does not, where
        // the policy would have covered a word.
        let by_clock = judgement.releases && !decide::covers(policy, &findings);
        Hold {
            frame: StoredFrame::of(&frame),
            rules: judgement.rules.to_string(),
            decided_by: judgement.grounds.to_string(),
            rule: judgement.grounds.rule().to_owned(),
            on_expiry: if by_clock { OnExpiry::Release } else { OnExpiry::Drop },
            standing: judgement.standing,
            ..self.unframed(inlet, policy, by, message, findings)
        }
    }

    /// The same but for the frame that releases it and what judged it.
    fn unframed(
        &self,
        inlet: &Inlet,
        policy: &Policy,
        by: &By,
        message: &Message,
        findings: Vec<Finding>,
    ) -> Hold {
        let held_ms = self.holds.now_ms();
        Hold {
            id: self.holds.fresh_id(),
            route: inlet.name.to_string(),
            mode: inlet.position,
            channel: message.channel.clone(),
            sender: message.sender.clone(),
            message_id: message.id.clone(),
            identity: by.identity.clone(),
            live: by.live,
            language: inlet.language,
            text: message.text.clone(),
            on_expiry: OnExpiry::Drop,
            findings,
            frame: StoredFrame { binary: false, bytes: Vec::new() },
            rules: String::new(),
            decided_by: String::new(),
            rule: String::new(),
            held_ms,
            expires_ms: held_ms + policy.hold_ms(message),
            attended_ms: policy.attended_ms(message),
            state: State::Held,
            decided: None,
            paid: message.paid.clone(),
            standing: Standing::default(),
        }
    }

    /// Reports a paid message that is dropped because too much waits behind a held one.
    pub fn turned_away(&self, inlet: &Inlet, by: &By, message: &Message) {
        let rules = self.pipeline.rules.load();
        let policy = rules.policy(&inlet.name, &message.channel);
        let hold = self.unframed(inlet, policy, by, message, vec![behind_a_held_one()]);
        let (rules, rule) = (rules.version.to_string(), WHILE_HELD.to_owned());
        let hold = Hold { rules, rule, ..hold };
        tokio::spawn(report(self.holds.clone(), hold));
    }

    /// Reports a paid message that everybody has seen and that is taken away again.
    pub async fn taken_away(&self, inlet: &Inlet, message: &Message, ruled: &Ruled) {
        let rules = self.pipeline.rules.load_full();
        let policy = rules.policy(&inlet.name, &message.channel);
        let Judgement { findings, grounds, rules, standing, .. } = &ruled.judgement;
        let hold = self.unframed(inlet, policy, &By::default(), message, findings.clone());
        let hold = Hold {
            id: ruled.id.clone().unwrap_or_else(|| hold.id.clone()),
            rules: rules.to_string(),
            decided_by: grounds.to_string(),
            rule: grounds.rule().to_owned(),
            standing: *standing,
            ..hold
        };
        report(self.holds.clone(), hold).await;
    }

    fn count(&self, inlet: &Inlet, judgement: &Judgement) {
        self.metrics.message(&inlet.name, judgement.verdict.name());
        for finding in &judgement.findings {
            self.metrics.finding(&finding.rule, finding.category.name());
        }
        for (rule, _) in &judgement.grounds.failed {
            self.metrics.condition_failed(rule);
        }
        if judgement.findings.iter().any(|finding| finding.rule == "crowd" && !finding.shadow) {
            self.metrics.crowd_copy(judgement.verdict.name());
        }
    }

    /// The notice that a held message has met its end, where policy wants one.
    pub fn notice_of(&self, hold: &Hold, kind: NoticeKind) -> (Message, Option<Notice>) {
        let rules = self.pipeline.rules.load();
        let notice = Notice { kind, language: hold.language, rule: hold.rule.clone() };
        let message = Message {
            route: hold.route.as_str().into(),
            channel: hold.channel.clone(),
            sender: hold.sender.clone(),
            id: hold.message_id.clone(),
            at_ms: hold.held_ms,
            ..Message::default()
        };
        let policy = acting(&rules, &hold.route, &hold.channel, hold.standing);
        (message, policy.notices.then_some(notice))
    }
}

const WHILE_HELD: &str = "while_held";

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

fn record(id: String, inlet: &Inlet, message: &Message, judgement: &Judgement) -> Record {
    Record {
        id,
        at_ms: now_ms(),
        route: inlet.name.to_string(),
        channel: message.channel.clone(),
        sender: message.sender.clone(),
        event: Event::Judged(judgement.verdict),
        findings: judgement.findings.clone(),
        rules: judgement.rules.to_string(),
        decided_by: judgement.grounds.to_string(),
        text_sha256: String::new(),
    }
}

fn notice(inlet: &Inlet, kind: NoticeKind, rule: &str) -> Notice {
    Notice { kind, language: inlet.language, rule: rule.to_owned() }
}
