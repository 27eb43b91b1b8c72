//! Tries conditions: good, bad and hostile expressions, and what they make of a verdict.

use std::sync::Arc;

use proptest::prelude::*;
use tidegate::{
    config::Config,
    decide::Policy,
    message::{
        Category, Head, Recent, Role, Score,
        Verdict::{Drop, Hold, Mask, Pass},
    },
    rules::Ruleset,
};

use crate::{
    problems, ruling,
    setup::{Try, hit, known, policy},
};

fn with(condition: &str, then: &str) -> String {
    let condition = toml::Value::String(condition.to_owned());
    format!("[[policy.p.when]]\nif = {condition}\nthen = {then:?}\nrule = \"own\"\n")
}

/// Whether a condition holds of a case.
fn holds(condition: &str, case: &Try) -> bool {
    let ruling = ruling(case, &policy("p", &with(condition, "hold")));
    assert_eq!(ruling.grounds.failed, [], "{condition}");
    ruling.findings.iter().any(|finding| finding.rule == "own")
}

#[test]
fn every_variable_says_what_it_should() {
    let mut case = Try { score: known(&[("toxic", 0.25), ("threat", 0.5)]), ..Try::default() };
    case.hits = vec![hit(Category::Profanity, 1, 0..5), hit(Category::Harassment, 2, 6..9)];
    case.recent = Recent { messages: 4, repeats: 2, first: true, ..Recent::default() };
    case.text = "é blorp 🌊 wave".into();
    let case = case.by(&[Role::Subscriber, Role::Vip]);
    for condition in [
        "true",
        "channel == '#ana' && route == 'room' && mode == 'hook' && !shield",
        "sender.first && sender.messages == 4 && sender.repeats == 2",
        "!sender.newcomer && !sender.trusted",
        "'vip' in sender.roles && !('moderator' in sender.roles) && size(sender.roles) == 2",
        "sender.roles.exists(role, role == 'subscriber')",
        "sender.roles.all(role, role in ['vip', 'subscriber'])",
        "sender.roles.exists_one(role, role.startsWith('v'))",
        "text.length == 14 && text.words == 4",
        "verdict == 'mask' && verdict in ['mask', 'hold']",
        "categories.profanity == 1 && categories.harassment == 2 && categories.hate == 0",
        "['hate', 'harassment'].exists(c, categories[c] >= 2)",
        "scored && scores.toxic == 0.25 && scores['threat'] > 0.4 && has(scores.threat)",
        "!has(scores.insult) && !('insult' in scores) && size(scores) == 2",
        "channel.contains('an') && channel.endsWith('a') && size(channel) == 4",
        "(sender.messages > 3 ? text.words : 0) + 1 == 5",
        "sender.messages * 2 - 1 >= 7 && sender.messages % 3 == 1 && -sender.repeats < 0",
        "scores.toxic < 1 && scores.threat + scores.toxic >= 0.75",
    ] {
        assert!(holds(condition, &case), "{condition}");
        assert!(!holds(&format!("!({condition})"), &case), "{condition}");
    }
    let unscored = Try { score: Score::Late, ..case };
    assert!(holds("!scored && !has(scores.toxic) && size(scores) == 0", &unscored));
    // A head without a score is neither above nor below anything.
    assert!(!holds("scores.toxic < 0.5", &unscored) && !holds("scores.toxic >= 0.5", &unscored));
    assert!(holds("scores.toxic < 0.5 || text.words == 4", &unscored));
}

#[test]
fn slips_are_found_at_load() {
    for (condition, place, cause) in [
        ("", "", ""),
        ("sender.first &&", "1:", ""),
        ("sender.first && sendr.messages > 2", "1:17", "there is no \"sendr\" (there are categ"),
        ("text.size > 2", "1:", "the text has no \"size\""),
        ("categories.insult > 1", "1:", "there is no category \"insult\""),
        ("scores.hate > 0.5", "1:", "there is no head \"hate\""),
        ("has(categories.hate)", "1:", "has() is for scores alone"),
        ("sender.messages", "", "must be true or false, and is an int"),
        ("sender.messages > '3'", "1:", "there is no > of an int and a string"),
        ("sender.messages == 2.0", "1:", "there is no == of an int and a double"),
        ("text.words + 'x' == 'x'", "1:", "there is no + of an int and a string"),
        ("channel + route == 'ab'", "1:", "there is no + of a string and a string"),
        ("verdict == 'holt'", "1:", "\"holt\" is not one of pass, mask, hold, drop"),
        ("mode in ['inline', 'egres']", "1:", "\"egres\" is not one of inline, egress"),
        ("'mod' in sender.roles", "1:", "\"mod\" is not one of broadcaster, moderator"),
        ("channel.matches('a+')", "1:", "there is no matches of"),
        ("int(channel) > 2", "1:", "there is no int of"),
        ("type(channel) == type(route)", "1:", "there is no type of"),
        ("{'a': 1}.a == 1", "1:", "maps and messages cannot be made"),
        ("[].exists(x, x == 'a')", "1:", "an empty list"),
        ("['a', 2].exists(x, x == 'a')", "1:", "a list is of one kind"),
        ("sender.roles.map(r, r) == sender.roles", "1:", "only exists, exists_one and all"),
        ("sender.roles.filter(r, true) == sender.roles", "1:", "only exists, exists_one and"),
        ("sender.roles.exists(r, r.x == 'a')", "1:", "a string has no \"x\""),
        ("null == null", "1:", "only strings, numbers, true and false"),
        ("sender == sender", "1:", "there is no == of the sender and the sender"),
        ("shield ? 1 : 'a'", "1:", "there is no"),
        ("text.words > 1\n  && wrods > 2", "2:6", "there is no \"wrods\""),
        ("'é' == channel || nope", "1:19", "there is no \"nope\""),
        ("google.protobuf.Duration{} == 1", "1:", ""),
        ("sender.?first == 1", "1:", ""),
    ] {
        let found = problems(&with(condition, "hold"));
        assert_eq!(found.len(), 1, "{condition}: {found:?}");
        let (key, said) = &found[0];
        assert_eq!(key, "policy.p.when[0].if");
        assert!(said.starts_with(place) && said.contains(cause), "{condition}: {said}");
        assert!(!said.contains('\n'), "{said:?}");
    }
}

#[test]
fn hostile_expressions_are_refused_and_harm_nothing() {
    let chain = |part: &str, joint: &str, times: usize| vec![part; times].join(joint);
    for condition in [
        "(".repeat(900),
        format!("{}true{}", "(".repeat(400), ")".repeat(400)),
        "[".repeat(1_000),
        "{".repeat(1_000),
        chain("1", "+", 500) + " == 500",
        chain("true", "?", 180) + &chain("", ":true", 100),
        format!("sender{} == 1", ".first".repeat(160)),
        format!("[{}].exists(x, x == 'a')", chain("'a'", ",", 200)),
        format!("[{0}].exists(x, [{0}].exists(y, x == y))", chain("'aa'", ",", 60)),
        format!("channel == '{}'", "a".repeat(2_000)),
        "\u{0}\u{7f}\u{202e}".into(),
        "a ? b ((?)) \"".into(),
    ] {
        let found = problems(&with(&condition, "hold"));
        assert_eq!(found.len(), 1, "{condition}");
        assert!(found[0].1.len() < 600, "{}", found[0].1);
    }
    let many = with("true", "hold").repeat(33);
    let found = Config::parse(&many, "t").unwrap_err();
    assert!(found[0].to_string().contains("more than 32 conditions"), "{}", found[0]);
}

#[test]
fn an_expression_that_fails_does_not_apply_and_is_named() {
    for condition in ["10 / (sender.messages - 1) > 2", "9223372036854775807 + text.words > 0"] {
        let ruling = ruling(&Try::default(), &policy("p", &with(condition, "drop")));
        assert_eq!(ruling.verdict, Pass, "{condition}");
        assert_eq!(ruling.findings, []);
        assert_eq!(ruling.grounds.failed.len(), 1, "{condition}");
        assert_eq!(ruling.grounds.failed[0].0, "own");
    }
}

#[test]
fn conditions_raise_and_lower_but_not_below_the_floor() {
    let floor = "[floor.hate]\naction = [\"pass\", \"pass\", \"hold\", \"drop\"]\n";
    let word = |level| Try::hits(&[hit(Category::Hate, level, 0..3)]);
    for (what, case, settings, expected) in [
        ("raised", Try::default(), with("true", "drop"), Drop),
        ("lowered", word(4), with("true", "pass"), Pass),
        ("masked where a term is", word(2), with("true", "mask"), Mask),
        ("nothing to mask", Try::default(), with("true", "mask"), Hold),
        ("the floor", word(3), with("true", "pass") + floor, Hold),
        ("the floor again", word(4), with("true", "hold") + floor, Drop),
        ("below the floor", word(2), with("true", "pass") + floor, Pass),
        ("the last has the word", word(2), with("true", "drop") + &with("true", "pass"), Pass),
        (
            "it knows of those before",
            word(1),
            with("true", "drop") + &with("verdict == 'mask'", "pass"),
            Drop,
        ),
        ("exempt", word(4).by(&[Role::Moderator]), with("true", "hold"), Pass),
        ("timed out", Try::default().timed_out(2_000), with("true", "pass"), Drop),
    ] {
        let ruling = ruling(&case, &policy("p", &settings));
        assert_eq!(ruling.verdict, expected, "{what}: {:?}", ruling.grounds);
        assert_eq!(ruling.verdict == Mask, expected == Mask && !ruling.mask.is_empty());
    }
}

#[test]
fn what_a_condition_found_is_told() {
    let settings = "[[policy.p.when]]\nif = \"sender.first\"\nthen = \"hold\"\n\
                    rule = \"newcomer\"\nwhy = \"look first\"\ncategory = \"link\"\n\
                    [[policy.p.when]]\nif = \"true\"\nthen = \"drop\"\nrule = \"trial\"\n\
                    mode = \"shadow\"\n";
    let first = Recent { messages: 1, repeats: 1, first: true, ..Recent::default() };
    let ruling = ruling(&Try { recent: first, ..Try::default() }, &policy("p", settings));
    let found: Vec<_> =
        ruling.findings.iter().map(|f| (f.rule.as_str(), f.category, f.shadow)).collect();
    let expected = [("trial", Category::Spam, true), ("newcomer", Category::Link, false)];
    assert_eq!((ruling.verdict, &found[..]), (Hold, &expected[..]));
    assert_eq!(ruling.grounds.rule(), "newcomer");
}

#[test]
fn a_score_is_asked_for_where_a_condition_hangs_on_it() {
    let off = |when: &str| policy("p", &format!("[policy.p]\npreset = \"off\"\n{when}"));
    for (condition, then, expected) in [
        ("scores.threat > 0.5", "hold", true),
        ("verdict == 'pass'", "hold", true),
        ("sender.messages > 5 && scored", "hold", false),
        ("sender.messages < 5 && scored", "hold", true),
        ("sender.messages < 5 || scored", "hold", false),
        ("sender.messages < 5 ? shield : scored", "hold", false),
        ("text.length > 3", "hold", false),
        ("1 / (sender.messages - 1) == 0", "hold", false),
    ] {
        let policy = off(&with(condition, then));
        assert_eq!(Try::default().judge(&policy).2, expected, "{condition}");
        assert!(!Try::default().by(&[Role::Vip]).timed_out(2_000).judge(&policy).2);
    }
    // The last word is known, and nothing that a score could say goes above it.
    let standard = |when: &str| policy("p", when);
    assert!(!Try::default().judge(&standard(&with("true", "drop"))).2);
    assert!(!Try::default().judge(&standard(&with("true", "pass"))).2);
    // The floor could.
    let floor = "[floor.threat]\naction = [\"pass\", \"hold\", \"hold\", \"drop\"]\n";
    assert!(Try::default().judge(&standard(&(with("true", "pass") + floor))).2);
    // The second hides the first, whatever the score.
    let both = with("scored", "drop") + &with("true", "hold");
    assert!(!Try::default().judge(&standard(&both)).2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// With conditions a score may be asked for in vain, and never not be asked for where it
    /// changes the verdict.
    #[test]
    fn what_is_not_asked_would_have_changed_nothing(
        conditions in prop::collection::vec((
            prop::sample::select(&[
                "true", "false", "scored", "scores.threat > 0.5", "verdict == 'pass'",
                "categories.hate > 1 || sender.first", "sender.messages > 5 && scores.toxic > 0.9",
            ][..]),
            prop::sample::select(&["pass", "mask", "hold", "drop"][..]),
            prop::sample::select(&["\"enforce\"", "\"shadow\"", "50"][..]),
        ), 0..4),
        preset in prop::sample::select(&["off", "relaxed", "standard", "strict", "stage"][..]),
        floor in prop::option::of(0..11usize),
        rules in prop::sample::select(&["", "model = 50\n", "term = 50\nmodel = \"shadow\"\n"][..]),
        hits in prop::collection::vec((0..11usize, 1..=4u8, 0..3usize), 0..3),
        pace in prop::sample::select(&[1u32, 6, 11][..]),
        vip in any::<bool>(),
        rows in prop::collection::vec(
            prop::array::uniform8(prop::sample::select(&[0.0f32, 0.45, 1.0][..])), 12),
    ) {
        let mut settings = format!("[policy.p]\npreset = {preset:?}\n[policy.p.rules]\n{rules}");
        for (condition, then, mode) in &conditions {
            settings += &with(condition, then);
            settings += &format!("mode = {mode}\n");
        }
        if let Some(at) = floor {
            settings += &format!("[floor.{}]\naction = [\"pass\", \"mask\", \"hold\", \"drop\"]\n\
                                  threshold = 0.5\nexempts = false\n", Category::ALL[at]);
        }
        let policy = policy("p", &settings);
        let hits: Vec<_> = hits.into_iter().map(|(category, level, at)| {
            hit(Category::ALL[category], level, at * 5..at * 5 + 4)
        }).collect();
        let recent = Recent { messages: pace, repeats: 1, ..Recent::default() };
        let mut case = Try { hits, recent, ..Try::default() };
        if vip {
            case = case.by(&[Role::Broadcaster]);
        }
        let (so_far, _, needs) = case.judge(&policy);
        for row in rows.iter().filter(|_| !needs) {
            let heads: Vec<_> = Head::ALL.map(Head::name).into_iter().zip(*row).collect();
            let scored = Try {
                score: known(&heads),
                hits: case.hits.clone(),
                recent: case.recent.clone(),
                sender: case.sender.clone(),
                text: case.text.clone(),
                paid: case.paid.clone(),
            };
            prop_assert_eq!(scored.judge(&policy).0, so_far, "{} {:?}", settings, row);
        }
    }
}

#[test]
fn a_channel_has_its_own_policy_and_the_routes_mode() {
    let settings = "[[route]]\nname = \"irc\"\nupstream = \"ws://localhost:1\"\n\
                    protocol = \"irc\"\npolicy = \"relaxed\"\n[route.channels]\n\
                    \"#Ana\" = \"mine\"\n\"#ben\" = \"strict\"\n\
                    [[route]]\nname = \"web\"\npath = \"/web\"\n\
                    upstream = \"ws://localhost:1\"\nmode = \"egress\"\n\
                    protocol = \"owncast\"\n[route.channels]\n\"Ana\" = \"mine\"\n\
                    [policy.mine]\n";
    let rules = Ruleset::build(&Config::parse(settings, "t").unwrap()).unwrap_or_else(|causes| {
        panic!("{causes:?}");
    });
    for (route, channel, name, mode) in [
        ("irc", "#ana", "mine", "inline"),
        ("irc", "#ANA", "mine", "inline"),
        ("irc", "#ben", "strict", "inline"),
        ("irc", "#cleo", "relaxed", "inline"),
        ("irc", "", "relaxed", "inline"),
        ("web", "Ana", "mine", "egress"),
        // Its protocol tells letters apart.
        ("web", "ana", "standard", "egress"),
        ("none", "#ana", "standard", "hook"),
    ] {
        let policy: &Arc<Policy> = rules.policy(route, channel);
        assert_eq!((&*policy.name, policy.mode), (name, mode), "{route} {channel}");
    }
    let twice = settings.replace("\"#ben\"", "\"#ana\"");
    let causes = Ruleset::build(&Config::parse(&twice, "t").unwrap()).err().unwrap();
    assert!(causes[0].contains("is named twice"), "{causes:?}");
    let missing = settings.replace("\"#Ana\" = \"mine\"", "\"#Ana\" = \"yours\"");
    let found = Config::parse(&missing, "t").unwrap_err();
    assert!(found[0].to_string().contains("route[0].channels.#Ana: there is no policy"));
}
