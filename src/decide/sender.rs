//! Finds a listed term in the name that a sender goes by.

use super::{Heard, Policy, Rule, Seen, impersonation::whole};
use crate::message::{Finding, Hit};

/// A name stands over every message. Were a merely rude one enough, all that its bearer says would
/// wait for a moderator.
const SEVERITY_MIN: u8 = 2;

pub(super) const NAME: &str = "name";

pub(super) struct Name;

impl Rule for Name {
    fn name(&self) -> &'static str {
        NAME
    }

    fn names(&self) -> bool {
        true
    }

    fn blames(&self) -> bool {
        // The name is there whatever is said; each message under it is not another offence.
        false
    }

    fn find(&self, policy: &Policy, seen: &Seen, _heard: &Heard, found: &mut Vec<Finding>) {
        let bad = seen.recent.name.hits.iter().filter(|hit| hit.severity.level() >= SEVERITY_MIN);
        found.extend(bad.map(|hit| Finding {
            rule: self.name().to_owned(),
            category: hit.category,
            severity: hit.severity,
            span: whole(seen),
            why: format!("the sender's name: {:?} of {}", hit.term, hit.list),
            shadow: policy.in_shadow(hit.category),
            scored: None,
        }));
    }
}

/// The worst hit of each category: a name is one thing, however often it says it.
pub fn worst_of(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.category, std::cmp::Reverse(hit.severity)));
    hits.dedup_by_key(|hit| hit.category);
    hits
}

/// A name with its words apart, where they are run together (`BigRedBoat_7` is `Big Red Boat 7`);
/// `None` where that is no other reading.
pub fn apart(name: &str) -> Option<String> {
    let mut words = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for c in name.chars() {
        let seam = (before.is_lowercase() && c.is_uppercase())
            || (before.is_alphabetic() && c.is_numeric())
            || (before.is_numeric() && c.is_alphabetic());
        if seam {
            words.push(' ');
        }
        words.push(if matches!(c, '_' | '.' | '-') { ' ' } else { c });
        before = c;
    }
    (words != name).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn names_are_read_word_by_word() {
        let check = |name, expected: Option<&str>| assert_eq!(apart(name).as_deref(), expected);
        check("BigRedBoat_7", Some("Big Red Boat 7"));
        check("xX_gremlo_Xx", Some("x X gremlo Xx"));
        check("gremlo99", Some("gremlo 99"));
        check("gremlo", None);
        check("two words", None);
        check("ÉtéChaud", Some("Été Chaud"));
        check("", None);
    }
}
