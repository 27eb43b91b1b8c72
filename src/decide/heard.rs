//! Hears a score: which heads are at the policy's thresholds, and whether all of it is harmless.

use super::Policy;
use crate::message::{Head, Score, Scored};

/// What a harmless message is free of. The other heads are about subjects and words, which a
/// harmless message may have.
const HOSTILE: [Head; 4] = [Head::Toxic, Head::IdentityHate, Head::Insult, Head::Threat];

/// A set of heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heads(u8);

impl Heads {
    pub fn of(heads: impl IntoIterator<Item = Head>) -> Heads {
        Heads(heads.into_iter().fold(0, |bits, head| bits | 1 << head as u8))
    }

    pub fn has(self, head: Head) -> bool {
        self.0 & (1 << head as u8) != 0
    }

    pub fn with(self, more: Heads) -> Heads {
        Heads(self.0 | more.0)
    }
}

/// All of a score that a verdict can depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The heads at or above their thresholds.
    pub at: Heads,
    /// Every hostile head is known, far from found, and below the policy's `harmless`.
    pub harmless: bool,
}

impl State {
    /// The model takes the message for an attack, whatever else it may be.
    pub fn hostile(self) -> bool {
        self.at.has(Head::Toxic) || self.at.has(Head::IdentityHate)
    }
}

/// A score as a policy hears it.
pub struct Heard<'a> {
    pub score: &'a Score,
    pub(super) state: State,
    thresholds: [Option<f32>; Head::ALL.len()],
}

impl Heard<'_> {
    pub(crate) fn new<'a>(policy: &Policy, score: &'a Score) -> Heard<'a> {
        let none = Heard { score, state: State::default(), thresholds: [None; Head::ALL.len()] };
        let Score::Known(scores) = score else { return none };
        let thresholds = Head::ALL.map(|head| policy.threshold(&scores.model, head));
        let found = |head: &Head| {
            let threshold = thresholds[*head as usize];
            scores.of(*head).zip(threshold).is_some_and(|(score, threshold)| score >= threshold)
        };
        let at = Heads::of(Head::ALL.into_iter().filter(found));
        let low = |head: &Head| scores.of(*head).is_some_and(|score| score < policy.harmless);
        let harmless = HOSTILE.iter().all(|head| low(head) && !found(head));
        Heard { state: State { at, harmless }, thresholds, ..none }
    }

    /// From which score on a head counts; unknown without a score.
    pub(super) fn threshold(&self, head: Head) -> Option<f32> {
        self.thresholds[head as usize]
    }

    /// What a head said, against the threshold at which it counts.
    pub(super) fn scored(&self, head: Head) -> Option<Scored> {
        self.against(head, self.thresholds[head as usize]?)
    }

    /// What made it an attack: the head of the two that said more.
    pub(super) fn hostile(&self) -> Option<Scored> {
        let both = [Head::IdentityHate, Head::Toxic].into_iter();
        let found = both.filter(|head| self.state.at.has(*head));
        found.filter_map(|head| self.scored(head)).max_by(|a, b| a.score.total_cmp(&b.score))
    }

    /// The hostile head that said most, against the score below which a message is harmless.
    pub(super) fn least_harmless(&self, policy: &Policy) -> Option<Scored> {
        let all = HOSTILE.iter().filter_map(|head| self.against(*head, policy.harmless));
        all.max_by(|a, b| a.score.total_cmp(&b.score))
    }

    fn against(&self, head: Head, threshold: f32) -> Option<Scored> {
        let Score::Known(scores) = self.score else { return None };
        let model = scores.model.id.to_string();
        Some(Scored { head, score: scores.of(head)?, threshold, model })
    }

    pub(super) fn is_weak(&self, head: Head) -> bool {
        matches!(self.score, Score::Known(scores) if scores.model.is_weak(head))
    }
}
