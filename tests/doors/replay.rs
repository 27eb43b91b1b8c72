//! Tries what a replay says a candidate would have done.

use serde_json::{Value, json};
use tidegate::{
    admin::Erasure,
    audit::{Event, Record},
    commands::audit::erase,
    history::Whose,
    hold::Decision,
    message::{Message, Sender, Standing, Verdict, now_ms},
};

use crate::{
    house::{Answer, House},
    trial::{post, worded},
};

async fn replayed(house: &House, cookie: &str, candidate: Value) -> Answer {
    let body = json!({ "route": "main", "channel": "", "candidate": candidate });
    post(house, cookie, "/api/replay", &body).await
}

fn passed(house: &House, sender: &str, text: &str) {
    let message = Message {
        route: "main".into(),
        channel: "lobby".into(),
        sender: Sender { id: sender.into(), ..Sender::default() },
        text: text.into(),
        at_ms: now_ms(),
        ..Message::default()
    };
    house.doors.settler.pipeline.history.chat.note(&message, Standing::default());
}

async fn stopped(house: &House, id: &str, text: &str) {
    let record = Record {
        id: id.into(),
        at_ms: now_ms(),
        route: "main".into(),
        channel: "lobby".into(),
        sender: Sender { id: "una".into(), ..Sender::default() },
        event: Event::Judged(Verdict::Drop),
        findings: Vec::new(),
        rules: String::new(),
        decided_by: String::new(),
        text_sha256: String::new(),
    };
    house.doors.settler.audit.record(record, Some(text));
    house.doors.settler.audit.flush().await;
}

/// Where each row went, by its text.
fn went(answer: &Value) -> Vec<(String, String, String, String)> {
    let rows = answer["rows"].as_array().expect("rows").iter();
    let part = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.map(|row| ["source", "text", "was", "now"].map(|key| part(row, key)).into()).collect()
}

#[tokio::test]
async fn what_is_still_known_is_judged_anew() {
    let house = worded(|config| config.history.chat_max = 100).await;
    let ana = house.cookie("ana").await;
    let holds = &house.doors.settler.holds;
    house.hold("you snarfle").await;
    let removed = house.hold("a snarfle again").await;
    holds.decide(&removed.id, Decision::Remove, "ben").await.expect("it waits");
    house.hold("nothing at all").await;
    stopped(&house, "x1", "you grumbix").await;
    passed(&house, "una", "hello gremlo");
    passed(&house, "una", "hello there");

    let told = replayed(&house, &ana, json!({ "policy": "off" })).await.json();
    // A removal that can be undone still waits for its end, and is no row.
    assert_eq!(told["sources"], json!({ "held": 2, "ended": 0, "stopped": 1, "chat": 2 }));
    let expected =
        [("held", "you snarfle", "hold", "pass"), ("stopped", "you grumbix", "drop", "pass")];
    let expected = expected.map(|(a, b, c, d)| (a.into(), b.into(), c.into(), d.into()));
    assert_eq!(went(&told), expected);
    assert_eq!((&told["looked_at"], &told["changed"]), (&json!(5), &json!(2)));
    let moves = json!([
        { "from": "hold", "to": "pass", "n": 1 },
        { "from": "drop", "to": "pass", "n": 1 },
    ]);
    assert_eq!(told["moves"], moves);

    let term = json!({ "add": "3 word gremlo", "category": "threat" });
    let told = replayed(&house, &ana, term).await.json();
    let expected = [("chat".into(), "hello gremlo".into(), "pass".into(), "hold".into())];
    assert_eq!(went(&told), expected, "a term more holds more of what passed");
    assert_eq!(told["rows"][0]["findings"][0]["span"], json!({ "start": 6, "end": 12 }));
}

#[tokio::test]
async fn chat_is_kept_only_where_the_operator_asked_for_it() {
    for (chat_max, kept) in [(0, 0), (100, 1)] {
        let house = worded(|config| config.history.chat_max = chat_max).await;
        let ana = house.cookie("ana").await;
        // As every way in does.
        let settler = &house.doors.settler;
        let inlet = tidegate::settle::Inlet {
            name: "main".into(),
            position: tidegate::config::Position::Inline,
            language: tidegate::message::Language::En,
        };
        let message = Message {
            route: "main".into(),
            text: "hello there".into(),
            at_ms: now_ms(),
            ..Message::default()
        };
        settler.settle(&inlet, &Default::default(), &message, None).await;
        let told = replayed(&house, &ana, json!({ "policy": "off" })).await.json();
        assert_eq!(told["sources"]["chat"], json!(kept));
        assert_eq!(told["keeps_chat"], json!(chat_max > 0));
    }
}

#[tokio::test]
async fn a_sender_who_is_erased_is_in_no_replay() {
    let house = worded(|config| config.history.chat_max = 100).await;
    let ana = house.cookie("ana").await;
    passed(&house, "una", "hello gremlo");
    passed(&house, "ben", "hello gremlo");
    let erasure = Erasure { route: "main".into(), sender: "una".into() };
    assert_eq!(erase(&house.doors.config, erasure).await.expect("the door answers"), 1);
    let term = json!({ "add": "3 word gremlo", "category": "threat" });
    let told = replayed(&house, &ana, term).await.json();
    assert_eq!(told["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["rows"][0]["sender"]["id"], json!("ben"));
}

#[tokio::test]
async fn a_replay_changes_nothing_and_is_bounded() {
    let house = worded(|config| config.history.chat_max = 150).await;
    let ana = house.cookie("ana").await;
    (0..200).for_each(|n| passed(&house, "una", &format!("hello gremlo {n}")));
    let whose = Whose { route: "main", channel: "lobby", sender: "una" };
    let before = house.doors.settler.pipeline.history.known(whose, now_ms());
    let term = json!({ "add": "3 word gremlo", "category": "threat" });
    let told = replayed(&house, &ana, term).await.json();
    assert_eq!((&told["sources"]["chat"], &told["changed"]), (&json!(150), &json!(150)));
    assert_eq!(told["rows"].as_array().map(Vec::len), Some(100));
    assert_eq!(told["rows"][0]["text"], json!("hello gremlo 199"), "the newest first");
    assert!(house.doors.settler.holds.list().is_empty(), "nothing is held for it");
    let after = house.doors.settler.pipeline.history.known(whose, now_ms());
    assert_eq!(json!(before), json!(after));
    let refused = replayed(&house, &ana, json!({ "policy": "nowhere" })).await;
    assert_eq!((refused.status, &refused.json()["error"]), (422, &json!("candidate")));
    let mut last = 200;
    for _ in 0..5 {
        last = replayed(&house, &ana, json!({ "policy": "off" })).await.status;
    }
    assert_eq!(last, 429, "a replay costs more than a text");
}
