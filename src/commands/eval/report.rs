//! Shapes what was measured, as a table for people and an object for machines.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::figures::{Counts, ScoreFigures};
use crate::message::{Head, Verdict};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    pub policy: String,
    /// The model's id; absent where nothing was scored.
    pub model: Option<String>,
    pub lines: u64,
    /// Lines that were no labelled rows.
    pub bad: u64,
    /// Rows for which the model had no answer; they count in the findings alone.
    pub unscored: u64,
    /// `all`, `lang/en`, `slice/reclaimed`.
    pub groups: BTreeMap<String, Group>,
}

#[derive(Debug, Serialize)]
pub struct Group {
    pub rows: u64,
    pub verdicts: Verdicts,
    /// The share of rows whose verdict a score could have changed.
    pub needed: Option<f64>,
    /// The share of rows whose verdict the model did change; absent without a model.
    pub changed: Option<f64>,
    pub heads: BTreeMap<Head, Measures>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    pub pass: u64,
    pub mask: u64,
    pub hold: u64,
    pub drop: u64,
}

impl Verdicts {
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::Mask => self.mask += 1,
            Verdict::Hold => self.hold += 1,
            Verdict::Drop => self.drop += 1,
        }
    }
}

/// One head in one group.
#[derive(Debug, Serialize)]
pub struct Measures {
    pub rows: u64,
    pub positives: u64,
    /// What lists, rules and model found; absent for a head that finds nothing of its own.
    pub found: Option<FoundFigures>,
    /// What the head's scores alone are worth; absent without them.
    pub score: Option<ScoreFigures>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FoundFigures {
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    pub fpr: Option<f64>,
}

impl FoundFigures {
    pub fn of(counts: &Counts) -> FoundFigures {
        FoundFigures {
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            fpr: counts.false_positive_rate(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wide = self.groups.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
        self.findings(f, wide)?;
        if let Some(model) = &self.model {
            self.scores(f, wide, model)?;
        }
        self.verdicts(f, wide)?;
        let Report { lines, bad, unscored, .. } = self;
        if let Some(all) = self.groups.get("all") {
            let changed = percent(all.changed);
            let needed = percent(all.needed);
            writeln!(f, "needed a score: {needed}; verdict changed by the model: {changed}")?;
        }
        if *unscored > 0 && self.model.is_some() {
            writeln!(f, "{unscored} rows without an answer of the model")?;
        }
        writeln!(f, "{lines} lines, {bad} of them no labelled rows")
    }
}

impl Report {
    /// Each head's groups together.
    fn measures(&self) -> impl Iterator<Item = (Head, &String, &Measures)> {
        Head::ALL.into_iter().flat_map(move |head| {
            let own = self.groups.iter();
            own.filter_map(move |(name, group)| Some((head, name, group.heads.get(&head)?)))
        })
    }

    fn findings(&self, f: &mut fmt::Formatter<'_>, wide: usize) -> fmt::Result {
        writeln!(f, "Findings under the policy {:?}, by lists, rules and model", self.policy)?;
        write!(f, "{:<14}{:<wide$}{:>9}{:>10}", "head", "group", "rows", "positive")?;
        writeln!(f, "{:>11}{:>8}{:>8}{:>8}", "precision", "recall", "f1", "fpr")?;
        for (head, group, own) in self.measures() {
            let Some(found) = &own.found else { continue };
            write!(f, "{head:<14}{group:<wide$}{:>9}{:>10}", own.rows, own.positives)?;
            write!(f, "{:>11}{:>8}", figure(found.precision), figure(found.recall))?;
            writeln!(f, "{:>8}{:>8}", figure(found.f1), figure(found.fpr))?;
        }
        writeln!(f)
    }

    fn scores(&self, f: &mut fmt::Formatter<'_>, wide: usize, model: &str) -> fmt::Result {
        writeln!(f, "Scores of the model {model}, whatever the policy's thresholds")?;
        write!(f, "{:<14}{:<wide$}{:>8}{:>8}", "head", "group", "auc", "f1@.5")?;
        write!(f, "{:>9}{:>7}{:>13}{:>7}", "best f1", "at", "recall@1%fp", "at")?;
        writeln!(f, "{:>8}{:>8}", "ece", "brier")?;
        for (head, group, own) in self.measures() {
            let Some(own) = &own.score else { continue };
            let [auc, half, best] = [own.auc, own.f1_half, own.f1_best].map(figure);
            let [best_at, recall, at] = [own.f1_best_at, own.recall_fpr1, own.fpr1_at].map(figure);
            write!(f, "{head:<14}{group:<wide$}{auc:>8}{half:>8}{best:>9}{best_at:>7}")?;
            write!(f, "{recall:>13}{at:>7}")?;
            writeln!(f, "{:>8}{:>8}", figure(own.ece), figure(own.brier))?;
        }
        writeln!(f)
    }

    fn verdicts(&self, f: &mut fmt::Formatter<'_>, wide: usize) -> fmt::Result {
        writeln!(f, "Verdicts")?;
        write!(f, "{:<wide$}{:>9}{:>9}{:>9}", "group", "rows", "pass", "mask")?;
        writeln!(f, "{:>9}{:>9}{:>10}{:>10}", "hold", "drop", "needed", "changed")?;
        for (name, group) in &self.groups {
            let Verdicts { pass, mask, hold, drop } = group.verdicts;
            write!(f, "{name:<wide$}{:>9}{pass:>9}{mask:>9}{hold:>9}{drop:>9}", group.rows)?;
            writeln!(f, "{:>10}{:>10}", percent(group.needed), percent(group.changed))?;
        }
        writeln!(f)
    }
}

fn figure(figure: Option<f64>) -> String {
    figure.map_or("-".to_owned(), |figure| format!("{figure:.3}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}
