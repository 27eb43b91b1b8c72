//! Edits word lists and strictness at the console, and looks at what judges then.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tidegate::{
    accounts::{Place, Rights, Role},
    audit::Event,
    doors::Overriding,
    history::History,
    message::{Message, Verdict},
    pipeline::Pipeline,
    rules::{Outcome, Reloader, Ruleset, swapped},
    score::Scorer,
};

use crate::{
    house::{Answer, House, PASSWORD},
    trial::{post, worded},
};

impl House {
    async fn judges(&self, channel: &str, text: &str) -> Verdict {
        judged(&self.doors.settler.pipeline, channel, text).await
    }

    async fn save(&self, cookie: &str, list: &str, base: u32, text: &str) -> Answer {
        let body = json!({ "text": text, "base": base });
        post(self, cookie, &format!("/api/lists/{list}"), &body).await
    }

    /// As a page does that has just read what is set.
    async fn set(&self, cookie: &str, channel: &str, levels: Value) -> Answer {
        let read = self.doors.setting("main", channel).await.expect("the store answers");
        self.set_over(cookie, channel, read.version, levels).await
    }

    async fn set_over(&self, cookie: &str, channel: &str, base: u64, levels: Value) -> Answer {
        let body = json!({ "route": "main", "channel": channel, "levels": levels, "base": base });
        post(self, cookie, "/api/strictness", &body).await
    }

    /// What a new process over the same store would judge by.
    async fn reopened(&self) -> Pipeline {
        let rules = Ruleset::build(&self.doors.config).expect("the rules compile");
        let pipeline = Pipeline {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            history: Arc::new(History::new(100)),
            scorer: Scorer::none(),
        };
        Overriding::open(&*self.doors.store, &pipeline).await.expect("the rows are good");
        pipeline
    }

    async fn settings_on_record(&self) -> Vec<(String, String)> {
        self.doors.settler.audit.flush().await;
        let records = self.doors.settler.audit.recent(100).await.expect("the store answers");
        let settings = records.into_iter().filter_map(|record| match record.event {
            Event::Settings { what, by, .. } => Some((what, by)),
            _ => None,
        });
        settings.collect()
    }
}

async fn judged(pipeline: &Pipeline, channel: &str, text: &str) -> Verdict {
    let (route, channel, text) = ("main".into(), channel.to_owned(), text.to_owned());
    let message = Message { route, channel, text, at_ms: 1, ..Message::default() };
    pipeline.judge(&message).await.verdict
}

fn causes(answer: &Answer) -> Vec<(Value, String)> {
    let problems = answer.json()["problems"].as_array().cloned().unwrap_or_default();
    let cause = |own: &Value| own["cause"].as_str().unwrap_or_default().to_owned();
    problems.iter().map(|own| (own["line"].clone(), cause(own))).collect()
}

#[tokio::test]
async fn a_saved_list_judges_at_once_and_after_a_restart() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    assert_eq!(house.judges("lobby", "a gremlo").await, Verdict::Pass);
    let text = "# ours\n4 word gremlo\n+ a gremlo\n- a gremlin\n";
    let saved = house.save(&ana, "hate", 0, text).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    let told = saved.json();
    assert_eq!(
        (&told["version"], &told["terms"], &told["text"]),
        (&json!(1), &json!(1), &text.into())
    );
    assert_eq!(told["history"][0]["by"], "ana");
    assert_eq!(told["history"][0]["added"], 4);
    assert_eq!(house.judges("lobby", "a gremlo").await, Verdict::Drop);
    assert_eq!(judged(&house.reopened().await, "lobby", "a gremlo").await, Verdict::Drop);

    // An older version is had back by saving it again.
    assert_eq!(house.save(&ana, "hate", 1, "").await.status, 200);
    assert_eq!(house.judges("lobby", "a gremlo").await, Verdict::Pass);
    let old = house.page("GET", "/api/lists/hate/1", &ana, "").await.json();
    assert_eq!(old["text"], text);
    let text = old["text"].as_str().expect("a text");
    assert_eq!(house.save(&ana, "hate", 2, text).await.json()["version"], 3);
    assert_eq!(house.judges("lobby", "a gremlo").await, Verdict::Drop);
    let record = house.settings_on_record().await;
    assert_eq!(record.len(), 3, "{record:?}");
    assert!(record[0].0.starts_with("word list hate: 4 lines more, 0 fewer"), "{record:?}");
    assert_eq!(record[0].1, "ana");
}

#[tokio::test]
async fn the_second_of_two_who_edit_is_told_who_was_first() {
    let house = worded(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    assert_eq!(house.save(&ana, "hate", 0, "3 word gremlo\n").await.status, 200);
    let late = house.save(&ben, "hate", 0, "3 word flimp\n").await;
    assert_eq!((late.status, &late.json()["by"]), (409, &json!("ana")), "{}", late.body);
    let set = house.set_over(&ana, "lobby", 0, json!({ "hate": "strict" })).await;
    assert_eq!(set.status, 200, "{}", set.body);
    let late = house.set_over(&ben, "lobby", 0, json!({ "link": "strict" })).await;
    assert_eq!((late.status, &late.json()["by"]), (409, &json!("ana")), "{}", late.body);
    assert_eq!(house.judges("lobby", "a flimp").await, Verdict::Pass);
}

#[tokio::test]
async fn a_list_with_faults_changes_nothing_and_each_fault_has_its_line() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    let check = async |list: &str, text: &str, expected: &[(Option<u32>, &str)]| {
        let body = json!({ "text": text });
        let lint = post(&house, &ana, &format!("/api/lists/{list}/lint"), &body).await;
        assert_eq!(lint.status, 200, "{}", lint.body);
        let found = causes(&lint);
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for ((line, cause), (at, part)) in found.iter().zip(expected) {
            assert!(*line == json!(at) && cause.contains(part), "{text}: {line} {cause}");
        }
    };
    check("hate", "3 word blorp\n", &[]).await;
    check("hate", "3 word gremlo\n9 word flimp\n", &[(Some(2), "severity `9`")]).await;
    check("hate", "3 word gremlo\n+ a gremli\n", &[(Some(2), "does not find its example")]).await;
    check("hate", "3 word gremlo\n- a gremlo\n", &[(Some(2), "finds its example")]).await;
    check("hate", "3 regex (gremlo\n", &[(Some(1), "unclosed group")]).await;
    check("allow", "# ok\nblorp street\n", &[]).await;
    check("left_out", "# why\nblorp\nflimp\n", &[(Some(3), "no list has this term")]).await;
    // What does harm for good, or must never be seen, stays listed.
    check("left_out", "blorp\nsnarfle\n", &[(Some(2), "it stays listed")]).await;
    check("allow", "a blorp\nsnarfle street\n", &[(Some(2), "it stays listed")]).await;
    check("hate", &"3 regex x\n".repeat(501), &[(None, "500 regexes")]).await;
    let body = json!({ "text": "nonsense\n".repeat(5_000) });
    let lint = post(&house, &ana, "/api/lists/hate/lint", &body).await;
    assert_eq!(causes(&lint).len(), 101, "so many at once, and how many more");
    let refused = house.save(&ana, "hate", 0, "3 word gremlo\n- a gremlo\n").await;
    assert_eq!((refused.status, causes(&refused).len()), (422, 1), "{}", refused.body);
    let long = "3 word gremlo\n".repeat(10_000);
    assert_eq!(house.save(&ana, "hate", 0, &long).await.status, 422);
    assert_eq!(house.judges("lobby", "a gremlo").await, Verdict::Pass);
    let list = house.page("GET", "/api/lists/hate", &ana, "").await.json();
    assert_eq!((&list["version"], &list["text"]), (&json!(0), &json!("")));
}

#[tokio::test]
async fn what_may_not_be_meant_is_a_warning() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    for (text, line, part) in [
        ("# a\n2 word snarfle\n", 2, "has \"snarfle\" too, of severity 3"),
        ("3 word gremlo\n3 word yourself\n", 2, "is an ordinary word"),
        ("3 substring gr\n", 1, "is so short"),
    ] {
        let body = json!({ "text": text });
        let lint = post(&house, &ana, "/api/lists/hate/lint", &body).await.json();
        assert_eq!(lint["problems"], json!([]), "{lint}");
        let warning = &lint["warnings"][0];
        assert_eq!(warning["line"], line, "{lint}");
        assert!(warning["cause"].as_str().is_some_and(|cause| cause.contains(part)), "{lint}");
        assert_eq!(lint["added"], text.lines().count(), "{lint}");
    }
}

#[tokio::test]
async fn less_is_looked_for_by_an_admins_word_alone() {
    let house = worded(|_| {}).await;
    let (ana, adam) = (house.cookie("ana").await, house.cookie("adam").await);
    for (list, text, passes) in
        [("allow", "blorp street", "on blorp street"), ("left_out", "blorp", "you blorp")]
    {
        assert_eq!(house.judges("lobby", passes).await, Verdict::Mask, "{list}");
        assert_eq!(house.save(&ana, list, 0, text).await.status, 403, "{list}");
        let saved = house.save(&adam, list, 0, text).await;
        assert_eq!(saved.status, 200, "{}", saved.body);
        assert_eq!(house.judges("lobby", passes).await, Verdict::Pass, "{list}");
    }
    assert!(house.judges("lobby", "you snarfle").await >= Verdict::Hold);
    // What one console's list adds another one may leave out.
    assert_eq!(house.save(&ana, "hate", 0, "3 word gremlo").await.status, 200);
    assert_eq!(house.judges("lobby", "gremlo").await, Verdict::Hold);
    assert_eq!(house.save(&adam, "left_out", 1, "blorp\ngremlo").await.status, 200);
    assert_eq!(house.judges("lobby", "gremlo").await, Verdict::Pass);
    // Whoever lists it once more is told that it is left out; grave, it is found all the same.
    let told = house.save(&ana, "hate", 1, "3 word gremlo\n2 word flimp").await;
    assert_eq!(causes(&told)[0].0, 1, "{}", told.body);
    assert_eq!(house.save(&ana, "hate", 1, "4 word gremlo").await.status, 200);
    assert_eq!(house.judges("lobby", "gremlo").await, Verdict::Drop);
    assert_eq!(house.save(&adam, "allow", 1, "blorp street\nflimp street").await.status, 200);
    assert_eq!(house.save(&ana, "threat", 0, "2 word flimp").await.status, 200);
    assert!(house.judges("lobby", "on flimp street").await >= Verdict::Hold);
    let marked = house.save(&adam, "allow", 2, "\u{feff}snarfle street").await;
    assert_eq!(marked.status, 422, "{}", marked.body);
}

#[tokio::test]
async fn whoever_has_one_channel_has_no_say_in_the_lists() {
    let house = worded(|_| {}).await;
    let rights = Rights {
        role: None,
        places: vec![Place { route: "main".into(), channel: "lobby".into(), role: Role::Admin }],
    };
    house.doors.accounts.add("mo", rights, PASSWORD, false).await.expect("an account");
    let mo = house.cookie("mo").await;
    for path in ["/api/lists", "/api/lists/hate", "/api/lists/hate/1"] {
        assert_eq!(house.page("GET", path, &mo, "").await.status, 403, "{path}");
    }
    assert_eq!(house.save(&mo, "hate", 0, "3 word gremlo").await.status, 403);
    // Their own channel is theirs, milder too; another is not, nor is what tries one.
    let levels = json!({ "harassment": "relaxed" });
    assert_eq!(house.set(&mo, "lobby", levels.clone()).await.status, 200);
    for channel in ["attic", ""] {
        assert_eq!(house.set(&mo, channel, levels.clone()).await.status, 403, "{channel}");
        let path = format!("/api/strictness?route=main&channel={channel}");
        assert_eq!(house.page("GET", &path, &mo, "").await.status, 403, "{channel}");
        let candidate = json!({ "levels": levels });
        let body = json!({ "route": "main", "channel": channel, "candidate": candidate });
        assert_eq!(post(&house, &mo, "/api/replay", &body).await.status, 403, "{channel}");
    }
}

/// What becomes of a strong word of profanity in each channel.
async fn check(pipeline: &Pipeline, expected: [Verdict; 3]) {
    for (channel, expected) in ["lobby", "attic", ""].into_iter().zip(expected) {
        assert_eq!(judged(pipeline, channel, "so flimp").await, expected, "{channel:?}");
    }
}

const PASS: Verdict = Verdict::Pass;
const MASK: Verdict = Verdict::Mask;
const HOLD: Verdict = Verdict::Hold;

#[tokio::test]
async fn a_channel_is_as_strict_as_an_admin_sets_it() {
    let house = worded(|_| {}).await;
    let (ana, adam) = (house.cookie("ana").await, house.cookie("adam").await);
    assert_eq!(house.save(&ana, "profanity", 0, "2 word flimp").await.status, 200);
    let running = &house.doors.settler.pipeline;
    check(running, [MASK; 3]).await;
    let set = house.set(&adam, "lobby", json!({ "profanity": "off" })).await;
    assert_eq!(set.status, 200, "{}", set.body);
    check(running, [PASS, MASK, MASK]).await;
    check(&house.reopened().await, [PASS, MASK, MASK]).await;
    // A moderator sets something beside it, and takes no admin's word back.
    let both = json!({ "profanity": "off", "hate": "strict" });
    assert_eq!(house.set(&ana, "lobby", both).await.status, 200);
    check(running, [PASS, MASK, MASK]).await;
    // Making it stricter and taking that back leaves what the admin has set.
    let strict = json!({ "profanity": "strict", "hate": "strict" });
    assert_eq!(house.set(&ana, "lobby", strict).await.status, 200);
    check(running, [HOLD, MASK, MASK]).await;
    assert_eq!(house.set(&ana, "lobby", json!({ "hate": "strict" })).await.status, 200);
    check(running, [PASS, MASK, MASK]).await;
    let told = house.page("GET", "/api/strictness?route=main&channel=lobby", &ana, "").await.json();
    let of = |name: &str| {
        let mut list = told["categories"].as_array().expect("a list").iter();
        list.find(|own| own["category"] == name).cloned().expect("it is there")
    };
    let profanity = of("profanity");
    assert_eq!((&profanity["level"], &profanity["by_admin"]), (&json!("off"), &json!("off")));
    assert_eq!(profanity["now"], json!(["pass", "pass", "pass", "pass"]));
    assert_eq!(profanity["base"], profanity["now"], "without the moderator's own word");
    assert_eq!(of("hate")["by_admin"], json!(null));
    assert_eq!(of("hate")["levels"]["relaxed"]["idle"], true);
    assert_eq!(of("hate")["levels"]["strict"]["idle"], false);
    assert_eq!(of("hate")["levels"]["relaxed"]["action"], of("hate")["base"]);
    assert_eq!(of("threat")["levels"].get("off"), None);
    assert_eq!((&told["may_be_milder"], &told["by"]), (&json!(false), &json!("ana")));
    assert_eq!(told["in_force"], true);
    let never = house.set(&adam, "lobby", json!({ "doxxing": "off" })).await;
    assert_eq!((never.status, &never.json()["error"]), (422, &json!("level")));
    assert_eq!(house.set(&adam, "lobby", json!({})).await.status, 200);
    check(&house.reopened().await, [MASK; 3]).await;
    let record = house.settings_on_record().await;
    let ours = |(what, by): &(String, String)| {
        what == "strictness: hate at least strict, profanity off at least strict" && by == "ana"
    };
    assert!(record.iter().any(ours), "{record:?}");
}

#[tokio::test]
async fn what_a_moderator_sets_only_makes_stricter() {
    let house = worded(|_| {}).await;
    let (ana, adam) = (house.cookie("ana").await, house.cookie("adam").await);
    assert_eq!(house.save(&ana, "profanity", 0, "2 word flimp").await.status, 200);
    let running = &house.doors.settler.pipeline;
    // A route's own holds for its channels, and a channel's beside it.
    assert_eq!(house.set(&adam, "", json!({ "profanity": "strict" })).await.status, 200);
    check(running, [HOLD; 3]).await;
    for level in ["off", "relaxed", "standard"] {
        let set = house.set(&ana, "lobby", json!({ "profanity": level })).await;
        assert_eq!(set.status, 200, "{}", set.body);
        check(running, [HOLD; 3]).await;
    }
    assert_eq!(house.set(&adam, "", json!({})).await.status, 200);
    check(running, [MASK; 3]).await;
    assert_eq!(house.set(&ana, "lobby", json!({ "profanity": "strict" })).await.status, 200);
    check(running, [HOLD, MASK, MASK]).await;
    // What they set they take back.
    assert_eq!(house.set(&ana, "lobby", json!({})).await.status, 200);
    check(running, [MASK; 3]).await;
    // Without a route there is one place, and it judges too.
    let bare = worded(|config| config.route.clear()).await;
    let ana = bare.cookie("ana").await;
    assert_eq!(bare.save(&ana, "profanity", 0, "2 word flimp").await.status, 200);
    let levels = json!({ "profanity": "strict" });
    let body = json!({ "route": "", "channel": "", "levels": levels, "base": 0 });
    assert_eq!(post(&bare, &ana, "/api/strictness", &body).await.status, 200);
    let text = "so flimp".to_owned();
    let message = Message { text, at_ms: 1, ..Message::default() };
    assert_eq!(bare.doors.settler.pipeline.judge(&message).await.verdict, HOLD);
}

#[tokio::test]
async fn a_reload_builds_on_what_is_set() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    let file = house.dir.join("tidegate.toml");
    let words = std::fs::canonicalize("tests/data/words").expect("the words are there");
    let settings = format!("[wordlists]\nembedded = false\npaths = [{words:?}]\n");
    std::fs::write(&file, settings).expect("the folder can be written");
    let pipeline = &house.doors.settler.pipeline;
    let (config, rules) = (house.doors.config.clone(), pipeline.rules.clone());
    let (scorer, metrics) = (pipeline.scorer.clone(), house.doors.settler.metrics.clone());
    let config = tidegate::config::Config::clone(&config);
    let mut reloader = Reloader::new(file, config, rules.clone(), scorer, metrics).await;
    assert_eq!(house.save(&ana, "hate", 0, "4 word gremlo").await.status, 200);
    let before = rules.load_full();
    assert_eq!(reloader.step(true).await, Outcome::Loaded);
    assert!(!Arc::ptr_eq(&before, &rules.load_full()), "it was built anew");
    assert_eq!(house.judges("lobby", "gremlo").await, Verdict::Drop);
}

#[tokio::test]
async fn what_is_to_be_set_can_be_tried_first() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    for (text, candidate, expected) in [
        ("a gremlo", json!({ "list": "hate", "text": "4 word gremlo" }), ("pass", "drop")),
        ("you snarfle", json!({ "list": "left_out", "text": "blorp" }), ("hold", "hold")),
        ("so blorp", json!({ "levels": { "profanity": "off" } }), ("mask", "mask")),
        ("you snarfle", json!({ "levels": { "threat": "strict" } }), ("hold", "drop")),
    ] {
        let body = json!({
            "route": "main", "channel": "lobby", "text": text, "candidate": candidate
        });
        let answer = post(&house, &ana, "/api/try", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = answer.json();
        let (was, now) = (&told["running"]["verdict"], &told["candidate"]["verdict"]);
        assert_eq!((was, now), (&json!(expected.0), &json!(expected.1)), "{candidate}");
    }
    for wrong in [
        json!({ "levels": { "hate": "strict" }, "policy": "strict" }),
        json!({ "list": "hate", "text": "9 word gremlo" }),
        json!({ "list": "none", "text": "3 word gremlo" }),
    ] {
        let body = json!({ "route": "main", "channel": "lobby", "text": "hi", "candidate": wrong });
        assert_eq!(post(&house, &ana, "/api/try", &body).await.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn who_built_on_what_is_over_does_not_swap_it_in() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    let rules = &house.doors.settler.pipeline.rules;
    let before = rules.load_full();
    let late = before.revised(before.overrides.clone()).expect("they compile");
    assert_eq!(house.save(&ana, "hate", 0, "4 word gremlo").await.status, 200);
    assert!(!swapped(rules, &before, late));
    assert_eq!(house.judges("lobby", "gremlo").await, Verdict::Drop);
    let again = rules.load_full();
    let new = again.revised(again.overrides.clone()).expect("they compile");
    assert!(swapped(rules, &again, new));
    assert_eq!(house.judges("lobby", "gremlo").await, Verdict::Drop);
}

#[tokio::test]
async fn so_many_versions_are_kept_and_no_more() {
    let house = worded(|_| {}).await;
    for base in 0..32 {
        let text = format!("3 word gremlo\n# {base}\n");
        let saved = house.doors.save_list("hate", text, base, "ana").await;
        assert!(saved.is_ok(), "{:?}", saved.err().map(|failure| failure.message));
    }
    let kept = house.doors.revisions("hate").await.expect("the store answers");
    assert_eq!((kept.len(), kept[0].version, kept[29].version), (30, 32, 3));
}
