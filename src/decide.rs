//! Turns what was seen into findings, and findings into one verdict.

use std::ops::Range;

use crate::message::{Canonical, Finding, Grounds, Hit, Message, Recent, Score, Verdict};

mod art;
mod conditions;
mod crowd;
mod doxxing;
mod emotes;
mod evasion;
mod flood;
mod floor;
mod fold;
mod heard;
mod impersonation;
mod links;
mod mention;
mod policy;
mod presets;
mod quoted;
mod reach;
mod scores;
mod sender;
mod shape;
mod shares;
mod strictness;
mod strikes;
mod terms;
mod time_out;
mod told;
mod trust;

pub use doxxing::{Personal, SecretError, SecretKey, Secrets, armed_line};
pub use floor::without_effect;
use floor::{Table, asks};
pub use heard::Heard;
pub use impersonation::{Claim, Known, Protected, drawn_name};
pub use links::would_spend_permit;
pub use policy::{CategoryPolicy, Policy};
pub use sender::{apart, worst_of};
pub use strictness::{Level, Levels, Strictness};
pub use strikes::{points, reached, step};
pub use terms::TERM;
pub use time_out::{BAN, TIME_OUT};

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
    &links::LinkRule,
    &shape::Shape,
    &art::Art,
    &doxxing::Doxxing,
    &evasion::Evasion,
    &crowd::Copies,
    &crowd::Newcomers,
    &crowd::Slow,
    &crowd::Nuke,
    &scores::Scores,
    &scores::Late,
];

/// Everything that any rule found, acting or in shadow.
pub fn findings(policy: &Policy, seen: &Seen, score: &Score) -> Vec<Finding> {
    prepare(policy, seen).findings(score)
}

/// A message as far as it is judged without its score, so that the question whether one is needed
/// and the verdict share the work.
pub struct Prepared<'a> {
    policy: &'a Policy,
    seen: &'a Seen<'a>,
    /// What the rules found that hear no score, in their order.
    fixed: Vec<Finding>,
    /// Where in it each rule's own part ends.
    ends: [usize; RULES.len()],
}

/// Asks every rule that hears no score.
pub fn prepare<'a>(policy: &'a Policy, seen: &'a Seen<'a>) -> Prepared<'a> {
    let heard = Heard::new(policy, &Score::Skipped);
    let (mut fixed, mut ends) = (Vec::new(), [0; RULES.len()]);
    for (rule, end) in RULES.iter().zip(&mut ends) {
        if !rule.hears() && is_asked(*rule, seen) {
            run(*rule, policy, seen, &heard, &mut fixed);
        }
        *end = fixed.len();
    }
    Prepared { policy, seen, fixed, ends }
}

impl Prepared<'_> {
    /// Judges the message as [`judge`] does.
    pub fn judge(self, score: &Score) -> Ruling {
        let (policy, seen) = (self.policy, self.seen);
        fold::fold(policy, seen, self.findings(score), score)
    }

    fn findings(self, score: &Score) -> Vec<Finding> {
        let heard = Heard::new(self.policy, score);
        let mut found = Vec::with_capacity(self.fixed.len());
        let mut fixed = self.fixed.into_iter();
        let mut start = 0;
        for (rule, end) in RULES.iter().zip(self.ends) {
            found.extend(fixed.by_ref().take(end - start));
            start = end;
            if rule.hears() && is_asked(*rule, self.seen) {
                run(*rule, self.policy, self.seen, &heard, &mut found);
            }
        }
        found
    }
}

/// Whether a rule has a say where nothing may be said but a name.
fn is_asked(rule: &dyn Rule, seen: &Seen) -> bool {
    !seen.message.is_name || rule.names()
}

/// What one rule finds, in shadow where the rule is not enforced for this sender.
fn run(rule: &dyn Rule, policy: &Policy, seen: &Seen, heard: &Heard, found: &mut Vec<Finding>) {
    let before = found.len();
    rule.find(policy, seen, heard, found);
    policy.mute(rule.name(), seen, &mut found[before..]);
}

/// What was decided of a message.
#[derive(Clone, Debug)]
pub struct Ruling {
    pub verdict: Verdict,
    /// What the policy asked for; a machine does not drop what somebody paid for.
    pub asked: Verdict,
    /// Whether the clock may release the message where it is held: only if everything that acts
    /// says so, and never what would have been dropped.
    pub releases: bool,
    /// Those of the rules, and then those of the policy's conditions.
    pub findings: Vec<Finding>,
    /// The spans that a mask covers: sorted, disjoint, on character boundaries.
    pub mask: Vec<Range<usize>>,
    pub grounds: Grounds,
}

/// Judges a message whose score is known, or known not to come.
///
/// The most severe action over all findings that act; then the policy's conditions, each of which
/// may raise or lower it, the last having the word; then the floor, below which nothing goes. An
/// exempt sender's message passes, unless the sender is timed out or the floor exempts nobody: see
/// [`Policy::exempts`].
pub fn judge(policy: &Policy, seen: &Seen, score: &Score) -> Ruling {
    prepare(policy, seen).judge(score)
}

/// Whether what was found in a newcomer's message speaks of a raid: the channel's everyday policy
/// would hold or drop it for what it says, not for when or by whom it was said. The stricter one of
/// a raised shield would keep the shield up by itself.
pub fn alarms(policy: &Policy, findings: &[Finding]) -> bool {
    const ELSEWHERE: [&str; 9] = [
        flood::FLOOD,
        time_out::TIME_OUT,
        strikes::STRIKES,
        sender::NAME,
        impersonation::IMPERSONATION,
        crowd::SHIELD,
        crowd::SLOW,
        crowd::NUKE,
        scores::LATE,
    ];
    let about_words = |f: &&Finding| !f.shadow && !ELSEWHERE.contains(&f.rule.as_str());
    findings.iter().filter(about_words).any(|finding| policy.asks(finding) >= Verdict::Hold)
}

/// No machine drops what somebody paid for, whatever the policy or the floor says: a person looks
/// at it.
fn at_most(message: &Message, verdict: Verdict) -> Verdict {
    match message.paid {
        Some(_) => verdict.min(Verdict::Hold),
        None => verdict,
    }
}

/// A mask needs a place. The whole message is meant without one, and a message of stars says
/// nothing to anybody. Where a term of the same category is masked, that is what the finding saw;
/// else `unplaced` says what becomes of it.
fn placed(action: Verdict, has_place: bool, unplaced: Verdict) -> Verdict {
    match action {
        Verdict::Mask if !has_place => unplaced,
        action => action,
    }
}

/// The spans that a mask covers: those of findings whose category masks or worse at their
/// severity, merged, sorted, disjoint, on character boundaries.
pub fn mask(policy: &Policy, findings: &[Finding]) -> Vec<Range<usize>> {
    merged(findings.iter().filter_map(|finding| masked(&policy.table, finding)).collect())
}

/// Whether anything was found that is to be covered and no more than that. A term that is held or
/// dropped is covered by a mask too, but is shown whole by whoever releases it.
pub fn covers(policy: &Policy, findings: &[Finding]) -> bool {
    let is_covered = |f: &&Finding| !f.shadow && policy.asks(f) == Verdict::Mask;
    findings.iter().filter(is_covered).any(|f| f.span.as_ref().is_some_and(|span| !span.is_empty()))
}

fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
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

fn masked(table: &Table, finding: &Finding) -> Option<Range<usize>> {
    let acts = !finding.shadow && asks(table, finding.category, finding.severity) >= Verdict::Mask;
    finding.span.clone().filter(|span| acts && !span.is_empty())
}
