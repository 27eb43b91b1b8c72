//! Judges what a bot hears and says what is to be done about it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::{sync::watch, time::Instant};

use super::{
    Deed, Heard, Resolution, Target, What,
    pending::{Pending, There},
    queue::{Queue, Waiting},
    seen::SeenEvents,
    work,
};
use crate::{
    audit::{Event, Record},
    config::{Action, ActionsConfig, BotConfig, Consequence, Position},
    hold::Decision,
    message::{Fate, Finding, Message, Severity, Verdict, now_ms},
    protocol::Frame,
    settle::{By, Inlet, Ruled, Settler},
};

/// Events that are known again: some minutes of a busy chat.
const EVENTS_MAX: usize = 20_000;
/// More than any platform lets one message be: what is longer is read up to here.
const TEXT_BYTES_MAX: usize = 32 * 1024;

/// Where a platform tells what it hears.
pub struct Ears {
    pub(super) settler: Arc<Settler>,
    pub(super) inlet: Inlet,
    pub(super) queue: Queue,
    pub(super) pending: Arc<Pending>,
    pub(super) actions: ActionsConfig,
    pub(super) act: bool,
    seen: Mutex<SeenEvents>,
    ready: AtomicBool,
    closing: watch::Receiver<bool>,
}

impl Ears {
    pub(super) fn new(
        config: &BotConfig,
        settler: Arc<Settler>,
        closing: watch::Receiver<bool>,
    ) -> Ears {
        let (position, language) = (Position::Bot, config.language);
        Ears {
            settler,
            inlet: Inlet { name: config.name().into(), position, language },
            queue: Queue::new(config.actions.queue_max),
            pending: Arc::default(),
            actions: config.actions.clone(),
            act: config.act,
            seen: Mutex::new(SeenEvents::new(EVENTS_MAX)),
            ready: AtomicBool::new(false),
            closing,
        }
    }

    /// Waits until the process is to end.
    pub async fn closing(&self) {
        if self.closing.clone().wait_for(|closing| *closing).await.is_err() {
            // Nobody is left who would say so.
            std::future::pending::<()>().await;
        }
    }

    /// The bot's name, for logs.
    pub fn name(&self) -> &str {
        &self.inlet.name
    }

    /// Says that the platform is heard from now on, and which permissions are missing for what the
    /// bot should do there.
    pub fn ready(&self, lacking: &[String]) {
        self.ready.store(true, Ordering::Relaxed);
        self.settler.metrics.bot_connected(self.name(), true);
        tracing::info!(bot = self.name(), act = self.act, "a bot hears its platform");
        for permission in lacking {
            tracing::warn!(bot = self.name(), permission, "a bot lacks a permission");
        }
    }

    /// Whether this connection was said to be ready.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Whether it was ready since it was last asked.
    pub(super) fn was_ready(&self) -> bool {
        self.settler.metrics.bot_connected(self.name(), false);
        self.ready.swap(false, Ordering::Relaxed)
    }

    /// Notes an event as heard that is not to be judged: it was said before anybody listened.
    pub fn skip(&self, event: &str) {
        self.is_new(event);
    }

    /// Counts what cannot be understood; whoever sent it goes on.
    pub fn strange(&self, cause: &dyn std::fmt::Display) {
        self.settler.metrics.discard("bot_strange_event");
        tracing::debug!(bot = self.name(), %cause, "a platform said something strange");
    }

    /// Judges what was said, once, and queues what follows.
    pub async fn hear(&self, heard: Heard) {
        let began = Instant::now();
        if !self.is_new(&heard.event) {
            return;
        }
        let Heard { mut message, target, pending, .. } = heard;
        message.route = self.inlet.name.clone();
        if message.text.len() > TEXT_BYTES_MAX {
            self.settler.metrics.discard("bot_text_cut");
            message.text.truncate(message.text.floor_char_boundary(TEXT_BYTES_MAX));
        }
        if self.was_held(&message, pending.is_some()) {
            return;
        }
        let pending = pending.map(|found| within(&message.text, found));
        // What is only watched cannot be answered, so it does not wait for anybody.
        let frame = (pending.is_some() && self.act).then(|| frame(&target)).flatten();
        let is_pending = pending.is_some();
        let suspected = pending.filter(|_| !self.actions.allow);
        let by = By { suspected, ..By::default() };
        let ruled = self.settler.settle(&self.inlet, &by, &message, frame).await;
        if let Some(id) = &ruled.outcome.held {
            self.pending.insert(id, target);
            // Whoever decided in between was told of a message that nothing was known of yet.
            if let Some(hold) = self.settler.holds.find(id) {
                work::ended(self, &hold);
            }
            return;
        }
        let deeds = match is_pending {
            true => self.answer(&ruled),
            false => self.response(ruled.judgement.verdict, message.paid.is_some()),
        };
        if message.paid.is_some() && self.act && !is_pending && !deeds.is_empty() {
            self.settler.taken_away(&self.inlet, &message, &ruled).await;
        }
        self.order(began, &message, &target, &ruled, &deeds);
    }

    /// What the platform held back ended there: somebody decided, or nobody did in time.
    pub async fn resolved(&self, message: &str, how: Resolution) {
        let there = match how {
            Resolution::Shown { .. } => There::Shown,
            Resolution::Denied { .. } | Resolution::Lapsed => There::Denied,
        };
        let Some(hold) = self.pending.note(message, there) else { return };
        let (decision, by) = match how {
            Resolution::Shown { by } => (Decision::Release, by),
            Resolution::Denied { by } => (Decision::Remove, by),
            // Nobody's decision, so that it counts against nobody.
            Resolution::Lapsed => {
                if let Err(cause) = self.settler.holds.withdraw(&hold).await {
                    tracing::debug!(bot = self.name(), hold, %cause, "it ended in two places");
                }
                return;
            }
        };
        let by = format!("{}:{by}", self.name());
        // Whoever was first here has told the platform, or will.
        if let Err(cause) = self.settler.holds.decide(&hold, decision, &by).await {
            tracing::debug!(bot = self.name(), hold, %cause, "decided in two places");
        }
    }

    fn is_new(&self, event: &str) -> bool {
        self.seen().note(event)
    }

    /// Whether the platform held it back before. What was allowed since is said once more, as an
    /// event of its own: judged again, it would undo what a moderator released.
    fn was_held(&self, message: &Message, pending: bool) -> bool {
        let Some(id) = &message.id else { return false };
        if pending {
            self.note_held(id);
        }
        !pending && self.seen().knows(&held_key(id))
    }

    /// Notes a message that the platform holds back.
    pub(super) fn note_held(&self, message: &str) {
        self.seen().note(&held_key(message));
    }

    fn seen(&self) -> MutexGuard<'_, SeenEvents> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is done about a message that everybody has seen.
    fn response(&self, verdict: Verdict, paid: bool) -> Vec<What> {
        let action = match verdict {
            Verdict::Pass => Action::Leave,
            Verdict::Mask => self.actions.mask,
            Verdict::Hold => self.actions.hold,
            Verdict::Drop => self.actions.drop,
        };
        let action = if paid { action.min(self.actions.paid) } else { action };
        let hidden = (action > Action::Leave).then_some(What::Delete);
        hidden.into_iter().chain(self.punishment(action)).collect()
    }

    /// What is done about a message that the platform holds back and that does not wait here.
    fn answer(&self, ruled: &Ruled) -> Vec<What> {
        let kept = ruled.outcome.fate == Fate::Keep;
        match ruled.judgement.verdict {
            Verdict::Pass => vec![What::Allow],
            // With no room to wait here it passes, unless the platform's word counts by itself.
            Verdict::Hold if kept && self.actions.allow => vec![What::Allow],
            // Nothing can be covered there.
            Verdict::Mask if self.actions.mask == Action::Leave => vec![What::Allow],
            Verdict::Mask => self.denial(self.actions.mask),
            // It cannot wait here, so it goes on waiting there.
            Verdict::Hold => Vec::new(),
            Verdict::Drop => self.denial(self.actions.drop),
        }
    }

    fn denial(&self, action: Action) -> Vec<What> {
        [What::Deny].into_iter().chain(self.punishment(action)).collect()
    }

    fn punishment(&self, action: Action) -> Option<What> {
        match action {
            Action::Leave | Action::Delete => None,
            Action::TimeOut => Some(What::TimeOut { seconds: self.actions.time_out_s }),
            Action::Ban => Some(What::Ban),
        }
    }

    /// What a sender's strikes have come to, where that is to be so on the platform as well.
    fn ladder(&self, ruled: &Ruled) -> Option<What> {
        let (then, until_ms) = ruled.led_to.filter(|_| self.actions.ladder)?;
        let seconds = until_ms.saturating_sub(now_ms()).div_ceil(1_000).max(1);
        match then {
            Consequence::Warn => Some(What::Warn),
            // Whatever comes next is judged a hold here.
            Consequence::Hold => None,
            Consequence::TimeOut => Some(What::TimeOut { seconds }),
            Consequence::Ban => Some(What::Ban),
        }
    }

    fn order(
        &self,
        heard: Instant,
        message: &Message,
        target: &Target,
        ruled: &Ruled,
        deeds: &[What],
    ) {
        // Whoever is banned loses what was said before, and paid for, on most platforms.
        let spared = message.paid.is_some() && self.actions.paid == Action::Leave;
        let ladder = self.ladder(ruled).filter(|what| !spared && !deeds.contains(what));
        if deeds.is_empty() && ladder.is_none() {
            return;
        }
        let worst = ruled.judgement.findings.iter().filter(|finding| !finding.shadow);
        let severity = worst.map(|Finding { severity, .. }| *severity).max();
        // The log names who it was about, never what was said.
        let message = Arc::new(Message { text: String::new(), ..message.clone() });
        for what in deeds.iter().copied().chain(ladder) {
            self.put(
                heard,
                Deed {
                    what,
                    target: target.clone(),
                    reason: reason(ruled.judgement.grounds.rule()),
                    decision: ruled.id.clone().unwrap_or_default(),
                    message: message.clone(),
                    severity: severity.unwrap_or_else(mildest),
                },
            );
        }
    }

    /// Queues a deed, or says that it would be done.
    pub(super) fn put(&self, heard: Instant, deed: Deed) {
        if !self.act {
            return self.tell(&deed, "watched", "");
        }
        let waiting = Waiting { deed, heard, tries: 0, ready: heard };
        self.put_back(waiting);
    }

    pub(super) fn put_back(&self, waiting: Waiting) {
        if let Some(surplus) = self.queue.put(waiting) {
            self.settler.metrics.discard("bot_queue_full");
            self.tell(&surplus.deed, "given_up", "more is to be done than may wait");
        }
    }

    /// Records how a deed ended.
    pub(super) fn tell(&self, deed: &Deed, result: &'static str, cause: &str) {
        let Deed { what, decision, message, .. } = deed;
        self.record(decision, message, what.name(), (result, cause));
    }

    /// Records how something ended that a decision led to, about the message's sender, or about its
    /// channel where it has none.
    pub(super) fn record(
        &self,
        decision: &str,
        message: &Message,
        what: &'static str,
        (result, cause): (&'static str, &str),
    ) {
        let bot = self.name();
        self.settler.metrics.bot_deed(bot, what, result);
        match result {
            "refused" | "given_up" => tracing::warn!(bot, what, result, cause, "a deed failed"),
            _ => tracing::info!(bot, what, result, "a deed ended"),
        }
        let record = Record {
            id: decision.to_owned(),
            at_ms: now_ms(),
            route: bot.to_owned(),
            channel: message.channel.clone(),
            sender: message.sender.clone(),
            event: Event::Acted { what: what.into(), result: result.into(), cause: cause.into() },
            findings: Vec::new(),
            rules: String::new(),
            decided_by: String::new(),
            text_sha256: String::new(),
        };
        self.settler.audit.record(record, None);
    }
}

/// Apart from the ids of events.
fn held_key(message: &str) -> String {
    format!("held {message}")
}

/// A finding with its span within the text, which may have been cut.
fn within(text: &str, mut found: Finding) -> Finding {
    found.span = found.span.filter(|span| span.start < text.len());
    found.span = found.span.map(|span| span.start..span.end.min(text.len()));
    found
}

/// What a release writes: whom to tell, for the bot that serves it.
fn frame(target: &Target) -> Option<Frame> {
    let text = serde_json::to_string(target).ok()?;
    Some(Frame::Text(text.into()))
}

pub(super) fn reason(rule: &str) -> String {
    format!("Tidegate: {rule}")
}

pub(super) fn mildest() -> Severity {
    Severity::new(1).expect("1 is a severity")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Category;

    #[test]
    fn spans_end_where_the_text_was_cut() {
        let check = |span: Option<(usize, usize)>, expected: Option<(usize, usize)>| {
            let range = |span: Option<(usize, usize)>| span.map(|(start, end)| start..end);
            let found = Finding {
                rule: "platform".into(),
                category: Category::Hate,
                severity: mildest(),
                span: range(span),
                why: String::new(),
                shadow: false,
                scored: None,
            };
            assert_eq!(within("12345", found).span, range(expected), "{span:?}");
        };
        check(None, None);
        check(Some((1, 3)), Some((1, 3)));
        check(Some((4, 9)), Some((4, 5)));
        check(Some((5, 9)), None);
        check(Some((7, 9)), None);
    }
}
