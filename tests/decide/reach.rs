//! Holds `needs_score` to its word: true where some score changes the verdict, and only there.

use proptest::prelude::*;
use tidegate::{
    config::Config,
    decide::Policy,
    message::{Category, Head, Hit, Paid, Recent, Role, Score, Scores, Verdict, ViewKind},
};

use super::setup::{Try, card, hit};

const ACTIONS: [&str; 4] = ["pass", "mask", "hold", "drop"];
const PRESETS: [&str; 5] = ["off", "relaxed", "standard", "strict", "stage"];
/// Below harmless, between, and at every threshold.
const LEVELS: [f32; 3] = [0.0, 0.45, 1.0];

/// A policy that says much of its own, sensible or not.
fn policies() -> impl Strategy<Value = (String, bool)> {
    let threshold =
        || prop::option::weighted(0.3, prop::sample::select(&["0.5", "0.95", "1.0"][..]));
    let actions = || {
        let action = || prop::sample::select(&ACTIONS[..]);
        prop::option::weighted(0.4, [action(), action(), action(), action()])
    };
    let category = (actions(), threshold(), prop::bool::weighted(0.15));
    let categories = prop::collection::vec(category, Category::ALL.len());
    let heads = prop::collection::vec(threshold(), Head::ALL.len());
    let harmless = prop::option::of(prop::sample::select(&["0.0", "0.1", "0.4"][..]));
    let floor = prop::collection::vec((actions(), threshold()), Category::ALL.len());
    let floor = prop::option::weighted(0.3, (floor, any::<bool>()));
    let share = prop::sample::select(&["\"enforce\"", "\"enforce\"", "\"shadow\"", "40"][..]);
    let rules = prop::option::weighted(0.4, prop::array::uniform4(share));
    (prop::sample::select(&PRESETS[..]), harmless, heads, categories, floor, rules).prop_map(
        |(preset, harmless, heads, categories, floor, rules)| {
            let mut text = floor.map_or(String::new(), |(own, exempts)| floored(&own, exempts));
            text += &format!("[policy.p]\npreset = {preset:?}\n");
            text += &harmless.map_or(String::new(), |score| format!("harmless = {score}\n"));
            for (head, threshold) in Head::ALL.iter().zip(heads) {
                let own = threshold.map(|threshold| format!("heads.{head} = {threshold}\n"));
                text += &own.unwrap_or_default();
            }
            // A model on trial is asked for the record.
            let mut any_shadow = rules.is_some();
            let names = ["flood", "term", "model", "\"term:xx/test\""];
            for (name, share) in names.iter().zip(rules.iter().flatten()) {
                text += &format!("rules.{name} = {share}\n");
            }
            for (category, (actions, threshold, shadow)) in Category::ALL.iter().zip(categories) {
                any_shadow |= shadow;
                text += &format!("{category}.shadow = {shadow}\n");
                let actions = actions.map(|own| format!("{category}.action = {own:?}\n"));
                text += &actions.unwrap_or_default();
                let threshold = threshold.map(|own| format!("{category}.threshold = {own}\n"));
                text += &threshold.unwrap_or_default();
            }
            (text, any_shadow)
        },
    )
}

/// A category's actions and its threshold, where it says any.
type Said = (Option<[&'static str; 4]>, Option<&'static str>);

fn floored(own: &[Said], exempts: bool) -> String {
    let mut text = String::new();
    for (category, (actions, threshold)) in Category::ALL.iter().zip(own) {
        text += &format!("[floor.{category}]\nexempts = {exempts}\n");
        text += &actions.map_or(String::new(), |own| format!("action = {own:?}\n"));
        text += &threshold.map_or(String::new(), |own| format!("threshold = {own}\n"));
    }
    text
}

fn compiled(settings: &str) -> Policy {
    let config = Config::parse(settings, "t.toml").expect(settings);
    Policy::compile(&config).expect(settings).remove("p").expect("the policy")
}

/// Hits in a text in which each may be quoted or hurled.
fn cases() -> impl Strategy<Value = Try> {
    let text = prop::sample::select(
        &["nobody should say blorp or blorp here", "you blorp, lovely day to be a blorp"][..],
    );
    let view = prop::sample::select(
        &[ViewKind::Plain, ViewKind::Plain, ViewKind::Folded, ViewKind::Joined][..],
    );
    let one = (0..Category::ALL.len(), 1..=4u8, view, 0..3usize);
    let hits = prop::collection::vec(one, 0..4);
    let pace = prop::sample::select(&[1u32, 1, 1, 11, 99][..]);
    let odd = (prop::bool::weighted(0.1), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (text, hits, pace, odd).prop_map(|(text, hits, pace, (exempt, paying, watched))| {
        let places: Vec<usize> = text.match_indices("blorp").map(|(at, _)| at).collect();
        let hits = hits.into_iter().map(|(category, level, view, place)| {
            let span = places.get(place).map_or(0..0, |at| *at..*at + 5);
            Hit { view, ..hit(Category::ALL[category], level, span) }
        });
        let held_until_ms = watched.then_some(2_000);
        let recent = Recent { messages: pace, repeats: 1, held_until_ms, ..Recent::default() };
        let paid = if paying { Paid::new("5", "EUR") } else { None };
        let (hits, text) = (hits.collect(), text.to_owned());
        let case = Try { hits, text, recent, paid, ..Try::default() };
        if exempt { case.by(&[Role::Broadcaster]) } else { case }
    })
}

fn verdict(case: &Try, policy: &Policy, row: &[f32], weak: &[Head]) -> Verdict {
    let model = card(&Head::ALL.map(Head::name), weak);
    let score = Score::Known(Scores { model, row: row.to_vec() });
    let case = Try {
        hits: case.hits.clone(),
        recent: case.recent.clone(),
        sender: case.sender.clone(),
        text: case.text.clone(),
        paid: case.paid.clone(),
        score,
    };
    case.ruling(policy).asked
}

/// Every answer that differs for a policy: each head found or not, and all of it harmless or not.
fn rows() -> impl Iterator<Item = [f32; 8]> {
    (0..=255u8).flat_map(|found| {
        [0.0f32, 0.45].map(|else_| {
            let each = |at: usize| if found & (1 << at) != 0 { 1.0 } else { else_ };
            [0, 1, 2, 3, 4, 5, 6, 7].map(each)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_asked_would_have_changed_nothing(
        (settings, _) in policies(),
        case in cases(),
        rows in prop::collection::vec(
            prop::array::uniform8(prop::sample::select(&LEVELS[..])), 24),
        weak in prop::sample::subsequence(Head::ALL.to_vec(), 0..=8),
        (shield, trusted) in any::<(bool, bool)>(),
    ) {
        let policy = compiled(&settings);
        let policy = policy.acting(shield, trusted);
        let (so_far, needs) = (case.ruling(policy).asked, case.judge(policy).2);
        if !needs {
            for row in &rows {
                let with = verdict(&case, policy, row, &weak);
                prop_assert_eq!(with, so_far, "{} {:?} {:?}", settings, row, case.hits);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// All 512 answers against the one question.
    #[test]
    fn what_is_asked_could_have_changed_something(
        (settings, shadow) in policies(),
        case in cases(),
        (shield, trusted) in any::<(bool, bool)>(),
    ) {
        let policy = compiled(&settings);
        let policy = policy.acting(shield, trusted);
        let (so_far, needs) = (case.ruling(policy).asked, case.judge(policy).2);
        let changes = rows().any(|row| verdict(&case, policy, &row, &[]) != so_far);
        // A category in shadow wants to know, whatever the verdict.
        prop_assert!(changes <= needs, "not asked: {} {:?}", settings, case.hits);
        prop_assert!(shadow || changes == needs, "asked: {} {:?}", settings, case.hits);
    }
}

/// Two heads at once are needed here: `toxic` makes a disguised word worse, which this policy
/// lets pass, and then nothing says where `insult` would be masked.
#[test]
fn answers_of_two_heads_are_thought_of() {
    let settings = "[policy.p]\nharmless = 0.0\nhate.threshold = 1.0\nthreat.threshold = 1.0\n\
                    sexual.threshold = 1.0\nself_harm.threshold = 1.0\n\
                    profanity.threshold = 1.0\nheads = { toxic = 0.5, severe = 1.0 }\n\
                    harassment.action = [\"pass\", \"mask\", \"pass\", \"pass\"]\n\
                    extremism.action = [\"mask\", \"mask\", \"mask\", \"mask\"]\n";
    let policy = compiled(settings);
    let disguised = Hit { view: ViewKind::Folded, ..hit(Category::Harassment, 2, 0..3) };
    let case = Try::hits(&[disguised, hit(Category::Extremism, 1, 5..8)]);
    let with = |heads: &[Head]| {
        let row = Head::ALL.map(|head| if heads.contains(&head) { 1.0 } else { 0.3 });
        verdict(&case, &policy, &row, &[])
    };
    assert_eq!(with(&[]), Verdict::Mask);
    assert_eq!(with(&[Head::Toxic]), Verdict::Mask);
    assert_eq!(with(&[Head::Insult]), Verdict::Mask);
    assert_eq!(with(&[Head::Toxic, Head::Insult]), Verdict::Hold);
    assert!(case.judge(&policy).2);
}
