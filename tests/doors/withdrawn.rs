//! Tries what a server's people delete while it is held, and who keeps whom waiting.

use serde_json::{Value, json};
use tidegate::{audit::Event, hold::Decision};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    hook::{PATIENCE, ask, asked, next_held, post, said},
    house::House,
};

#[tokio::test]
async fn what_was_deleted_leaves_the_queue() {
    let (house, token) = asked("", |_| {}).await;
    let holds = &house.doors.settler.holds;
    let hold = async |id: &str, sender: &str, channel: &str| {
        let mut body = said(id, sender, "i will snarfle");
        body["channel"] = channel.into();
        let answer = ask(&house, &token, &body).await;
        assert_eq!(answer["action"], "hold", "{answer}");
        (answer["decision"].as_str().expect("an id").to_owned(), body)
    };
    let withdraw = async |body: Value| {
        let answer = post(&house, &token, "/v1/hook/rooms/withdraw", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let withdrawn = answer.json()["withdrawn"].as_array().expect("a list").clone();
        withdrawn.into_iter().map(|own| own["id"].as_str().expect("an id").to_owned()).collect()
    };
    let none = Vec::<String>::new();
    let (first, body) = hold("m1", "u1", "lobby").await;
    hold("m2", "u2", "lobby").await;
    hold("m3", "u2", "bar").await;
    hold("7", "u3", "bar").await;
    hold("m5", "u3", "bar").await;
    // Another way in has a message of the same id.
    let other = house.hold("blorp").await;
    let elsewhere: Vec<String> = withdraw(json!({ "ids": ["m1"], "channel": "bar" })).await;
    assert_eq!(elsewhere, none);
    assert_eq!(withdraw(json!({ "ids": ["m1", "unknown"] })).await, ["m1"]);
    assert_eq!(withdraw(json!({ "ids": ["m1"] })).await, none, "it is off the queue");
    assert_eq!(withdraw(json!({ "ids": [] })).await, none);
    assert_eq!(withdraw(json!({ "ids": [7] })).await, ["7"]);
    assert_eq!(withdraw(json!({ "sender": "u2" })).await, ["m2", "m3"]);
    assert_eq!(withdraw(json!({ "channel": "bar" })).await, ["m5"]);
    let left: Vec<String> = holds.list().iter().map(|hold| hold.id.clone()).collect();
    assert_eq!(left, std::slice::from_ref(&other.id));
    // On record as on every other way in, and whoever asks again is told.
    house.doors.settler.audit.flush().await;
    let records = house.doors.settler.audit.find(&first).await.expect("a store");
    let (state, by) = ("withdrawn".to_owned(), "sender".to_owned());
    assert_eq!(records.last().map(|own| &own.event), Some(&Event::Decided { state, by }));
    let again = ask(&house, &token, &body).await;
    assert_eq!((&again["action"], &again["state"]), (&json!("drop"), &json!("withdrawn")));
    assert_eq!(again["notices"], json!([]), "its sender took it back");
    // What was decided stays decided.
    let (decided, _) = hold("m9", "u1", "lobby").await;
    holds.decide(&decided, Decision::Remove, "ana").await.expect("it is held");
    assert_eq!(withdraw(json!({ "ids": ["m9"] })).await, none);
    let many: Vec<u32> = (0..1_001).collect();
    for (secret, path, body, status) in [
        (token.as_str(), "/v1/hook/rooms/withdraw", json!({}), 422),
        (&token, "/v1/hook/rooms/withdraw", json!({ "ids": null }), 422),
        (&token, "/v1/hook/rooms/withdraw", json!({ "ids": "m1" }), 400),
        (&token, "/v1/hook/rooms/withdraw", json!({ "id": "m1" }), 400),
        (&token, "/v1/hook/rooms/withdraw", json!({ "ids": many }), 413),
        (&token, "/v1/hook/rooms/withdraw", json!({ "sender": "x".repeat(513) }), 422),
        (&token, "/v1/hook/other/withdraw", json!({ "ids": ["m1"] }), 404),
        (&house.token, "/v1/hook/rooms/withdraw", json!({ "ids": ["m1"] }), 403),
    ] {
        let answer = post(&house, secret, path, &body).await;
        assert_eq!(answer.status, status, "{path} {:.80}", body.to_string());
    }
}

#[tokio::test]
async fn whoever_waits_hears_that_it_was_deleted() {
    let (house, token) = asked("", |_| {}).await;
    let mut changes = house.doors.settler.holds.subscribe();
    let mut body = said("m1", "u1", "i will snarfle");
    body["wait_s"] = 30.into();
    let (answer, _) = tokio::join!(ask(&house, &token, &body), async {
        next_held(&mut changes).await;
        let gone = json!({ "ids": ["m1"] });
        assert_eq!(post(&house, &token, "/v1/hook/rooms/withdraw", &gone).await.status, 200);
    });
    assert_eq!((&answer["action"], &answer["state"]), (&json!("drop"), &json!("withdrawn")));
}

#[tokio::test]
async fn hooks_and_other_programs_have_places_of_their_own() {
    for (api, hook, judged, answered) in [(0, 1, 503, 200), (1, 0, 200, 503)] {
        let (house, token) = asked("", |config| {
            config.hook[0].requests_max = hook;
            config.api.requests_max = api;
        })
        .await;
        let text = json!({ "text": "good evening" });
        assert_eq!(post(&house, &house.token, "/v1/judge", &text).await.status, judged);
        assert_eq!(post(&house, &token, "/v1/hook/rooms", &text).await.status, answered);
    }
}

/// A request whose body has not come by half.
async fn slow(house: &House, token: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(house.console).await.expect("it listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: any\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    // It is being waited for when the server asks for it.
    let mut line = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut line)).await.expect("in time").expect("a line");
    assert_eq!(&line, b"HTTP/1.1 100");
    stream.write_all(br#"{"text":"#).await.expect("it is sent");
    stream
}

#[tokio::test]
async fn a_slow_body_and_other_programs_keep_no_chat_waiting() {
    let (house, token) = asked("", |config| {
        config.hook[0].requests_max = 1;
        config.api.requests_max = 1;
    })
    .await;
    let mut slow_ones = Vec::new();
    for _ in 0..3 {
        slow_ones.push(slow(&house, &token, "/v1/hook/rooms").await);
        slow_ones.push(slow(&house, &house.token, "/v1/judge").await);
    }
    assert_eq!(ask(&house, &token, &said("1", "u1", "good evening")).await["action"], "pass");
    let judged = post(&house, &house.token, "/v1/judge", &json!({ "text": "good evening" })).await;
    assert_eq!(judged.status, 200, "{}", judged.body);
}
