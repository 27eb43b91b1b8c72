//! Finds what a crowd repeats, who may not speak in shield mode, and what a moderator has nuked.

use super::{Heard, Policy, Rule, Seen};
use crate::message::{Category, Crowd, Finding, Hit, Severity};

pub(super) const CROWD: &str = "crowd";
pub(super) const SHIELD: &str = "shield";
pub(super) const SLOW: &str = "slow";
pub(super) const NUKE: &str = "nuke";

/// A person should look.
const LOOK: Severity = Severity::new(2).expect("2 is a severity");
/// The queue has had enough of it.
const ENOUGH: Severity = Severity::new(3).expect("3 is a severity");
/// What a person decided outweighs what a rule found.
const DECIDED: Severity = Severity::new(4).expect("4 is a severity");

/// Fewer senders who say it again and again are no crowd: each has a pace of their own.
const SENDERS_MIN: u32 = 3;
/// Visitors who all say hello in their own words have some in common. So what is not word for word
/// the same has to be half of what newcomers say just now …
const ALIKE_SHARE: u32 = 2;
/// … or a quarter, where so many times the bound say nearly the same.
const SAME_SHARE: u32 = 4;
const SAME_TIMES: u32 = 4;

/// The same line from many senders.
pub(super) struct Copies;

impl Rule for Copies {
    // A crowd is nobody's own: whoever joins a friendly raid repeats what all say.
    fn blames(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        CROWD
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let (crowd, most) = (&seen.recent.crowd, policy.crowd.copies_max);
        if !is_crowd(crowd, most) || !is_event(policy, crowd, seen.hits) {
            return;
        }
        let enough =
            policy.crowd.held_max > 0 && crowd.senders > most.saturating_add(policy.crowd.held_max);
        let Crowd { copies, senders, newcomers, .. } = crowd;
        let seconds = policy.crowd.window_ms as f64 / 1000.0;
        let why = format!(
            "{copies} messages like it of {senders} senders within {seconds} s, {most} may be; \
             {newcomers} of them are new here"
        );
        found.push(finding(self, if enough { ENOUGH } else { LOOK }, why, policy));
    }
}

/// Whether there are too many, and they are together.
fn is_crowd(crowd: &Crowd, most: u32) -> bool {
    let share = |among: u32, of: u32| among.saturating_mul(of) >= crowd.around;
    let few = crowd.senders >= SENDERS_MIN && crowd.copies > most;
    crowd.exact > most
        || ((crowd.senders > most || few) && share(crowd.among_alike, ALIKE_SHARE))
        || (crowd.same > most.saturating_mul(SAME_TIMES) && share(crowd.among_same, SAME_SHARE))
}

/// Whether what many say is more than a joke or a cheer.
fn is_event(policy: &Policy, crowd: &Crowd, hits: &[Hit]) -> bool {
    let long = crowd.letters > 0 && crowd.letters >= policy.crowd.letters_min;
    let new = crowd.newcomers as f32 >= policy.crowd.newcomers * crowd.senders as f32;
    let hostile = |hit: &&Hit| {
        !matches!(
            hit.category,
            Category::Profanity | Category::Sexual | Category::Spam | Category::Link
        )
    };
    match new {
        true => long || hits.iter().any(|hit| hostile(&hit)),
        // Regulars repeat each other for fun; it stops being funny.
        false => long && hits.iter().filter(hostile).any(|hit| hit.severity >= LOOK),
    }
}

/// Newcomers in shield mode.
pub(super) struct Newcomers;

impl Rule for Newcomers {
    fn blames(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        SHIELD
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        if seen.recent.shield && seen.recent.newcomer && policy.shield.hold_newcomers {
            let why = "shield mode, and the sender is new here".to_owned();
            found.push(finding(self, LOOK, why, policy));
        }
    }
}

/// Slow mode: the shield's, or a moderator's switch.
pub(super) struct Slow;

impl Rule for Slow {
    fn blames(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        SLOW
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let wait_ms = seen.recent.slow_ms;
        if wait_ms > 0 {
            let why = format!("slow mode: {} s too soon", wait_ms.div_ceil(1000));
            let own = finding(self, LOOK, why, policy);
            // Trying the category out is no reason to disobey a person.
            let shadow = own.shadow && !seen.recent.slow_switched;
            found.push(Finding { shadow, ..own });
        }
    }
}

/// What a moderator wants nothing more of.
pub(super) struct Nuke;

impl Rule for Nuke {
    fn blames(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        NUKE
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let Some(nuked) = seen.recent.nuked else { return };
        let left_ms = nuked.until_ms.saturating_sub(seen.message.at_ms);
        let why = format!("a moderator nuked this, for {} s more", left_ms.div_ceil(1000));
        found.push(finding(self, if nuked.drop { DECIDED } else { LOOK }, why, policy));
    }
}

fn finding(rule: &dyn Rule, severity: Severity, why: String, policy: &Policy) -> Finding {
    // Trying the category out is no reason to disobey a person.
    let shadow = rule.name() != NUKE && policy.in_shadow(Category::Spam);
    Finding {
        rule: rule.name().to_owned(),
        category: Category::Spam,
        severity,
        span: None,
        why,
        shadow,
        scored: None,
    }
}
