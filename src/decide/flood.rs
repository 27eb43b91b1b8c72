//! Finds a sender whose pace or repetition is beyond the policy's.

use super::{Heard, Policy, Rule, Seen};
use crate::message::{Category, Finding, Severity};

const BEYOND: Severity = Severity::new(2).expect("2 is a severity");
const FAR_BEYOND: Severity = Severity::new(3).expect("3 is a severity");

pub(super) const FLOOD: &str = "flood";

pub(super) struct Flood;

impl Rule for Flood {
    fn name(&self) -> &'static str {
        FLOOD
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let (flood, recent) = (&policy.flood, seen.recent);
        let counts = [
            (recent.messages, flood.messages_max, "messages"),
            (recent.repeats, flood.repeats_max, "times the same text"),
        ];
        // Both may be true at once; the sender is told once, by the worse.
        let worst = counts
            .into_iter()
            .filter(|(count, max, _)| count > max)
            .max_by_key(|(count, max, _)| severity(*count, *max));
        let Some((count, max, what)) = worst else { return };
        let seconds = flood.window_ms as f64 / 1000.0;
        found.push(Finding {
            rule: self.name().to_owned(),
            category: Category::Spam,
            severity: severity(count, max),
            span: None,
            why: format!("{count} {what} within {seconds} s, {max} may be"),
            shadow: policy.in_shadow(Category::Spam),
            scored: None,
        });
    }
}

fn severity(count: u32, max: u32) -> Severity {
    if count > max.saturating_mul(2) { FAR_BEYOND } else { BEYOND }
}
