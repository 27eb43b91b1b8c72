//! Tries how often a token may ask, and acts that are asked for again with the same key.

use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    config::Config,
    hold::{Decision, State},
};
use tokio::task::JoinSet;

use crate::house::{Answer, House, house, raw, request};

async fn with_token(change: impl FnOnce(&mut Config)) -> (House, String) {
    let house = house(change).await;
    let token = house.doors.accounts.issue_token("panel", &Scope::ALL).await.expect("a token");
    (house, token)
}

fn text(token: &str, method: &str, path: &str, key: &str, body: &str) -> String {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        ("host", "any"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    headers.extend((!key.is_empty()).then_some(("idempotency-key", key)));
    request(method, path, &headers, body)
}

async fn act(house: &House, token: &str, path: &str, key: &str, body: &str) -> Answer {
    raw(house.console, &text(token, "POST", path, key, body)).await
}

fn error(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["error"].clone())
}

#[tokio::test]
async fn a_key_needs_no_more_than_the_act() {
    let house = house(|_| {}).await;
    let token = house.doors.accounts.issue_token("panel", &[Scope::Appeal]);
    let token = token.await.expect("a token");
    let bearer = format!("Bearer {token}");
    let headers = [
        ("host", "tidegate.internal"),
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", "one"),
    ];
    let body = r#"{"sender":"u1","text":"it was a quote"}"#;
    let ask = |path: &'static str, body: &'static str| {
        let (console, request) = (house.console, request("POST", path, &headers, body));
        async move { raw(console, &request).await }
    };
    // There is no such decision, which it may know; release it may not.
    assert_eq!(ask("/v1/decisions/none/appeal", body).await.status, 404);
    let again = ask("/v1/decisions/none/appeal", body).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (404, Some("true")));
    let headers = [&headers[..3], &[("idempotency-key", "two")]].concat();
    let release = request("POST", "/v1/holds/none/release", &headers, "{}");
    assert_eq!(raw(house.console, &release).await.status, 403);
}

#[tokio::test]
async fn the_same_key_acts_once() {
    let (house, token) = with_token(|_| {}).await;
    let hold = house.hold("so blorp").await;
    let path = format!("/v1/holds/{}/remove", hold.id);
    let first = act(&house, &token, &path, "k1", "").await;
    assert_eq!((first.status, first.json()["state"].clone()), (200, json!("denied")));
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = act(&house, &token, &path, "k1", "").await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("content-type"), Some("application/json"));
    // Without the key, and with another, it is a second decision.
    for key in ["", "k2"] {
        assert_eq!(error(&act(&house, &token, &path, key, "").await), (409, json!("already")));
    }
    let again = act(&house, &token, &path, "k2", "").await;
    assert_eq!(again.header("content-type"), Some("application/problem+json"));
    assert_eq!(error(&again), (409, json!("already")), "a refusal is an answer too");
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_token() {
    let (house, token) = with_token(|_| {}).await;
    let other = house.doors.accounts.issue_token("other", &Scope::ALL).await.expect("a token");
    let path = "/v1/senders/x/una/time-out";
    let ten = r#"{"seconds":10}"#;
    assert_eq!(act(&house, &token, path, "k", ten).await.status, 200);
    for (path, body) in [
        (path, r#"{"seconds":20}"#),
        (path, r#"{"seconds": 10}"#),
        ("/v1/senders/x/bob/time-out", ten),
        ("/v1/senders/x/una/time-out?route=", ten),
        ("/v1/senders/x/una/forgive", ""),
    ] {
        let answer = act(&house, &token, path, "k", body).await;
        assert_eq!(error(&answer), (422, json!("key")), "{path} {body}");
    }
    let fresh = act(&house, &other, path, "k", r#"{"seconds":30}"#).await;
    assert_eq!((fresh.status, fresh.header("idempotency-replayed")), (200, None));
    // Who may not act hears nothing of what another did.
    for (who, status) in [("tg_guess", 401), (house.token.as_str(), 403)] {
        assert_eq!(act(&house, who, path, "k", ten).await.status, status);
    }
    let long = "k".repeat(256);
    assert_eq!(
        error(&act(&house, &token, path, &long, ten).await),
        (400, json!("idempotency_key"))
    );
    let big = format!("{ten}{}", " ".repeat(5_000));
    assert_eq!(act(&house, &token, path, "k3", &big).await.status, 413);
}

#[tokio::test]
async fn what_was_not_understood_may_be_asked_again_with_the_same_key() {
    let (house, token) = with_token(|_| {}).await;
    let path = "/v1/shields/lobby";
    let put = async |key: &str, body: &str| {
        raw(house.console, &text(&token, "PUT", path, key, body)).await
    };
    assert_eq!(put("k", "{").await.status, 400);
    assert_eq!(put("k", r#"{"minutes":5}"#).await.status, 422, "it is another request");
    let on = put("k2", r#"{"minutes":5}"#).await;
    let off = raw(house.console, &text(&token, "DELETE", path, "", "")).await;
    assert_eq!((on.status, off.json()), (200, json!({ "shields": [] })));
    let again = put("k2", r#"{"minutes":5}"#).await;
    assert_eq!(again.body, on.body);
    let now = raw(house.console, &text(&token, "GET", "/v1/shields", "", "")).await;
    assert_eq!(now.json(), off.json(), "it was not switched on again");
}

/// Of many that ask at once, one acts; the others hear the same, or that it is being done.
#[tokio::test]
async fn those_that_ask_at_once_act_once() {
    let (house, token) = with_token(|_| {}).await;
    let hold = house.hold("so blorp").await;
    house.doors.decide(&hold.id, Decision::Remove, "ana").await.expect("it waits");
    let path = format!("/v1/holds/{}/undo", hold.id);
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let (to, text) = (house.console, text(&token, "POST", &path, "k", ""));
        all.spawn(async move { raw(to, &text).await });
    }
    let (mut fresh, mut same) = (0, 0);
    for answer in all.join_all().await {
        match (answer.status, answer.header("idempotency-replayed")) {
            (200, None) => fresh += 1,
            (200, Some(_)) => same += 1,
            _ => assert_eq!(error(&answer), (409, json!("running"))),
        }
    }
    assert_eq!(fresh, 1, "and {same} heard the same");
    assert_eq!(house.doors.settler.holds.find(&hold.id).expect("it is there").state, State::Held);
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_again() {
    let (house, token) = with_token(|config| {
        config.api.requests_per_second = 1;
        config.api.requests_burst = 3;
    })
    .await;
    let ask =
        async |token: &str, path: &str| raw(house.console, &text(token, "GET", path, "", "")).await;
    let mut answers = Vec::new();
    // More than come back while they are asked for, on any machine.
    for _ in 0..40 {
        answers.push(ask(&token, "/v1/holds").await);
        if answers.last().is_some_and(|answer| answer.status == 429) {
            break;
        }
    }
    assert!(answers.len() > 3, "a burst is taken");
    let refused = answers.last().expect("answers");
    assert_eq!(error(refused), (429, json!("rate")));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some("\"token\";r=0;t=1"));
    let other = house.doors.accounts.issue_token("other", &Scope::ALL).await.expect("a token");
    assert_eq!(ask(&other, "/v1/holds").await.status, 200);
    // Those who are nobody have no share, and those who may not do it are told that.
    assert_eq!(ask("tg_guess", "/v1/holds").await.status, 401);
}

#[tokio::test]
async fn the_rate_is_told_in_every_shape() {
    let (house, token) = with_token(|config| {
        config.api.requests_per_second = 1;
        config.api.requests_burst = 1;
    })
    .await;
    let comment = r#"{"comment":{"text":"hi"},"requestedAttributes":{"TOXICITY":{}}}"#;
    for (path, body, place, word) in [
        ("/v1/judge", r#"{"text":"hi"}"#, "/error", "rate"),
        ("/v1/moderations", r#"{"input":"hi"}"#, "/error/code", "rate_limit_exceeded"),
        ("/v1alpha1/comments:analyze", comment, "/error/status", "RESOURCE_EXHAUSTED"),
    ] {
        let mut refused = None;
        for _ in 0..40 {
            let answer = act(&house, &token, path, "", body).await;
            if answer.status == 429 {
                refused = Some(answer);
                break;
            }
        }
        let refused = refused.unwrap_or_else(|| panic!("{path} is never refused"));
        assert_eq!(refused.json().pointer(place), Some(&json!(word)), "{path}");
        assert_eq!(refused.header("retry-after"), Some("1"), "{path}");
    }
}
