//! Holds every policy to the floor.

use proptest::prelude::*;
use tidegate::{
    config::Config,
    decide::{self, Policy},
    message::{
        Category, Head, Hit, Recent, Role,
        Verdict::{self, Drop, Hold, Mask, Pass},
        ViewKind,
    },
};

use crate::{
    ruling,
    setup::{Try, card, hit, known, policy, severity},
};

const ACTIONS: [&str; 4] = ["pass", "mask", "hold", "drop"];

fn verdict(at: usize) -> Verdict {
    [Pass, Mask, Hold, Drop][at]
}

#[test]
fn a_channel_is_stricter_or_as_the_floor() {
    let settings = "[floor.hate]\naction = [\"pass\", \"mask\", \"hold\", \"drop\"]\n\
                    [floor.threat]\naction = [\"hold\", \"hold\", \"hold\", \"hold\"]\n\
                    [policy.p]\npreset = \"off\"\nhate.action = [\"drop\", \"pass\", \"pass\", \
                    \"pass\"]\nthreat.shadow = true\nspam.shadow = true\n";
    let mine = policy("p", settings);
    let actions = |category| [1, 2, 3, 4].map(|level| mine.action(category, severity(level)));
    assert_eq!(actions(Category::Hate), [Drop, Mask, Hold, Drop]);
    assert_eq!(actions(Category::Threat), [Hold; 4]);
    // The floor says nothing of it.
    assert_eq!(actions(Category::Sexual), [Pass; 4]);
    assert!(mine.in_shadow(Category::Spam) && !mine.in_shadow(Category::Threat));
    // The presets stand on it as well.
    assert_eq!(policy("off", settings).action(Category::Threat, severity(1)), Hold);
}

#[test]
fn thresholds_are_the_floors_at_most() {
    let settings = "[floor]\nheads = { insult = 0.7 }\nharmless = 0.05\n[floor.threat]\n\
                    threshold = 0.6\n[policy.p]\npreset = \"off\"\nharmless = 0.9\n\
                    threat.threshold = 1.0\nharassment.threshold = 0.5\n[policy.q]\n";
    let (p, q, model) = (policy("p", settings), policy("q", settings), card(&[], &[]));
    assert_eq!(p.threshold(&model, Head::Threat), Some(0.6));
    assert_eq!(p.threshold(&model, Head::Insult), Some(0.5));
    assert_eq!(p.threshold(&model, Head::Obscene), None);
    assert_eq!(q.threshold(&model, Head::Threat), Some(0.6));
    assert_eq!(q.threshold(&model, Head::Insult), Some(0.7));
    assert_eq!(q.threshold(&model, Head::Obscene), Some(0.9));
    assert_eq!((p.harmless, q.harmless), (0.05, 0.05));
    assert!(p.could_find(Head::Threat) && p.hears(Category::Threat));
    assert!(!p.could_find(Head::Obscene));
}

#[test]
fn nobody_is_exempt_from_what_holds_for_all() {
    let floor = |exempts: &str| {
        let settings = format!(
            "[floor.hate]\naction = [\"mask\", \"mask\", \"hold\", \"drop\"]\n{exempts}\n\
             [floor.spam]\naction = [\"pass\", \"pass\", \"pass\", \"pass\"]\nexempts = false\n"
        );
        policy("standard", &settings)
    };
    let said = |level| Try::hits(&[hit(Category::Hate, level, 0..3)]).by(&[Role::Moderator]);
    for (exempts, expected) in [
        ("", [Pass, Pass, Pass, Drop]),
        ("exempts = true", [Pass, Pass, Pass, Pass]),
        ("exempts = false", [Mask, Mask, Hold, Drop]),
    ] {
        let policy = floor(exempts);
        for (level, expected) in (1..=4).zip(expected) {
            let (verdict, ..) = said(level).judge(&policy);
            assert_eq!(verdict, expected, "{exempts:?} {level}");
        }
    }
    // The floor's mask and not the policy's, which would hide the second word as well.
    let mut both = said(1);
    both.hits.push(hit(Category::Profanity, 1, 5..8));
    let ruling = ruling(&both, &floor("exempts = false"));
    let place = 0..3;
    assert_eq!((ruling.verdict, ruling.mask), (Mask, vec![place]));
    assert!(ruling.grounds.to_string().contains("floor, hate 1"), "{}", ruling.grounds);
}

#[test]
fn what_the_floor_holds_is_not_released_by_waiting() {
    let settings = |own: &str| {
        format!(
            "[floor.hate]\naction = [\"pass\", \"pass\", \"hold\", \"drop\"]\n{own}\n\
             [policy.p]\non_expiry = \"release\"\n"
        )
    };
    let expiry = |own: &str, level| {
        let policy = policy("p", &settings(own));
        Try::hits(&[hit(Category::Hate, level, 0..3)]).ruling(&policy).releases
    };
    assert!(!expiry("", 3));
    assert!(expiry("", 2));
    assert!(expiry("on_expiry = \"release\"", 3));
}

#[test]
fn keys_without_effect_are_named() {
    let settings = "[floor]\non_late = \"hold\"\nwhen_full = \"drop\"\nharmless = 0.1\n\
                    heads = { toxic = 0.9 }\n[floor.hate]\naction = [\"pass\", \"mask\", \"hold\", \
                    \"drop\"]\nthreshold = 0.8\n\
                    [policy.p]\non_late = \"pass\"\nwhen_full = \"pass\"\nharmless = 0.2\n\
                    heads = { toxic = 0.95, obscene = 0.99 }\n[policy.p.hate]\naction = [\"drop\", \
                    \"pass\", \"hold\", \"hold\"]\nthreshold = 0.9\nshadow = true\n\
                    on_expiry = \"release\"\n[policy.p.threat]\nshadow = true\n\
                    [policy.good.hate]\naction = [\"drop\", \"drop\", \"drop\", \"drop\"]\n";
    let found = decide::without_effect(&Config::parse(settings, "t").unwrap());
    let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "policy.p.hate.action",
            "policy.p.hate.threshold",
            "policy.p.hate.shadow",
            "policy.p.hate.on_expiry",
            "policy.p.heads.toxic",
            "policy.p.harmless",
            "policy.p.on_late",
            "policy.p.when_full",
        ]
    );
    assert!(found[0].1.contains("severity 2, 4;"), "{}", found[0].1);
}

/// Policies of all kinds over one floor: tables, shadow, rules on trial, conditions.
fn settings() -> impl Strategy<Value = ([Option<[usize; 4]>; 11], String)> {
    let actions = || prop::option::weighted(0.5, [0..4usize, 0..4, 0..4, 0..4]);
    let floor = prop::collection::vec(actions(), 11);
    let own = prop::collection::vec((actions(), prop::bool::weighted(0.3)), 11);
    let rule = || prop::sample::select(&["\"enforce\"", "\"shadow\"", "0", "50"][..]);
    let then = prop::sample::select(&ACTIONS[..]);
    let when = prop::option::of((then, prop::sample::select(&["true", "false", "scored"][..])));
    let preset = prop::sample::select(&["off", "relaxed", "standard", "strict"][..]);
    (floor, own, preset, rule(), rule(), rule(), when).prop_map(
        |(floor, own, preset, flood, term, model, when)| {
            let name = |actions: [usize; 4]| actions.map(|at| ACTIONS[at]);
            let mut text = String::new();
            for (category, actions) in Category::ALL.iter().zip(&floor) {
                let Some(actions) = actions else { continue };
                text += &format!("[floor.{category}]\naction = {:?}\n", name(*actions));
            }
            text += &format!("[policy.p]\npreset = {preset:?}\n");
            for (category, (actions, shadow)) in Category::ALL.iter().zip(own) {
                text += &format!("{category}.shadow = {shadow}\n");
                let own = actions.map(|own| format!("{category}.action = {:?}\n", name(own)));
                text += &own.unwrap_or_default();
            }
            text += &format!("[policy.p.rules]\nflood = {flood}\nterm = {term}\nmodel = {model}\n");
            if let Some((then, condition)) = when {
                text += &format!(
                    "[[policy.p.when]]\nif = {condition:?}\nthen = {then:?}\nrule = \"r\"\n"
                );
            }
            (floor.try_into().unwrap(), text)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_goes_below_the_floor(
        (floor, settings) in settings(),
        hits in prop::collection::vec((0..11usize, 1..=4u8, 0..4usize), 0..4),
        pace in prop::sample::select(&[1u32, 11, 99][..]),
        scores in prop::sample::subsequence(Head::ALL.to_vec(), 0..=8),
        sender in "[a-z]{0,3}",
    ) {
        let config = Config::parse(&settings, "t.toml").expect(&settings);
        let policy = Policy::compile(&config).expect(&settings).remove("p").unwrap();
        let floor = |category: Category, level: u8| {
            floor[category as usize].map_or(Pass, |own| verdict(own[usize::from(level) - 1]))
        };
        for category in Category::ALL {
            for level in 1..=4 {
                let own = policy.action(category, severity(level));
                prop_assert!(own >= floor(category, level), "{} {}", category, settings);
            }
        }
        let hits: Vec<Hit> = hits.into_iter().map(|(category, level, place)| {
            let at = place * 5;
            let view = ViewKind::Plain;
            Hit { view, ..hit(Category::ALL[category], level, at..at + 4) }
        }).collect();
        let row: Vec<_> = scores.iter().map(|head| (head.name(), 0.99)).collect();
        let recent = Recent { messages: pace, repeats: 1, ..Recent::default() };
        let mut case = Try { hits, score: known(&row), recent, ..Try::default() };
        case.sender.id = sender;
        let ruling = ruling(&case, &policy);
        // What was found, acting or not: a condition has found nothing itself.
        let found = ruling.findings.iter().filter(|finding| finding.rule != "r");
        let least = found.map(|f| floor(f.category, f.severity.level())).max().unwrap_or(Pass);
        prop_assert!(ruling.verdict >= least, "{:?} {} {:?}", ruling, settings, least);
    }
}
