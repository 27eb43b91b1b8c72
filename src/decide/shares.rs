//! Tells which rules are enforced for a sender, where they are not enforced for everybody.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Policy, RULES, Seen, floor::asks, scores, terms, time_out};
use crate::{
    config::{Enforce, OnLate},
    message::{Category, Finding, Severity, Share, Verdict},
};

/// What a word list is called among the rules: `term:en/profanity`.
const OF_LIST: &str = "term:";

/// How far each rule and word list is enforced; what is not named is enforced.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    rules: BTreeMap<String, Enforce>,
    lists: BTreeMap<String, Enforce>,
}

impl Shares {
    /// # Errors
    /// Each name that is no rule, with the cause.
    pub(super) fn compile(
        own: &BTreeMap<String, Enforce>,
    ) -> Result<Shares, Vec<(String, String)>> {
        let (mut shares, mut errors) = (Shares::default(), Vec::new());
        let known =
            || RULES.iter().map(|rule| rule.name()).filter(|name| *name != time_out::TIME_OUT);
        for (name, enforce) in own {
            match name.strip_prefix(OF_LIST) {
                Some(list) => drop(shares.lists.insert(list.to_owned(), *enforce)),
                None if known().any(|rule| rule == name) => {
                    shares.rules.insert(name.clone(), *enforce);
                }
                None if name == time_out::TIME_OUT => {
                    let cause = "a time-out is a moderator's decision and always enforced";
                    errors.push((name.clone(), cause.to_owned()));
                }
                None => {
                    let known = known().collect::<Vec<_>>().join(", ");
                    let cause = format!("there is no rule {name:?} (there are {known}, term:LIST)");
                    errors.push((name.clone(), cause));
                }
            }
        }
        if errors.is_empty() { Ok(shares) } else { Err(errors) }
    }

    fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.lists.is_empty()
    }

    /// The word lists that are named, for whoever knows which there are.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.lists.keys().map(String::as_str)
    }
}

impl Policy {
    /// Whether a rule only records what it finds of this sender.
    pub(super) fn mutes(&self, rule: &str, seen: &Seen) -> bool {
        self.shares.rules.get(rule).is_some_and(|own| is_mute(*own, rule, seen))
    }

    /// The same of a word list; its own word is stronger than that for all lists.
    pub(super) fn mutes_list(&self, list: &str, seen: &Seen) -> bool {
        match self.shares.lists.get(list) {
            Some(own) => is_mute(*own, &format!("{OF_LIST}{list}"), seen),
            None => self.mutes(terms::TERM, seen),
        }
    }

    /// Puts what a rule found into shadow where it is not enforced. The floor is: what it acts on
    /// stays as it is.
    pub(super) fn mute(&self, rule: &str, seen: &Seen, found: &mut [Finding]) {
        // Terms know their lists, and have been seen to.
        if found.is_empty() || self.shares.is_empty() || rule == terms::TERM {
            return;
        }
        let late = rule == scores::LATE && self.floor.on_late == OnLate::Hold;
        if late || !self.mutes(rule, seen) {
            return;
        }
        for finding in found.iter_mut().filter(|finding| !self.floor.acts_on(finding)) {
            finding.shadow = true;
        }
    }

    /// Whether the model's findings are only recorded, the floor's apart.
    pub(super) fn mutes_model(&self, seen: &Seen) -> bool {
        self.mutes(scores::MODEL, seen)
    }

    /// The percentages that had a say in what was found, for whoever audits.
    pub(super) fn shares_of(&self, seen: &Seen, findings: &[Finding]) -> Vec<Share> {
        if self.shares.is_empty() || findings.is_empty() {
            return Vec::new();
        }
        let lists = self
            .shares
            .lists
            .iter()
            .filter(|(list, _)| seen.hits.iter().any(|hit| *hit.list == ***list));
        let lists = lists.map(|(list, own)| (format!("{OF_LIST}{list}"), *own));
        let rules = self.shares.rules.iter();
        let rules = rules.filter(|(rule, _)| findings.iter().any(|f| f.rule == **rule));
        let rules = rules.map(|(rule, own)| (rule.clone(), *own));
        let share = |(rule, own): (String, Enforce)| match own {
            Enforce::Percent(percent) => {
                let bucket = bucket(&rule, seen);
                Some(Share { rule, percent, bucket })
            }
            Enforce::Always | Enforce::Shadow => None,
        };
        rules.chain(lists).filter_map(share).collect()
    }

    /// Whether the floor passes a finding of this kind, so that it can be in shadow.
    pub(super) fn floor_passes(&self, category: Category, severity: Severity) -> bool {
        asks(&self.floor.action, category, severity) == Verdict::Pass
    }
}

/// Whether something that is enforced so far is not enforced for this sender.
pub(super) fn is_mute(enforce: Enforce, rule: &str, seen: &Seen) -> bool {
    match enforce {
        Enforce::Always => false,
        Enforce::Shadow => true,
        Enforce::Percent(percent) => bucket(rule, seen) >= percent,
    }
}

/// 0 to 99, evenly, and for one sender and rule always the same: over restarts, over versions and
/// on every machine. Each rule divides the senders anew. A message without a sender goes by its
/// text.
fn bucket(rule: &str, seen: &Seen) -> u8 {
    let sender = &seen.message.sender.id;
    let whose = if sender.is_empty() { &seen.message.text } else { sender };
    let mut hash = Sha256::new();
    for part in ["tidegate rule share", rule, whose] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let first: [u8; 8] = digest[..8].try_into().expect("a digest has 32 bytes");
    (u64::from_le_bytes(first) % 100) as u8
}
