//! Finds what the model scored at or above the policy's thresholds.

use super::{Policy, Rule, Seen};
use crate::{
    config::OnLate,
    message::{Category, Finding, Score, Severity},
};

/// The model's heads and the categories they mean. `toxic` and `severe` mean none of their own.
const HEADS: [(&str, Category); 6] = [
    ("identity_hate", Category::Hate),
    ("insult", Category::Harassment),
    ("obscene", Category::Profanity),
    ("threat", Category::Threat),
    ("sexual", Category::Sexual),
    ("self_harm", Category::SelfHarm),
];

/// What a head found without saying how bad.
const FOUND: u8 = 2;
/// `toxic` with nothing more to say.
const TOXIC_ALONE: u8 = 1;

pub(super) struct Scores;

impl Rule for Scores {
    fn name(&self) -> &'static str {
        "model"
    }

    fn find(&self, policy: &Policy, _seen: &Seen, score: &Score, found: &mut Vec<Finding>) {
        let Score::Known(scores) = score else { return };
        let of = |head: &str| {
            let own = scores.iter().find(|(name, _)| &**name == head).map(|(_, p)| *p);
            own.filter(|p| p.is_finite())
        };
        let mut push = |head: &str, category: Category, level: u8| {
            let (Some(score), Some(threshold)) = (of(head), threshold(policy, category)) else {
                return false;
            };
            if score < threshold {
                return false;
            }
            // `severe` raises by one, judged by the category's own threshold.
            let severe = of("severe").is_some_and(|severe| severe >= threshold);
            let Some(severity) = Severity::new(level + u8::from(severe)) else { return false };
            found.push(Finding {
                rule: self.name().to_owned(),
                category,
                severity,
                span: None,
                why: format!("{head} {score:.2}, threshold {threshold:.2}"),
                shadow: policy.in_shadow(category),
            });
            true
        };
        let mut any = false;
        for (head, category) in HEADS {
            any |= push(head, category, FOUND);
        }
        if !any {
            push("toxic", Category::Harassment, TOXIC_ALONE);
        }
    }
}

/// Whether the model's word can count at all in this policy, and for which categories.
pub(super) fn armed(policy: &Policy) -> impl Iterator<Item = Category> {
    HEADS
        .into_iter()
        .map(|(_, category)| category)
        .filter(|category| threshold(policy, *category).is_some())
}

/// The threshold of a category in which the model has a say.
fn threshold(policy: &Policy, category: Category) -> Option<f32> {
    policy.categories.get(&category).map(|own| own.threshold).filter(|t| *t < 1.0)
}

/// Finds that the model did not answer, where the policy holds what it could not judge.
pub(super) struct Late;

pub(super) const LATE: &str = "late";

impl Rule for Late {
    fn name(&self) -> &'static str {
        LATE
    }

    fn find(&self, policy: &Policy, _seen: &Seen, score: &Score, found: &mut Vec<Finding>) {
        if *score != Score::Late || policy.on_late != OnLate::Hold {
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
        });
    }
}
