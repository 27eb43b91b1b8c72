//! Folds findings, conditions and the floor into one verdict, and says what had the last word.

use std::ops::Range;

use super::{
    Heard, Policy, Ruling, Seen, at_most,
    conditions::{Condition, SoFar},
    crowd,
    floor::{Table, asks},
    masked, merged, placed, scores, shares, time_out,
};
use crate::{
    config::OnLate,
    message::{Category, Finding, Grounds, Head, Score, Severity, Verdict, Word},
};

/// How bad what a condition found is: it has said itself what becomes of it.
const SAID: Severity = Severity::new(1).expect("1 is a severity");

pub(super) fn fold(policy: &Policy, seen: &Seen, findings: Vec<Finding>, score: &Score) -> Ruling {
    let mut ruling = folded(policy, seen, findings, score);
    ruling.verdict = at_most(seen.message, ruling.asked);
    ruling
}

fn folded(policy: &Policy, seen: &Seen, findings: Vec<Finding>, score: &Score) -> Ruling {
    let heard = Heard::new(policy, score);
    let exempt = policy.exempts(&seen.message.sender);
    let grounds = Grounds {
        policy: policy.name.clone(),
        word: Word::Nobody,
        shield: policy.is_shield,
        exempt,
        thresholds: Head::ALL.map(|head| heard.threshold(head)),
        shares: policy.shares_of(seen, &findings),
        failed: Vec::new(),
    };
    let mut fold = Fold { policy, findings, grounds, releases: false };
    let timed_out = |f: &Finding| !f.shadow && f.rule == time_out::TIME_OUT;
    if let Some(finding) = fold.findings.iter().find(|finding| timed_out(finding)) {
        // A person decided it; no exemption and no condition is stronger.
        fold.grounds.word = Word::Rule(time_out::word(finding).to_owned());
        let mask = super::mask(policy, &fold.findings);
        return fold.ruling(Verdict::Drop, mask);
    }
    if exempt {
        let verdict = fold.worst(Law::Floor(&policy.floor.for_all), OnLate::Pass);
        let mask = fold.mask(&policy.floor.for_all);
        return fold.ruling(verdict, mask);
    }
    let verdict = fold.worst(Law::Own(policy), OnLate::Hold);
    let mask = fold.mask(&policy.table);
    // Conditions speak of what is said. A name is not said, and what a moderator nuked is decided.
    let nuked = |f: &Finding| !f.shadow && f.rule == crowd::NUKE;
    if seen.message.is_name || fold.findings.iter().any(nuked) {
        return fold.ruling(verdict, mask);
    }
    match fold.last_condition(seen, &heard, verdict) {
        Some(condition) => fold.by_condition(condition, mask),
        None => fold.ruling(verdict, mask),
    }
}

struct Fold<'a> {
    policy: &'a Policy,
    findings: Vec<Finding>,
    grounds: Grounds,
    /// Whether everything that acts may be released by the clock.
    releases: bool,
}

impl<'a> Fold<'a> {
    /// The most severe action over all findings that act, and who has the word then.
    fn worst(&mut self, law: Law, on_late: OnLate) -> Verdict {
        let acting = self.findings.iter().filter(|finding| !finding.shadow);
        let actions =
            acting.map(|finding| (action(law, on_late, finding, &self.findings), finding));
        let actions = actions.filter(|(action, _)| *action > Verdict::Pass);
        let actions: Vec<_> = actions.collect();
        self.releases = actions.iter().all(|(_, finding)| self.policy.releases(finding));
        let worst = actions.into_iter().max_by_key(|(action, finding)| (*action, finding.severity));
        let Some((verdict, finding)) = worst else { return Verdict::Pass };
        self.grounds.word = self.word(finding);
        verdict
    }

    fn word(&self, finding: &Finding) -> Word {
        let (category, severity) = (finding.category, finding.severity);
        let raised = self.policy.raised[category as usize][usize::from(severity.level()) - 1];
        let own = self.policy.own_word(finding).is_some();
        match finding.rule.as_str() {
            rule if own || rule == scores::LATE => Word::Rule(finding.rule.clone()),
            _ if raised || self.grounds.exempt => Word::Floor(category, severity),
            _ => Word::Table(category, severity),
        }
    }

    fn mask(&self, table: &Table) -> Vec<Range<usize>> {
        merged(self.findings.iter().filter_map(|finding| masked(table, finding)).collect())
    }

    /// Goes through the conditions in order; each knows the verdict that those before it left.
    fn last_condition(
        &mut self,
        seen: &Seen,
        heard: &Heard,
        mut verdict: Verdict,
    ) -> Option<&'a Condition> {
        let (policy, mut last, mut shadows) = (self.policy, None, Vec::new());
        for condition in &policy.conditions {
            let so_far = SoFar { verdict, findings: &self.findings, heard };
            let mute = shares::is_mute(condition.mode, &condition.rule, seen);
            match condition.applies(policy, seen, so_far) {
                Ok(true) if mute => shadows.push(condition),
                Ok(true) => (verdict, last) = (condition.then, Some(condition)),
                Ok(false) => {}
                Err(cause) => self.grounds.failed.push((condition.rule.clone(), cause)),
            }
        }
        let found = shadows.into_iter().map(|condition| (condition, true));
        let found = found.chain(last.map(|condition| (condition, false)));
        // That a message may pass is no finding.
        let found = found.filter(|(condition, _)| condition.then > Verdict::Pass);
        let found: Vec<_> =
            found.map(|(condition, shadow)| self.found(condition, shadow)).collect();
        self.findings.extend(found);
        last
    }

    fn found(&self, condition: &Condition, shadow: bool) -> Finding {
        let acting = self.findings.iter().filter(|finding| !finding.shadow);
        let worst = acting.max_by_key(|finding| finding.severity).map(|finding| finding.category);
        Finding {
            rule: condition.rule.clone(),
            category: condition.category.or(worst).unwrap_or(Category::Spam),
            severity: SAID,
            span: None,
            why: format!("{}: {}", condition.then.name(), condition.why),
            shadow,
            scored: None,
        }
    }

    /// What a condition made of it, but nothing that is below the floor.
    fn by_condition(mut self, condition: &Condition, mask: Vec<Range<usize>>) -> Ruling {
        let before = self.findings.len() - usize::from(condition.then > Verdict::Pass);
        let said = self.findings.split_off(before);
        // Where the tables mask nothing, the condition means whatever was found.
        let spans = self.findings.iter().filter(|f| !f.shadow).filter_map(|f| f.span.clone());
        let found = || merged(spans.filter(|span| !span.is_empty()).collect());
        let mask = if mask.is_empty() { found() } else { mask };
        let then = placed(condition.then, !mask.is_empty(), Verdict::Hold);
        let (floor, releases) = (&self.policy.floor, self.releases);
        let floor = self.worst(Law::Floor(&floor.action), floor.on_late);
        // What the tables acted on is not released because a condition had the word after them.
        self.releases &= releases && said.iter().all(|said| self.policy.releases(said));
        self.findings.extend(said);
        if floor > then {
            if let Word::Table(category, severity) = self.grounds.word {
                self.grounds.word = Word::Floor(category, severity);
            }
            let mask = self.mask(&self.policy.floor.action);
            return self.ruling(floor, mask);
        }
        let (rule, why) = (condition.rule.clone(), condition.why.clone());
        self.grounds.word = Word::Condition { rule, why };
        self.ruling(then, mask)
    }

    fn ruling(self, verdict: Verdict, mask: Vec<Range<usize>>) -> Ruling {
        let Fold { findings, grounds, releases, .. } = self;
        let releases = releases && verdict < Verdict::Drop;
        Ruling { verdict, asked: verdict, releases, findings, mask, grounds }
    }
}

/// Whose verdicts count.
#[derive(Clone, Copy)]
enum Law<'a> {
    /// The policy's, with what some rules ask for by themselves.
    Own(&'a Policy),
    /// A part of the floor, by category and severity alone.
    Floor(&'a Table),
}

impl Law<'_> {
    /// The verdict that a finding asks for, whatever its place.
    fn asks(self, finding: &Finding) -> Verdict {
        match self {
            Law::Own(policy) => policy.asks(finding),
            Law::Floor(table) => asks(table, finding.category, finding.severity),
        }
    }

    /// What becomes of a mask without a place.
    fn unplaced(self, finding: &Finding) -> Verdict {
        match self {
            Law::Own(policy) if finding.rule == scores::MODEL => {
                policy.unplaced(finding.category, finding.severity)
            }
            _ => Verdict::Hold,
        }
    }
}

/// What one finding asks for, with a place or without one.
fn action(law: Law, on_late: OnLate, finding: &Finding, all: &[Finding]) -> Verdict {
    if finding.rule == scores::LATE {
        return if on_late == OnLate::Hold { Verdict::Hold } else { Verdict::Pass };
    }
    let covered = || {
        let mut others = all.iter().filter(|other| other.category == finding.category);
        let masks = |other: &Finding| !other.shadow && law.asks(other) >= Verdict::Mask;
        others.any(|other| masks(other) && other.span.as_ref().is_some_and(|s| !s.is_empty()))
    };
    placed(law.asks(finding), finding.span.is_some() || covered(), law.unplaced(finding))
}
