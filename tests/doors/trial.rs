//! Tries what a moderator may try: texts under the running policy and under candidates.

use std::{fs, path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use tidegate::{config::RouteConfig, rules::Ruleset};

use crate::house::{Answer, House, house};

/// A house that judges by the tests' own words, with one route.
pub async fn worded(change: impl FnOnce(&mut tidegate::config::Config)) -> House {
    let house = house(|config| {
        config.wordlists.embedded = false;
        config.wordlists.paths = vec![PathBuf::from("tests/data/words")];
        config.route.push(RouteConfig { name: "main".into(), ..RouteConfig::default() });
        change(config);
    })
    .await;
    let rules = Ruleset::build(&house.doors.config).expect("the rules compile");
    house.doors.settler.pipeline.rules.store(Arc::new(rules));
    house
}

pub async fn post(house: &House, cookie: &str, path: &str, body: &Value) -> Answer {
    house.page("POST", path, cookie, &body.to_string()).await
}

fn asks(text: &str, candidate: Value) -> Value {
    json!({ "route": "main", "channel": "lobby", "text": text, "candidate": candidate })
}

async fn verdicts(house: &House, cookie: &str, body: &Value) -> (Value, Value) {
    let answer = post(house, cookie, "/api/try", body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    let told = answer.json();
    (told["running"]["verdict"].clone(), told["candidate"]["verdict"].clone())
}

const MILD: &str = "[policy.mild]\npreset = \"off\"\n[policy.mild.threat]\n\
                    action = [\"pass\", \"pass\", \"mask\", \"drop\"]\n";

#[tokio::test]
async fn a_text_is_judged_under_what_runs_and_under_a_candidate() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    for (text, candidate, expected) in [
        ("hello there", json!(null), ("pass", None)),
        ("you snarfle", json!(null), ("hold", None)),
        ("you snarfle", json!({ "policy": "off" }), ("hold", Some("pass"))),
        ("so blorp", json!({ "policy": "strict" }), ("mask", Some("mask"))),
        ("you snarfle", json!({ "toml": MILD }), ("hold", Some("mask"))),
        (
            "a gremlo",
            json!({ "add": "3 word gremlo", "category": "threat" }),
            ("pass", Some("hold")),
        ),
        ("snarfle street", json!({ "allow": "snarfle street" }), ("hold", Some("pass"))),
        ("you snarfle", json!({ "leave_out": "snarfle" }), ("hold", Some("pass"))),
        // Both at once: the policy and the lists.
        (
            "a gremlo",
            json!({ "toml": MILD, "add": "3 word gremlo", "category": "threat" }),
            ("pass", Some("mask")),
        ),
    ] {
        let told = verdicts(&house, &ana, &asks(text, candidate.clone())).await;
        let (was, now) = expected;
        assert_eq!(told, (json!(was), json!(now)), "{text} {candidate}");
    }
}

#[tokio::test]
async fn each_side_says_what_was_found_where_and_why() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    let told =
        post(&house, &ana, "/api/try", &asks("🌊 sn@rfle", json!({ "policy": "strict" }))).await;
    let told = told.json();
    for (name, policy, verdict) in
        [("running", "standard", "hold"), ("candidate", "strict", "drop")]
    {
        let side = &told[name];
        let said = (&side["policy"], &side["verdict"]);
        assert_eq!(said, (&json!(policy), &json!(verdict)), "{side}");
        let finding = &side["findings"][0];
        assert_eq!((&finding["rule"], &finding["category"]), (&json!("term"), &json!("threat")));
        // In UTF-16: the wave is two units.
        assert_eq!(finding["span"], json!({ "start": 3, "end": 10 }), "{finding}");
        let why = finding["why"].as_str().expect("a reason");
        assert!(why.contains("snarfle") && why.contains("look-alike"), "{why}");
        assert_eq!(side["by"], json!(format!("policy {policy}, threat 3")));
        assert_eq!(side["scores"], json!([]), "this house has no model");
    }
    let masked = post(&house, &ana, "/api/try", &asks("so blorp", json!(null))).await.json();
    assert_eq!(masked["running"]["mask"], json!([{ "start": 3, "end": 8 }]));
}

#[tokio::test]
async fn a_senders_standing_counts() {
    let house = worded(|config| {
        let policy = "if = \"sender.first\"\nthen = \"hold\"\nrule = \"first\"\nwhy = \"new\"\n";
        let policy = format!("[policy.standard]\n[[policy.standard.when]]\n{policy}");
        config.policy = tidegate::config::Config::parse(&policy, "t").expect("it is good").policy;
    })
    .await;
    let ana = house.cookie("ana").await;
    let with = |text: &str, more: Value| {
        let mut body = asks(text, json!(null));
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("one"));
        body
    };
    for (text, more, expected) in [
        ("you snarfle", json!({ "standing": { "roles": ["moderator"] } }), "pass"),
        ("hello", json!({ "standing": { "first": true } }), "hold"),
        ("hello", json!({ "standing": { "first": false } }), "pass"),
        ("you grumbix", json!({}), "drop"),
        ("you grumbix", json!({ "paid": "5 EUR" }), "hold"),
        ("so blorp", json!({ "standing": { "shield": true } }), "mask"),
    ] {
        let (verdict, _) = verdicts(&house, &ana, &with(text, more.clone())).await;
        assert_eq!(verdict, json!(expected), "{text} {more}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_candidate_is_named_by_part_line_and_cause() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    for (candidate, part, line, cause) in [
        (json!({ "policy": "nowhere" }), "policy", json!(null), "there is no policy"),
        (json!({ "policy": "off", "toml": MILD }), "policy", json!(null), "not both"),
        (json!({ "toml": "[policy.a]\npreset = \"loud\"" }), "toml", json!(2), "is not one of"),
        (json!({ "toml": "[policy.a]\n\nhold_ms = \"x\"" }), "toml", json!(3), "expected"),
        (json!({ "toml": "[policy.a]\nblorp = 1" }), "toml", json!(2), "unknown field"),
        (json!({ "toml": "[policy.a" }), "toml", json!(1), ""),
        (json!({ "toml": "[policy.a]\n[policy.b]" }), "toml", json!(null), "one [policy.NAME]"),
        (
            json!({ "toml": "[[policy.a.when]]\nif = \"nobody\"\nthen = \"hold\"\nrule = \"r\"" }),
            "toml",
            json!(2),
            "",
        ),
        (
            json!({ "toml": "[policy.a.rules]\n\"term:xx/none\" = \"shadow\"" }),
            "toml",
            json!(2),
            "there is no word list",
        ),
        (json!({ "add": "3 word gremlo\n9 word splat" }), "add", json!(2), "severity"),
        (json!({ "add": "3 word gremlo\n- a gremlo" }), "add", json!(2), "finds its example"),
        (json!({ "add": "3 regex (((" }), "add", json!(1), ""),
        (json!({ "allow": "fine\n!!!" }), "allow", json!(2), "no letter"),
        (json!({ "leave_out": "snarfle\nunheard" }), "leave_out", json!(2), "no list"),
    ] {
        let answer = post(&house, &ana, "/api/try", &asks("hello", candidate.clone())).await;
        assert_eq!(answer.status, 422, "{candidate}: {}", answer.body);
        let told = answer.json();
        let wrong = &told["problems"][0];
        assert_eq!(told["error"], json!("candidate"));
        assert_eq!((&wrong["part"], &wrong["line"]), (&json!(part), &line), "{candidate}: {wrong}");
        assert!(wrong["cause"].as_str().is_some_and(|own| own.contains(cause)), "{wrong}");
    }
}

#[tokio::test]
async fn nobody_has_files_read_by_trying_a_policy() {
    let house = worded(|_| {}).await;
    let ana = house.cookie("ana").await;
    let secret = house.dir.join("secret.txt");
    fs::write(&secret, "a secret of the operator\n").expect("a file");
    let path = secret.display();
    for toml in [
        format!("[wordlists]\npaths = [\"{path}\"]\n[policy.a]"),
        format!("[score]\nmanifest = \"{path}\"\n[policy.a]"),
        format!(
            "[policy.a]\n[[route]]\nupstream = \"ws://127.0.0.1:1\"\n\
                 [route.service]\nhello_file = \"{path}\""
        ),
        "state_dir = \"/\"\n[policy.a]".to_owned(),
    ] {
        let answer = post(&house, &ana, "/api/try", &asks("hello", json!({ "toml": toml }))).await;
        assert_eq!(answer.status, 422, "{toml}");
        assert!(answer.body.contains("only a [policy.NAME]"), "{}", answer.body);
        assert!(!answer.body.contains("secret of the operator"), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_is_tried_leaves_no_trace() {
    let house = worded(|config| config.history.chat_max = 100).await;
    let ana = house.cookie("ana").await;
    let text = "you snarfle, unheard-of-marker-4711";
    for _ in 0..3 {
        verdicts(&house, &ana, &asks(text, json!({ "policy": "strict" }))).await;
    }
    let settler = &house.doors.settler;
    settler.audit.flush().await;
    assert_eq!(settler.audit.recent(10).await.expect("the log is there"), []);
    let history = &settler.pipeline.history;
    assert_eq!((history.senders(), history.crowds(), history.channels(9)), (0, (0, 0), vec![]));
    assert!(history.chat.list(0).is_empty());
    let metrics = settler.metrics.render();
    assert!(!metrics.contains("tidegate_messages_total{"), "it was no message");
    let mut read = 0;
    for entry in fs::read_dir(&house.dir).expect("the state") {
        let path = entry.expect("an entry").path();
        let Ok(bytes) = fs::read(&path) else { continue };
        read += bytes.len();
        assert!(!String::from_utf8_lossy(&bytes).contains("marker-4711"), "{}", path.display());
    }
    assert!(read > 0, "the store was looked into");
}

#[tokio::test]
async fn size_and_rate_are_bounded() {
    let house = worded(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    let none = json!(null);
    for (body, expected) in [
        (asks("  ", none.clone()), (422, "text")),
        (asks(&"b".repeat(2_001), none.clone()), (422, "long")),
        (asks(&"b ".repeat(150_000), none.clone()), (413, "too_large")),
        (json!({ "route": "nowhere", "channel": "", "text": "hi" }), (422, "route")),
        (json!({ "route": "main", "channel": "x".repeat(600), "text": "hi" }), (422, "channel")),
        (
            json!({ "route": "main", "channel": "", "text": "hi", "standing": { "strikes": -1 } }),
            (422, "strikes"),
        ),
        (json!({ "route": "main", "channel": "", "text": "hi", "blorp": 1 }), (400, "json")),
    ] {
        let answer = post(&house, &ana, "/api/try", &body).await;
        let told = (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned());
        assert_eq!(told, (expected.0, expected.1.to_owned()), "{}", answer.body);
    }
    let mut refused = 0;
    for _ in 0..30 {
        let answer = post(&house, &ana, "/api/try", &asks("hello", none.clone())).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some(), "{}", answer.head);
            refused += 1;
        }
    }
    assert!((10..30).contains(&refused), "{refused} of 30");
    let other = post(&house, &ben, "/api/try", &asks("hello", none)).await;
    assert_eq!(other.status, 200, "each has a pace of their own");
}

#[tokio::test]
async fn the_policies_that_there_are_and_where_they_judge_are_listed() {
    let house = worded(|config| {
        config.route[0].channels = [("#quiet".to_owned(), "strict".to_owned())].into();
    })
    .await;
    let ana = house.cookie("ana").await;
    let told = house.page("GET", "/api/policies", &ana, "").await.json();
    assert_eq!(told["policies"], json!(["off", "relaxed", "stage", "standard", "strict"]));
    let places = [("", "standard"), ("#quiet", "strict")];
    let places = places
        .map(|(channel, policy)| json!({ "route": "main", "channel": channel, "policy": policy }));
    assert_eq!(told["places"], json!(places));
}
