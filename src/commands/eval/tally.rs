//! Counts judged rows by head, language and slice, and keeps their scores.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    figures::{self, Counts, Pair, share},
    report::{FoundFigures, Group, Measures, Report, Verdicts},
};
use crate::message::{Finding, Head, Judgement, Score, Verdict};

/// Languages and slices that are counted apart; the rows of others count in `all` alone.
const GROUPS_MAX: usize = 256;
/// Longer names of groups are cut.
const NAME_CHARS_MAX: usize = 64;
/// Rows that can be measured at once, for ranks need every score: 40 bytes each are kept.
pub const ROWS_MAX: usize = 1_000_000;
/// From here on a label means yes.
const MEANT: f64 = 0.5;

/// One labelled row.
#[derive(Deserialize)]
pub struct Row {
    pub text: String,
    #[serde(default)]
    pub lang: String,
    #[serde(default)]
    pub slice: String,
    pub labels: BTreeMap<String, f64>,
}

/// What judging a row led to.
pub struct Judged {
    pub judgement: Judgement,
    /// What it would have been without a model.
    pub without: Verdict,
    /// Every row's, also where the policy had no use for it.
    pub score: Score,
}

/// Everything counted so far.
pub struct Tally {
    pub lines: u64,
    pub bad: u64,
    unscored: u64,
    model: Option<String>,
    /// `all` first; a row knows its groups by their places here.
    groups: Vec<(String, Own)>,
    scored: Vec<Scored>,
}

/// One group's counts.
#[derive(Default)]
struct Own {
    rows: u64,
    needed: u64,
    changed: u64,
    verdicts: Verdicts,
    found: [Counts; Head::ALL.len()],
}

/// What a row keeps for the ranks.
struct Scored {
    /// `NaN` where the model has no such head.
    scores: [f32; Head::ALL.len()],
    /// A bit a head: whether there is a label, and whether it means yes.
    labelled: u8,
    meant: u8,
    groups: [u16; 2],
}

/// The place of the group that every row is in.
const ALL: usize = 0;

impl Default for Tally {
    fn default() -> Self {
        let groups = vec![("all".to_owned(), Own::default())];
        Tally { lines: 0, bad: 0, unscored: 0, model: None, groups, scored: Vec::new() }
    }
}

impl Tally {
    pub fn add(&mut self, row: &Row, judged: &Judged) {
        let groups = [("lang", &row.lang), ("slice", &row.slice)]
            .map(|(kind, name)| self.place(kind, name).unwrap_or(ALL));
        let (mut labelled, mut meant) = (0u8, 0u8);
        for head in Head::ALL {
            if let Some(label) = row.labels.get(head.name()) {
                labelled |= bit(head);
                meant |= if *label >= MEANT { bit(head) } else { 0 };
            }
        }
        let known = matches!(judged.judgement.score, Score::Known(_));
        let changed = known && judged.judgement.verdict != judged.without;
        for place in places(groups) {
            let own = &mut self.groups[place].1;
            own.rows += 1;
            own.needed += u64::from(judged.judgement.needed);
            own.changed += u64::from(changed);
            own.verdicts.add(judged.judgement.verdict);
            for head in Head::ALL.into_iter().filter(|head| labelled & bit(*head) != 0) {
                let found = judged.judgement.findings.iter().any(|own| fits(head, own));
                own.found[head as usize].add(meant & bit(head) != 0, found);
            }
        }
        let Score::Known(scores) = &judged.score else {
            self.unscored += 1;
            return;
        };
        self.model.get_or_insert_with(|| scores.model.id.to_string());
        let groups = groups.map(|place| place as u16);
        let scores = Head::ALL.map(|head| scores.of(head).unwrap_or(f32::NAN));
        self.scored.push(Scored { scores, labelled, meant, groups });
    }

    /// The place of a row's group; `None` for a name that is empty or one too many.
    fn place(&mut self, kind: &str, name: &str) -> Option<usize> {
        // Fit for a terminal.
        let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        if name.is_empty() {
            return None;
        }
        let group = format!("{kind}/{name}");
        let known = self.groups.iter().position(|(own, _)| *own == group);
        if known.is_none() && self.groups.len() <= GROUPS_MAX {
            self.groups.push((group, Own::default()));
            return Some(self.groups.len() - 1);
        }
        known
    }

    pub fn report(self, policy: &str) -> Report {
        let groups = self.groups.iter().enumerate();
        let groups = groups.map(|(place, (name, own))| (name.clone(), self.group(place, own)));
        Report {
            policy: policy.to_owned(),
            groups: groups.collect(),
            lines: self.lines,
            bad: self.bad,
            unscored: self.unscored,
            model: self.model,
        }
    }

    fn group(&self, place: usize, own: &Own) -> Group {
        let heads = Head::ALL.into_iter().filter_map(|head| {
            let counts = &own.found[head as usize];
            let positives = counts.hit + counts.miss;
            let rows = positives + counts.false_alarm + counts.quiet;
            let found = head.category().map(|_| FoundFigures::of(counts));
            let score = self.score(place, head);
            (rows > 0).then_some((head, Measures { rows, positives, found, score }))
        });
        Group {
            rows: own.rows,
            verdicts: own.verdicts,
            needed: share(own.needed, own.rows),
            changed: self.model.as_ref().and_then(|_| share(own.changed, own.rows)),
            heads: heads.collect(),
        }
    }

    fn score(&self, place: usize, head: Head) -> Option<figures::ScoreFigures> {
        let within = |own: &&Scored| places(own.groups.map(usize::from)).any(|at| at == place);
        let own = self.scored.iter().filter(|own| own.labelled & bit(head) != 0).filter(within);
        let pair = |own: &Scored| {
            let score = own.scores[head as usize];
            (!score.is_nan()).then_some(Pair { score, meant: own.meant & bit(head) != 0 })
        };
        let mut pairs: Vec<Pair> = own.filter_map(pair).collect();
        (!pairs.is_empty()).then(|| figures::measure(&mut pairs))
    }
}

fn bit(head: Head) -> u8 {
    1 << head as u8
}

/// Where a row counts: in `all`, and in each group of its own.
fn places(groups: [usize; 2]) -> impl Iterator<Item = usize> {
    [ALL].into_iter().chain(groups.into_iter().filter(|place| *place != ALL))
}

/// Whether a finding is what a head means; `toxic` means anything. What is in shadow is not found.
fn fits(head: Head, finding: &Finding) -> bool {
    let own = head == Head::Toxic || head.category() == Some(finding.category);
    own && !finding.shadow
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Crowd, Grounds, Standing};

    fn judged() -> Judged {
        let rules = "t".into();
        let (findings, mask, needed) = (Vec::new(), Vec::new(), true);
        let (verdict, score) = (Verdict::Pass, Score::Skipped);
        let (grounds, standing) = (Grounds::default(), Standing::default());
        let judgement = Judgement {
            verdict,
            asked: verdict,
            releases: false,
            findings,
            score,
            needed,
            mask,
            rules,
            grounds,
            standing,
            crowd: Crowd::default(),
        };
        Judged { judgement, without: Verdict::Pass, score: Score::Skipped }
    }

    #[test]
    fn unknown_heads_are_not_counted_and_groups_are_bounded() {
        let mut tally = Tally::default();
        for n in 0..1_000 {
            let (text, slice) = (String::new(), format!("s{n}"));
            let labels = [("threat".to_owned(), 0.6), ("wit".to_owned(), 1.0)].into();
            tally.add(&Row { text, lang: "en".into(), slice, labels }, &judged());
        }
        let report = tally.report("p");
        assert_eq!(report.groups.len(), GROUPS_MAX + 1);
        let all = &report.groups["all"];
        assert_eq!((all.rows, all.heads.len(), report.unscored), (1_000, 1, 1_000));
        assert_eq!((all.heads[&Head::Threat].positives, all.needed), (1_000, Some(1.0)));
        assert_eq!((report.model, all.changed), (None, None));
    }
}
