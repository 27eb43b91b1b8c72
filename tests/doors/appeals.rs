//! Tries appeals from the platform's call to the moderator's end and what everybody is told.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    admin::Erasure,
    audit::{Event, Record},
    commands::audit::erase,
    history::Whose,
    message::{Sender, Verdict, now_ms},
    store::{Expect, Table, Write},
};

use crate::house::{Answer, House, house, raw, request};

async fn ask(house: &House, token: &str, method: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("host", "any"), ("authorization", bearer.as_str()), ("content-type", "application/json")];
    raw(house.console, &request(method, path, &headers, &body.to_string())).await
}

async fn appeals(house: &House, token: &str, decision: &str, sender: &str) -> Answer {
    let path = format!("/v1/decisions/{decision}/appeal");
    ask(house, token, "POST", &path, json!({ "sender": sender, "text": "it was a quote" })).await
}

async fn token(house: &House) -> String {
    house.doors.accounts.issue_token("panel", &[Scope::Appeal]).await.expect("a token")
}

/// A machine's verdict on somebody's message.
async fn dropped(house: &House, id: &str, sender: &str) {
    house.doors.settler.audit.record(verdict(id, sender), Some("what was said"));
}

fn verdict(id: &str, sender: &str) -> Record {
    Record {
        id: id.into(),
        at_ms: now_ms(),
        route: "".into(),
        channel: "lobby".into(),
        sender: Sender { id: sender.into(), ..Sender::default() },
        event: Event::Judged(Verdict::Drop),
        findings: Vec::new(),
        rules: String::new(),
        decided_by: "policy standard, threat 3".into(),
        text_sha256: String::new(),
    }
}

async fn listed(house: &House, cookie: &str) -> Vec<Value> {
    let answer = house.page("GET", "/api/appeals", cookie, "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["appeals"].as_array().expect("a list").clone()
}

async fn end(house: &House, cookie: &str, id: &str, act: &str) -> Answer {
    house.page("POST", &format!("/api/appeals/{id}/{act}"), cookie, "{}").await
}

#[tokio::test]
async fn an_appeal_is_decided_by_somebody_who_did_not_decide_before() {
    let house = house(|_| {}).await;
    let (ana, ben, token) =
        (house.cookie("ana").await, house.cookie("ben").await, token(&house).await);
    let hold = house.hold("so blorp").await;
    // While it waits there is nothing to appeal against.
    let early = appeals(&house, &token, &hold.id, "u1").await;
    assert!(matches!(early.status, 404 | 409), "{}", early.body);
    assert_eq!(house.act(&ana, &hold.id, "remove", "{}").await.status, 200);
    let taken = appeals(&house, &token, &hold.id, "u1").await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    assert_eq!(
        (&taken.json()["state"], &taken.json()["against"]),
        (&json!("open"), &json!("denied"))
    );
    assert_eq!(appeals(&house, &token, &hold.id, "u1").await.status, 409, "once");

    house.doors.settler.audit.flush().await;
    let (own, other) = (listed(&house, &ana).await, listed(&house, &ben).await);
    assert_eq!(
        (own[0]["may_end"].clone(), other[0]["may_end"].clone()),
        (json!(false), json!(true))
    );
    assert_eq!(
        (&other[0]["said"], &other[0]["text"]),
        (&json!("so blorp"), &json!("it was a quote"))
    );
    let refused = end(&house, &ana, &hold.id, "overturn").await;
    assert_eq!((refused.status, &refused.json()["error"]), (403, &json!("own_decision")));
    assert_eq!(end(&house, &ben, &hold.id, "dance").await.status, 404);
    assert_eq!(end(&house, &ben, &hold.id, "overturn").await.status, 200);
    let late = end(&house, &ben, &hold.id, "uphold").await;
    assert_eq!((late.status, &late.json()["by"]), (409, &json!("ben")), "the first wins");
    assert!(listed(&house, &ben).await.is_empty());

    // The platform is told, of the end and not of the person.
    let path = format!("/v1/decisions/{}/appeal", hold.id);
    let state = ask(&house, &token, "GET", &path, json!({})).await;
    assert_eq!(state.json()["state"], json!("overturned"));
    assert!(!state.body.contains("ben") && !state.body.contains("quote"), "{}", state.body);
    assert_eq!(appeals(&house, &token, &hold.id, "u1").await.status, 409, "once and for all");
    house.doors.settler.audit.flush().await;
    let log = house.doors.settler.audit.recent(2).await.expect("the log is there");
    let of = || hold.id.clone();
    assert_eq!(log[1].event, Event::Appealed { of: of(), by: "token:panel".into() });
    let outcome = "overturned".to_owned();
    assert_eq!(log[0].event, Event::AppealEnded { of: of(), outcome, by: "ben".into() });
}

#[tokio::test]
async fn whoever_listens_hears_of_appeals() {
    let house = house(|_| {}).await;
    let (ben, token) = (house.cookie("ben").await, token(&house).await);
    dropped(&house, "x1", "u1").await;
    let taken = appeals(&house, &token, "x1", "u1").await.json();
    assert_eq!(end(&house, &ben, "x1", "uphold").await.status, 200);
    house.doors.settler.audit.flush().await;
    let reader = house.doors.accounts.issue_token("reader", &[Scope::Read]).await.expect("a token");
    let path = format!("/v1/decisions/{}", taken["appeal"].as_str().expect("an id"));
    let told = ask(&house, &reader, "GET", &path, json!({})).await.json();
    let records = told["records"].as_array().expect("records");
    let kinds: Vec<&Value> = records.iter().map(|record| &record["kind"]).collect();
    assert_eq!(kinds, [&json!("appealed"), &json!("appeal_upheld")]);
    assert_eq!((&records[1]["of"], &records[1]["by"]), (&json!("x1"), &json!("ben")));
    assert!(!told["records"].to_string().contains("quote"), "the text is no part of an event");
    let of_message = ask(&house, &reader, "GET", "/v1/decisions/x1", json!({})).await.json();
    assert_eq!(of_message["text"], json!("what was said"), "and takes no message's place");
}

#[tokio::test]
async fn only_its_sender_may_appeal_and_only_so_often() {
    let house = house(|_| {}).await;
    let token = token(&house).await;
    for n in 0..4 {
        dropped(&house, &format!("x{n}"), "u1").await;
    }
    for (decision, sender, text, expected) in [
        ("x0", "u2", "it was a quote", 404),
        ("x0", "", "it was a quote", 404),
        ("none", "u1", "it was a quote", 404),
        ("x0", "u1", "  ", 422),
        ("x0", "u1", &"b".repeat(501), 422),
        ("x0", "u1", &"b".repeat(9_000), 413),
        ("x0", "u1", &"é".repeat(500), 201),
        ("x1", "u1", "it was a quote", 201),
        ("x2", "u1", "it was a quote", 201),
        ("x3", "u1", "it was a quote", 409),
    ] {
        let path = format!("/v1/decisions/{decision}/appeal");
        let body = json!({ "sender": sender, "text": text });
        let answer = ask(&house, &token, "POST", &path, body).await;
        assert_eq!(answer.status, expected, "{decision} {sender}: {}", answer.body);
    }
    let other = house.doors.accounts.issue_token("bot", &[Scope::Decide]).await.expect("a token");
    assert_eq!(appeals(&house, &other, "x3", "u1").await.status, 403, "another scope");
}

#[tokio::test]
async fn an_overturned_decision_can_come_with_forgiveness() {
    let house = house(|_| {}).await;
    let (ben, token) = (house.cookie("ben").await, token(&house).await);
    let whose = Whose { route: "", channel: "lobby", sender: "u1" };
    let silent = || house.doors.settler.pipeline.history.known(whose, now_ms()).timed_out_until_ms;
    house.doors.silence(whose, 600, "ana").await.expect("it may be");
    for (id, act, forgive, expected) in [
        ("x1", "overturn", false, true),
        ("x2", "uphold", true, true),
        ("x3", "overturn", true, false),
    ] {
        dropped(&house, id, "u1").await;
        assert_eq!(appeals(&house, &token, id, "u1").await.status, 201);
        let body = json!({ "forgive": forgive }).to_string();
        let path = format!("/api/appeals/{id}/{act}");
        assert_eq!(house.page("POST", &path, &ben, &body).await.status, 200);
        assert_eq!(silent().is_some(), expected, "{act} {forgive}");
    }
}

#[tokio::test]
async fn what_a_sender_wrote_goes_when_the_sender_is_erased() {
    let house = house(|_| {}).await;
    let (ben, token) = (house.cookie("ben").await, token(&house).await);
    dropped(&house, "x1", "u1").await;
    assert_eq!(appeals(&house, &token, "x1", "u1").await.status, 201);
    house.doors.settler.audit.flush().await;
    let erasure = Erasure { route: String::new(), sender: "u1".into() };
    assert_eq!(erase(&house.doors.config, erasure).await.expect("the door answers"), 2);
    let rest = listed(&house, &ben).await;
    assert_eq!((&rest[0]["said"], &rest[0]["text"]), (&json!(""), &json!("")));
}

#[tokio::test]
async fn what_is_taken_is_stored_even_where_the_log_is_overrun() {
    let house = house(|_| {}).await;
    let token = token(&house).await;
    let audit = &house.doors.settler.audit;
    for n in 0..3 {
        dropped(&house, &format!("x{n}"), "u1").await;
    }
    audit.flush().await;
    let over = Arc::new(AtomicBool::new(false));
    let flood = std::thread::spawn({
        let (over, audit) = (over.clone(), audit.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                audit.record(verdict("noise", "u9"), None);
            }
        }
    });
    for n in 0..3 {
        let decision = format!("x{n}");
        let answer = appeals(&house, &token, &decision, "u1").await;
        let state = house.doors.appeal_against(&decision).await.expect("the store answers");
        match answer.status {
            201 => {
                let id = answer.json()["appeal"].as_str().expect("an id").to_owned();
                let text = audit.text(&id).await.expect("the store answers");
                assert_eq!(text.as_deref(), Some("it was a quote"));
            }
            status => {
                assert_eq!((status, state.is_none()), (503, true), "{}", answer.body);
                assert!(answer.header("retry-after").is_some(), "{}", answer.head);
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    flood.join().expect("it ends");
    for n in 0..3 {
        let status = appeals(&house, &token, &format!("x{n}"), "u1").await.status;
        assert!(matches!(status, 201 | 409), "now there is room: {status}");
    }
}

#[tokio::test]
async fn what_is_old_and_broken_keeps_no_appeal_from_being_taken() {
    let house = house(|_| {}).await;
    let token = token(&house).await;
    let broken = Write {
        table: Table::Meta,
        key: "appeal/over/a".into(),
        expect: Expect::Anything,
        value: Some(b"no appeal".to_vec()),
    };
    house.doors.store.commit(vec![broken]).await.expect("the store works");
    dropped(&house, "x1", "u1").await;
    assert_eq!(appeals(&house, &token, "x1", "u1").await.status, 201);
    house.doors.sweep_appeals(now_ms()).await.expect("the others have their end");
}

#[tokio::test]
async fn an_appeal_that_nobody_looks_at_lapses_and_that_is_told() {
    let house = house(|_| {}).await;
    let (ben, token) = (house.cookie("ben").await, token(&house).await);
    for (id, act) in [("x1", Some("uphold")), ("x2", None)] {
        dropped(&house, id, "u1").await;
        assert_eq!(appeals(&house, &token, id, "u1").await.status, 201);
        if let Some(act) = act {
            assert_eq!(end(&house, &ben, id, act).await.status, 200);
        }
    }
    let state = async |id: &str| {
        let path = format!("/v1/decisions/{id}/appeal");
        let answer = ask(&house, &token, "GET", &path, json!({})).await;
        (answer.status == 200).then(|| answer.json()["state"].clone())
    };
    let in_days = |days: u64| house.doors.sweep_appeals(now_ms() + days * 86_400_000 + 1_000);
    let days = house.doors.config.retention.clone();
    in_days(u64::from(days.text_days) - 1).await.expect("the store answers");
    assert_eq!(state("x2").await, Some(json!("open")));
    in_days(days.text_days.into()).await.expect("the store answers");
    assert_eq!(state("x2").await, Some(json!("lapsed")));
    assert_eq!(state("x1").await, Some(json!("upheld")), "what is over has its end");
    assert!(listed(&house, &ben).await.is_empty());
    let late = end(&house, &ben, "x2", "overturn").await;
    assert_eq!((late.status, &late.json()["outcome"]), (409, &json!("lapsed")));
    house.doors.settler.audit.flush().await;
    let log = house.doors.settler.audit.recent(1).await.expect("the log is there");
    let (of, outcome, by) = ("x2".to_owned(), "lapsed".to_owned(), "clock".to_owned());
    assert_eq!(log[0].event, Event::AppealEnded { of, outcome, by });
    assert_eq!(appeals(&house, &token, "x2", "u1").await.status, 409, "once and for all");
    // With the records of it, it is forgotten.
    in_days(days.record_days.into()).await.expect("the store answers");
    assert_eq!((state("x1").await, state("x2").await), (None, None));
}
