//! Tries policies: what each preset and setting makes of hits, scores and pace.

#![allow(clippy::unwrap_used)]

#[path = "decide/mention.rs"]
mod mention;
#[path = "decide/model.rs"]
mod model;
#[path = "decide/names.rs"]
mod names;
#[path = "decide/reach.rs"]
mod reach;
#[path = "decide/senders.rs"]
mod senders;
#[path = "decide/setup.rs"]
mod setup;

use std::ops::Range;

use setup::{Try, hit, policy, severity};
use tidegate::{
    decide,
    message::{
        Category, Hit, Role, Score, Sender,
        Verdict::{Drop, Hold, Mask, Pass},
        ViewKind,
    },
};

#[test]
fn presets_answer_by_category_and_severity() {
    use Category::*;
    for (preset, category, expected) in [
        ("off", Hate, [Pass, Pass, Pass, Pass]),
        ("relaxed", Hate, [Pass, Mask, Hold, Drop]),
        ("standard", Profanity, [Mask, Mask, Hold, Drop]),
        ("standard", Harassment, [Pass, Mask, Hold, Drop]),
        ("standard", Hate, [Mask, Hold, Hold, Drop]),
        ("standard", Threat, [Pass, Hold, Hold, Drop]),
        ("standard", SelfHarm, [Pass, Hold, Hold, Drop]),
        ("standard", Sexual, [Pass, Mask, Hold, Drop]),
        ("standard", Doxxing, [Hold, Hold, Hold, Drop]),
        ("standard", Extremism, [Hold, Hold, Hold, Drop]),
        ("strict", Profanity, [Mask, Hold, Drop, Drop]),
        ("strict", SelfHarm, [Hold, Hold, Hold, Drop]),
        ("stage", Doxxing, [Drop, Drop, Drop, Drop]),
        ("stage", Profanity, [Mask, Mask, Drop, Drop]),
        ("stage", Link, [Hold, Hold, Drop, Drop]),
    ] {
        let policy = policy(preset, "");
        for (level, expected) in (1..=4).zip(expected) {
            let (verdict, ..) = Try::hits(&[hit(category, level, 0..3)]).judge(&policy);
            assert_eq!(verdict, expected, "{preset} {category} {level}");
        }
    }
}

#[test]
fn stricter_presets_are_never_milder() {
    let presets = ["off", "relaxed", "standard", "strict", "stage"].map(|name| policy(name, ""));
    for category in Category::ALL {
        for pair in presets.windows(2) {
            let (mild, strict) = (&pair[0], &pair[1]);
            for level in 1..=4 {
                let (a, b) = (
                    mild.action(category, severity(level)),
                    strict.action(category, severity(level)),
                );
                // A stage that fell silent for every curse would be turned off.
                let cursed = strict.name.as_ref() == "stage" && category == Category::Profanity;
                assert!(
                    a <= b || cursed,
                    "{category} {level}: {} {a:?}, {} {b:?}",
                    mild.name,
                    strict.name
                );
            }
            let actions = &strict.categories[&category].action;
            assert!(actions.is_sorted(), "{} {category}", strict.name);
        }
    }
}

#[test]
fn the_worst_acting_finding_wins() {
    use Category::*;
    let standard = policy("standard", "");
    let word = |level, span| hit(Profanity, level, span);
    for (what, case, expected) in [
        ("nothing", Try::default(), Pass),
        ("worst last", Try::hits(&[word(1, 0..2), hit(Hate, 4, 5..9)]), Drop),
        ("worst first", Try::hits(&[word(3, 0..2), word(1, 5..9)]), Hold),
        ("an empty span cannot be masked", Try::hits(&[word(1, 0..0)]), Hold),
        ("pace within bounds", Try::paced(10, 3), Pass),
        ("pace", Try::paced(11, 1), Drop),
        ("repeats", Try::paced(4, 4), Drop),
        ("timed out", Try::default().timed_out(1_001), Drop),
        ("time-out over", Try::default().timed_out(1_000), Pass),
        ("score below", Try::scored(&[("threat", 0.89), ("toxic", 0.5)]), Pass),
        ("threat scored", Try::scored(&[("threat", 0.9)]), Hold),
        ("toxic alone is severity 1", Try::scored(&[("toxic", 0.99)]), Pass),
        ("toxic and severe", Try::scored(&[("toxic", 0.99), ("severe", 0.95)]), Hold),
        ("severe alone is no finding", Try::scored(&[("severe", 0.99)]), Pass),
        ("unknown head", Try::scored(&[("sarcasm", 0.99)]), Pass),
        ("not a number", Try::scored(&[("threat", f32::NAN)]), Pass),
        ("late passes here", Try { score: Score::Late, ..Try::default() }, Pass),
    ] {
        let (verdict, found, _) = case.judge(&standard);
        assert_eq!(verdict, expected, "{what}: {found:?}");
    }
}

#[test]
fn a_score_masks_only_where_a_term_says_where() {
    let floor = "[floor.profanity]\naction = [\"mask\", \"mask\", \"mask\", \"drop\"]\n";
    let table = "[policy.p.profanity]\naction = [\"mask\", \"mask\", \"mask\", \"mask\"]\n";
    let strict = format!("[policy.p]\npreset = \"strict\"\n{table}");
    let own = |category, severity| vec![hit(category, severity, 0..4)];
    for (name, settings, head, hits, expected) in [
        ("standard", "", "insult", vec![], Hold),
        ("standard", "", "insult", own(Category::Harassment, 2), Mask),
        ("standard", "", "insult", own(Category::Sexual, 2), Hold),
        // Swearing alone that no word can be masked of is nobody's harm …
        ("standard", "", "obscene", vec![], Pass),
        ("standard", "", "obscene", own(Category::Profanity, 1), Mask),
        ("standard", "", "obscene", own(Category::Sexual, 2), Mask),
        // … but where a preset or the floor is stricter.
        ("strict", "", "obscene", vec![], Hold),
        ("p", &strict, "obscene", vec![], Hold),
        ("p", &format!("[policy.p]\npreset = \"relaxed\"\n{table}"), "obscene", vec![], Pass),
        ("p", &format!("[policy.p]\npreset = \"relaxed\"\n{floor}"), "obscene", vec![], Hold),
        ("standard", floor, "obscene", vec![], Hold),
    ] {
        let case = Try { hits, ..Try::scored(&[(head, 0.97)]) };
        let (verdict, found, _) = case.judge(&policy(name, settings));
        assert_eq!(verdict, expected, "{name} {settings} {head}: {found:?}");
    }
}

#[test]
fn heads_mean_categories() {
    let strict = policy("strict", "");
    let all = [("severe", 0.9), ("insult", 0.9), ("toxic", 0.9), ("self_harm", 0.1)];
    for (scores, expected) in [
        (&[("identity_hate", 0.9)][..], vec![(Category::Hate, 2)]),
        (&[("obscene", 0.9)], vec![(Category::Profanity, 2)]),
        (
            &[("insult", 0.9), ("sexual", 0.9)],
            vec![(Category::Harassment, 2), (Category::Sexual, 2)],
        ),
        (&[("self_harm", 0.9), ("severe", 0.9)], vec![(Category::SelfHarm, 3)]),
        (&[("toxic", 0.9)], vec![(Category::Harassment, 1)]),
        (&all, vec![(Category::Harassment, 3)]),
    ] {
        let (_, found, _) = Try::scored(scores).judge(&strict);
        let found: Vec<_> = found.iter().map(|f| (f.category, f.severity.level())).collect();
        assert_eq!(found, expected, "{scores:?}");
    }
}

#[test]
fn late_is_held_where_the_policy_says_so() {
    let late = Try { score: Score::Late, ..Try::default() };
    let (verdict, found, _) = late.judge(&policy("strict", ""));
    assert_eq!((verdict, found[0].rule.as_str()), (Hold, "late"));
    let dropped = Try { score: Score::Late, ..Try::hits(&[hit(Category::Hate, 4, 0..2)]) };
    assert_eq!(dropped.judge(&policy("strict", "")).0, Drop);
}

#[test]
fn exempt_senders_pass_and_are_recorded() {
    let standard = policy("standard", "[policy.standard]\nexempt_users = [\"u7\"]\n");
    let worst = || Try::hits(&[hit(Category::Hate, 4, 0..3)]);
    let user = |id: &str, name: &str| {
        let sender = Sender { id: id.into(), name: name.into(), roles: vec![] };
        Try { sender, ..worst() }
    };
    for (what, case, expected) in [
        ("moderator", worst().by(&[Role::Subscriber, Role::Moderator]), Pass),
        ("vip", worst().by(&[Role::Vip]), Drop),
        ("listed user", user("u7", "x"), Pass),
        ("by name only", user("u8", "u7"), Drop),
        ("unknown", user("", ""), Drop),
        ("timed-out moderator", worst().by(&[Role::Moderator]).timed_out(2_000), Drop),
    ] {
        let (verdict, found, needs) = case.judge(&standard);
        assert_eq!(verdict, expected, "{what}");
        assert!(!found.is_empty(), "{what}");
        assert!(!needs, "{what}");
    }
}

#[test]
fn shadow_records_and_never_acts() {
    let quiet = policy("quiet", "[policy.quiet.hate]\nshadow = true\n");
    let (verdict, found, needs) = Try::hits(&[hit(Category::Hate, 4, 0..3)]).judge(&quiet);
    assert_eq!((verdict, found.len(), found[0].shadow), (Pass, 1, true));
    assert!(needs, "a category in shadow wants its score");
    assert!(decide::mask(&quiet, &found).is_empty());
}

#[test]
fn scores_are_asked_for_where_they_could_matter() {
    let word_only = "[policy.words]\nthreat.threshold = 1.0\nhate.threshold = 1.0\n\
                     harassment.threshold = 1.0\nsexual.threshold = 1.0\n\
                     self_harm.threshold = 1.0\nprofanity.threshold = 1.0\n";
    let hate = |level| Try::hits(&[hit(Category::Hate, level, 0..3)]);
    for (what, policy, case, expected) in [
        ("clean", policy("standard", ""), Try::default(), true),
        ("off", policy("off", ""), Try::default(), false),
        ("dropped already", policy("standard", ""), hate(4), false),
        ("masked so far", policy("standard", ""), hate(1), true),
        ("held, and the model could do no more", policy("standard", ""), hate(2), false),
        ("held, and the model could drop", policy("strict", ""), hate(2), true),
        ("no threshold armed", policy("words", word_only), Try::default(), false),
    ] {
        assert_eq!(case.judge(&policy).2, expected, "{what}");
    }
}

#[test]
fn masks_are_merged_sorted_and_disjoint() {
    let standard = policy("standard", "");
    let profane = |span| hit(Category::Profanity, 1, span);
    for (hits, expected) in [
        (vec![], vec![]),
        (vec![profane(5..9), profane(0..2)], vec![(0, 2), (5, 9)]),
        (vec![profane(0..4), profane(2..6), profane(6..8)], vec![(0, 8)]),
        (vec![profane(0..9), profane(2..3)], vec![(0, 9)]),
        // Held spans are masked too; what passes is not; nothing is where there is nothing.
        (vec![hit(Category::Threat, 3, 1..4), hit(Category::Threat, 1, 6..8)], vec![(1, 4)]),
        (vec![profane(3..3)], vec![]),
    ] {
        let (_, found, _) = Try::hits(&hits).judge(&standard);
        let mask: Vec<_> =
            decide::mask(&standard, &found).iter().map(|s| (s.start, s.end)).collect();
        assert_eq!(mask, expected, "{hits:?}");
    }
}

#[test]
fn many_terms_are_few_findings_and_all_masked() {
    let standard = policy("standard", "");
    let mut hits: Vec<Hit> =
        (0..100).map(|i| hit(Category::Profanity, 1, i * 4..i * 4 + 2)).collect();
    hits.push(hit(Category::Sexual, 2, 398..399));
    let (verdict, found, _) = Try::hits(&hits).judge(&standard);
    assert_eq!(verdict, Mask);
    assert!(found.len() <= 43, "{}", found.len());
    let mask = decide::mask(&standard, &found);
    for hit in &hits {
        let covers = |span: &Range<usize>| span.start <= hit.span.start && hit.span.end <= span.end;
        assert!(mask.iter().any(covers), "{:?} in {mask:?}", hit.span);
    }
}

#[test]
fn one_place_in_two_views_is_one_finding() {
    let mut folded = hit(Category::Hate, 4, 0..5);
    folded.view = ViewKind::Folded;
    let hits = [hit(Category::Hate, 2, 0..5), folded, hit(Category::Profanity, 1, 0..5)];
    let (_, found, _) = Try::hits(&hits).judge(&policy("standard", ""));
    let found: Vec<_> = found.iter().map(|f| (f.category, f.severity.level())).collect();
    assert_eq!(found, [(Category::Hate, 4), (Category::Profanity, 1)]);
}

#[test]
fn expiry_releases_only_where_every_acting_category_says_so() {
    let settings = "[policy.p.profanity]\non_expiry = \"release\"\n\
                    [policy.q]\non_expiry = \"release\"\n[policy.q.hate]\non_expiry = \"drop\"\n";
    let swearing = hit(Category::Profanity, 3, 0..3);
    let hate = hit(Category::Hate, 3, 4..6);
    let faint = hit(Category::Threat, 1, 7..8);
    for (name, hits, expected) in [
        ("standard", vec![swearing.clone()], false),
        ("p", vec![swearing.clone()], true),
        ("p", vec![swearing.clone(), hate.clone()], false),
        ("p", vec![swearing.clone(), faint.clone()], true),
        ("q", vec![swearing.clone(), faint], true),
        ("q", vec![swearing, hate], false),
    ] {
        let policy = policy(name, settings);
        assert_eq!(Try::hits(&hits).ruling(&policy).releases, expected, "{name} {hits:?}");
    }
}

#[test]
fn policies_refine_presets() {
    let settings = "[policy.mine]\npreset = \"strict\"\nhold_ms = 9000\n[policy.mine.hate]\n\
                    action = [\"pass\", \"pass\", \"pass\", \"hold\"]\n\
                    [policy.relaxed]\nnotices = false\n[policy.plain]\n";
    let mine = policy("mine", settings);
    assert_eq!(mine.action(Category::Hate, severity(4)), Hold);
    assert_eq!(mine.action(Category::Threat, severity(1)), Hold);
    assert_eq!((mine.hold_ms, mine.exempt_roles.len()), (9_000, 1));
    let relaxed = policy("relaxed", settings);
    assert_eq!(relaxed.action(Category::Profanity, severity(1)), Pass);
    assert!(!relaxed.notices);
    assert_eq!(policy("plain", settings).action(Category::Profanity, severity(1)), Mask);
}
