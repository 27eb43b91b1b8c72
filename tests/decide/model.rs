//! Tries what a model's word does: thresholds, weak heads, and terms that it makes milder or worse.

use proptest::prelude::*;
use tidegate::message::{
    Category, Finding, Head, Hit, Recent, Score,
    Verdict::{self, Drop, Hold, Mask, Pass},
    ViewKind,
};

use super::setup::{Try, hit, known, policy, severity, weakly};

/// A text with one listed word, `blorp`, where it stands; the first one where there are several.
pub(super) fn said(text: &str, category: Category, level: u8) -> Try {
    let start = text.to_lowercase().find("blorp").expect(text);
    let hits = vec![hit(category, level, start..start + 5)];
    Try { hits, text: text.to_owned(), ..Try::default() }
}

/// A score of every hostile head, and whatever else.
pub(super) fn tone(all: f32, more: &[(&str, f32)]) -> Score {
    let hostile = ["toxic", "identity_hate", "insult", "threat"].map(|head| (head, all));
    let kept = hostile.into_iter().filter(|(head, _)| more.iter().all(|(own, _)| own != head));
    known(&kept.chain(more.iter().copied()).collect::<Vec<_>>())
}

const QUOTED: &str = "nobody here wants to be near a blorp, it is vile";

fn term(found: &[Finding]) -> &Finding {
    found.iter().find(|finding| finding.rule == "term").expect("a term")
}

#[test]
fn thresholds_are_the_policys_own_then_the_models() {
    let settings = "[policy.own]\nharassment.threshold = 0.7\n[policy.own.heads]\ntoxic = 0.99\n\
                    [policy.out]\nhate.threshold = 1.0\n[policy.out.heads]\nthreat = 1.0\n\
                    [policy.off]\nhate.threshold = 0.5\n";
    for (name, head, score, expected) in [
        ("standard", "threat", 0.89, false),
        ("standard", "threat", 0.9, true),
        ("relaxed", "threat", 0.9, false),
        ("strict", "threat", 0.8, true),
        ("own", "insult", 0.7, true),
        ("own", "insult", 0.69, false),
        ("own", "toxic", 0.98, false),
        ("own", "toxic", 0.99, true),
        ("own", "threat", 0.9, true),
        ("out", "identity_hate", 1.0, false),
        ("out", "threat", 1.0, false),
        ("out", "insult", 0.9, true),
        ("off", "threat", 1.0, false),
        ("off", "identity_hate", 0.5, true),
    ] {
        let (_, found, _) = Try::scored(&[(head, score)]).judge(&policy(name, settings));
        assert_eq!(!found.is_empty(), expected, "{name} {head} {score}");
    }
}

#[test]
fn a_finding_names_head_score_threshold_and_model() {
    let (_, found, _) = Try::scored(&[("threat", 0.93)]).judge(&policy("standard", ""));
    assert_eq!(found[0].why, "threat 0.93, threshold 0.90, model 00112233aabb");
    let scored = found[0].scored.as_ref().unwrap();
    assert_eq!((scored.head, scored.score, scored.threshold), (Head::Threat, 0.93, 0.9));
    assert_eq!(scored.model, "00112233aabb");
    let stored = serde_json::to_string(&found[0]).unwrap();
    assert_eq!(serde_json::from_str::<Finding>(&stored).unwrap(), found[0]);
}

#[test]
fn records_of_before_the_model_still_load() {
    let old = r#"{"rule":"term","category":"hate","severity":4,"span":{"start":0,"end":5},
                  "why":"\"blorp\" of xx/hate, as written","shadow":false}"#;
    let finding: Finding = serde_json::from_str(old).unwrap();
    assert_eq!((finding.severity.level(), finding.scored), (4, None));
}

#[test]
fn a_weak_head_never_acts_alone() {
    let standard = policy("standard", "");
    let strict = policy("strict", "");
    let quiet = policy("quiet", "[policy.quiet]\nharassment.shadow = true\n");
    let weak = |scores: &[(&str, f32)]| weakly(&[Head::SelfHarm], scores);
    let alone = [("self_harm", 0.99)];
    let with = |head| [("self_harm", 0.99), (head, 0.99)];
    for (what, policy, score, hits, expected) in [
        ("alone", &standard, weak(&alone), vec![], Pass),
        ("alone, strict", &strict, weak(&alone), vec![], Pass),
        ("strong", &standard, known(&alone), vec![], Hold),
        ("with a mild term", &standard, weak(&alone), vec![hit(Category::Threat, 1, 0..3)], Hold),
        ("with insult", &standard, weak(&with("insult")), vec![], Hold),
        ("with toxic", &standard, weak(&with("toxic")), vec![], Hold),
        ("with severe alone", &standard, weak(&with("severe")), vec![], Pass),
        ("with what is in shadow", &quiet, weak(&with("insult")), vec![], Pass),
        (
            "with another weak one",
            &standard,
            weakly(&[Head::SelfHarm, Head::Sexual], &with("sexual")),
            vec![],
            Pass,
        ),
    ] {
        let case = Try { score, hits, ..Try::default() };
        let (verdict, found, _) = case.judge(policy);
        assert_eq!(verdict, expected, "{what}: {found:?}");
        let own = found.iter().find(|finding| finding.category == Category::SelfHarm).expect(what);
        assert_eq!(own.shadow, expected == Pass, "{what}");
        assert_eq!(own.why.contains("too weak"), own.shadow, "{what}");
    }
}

#[test]
fn ordinary_chat_is_left_alone_by_noise() {
    // Just below every threshold at once, and far above in the two heads that mean little alone.
    for (preset, below) in [("relaxed", 0.94), ("standard", 0.89), ("strict", 0.79)] {
        let scores = Head::ALL.map(|head| (head.name(), below));
        let (verdict, found, _) = Try::scored(&scores).judge(&policy(preset, ""));
        assert_eq!((verdict, found.len()), (Pass, 0), "{preset}");
    }
    for preset in ["relaxed", "standard"] {
        let case = Try::scored(&[("toxic", 0.99), ("insult", 0.5)]);
        assert_eq!(case.judge(&policy(preset, "")).0, Pass, "{preset}: a tone is no offence");
    }
    // Nothing that a model says alone is dropped for it, but under `strict`.
    for preset in ["relaxed", "standard"] {
        let (verdict, ..) =
            Try::scored(&Head::ALL.map(|h| (h.name(), 1.0))).judge(&policy(preset, ""));
        assert_eq!(verdict, Hold, "{preset}");
    }
}

#[test]
fn a_quoted_word_is_one_milder() {
    let standard = policy("standard", "");
    use Category::{Doxxing, Extremism, Harassment, Hate, Profanity, SelfHarm, Sexual, Threat};
    let calm = || tone(0.02, &[]);
    for (category, level, score, expected) in [
        (Hate, 4, calm(), 3),
        (Hate, 3, calm(), 2),
        (Hate, 2, calm(), 1),
        (Hate, 1, calm(), 1),
        (Harassment, 3, calm(), 2),
        (Profanity, 3, calm(), 2),
        (Sexual, 2, calm(), 1),
        // What must never be seen, but a slur, stays so; what is no slur is what it says.
        (Harassment, 4, calm(), 4),
        (Sexual, 4, calm(), 4),
        (Profanity, 4, calm(), 4),
        (Threat, 3, calm(), 3),
        (Threat, 4, calm(), 4),
        (Doxxing, 2, calm(), 2),
        (Extremism, 3, calm(), 3),
        (SelfHarm, 3, calm(), 3),
        // One head that is not low, or not there, is no harmless message.
        (Hate, 4, tone(0.02, &[("insult", 0.15)]), 4),
        (Hate, 4, tone(0.02, &[("threat", 0.3)]), 4),
        (Hate, 4, tone(0.2, &[]), 4),
        (Hate, 4, known(&[("toxic", 0.0), ("insult", 0.0), ("threat", 0.0)]), 4),
        (Hate, 4, Score::Late, 4),
        (Hate, 4, Score::Skipped, 4),
        // Never milder than what the model itself found there.
        (Profanity, 3, tone(0.02, &[("obscene", 0.95)]), 2),
        (Sexual, 2, tone(0.02, &[("sexual", 0.95)]), 2),
        (Profanity, 3, tone(0.02, &[("obscene", 0.95), ("severe", 0.95)]), 3),
    ] {
        let what = format!("{category} {level} {score:?}");
        let (_, found, _) = Try { score, ..said(QUOTED, category, level) }.judge(&standard);
        let own = term(&found);
        assert_eq!(own.severity, severity(expected), "{what}");
        assert_eq!(own.scored.is_some(), expected != level, "{what}");
        assert_eq!(own.why.contains("lowered to"), expected != level, "{what}: {}", own.why);
    }
    let (verdict, found, _) = Try { score: calm(), ..said(QUOTED, Hate, 4) }.judge(&standard);
    assert_eq!(verdict, Hold, "a person sees it");
    let scored = "threat 0.02, threshold 0.15, model 00112233aabb";
    let why =
        format!("\"blorp\" of xx/test, as written; 4 lowered to 3, a harmless message: {scored}");
    assert_eq!(term(&found).why, why);
}

#[test]
fn policies_say_how_harmless_and_whether_at_all() {
    let settings = "[policy.never]\nharmless = 0.0\n[policy.lax]\nharmless = 0.4\n\
                    [policy.words.hate]\nthreshold = 1.0\n";
    for (name, score, expected) in [
        ("relaxed", 0.19, 3),
        ("standard", 0.14, 3),
        ("standard", 0.15, 4),
        ("strict", 0.09, 3),
        ("strict", 0.1, 4),
        ("lax", 0.39, 3),
        ("never", 0.0, 4),
        ("off", 0.0, 4),
        ("words", 0.0, 4),
    ] {
        let case = Try { score: tone(score, &[]), ..said(QUOTED, Category::Hate, 4) };
        let (_, found, _) = case.judge(&policy(name, settings));
        assert_eq!(term(&found).severity, severity(expected), "{name} {score}");
    }
    // A head that the policy finds at less than harmless is found.
    let eager = policy("eager", "[policy.eager]\nharmless = 0.4\nheads.insult = 0.1\n");
    let case = Try { score: tone(0.2, &[]), ..said(QUOTED, Category::Hate, 4) };
    assert_eq!(term(&case.judge(&eager).1).severity, severity(4));
}

/// Every way to make a slur milder by what stands around it, with a model that falls for it.
#[test]
fn padding_makes_no_slur_milder() {
    let standard = policy("standard", "");
    let sweet = "what a lovely day my dear friends, thank you all so much for this great stream";
    let hearts = "💛💙💜 ".repeat(40);
    for (what, text) in [
        ("said to somebody", "you are a blorp but i love this game".to_owned()),
        ("said to somebody, in French", "t'es un blorp mais bon stream les amis".to_owned()),
        ("short for it", "lovely day and happy stream u blorp".to_owned()),
        ("to a name", "@ana blorp what a lovely day today".to_owned()),
        ("and then to them", "lovely stream today blorp you sweet friends".to_owned()),
        ("alone", "blorp".to_owned()),
        ("nearly alone", "blorp love love".to_owned()),
        ("long", format!("{sweet} blorp {sweet}")),
        ("long without words", format!("so nice to be blorp {hearts}")),
        ("long without spaces", format!("so nice to be blorp {}", "lovely".repeat(30))),
        ("with an accent", "so nice to be BLÖRP today".replace("BLÖRP", "blorp\u{308}")),
    ] {
        let case = Try { score: tone(0.0, &[]), ..said(&text, Category::Hate, 4) };
        let mut case = case;
        if what == "with an accent" {
            case.hits[0].span.end += 2;
        }
        let (verdict, mut found, _) = case.judge(&standard);
        // Padding may be found too.
        found.retain(|finding| finding.rule == "term");
        assert_eq!((verdict, found.len()), (Drop, 1), "{what}: {found:?}");
    }
    // Something else in the message speaks against it: disguised, or never taken for milder.
    let beside = |change: fn(&mut Hit)| {
        let mut case = Try { score: tone(0.0, &[]), ..said(QUOTED, Category::Hate, 3) };
        let mut other = hit(Category::Profanity, 1, 0..6);
        other.term = "nobody".into();
        change(&mut other);
        case.hits.push(other);
        let (_, found, _) = case.judge(&standard);
        found.iter().find(|f| f.category == Category::Hate).unwrap().severity.level()
    };
    assert_eq!(beside(|_| ()), 2, "two words may be quoted");
    assert_eq!(beside(|hit| hit.view = ViewKind::Folded), 3);
    assert_eq!(beside(|hit| hit.view = ViewKind::Squeezed), 3);
    assert_eq!(beside(|hit| hit.view = ViewKind::Joined), 3);
    assert_eq!(beside(|hit| hit.term = "nobodi".into()), 3);
    assert_eq!(beside(|hit| hit.category = Category::Threat), 3);
    assert_eq!(beside(|hit| hit.category = Category::Doxxing), 3);
    assert_eq!(beside(|hit| hit.severity = severity(4)), 3);
}

#[test]
fn a_disguised_word_in_an_attack_is_one_worse() {
    let standard = policy("standard", "");
    let words = policy("words", "[policy.words.hate]\nthreshold = 1.0\n");
    let attack = || known(&[("toxic", 0.95), ("identity_hate", 0.2)]);
    let hateful = || known(&[("toxic", 0.2), ("identity_hate", 0.97)]);
    use Category::{Harassment, Hate, SelfHarm, Threat};
    use ViewKind::{Folded, Joined, Plain, Squeezed};
    for (what, policy, category, level, view, score, expected) in [
        ("leet", &standard, Hate, 3, Folded, attack(), 4),
        ("spaced", &standard, Hate, 3, Squeezed, hateful(), 4),
        ("split", &standard, Threat, 2, Joined, attack(), 3),
        ("mild", &standard, Harassment, 1, Folded, attack(), 2),
        ("at the top", &standard, Hate, 4, Folded, attack(), 4),
        ("as written", &standard, Hate, 3, Plain, attack(), 3),
        (
            "insult is no attack on its own",
            &standard,
            Hate,
            3,
            Folded,
            known(&[("insult", 1.0)]),
            3,
        ),
        ("below", &standard, Hate, 3, Folded, known(&[("toxic", 0.89)]), 3),
        ("harmless", &standard, Hate, 3, Folded, tone(0.0, &[]), 3),
        ("late", &standard, Hate, 3, Folded, Score::Late, 3),
        ("not asked", &standard, Hate, 3, Folded, Score::Skipped, 3),
        ("a cry for help", &standard, SelfHarm, 3, Folded, attack(), 3),
        ("no say", &words, Hate, 3, Folded, attack(), 3),
    ] {
        let mut case = Try { score, ..said("oh blorp over there", category, level) };
        case.hits[0].view = view;
        let (_, found, _) = case.judge(policy);
        let own = term(&found);
        assert_eq!(own.severity, severity(expected), "{what}");
        assert_eq!(own.why.contains("raised to"), expected != level, "{what}: {}", own.why);
    }
    let mut case = Try { score: attack(), ..said("oh blorp", Category::Hate, 3) };
    case.hits[0].view = Folded;
    let (verdict, found, needs) = case.judge(&standard);
    assert_eq!((verdict, needs), (Drop, true), "held without the score, dropped with it");
    assert!(term(&found).why.ends_with("toxic 0.95, threshold 0.90, model 00112233aabb"));
}

#[test]
fn a_score_is_asked_for_where_it_could_lower() {
    let standard = policy("standard", "");
    let hate = |text: &str, level| said(text, Category::Hate, level);
    let mut disguised = hate(QUOTED, 3);
    disguised.hits[0].view = ViewKind::Folded;
    for (what, case, expected) in [
        ("quoted, dropped so far", hate(QUOTED, 4), true),
        ("hurled", hate("you blorp get out of here now", 4), false),
        ("quoted, and held either way", hate(QUOTED, 3), false),
        ("quoted, held or masked", hate(QUOTED, 2), true),
        ("disguised, held or dropped", disguised, true),
        ("quoted, and timed out", hate(QUOTED, 4).timed_out(2_000), false),
        ("quoted, in a flood", flood(hate(QUOTED, 4)), false),
    ] {
        assert_eq!(case.judge(&standard).2, expected, "{what}");
    }
}

fn flood(case: Try) -> Try {
    Try { recent: Recent { messages: 99, repeats: 1, ..Recent::default() }, ..case }
}

proptest! {
    /// A term is moved by one at most, and only with its reason beside it.
    #[test]
    fn a_score_moves_a_term_by_one(
        level in 1..=4u8,
        category in 0..11usize,
        view in 0..4usize,
        scores in prop::array::uniform8(prop::sample::select(&[0.0f32, 0.1, 0.5, 0.97][..])),
    ) {
        let category = Category::ALL[category];
        let mut case = said(QUOTED, category, level);
        case.hits[0].view =
            [ViewKind::Plain, ViewKind::Folded, ViewKind::Squeezed, ViewKind::Joined][view];
        let heads = Head::ALL.map(Head::name);
        case.score = known(&heads.into_iter().zip(scores).collect::<Vec<_>>());
        let (_, found, _) = case.judge(&policy("standard", ""));
        let own = term(&found);
        let moved = i16::from(own.severity.level()) - i16::from(level);
        prop_assert!(moved.abs() <= 1);
        prop_assert_eq!(moved != 0, own.scored.is_some());
        prop_assert!(moved >= 0 || view == 0);
    }
}

#[test]
fn verdicts_show_what_neither_saw_alone() {
    let standard = policy("standard", "");
    let verdicts = |case: Try, score: Score| -> (Verdict, Verdict) {
        let without = case.judge(&standard).0;
        (without, Try { score, ..case }.judge(&standard).0)
    };
    use Category::{Harassment, Profanity};
    let calm = || tone(0.02, &[]);
    // A mild word in a harmless message, and a strong one.
    assert_eq!(verdicts(said(QUOTED, Harassment, 2), calm()), (Mask, Pass));
    assert_eq!(verdicts(said(QUOTED, Profanity, 3), calm()), (Hold, Mask));
    // The word is masked already, and the message is worse than the word.
    let threat = tone(0.5, &[("threat", 0.95)]);
    assert_eq!(verdicts(said(QUOTED, Profanity, 1), threat), (Mask, Hold));
}
