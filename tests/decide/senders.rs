//! Tries what policies make of payments, strikes and the names that senders go by.

use std::sync::Arc;

use tidegate::{
    config::{Config, Consequence},
    decide::{points, step},
    message::{
        Alike, Category, Finding, Named, Nuked, Role, Score,
        Verdict::{self, Drop, Hold, Mask, Pass},
    },
};

use super::setup::{Try, hit, policy, severity};

#[test]
fn no_machine_drops_what_was_paid_for() {
    let word = |level| Try::hits(&[hit(Category::Hate, level, 0..3)]);
    for (what, case, unpaid, paid) in [
        ("nothing", Try::default(), Pass, Pass),
        ("a mask", word(1), Mask, Mask),
        ("a hold", word(2), Hold, Hold),
        ("severity 4", word(4), Drop, Hold),
        ("a flood", Try::paced(99, 1), Drop, Hold),
        ("repeats", Try::paced(9, 9), Drop, Hold),
        ("a time-out", Try::default().timed_out(9_000), Drop, Hold),
    ] {
        let standard = policy("standard", "");
        assert_eq!(case.judge(&standard).0, unpaid, "{what}, unpaid");
        let releasing = policy("standard", "[policy.standard]\non_expiry = \"release\"\n");
        let ruling = case.paying().ruling(&releasing);
        assert_eq!((ruling.verdict, ruling.asked), (paid, unpaid), "{what}, paid");
        assert_eq!(ruling.releases, unpaid < Drop, "{what}: nor shows it by waiting");
    }
}

#[test]
fn what_a_rule_or_a_condition_held_is_released_by_its_own_category_alone() {
    let settings = |spam: &str| {
        format!(
            "[policy.p]\npreset = \"relaxed\"\n[policy.p.hate]\non_expiry = \"release\"\n\
             action = [\"pass\", \"hold\", \"hold\", \"drop\"]\n{spam}\n\
             [[policy.p.when]]\nif = \"text.length < 10\"\nthen = \"hold\"\nrule = \"short\"\n\
             why = \"short\"\ncategory = \"spam\"\n"
        )
    };
    let word = || Try::hits(&[hit(Category::Hate, 2, 0..3)]);
    let short = Try { text: "blorp".into(), ..word() };
    let mut watched = word();
    watched.recent.held_until_ms = Some(9_000);
    let mut newcomer = word();
    (newcomer.recent.shield, newcomer.recent.newcomer) = (true, true);
    let late = Try { score: Score::Late, ..word() };
    for (what, case) in [("a condition", short), ("strikes", watched), ("a shield", newcomer)] {
        for (spam, expected) in [("", false), ("[policy.p.spam]\non_expiry = \"release\"", true)] {
            let ruling = case.ruling(&policy("p", &settings(spam)));
            assert_eq!((ruling.verdict, ruling.releases), (Hold, expected), "{what} {spam}");
        }
    }
    assert!(word().ruling(&policy("p", &settings(""))).releases);
    let on_late = settings("").replace("relaxed\"", "relaxed\"\non_late = \"hold\"");
    assert!(!late.ruling(&policy("p", &on_late)).releases, "nobody knows what is in it");
}

#[test]
fn a_score_is_asked_for_where_it_says_what_would_have_been_dropped() {
    let settings = "[policy.standard.threat]\naction = [\"pass\", \"hold\", \"drop\", \"drop\"]\n";
    let standard = policy("standard", settings);
    // No score makes it milder than held, and a person would see it anyway.
    let mut held = Try::default().paying();
    held.recent.held_until_ms = Some(9_000);
    let (verdict, _, needed) = held.judge(&standard);
    assert_eq!((verdict, needed), (Hold, true));
}

#[test]
fn who_has_too_many_strikes_is_held_whatever_is_said() {
    let watched = |until_ms| {
        let mut case = Try::default();
        (case.recent.held_until_ms, case.recent.strikes) = (Some(until_ms), 4.25);
        case
    };
    let standard = policy("standard", "");
    let (verdict, found, needed) = watched(3_500).judge(&standard);
    assert_eq!((verdict, found[0].rule.as_str()), (Hold, "strikes"));
    assert_eq!(found[0].why, "4.2 strikes: everything is held for 3 s more");
    assert!(!needed, "no score makes more of it than a hold");
    assert_eq!(watched(1_000).judge(&standard).0, Pass, "over");
    assert_eq!(watched(9_000).by(&[Role::Moderator]).judge(&standard).0, Pass, "exempt");
    let worse = Try { hits: vec![hit(Category::Hate, 4, 0..3)], ..watched(9_000) };
    assert_eq!(worse.judge(&standard).0, Drop, "the most severe wins");
    // Not what the table has for spam of its severity, which is to drop.
    assert_eq!(watched(9_000).judge(&policy("strict", "")).0, Hold);
}

#[test]
fn a_bad_name_counts_for_everything_said_under_it() {
    let named = |level, category| {
        let mut case = Try::default();
        let hits = vec![hit(category, level, 0..5)];
        case.recent.name = Arc::new(Named { hits, alike: None });
        case
    };
    let standard = policy("standard", "");
    for (level, category, expected) in [
        (1, Category::Profanity, Pass),
        (2, Category::Profanity, Hold),
        (2, Category::Hate, Hold),
        (4, Category::Hate, Drop),
    ] {
        let (verdict, found, _) = named(level, category).judge(&standard);
        assert_eq!(verdict, expected, "{level} {category}");
        assert!(found.iter().all(|f| f.rule == "name" && f.span.is_none()), "{found:?}");
    }
    let (_, found, _) = named(4, Category::Hate).judge(&standard);
    assert_eq!(found[0].why, "the sender's name: \"blorp\" of xx/test");
    let exempt = named(4, Category::Hate).by(&[Role::Broadcaster]);
    assert_eq!(exempt.judge(&standard).0, Pass);
}

#[test]
fn a_double_is_impersonation_by_the_policys_table() {
    let double = |level| {
        let mut case = Try::default();
        let alike = Alike { of: "Una".into(), how: "is drawn like", severity: severity(level) };
        case.recent.name = Arc::new(Named { hits: vec![], alike: Some(alike) });
        case
    };
    for (name, level, expected) in [
        ("standard", 1, Pass),
        ("standard", 2, Hold),
        ("standard", 3, Hold),
        ("relaxed", 2, Pass),
        ("relaxed", 3, Hold),
        ("strict", 1, Hold),
        ("strict", 3, Drop),
        ("off", 3, Pass),
    ] {
        let (verdict, found, _) = double(level).judge(&policy(name, ""));
        assert_eq!(verdict, expected, "{name} {level}");
        assert_eq!(found[0].why, "the sender's name is drawn like \"Una\"");
    }
}

#[test]
fn trust_waives_what_it_may_up_to_severity_3_and_above_the_floor() {
    let check = |settings: &str, category: Category, level: u8, expected: Verdict| {
        let text = format!("{settings}\n[policy.p]\npreset = \"strict\"\n");
        let own = policy("p", &text);
        for shield in [false, true] {
            let case = Try::hits(&[hit(category, level, 0..5)]);
            let (verdict, ..) = case.judge(own.acting(shield, true));
            assert_eq!(verdict, expected, "{settings} {category} {level} {shield}");
        }
        assert_eq!(own.waives(category, severity(level)), expected == Pass, "{category} {level}");
    };
    for level in 1..=3 {
        check("", Category::Profanity, level, Pass);
        check("", Category::Link, level, Pass);
    }
    check("", Category::Profanity, 4, Drop);
    check("", Category::Hate, 1, Hold);
    check("", Category::Threat, 3, Drop);
    check("", Category::Doxxing, 1, Hold);
    let floor = "[floor.profanity]\naction = [\"pass\", \"pass\", \"hold\", \"hold\"]";
    check(floor, Category::Profanity, 2, Pass);
    check(floor, Category::Profanity, 3, Hold);

    let own = policy("p", "[policy.p]\nwaivable = [\"hate\"]\n");
    let of = |category| Try::hits(&[hit(category, 2, 0..5)]).judge(own.acting(false, true)).0;
    assert_eq!((of(Category::Hate), of(Category::Harassment)), (Pass, Mask));
    // Rules with a word of their own, but for a moderator's.
    let strict = policy("strict", "");
    let mut case = Try::default();
    case.recent.held_until_ms = Some(5_000);
    case.recent.slow_ms = 1_000;
    assert_eq!(case.judge(&strict).0, Drop);
    assert_eq!(case.judge(strict.acting(false, true)).0, Pass);
    case.recent.nuked = Some(Nuked { until_ms: 9_000, drop: true });
    assert_eq!(case.judge(strict.acting(false, true)).0, Drop);
    let silent = Try::default().timed_out(u64::MAX);
    let (verdict, found, _) = silent.judge(strict.acting(false, true));
    assert_eq!((verdict, found[0].why.as_str()), (Drop, "banned"));
}

fn finding(rule: &str, category: Category, level: u8) -> Finding {
    Finding {
        rule: rule.into(),
        category,
        severity: severity(level),
        span: None,
        why: String::new(),
        shadow: false,
        scored: None,
    }
}

#[test]
fn a_moderators_slow_mode_acts_in_shadow_too() {
    let trial = policy("p", "[policy.p.spam]\nshadow = true\n");
    let mut case = Try::default();
    case.recent.slow_ms = 1_000;
    assert_eq!(case.judge(&trial).0, Pass, "the shield's is on trial with the rest");
    case.recent.slow_switched = true;
    assert_eq!(case.judge(&trial).0, Drop);
}

#[test]
fn strikes_are_for_what_acted_and_was_the_senders_own_fault() {
    use Category::{Hate, Link, Profanity, Spam};
    let standard = policy("standard", "[policy.standard.link]\nshadow = true\n");
    let shadow = Finding { shadow: true, ..finding("term", Link, 3) };
    let check = |verdict: Verdict, findings: &[Finding], expected: f32| {
        let found = points(&standard, verdict, findings);
        assert!((found - expected).abs() < 1e-6, "{verdict:?} {findings:?}: {found}");
    };
    check(Drop, &[finding("term", Hate, 3)], 1.0);
    check(Drop, &[finding("term", Hate, 4)], 3.0);
    check(Mask, &[finding("term", Profanity, 2)], 0.25);
    check(Mask, &[finding("term", Profanity, 1)], 0.0);
    check(Drop, &[finding("flood", Spam, 2)], 1.0);
    check(Hold, &[finding("term", Hate, 4)], 0.0);
    check(Pass, &[finding("term", Hate, 4)], 0.0);
    check(Drop, &[finding("time_out", Spam, 4)], 0.0);
    check(Drop, &[finding("strikes", Spam, 2)], 0.0);
    check(Drop, &[finding("while_held", Spam, 2)], 0.0);
    check(Drop, &[finding("late", Hate, 2)], 0.0);
    check(Drop, &[finding("crowd", Spam, 3)], 0.0);
    check(Drop, &[finding("name", Hate, 4)], 0.0);
    check(Drop, &[finding("impersonation", Category::Impersonation, 3)], 0.0);
    check(Drop, &[finding("time_out", Spam, 4), finding("term", Hate, 2)], 1.0);
    check(Drop, &[shadow], 0.0);
    check(Drop, &[], 0.0);
    // A rule that has a word of its own acts where the table lets pass.
    let mild = "[policy.p.spam]\naction = [\"pass\", \"pass\", \"pass\", \"pass\"]\n";
    assert!(points(&policy("p", mild), Drop, &[finding("art", Spam, 2)]) > 0.0);
}

#[test]
fn the_most_severe_step_that_is_reached_is_taken() {
    use Consequence::{Ban, Hold, TimeOut, Warn};
    let steps = "[[policy.own.ladder]]\nat = 2.0\nthen = \"warn\"\n\
         [[policy.own.ladder]]\nat = 4.0\nthen = \"hold\"\nfor_ms = 5000\n\
         [[policy.own.ladder]]\nat = 6.0\nthen = \"time_out\"\nfor_ms = 9000\n\
         [[policy.own.ladder]]\nat = 12.0\nthen = \"ban\"\n";
    let own = policy("own", steps);
    for (before, after, expected) in [
        (0.0, 1.9, None),
        (1.5, 2.0, Some((Warn, 100))),
        (1.0, 1.96, Some((Warn, 100))),
        (2.0, 2.5, None),
        (1.9, 2.1, Some((Warn, 100))),
        (0.0, 4.0, Some((Hold, 5_100))),
        (4.0, 5.0, Some((Hold, 5_100))),
        (5.9, 6.0, Some((TimeOut, 9_100))),
        (0.0, 11.0, Some((TimeOut, 9_100))),
    ] {
        assert_eq!(step(&own.ladder, before, after, 100), expected, "{before} {after}");
    }
    let (then, until_ms) = step(&own.ladder, 11.0, 12.0, 100).expect("a ban");
    assert!(then == Ban && until_ms > 1 << 41, "{until_ms}");
    for (name, steps) in [("off", 0), ("relaxed", 0), ("standard", 0), ("strict", 3), ("stage", 3)]
    {
        assert_eq!(policy(name, "").ladder.len(), steps, "{name}");
    }
    assert_eq!(policy("mine", "[policy.mine]\npreset = \"strict\"\nladder = []\n").ladder, []);
    let (_, found, _) = Try::default().timed_out(1_000 + until_ms).judge(&own);
    assert_eq!(found[0].why, "banned");
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_key() {
    for (settings, key) in [
        ("ladder = [{ at = 0.0, then = \"warn\" }]", "policy.p.ladder[0].at"),
        ("ladder = [{ at = 1.0, then = \"hold\" }]", "policy.p.ladder[0].for_ms"),
        ("ladder = [{ at = 1.0, then = \"ban\", for_ms = 5000 }]", "policy.p.ladder[0].for_ms"),
        (
            "ladder = [{ at = 2.0, then = \"warn\" }, { at = 2.0, then = \"ban\" }]",
            "policy.p.ladder[1].at",
        ),
        ("strikes.half_life_ms = 1", "policy.p.strikes.half_life_ms"),
        ("strikes.mask = -1.0", "policy.p.strikes.mask"),
        ("paid.hold_ms = 1", "policy.p.paid.hold_ms"),
        ("protected.names = { \"\" = \"1\" }", "policy.p.protected.names"),
    ] {
        let text = format!("[policy.p]\n{settings}\n");
        let problems = Config::parse(&text, "t.toml").expect_err(settings);
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [key], "{settings}");
    }
    let late = Try { score: Score::Late, ..Try::default() };
    assert_eq!(late.judge(&policy("strict", "")).0, Hold);
}
