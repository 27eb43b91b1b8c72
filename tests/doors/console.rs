//! Tries the queue: who decides first, what is told to whom, what can be undone.

use serde_json::{Value, json};
use tidegate::{
    audit::Event,
    config::RouteConfig,
    history::Watch,
    hold::Hold,
    message::{Canonical, Category, Message, Paid, Sender, Severity, now_ms},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::house::{House, house};

#[tokio::test]
async fn the_first_decision_wins_and_the_second_is_told() {
    let house = house(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    let hold = house.hold("so blorp").await;
    let before = now_ms();
    let won = house.act(&ana, &hold.id, "remove", "{}").await;
    assert_eq!(won.status, 200, "{}", won.body);
    assert_eq!(won.json()["hold"]["state"], "denied");
    let lost = house.act(&ben, &hold.id, "release", "{}").await;
    let told = lost.json();
    assert_eq!(lost.status, 409, "{told}");
    assert_eq!((&told["error"], &told["by"]), (&json!("already"), &json!("ana")));
    assert_eq!(told["state"], "denied");
    assert!(told["at_ms"].as_u64().is_some_and(|at| at.abs_diff(before) < 60_000), "{told}");

    let undone = house.act(&ana, &hold.id, "undo", "{}").await;
    assert_eq!((undone.status, &undone.json()["hold"]["state"]), (200, &json!("held")));
    let released = house.act(&ben, &hold.id, "release", "{}").await;
    assert_eq!(released.status, 200, "{}", released.body);
    let late = house.act(&ana, &hold.id, "undo", "{}").await;
    assert_eq!(late.status, 409, "a release is final: {}", late.body);
}

#[tokio::test]
async fn of_two_at_the_same_moment_one_wins() {
    let house = house(|_| {}).await;
    let (ana, ben) = (house.cookie("ana").await, house.cookie("ben").await);
    for round in 0..10 {
        let hold = house.hold("so blorp").await;
        let (one, two) = tokio::join!(
            house.act(&ana, &hold.id, "release", "{}"),
            house.act(&ben, &hold.id, "remove", "{}"),
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "round {round}");
        let (lost, winner) = if one.status == 409 { (one, "ben") } else { (two, "ana") };
        assert_eq!(lost.json()["by"], winner);
    }
}

#[tokio::test]
async fn a_row_says_all_that_a_moderator_needs_and_no_more() {
    let house = house(|_| {}).await;
    let cookie = house.cookie("vera").await;
    let hold = house.hold("🌊 blorp <b>\u{202e}").await;
    let answer = house.page("GET", "/api/queue", &cookie, "").await.json();
    assert_eq!(answer["total"], 1);
    let row = &answer["holds"][0];
    assert_eq!(row["id"], hold.id.as_str());
    assert_eq!(row["text"], "🌊 blorp <b>\u{202e}");
    // The wave is four bytes and two UTF-16 units.
    assert_eq!(row["findings"][0]["span"], json!({ "start": 3, "end": 8 }));
    assert_eq!(row["way"], "orphan", "its sender has no connection");
    assert_eq!((&row["severity"], &row["categories"]), (&json!(2), &json!(["profanity"])));
    for inner in ["frame", "identity", "live"] {
        assert_eq!(row.get(inner), None, "{inner} is nobody's business here");
    }
}

#[tokio::test]
async fn a_time_out_silences_and_its_undo_lifts() {
    let house = house(|_| {}).await;
    let cookie = house.cookie("ana").await;
    let hold = house.hold("so blorp").await;
    for (body, expected) in
        [(r#"{"seconds":0}"#, 422), (r#"{"seconds":9999999999}"#, 422), ("{}", 400)]
    {
        let answer = house.act(&cookie, &hold.id, "time-out", body).await;
        assert_eq!(answer.status, expected, "{body}: {}", answer.body);
    }
    assert_eq!(silent_until(&house), None);
    let answer = house.act(&cookie, &hold.id, "time-out", r#"{"seconds":600}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["hold"]["decided"]["time_out_s"], 600);
    assert!(silent_until(&house).is_some_and(|until| until > now_ms() + 500_000));
    let undone = house.act(&cookie, &hold.id, "undo", "{}").await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    assert_eq!(silent_until(&house), None);
}

#[tokio::test]
async fn a_short_time_out_shortens_no_long_one() {
    let house = house(|_| {}).await;
    let cookie = house.cookie("ana").await;
    let (first, second) = (house.hold("so blorp").await, house.hold("more blorp").await);
    let silence = async |id: &str, body: &str| {
        let answer = house.act(&cookie, id, "time-out", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        silent_until(&house)
    };
    let long = silence(&first.id, r#"{"seconds":600}"#).await;
    assert!(long.is_some());
    assert_eq!(silence(&second.id, r#"{"seconds":60}"#).await, long);
    assert_eq!(house.act(&cookie, &first.id, "undo", "{}").await.status, 200);
    let short = silent_until(&house);
    assert!(short.is_some() && short < long, "{short:?} {long:?}");
    assert_eq!(house.act(&cookie, &second.id, "undo", "{}").await.status, 200);
    assert_eq!(silent_until(&house), None);
}

/// Until when the sender of [`House::hold`] may not speak.
fn silent_until(house: &House) -> Option<u64> {
    let (flood, crowd, shield) = Default::default();
    let watch = Watch { flood: &flood, crowd: &crowd, shield: &shield };
    let message = said_by("u1");
    let recent = house.doors.settler.pipeline.history.peek(&message, &Canonical::default(), &watch);
    recent.timed_out_until_ms
}

/// The stream's events as they come.
pub struct Events {
    stream: TcpStream,
    read: String,
}

impl Events {
    pub async fn open(house: &House, cookie: &str) -> Events {
        let mut stream = TcpStream::connect(house.console).await.expect("the port answers");
        let host = house.console;
        let text = format!("GET /api/stream HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n");
        stream.write_all(text.as_bytes()).await.expect("the request is taken");
        Events { stream, read: String::new() }
    }

    /// The next event's name and data; waits for as long as it takes.
    pub async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.take() {
                self.read = rest;
                return event;
            }
            let mut bytes = [0; 4096];
            let got = self.stream.read(&mut bytes).await.expect("the stream goes on");
            assert_ne!(got, 0, "the stream ended after {:?}", self.read);
            self.read.push_str(std::str::from_utf8(&bytes[..got]).expect("these texts are ASCII"));
        }
    }

    /// Chunk sizes and heads stand on lines of their own and are skipped with them.
    fn take(&self) -> Option<((String, Value), String)> {
        let (_, from) = self.read.split_once("event: ")?;
        let (event, rest) = from.split_once("\n\n")?;
        let (name, data) = event.split_once("\ndata: ")?;
        let data = serde_json::from_str(data).expect("the data is JSON");
        Some(((name.to_owned(), data), rest.to_owned()))
    }
}

#[tokio::test]
async fn consoles_see_what_happens() {
    let house = house(|_| {}).await;
    let (ana, vera) = (house.cookie("ana").await, house.cookie("vera").await);
    let first = house.hold("one blorp").await;
    let mut events = Events::open(&house, &vera).await;
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), &data["holds"][0]["id"]), ("queue", &json!(first.id)));
    let second = house.hold("two blorp").await;
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), &data["hold"]["id"]), ("added", &json!(second.id)));
    house.act(&ana, &first.id, "remove", "{}").await;
    let (name, data) = events.next().await;
    assert_eq!((name.as_str(), &data["hold"]["decided"]["by"]), ("moved", &json!("ana")));

    let mut later = Events::open(&house, &vera).await;
    let (_, data) = later.next().await;
    assert_eq!(data["total"], 1);
    assert_eq!(data["ended"][0]["id"], first.id.as_str(), "how the last ones ended");
}

#[tokio::test]
async fn a_page_lists_what_it_asks_for_and_in_which_order() {
    let house = house(|_| {}).await;
    let cookie = house.cookie("vera").await;
    let mut ids = Vec::new();
    for (severity, category, channel, paid) in [
        (2, Category::Profanity, "lobby", false),
        (4, Category::Threat, "attic", false),
        (3, Category::Hate, "lobby", false),
        (3, Category::Threat, "lobby", true),
    ] {
        let made = house.hold("one blorp").await;
        house.doors.settler.holds.withdraw(&made.id).await.expect("it makes room");
        let mut hold = Hold { id: house.doors.settler.holds.fresh_id(), ..(*made).clone() };
        hold.findings[0].severity = Severity::new(severity).expect("1 to 4");
        hold.findings[0].category = category;
        hold.channel = channel.into();
        hold.paid = paid.then(|| Paid::new("5 EUR", "").expect("it is one"));
        ids.push(house.doors.settler.holds.hold(hold).await.expect("there is room").id.clone());
    }
    for (asked, expected) in [
        ("", &[3, 0, 1, 2][..]),
        ("?sort=paid", &[3, 0, 1, 2]),
        ("?sort=age", &[0, 1, 2, 3]),
        ("?sort=severity", &[1, 3, 2, 0]),
        ("?category=threat", &[3, 1]),
        ("?route=main&channel=lobby", &[3, 0, 2]),
        ("?route=main&channel=lobby&category=hate", &[2]),
        ("?route=elsewhere", &[]),
    ] {
        let answer = house.page("GET", &format!("/api/queue{asked}"), &cookie, "").await.json();
        let listed = answer["holds"].as_array().expect("a list").iter();
        let listed: Vec<&str> = listed.filter_map(|hold| hold["id"].as_str()).collect();
        let expected: Vec<&str> = expected.iter().map(|n| &*ids[*n]).collect();
        assert_eq!(
            (listed, &answer["total"]),
            (expected.clone(), &json!(expected.len())),
            "{asked}"
        );
    }
    for asked in ["?sort=money", "?category=none", "?limit=5"] {
        let path = format!("/api/queue{asked}");
        assert_eq!(house.page("GET", &path, &cookie, "").await.status, 400, "{asked}");
    }
}

#[tokio::test]
async fn streams_are_bounded_and_for_those_logged_in() {
    let house = house(|config| config.console.streams_max = 1).await;
    let cookie = house.cookie("vera").await;
    assert_eq!(house.page("GET", "/api/stream", "", "").await.status, 401);
    let mut events = Events::open(&house, &cookie).await;
    events.next().await;
    let refused = house.page("GET", "/api/stream", &cookie, "").await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn a_permit_lets_one_link_through() {
    let route = RouteConfig { name: "main".into(), ..RouteConfig::default() };
    let house = house(|config| config.route.push(route)).await;
    let cookie = house.cookie("ana").await;
    let permit = async |cookie: &str, route: &str, sender: &str, seconds: u64| {
        let body =
            json!({ "route": route, "channel": "lobby", "sender": sender, "seconds": seconds });
        house.page("POST", "/api/permits", cookie, &body.to_string()).await
    };
    for (route, sender, seconds) in [("main", "", 60), ("main", "u1", 0), ("other", "u1", 60)] {
        let answer = permit(&cookie, route, sender, seconds).await;
        assert_eq!(answer.status, 422, "{route} {sender} {seconds}: {}", answer.body);
    }
    let viewer = house.cookie("vera").await;
    assert_eq!(permit(&viewer, "main", "u1", 60).await.status, 403);
    let mut told = house.doors.settler.audit.subscribe();
    let answer = permit(&cookie, "main", "u1", 60).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let record = told.recv().await.expect("the permit is recorded");
    assert_eq!(record.sender.id, "u1");
    assert!(matches!(&record.event, Event::Permitted { by, .. } if by == "ana"), "{record:?}");
    let links = async |text: &str| {
        let message = Message { text: text.into(), ..said_by("u1") };
        let judged = house.doors.settler.pipeline.judge(&message).await;
        judged.findings.iter().filter(|finding| finding.rule == "link").count()
    };
    for (text, expected) in
        [("no link", 0), ("y0utube.com", 1), ("example.org", 0), ("example.org", 1)]
    {
        assert_eq!(links(text).await, expected, "{text}");
    }
}

fn said_by(sender: &str) -> Message {
    Message {
        route: "main".into(),
        channel: "lobby".into(),
        sender: Sender { id: sender.into(), ..Sender::default() },
        text: "hello".into(),
        at_ms: now_ms(),
        ..Message::default()
    }
}
