//! Makes the milder form of a policy, for senders whom a moderator trusts.
//!
//! Trust waives what regulars are held for by mistake: tone, swearing, links, pace. It waives
//! nothing of severity 4, nothing that the floor acts on, and none of the categories in which one
//! message does harm that no regular's standing makes good.

use super::{Policy, art::ART, crowd, reach::Answers, strikes};
use crate::message::{Category, Finding, Severity, Verdict};

/// Severities that a moderator's word may waive: 1 to 3.
const LEVELS: usize = 3;

/// What a policy lets moderators waive unless it says so itself: not hate either, which some
/// channels reclaim and most do not.
const WAIVABLE: [Category; 6] = [
    Category::Harassment,
    Category::Sexual,
    Category::Profanity,
    Category::Spam,
    Category::Link,
    Category::Impersonation,
];

/// By category: whether a moderator may waive it for a sender or a term.
pub(super) type Waivable = [bool; Category::ALL.len()];

pub(super) fn waivable(own: Option<&[Category]>) -> Waivable {
    let named = own.unwrap_or(&WAIVABLE);
    Category::ALL.map(|category| named.contains(&category) && !category.is_core())
}

/// The policy as it judges whom a moderator trusts.
pub(super) fn trusting(policy: &Policy) -> Policy {
    let mut own = Policy { shielded: None, trusting: None, is_trusting: true, ..policy.clone() };
    for category in Category::ALL.into_iter().filter(|category| policy.waivable[*category as usize])
    {
        let at = category as usize;
        let least = own.floor.action[at];
        let kept = own.categories.get_mut(&category);
        let kept = &mut kept.expect("a policy knows every category").action;
        for level in 0..LEVELS {
            kept[level] = least[level];
            own.raised[at][level] = least[level] > Verdict::Pass;
        }
        own.table[at] = *kept;
    }
    own.answers = Answers::of(&own);
    own
}

impl Policy {
    /// Whether a moderator may have this let through from now on: for a term, or for a sender.
    pub fn waives(&self, category: Category, severity: Severity) -> bool {
        self.waivable[category as usize]
            && usize::from(severity.level()) <= LEVELS
            && self.floor_passes(category, severity)
    }

    /// Rules that answer to no table, and do not act on whom a moderator trusts. A nuke does: it is
    /// a moderator's word too, about this very text.
    pub(super) fn trusts_in(&self, finding: &Finding) -> bool {
        const WAIVED: [&str; 5] = [crowd::CROWD, crowd::SHIELD, crowd::SLOW, strikes::STRIKES, ART];
        self.is_trusting
            && WAIVED.contains(&finding.rule.as_str())
            && self.waivable[finding.category as usize]
    }
}
