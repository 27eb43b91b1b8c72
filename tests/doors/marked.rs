//! Tries what is decided for several messages at once, and who is told who looks at which.

use serde_json::{Value, json};
use tidegate::{history::Whose, hold::State, message::now_ms};

use crate::{
    console::Events,
    house::{Answer, House, house},
};

async fn marked(house: &House, cookie: &str, body: Value) -> Answer {
    house.page("POST", "/api/marked", cookie, &body.to_string()).await
}

fn state(house: &House, id: &str) -> State {
    house.doors.settler.holds.find(id).expect("it is remembered").state
}

#[tokio::test]
async fn all_that_is_marked_is_decided_and_taken_back() {
    let house = house(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(house.hold(&format!("blorp {n}")).await.id.clone());
    }
    assert_eq!(house.act(&ben, &ids[0], "release", "{}").await.status, 200);
    let body = json!({ "ids": &ids[..3], "act": "remove" });
    let answer = marked(&house, &ana, body).await.json();
    assert_eq!((&answer["ids"], &answer["missed"]), (&json!(&ids[1..3]), &json!(1)), "{answer}");
    assert!(answer["undo_until_ms"].as_u64().is_some_and(|until| until > now_ms()), "{answer}");
    assert_eq!(state(&house, &ids[0]), State::Approved, "the first decision stands");
    assert_eq!(state(&house, &ids[3]), State::Held, "it was not marked");
    for id in &ids[1..3] {
        assert_eq!(state(&house, id), State::Denied);
        assert_eq!(house.act(&ana, id, "undo", "{}").await.status, 200);
    }
    let answer = marked(&house, &ana, json!({ "ids": &ids[1..], "act": "release" })).await.json();
    assert_eq!(answer["ids"], json!(&ids[1..]));
}

#[tokio::test]
async fn senders_of_what_is_marked_are_silenced_or_banned() {
    let house = house(|_| {}).await;
    let ana = house.cookie("ana").await;
    let (first, second) = (house.hold("one blorp").await, house.hold("two blorp").await);
    let ids = json!([first.id, second.id]);
    for (body, status) in [
        (json!({ "ids": [], "act": "remove" }), 422),
        (json!({ "ids": vec!["x"; 201], "act": "remove" }), 422),
        (json!({ "ids": ids, "act": "time-out" }), 422),
        (json!({ "ids": ids, "act": "time-out", "seconds": 0 }), 422),
        (json!({ "ids": ids, "act": "dance" }), 400),
    ] {
        assert_eq!(marked(&house, &ana, body.clone()).await.status, status, "{body:.80}");
    }
    assert_eq!(house.doors.settler.holds.list().len(), 2, "nothing was decided");
    let body = json!({ "ids": ids, "act": "ban" });
    assert_eq!(marked(&house, &ana, body).await.json()["ids"], ids);
    let history = &house.doors.settler.pipeline.history;
    let whose = Whose { route: "main", channel: "lobby", sender: "u1" };
    assert!(history.ban(whose, now_ms()).is_some());
    for id in [&first.id, &second.id] {
        assert_eq!(house.act(&ana, id, "undo", "{}").await.status, 200);
    }
    assert!(history.ban(whose, now_ms()).is_none(), "both were taken back");
    let body = json!({ "ids": ids, "act": "time-out", "seconds": 60 });
    assert_eq!(marked(&house, &ana, body).await.json()["ids"], ids);
    assert!(history.known(whose, now_ms()).timed_out_until_ms.is_some());
}

#[tokio::test]
async fn others_see_who_looks_at_what() {
    let house = house(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    let hold = house.hold("so blorp").await;
    let look = async |cookie: &str, hold: Value| {
        let body = json!({ "hold": hold }).to_string();
        let answer = house.page("POST", "/api/look", cookie, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let mut events = Events::open(&house, &ana).await;
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), &data["looks"]["looks"]), ("queue", &json!({})));
    look(&ben, json!(hold.id)).await;
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), &data["looks"]), ("looks", &json!({ &hold.id: ["ben"] })));
    // Nothing is claimed by it.
    assert_eq!(house.act(&ana, &hold.id, "release", "{}").await.status, 200);
    let mut names = vec![events.next().await.0];
    // What is not there is looked at by nobody.
    look(&ben, json!("a text of somebody's own")).await;
    loop {
        let (name, data) = events.next().await;
        names.push(name.clone());
        if name == "looks" {
            assert_eq!(data["looks"], json!({}), "{names:?}");
            break;
        }
    }
    let page = house.page("GET", "/api/queue", &ana, "").await.json();
    assert_eq!(page["looks"]["looks"], json!({}));
}
