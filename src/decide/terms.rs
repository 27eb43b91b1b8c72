//! Finds what the word lists found, milder or worse where the model's word says so.
//!
//! Neither is blind alone. A word that is hurled and a word that is quoted stand in the same list;
//! the model tells them apart, and takes one step off what it finds harmless. A word that had to
//! be disguised to be said is no accident; where the model hears an attack as well, it is one step
//! worse than listed. One step, either way: the list says what kind of word it is.

use std::{cmp::Reverse, ops::Range};

use super::{
    Heard, Policy, Rule, Seen, emotes,
    floor::asks,
    heard::State,
    mention::{self, Mention},
    quoted, scores, told,
};
use crate::message::{Category, Finding, Hit, Severity, Verdict, ViewKind};

/// More findings than this tell a moderator nothing more, and each is stored and sent: a frame of
/// nothing but listed words must not become a megabyte of reasons. One more a category may come.
const FINDINGS_MAX: usize = 32;

/// Who talks about a word does so in fewer; and each term in a message asks for all of its words.
const ABOUT_BYTES_MAX: usize = 1000;

/// What this rule is called.
pub const TERM: &str = "term";

pub(super) struct Terms;

impl Rule for Terms {
    fn name(&self) -> &'static str {
        TERM
    }

    fn hears(&self) -> bool {
        true
    }

    fn find(&self, policy: &Policy, seen: &Seen, heard: &Heard, found: &mut Vec<Finding>) {
        found.extend(terms(policy, seen).iter().map(|term| term.finding(policy, heard)));
    }
}

/// A listed term in a message, and what a score can do to it.
pub(super) struct Term<'a> {
    hit: &'a Hit,
    pub span: Range<usize>,
    turn: Turn,
    /// It stands for more terms than are told one by one.
    many: bool,
    /// Its list is not enforced for this sender.
    muted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// As listed, whatever the model says.
    None,
    /// One worse in a message that the model takes for an attack.
    Worse,
    /// One milder in a message that the model takes for harmless.
    Milder,
    /// Talked about: so bad, unless a model that has a say takes the message for an attack.
    Mentioned { covered: Severity, heard: bool },
    /// What somebody else said is told of: so bad.
    Told(Severity),
}

/// The terms that become findings, worst first.
pub(super) fn terms<'a>(policy: &Policy, seen: &Seen<'a>) -> Vec<Term<'a>> {
    if seen.hits.is_empty() {
        return Vec::new();
    }
    // A message may hold hundreds of words and they stand in few lists: each is asked of once.
    let mut lists: Vec<(&str, bool)> = Vec::new();
    let mut muted = |list: &'a str| {
        let known = lists.iter().find(|(own, _)| *own == list).map(|(_, muted)| *muted);
        known.unwrap_or_else(|| {
            lists.push((list, policy.mutes_list(list, seen)));
            lists[lists.len() - 1].1
        })
    };
    // A channel's own names excuse nothing that the floor acts on.
    let said = seen.hits.iter().filter(|hit| {
        !policy.floor_passes(hit.category, hit.severity)
            || !emotes::acquits(&seen.message.text, hit, &policy.emotes)
    });
    let mut hits: Vec<(&Hit, bool)> = said.map(|hit| (hit, muted(&hit.list))).collect();
    // One place found in several views is one finding: the worst, and the most literal one. What
    // is on trial takes no place from what is enforced.
    hits.sort_by_key(|(hit, muted)| {
        (hit.category, hit.span.start, hit.span.end, *muted, Reverse(hit.severity), hit.view)
    });
    hits.dedup_by(|(a, muted), (b, other)| {
        a.category == b.category && a.span == b.span && muted == other
    });
    // The worst first, so that the bound below cuts the mildest; disguised ones may get worse.
    hits.sort_by_key(|(hit, muted)| {
        (*muted, Reverse(hit.severity), Reverse(is_disguised(hit)), hit.span.start)
    });
    let may_quote = quoted::may_quote(seen);
    let mut terms: Vec<Term> = Vec::new();
    for (hit, muted) in hits {
        let full = terms.len() >= FINDINGS_MAX;
        let same = terms.iter_mut().rev().find(|term| term.hit.category == hit.category);
        match same.filter(|_| full) {
            // Beyond the bound the category's last finding grows, so that nothing escapes the
            // mask. It is no longer one term, and stays as severe as it was.
            Some(last) => {
                let Range { start, end } = hit.span;
                last.span = last.span.start.min(start)..last.span.end.max(end);
                last.many = true;
                last.muted &= muted;
                if last.turn.is_milder() {
                    last.turn = Turn::None;
                }
            }
            None => {
                let turn = turn(policy, seen, hit, may_quote);
                terms.push(Term { hit, span: hit.span.clone(), turn, many: false, muted });
            }
        }
    }
    terms
}

fn turn(policy: &Policy, seen: &Seen, hit: &Hit, may_quote: bool) -> Turn {
    let about = seen.message.text.len() <= ABOUT_BYTES_MAX;
    let mentioned = || about.then(|| mention::mention(seen, hit)).flatten();
    if let Some((covered, mention)) = covered(policy, hit).and_then(|own| Some((own, mentioned()?)))
    {
        let heard = mention == Mention::Said && policy.hears(hit.category);
        return Turn::Mentioned { covered, heard };
    }
    if let Some(held) = held(policy, hit).filter(|_| about && told::is_told(seen, hit)) {
        return Turn::Told(held);
    }
    // Who spells around filters to speak of dying may be crying for help, and must reach a person.
    let pleads = hit.category == Category::SelfHarm;
    match (policy.hears(hit.category), is_disguised(hit)) {
        (true, true) if !pleads => Turn::Worse,
        (true, false) if may_quote && quoted::is_quotable(seen, hit) => Turn::Milder,
        _ => Turn::None,
    }
}

/// The gravest severity below the listed one at which the policy covers a word of its category. A
/// policy that covers none lets nobody talk about the word, and no one gets around the floor.
fn covered(policy: &Policy, hit: &Hit) -> Option<Severity> {
    let masks = |severity: &Severity| asks(&policy.table, hit.category, *severity) == Verdict::Mask;
    let milder = (1..hit.severity.level()).rev().filter_map(Severity::new).find(masks);
    milder.filter(|_| {
        let listed = asks(&policy.table, hit.category, hit.severity);
        listed > Verdict::Mask && policy.floor_passes(hit.category, hit.severity)
    })
}

/// One severity less, where a person looks at that and what is listed is dropped. No one gets
/// around the floor.
fn held(policy: &Policy, hit: &Hit) -> Option<Severity> {
    let asked = |severity: Severity| asks(&policy.table, hit.category, severity);
    let milder = Severity::new(hit.severity.level() - 1)?;
    let floor = !policy.floor_passes(hit.category, hit.severity);
    (!floor && asked(hit.severity) == Verdict::Drop && asked(milder) == Verdict::Hold)
        .then_some(milder)
}

/// Found only in a reading that undoes evasion.
fn is_disguised(hit: &Hit) -> bool {
    hit.view != ViewKind::Plain
}

impl Turn {
    fn is_milder(self) -> bool {
        matches!(self, Turn::Milder | Turn::Mentioned { .. } | Turn::Told(_))
    }
}

impl Term<'_> {
    pub fn category(&self) -> Category {
        self.hit.category
    }

    /// Whether its list is only on trial for this sender.
    pub fn is_muted(&self) -> bool {
        self.muted
    }

    /// Whether it is only recorded at this severity.
    pub fn in_shadow(&self, policy: &Policy, severity: Severity) -> bool {
        let own = policy.in_shadow(self.category());
        own || (self.muted && policy.floor_passes(self.category(), severity))
    }

    /// How bad it is in this message; `found` is what the model itself found in its category.
    pub fn severity(&self, state: State, found: Option<Severity>) -> Severity {
        let listed = self.hit.severity;
        let level = listed.level();
        let turned = match self.turn {
            Turn::Worse if state.hostile() => Severity::new(level + 1),
            // Never milder than the model's own finding: that would be the same word against it.
            Turn::Milder if state.harmless => {
                Severity::new(level - 1).map(|milder| found.unwrap_or(milder).max(milder))
            }
            Turn::Mentioned { covered, heard } if !(heard && state.hostile()) => {
                Some(found.unwrap_or(covered).max(covered))
            }
            Turn::Told(held) => Some(held),
            _ => None,
        };
        match self.turn.is_milder() {
            true => turned.unwrap_or(listed).min(listed),
            false => turned.unwrap_or(listed),
        }
    }

    fn finding(&self, policy: &Policy, heard: &Heard) -> Finding {
        let Hit { category, severity: listed, view, term, list, .. } = self.hit;
        let found = scores::found(policy, heard.state, *category).map(|(_, severity)| severity);
        let severity = self.severity(heard.state, found);
        let mut why = match self.many {
            true => format!("more than {FINDINGS_MAX} listed terms"),
            false => format!("{term:?} of {list}, {}", read(*view)),
        };
        let reported = match self.turn {
            Turn::Mentioned { .. } => Some("talked about"),
            Turn::Told(_) => Some("told of"),
            _ => None,
        };
        let reported = reported.filter(|_| severity < *listed);
        if let Some(how) = reported {
            why += &format!("; {} lowered to {}, {how}", listed.level(), severity.level());
        }
        let scored = match severity.cmp(listed) {
            _ if reported.is_some() => None,
            std::cmp::Ordering::Less => heard.least_harmless(policy),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => heard.hostile(),
        };
        if let Some(scored) = &scored {
            let (from, to) = (listed.level(), severity.level());
            why += &match severity < *listed {
                true => format!("; {from} lowered to {to}, a harmless message: {scored}"),
                false => format!("; {from} raised to {to}, disguised in an attack: {scored}"),
            };
        }
        Finding {
            rule: TERM.to_owned(),
            category: *category,
            severity,
            span: Some(self.span.clone()).filter(|span| !span.is_empty()),
            why,
            shadow: self.in_shadow(policy, severity),
            scored,
        }
    }
}

/// How the text was read, for moderators.
fn read(view: ViewKind) -> &'static str {
    match view {
        ViewKind::Plain => "as written",
        ViewKind::Folded => "with look-alike characters read as letters",
        ViewKind::Squeezed => "with repeats and separators taken out",
        ViewKind::Respaced => "with spaces put where they belong",
        ViewKind::Guessed => "with misspelt or masked words guessed",
        ViewKind::Reversed => "read backwards",
        ViewKind::Decoded => "decoded",
        ViewKind::Rotated => "rotated by thirteen letters",
        ViewKind::Joined => "together with the messages before",
    }
}
