//! Finds what the word lists found.

use std::cmp::Reverse;

use super::{Policy, Rule, Seen};
use crate::message::{Finding, Hit, Score, ViewKind};

/// More findings than this tell a moderator nothing more, and each is stored and sent: a frame of
/// nothing but listed words must not become a megabyte of reasons. One more a category may come.
const FINDINGS_MAX: usize = 32;

pub(super) struct Terms;

impl Rule for Terms {
    fn name(&self) -> &'static str {
        "term"
    }

    fn find(&self, policy: &Policy, seen: &Seen, _score: &Score, found: &mut Vec<Finding>) {
        let mut hits: Vec<&Hit> = seen.hits.iter().collect();
        // One place found in several views is one finding: the worst, and the most literal one.
        hits.sort_by_key(|hit| {
            (hit.category, hit.span.start, hit.span.end, Reverse(hit.severity), hit.view)
        });
        hits.dedup_by(|a, b| a.category == b.category && a.span == b.span);
        // The worst first, so that the bound below cuts the mildest.
        hits.sort_by_key(|hit| (Reverse(hit.severity), hit.span.start));
        let first = found.len();
        for hit in hits {
            let full = found.len() - first >= FINDINGS_MAX;
            let same = found[first..].iter_mut().rev().find(|f| f.category == hit.category);
            match same.filter(|_| full) {
                // Beyond the bound the category's last finding grows, so that nothing escapes
                // the mask.
                Some(last) => {
                    let span = last.span.clone().unwrap_or(hit.span.clone());
                    last.span = Some(span.start.min(hit.span.start)..span.end.max(hit.span.end));
                    last.why = format!("more than {FINDINGS_MAX} listed terms");
                }
                None => found.push(self.finding(policy, hit)),
            }
        }
    }
}

impl Terms {
    fn finding(&self, policy: &Policy, hit: &Hit) -> Finding {
        Finding {
            rule: self.name().to_owned(),
            category: hit.category,
            severity: hit.severity,
            span: Some(hit.span.clone()).filter(|span| !span.is_empty()),
            why: format!("{:?} of {}, {}", hit.term, hit.list, view(hit.view)),
            shadow: policy.in_shadow(hit.category),
        }
    }
}

/// How the text was read, for moderators.
fn view(kind: ViewKind) -> &'static str {
    match kind {
        ViewKind::Plain => "as written",
        ViewKind::Folded => "with look-alike characters read as letters",
        ViewKind::Squeezed => "with repeats and separators taken out",
        ViewKind::Joined => "together with the messages before",
    }
}
