//! Adds records up in steps of five minutes, for a week.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::waits::Waits;
use crate::{
    audit::{Event, Record},
    message::{Category, Finding, Verdict},
};

const MINUTE_MS: u64 = 60_000;
const STEP_MS: u64 = 5 * MINUTE_MS;
const KEEP_MS: u64 = 7 * 24 * 60 * MINUTE_MS;
/// Rules, and people, told apart within a step: policies may name conditions as they like.
const NAMES_MAX: usize = 64;
const OTHERS: &str = "…";
/// Messages whose end is waited for: as many as may be held, and some that can be undone.
const CASES_MAX: usize = 20_000;
/// Whom records name where no person and no program decided.
const CLOCK: &str = "expiry";
const NOBODY: [&str; 3] = [CLOCK, "erasure", "sender"];

/// How far back, in which bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    Hour,
    #[default]
    Day,
    Week,
}

impl Window {
    pub const fn name(self) -> &'static str {
        match self {
            Window::Hour => "hour",
            Window::Day => "day",
            Window::Week => "week",
        }
    }

    /// The length of a bar, and how many there are.
    const fn bars(self) -> (u64, u64) {
        match self {
            Window::Hour => (5 * MINUTE_MS, 12),
            Window::Day => (60 * MINUTE_MS, 24),
            Window::Week => (6 * 60 * MINUTE_MS, 28),
        }
    }
}

/// Verdicts other than pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stopped {
    pub mask: u32,
    pub hold: u32,
    pub drop: u32,
}

/// What became of what was held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ends {
    pub released: u32,
    pub removed: u32,
    /// Nobody decided in time.
    pub expired: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct OfRule {
    stopped: Stopped,
    ends: Ends,
}

#[derive(Clone, Debug, Default)]
struct OfPerson {
    ends: Ends,
    waits: Waits,
}

/// What was counted in five minutes, or in all that are summed up.
#[derive(Clone, Debug, Default)]
struct Step {
    passed: u64,
    stopped: Stopped,
    ends: Ends,
    waits: Waits,
    categories: BTreeMap<Category, Stopped>,
    rules: BTreeMap<String, OfRule>,
    people: BTreeMap<String, OfPerson>,
}

/// A held message whose end is waited for.
struct Case {
    held_ms: u64,
    counted: Option<Counted>,
}

/// Where a decision was counted, so that it can be taken back.
struct Counted {
    step: u64,
    by: String,
    released: bool,
    wait_ms: Option<u64>,
}

/// The steps of a week, by when they begin.
pub struct Tally {
    steps: BTreeMap<u64, Step>,
    cases: HashMap<String, Case>,
    /// Their ids, oldest first.
    order: VecDeque<String>,
    /// What the counter of passed messages said at the last look; from here on they are known.
    passed: Option<u64>,
    since_ms: u64,
}

impl Tally {
    pub fn new(now_ms: u64) -> Tally {
        let (steps, cases, order) = Default::default();
        Tally { steps, cases, order, passed: None, since_ms: now_ms }
    }

    /// Notes how many messages have passed since the process began.
    pub fn passed(&mut self, now_ms: u64, all: u64) {
        let fresh = all.saturating_sub(self.passed.unwrap_or(0));
        self.passed = Some(all);
        if fresh > 0 {
            self.step(now_ms).passed += fresh;
        }
        self.steps.retain(|at, _| at.saturating_add(KEEP_MS) > now_ms);
    }

    /// Counts one record. No text is in any.
    pub fn note(&mut self, record: &Record) {
        match &record.event {
            Event::Judged(verdict) => self.judged(record, *verdict),
            Event::Decided { state, by } => self.decided(record, state, by),
            Event::Undone { .. } => self.undone(record),
            _ => {}
        }
    }

    fn judged(&mut self, record: &Record, verdict: Verdict) {
        let step = self.step(record.at_ms);
        step.stopped.add(verdict);
        for category in categories(&record.findings) {
            step.categories.entry(category).or_default().add(verdict);
        }
        for rule in rules(&record.findings) {
            named(&mut step.rules, rule).stopped.add(verdict);
        }
        if verdict == Verdict::Hold {
            self.remember(record);
        }
    }

    fn remember(&mut self, record: &Record) {
        let case = Case { held_ms: record.at_ms, counted: None };
        if self.cases.insert(record.id.clone(), case).is_none() {
            self.order.push_back(record.id.clone());
        }
        while self.order.len() > CASES_MAX {
            self.order.pop_front().map(|oldest| self.cases.remove(&oldest));
        }
    }

    fn decided(&mut self, record: &Record, state: &str, by: &str) {
        let released = match state {
            "approved" => true,
            "denied" => false,
            "expired" => return self.expired(record),
            // The end of what was counted when it was decided, or nobody's decision.
            _ => return,
        };
        if by == CLOCK {
            return self.expired(record);
        }
        let known = self.cases.get(&record.id);
        if NOBODY.contains(&by) || known.is_some_and(|case| case.counted.is_some()) {
            return;
        }
        let wait_ms = known.map(|case| record.at_ms.saturating_sub(case.held_ms));
        let counted = Counted { step: start(record.at_ms), by: by.to_owned(), released, wait_ms };
        self.count(record, &counted, 1);
        if !self.cases.contains_key(&record.id) {
            // What was held before the first record that was read: its undo is still to be known.
            self.remember(record);
        }
        if let Some(case) = self.cases.get_mut(&record.id) {
            case.counted = Some(counted);
        }
    }

    fn undone(&mut self, record: &Record) {
        let counted = self.cases.get_mut(&record.id).and_then(|case| case.counted.take());
        if let Some(counted) = counted {
            self.count(record, &counted, -1);
        }
    }

    /// Counts a decision, or takes it back where it was counted.
    fn count(&mut self, record: &Record, counted: &Counted, by: i32) {
        let step = self.step(counted.step);
        let change = |count: &mut u32| *count = count.saturating_add_signed(by);
        let ends = |ends: &mut Ends| match counted.released {
            true => change(&mut ends.released),
            false => change(&mut ends.removed),
        };
        ends(&mut step.ends);
        for rule in rules(&record.findings) {
            ends(&mut named(&mut step.rules, rule).ends);
        }
        let person = named(&mut step.people, &counted.by);
        ends(&mut person.ends);
        for (waits, ms) in
            [&mut step.waits, &mut person.waits].into_iter().zip([counted.wait_ms; 2])
        {
            match (ms, by > 0) {
                (Some(ms), true) => waits.add(ms),
                (Some(ms), false) => waits.take(ms),
                (None, _) => {}
            }
        }
    }

    fn expired(&mut self, record: &Record) {
        let step = self.step(record.at_ms);
        step.ends.expired += 1;
        for rule in rules(&record.findings) {
            named(&mut step.rules, rule).ends.expired += 1;
        }
    }

    fn step(&mut self, at_ms: u64) -> &mut Step {
        self.steps.entry(start(at_ms)).or_default()
    }

    /// Sums the last bars up.
    pub fn sum(&self, window: Window, now_ms: u64) -> Sum {
        let (bar_ms, count) = window.bars();
        let end = now_ms - now_ms % bar_ms + bar_ms;
        let from = end.saturating_sub(bar_ms * count);
        let mut all = Step::default();
        let mut bars = Vec::new();
        for at_ms in (0..count).map(|n| from + n * bar_ms) {
            let mut one = Step::default();
            self.steps.range(at_ms..at_ms + bar_ms).for_each(|(_, step)| one.merge(step));
            bars.push(Bar {
                at_ms,
                pass: one.passed,
                stopped: one.stopped,
                ends: one.ends,
                p50_ms: one.waits.quantile(0.5),
                p95_ms: one.waits.quantile(0.95),
            });
            all.merge(&one);
        }
        Sum::of(window, bar_ms, self.since_ms, bars, all)
    }
}

fn start(at_ms: u64) -> u64 {
    at_ms - at_ms % STEP_MS
}

impl Stopped {
    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Pass => {}
            Verdict::Mask => self.mask += 1,
            Verdict::Hold => self.hold += 1,
            Verdict::Drop => self.drop += 1,
        }
    }

    fn merge(&mut self, other: &Stopped) {
        self.mask += other.mask;
        self.hold += other.hold;
        self.drop += other.drop;
    }
}

impl Ends {
    fn merge(&mut self, other: &Ends) {
        self.released += other.released;
        self.removed += other.removed;
        self.expired += other.expired;
    }

    /// The share that people released of what they decided.
    pub fn overturned(&self) -> Option<f64> {
        let decided = self.released + self.removed;
        (decided > 0).then(|| f64::from(self.released) / f64::from(decided))
    }
}

impl Step {
    fn merge(&mut self, other: &Step) {
        self.passed += other.passed;
        self.stopped.merge(&other.stopped);
        self.ends.merge(&other.ends);
        self.waits.merge(&other.waits);
        for (category, stopped) in &other.categories {
            self.categories.entry(*category).or_default().merge(stopped);
        }
        for (rule, own) in &other.rules {
            let all = named(&mut self.rules, rule);
            all.stopped.merge(&own.stopped);
            all.ends.merge(&own.ends);
        }
        for (name, own) in &other.people {
            let all = named(&mut self.people, name);
            all.ends.merge(&own.ends);
            all.waits.merge(&own.waits);
        }
    }
}

/// The count of a name; beyond the bound, that of all others.
fn named<'a, T: Default>(all: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    let room = all.len() < NAMES_MAX || all.contains_key(name);
    all.entry((if room { name } else { OTHERS }).to_owned()).or_default()
}

/// Each rule that acted, once.
fn rules(findings: &[Finding]) -> impl Iterator<Item = &str> {
    let mut all: Vec<&str> =
        findings.iter().filter(|f| !f.shadow).map(|f| f.rule.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
}

/// Each category in which something acted, once.
fn categories(findings: &[Finding]) -> impl Iterator<Item = Category> {
    let mut all: Vec<Category> =
        findings.iter().filter(|f| !f.shadow).map(|f| f.category).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
}

/// One bar of the plots.
#[derive(Debug, Serialize)]
pub struct Bar {
    pub at_ms: u64,
    pub pass: u64,
    #[serde(flatten)]
    pub stopped: Stopped,
    #[serde(flatten)]
    pub ends: Ends,
    pub p50_ms: Option<u64>,
    pub p95_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
pub struct CategoryRow {
    pub category: Category,
    #[serde(flatten)]
    pub stopped: Stopped,
}

#[derive(Debug, Serialize)]
pub struct RuleRow {
    pub rule: String,
    #[serde(flatten)]
    pub stopped: Stopped,
    #[serde(flatten)]
    pub ends: Ends,
    /// The share that moderators released of what it held; `None` where they decided nothing.
    pub overturned: Option<f64>,
}

#[derive(Debug, Serialize)]
pub struct PersonRow {
    pub name: String,
    #[serde(flatten)]
    pub ends: Ends,
    pub p50_ms: Option<u64>,
    pub p95_ms: Option<u64>,
}

/// A window, summed up.
#[derive(Debug, Serialize)]
pub struct Sum {
    pub window: &'static str,
    pub bar_ms: u64,
    /// Since when passed messages are counted: nothing of them is stored.
    pub passes_since_ms: u64,
    pub pass: u64,
    pub stopped: Stopped,
    pub ends: Ends,
    pub overturned: Option<f64>,
    pub p50_ms: Option<u64>,
    pub p95_ms: Option<u64>,
    pub bars: Vec<Bar>,
    pub categories: Vec<CategoryRow>,
    pub rules: Vec<RuleRow>,
    pub people: Vec<PersonRow>,
}

impl Sum {
    fn of(window: Window, bar_ms: u64, since_ms: u64, bars: Vec<Bar>, all: Step) -> Sum {
        let size = |own: &Stopped| own.mask + own.hold + own.drop;
        let categories = all.categories.iter();
        let mut categories: Vec<CategoryRow> = categories
            .map(|(category, stopped)| CategoryRow { category: *category, stopped: *stopped })
            .collect();
        categories.sort_by_key(|row| std::cmp::Reverse(size(&row.stopped)));
        let rules = all.rules.into_iter().map(|(rule, OfRule { stopped, ends })| RuleRow {
            rule,
            stopped,
            ends,
            overturned: ends.overturned(),
        });
        let mut rules: Vec<RuleRow> = rules.collect();
        rules.sort_by_key(|row| std::cmp::Reverse(size(&row.stopped)));
        let people = all.people.into_iter().map(|(name, OfPerson { ends, waits })| PersonRow {
            name,
            ends,
            p50_ms: waits.quantile(0.5),
            p95_ms: waits.quantile(0.95),
        });
        let mut people: Vec<PersonRow> = people.collect();
        people.sort_by_key(|row| std::cmp::Reverse(row.ends.released + row.ends.removed));
        people.retain(|row| row.ends != Ends::default());
        Sum {
            window: window.name(),
            bar_ms,
            passes_since_ms: since_ms,
            pass: all.passed,
            stopped: all.stopped,
            overturned: all.ends.overturned(),
            ends: all.ends,
            p50_ms: all.waits.quantile(0.5),
            p95_ms: all.waits.quantile(0.95),
            bars,
            categories,
            rules,
            people,
        }
    }
}

#[cfg(test)]
mod tests;
