//! Tries appeals from the platform's call to the moderator's end and what everybody is told.

use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    admin::Erasure,
    audit::{Event, Record},
    commands::audit::erase,
    history::Whose,
    message::{Sender, Verdict, now_ms},
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
    let record = Record {
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
    };
    house.doors.settler.audit.record(record, Some("what was said"));
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
