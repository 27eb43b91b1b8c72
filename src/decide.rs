//! Turns what was seen into findings, and findings into one verdict.

use std::ops::Range;

use crate::message::{Canonical, Finding, Hit, Message, Recent, Score, Verdict};

mod crowd;
mod flood;
mod heard;
mod policy;
mod presets;
mod quoted;
mod reach;
mod scores;
mod terms;
mod time_out;

pub use heard::Heard;
pub use policy::{CategoryPolicy, Policy};

/// Everything the stages before found out about one message.
pub struct Seen<'a> {
    pub message: &'a Message,
    pub text: &'a Canonical,
    pub hits: &'a [Hit],
    pub recent: &'a Recent,
}

/// One detector.
pub trait Rule: Send + Sync {
    /// The sender may be told this name, and metrics carry it.
    fn name(&self) -> &'static str;
    /// Whether what it finds depends on the score; `reach` has to know how.
    fn hears(&self) -> bool {
        false
    }

    fn find(&self, policy: &Policy, seen: &Seen, heard: &Heard, found: &mut Vec<Finding>);
}

/// Every detector, in the order in which findings are listed.
pub const RULES: &[&dyn Rule] = &[
    &time_out::TimeOut,
    &terms::Terms,
    &flood::Flood,
    &crowd::Copies,
    &crowd::Newcomers,
    &crowd::Slow,
    &crowd::Nuke,
    &scores::Scores,
    &scores::Late,
];

/// Everything that any rule found, acting or in shadow.
pub fn findings(policy: &Policy, seen: &Seen, score: &Score) -> Vec<Finding> {
    let heard = Heard::new(policy, score);
    let mut found = Vec::new();
    for rule in RULES {
        rule.find(policy, seen, &heard, &mut found);
    }
    found
}

/// The most severe action over all findings that act.
///
/// An exempt sender's message passes, unless the sender is timed out: see [`Policy::exempts`].
pub fn verdict(policy: &Policy, seen: &Seen, findings: &[Finding], _score: &Score) -> Verdict {
    let exempt = policy.exempts(&seen.message.sender);
    let acting = findings.iter().filter(|f| !f.shadow && (!exempt || f.rule == time_out::TIME_OUT));
    acting.map(|finding| action(policy, finding, findings)).max().unwrap_or(Verdict::Pass)
}

/// Whether what was found in a newcomer's message speaks of a raid: something was held or dropped
/// for what it says, not for when or by whom it was said.
pub fn alarms(policy: &Policy, findings: &[Finding]) -> bool {
    let about_words = |finding: &&Finding| {
        let rule = finding.rule.as_str();
        !finding.shadow
            && ![time_out::TIME_OUT, crowd::SHIELD, crowd::SLOW, crowd::NUKE, scores::LATE]
                .contains(&rule)
    };
    findings.iter().filter(about_words).any(|finding| wanted(policy, finding) >= Verdict::Hold)
}

/// What one finding asks for, wherever it is.
fn wanted(policy: &Policy, finding: &Finding) -> Verdict {
    let by_severity = |enough: u8, milder: Verdict| match finding.severity.level() >= enough {
        true => Verdict::Drop,
        false => milder,
    };
    match finding.rule.as_str() {
        time_out::TIME_OUT | crowd::SLOW => Verdict::Drop,
        scores::LATE | crowd::SHIELD => Verdict::Hold,
        // A raid may be a friendly one: a person looks, and decides for all of it at once.
        crowd::CROWD if policy.crowd.action == Verdict::Hold => by_severity(3, Verdict::Hold),
        crowd::CROWD => policy.crowd.action,
        crowd::NUKE => by_severity(4, Verdict::Hold),
        _ => policy.action(finding.category, finding.severity),
    }
}

/// What one finding asks for.
fn action(policy: &Policy, finding: &Finding, all: &[Finding]) -> Verdict {
    let covered = || {
        let mut others = all.iter().filter(|other| other.category == finding.category);
        others.any(|other| masked(policy, other).is_some())
    };
    placed(wanted(policy, finding), finding.span.is_some() || covered())
}

/// A mask needs a place. The whole message is meant without one, and a message of stars says
/// nothing to anybody. Where a term of the same category is masked, that is what the finding saw;
/// else a person has to look.
fn placed(action: Verdict, has_place: bool) -> Verdict {
    match action {
        Verdict::Mask if !has_place => Verdict::Hold,
        action => action,
    }
}

/// The spans that a mask covers: those of findings whose category masks or worse at their
/// severity, merged, sorted, disjoint, on character boundaries.
pub fn mask(policy: &Policy, findings: &[Finding]) -> Vec<Range<usize>> {
    let mut spans: Vec<_> = findings.iter().filter_map(|f| masked(policy, f)).collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            // Touching spans are one: two neighbours with nothing between need no seam.
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

fn masked(policy: &Policy, finding: &Finding) -> Option<Range<usize>> {
    let acts =
        !finding.shadow && policy.action(finding.category, finding.severity) >= Verdict::Mask;
    finding.span.clone().filter(|span| acts && !span.is_empty())
}
