//! Tries what records add up to, and what is taken back.

use super::*;
use crate::message::{Sender, Severity};

const HOUR_MS: u64 = 60 * MINUTE_MS;
/// A day's beginning, some days after the first one.
const NOON: u64 = 20_000 * 24 * HOUR_MS + 12 * HOUR_MS;

fn finding(rule: &str, category: Category, shadow: bool) -> Finding {
    let severity = Severity::new(2).expect("2 is a severity");
    let (rule, why) = (rule.to_owned(), String::new());
    Finding { rule, category, severity, span: None, why, shadow, scored: None }
}

fn record(id: &str, at_ms: u64, event: Event) -> Record {
    Record {
        id: id.to_owned(),
        at_ms,
        route: "main".into(),
        channel: "lobby".into(),
        sender: Sender::default(),
        event,
        findings: vec![
            finding("term", Category::Profanity, false),
            finding("term", Category::Hate, false),
            finding("model", Category::Spam, true),
        ],
        rules: String::new(),
        decided_by: String::new(),
        text_sha256: String::new(),
    }
}

fn held(id: &str, at_ms: u64) -> Record {
    record(id, at_ms, Event::Judged(Verdict::Hold))
}

fn decided(id: &str, at_ms: u64, state: &str, by: &str) -> Record {
    record(id, at_ms, Event::Decided { state: state.to_owned(), by: by.to_owned() })
}

fn ends(released: u32, removed: u32, expired: u32) -> Ends {
    Ends { released, removed, expired }
}

#[test]
fn what_moderators_reverse_is_counted_by_rule_and_person() {
    let mut tally = Tally::new(NOON);
    for id in ["a", "b", "c", "d"] {
        tally.note(&held(id, NOON));
    }
    tally.note(&record("e", NOON, Event::Judged(Verdict::Drop)));
    tally.note(&decided("a", NOON + 10_000, "approved", "ana"));
    // Delivered: the same decision.
    tally.note(&decided("a", NOON + 11_000, "released", "ana"));
    tally.note(&decided("b", NOON + 20_000, "denied", "ben"));
    tally.note(&decided("c", NOON + 300_000, "expired", "expiry"));
    tally.note(&decided("d", NOON + 300_000, "withdrawn", "sender"));
    let sum = tally.sum(Window::Hour, NOON + 301_000);
    assert_eq!(sum.ends, ends(1, 1, 1));
    assert_eq!((sum.stopped.hold, sum.stopped.drop), (4, 1));
    assert_eq!(sum.overturned, Some(0.5));
    let rules: Vec<(&str, Ends)> = sum.rules.iter().map(|row| (&*row.rule, row.ends)).collect();
    assert_eq!(rules, [("term", ends(1, 1, 1))], "what is in shadow held nothing");
    assert_eq!(sum.rules[0].stopped.hold, 4, "twice in one message counts once");
    let categories: Vec<_> = sum.categories.iter().map(|row| row.category).collect();
    assert_eq!(categories, [Category::Hate, Category::Profanity]);
    let people: Vec<(&str, Ends)> = sum.people.iter().map(|row| (&*row.name, row.ends)).collect();
    assert_eq!(people, [("ana", ends(1, 0, 0)), ("ben", ends(0, 1, 0))]);
    let (p50, p95) = (sum.p50_ms.expect("some"), sum.p95_ms.expect("some"));
    assert!((10_000..11_900).contains(&p50) && (20_000..23_800).contains(&p95), "{p50} {p95}");
}

#[test]
fn what_is_undone_was_not_decided() {
    let mut tally = Tally::new(NOON);
    tally.note(&held("a", NOON));
    tally.note(&decided("a", NOON + 1_000, "denied", "ana"));
    tally.note(&record("a", NOON + 2_000, Event::Undone { by: "ana".into() }));
    let sum = tally.sum(Window::Hour, NOON + 3_000);
    assert_eq!((sum.ends, sum.p50_ms, sum.people.len()), (ends(0, 0, 0), None, 0));
    tally.note(&decided("a", NOON + 4_000, "approved", "ben"));
    let sum = tally.sum(Window::Hour, NOON + 5_000);
    assert_eq!((sum.ends, &*sum.people[0].name), (ends(1, 0, 0), "ben"));
    // Of what was held before anything was read, the decision counts, and its undo.
    tally.note(&decided("old", NOON, "denied", "ana"));
    assert_eq!(tally.sum(Window::Hour, NOON).ends, ends(1, 1, 0));
    tally.note(&record("old", NOON, Event::Undone { by: "ana".into() }));
    assert_eq!(tally.sum(Window::Hour, NOON).ends, ends(1, 0, 0));
    // A release by the clock is nobody's.
    tally.note(&held("b", NOON));
    tally.note(&decided("b", NOON, "approved", "expiry"));
    tally.note(&decided("b", NOON, "released", "expiry"));
    assert_eq!(tally.sum(Window::Hour, NOON).ends, ends(1, 0, 1));
}

#[test]
fn windows_hold_what_lies_in_them() {
    let mut tally = Tally::new(NOON);
    for hours in [0, 2, 30, 24 * 8] {
        tally.note(&held(&format!("{hours}"), NOON - hours * HOUR_MS));
    }
    let held = |window| tally.sum(window, NOON).stopped.hold;
    assert_eq!([Window::Hour, Window::Day, Window::Week].map(held), [1, 2, 3]);
    let bars = tally.sum(Window::Day, NOON + 59 * MINUTE_MS).bars;
    assert_eq!(bars.len(), 24);
    assert_eq!((bars[23].at_ms, bars[23].stopped.hold), (NOON, 1));
    assert_eq!((bars[21].at_ms, bars[21].stopped.hold), (NOON - 2 * HOUR_MS, 1));
}

#[test]
fn what_passed_is_what_the_counter_gained() {
    let mut tally = Tally::new(NOON);
    tally.passed(NOON, 5);
    tally.passed(NOON + HOUR_MS, 12);
    let sum = tally.sum(Window::Day, NOON + HOUR_MS);
    let bars: Vec<u64> = sum.bars.iter().map(|bar| bar.pass).rev().take(3).collect();
    assert_eq!((sum.pass, bars), (12, vec![7, 5, 0]));
}

#[test]
fn memory_is_bounded() {
    let mut tally = Tally::new(NOON);
    for n in 0..CASES_MAX + 10 {
        tally.note(&held(&n.to_string(), NOON));
    }
    assert_eq!((tally.cases.len(), tally.order.len()), (CASES_MAX, CASES_MAX));
    for n in 0..2 * NAMES_MAX {
        let mut one = held("x", NOON);
        one.findings[0].rule = format!("rule {n}");
        tally.note(&one);
        tally.note(&decided(&n.to_string(), NOON, "denied", &format!("ana{n}")));
    }
    let sum = tally.sum(Window::Hour, NOON);
    assert!(sum.rules.len() <= NAMES_MAX + 1 && sum.people.len() <= NAMES_MAX + 1);
    assert!(sum.rules.iter().any(|row| &*row.rule == OTHERS));
    assert_eq!(sum.ends.removed as usize, 2 * NAMES_MAX);
    tally.passed(NOON + 2 * KEEP_MS, 1);
    assert_eq!(tally.steps.len(), 1, "what is older than a week is forgotten");
}
