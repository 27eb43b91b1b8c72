//! Tries rules, word lists and conditions that are not enforced for everybody.

use tidegate::{
    config::Config,
    message::{
        Category, Sender, Share,
        Verdict::{Drop, Hold, Mask, Pass},
    },
    rules::Ruleset,
};

use crate::{
    problems, ruling,
    setup::{Try, hit, policy},
};

#[test]
fn a_rule_on_trial_is_recorded_and_does_not_act() {
    let settings = "[policy.p.rules]\nflood = \"shadow\"\nmodel = \"shadow\"\n\
                    \"term:xx/test\" = \"shadow\"\n[policy.q.rules]\nterm = \"shadow\"\n\
                    \"term:xx/test\" = \"enforce\"\n";
    let (p, q) = (policy("p", settings), policy("q", settings));
    let word = || Try::hits(&[hit(Category::Hate, 4, 0..3)]);
    for (what, case, policy, expected) in [
        ("pace", Try::paced(11, 1), &p, Pass),
        ("a score", Try::scored(&[("threat", 0.99)]), &p, Pass),
        ("a listed word", word(), &p, Pass),
        ("a list's own word is stronger", word(), &q, Drop),
        ("others act", Try::paced(11, 1), &q, Drop),
    ] {
        let (verdict, found, _) = case.judge(policy);
        assert_eq!((verdict, found.len()), (expected, 1), "{what}");
        assert_eq!(found[0].shadow, expected == Pass, "{what}");
    }
    // On trial, the model is asked: whoever tries it wants to know.
    assert!(Try::default().judge(&p).2);
}

#[test]
fn what_is_on_trial_takes_no_place_from_what_is_enforced() {
    let p = policy("p", "[policy.p.rules]\n\"term:xx/trial\" = \"shadow\"\n");
    let mut trial = hit(Category::Profanity, 4, 0..5);
    trial.list = "xx/trial".into();
    let case = Try::hits(&[trial, hit(Category::Profanity, 1, 0..5)]);
    let (verdict, found, _) = case.judge(&p);
    let found: Vec<_> = found.iter().map(|f| (f.severity.level(), f.shadow)).collect();
    assert_eq!((verdict, found), (Mask, vec![(1, false), (4, true)]));
}

#[test]
fn the_floor_is_never_on_trial() {
    let settings = "[floor]\non_late = \"hold\"\n[floor.spam]\naction = [\"pass\", \"hold\", \
                    \"hold\", \"hold\"]\n[policy.p]\npreset = \"off\"\n[policy.p.rules]\n\
                    flood = \"shadow\"\nlate = 0\n";
    let p = policy("p", settings);
    assert_eq!(Try::paced(11, 1).judge(&p).0, Hold);
    let late = Try { score: tidegate::message::Score::Late, ..Try::default() };
    assert_eq!(late.judge(&p).0, Hold);
}

fn by(id: &str) -> Try {
    let sender = Sender { id: id.into(), name: id.into(), roles: vec![] };
    Try { sender, ..Try::paced(11, 1) }
}

#[test]
fn a_share_of_senders_is_about_that_and_always_the_same() {
    let shares = |percent: u32| policy("p", &format!("[policy.p.rules]\nflood = {percent}\n"));
    let enforced = |percent| -> Vec<bool> {
        let policy = shares(percent);
        (0..2_000).map(|n| by(&format!("user-{n}")).judge(&policy).0 == Drop).collect()
    };
    let count = |all: &[bool]| all.iter().filter(|own| **own).count();
    let (quarter, half) = (enforced(25), enforced(50));
    // Four standard deviations of 2,000 throws.
    assert!((420..=580).contains(&count(&quarter)), "{}", count(&quarter));
    assert!((910..=1_090).contains(&count(&half)), "{}", count(&half));
    assert_eq!(count(&enforced(0)), 0);
    assert_eq!(count(&enforced(100)), 2_000);
    // Whoever is in at 25 is in at 50 too, and asked twice it is the same.
    assert!(quarter.iter().zip(&half).all(|(quarter, half)| quarter <= half));
    assert_eq!(quarter, enforced(25));
}

/// Fixed for ever: over versions and machines one sender is treated the same.
#[test]
fn buckets_are_what_they_were() {
    let policy = policy("p", "[policy.p.rules]\nflood = 25\nterm = \"shadow\"\n");
    let bucket = |id: &str| match &ruling(&by(id), &policy).grounds.shares[..] {
        [Share { rule, percent: 25, bucket }] if rule == "flood" => *bucket,
        other => panic!("{other:?}"),
    };
    assert_eq!(["una", "ben", "", "u1"].map(bucket), [36, 36, 81, 30]);
}

#[test]
fn without_a_sender_the_text_decides() {
    let policy = policy("p", "[policy.p.rules]\nflood = 50\n");
    let said = |text: &str| Try { text: text.into(), ..by("") }.judge(&policy).0;
    let verdicts: Vec<_> = (0..64).map(|n| said(&format!("text {n}"))).collect();
    assert!(verdicts.contains(&Drop) && verdicts.contains(&Pass));
    assert_eq!(said("text 1"), said("text 1"));
}

#[test]
fn unknown_rules_are_refused_by_name() {
    for (rules, key, cause) in [
        ("flod = 1", "policy.p.rules.flod", "there is no rule \"flod\" (there are strikes, name,"),
        ("time_out = \"shadow\"", "policy.p.rules.time_out", "a moderator's decision"),
    ] {
        let found = problems(&format!("[policy.p.rules]\n{rules}\n"));
        assert_eq!(found.len(), 1, "{rules}: {found:?}");
        assert_eq!(found[0].0, key);
        assert!(found[0].1.contains(cause), "{}", found[0].1);
    }
    for (value, cause) in [
        ("\"maybe\"", "\"maybe\" is neither"),
        ("101", "101 is not a percentage"),
        ("-1", "-1 is not a percentage"),
    ] {
        let text = format!("[policy.p.rules]\nflood = {value}\n");
        let found = Config::parse(&text, "t").unwrap_err();
        assert!(found[0].to_string().contains(cause), "{}", found[0]);
    }
    let config = "[policy.p.rules]\n\"term:en/none\" = 5\n\"term:en/hate\" = 5\n";
    let found = Ruleset::build(&Config::parse(config, "t").unwrap()).err().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("policy.p.rules.term:en/none: there is no word list"));
}
