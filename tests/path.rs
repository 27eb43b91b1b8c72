//! Sends chat through the whole gate: pass, mask, hold, drop, release, and who is told what.

mod common;

use std::net::SocketAddr;

use common::{
    Client, Folder, Room, config, connect,
    console::{Moderator, PASSWORD},
    gate, next_json, say,
};
use hyper::StatusCode;
use serde_json::Value;
use tidegate::{
    accounts::Role,
    config::{
        Config, IdentityConfig, IdentitySource, Mode, PolicyConfig, ServiceConfig, WhileHeld,
    },
    listen::Running,
};

/// The gate before a room, with moderators `ana` and `bob`.
struct Stage {
    room: Room,
    running: Running,
    config: Config,
    _folder: Folder,
}

impl Stage {
    async fn set(change: impl FnOnce(&mut Config)) -> Stage {
        let room = Room::open().await;
        let folder = Folder::new("path");
        let mut config = config(&folder, room.address, |route| {
            let name = "user".to_owned();
            route.identity = Some(IdentityConfig { from: IdentitySource::Query, name });
        });
        change(&mut config);
        let running = gate(config.clone()).await;
        for name in ["ana", "bob"] {
            let added = running.accounts.add(name, Role::Moderator, PASSWORD, false).await;
            added.expect("an account");
        }
        Stage { room, running, config, _folder: folder }
    }

    async fn restart(self) -> Stage {
        self.running.stop().await;
        let running = gate(self.config.clone()).await;
        Stage { running, ..self }
    }

    fn chat(&self) -> SocketAddr {
        self.running.chat
    }

    async fn moderator(&self, name: &str) -> Moderator {
        Moderator::log_in(self.running.console, name).await
    }

    async fn hears(&mut self) -> Value {
        serde_json::from_str(&self.room.hears().await).expect("JSON")
    }
}

/// Says a line and returns the notice about it.
async fn told(client: &mut Client, id: &str, text: &str) -> Value {
    say(client, id, text).await;
    let notice = next_json(client).await;
    assert_eq!(notice["type"], "notice", "{notice}");
    assert_eq!(notice["id"], id, "{notice}");
    notice
}

fn only_row(rows: &[Value]) -> String {
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn each_verdict_does_what_it_says() {
    let mut stage = Stage::set(|_| {}).await;
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    say(&mut client, "1", "good evening").await;
    assert_eq!(next_json(&mut client).await["text"], "good evening");
    say(&mut client, "2", "oh blorp it").await;
    assert_eq!(next_json(&mut client).await["text"], "oh ***** it");
    assert_eq!(told(&mut client, "3", "you grumbix").await["verdict"], "drop");
    assert_eq!(told(&mut client, "4", "i will snarfle").await["verdict"], "hold");
    say(&mut client, "5", "still here").await;
    assert_eq!(next_json(&mut client).await["id"], "5");
    for expected in ["1", "2", "5"] {
        assert_eq!(stage.hears().await["id"], expected, "nothing else reached the room");
    }
    let rows = stage.moderator("ana").await.queue().await;
    assert_eq!(rows[0]["text"], "i will snarfle");
    assert_eq!(rows[0]["findings"][0]["span"], serde_json::json!({ "start": 7, "end": 14 }));
    assert_eq!(rows[0]["decided_by"], "policy standard, threat 3");
    stage.running.stop().await;
}

#[tokio::test]
async fn the_first_decision_wins_and_the_second_is_told() {
    let mut stage = Stage::set(|_| {}).await;
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    told(&mut client, "1", "i will snarfle").await;
    let (ana, bob) = (stage.moderator("ana").await, stage.moderator("bob").await);
    let id = only_row(&ana.queue().await);
    let (first, second) = (ana.act(&id, "release").await, bob.act(&id, "remove").await);
    assert_eq!(first.0, StatusCode::OK, "{}", first.1);
    assert_eq!(second.0, StatusCode::CONFLICT, "{}", second.1);
    assert!(second.1.to_string().contains("ana"), "{}", second.1);
    assert_eq!(stage.hears().await["text"], "i will snarfle");
    // The room's copy and the notice come in either order: they come from either side.
    let both = [next_json(&mut client).await, next_json(&mut client).await];
    assert!(both.iter().any(|frame| frame["text"] == "i will snarfle"), "{both:?}");
    stage.running.stop().await;
}

#[tokio::test]
async fn a_release_after_a_restart_goes_over_the_senders_new_connection() {
    let mut stage = Stage::set(|_| {}).await;
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    told(&mut client, "1", "i will snarfle").await;
    drop(client);
    stage = stage.restart().await;
    let ana = stage.moderator("ana").await;
    let rows = ana.queue().await;
    let id = only_row(&rows);
    assert_eq!(rows[0]["way"], "orphan", "nobody is there to carry it");
    let _stranger = connect(stage.chat(), "/ws?user=eve").await;
    assert_eq!(ana.queue().await[0]["way"], "orphan", "a stranger does not count");
    let mut again = connect(stage.chat(), "/ws?user=ana").await;
    // A frame that came back proves that the session is registered.
    say(&mut again, "2", "back again").await;
    assert_eq!(next_json(&mut again).await["id"], "2");
    assert_eq!(ana.queue().await[0]["way"], "connection");
    assert_eq!(ana.act(&id, "release").await.0, StatusCode::OK);
    assert_eq!(stage.hears().await["id"], "2");
    assert_eq!(stage.hears().await["id"], "1");
    stage.running.stop().await;
}

#[tokio::test]
async fn a_release_without_its_sender_goes_over_the_service_connection() {
    let service = ServiceConfig { path: "/ws?service=1".to_owned(), ..ServiceConfig::default() };
    let mut stage = Stage::set(|config| config.route[0].service = Some(service)).await;
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    told(&mut client, "1", "i will snarfle").await;
    drop(client);
    stage = stage.restart().await;
    let ana = stage.moderator("ana").await;
    let rows = ana.queue().await;
    assert_eq!(rows[0]["way"], "service");
    assert_eq!(ana.act(&only_row(&rows), "release").await.0, StatusCode::OK);
    assert_eq!(stage.hears().await["text"], "i will snarfle");
    stage.running.stop().await;
}

#[tokio::test]
async fn what_is_said_behind_a_held_message_is_policy() {
    for (while_held, heard_first) in
        [(WhileHeld::Pass, "2"), (WhileHeld::Wait, "1"), (WhileHeld::Hold, "1")]
    {
        let policy = PolicyConfig { while_held: Some(while_held), ..PolicyConfig::default() };
        let mut stage =
            Stage::set(|config| drop(config.policy.insert("standard".to_owned(), policy))).await;
        let mut client = connect(stage.chat(), "/ws?user=ana").await;
        told(&mut client, "1", "i will snarfle").await;
        match while_held {
            WhileHeld::Hold => drop(told(&mut client, "2", "and then some").await),
            _ => say(&mut client, "2", "and then some").await,
        }
        if while_held == WhileHeld::Pass {
            assert_eq!(next_json(&mut client).await["id"], "2");
        }
        let ana = stage.moderator("ana").await;
        let rows = ana.queue().await;
        assert_eq!(rows.len(), 1 + usize::from(while_held == WhileHeld::Hold), "{while_held:?}");
        for row in &rows {
            let id = row["id"].as_str().expect("an id");
            assert_eq!(ana.act(id, "release").await.0, StatusCode::OK);
        }
        assert_eq!(stage.hears().await["id"], heard_first, "{while_held:?}");
        let second = if heard_first == "1" { "2" } else { "1" };
        assert_eq!(stage.hears().await["id"], second, "{while_held:?}");
        stage.running.stop().await;
    }
}

/// A release that was held on an earlier connection lets nothing go that waits behind another.
#[tokio::test]
async fn chat_waits_for_the_held_message_of_its_own_connection() {
    let mut stage = Stage::set(|config| {
        let policy = config.policy.entry("standard".to_owned()).or_default();
        policy.while_held = Some(WhileHeld::Wait);
    })
    .await;
    let mut earlier = connect(stage.chat(), "/ws?user=ana").await;
    assert_eq!(told(&mut earlier, "1", "i will snarfle").await["verdict"], "hold");
    drop(earlier);
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    assert_eq!(told(&mut client, "2", "i will snarfle").await["verdict"], "hold");
    say(&mut client, "3", "hello").await;
    let ana = stage.moderator("ana").await;
    let rows = ana.queue().await;
    for row in &rows {
        let id = row["id"].as_str().expect("an id");
        assert_eq!(ana.act(id, "release").await.0, StatusCode::OK);
        // It is on its way before the next is decided.
        while next_json(&mut client).await["verdict"] != "released" {}
    }
    for id in ["1", "2", "3"] {
        assert_eq!(stage.hears().await["id"], id);
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn a_timed_out_sender_is_silent_until_it_is_undone() {
    let mut stage = Stage::set(|_| {}).await;
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    told(&mut client, "1", "i will snarfle").await;
    let ana = stage.moderator("ana").await;
    let id = only_row(&ana.queue().await);
    assert_eq!(ana.act(&id, "time-out").await.0, StatusCode::OK);
    assert_eq!(told(&mut client, "2", "hello?").await["verdict"], "timed_out");
    assert_eq!(ana.act(&id, "undo").await.0, StatusCode::OK);
    say(&mut client, "3", "thank you").await;
    assert_eq!(next_json(&mut client).await["id"], "3");
    assert_eq!(stage.hears().await["id"], "3");
    only_row(&ana.queue().await);
    stage.running.stop().await;
}

#[tokio::test]
async fn egress_judges_once_and_releases_to_who_is_there() {
    let stage = Stage::set(|config| config.route[0].mode = Mode::Egress).await;
    let mut viewers = Vec::new();
    for _ in 0..5 {
        viewers.push(connect(stage.chat(), "/ws?user=viewer").await);
    }
    // The streamer's platform: it talks to the room around Tidegate.
    let mut outside = connect(stage.room.address, "/ws").await;
    say(&mut outside, "0", "hello all").await;
    for viewer in &mut viewers {
        assert_eq!(next_json(viewer).await["id"], "0");
    }
    say(&mut outside, "1", "you grumbix").await;
    say(&mut outside, "2", "i will snarfle").await;
    say(&mut outside, "3", "oh blorp").await;
    for viewer in &mut viewers {
        let frame = next_json(viewer).await;
        assert_eq!((&frame["id"], &frame["text"]), (&"3".into(), &"oh *****".into()));
    }
    let ana = stage.moderator("ana").await;
    let id = only_row(&ana.queue().await);
    assert_eq!(ana.act(&id, "release").await.0, StatusCode::OK);
    for viewer in &mut viewers {
        assert_eq!(next_json(viewer).await["id"], "2");
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn releases_that_waited_for_their_sender_go_out_in_the_order_held() {
    let mut stage = Stage::set(|_| {}).await;
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    let ids: Vec<String> = (0..8).map(|n| format!("held-{n}")).collect();
    for id in &ids {
        let notice = told(&mut client, id, &format!("i will snarfle, {id}")).await;
        assert_eq!(notice["verdict"], "hold");
    }
    drop(client);
    stage = stage.restart().await;
    let ana = stage.moderator("ana").await;
    for row in ana.queue().await.iter().rev() {
        let id = row["id"].as_str().expect("an id");
        assert_eq!(ana.act(id, "release").await.0, StatusCode::OK);
    }
    let _again = connect(stage.chat(), "/ws?user=ana").await;
    for id in &ids {
        assert_eq!(stage.hears().await["id"], id.as_str());
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn what_is_too_much_to_wait_is_turned_away_and_the_rest_goes_on() {
    let while_held = Some(WhileHeld::Wait);
    let policy = PolicyConfig { while_held, ..PolicyConfig::default() };
    let mut stage = Stage::set(|config| {
        config.policy.insert("standard".to_owned(), policy);
        config.limits.waiting_max = 2;
    })
    .await;
    let mut client = connect(stage.chat(), "/ws?user=ana").await;
    told(&mut client, "1", "i will snarfle").await;
    say(&mut client, "2", "one").await;
    say(&mut client, "3", "two").await;
    assert_eq!(told(&mut client, "4", "three").await["verdict"], "drop");
    let typing = r#"{"type":"typing"}"#;
    futures_util::SinkExt::send(&mut client, typing.into()).await.expect("an open connection");
    assert_eq!(stage.hears().await["type"], "typing", "what is not chat passes");
    let ana = stage.moderator("ana").await;
    let id = only_row(&ana.queue().await);
    assert_eq!(ana.act(&id, "release").await.0, StatusCode::OK);
    for expected in ["1", "2", "3"] {
        assert_eq!(stage.hears().await["id"], expected);
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn a_viewer_of_no_channel_yet_is_shown_no_release() {
    let stage = Stage::set(|config| config.route[0].mode = Mode::Egress).await;
    let mut there = connect(stage.chat(), "/ws").await;
    let mut outside = connect(stage.room.address, "/ws").await;
    say(&mut outside, "0", "hello").await;
    assert_eq!(next_json(&mut there).await["id"], "0");
    say(&mut outside, "1", "i will snarfle").await;
    say(&mut outside, "2", "a line behind it").await;
    assert_eq!(next_json(&mut there).await["id"], "2", "the first is held");
    let mut late = connect(stage.chat(), "/ws").await;
    let ana = stage.moderator("ana").await;
    let id = only_row(&ana.queue().await);
    assert_eq!(ana.act(&id, "release").await.0, StatusCode::OK);
    assert_eq!(next_json(&mut there).await["id"], "1");
    say(&mut outside, "3", "good night").await;
    assert_eq!(next_json(&mut late).await["id"], "3");
    stage.running.stop().await;
}

/// A server that says much at once to a client that says nothing.
#[tokio::test]
async fn a_burst_larger_than_the_backlog_arrives() {
    const FRAMES: usize = 600;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut ws = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
        for n in 0..FRAMES {
            let frame = format!("{n} {}", "x".repeat(1000));
            let feed = futures_util::SinkExt::feed(&mut ws, frame.into()).await;
            feed.expect("an open connection");
        }
        futures_util::SinkExt::flush(&mut ws).await.expect("an open connection");
        std::future::pending::<()>().await;
    });
    let folder = Folder::new("burst");
    let running = gate(config(&folder, upstream, |_| {})).await;
    let mut client = connect(running.chat, "/ws").await;
    for n in 0..FRAMES {
        let frame = common::next(&mut client).await.into_text().expect("text");
        assert!(frame.starts_with(&format!("{n} ")), "frame {n}");
    }
    running.stop().await;
}
