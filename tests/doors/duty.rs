//! Tries who is on duty: consoles, acts, what is no act, and where it is said.

use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use crate::{
    console::Events,
    house::{House, house},
};

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn on_duty(house: &House, cookie: &str) -> Value {
    house.page("GET", "/api/queue", cookie, "").await.json()["on_duty"].clone()
}

/// Waits for what the follower does soon after.
async fn gauge(house: &House, expected: u32) {
    let line = format!("tidegate_on_duty {expected}\n");
    let told = async {
        while !house.doors.settler.metrics.render().contains(&line) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, told).await.expect("the gauge follows");
}

#[tokio::test]
async fn it_takes_a_console_and_an_act() {
    let house = house(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    let vera = house.cookie("vera").await;
    let mut looked_at = Events::open(&house, &vera).await;
    let (_, first) = looked_at.next().await;
    assert_eq!(first["on_duty"], json!([]));
    let mut console = Events::open(&house, &ana).await;
    console.next().await;
    // What a page asks for by itself is no act, and whoever only looks cannot decide.
    for (method, path, cookie, body) in [
        ("GET", "/api/insights", &ana, ""),
        ("GET", "/api/appeals", &ana, ""),
        ("POST", "/api/look", &ana, r#"{"hold":null}"#),
        ("POST", "/api/active", &vera, "{}"),
        // No console of theirs is connected.
        ("POST", "/api/active", &ben, "{}"),
    ] {
        house.page(method, path, cookie, body).await;
        assert_eq!(on_duty(&house, &vera).await, json!([]), "{method} {path}");
    }
    let answer = house.page("POST", "/api/active", &ana, "{}").await;
    assert_eq!((answer.status, &answer.json()["on_duty"]), (200, &json!(["ana"])));
    gauge(&house, 1).await;

    let mut other = Events::open(&house, &ben).await;
    let (_, seen) = other.next().await;
    // The console is connected before its first list is read.
    assert_eq!(seen["on_duty"], json!(["ana", "ben"]));
    gauge(&house, 2).await;
}

#[tokio::test]
async fn a_decision_is_an_act() {
    let house = house(|_| {}).await;
    let ana = house.cookie("ana").await;
    let hold = house.hold("one blorp").await;
    let mut console = Events::open(&house, &ana).await;
    console.next().await;
    assert_eq!(on_duty(&house, &ana).await, json!([]));
    assert_eq!(house.act(&ana, &hold.id, "remove", "{}").await.status, 200);
    assert_eq!(on_duty(&house, &ana).await, json!(["ana"]));
}
