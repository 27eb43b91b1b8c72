//! Finds that a moderator timed the sender out, or banned them.

use super::{Heard, Policy, Rule, Seen};
use crate::message::{Category, Finding, Severity};

pub const TIME_OUT: &str = "time_out";
/// What has the last word, and what the sender is told, where the time-out has no end.
pub const BAN: &str = "ban";
const BANNED: &str = "banned";

/// A time-out this long is a ban: nobody lives to see its end.
pub(super) const BAN_MS: u64 = 100 * 365 * 24 * 3_600_000;

pub(super) struct TimeOut;

impl Rule for TimeOut {
    fn name(&self) -> &'static str {
        TIME_OUT
    }

    fn blames(&self) -> bool {
        false
    }

    fn find(&self, _policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let Some(until) = seen.recent.timed_out_until_ms else { return };
        let now = seen.message.at_ms;
        if until <= now {
            return;
        }
        found.push(Finding {
            rule: TIME_OUT.to_owned(),
            // Whatever the sender says now is unwanted; the worst severity, so that the sender is
            // told of the time-out rather than of a word in the message.
            category: Category::Spam,
            severity: Severity::new(4).expect("4 is a severity"),
            span: None,
            why: match until - now > BAN_MS / 2 {
                true => BANNED.to_owned(),
                false => format!("timed out for {} s more", (until - now).div_ceil(1000)),
            },
            shadow: false,
            scored: None,
        });
    }
}

/// What is said to have the last word: nobody who is banned is told to wait for an end.
pub(super) fn word(finding: &Finding) -> &'static str {
    match finding.why == BANNED {
        true => BAN,
        false => TIME_OUT,
    }
}
