//! Tries what servers get that ask before they publish.

use std::{path::PathBuf, sync::Arc};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    audit::Event,
    config::{Config, HookConfig},
    hold::{Change, Decision, State},
    message::Verdict,
    rules::Ruleset,
};
use tokio::time::timeout;

use crate::house::{Answer, House, house, raw, request};

/// Nothing here takes this long; a test that waits longer has failed.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A house with a hook, the lists of `tests/data/words` and a token for the hook.
pub async fn asked(policy: &str, change: impl FnOnce(&mut Config)) -> (House, String) {
    let text = format!("[policy.p]\npreset = \"standard\"\n{policy}\n");
    let mut parsed = Config::parse(&text, "t.toml").expect(&text);
    let hook = HookConfig { name: "rooms".into(), policy: "p".into(), ..HookConfig::default() };
    parsed.hook = vec![hook];
    parsed.wordlists.embedded = false;
    parsed.wordlists.paths = vec![PathBuf::from("tests/data/words")];
    let rules = Ruleset::build(&parsed).expect("the rules compile");
    let house = house(|config| {
        config.hook = parsed.hook;
        config.hold.undo_ms = 0;
        change(config);
    })
    .await;
    house.doors.settler.pipeline.rules.store(Arc::new(rules));
    let token = house.doors.accounts.issue_token("rooms", &[Scope::Hook]).await.expect("a token");
    (house, token)
}

pub async fn post(house: &House, token: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("host", "tidegate.internal"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    raw(house.console, &request("POST", path, &headers, &body.to_string())).await
}

pub async fn ask(house: &House, token: &str, body: &Value) -> Value {
    let answer = post(house, token, "/v1/hook/rooms", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

pub fn said(id: &str, sender: &str, text: &str) -> Value {
    let sender = json!({ "id": sender, "name": sender });
    json!({ "id": id, "channel": "lobby", "sender": sender, "text": text })
}

#[tokio::test]
async fn each_verdict_has_its_action() {
    let (house, token) = asked("", |_| {}).await;
    for (text, action, shown, reason) in [
        ("good evening", "pass", Value::Null, ""),
        ("what a blorp", "mask", json!("what a *****"), "profanity"),
        ("i will snarfle", "hold", Value::Null, "threat"),
        ("you grumbix", "drop", Value::Null, "hate"),
    ] {
        let answer = ask(&house, &token, &said(text, "u1", text)).await;
        assert_eq!(
            (&answer["action"], &answer["text"], &answer["reason"], &answer["id"]),
            (&json!(action), &shown, &json!(reason), &json!(text)),
            "{answer}"
        );
        assert_eq!(answer["decision"].is_string(), action != "pass", "{answer}");
        let told = answer["notices"].as_array().expect("a list");
        assert_eq!(!told.is_empty(), matches!(action, "hold" | "drop"), "{answer}");
        if let Some(decision) = answer["decision"].as_str() {
            house.doors.settler.audit.flush().await;
            let records = house.doors.settler.audit.find(decision).await.expect("a store");
            let record = records.first().expect("it is on record");
            assert_eq!((record.route.as_str(), record.channel.as_str()), ("rooms", "lobby"));
            assert!(matches!(record.event, Event::Judged(_)), "{record:?}");
        }
    }
    // Somebody paid for it: no machine drops it.
    let mut paid = said("paid", "u2", "you grumbix");
    paid["paid"] = json!({ "amount": 5, "currency": "EUR" });
    let answer = ask(&house, &token, &paid).await;
    assert_eq!(answer["action"], "hold");
    let hold = house.doors.settler.holds.find(answer["decision"].as_str().expect("an id"));
    let hold = hold.expect("it is held");
    assert_eq!(hold.paid.as_ref().map(|paid| paid.amount.as_str()), Some("5 EUR"));
    // The server says who has which role, and is believed.
    let mut staff = said("staff", "u3", "you grumbix");
    staff["sender"]["roles"] = json!(["moderator", "and another"]);
    let answer = ask(&house, &token, &staff).await;
    assert_eq!((&answer["action"], &answer["decision"]), (&json!("pass"), &Value::Null));
    assert_eq!(answer["findings"][0]["category"], "hate", "it is found all the same: {answer}");
    // A sender alone is enough, and so is a text alone; ids may be numbers.
    for body in [json!({ "text": "hi" }), json!({ "id": 7, "sender": { "id": 8 }, "text": "hi" })] {
        assert_eq!(ask(&house, &token, &body).await["id"], body["id"]);
    }
}

#[tokio::test]
async fn what_is_dropped_for_want_of_room_is_on_record() {
    let full = |config: &mut Config| config.hold.held_max = 1;
    let (house, token) = asked("when_full = \"drop\"", full).await;
    let first = ask(&house, &token, &said("1", "u1", "i will snarfle")).await;
    assert_eq!(first["action"], "hold");
    let second = ask(&house, &token, &said("2", "u2", "we will snarfle")).await;
    assert_eq!(second["action"], "drop");
    house.doors.settler.audit.flush().await;
    let decision = second["decision"].as_str().expect("an id");
    let records = house.doors.settler.audit.find(decision).await.expect("a store");
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.event, Event::Judged(Verdict::Drop));
    assert!(record.decided_by.ends_with(", hold_full"), "{record:?}");
    assert!(!record.text_sha256.is_empty(), "its text is kept like any dropped one's");
}

#[tokio::test]
async fn what_is_asked_twice_is_judged_once() {
    let (house, token) = asked("", |_| {}).await;
    let body = said("m1", "u1", "i will snarfle");
    let answers = futures_util::future::join_all((0..8).map(|_| ask(&house, &token, &body))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let holds = &house.doors.settler.holds;
    assert_eq!(holds.list().len(), 1);
    // The same id with other words is another message: an edit, or a trick.
    let edited = ask(&house, &token, &said("m1", "u1", "you grumbix")).await;
    assert_eq!(edited["action"], "drop");
    // Without an id nobody knows whether it is the same.
    let nameless = json!({ "sender": { "id": "u9" }, "text": "i will snarfle" });
    for count in 2..4 {
        assert_eq!(ask(&house, &token, &nameless).await["action"], "hold");
        assert_eq!(holds.list().len(), count);
    }
    // Asked again after the decision, it is answered with that.
    let id = answers[0]["decision"].as_str().expect("an id");
    assert_eq!((&answers[0]["action"], &answers[0]["state"]), (&json!("hold"), &json!("held")));
    let mut changes = holds.subscribe();
    holds.decide(id, Decision::Release, "ana").await.expect("it is held");
    until(&mut changes, id, State::Released).await;
    let later = ask(&house, &token, &body).await;
    assert_eq!(
        (&later["action"], &later["state"], &later["decision"]),
        (&json!("pass"), &json!("released"), &json!(id))
    );
    assert_eq!(later["notices"][0]["kind"], "released");
    // So many others have ended since that the queue knows nothing of it any more.
    for number in 0..1_001 {
        let hold = house.hold(&format!("blorp {number}")).await;
        holds.withdraw(&hold.id).await.expect("it is held");
    }
    assert!(holds.find(id).is_none());
    house.doors.settler.audit.flush().await;
    let old = ask(&house, &token, &body).await;
    assert_eq!((&old["action"], &old["state"]), (&json!("pass"), &json!("released")));
    // Whoever asks by its id is told, for as long as its record is kept.
    let read = house.doors.accounts.issue_token("reader", &[Scope::Read]).await.expect("a token");
    let bearer = format!("Bearer {read}");
    for path in [format!("/v1/holds/{id}"), format!("/v1/decisions/{id}")] {
        let headers = [("host", "any"), ("authorization", bearer.as_str())];
        let answer = raw(house.console, &request("GET", &path, &headers, "")).await;
        assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("released")), "{path}");
    }
}

#[tokio::test]
async fn what_waits_is_known_however_many_others_are_asked() {
    let (house, token) = asked("", |config| config.hook[0].remembered_max = 4).await;
    let holds = &house.doors.settler.holds;
    let body = said("held", "u1", "i will snarfle");
    let first = ask(&house, &token, &body).await;
    let id = first["decision"].as_str().expect("an id");
    let others = async |from: usize| {
        for n in from..from + 20 {
            ask(&house, &token, &said(&format!("m{n}"), &format!("v{n}"), "good evening")).await;
        }
    };
    others(0).await;
    assert_eq!(ask(&house, &token, &body).await["decision"], id, "it is judged once");
    assert_eq!(holds.list().len(), 1);
    let mut changes = holds.subscribe();
    holds.decide(id, Decision::Release, "ana").await.expect("it is held");
    until(&mut changes, id, State::Released).await;
    ask(&house, &token, &said("next", "v1", "good morning")).await;
    let later = ask(&house, &token, &body).await;
    assert_eq!((&later["action"], &later["decision"]), (&json!("pass"), &json!(id)));
    others(100).await;
    assert_eq!(ask(&house, &token, &body).await["action"], "hold", "and no longer than that");
}

async fn until(changes: &mut tokio::sync::broadcast::Receiver<Change>, id: &str, state: State) {
    let seen = async {
        loop {
            let (Change::Added(hold) | Change::Moved(hold, _)) =
                changes.recv().await.expect("the queue is there");
            if hold.id == id && hold.state == state {
                return;
            }
        }
    };
    timeout(PATIENCE, seen).await.expect("it comes to that");
}

/// The id of the next message that is held.
pub async fn next_held(changes: &mut tokio::sync::broadcast::Receiver<Change>) -> String {
    loop {
        let next = timeout(PATIENCE, changes.recv()).await.expect("in time");
        if let Change::Added(hold) = next.expect("the queue is there") {
            return hold.id.clone();
        }
    }
}

#[tokio::test]
async fn an_answer_may_wait_for_a_moderator() {
    let (house, token) = asked("", |_| {}).await;
    let holds = &house.doors.settler.holds;
    for (nth, decision, action, state, notice) in [
        (1, Decision::Release, "pass", "released", "released"),
        (2, Decision::Remove, "drop", "denied", "denied"),
    ] {
        let mut changes = holds.subscribe();
        let mut body = said(&format!("m{nth}"), "u1", "i will snarfle");
        body["wait_s"] = 30.into();
        let (answer, id) = tokio::join!(ask(&house, &token, &body), async {
            let id = next_held(&mut changes).await;
            holds.decide(&id, decision, "ana").await.expect("it is held");
            id
        });
        assert_eq!(
            (&answer["action"], &answer["state"], &answer["decision"]),
            (&json!(action), &json!(state), &json!(id))
        );
        assert_eq!(answer["notices"][0]["kind"], notice, "{answer}");
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_may_be() {
    let (house, token) = asked("", |config| {
        config.hook[0].wait_max_s = 600;
        config.hook[0].waiting_max = 1;
    })
    .await;
    house.doors.ready.set(true);
    let waiting = |id: &str| {
        let mut body = said(id, id, "i will snarfle");
        body["wait_s"] = 600.into();
        body
    };
    let (one, two) = (waiting("m1"), waiting("m2"));
    let (one, two) = (ask(&house, &token, &one).boxed(), ask(&house, &token, &two).boxed());
    // One of them may wait; the other is told at once, and is not lost.
    let either = timeout(PATIENCE, futures_util::future::select(one, two)).await;
    let (told, waits) = either.expect("one is told at once").factor_first();
    assert_eq!((&told["action"], &told["state"]), (&json!("hold"), &json!("held")));
    let metrics = house.doors.settler.metrics.render();
    assert!(metrics.contains("tidegate_discarded_total{reason=\"hook_waiting\"} 1"), "{metrics}");
    // Whoever waits when all is shut down is told what is known.
    house.doors.ready.set(false);
    let told = timeout(PATIENCE, waits).await.expect("it waits no longer");
    assert_eq!((&told["action"], &told["state"]), (&json!("hold"), &json!("held")));
    assert_eq!(house.doors.settler.holds.list().len(), 2);
}

#[tokio::test]
async fn a_sender_whose_message_is_held_waits_where_policy_says_so() {
    for (policy, expected) in [("", "pass"), ("while_held = \"hold\"", "hold")] {
        let (house, token) = asked(policy, |_| {}).await;
        assert_eq!(ask(&house, &token, &said("1", "u1", "i will snarfle")).await["action"], "hold");
        let next = ask(&house, &token, &said("2", "u1", "good evening")).await;
        assert_eq!(next["action"], expected, "{policy}");
        let other = ask(&house, &token, &said("3", "u2", "good evening")).await;
        assert_eq!(other["action"], "pass");
    }
}

#[tokio::test]
async fn a_raid_is_told_once() {
    let (house, token) = asked("", |_| {}).await;
    let line = "everybody leave this boring room and come watch the splat show with us";
    for sender in 0..40 {
        ask(&house, &token, &said(&format!("m{sender}"), &format!("raider{sender}"), line)).await;
    }
    let audit = &house.doors.settler.audit;
    audit.flush().await;
    let records = audit.after(0, 1_000).await.expect("a store");
    let raids: Vec<_> = records
        .iter()
        .filter_map(|(_, record)| match &record.event {
            Event::Raid { by, senders, newcomers, .. } => Some((record, by, senders, newcomers)),
            _ => None,
        })
        .collect();
    let [(record, by, senders, newcomers)] = raids.as_slice() else {
        panic!("{} raids", raids.len());
    };
    assert_eq!(
        (by.as_str(), record.channel.as_str(), record.route.as_str()),
        ("crowd", "lobby", "rooms")
    );
    assert!(**senders >= 5 && **newcomers >= 5, "{senders} {newcomers}");
    assert!(record.findings.iter().all(|finding| finding.rule == "crowd"), "{record:?}");
    let held = records.iter().filter(|(_, record)| matches!(record.event, Event::Judged(_)));
    assert!(held.count() > 20, "the copies are held and dropped one by one all the same");
}

#[tokio::test]
async fn a_shield_that_goes_up_by_itself_is_a_raid_too() {
    let alone = "[policy.p.crowd]\naction = \"pass\"\n[policy.p.shield]\nhostile_max = 5\n";
    let (house, token) = asked(alone, |_| {}).await;
    let mut records = house.doors.settler.audit.subscribe();
    for sender in 0..12 {
        let body = said(&format!("m{sender}"), &format!("raider{sender}"), "you grumbix");
        ask(&house, &token, &body).await;
    }
    let raid = async {
        loop {
            let record = records.recv().await.expect("the log is there");
            if let Event::Raid { by, .. } = &record.event {
                return (by.clone(), record.channel.clone());
            }
        }
    };
    let raid = timeout(PATIENCE, raid).await.expect("it is told");
    assert_eq!(raid, ("shield".to_owned(), "lobby".to_owned()));
}

#[tokio::test]
async fn its_channels_have_shields_like_any_other() {
    let (house, token) = asked("", |_| {}).await;
    let scopes = [Scope::Decide, Scope::Read];
    let decider = house.doors.accounts.issue_token("decider", &scopes).await.expect("a token");
    let bearer = format!("Bearer {decider}");
    let headers = [
        ("host", "tidegate.internal"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let path = "/v1/shields/lobby?route=rooms";
    let answer = raw(house.console, &request("PUT", path, &headers, r#"{"minutes":5}"#)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // Under the shield whoever is new waits.
    let answer = ask(&house, &token, &said("1", "u1", "good evening")).await;
    assert_eq!(answer["action"], "hold", "{answer}");
}

#[tokio::test]
async fn a_hook_says_what_is_wrong() {
    let (house, token) = asked("", |config| config.limits.message_bytes_max = 100).await;
    let good = said("1", "u1", "hi");
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let long = "x".repeat(600);
    for (secret, path, body, status) in [
        ("", "/v1/hook/rooms", good.clone(), 401),
        (house.token.as_str(), "/v1/hook/rooms", good.clone(), 403),
        (&token, "/v1/hook/other", good.clone(), 404),
        (&token, "/v1/hook/%ff", good.clone(), 400),
        (&token, "/v1/hook/rooms", json!({ "id": 1 }), 400),
        (&token, "/v1/hook/rooms", json!([]), 400),
        (&token, "/v1/hook/rooms", with("sender", json!({ "id": [1] })), 400),
        (&token, "/v1/hook/rooms", with("channel", json!(true)), 400),
        (&token, "/v1/hook/rooms", with("wait_s", json!(-1)), 400),
        (&token, "/v1/hook/rooms", with("text", "x".repeat(101).into()), 422),
        (&token, "/v1/hook/rooms", with("id", long.clone().into()), 422),
        (&token, "/v1/hook/rooms", with("channel", long.clone().into()), 422),
        (&token, "/v1/hook/rooms", with("sender", json!({ "name": long })), 422),
        (&token, "/v1/hook/rooms", with("pad", "x".repeat(2 * 1024 * 1024).into()), 413),
        (&token, "/v1/hook/rooms", good.clone(), 200),
    ] {
        let answer = post(&house, secret, path, &body).await;
        assert_eq!(answer.status, status, "{path} {:.80}", body.to_string());
        if status != 200 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
}
