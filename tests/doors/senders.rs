//! Tries what programs know of senders and do to them, and how they switch shields.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate::{
    accounts::Scope,
    audit::Event,
    config::RouteConfig,
    history::Whose,
    message::{Message, Sender, now_ms},
    rules::Ruleset,
};

use crate::house::{Answer, House, house, raw, request};

const UNA: Whose = Whose { route: "main", channel: "#lobby", sender: "una" };
const PLACE: &str = "/v1/senders/%23lobby/una";

/// A house with one route, whose policy has a ladder, and a token for everything.
async fn strict() -> (House, String) {
    let house = house(|config| {
        let mut route = RouteConfig { name: "main".into(), ..RouteConfig::default() };
        route.protocol = "irc".into();
        route.policy = "strict".into();
        config.route.push(route);
    })
    .await;
    let rules = Ruleset::build(&house.doors.config).expect("the rules compile");
    house.doors.settler.pipeline.rules.store(Arc::new(rules));
    let token = house.doors.accounts.issue_token("panel", &Scope::ALL).await.expect("a token");
    (house, token)
}

async fn ask(house: &House, token: &str, method: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers =
        [("host", "any"), ("authorization", bearer.as_str()), ("content-type", "application/json")];
    raw(house.console, &request(method, path, &headers, &body.to_string())).await
}

/// What the sender says now.
async fn says(house: &House, text: &str) -> Vec<String> {
    let message = Message {
        route: "main".into(),
        channel: "#lobby".into(),
        sender: Sender { id: "una".into(), name: "una".into(), roles: Vec::new() },
        text: text.into(),
        at_ms: now_ms(),
        ..Message::default()
    };
    let judgement = house.doors.settler.pipeline.judge(&message).await;
    judgement.findings.into_iter().map(|finding| finding.rule).collect()
}

#[tokio::test]
async fn a_sender_is_known_by_what_came_of_it_not_by_what_they_said() {
    let (house, token) = strict().await;
    let mut records = house.doors.settler.audit.subscribe();
    let known = async || ask(&house, &token, "GET", PLACE, json!("")).await.json();
    let nothing = known().await;
    assert_eq!((&nothing["strikes"], &nothing["step"]), (&json!(0.0), &json!(null)), "{nothing}");
    assert_eq!((&nothing["sender"], &nothing["route"]), (&json!("una"), &json!("main")));
    assert_eq!(nothing["first_seen_ms"], json!(null));

    says(&house, "good evening").await;
    let history = &house.doors.settler.pipeline.history;
    history.strike(UNA, 4.5, 3_600_000_000, now_ms());
    history.hold_all(UNA, now_ms() + 60_000);
    let seen = known().await;
    assert_eq!(seen["step"], json!({ "at": 4.0, "then": "hold" }), "{seen}");
    assert_eq!(seen["strikes"], 4.5, "to a hundredth");
    assert!(seen["first_seen_ms"].is_u64() && seen["held_until_ms"].is_u64(), "{seen}");
    assert!(!seen.to_string().contains("evening"));
    // As the protocol names it: this one has no capitals.
    let other = ask(&house, &token, "GET", "/v1/senders/%23LOBBY/una?route=main", json!("")).await;
    assert_eq!(other.json()["step"], seen["step"]);

    let forgiven = ask(&house, &token, "POST", &format!("{PLACE}/forgive"), json!("")).await;
    assert_eq!((forgiven.status, &forgiven.json()["strikes"]), (200, &json!(0.0)));
    assert_eq!(forgiven.json()["held_until_ms"], json!(null));
    let record = records.recv().await.expect("it is recorded");
    assert_eq!(record.event, Event::Pardoned { by: "token:panel".into() });
}

#[tokio::test]
async fn a_sender_is_silenced_and_may_link() {
    let (house, token) = strict().await;
    let mut records = house.doors.settler.audit.subscribe();
    let act = async |act: &str, body: Value| {
        ask(&house, &token, "POST", &format!("{PLACE}/{act}"), body).await
    };
    let silenced = act("time-out", json!({ "seconds": 600 })).await.json();
    let until = silenced["timed_out_until_ms"].as_u64().expect("until when");
    assert!(until > now_ms() + 590_000, "{silenced}");
    let record = records.recv().await.expect("it is recorded");
    assert_eq!(record.event, Event::TimedOut { until_ms: until, by: "token:panel".into() });
    assert_eq!(says(&house, "good evening").await, ["time_out"]);
    act("forgive", json!("")).await;
    assert_eq!(says(&house, "hello again").await, [""; 0]);

    let may = act("permit", json!({ "seconds": 60.0 })).await.json();
    assert!(may["may_link_until_ms"].is_u64(), "{may}");
    for (body, status) in [
        (json!({ "seconds": 0 }), 422),
        (json!({ "seconds": 3_601 }), 422),
        (json!({ "seconds": 1.5 }), 400),
        (json!({ "seconds": -1 }), 400),
        (json!({ "minutes": 1 }), 400),
        (json!({}), 400),
    ] {
        assert_eq!(act("permit", body.clone()).await.status, status, "{body}");
    }
    assert_eq!(act("time-out", json!({ "seconds": 1_209_601 })).await.status, 422);
    assert_eq!(act("blorp", json!("")).await.status, 404);
}

#[tokio::test]
async fn whom_and_where_are_checked() {
    let (house, token) = strict().await;
    let judge = house.token.clone();
    let reader = house.doors.accounts.issue_token("r", &[Scope::Read]).await.expect("a token");
    let long = format!("/v1/senders/x/{}", "a".repeat(513));
    for (who, method, path, status) in [
        (&token, "GET", "/v1/senders/-/una", 200),
        (&token, "GET", "/v1/senders/x/una?route=nowhere", 404),
        (&token, "GET", "/v1/senders/x/una?rute=main", 400),
        (&token, "GET", "/v1/senders/x/%FF", 400),
        (&token, "GET", long.as_str(), 422),
        (&judge, "GET", "/v1/senders/x/una", 403),
        (&judge, "GET", "/v1/shields", 403),
        (&reader, "GET", "/v1/senders/x/una", 200),
        (&reader, "POST", "/v1/senders/x/una/forgive", 403),
        (&reader, "DELETE", "/v1/shields/x", 403),
        (&token, "DELETE", "/v1/shields/x?route=nowhere", 404),
    ] {
        let answer = ask(&house, who, method, path, json!("")).await;
        assert_eq!(answer.status, status, "{method} {path:.60} {}", answer.body);
    }
}

#[tokio::test]
async fn a_shield_goes_up_and_down_by_the_consoles_own_act() {
    let (house, token) = strict().await;
    let mut turns = house.doors.settler.pipeline.history.turns();
    let mut records = house.doors.settler.audit.subscribe();
    let body = json!({ "minutes": 30, "why": "a raid is announced" });
    let on = ask(&house, &token, "PUT", "/v1/shields/%23Lobby", body).await.json();
    let shield = &on["shields"][0];
    assert_eq!((&shield["channel"], &shield["by"]), (&json!("#lobby"), &json!("token:panel")));
    assert_eq!(shield["why"], "a raid is announced");
    assert!(shield["until_ms"].as_u64().is_some_and(|until| until > now_ms() + 1_790_000), "{on}");
    assert!(turns.recv().await.expect("a turn").on);
    let event = records.recv().await.expect("it is recorded").event.clone();
    let (what, by, why) = ("shield on".into(), "token:panel".into(), "a raid is announced".into());
    assert_eq!(event, Event::Settings { what, by, why });
    // Moderators see the same.
    let ana = house.cookie("ana").await;
    let shown = house.page("GET", "/api/crowds", &ana, "").await.json();
    assert_eq!(shown["shields"], on["shields"]);

    let off = ask(&house, &token, "DELETE", "/v1/shields/%23lobby", json!("")).await.json();
    assert_eq!(off, json!({ "shields": [] }));
    assert!(!turns.recv().await.expect("a turn").on);
    assert_eq!(ask(&house, &token, "GET", "/v1/shields", json!("")).await.json(), off);
    for (body, status) in [
        (json!({ "minutes": 0 }), 422),
        (json!({ "minutes": 1_441 }), 422),
        (json!({ "minutes": 5, "why": "a".repeat(201) }), 422),
        (json!({ "minutes": "5" }), 400),
    ] {
        let answer = ask(&house, &token, "PUT", "/v1/shields/x", body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
    }
}

#[tokio::test]
async fn a_time_out_is_lifted_without_forgiving() {
    let (house, token) = strict().await;
    let history = &house.doors.settler.pipeline.history;
    let path = format!("{PLACE}/time-out");
    let lift = async || ask(&house, &token, "DELETE", &path, json!("")).await;
    history.strike(UNA, 4.5, 3_600_000_000, now_ms());
    history.silence(UNA, now_ms() + 900_000);
    assert_eq!(ask(&house, &token, "POST", &path, json!({ "seconds": 600 })).await.status, 200);
    assert_eq!(says(&house, "good evening").await, ["time_out"]);
    house.doors.settler.audit.flush().await;
    let mut records = house.doors.settler.audit.subscribe();
    let lifted = lift().await;
    assert_eq!(lifted.status, 200, "{}", lifted.body);
    assert_eq!(
        (&lifted.json()["timed_out_until_ms"], &lifted.json()["strikes"]),
        (&json!(null), &json!(4.5))
    );
    assert!(!says(&house, "good evening again").await.contains(&"time_out".to_owned()));
    let (what, by) = ("time_out".to_owned(), "token:panel".to_owned());
    let record = records.recv().await.expect("the log is there");
    assert_eq!(record.event, Event::Lifted { what, by });
    assert_eq!((record.sender.id.as_str(), record.channel.as_str()), ("una", "#lobby"));
    // Of somebody who is not silent there is nothing to lift, and nothing to record.
    assert_eq!(lift().await.status, 200);
    house.doors.settler.audit.flush().await;
    assert!(records.try_recv().is_err());
}
