//! Finds what the model scored at or above the policy's thresholds.

use super::{Heard, Policy, Rule, Seen, heard::State, terms};
use crate::{
    config::OnLate,
    message::{Category, Finding, Head, Score, Severity},
};

/// The heads that find a category of their own. `toxic` speaks only where none of them does, and
/// `severe` makes their findings worse.
const HEADS: [Head; 6] =
    [Head::IdentityHate, Head::Insult, Head::Obscene, Head::Threat, Head::Sexual, Head::SelfHarm];

/// What a head found without saying how bad.
const FOUND: u8 = 2;
/// `toxic` with nothing more to say.
const TOXIC_ALONE: u8 = 1;

pub(super) struct Scores;

pub(super) const MODEL: &str = "model";

impl Rule for Scores {
    fn name(&self) -> &'static str {
        MODEL
    }

    fn hears(&self) -> bool {
        true
    }

    fn find(&self, policy: &Policy, _seen: &Seen, heard: &Heard, found: &mut Vec<Finding>) {
        let term = found.iter().any(|f| f.rule == terms::TERM && !f.shadow);
        let backed = term || speaks(policy, heard);
        let heads = HEADS.into_iter().filter_map(Head::category);
        for (head, severity) in heads.filter_map(|own| self::found(policy, heard.state, own)) {
            let (Some(category), Some(scored)) = (head.category(), heard.scored(head)) else {
                continue;
            };
            // A head that saw too little data is heard with somebody else, and else written down.
            let alone = heard.is_weak(head) && !backed;
            let severe = heard.scored(Head::Severe).filter(|_| is_severe(heard.state));
            let why = match severe {
                Some(severe) => format!("{scored}; severe {:.2}", severe.score),
                None => scored.to_string(),
            };
            found.push(Finding {
                rule: self.name().to_owned(),
                category,
                severity,
                span: None,
                why: if alone { format!("{why}; too weak to act alone") } else { why },
                shadow: alone || policy.in_shadow(category),
                scored: Some(scored),
            });
        }
    }
}

/// Whether a head that is not weak found something that acts.
fn speaks(policy: &Policy, heard: &Heard) -> bool {
    let acts = |head: Head| head.category().is_some_and(|own| !policy.in_shadow(own));
    let strong = |head: Head| heard.state.at.has(head) && !heard.is_weak(head);
    Head::ALL.into_iter().any(|head| acts(head) && strong(head))
}

fn is_severe(state: State) -> bool {
    state.at.has(Head::Severe)
}

/// The model's finding in a category, if it has one: which head's, and how bad.
///
/// Whether a weak head's finding acts is not asked here: alone it is as good as none, and in
/// company as good as a strong one.
pub(super) fn found(policy: &Policy, state: State, category: Category) -> Option<(Head, Severity)> {
    let at = |head: &Head| state.at.has(*head);
    let worse = u8::from(is_severe(state));
    let own = HEADS.into_iter().filter(at).find(|head| head.category() == Some(category));
    if let Some(head) = own {
        return Some((head, Severity::new(FOUND + worse)?));
    }
    let toxic = at(&Head::Toxic) && Head::Toxic.category() == Some(category);
    let acts = |head: Head| head.category().is_some_and(|own| !policy.in_shadow(own));
    let alone = !HEADS.into_iter().filter(at).any(acts);
    let severity = Severity::new(TOXIC_ALONE + worse)?;
    (toxic && alone).then_some((Head::Toxic, severity))
}

/// Finds that the model did not answer, where the policy holds what it could not judge.
pub(super) struct Late;

pub(super) const LATE: &str = "late";

impl Rule for Late {
    fn name(&self) -> &'static str {
        LATE
    }

    fn hears(&self) -> bool {
        true
    }

    fn blames(&self) -> bool {
        false
    }

    fn find(&self, policy: &Policy, _seen: &Seen, heard: &Heard, found: &mut Vec<Finding>) {
        if *heard.score != Score::Late || policy.on_late != OnLate::Hold {
            return;
        }
        found.push(Finding {
            rule: LATE.to_owned(),
            // What the model would most often have found; no category means "not known".
            category: Category::Harassment,
            severity: Severity::new(1).expect("1 is a severity"),
            span: None,
            why: "the model did not answer in time".to_owned(),
            shadow: false,
            scored: None,
        });
    }
}
