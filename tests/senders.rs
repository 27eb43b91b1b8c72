//! Sends names, payments and repeated offences through the whole gate.

mod common;

use std::net::SocketAddr;

use bytes::Bytes;
use common::{
    Client, Folder, PATIENCE, Room, config, connect,
    console::{Moderator, PASSWORD},
    gate, http, next_json,
};
use futures_util::SinkExt;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};
use serde_json::{Value, json};
use tidegate::{
    accounts::Role,
    config::{
        Config, Consequence, LadderStep, Mode, OnExpiry, PolicyConfig, ProtectedConfig, Unjudged,
        WhileHeld,
    },
    listen::Running,
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

struct Stage {
    room: Room,
    running: Running,
    folder: Folder,
}

impl Stage {
    async fn set(policy: PolicyConfig, change: impl FnOnce(&mut Config)) -> Stage {
        let room = Room::open().await;
        let folder = Folder::new("senders");
        let mut config = config(&folder, room.address, |route| route.trust_paid = true);
        config.policy = [("standard".to_owned(), policy)].into();
        change(&mut config);
        let running = gate(config).await;
        let added = running.accounts.add("ana", Role::Moderator, PASSWORD, false).await;
        added.expect("an account");
        Stage { room, running, folder }
    }

    fn chat(&self) -> SocketAddr {
        self.running.chat
    }

    /// How often the ladder led there.
    async fn ladder(&self, then: &str) -> u32 {
        let request = Request::get("/metrics").header(header::HOST, "localhost");
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        let (_, _, metrics) = http(self.running.admin, request).await;
        let metrics = String::from_utf8_lossy(&metrics).into_owned();
        let name = format!("tidegate_ladder_total{{then=\"{then}\"}} ");
        let count = metrics.lines().find_map(|line| line.strip_prefix(&name));
        count.map_or(0, |count| count.parse().expect("a number"))
    }

    async fn moderator(&self) -> Moderator {
        Moderator::log_in(self.running.console, "ana").await
    }
}

async fn send(client: &mut Client, frame: Value) {
    client.send(Message::text(frame.to_string())).await.expect("an open connection");
}

async fn say(client: &mut Client, id: &str, text: &str) {
    send(client, json!({ "type": "chat", "id": id, "channel": "lobby", "text": text })).await;
}

async fn verdict(client: &mut Client) -> (Value, Value) {
    let notice = next_json(client).await;
    (notice["id"].clone(), notice["verdict"].clone())
}

fn told(id: &str, verdict: &str) -> (Value, Value) {
    (json!(id), json!(verdict))
}

fn ladder() -> PolicyConfig {
    let step = |at, then, for_ms| LadderStep { at, then, for_ms };
    let ladder = vec![
        step(2.0, Consequence::Warn, None),
        step(6.0, Consequence::Hold, Some(600_000)),
        step(12.0, Consequence::TimeOut, Some(600_000)),
    ];
    PolicyConfig { ladder: Some(ladder), ..PolicyConfig::default() }
}

#[tokio::test]
async fn offences_lead_up_the_ladder_and_a_pardon_down_again() {
    let mut stage = Stage::set(ladder(), |_| {}).await;
    let mut client = connect(stage.chat(), "/ws?user=una").await;
    say(&mut client, "1", "grumbix").await;
    // Severity 4 is three strikes: past the warning.
    assert_eq!(verdict(&mut client).await, told("1", "drop"));
    assert_eq!(verdict(&mut client).await, told("1", "warned"));
    say(&mut client, "2", "hello").await;
    assert_eq!(next_json(&mut client).await["text"], "hello", "a warning stops nothing");
    for id in ["3", "4"] {
        say(&mut client, id, "you grumbix").await;
        assert_eq!(verdict(&mut client).await, told(id, "drop"));
    }
    // Nine by now, so that everything is held.
    say(&mut client, "5", "hello again").await;
    assert_eq!(verdict(&mut client).await, told("5", "hold"));
    let moderator = stage.moderator().await;
    let rows = moderator.queue().await;
    assert_eq!(rows[0]["findings"][0]["rule"], "strikes");
    assert!(rows[0]["strikes"].as_f64().is_some_and(|n| (8.5..=9.0).contains(&n)), "{rows:?}");
    assert_eq!(rows[0]["first"], false);
    say(&mut client, "6", "a grumbix").await;
    assert_eq!(verdict(&mut client).await, told("6", "drop"));
    say(&mut client, "7", "hello?").await;
    assert_eq!(verdict(&mut client).await, told("7", "timed_out"));

    let whose = json!({ "route": "/", "channel": "lobby", "sender": "una" });
    let (status, _) = moderator.post("/api/senders/pardon", &whose).await;
    assert_eq!(status, StatusCode::OK);
    say(&mut client, "8", "thank you").await;
    assert_eq!(next_json(&mut client).await["text"], "thank you");
    for (then, times) in [("warn", 1), ("hold", 2), ("time_out", 1)] {
        assert_eq!(stage.ladder(then).await, times, "{then}");
    }
    for text in ["hello", "thank you"] {
        let heard: Value = serde_json::from_str(&stage.room.hears().await).expect("JSON");
        assert_eq!(heard["text"], text, "nothing else reached the room");
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn a_removal_is_a_strike_and_its_undo_takes_it_back() {
    let warn = LadderStep { at: 1.0, then: Consequence::Warn, for_ms: None };
    let policy = PolicyConfig { ladder: Some(vec![warn]), ..PolicyConfig::default() };
    let stage = Stage::set(policy, |_| {}).await;
    let mut client = connect(stage.chat(), "/ws?user=una").await;
    say(&mut client, "1", "i will snarfle").await;
    assert_eq!(verdict(&mut client).await, told("1", "hold"));
    let moderator = stage.moderator().await;
    let id = moderator.queue().await[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(stage.ladder("warn").await, 0, "held is not removed");
    // Had the undo left the strike, the second removal would be one beyond the warning.
    for (act, warned) in [("remove", 1), ("undo", 1), ("remove", 2)] {
        assert_eq!(moderator.act(&id, act).await.0, StatusCode::OK, "{act}");
        let counted = async { while stage.ladder("warn").await < warned {} };
        timeout(PATIENCE, counted).await.expect(act);
    }
    say(&mut client, "2", "hello").await;
    let answers = [next_json(&mut client).await, next_json(&mut client).await];
    assert!(answers.iter().any(|answer| answer["verdict"] == "warned"), "{answers:?}");
    stage.running.stop().await;
}

#[tokio::test]
async fn what_was_paid_for_waits_where_nothing_else_may_and_is_reported_beyond_that() {
    let policy = PolicyConfig { while_held: Some(WhileHeld::Wait), ..PolicyConfig::default() };
    let stage = Stage::set(policy, |config| config.limits.waiting_max = 1).await;
    let mut client = connect(stage.chat(), "/ws?user=una").await;
    say(&mut client, "1", "i will snarfle").await;
    assert_eq!(verdict(&mut client).await, told("1", "hold"));
    let paid = |id: &str| {
        let mut frame = json!({ "type": "chat", "id": id, "channel": "lobby", "text": "hi" });
        frame["paid"] = json!("5 EUR");
        frame
    };
    say(&mut client, "2", "hello").await;
    say(&mut client, "3", "hello?").await;
    assert_eq!(verdict(&mut client).await, told("3", "drop"), "one may wait");
    send(&mut client, paid("4")).await;
    send(&mut client, paid("5")).await;
    assert_eq!(verdict(&mut client).await, told("5", "drop"), "and one that was paid for");
    let moderator = stage.moderator().await;
    let reported = async {
        loop {
            let (_, answer) = moderator.read("/api/refunds").await;
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            if let Some(refund) = answer["refunds"].get(0) {
                return (refund["message_id"].clone(), refund["found"].clone());
            }
        }
    };
    let reported = timeout(PATIENCE, reported).await.expect("a report");
    assert_eq!(reported, (json!("5"), json!(["while_held: spam"])));
    let id = moderator.queue().await[0]["id"].as_str().expect("an id").to_owned();
    moderator.act(&id, "release").await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let frame = next_json(&mut client).await;
        seen.extend((frame["type"] == "chat").then(|| frame["id"].clone()));
    }
    assert_eq!(seen, ["1", "2", "4"], "in order");
    stage.running.stop().await;
}

#[tokio::test]
async fn what_was_paid_for_is_held_first_in_line_and_reported_when_removed() {
    let mut stage = Stage::set(PolicyConfig::default(), |config| {
        config.hold.held_max = 1;
        config.hold.held_paid_max = 1;
        config.hold.undo_ms = 0;
    })
    .await;
    let mut client = connect(stage.chat(), "/ws?user=una").await;
    let paid = |id: &str, text: &str| {
        json!({ "type": "chat", "id": id, "channel": "lobby", "text": text,
                "paid": "5", "currency": "EUR" })
    };
    say(&mut client, "1", "i will snarfle").await;
    assert_eq!(verdict(&mut client).await, told("1", "hold"));
    say(&mut client, "2", "i will snarfle").await;
    assert_eq!(verdict(&mut client).await, told("2", "drop"), "the queue is full");
    send(&mut client, paid("3", "=you grumbix")).await;
    assert_eq!(verdict(&mut client).await, told("3", "hold"), "never dropped by a machine");
    send(&mut client, paid("4", "i will snarfle, too")).await;
    assert_eq!(verdict(&mut client).await, told("4", "drop"), "its own lane is full as well");
    send(&mut client, paid("5", "oh blorp")).await;
    assert_eq!(next_json(&mut client).await["text"], "oh *****", "a mask passes");

    let moderator = stage.moderator().await;
    let rows = moderator.queue().await;
    let shown: Vec<_> = rows.iter().map(|row| (&row["message_id"], &row["paid"])).collect();
    assert_eq!(shown, [(&json!("3"), &json!("5 EUR")), (&json!("1"), &Value::Null)]);
    let left = |row: &Value| row["expires_ms"].as_u64().zip(row["held_ms"].as_u64());
    assert_eq!(left(&rows[0]).map(|(end, start)| end - start), Some(60_000));
    let removed = rows[0]["id"].as_str().expect("an id");
    assert_eq!(moderator.act(removed, "remove").await.0, StatusCode::OK);
    assert_eq!(verdict(&mut client).await, told("3", "denied"));
    let (status, answer) = moderator.read("/api/refunds").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let owed = answer["refunds"].as_array().expect("a list").iter();
    let owed: Vec<_> = owed.map(|r| (&r["message_id"], &r["amount"], &r["cause"])).collect();
    let euros = json!("5 EUR");
    assert_eq!(
        owed,
        [(&json!("3"), &euros, &json!("denied")), (&json!("4"), &euros, &json!("expired")),]
    );
    assert!(!answer.to_string().contains("grumbix"), "no text");
    let (_, csv) = moderator.read("/api/refunds.csv").await;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[1].ends_with(r#""una","una","3","5 EUR","denied","ana""#), "{csv}");
    let heard: Value = serde_json::from_str(&stage.room.hears().await).expect("JSON");
    assert_eq!(heard["id"], "5", "nothing else reached the room");
    stage.running.stop().await;
}

#[tokio::test]
async fn an_undo_takes_back_its_own_strike_and_an_erasure_gives_none() {
    let step = |at, then| LadderStep { at, then, for_ms: Some(600_000) };
    let ladder = vec![step(0.5, Consequence::Hold), step(2.9, Consequence::TimeOut)];
    let policy = PolicyConfig { ladder: Some(ladder), ..PolicyConfig::default() };
    let stage = Stage::set(policy, |_| {}).await;
    let moderator = stage.moderator().await;
    let mut client = connect(stage.chat(), "/ws?user=una").await;
    let mut ids = Vec::new();
    for said in ["1", "2"] {
        say(&mut client, said, "i will snarfle").await;
        assert_eq!(verdict(&mut client).await, told(said, "hold"));
        let rows = moderator.queue().await;
        let row = rows.iter().find(|row| row["message_id"] == said).expect("a row");
        ids.push(row["id"].as_str().expect("an id").to_owned());
    }
    for (id, act) in [(&ids[0], "remove"), (&ids[1], "remove"), (&ids[1], "undo")] {
        assert_eq!(moderator.act(id, act).await.0, StatusCode::OK, "{act}");
    }
    let control = std::fs::read(stage.folder.0.join("state/control.json")).expect("a token");
    let control: Value = serde_json::from_slice(&control).expect("JSON");
    let token = format!("Bearer {}", control["token"].as_str().expect("a token"));
    let request = Request::post("/control/erase").header(header::HOST, "localhost");
    let request = request.header(header::AUTHORIZATION, token);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let whose = json!({ "route": "/", "sender": "una" }).to_string();
    let (status, ..) =
        http(stage.running.admin, request.body(Full::new(Bytes::from(whose))).expect("a request"))
            .await;
    assert_eq!(status, StatusCode::OK);
    // Somebody else's removal leads elsewhere, so that all before it is known to be counted.
    let mut other = connect(stage.chat(), "/ws?user=zoe").await;
    let mut frame = json!({ "type": "chat", "id": "3", "channel": "lobby", "text": "grumbix" });
    frame["paid"] = json!("5 EUR");
    send(&mut other, frame).await;
    assert_eq!(verdict(&mut other).await, told("3", "hold"));
    let rows = moderator.queue().await;
    let id = rows[0]["id"].as_str().expect("an id");
    assert_eq!(moderator.act(id, "remove").await.0, StatusCode::OK);
    let counted = async { while stage.ladder("time_out").await < 1 {} };
    timeout(PATIENCE, counted).await.expect("a time-out");
    assert_eq!(stage.ladder("hold").await, 2, "two removals, however they end");
    let mut client = connect(stage.chat(), "/ws?user=una").await;
    say(&mut client, "4", "hello").await;
    assert_eq!(verdict(&mut client).await, told("4", "hold"), "the first removal still counts");
    let rows = moderator.queue().await;
    assert!(rows[0]["strikes"].as_f64().is_some_and(|n| (0.9..=1.0).contains(&n)), "{rows:?}");
    stage.running.stop().await;
}

#[tokio::test]
async fn what_would_have_been_dropped_is_not_shown_where_the_queue_is_full() {
    let policy = PolicyConfig {
        when_full: Some(Unjudged::Pass),
        on_expiry: Some(OnExpiry::Release),
        ..PolicyConfig::default()
    };
    let stage = Stage::set(policy, |config| {
        config.hold.held_max = 1;
        config.hold.held_paid_max = 1;
    })
    .await;
    let mut client = connect(stage.chat(), "/ws?user=una").await;
    let paid = |id: &str, text: &str| {
        let channel = "lobby";
        json!({ "type": "chat", "id": id, "channel": channel, "text": text, "paid": "5 EUR" })
    };
    say(&mut client, "1", "i will snarfle").await;
    assert_eq!(verdict(&mut client).await, told("1", "hold"));
    send(&mut client, paid("2", "you grumbix")).await;
    assert_eq!(verdict(&mut client).await, told("2", "hold"));
    let moderator = stage.moderator().await;
    let rows = moderator.queue().await;
    let ends: Vec<_> = rows.iter().map(|row| (&row["message_id"], &row["on_expiry"])).collect();
    assert_eq!(ends, [(&json!("2"), &json!("drop")), (&json!("1"), &json!("release"))]);
    send(&mut client, paid("3", "a grumbix")).await;
    assert_eq!(verdict(&mut client).await, told("3", "drop"));
    send(&mut client, paid("4", "i will snarfle")).await;
    assert_eq!(next_json(&mut client).await["id"], "4", "a person need not have seen this one");
    let (_, answer) = moderator.read("/api/refunds").await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["refunds"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["refunds"][0]["message_id"], "3");
    stage.running.stop().await;
}

#[tokio::test]
async fn names_are_judged_with_what_is_said_under_them() {
    let names = [("Marlowe".to_owned(), String::new())].into();
    let protected = Some(ProtectedConfig { names, ..ProtectedConfig::default() });
    let policy = PolicyConfig { protected, ..PolicyConfig::default() };
    let mut stage = Stage::set(policy, |_| {}).await;
    for (user, expected) in [
        ("Marlowe", "pass"),
        ("Mar1owe", "hold"),
        ("SuperGrumbix99", "drop"),
        ("blorpy", "pass"),
        ("marlowe_fan", "pass"),
    ] {
        let mut client = connect(stage.chat(), &format!("/ws?user={user}")).await;
        say(&mut client, user, "good evening").await;
        let answer = next_json(&mut client).await;
        let found =
            if answer["type"] == "chat" { json!("pass") } else { answer["verdict"].clone() };
        assert_eq!((user, found), (user, json!(expected)));
        if expected == "pass" {
            let heard: Value = serde_json::from_str(&stage.room.hears().await).expect("JSON");
            assert_eq!(heard["id"], user);
        }
    }
    let rows = stage.moderator().await.queue().await;
    assert_eq!(rows[0]["findings"][0]["why"], "the sender's name is drawn like \"Marlowe\"");
    stage.running.stop().await;
}

#[tokio::test]
async fn a_client_does_not_take_a_bad_name_and_a_screen_does_not_show_one() {
    let mut stage =
        Stage::set(PolicyConfig::default(), |config| config.route[0].protocol = "owncast".into())
            .await;
    let mut client = connect(stage.chat(), "/ws").await;
    let rename = |name: &str| json!({ "type": "NAME_CHANGE", "newName": name });
    send(&mut client, rename("a grumbix")).await;
    let notice = next_json(&mut client).await;
    assert_eq!(notice["body"], "That name cannot be used here. Rule: hate.");
    send(&mut client, rename("otter")).await;
    assert_eq!(stage.room.hears().await, rename("otter").to_string(), "nothing else got through");
    stage.running.stop().await;

    let stage = Stage::set(PolicyConfig::default(), |config| {
        let route = &mut config.route[0];
        (route.protocol, route.mode, route.trust_paid) = ("owncast".into(), Mode::Egress, false);
    })
    .await;
    let mut screen = connect(stage.chat(), "/ws").await;
    let joined = |id: &str, name: &str| {
        let user = json!({ "id": id, "displayName": name });
        json!({ "type": "USER_JOINED", "user": user })
    };
    // What a client says, this room says to all.
    send(&mut screen, joined("1", "I will snarfle")).await;
    assert_eq!(next_json(&mut screen).await["user"]["displayName"], "**************");
    send(&mut screen, joined("2", "grumbix")).await;
    send(&mut screen, joined("3", "otter")).await;
    assert_eq!(next_json(&mut screen).await, joined("3", "otter"), "the other line is gone");
    stage.running.stop().await;
}
