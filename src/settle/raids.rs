//! Reports a raid at its first sign: a crowd's copies, or a shield that went up by itself.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    audit::{Audit, Event, Record},
    history::History,
    message::{Crowd, Finding, Judgement, Message, Sender, now_ms},
};

/// What was seen, and where.
pub struct Sign<'a> {
    pub route: &'a str,
    pub channel: &'a str,
    /// `crowd` or `shield`.
    pub by: &'static str,
    pub crowd: Crowd,
    pub findings: Vec<Finding>,
    pub rules: &'a str,
}

impl Sign<'_> {
    /// The first sign of a raid is recorded, those that follow are not.
    pub fn report(self, history: &History, audit: &Audit) {
        let at_ms = now_ms();
        if !history.raid_begins(self.route, self.channel, at_ms) {
            return;
        }
        tracing::warn!(route = self.route, by = self.by, "a raid has begun");
        let Crowd { copies, senders, newcomers, .. } = self.crowd;
        let record = Record {
            id: fresh_id(at_ms),
            at_ms,
            route: self.route.to_owned(),
            channel: self.channel.to_owned(),
            sender: Sender::default(),
            event: Event::Raid { by: self.by.to_owned(), copies, senders, newcomers },
            findings: self.findings,
            rules: self.rules.to_owned(),
            decided_by: String::new(),
            text_sha256: String::new(),
        };
        audit.record(record, None);
    }
}

/// Unique over restarts, and beside raids of the same millisecond.
fn fresh_id(at_ms: u64) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("raid-{at_ms}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Looks for a crowd's copies in what was found.
pub(super) fn look(history: &History, audit: &Audit, message: &Message, judgement: &Judgement) {
    let own = |finding: &&Finding| finding.rule == "crowd" && !finding.shadow;
    let Some(finding) = judgement.findings.iter().find(own) else { return };
    let sign = Sign {
        route: &message.route,
        channel: &message.channel,
        by: "crowd",
        crowd: judgement.crowd,
        findings: vec![finding.clone()],
        rules: &judgement.rules,
    };
    sign.report(history, audit);
}
