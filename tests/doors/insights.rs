//! Tries what the insights count, and what a spreadsheet gets of them.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tidegate::{
    audit::{Event, Record},
    hold::{Decision, Hold},
    message::{Verdict, now_ms},
};
use tokio::net::TcpListener;

use crate::house::{House, house, raw, request};

async fn told(house: &House, cookie: &str, query: &str) -> Value {
    let answer = house.page("GET", &format!("/api/insights{query}"), cookie, "").await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.json()
}

/// The record of a verdict, as every way in writes it.
fn judged(house: &House, hold: &Hold, verdict: Verdict) {
    let record = Record {
        id: hold.id.clone(),
        at_ms: now_ms(),
        route: hold.route.clone(),
        channel: hold.channel.clone(),
        sender: hold.sender.clone(),
        event: Event::Judged(verdict),
        findings: hold.findings.clone(),
        rules: String::new(),
        decided_by: String::new(),
        text_sha256: String::new(),
    };
    house.doors.settler.audit.record(record, None);
}

async fn held(house: &House, text: &str) -> String {
    let hold = house.hold(text).await;
    judged(house, &hold, Verdict::Hold);
    hold.id.clone()
}

#[tokio::test]
async fn what_is_decided_is_counted_by_rule_category_and_person() {
    let house = house(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(held(&house, &format!("so blorp {n}")).await);
    }
    assert_eq!(house.act(&ana, &ids[0], "release", "{}").await.status, 200);
    assert_eq!(house.act(&ana, &ids[1], "remove", "{}").await.status, 200);
    assert_eq!(house.act(&ben, &ids[2], "remove", "{}").await.status, 200);
    assert_eq!(house.act(&ben, &ids[3], "remove", "{}").await.status, 200);
    assert_eq!(house.act(&ben, &ids[3], "undo", "{}").await.status, 200);
    house.doors.settler.audit.flush().await;
    for window in ["hour", "day", "week"] {
        let told = told(&house, &ana, &format!("?window={window}")).await;
        assert_eq!(told["window"], json!(window));
        assert_eq!(told["ends"], json!({ "released": 1, "removed": 2, "expired": 0 }));
        assert_eq!(told["stopped"], json!({ "mask": 0, "hold": 5, "drop": 0 }));
        assert_eq!(told["held_now"], json!(2));
        let rule = &told["rules"][0];
        assert_eq!((&rule["rule"], &rule["hold"]), (&json!("terms"), &json!(5)));
        assert!((rule["overturned"].as_f64().expect("a share") - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(told["categories"][0]["category"], json!("profanity"));
        let people = told["people"].as_array().expect("people");
        let of = |name: &str| people.iter().find(|row| row["name"] == name).expect("a row");
        assert_eq!((&of("ana")["released"], &of("ana")["removed"]), (&json!(1), &json!(1)));
        assert_eq!((&of("ben")["released"], &of("ben")["removed"]), (&json!(0), &json!(1)));
        assert!(told["p50_ms"].is_u64());
        let last = told["bars"].as_array().and_then(|bars| bars.last()).expect("bars");
        assert_eq!(last["hold"], json!(5));
    }
    assert!(!told(&house, &ana, "").await.to_string().contains("blorp"), "no text is in it");
}

#[tokio::test]
async fn what_was_recorded_before_the_start_is_counted_too() {
    let house = house(|_| {}).await;
    let ana = house.cookie("ana").await;
    let id = held(&house, "so blorp").await;
    let holds = &house.doors.settler.holds;
    holds.decide(&id, Decision::Remove, "a program").await.expect("it waits");
    house.doors.settler.audit.flush().await;
    // A console that starts now, as after a restart: it has heard of nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let again = listener.local_addr().expect("its address");
    let router = tidegate::console::router(house.doors.clone());
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, router).await });
    let host = again.to_string();
    let headers = [("host", host.as_str()), ("cookie", ana.as_str())];
    let answer = raw(again, &request("GET", "/api/insights", &headers, "")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["people"][0]["name"], json!("a program"));
    assert_eq!(answer.json()["stopped"]["hold"], json!(1));
}

#[tokio::test]
async fn every_table_is_a_sheet_without_formulas() {
    let house = house(|_| {}).await;
    let ana = house.cookie("ana").await;
    let id = held(&house, "so blorp").await;
    let holds = &house.doors.settler.holds;
    holds.decide(&id, Decision::Remove, "=HYPERLINK(\"x\")\r\n@b").await.expect("it waits");
    house.doors.settler.audit.flush().await;
    for (table, head, row) in [
        ("times", "\"at_ms\",\"pass\"", "\"1\",\"0\""),
        ("categories", "\"category\",\"mask\"", "\"profanity\",\"0\",\"1\",\"0\""),
        ("rules", "\"rule\",\"mask\"", "\"terms\",\"0\",\"1\",\"0\",\"0\",\"1\",\"0\",\"0.000\""),
        (
            "people",
            "\"name\",\"released\"",
            "\"'=HYPERLINK(\"\"x\"\")\\u000d\\u000a@b\",\"0\",\"1\"",
        ),
    ] {
        let path = format!("/api/insights.csv?window=hour&table={table}");
        let answer = house.page("GET", &path, &ana, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")));
        let file = format!("attachment; filename=\"{table}-hour.csv\"");
        assert_eq!(answer.header("content-disposition"), Some(file.as_str()));
        assert!(answer.body.starts_with(head), "{}", answer.body);
        assert!(answer.body.contains(row), "{}", answer.body);
        assert!(answer.body.split("\r\n").all(|line| line.is_empty() || line.starts_with('"')));
    }
    for query in ["?window=year", "?table=texts", "?blorp=1"] {
        for path in ["/api/insights", "/api/insights.csv"] {
            let answer = house.page("GET", &format!("{path}{query}"), &ana, "").await;
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("query")), "{query}");
        }
    }
}
