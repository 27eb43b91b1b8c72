//! Holds the stage to its word: what reaches a screen, what is taken off it, and who may look.

mod common;

use common::{
    Client, Folder, Room, config, connect,
    console::{Moderator, PASSWORD},
    gate, http, next_json, try_connect,
};
use futures_util::SinkExt;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};
use serde_json::{Value, json};
use tidegate::{
    accounts::Role,
    config::{CrowdConfig, Mode, PolicyConfig, RouteConfig},
    listen::Running,
    message::Verdict,
    protocol::{PUBLIC, dialect},
};
use tokio_tungstenite::tungstenite::Message;

/// A room, and a screen with the preset before it.
struct Stage {
    running: Running,
    /// Who speaks in the room itself, around Tidegate.
    people: Client,
    _room: Room,
    _folder: Folder,
}

impl Stage {
    /// `newcomers`: for how long somebody is new.
    async fn set(newcomer_ms: u64) -> Stage {
        let (room, folder) = (Room::open().await, Folder::new("stage"));
        let mut config = config(&folder, room.address, |route| {
            (route.name, route.mode) = ("stage".into(), Mode::Egress);
            (route.policy, route.origins) = ("mine".into(), vec!["loopback".into()]);
        });
        let crowd = CrowdConfig { action: Verdict::Drop, newcomer_ms, ..CrowdConfig::default() };
        let mine = PolicyConfig {
            preset: Some("stage".into()),
            crowd: Some(crowd),
            ..PolicyConfig::default()
        };
        config.policy.insert("mine".into(), mine);
        let running = gate(config).await;
        running.accounts.add("ana", Role::Moderator, PASSWORD, false).await.expect("an account");
        let people = connect(room.address, "/ws").await;
        Stage { running, people, _room: room, _folder: folder }
    }

    async fn says(&mut self, user: &str, id: &str, text: &str) {
        let said = json!({
            "type": "chat", "id": id, "channel": "lobby", "user": user, "text": text,
        });
        self.people.send(Message::text(said.to_string())).await.expect("an open connection");
    }

    async fn moderator(&self) -> Moderator {
        Moderator::log_in(self.running.console, "ana").await
    }

    async fn get(&self, path: &str, more: &[(&str, &str)]) -> (StatusCode, String, String) {
        let mut request = Request::get(path).header(header::HOST, self.running.console.to_string());
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).expect("a request");
        let (status, headers, body) = http(self.running.console, request).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("a policy");
        (status, policy.to_owned(), String::from_utf8_lossy(&body).into_owned())
    }
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Shown(&'static str),
    Waits,
    Nowhere,
}
use End::{Nowhere, Shown, Waits};

const OLD: bool = true;
const NEW: bool = false;

#[tokio::test]
async fn what_reaches_the_screen() {
    let mut stage = Stage::set(0).await;
    let mut screen = connect(stage.running.chat, "/").await;
    // Each of another sender, whose strikes are no other's; who has spoken before is not new.
    let table = [
        (OLD, "hello there", Shown("hello there")),
        (NEW, "hello from me too", Shown("hello from me too")),
        (OLD, "oh blorp", Shown("oh *****")),
        (NEW, "oh blorp, says the newcomer", Waits),
        (OLD, "i will snarfle", Nowhere),
        (OLD, "you grumbix", Nowhere),
        (OLD, "look at www.youtube.com/watch", Waits),
        (OLD, "look at www.blorp-example.net/now", Waits),
        (OLD, "mail ana.blorp@gmail.com", Nowhere),
        (OLD, "my number is +33 6 12 34 56 78", Nowhere),
        (OLD, "ssh to 93.184.216.34 please", Nowhere),
    ];
    for (n, (known, text, _)) in table.iter().enumerate() {
        if *known {
            stage.says(&format!("user{n}"), &format!("before {n}"), "good evening").await;
            assert_eq!(next_json(&mut screen).await["id"], format!("before {n}"), "{text}");
        }
    }
    for (n, (_, text, _)) in table.iter().enumerate() {
        stage.says(&format!("user{n}"), &n.to_string(), text).await;
    }
    stage.says("keeper", "last", "good night").await;
    let mut shown = Vec::new();
    loop {
        let frame = next_json(&mut screen).await;
        match frame["id"].as_str() {
            Some("last") => break,
            _ => shown.push(frame),
        }
    }
    let waiting = stage.moderator().await.queue().await;
    for (n, (known, text, expected)) in table.iter().enumerate() {
        let id = json!(n.to_string());
        let on_screen = shown.iter().find(|frame| frame["id"] == id);
        let held = waiting.iter().any(|row| row["text"] == *text);
        let ended = match (on_screen, held) {
            (Some(frame), false) => Some(frame["text"].as_str().expect("a text").to_owned()),
            (None, true) => Some("(waits)".to_owned()),
            (None, false) => None,
            (Some(_), true) => panic!("{text} is shown and waits"),
        };
        let expected = match expected {
            Shown(text) => Some((*text).to_owned()),
            Waits => Some("(waits)".to_owned()),
            Nowhere => None,
        };
        assert_eq!(ended, expected, "known {known}: {text}");
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn what_moderators_want_gone_leaves_every_screen() {
    let mut stage = Stage::set(0).await;
    let mut screens =
        [connect(stage.running.chat, "/").await, connect(stage.running.chat, "/").await];
    let ana = stage.moderator().await;
    stage.says("rascal", "1", "hello friends").await;
    stage.says("bo", "2", "the gremlo choir sings at the harbour tonight").await;
    stage.says("cy", "3", "cheese is something else entirely").await;
    stage.says("rascal", "4", "see www.blorp-example.net/raid").await;
    stage.says("dan", "5", "and www.blorp-example.net/choir of gremlo sings").await;
    stage.says("cy", "6", "that was all").await;
    for screen in &mut screens {
        for id in ["1", "2", "3", "6"] {
            assert_eq!(next_json(screen).await["id"], id);
        }
    }
    let row = |text: &str, rows: &[Value]| {
        let row = rows.iter().find(|row| row["text"].as_str().unwrap_or_default().contains(text));
        row.expect("it waits")["id"].as_str().expect("an id").to_owned()
    };
    let waiting = ana.queue().await;
    let target = json!({
        "route": "stage", "channel": "lobby", "back_minutes": 5, "forward_minutes": 5,
        "text": "the gremlo choir sings at the harbour tonight",
    });
    let (status, answer) = ana.post("/api/nukes", &target).await;
    assert_eq!((status, &answer["shown"]), (StatusCode::CREATED, &json!(1)), "{answer}");
    assert_eq!(ana.act(&row("raid", &waiting), "time-out").await.0, StatusCode::OK);
    let id = row("choir", &waiting);
    assert_eq!(ana.act(&id, "release").await.0, StatusCode::OK);
    for screen in &mut screens {
        for (kind, id) in [("remove", "2"), ("remove", "1"), ("chat", "5")] {
            let frame = next_json(screen).await;
            assert_eq!((&frame["type"], &frame["id"]), (&json!(kind), &json!(id)), "{frame}");
        }
    }
    // What was released can be taken back as well; what was taken off once is not again.
    let target = json!({
        "route": "stage", "channel": "lobby", "back_minutes": 5, "forward_minutes": 5,
        "text": "and www.blorp-example.net/choir of gremlo sings",
    });
    let (_, answer) = ana.post("/api/nukes", &target).await;
    assert_eq!(answer["shown"], 1, "{answer}");
    for screen in &mut screens {
        assert_eq!(next_json(screen).await, json!({ "type": "remove", "id": "5" }));
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn what_the_chat_takes_away_waits_no_longer() {
    let mut stage = Stage::set(0).await;
    let mut screen = connect(stage.running.chat, "/").await;
    let ana = stage.moderator().await;
    for (user, id) in [("bo", "1"), ("cy", "2")] {
        let text = format!("look at www.blorp-example.net/{id}");
        stage.says(user, id, &text).await;
    }
    stage.says("dan", "3", "good evening").await;
    assert_eq!(next_json(&mut screen).await["id"], "3");
    assert_eq!(ana.queue().await.len(), 2);
    let removal = json!({ "type": "remove", "id": "1" });
    stage.people.send(Message::text(removal.to_string())).await.expect("an open connection");
    assert_eq!(next_json(&mut screen).await, removal);
    let left = tokio::time::timeout(common::PATIENCE, async {
        loop {
            let rows = ana.queue().await;
            if rows.len() < 2 {
                break rows;
            }
        }
    });
    let left = left.await.expect("it is withdrawn");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["text"], "look at www.blorp-example.net/2");
    stage.running.stop().await;
}

#[tokio::test]
async fn who_may_look() {
    let stage = Stage::set(0).await;
    let port = stage.running.chat.port();
    let (status, policy, page) = stage.get("/stage/?channel=x", &[]).await;
    assert!(status == StatusCode::OK && page.contains("/stage/stage.js"), "{status}");
    let own = format!("; connect-src 'self' ws://127.0.0.1:{port}");
    assert!(policy.starts_with("default-src 'self'") && policy.ends_with(&own), "{policy}");
    for proxied in ["x-forwarded-for", "forwarded", "via"] {
        let (status, policy, _) = stage.get("/stage/", &[(proxied, "192.0.2.1")]).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{proxied}");
        assert!(!policy.contains("connect-src"));
    }
    let (status, _, body) = stage.get("/stage/route?route=stage&channel=lobby", &[]).await;
    let place: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status, StatusCode::OK);
    for (key, expected) in [
        ("speaks", json!("json")),
        ("channel", json!("lobby")),
        ("port", json!(port)),
        ("path", json!("/")),
        ("secure", json!(false)),
    ] {
        assert_eq!(place[key], expected, "{key}");
    }
    assert_eq!(place["json"]["removed_kinds"], json!(["remove"]));
    assert_eq!(stage.get("/stage/route?route=other", &[]).await.0, StatusCode::NOT_FOUND);
    for (origin, expected) in [
        (None, true),
        (Some("http://127.0.0.1:7401"), true),
        (Some("http://localhost"), true),
        (Some("http://[::1]:9"), true),
        (Some("https://elsewhere.example"), false),
        (Some("http://localhost.elsewhere.example"), false),
        (Some("null"), false),
        (Some("file://"), false),
    ] {
        let origin = origin.map(|origin| ("origin", origin));
        let opened = try_connect(stage.running.chat, "/", origin.as_slice()).await;
        assert_eq!(opened.is_ok(), expected, "{origin:?}");
    }
    stage.running.stop().await;
}

#[test]
fn public_platforms_are_read_without_an_account() {
    for public in PUBLIC {
        let route = RouteConfig {
            upstream: public.upstream.into(),
            protocol: public.protocol.into(),
            mode: Mode::Egress,
            ..RouteConfig::default()
        };
        let reader = dialect(&route).expect(public.name).reader("Ana", 12_345).expect("a reader");
        let said = [reader.hello, reader.welcomed].concat().join("\n");
        assert!(said.contains("12345") && said.contains("#ana"), "{}: {said}", public.name);
        assert!(!said.contains("PASS"), "{}: {said}", public.name);
    }
}

#[test]
fn what_takes_messages_away_is_told_from_chat() {
    let check = |more: &str, expected: Option<&str>| {
        let shape = format!("kind = \"/type\"\nkinds = [\"chat\"]\ntext = \"/text\"\n{more}");
        let json = toml::from_str(&shape).expect(more);
        let route = RouteConfig {
            upstream: "ws://127.0.0.1:1".into(),
            protocol: "json".into(),
            mode: Mode::Egress,
            json: Some(json),
            ..RouteConfig::default()
        };
        let wrong = dialect(&route).err();
        match expected {
            None => assert_eq!(wrong, None, "{more}"),
            Some(part) => assert!(wrong.as_ref().is_some_and(|w| w.contains(part)), "{wrong:?}"),
        }
    };
    check("removed_kinds = [\"gone\"]\nremoved = \"/ids\"\nremoval = '{\"ids\":[\"{id}\"]}'", None);
    check("removed_kinds = [\"gone\"]", Some("go together"));
    check("removed = \"/id\"", Some("go together"));
    check("removed_kinds = [\"chat\"]\nremoved = \"/id\"", Some("a kind that is chat"));
    check("removed_kinds = [\"gone\"]\nremoved = \"id\"", Some("json.removed"));
    check("removal = '{\"id\":{id}}'", Some("json.removal is not JSON"));
}
