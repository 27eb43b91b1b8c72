//! Tries explanations: what each reader is told, and what a sender never is.

use proptest::prelude::*;
use tidegate::{
    decide::Policy,
    message::{
        Category, Depth, Head, Judgement, Language, Recent, Role, Score, Verdict, explain::sender,
    },
};

use crate::{
    ruling,
    setup::{Try, hit, known, policy},
};

fn judged(case: &Try, policy: &Policy) -> Judgement {
    let ruling = ruling(case, policy);
    Judgement {
        verdict: ruling.verdict,
        asked: ruling.asked,
        releases: ruling.releases,
        findings: ruling.findings,
        score: case.score.clone(),
        needed: false,
        mask: ruling.mask,
        rules: "abc123".into(),
        grounds: ruling.grounds,
        standing: tidegate::message::Standing::default(),
        crowd: tidegate::message::Crowd::default(),
    }
}

#[test]
fn each_depth_tells_more() {
    let settings = "[floor.hate]\naction = [\"pass\", \"pass\", \"pass\", \"drop\"]\n\
                    [policy.p.hate]\naction = [\"pass\", \"mask\", \"hold\", \"hold\"]\n\
                    [policy.p.rules]\nflood = 0\n";
    let p = policy("p", settings);
    let mut case = Try { score: known(&[("threat", 0.2)]), ..Try::paced(11, 1) };
    case.hits = vec![hit(Category::Hate, 4, 0..3)];
    let judged = judged(&case, &p);
    let told = |depth, language| judged.explain(depth, language);
    assert_eq!(told(Depth::Sender, Language::En), "Your message was not sent. Rule: hate.");
    let french = told(Depth::Sender, Language::Fr);
    assert_eq!(french, "Votre message n’a pas été envoyé. Règle\u{a0}: haine.");
    let moderator = told(Depth::Moderator, Language::En);
    let mut lines = moderator.lines();
    assert_eq!(lines.next(), Some("drop: policy p, the floor, hate at severity 4"));
    assert_eq!(lines.next(), Some("hate 4 (term): \"blorp\" of xx/test, as written"));
    assert_eq!(lines.next(), None);
    let auditor = told(Depth::Auditor, Language::En);
    assert!(auditor.starts_with(&moderator));
    for part in [
        "rules abc123; model 00112233aabb; exempt: no; shield: no",
        "threat 0.20/0.90",
        "flood: enforced for 0 %, sender in ",
        "in shadow: spam 2 (flood): 11 messages",
    ] {
        assert!(auditor.contains(part), "{part:?} in {auditor}");
    }
}

#[test]
fn what_had_the_last_word_is_named() {
    let settings = "[[policy.p.when]]\nif = \"sender.messages > 5\"\nthen = \"hold\"\n\
                    rule = \"calm down\"\nwhy = \"many messages\"\n";
    let (p, strict) = (policy("p", settings), policy("strict", ""));
    let standard = policy("standard", "");
    let word = || Try::hits(&[hit(Category::Hate, 4, 0..3)]);
    let late = Try { score: Score::Late, ..Try::default() };
    for (case, policy, verdict, expected, told) in [
        (Try::default(), &standard, Verdict::Pass, "policy standard", ""),
        (word(), &standard, Verdict::Drop, "policy standard, hate 4", "hate"),
        (word().by(&[Role::Moderator]), &standard, Verdict::Pass, "policy standard", ""),
        (word().timed_out(2_000), &p, Verdict::Drop, "policy p, time_out", "time_out"),
        (word().timed_out(u64::MAX), &p, Verdict::Drop, "policy p, ban", "ban"),
        (late, &strict, Verdict::Hold, "policy strict, late", "late"),
        (
            Try::paced(6, 1),
            &p,
            Verdict::Hold,
            "policy p, condition calm down: many messages",
            "calm down",
        ),
    ] {
        let ruling = ruling(&case, policy);
        assert_eq!((ruling.verdict, ruling.grounds.to_string().as_str()), (verdict, expected));
        assert_eq!(ruling.grounds.rule(), told);
    }
}

#[test]
fn every_category_has_its_word_in_both_languages() {
    for category in Category::ALL {
        for language in [Language::En, Language::Fr] {
            let text = sender(Verdict::Hold, category.name(), language);
            assert!(!text.contains('_') && text.len() < 120, "{text}");
        }
        let [en, fr] = [Language::En, Language::Fr]
            .map(|language| sender(Verdict::Drop, category.name(), language));
        assert_ne!(en, fr);
    }
}

#[test]
fn who_is_timed_out_and_paid_is_not_told_that_nothing_was_sent() {
    let told = |verdict, language| sender(verdict, "time_out", language);
    assert_eq!(
        told(Verdict::Hold, Language::En),
        "Your message is waiting for a moderator. Rule: you are timed out."
    );
    let french = "Votre message attend l’avis de la modération. Règle\u{a0}: exclusion temporaire.";
    assert_eq!(told(Verdict::Hold, Language::Fr), french);
    assert!(told(Verdict::Drop, Language::En).contains("was not sent"));
    // Who is banned is not told to wait for an end.
    for language in [Language::En, Language::Fr] {
        let banned = sender(Verdict::Drop, "ban", language);
        assert_ne!(banned, told(Verdict::Drop, language));
        assert!(!banned.contains("moment") && !banned.contains("timed out"), "{banned}");
    }
}

/// The texts that senders can be told at all, without what a policy's author wrote.
fn sentences() -> Vec<String> {
    let rules = Category::ALL.map(Category::name).into_iter();
    let rules = rules.chain(["", "time_out", "ban", "late", "while_held", "told"]);
    let verdicts = [Verdict::Pass, Verdict::Mask, Verdict::Hold, Verdict::Drop];
    let each = |rule| {
        verdicts.into_iter().flat_map(move |verdict| {
            [Language::En, Language::Fr].map(|language| sender(verdict, rule, language))
        })
    };
    rules.flat_map(each).collect()
}

proptest! {
    /// Whatever was found, said and scored, the sender reads one of few sentences, none of which
    /// holds a term, a list, a score, a threshold, a span or a reason.
    #[test]
    fn a_sender_learns_the_rule_alone(
        hits in prop::collection::vec((0..11usize, 1..=4u8, 0..4usize), 0..5),
        scores in prop::array::uniform8(0.0..1.0f32),
        pace in 1..99u32,
        late in any::<bool>(),
        preset in prop::sample::select(&["relaxed", "standard", "strict"][..]),
        when in any::<bool>(),
        said in "\\PC{0,40}",
    ) {
        let mut settings = format!("[policy.p]\npreset = {preset:?}\n");
        if when {
            settings += "[[policy.p.when]]\nif = \"categories.hate > 1\"\nthen = \"hold\"\n\
                         rule = \"told\"\nwhy = \"untold\"\n";
        }
        let policy = policy("p", &settings);
        let hits = hits.into_iter().map(|(category, level, at)| {
            hit(Category::ALL[category], level, at * 5..at * 5 + 4)
        });
        let heads: Vec<_> = Head::ALL.map(Head::name).into_iter().zip(scores).collect();
        let score = if late { Score::Late } else { known(&heads) };
        let recent = Recent { messages: pace, repeats: pace / 2, ..Recent::default() };
        let case = Try { hits: hits.collect(), score, recent, text: said, ..Try::default() };
        let judged = judged(&case, &policy);
        let known = sentences();
        for language in [Language::En, Language::Fr] {
            let text = judged.explain(Depth::Sender, language);
            prop_assert!(known.contains(&text), "{}", text);
            prop_assert!(!text.contains(|c: char| c.is_ascii_digit()), "{}", text);
            prop_assert!(!text.contains("blorp") && !text.contains("untold"), "{}", text);
        }
    }
}
