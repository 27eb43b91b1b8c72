//! Turns what was seen into findings, and findings into one verdict.

use std::ops::Range;

use crate::message::{Canonical, Finding, Hit, Message, Recent, Score, Verdict};

mod flood;
mod heard;
mod impersonation;
mod policy;
mod presets;
mod quoted;
mod reach;
mod scores;
mod sender;
mod strikes;
mod terms;
mod time_out;

pub use heard::Heard;
pub use impersonation::{Claim, Protected};
pub use policy::{CategoryPolicy, Policy};
pub use sender::{apart, worst_of};
pub use strikes::{points, step};

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
    /// Whether it judges names; where nothing is said but a name, the others are not asked.
    fn names(&self) -> bool {
        false
    }
    /// Whether what it finds is the sender's fault, and counts towards strikes.
    fn blames(&self) -> bool {
        true
    }

    fn find(&self, policy: &Policy, seen: &Seen, heard: &Heard, found: &mut Vec<Finding>);
}

/// Every detector, in the order in which findings are listed.
pub const RULES: &[&dyn Rule] = &[
    &time_out::TimeOut,
    &strikes::Strikes,
    &sender::Name,
    &impersonation::Impersonation,
    &terms::Terms,
    &flood::Flood,
    &scores::Scores,
    &scores::Late,
];

/// Everything that any rule found, acting or in shadow.
pub fn findings(policy: &Policy, seen: &Seen, score: &Score) -> Vec<Finding> {
    let heard = Heard::new(policy, score);
    let mut found = Vec::new();
    for rule in RULES.iter().filter(|rule| !seen.message.is_name || rule.names()) {
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
    let worst = acting.map(|finding| action(policy, finding, findings)).max();
    worst.map_or(Verdict::Pass, |worst| at_most(seen.message, worst))
}

/// No machine drops what somebody paid for: a person looks at it.
fn at_most(message: &Message, verdict: Verdict) -> Verdict {
    match message.paid {
        Some(_) => verdict.min(Verdict::Hold),
        None => verdict,
    }
}

/// What a rule asks for whatever the policy's table says.
fn forced(rule: &str) -> Option<Verdict> {
    match rule {
        time_out::TIME_OUT => Some(Verdict::Drop),
        strikes::STRIKES | scores::LATE => Some(Verdict::Hold),
        _ => None,
    }
}

/// What one finding asks for.
fn action(policy: &Policy, finding: &Finding, all: &[Finding]) -> Verdict {
    if let Some(forced) = forced(&finding.rule) {
        return forced;
    }
    let covered = || {
        let mut others = all.iter().filter(|other| other.category == finding.category);
        others.any(|other| masked(policy, other).is_some())
    };
    let action = policy.action(finding.category, finding.severity);
    placed(action, finding.span.is_some() || covered())
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
