//! Turns what was seen into findings, and findings into one verdict.

use std::ops::Range;

use crate::message::{Canonical, Finding, Hit, Message, Recent, Score, Verdict};

mod flood;
mod policy;
mod presets;
mod scores;
mod terms;
mod time_out;

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
    fn find(&self, policy: &Policy, seen: &Seen, score: &Score, found: &mut Vec<Finding>);
}

/// Every detector, in the order in which findings are listed.
pub const RULES: &[&dyn Rule] =
    &[&time_out::TimeOut, &terms::Terms, &flood::Flood, &scores::Scores, &scores::Late];

/// Everything that any rule found, acting or in shadow.
pub fn findings(policy: &Policy, seen: &Seen, score: &Score) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in RULES {
        rule.find(policy, seen, score, &mut found);
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

/// What one finding asks for.
fn action(policy: &Policy, finding: &Finding, all: &[Finding]) -> Verdict {
    match finding.rule.as_str() {
        time_out::TIME_OUT => return Verdict::Drop,
        scores::LATE => return Verdict::Hold,
        _ => {}
    }
    let action = policy.action(finding.category, finding.severity);
    if action != Verdict::Mask || finding.span.is_some() {
        return action;
    }
    // The whole message is meant, and a message of stars says nothing to anybody. Where a term of
    // the same category is masked, that is what the finding saw; else a person has to look.
    let covered = all
        .iter()
        .any(|other| other.category == finding.category && masked(policy, other).is_some());
    if covered { Verdict::Mask } else { Verdict::Hold }
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

impl Policy {
    /// Whether a score could change the verdict, or add what a category in shadow wants to know.
    pub fn needs_score(&self, seen: &Seen) -> bool {
        // What the model could say at worst: nobody is asked for an answer that changes nothing.
        let mut worst = Verdict::Pass;
        let mut shadow = false;
        for own in scores::armed(self).filter_map(|category| self.categories.get(&category)) {
            // A score is of severity 3 at most, and has no place to mask: see `action`.
            let most = match own.action[..3].iter().max() {
                Some(Verdict::Mask) => Verdict::Hold,
                most => most.copied().unwrap_or(Verdict::Pass),
            };
            match own.shadow {
                true => shadow |= most > Verdict::Pass,
                false => worst = worst.max(most),
            }
        }
        if (worst == Verdict::Pass && !shadow) || self.exempts(&seen.message.sender) {
            return false;
        }
        let without = findings(self, seen, &Score::Skipped);
        match verdict(self, seen, &without, &Score::Skipped) {
            Verdict::Drop => false,
            so_far => shadow || so_far < worst,
        }
    }
}
