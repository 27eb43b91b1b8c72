//! Finds a sender whose strikes have everything held, and says what strikes come to.

use super::{Heard, Policy, RULES, Rule, Seen, time_out::BAN_MS};
use crate::{
    config::{Consequence, LadderStep},
    message::{Category, Finding, Severity, Verdict},
};

pub(super) const STRIKES: &str = "strikes";

/// Below it, nothing counts: a mild word is no offence to be remembered.
const BLAMED_FROM: u8 = 2;

/// Strikes wear off from the first moment: two times three are six all the same.
const SLACK: f32 = 0.05;

pub(super) struct Strikes;

impl Rule for Strikes {
    fn name(&self) -> &'static str {
        STRIKES
    }

    fn blames(&self) -> bool {
        false
    }

    fn find(&self, _policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let now = seen.message.at_ms;
        let Some(until) = seen.recent.held_until_ms.filter(|until| *until > now) else { return };
        let left = (until - now).div_ceil(1000);
        let strikes = seen.recent.strikes;
        found.push(Finding {
            rule: STRIKES.to_owned(),
            category: Category::Spam,
            severity: Severity::new(2).expect("2 is a severity"),
            span: None,
            why: format!("{strikes:.1} strikes: everything is held for {left} s more"),
            shadow: false,
            scored: None,
        });
    }
}

/// How many strikes a verdict is: what acted, at severity 2 and above, for what is the sender's own
/// fault. A held message is none until a moderator removes it: ask with [`Verdict::Drop`] then.
pub fn points(policy: &Policy, verdict: Verdict, findings: &[Finding]) -> f32 {
    let blamed = |finding: &&Finding| {
        let rule = RULES.iter().find(|rule| rule.name() == finding.rule);
        let acts = policy.asks(finding) > Verdict::Pass;
        !finding.shadow && acts && rule.is_some_and(|rule| rule.blames())
    };
    let worst = findings.iter().filter(blamed).map(|finding| finding.severity.level()).max();
    match (worst, verdict) {
        (Some(4), Verdict::Mask | Verdict::Drop) => policy.strikes.severest,
        (Some(BLAMED_FROM..), Verdict::Mask) => policy.strikes.mask,
        (Some(BLAMED_FROM..), Verdict::Drop) => policy.strikes.removed,
        _ => 0.0,
    }
}

/// The most severe step of a ladder that so many strikes reach.
pub fn reached(ladder: &[LadderStep], strikes: f32) -> Option<&LadderStep> {
    ladder.iter().filter(|step| step.at <= strikes + SLACK).max_by_key(|step| step.then)
}

/// What happens to a sender whose strikes went from `before` to `after` at `now_ms`, and until
/// when: the most severe step that is reached. A step that was reached before is taken again, but
/// for a warning, which is given once on the way up.
pub fn step(
    ladder: &[LadderStep],
    before: f32,
    after: f32,
    now_ms: u64,
) -> Option<(Consequence, u64)> {
    let step = reached(ladder, after)?;
    let length_ms = match step.then {
        Consequence::Warn if before + SLACK >= step.at => return None,
        Consequence::Warn => 0,
        Consequence::Hold | Consequence::TimeOut => step.for_ms.unwrap_or(0),
        Consequence::Ban => BAN_MS,
    };
    Some((step.then, now_ms.saturating_add(length_ms)))
}
