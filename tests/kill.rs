//! Kills the process at random moments under load: what was promised to senders must be there.

mod common;

use std::{
    collections::{HashMap, HashSet},
    io::Write,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use common::{
    Folder, PATIENCE, Room, Shared, config, connect,
    console::{Moderator, PASSWORD},
    say,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::StatusCode;
use serde_json::Value;
use tidegate::config::{Config, IdentityConfig, IdentitySource};
use tokio::{net::TcpListener, time::timeout};
use tokio_tungstenite::tungstenite::Message;

/// SIGKILLs; each at a moment that the number of promises so far decides.
const ROUNDS: u64 = 50;
const SENDERS: usize = 4;

/// What the senders were told, over all rounds: message id to the number of times.
#[derive(Default)]
struct Promises {
    held: HashMap<String, u32>,
    this_round: usize,
}

async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("its address")
}

fn spawn(file: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["run", "--config"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts")
}

async fn ready(admin: SocketAddr) {
    let wait = async {
        loop {
            if let Ok(stream) = tokio::net::TcpStream::connect(admin).await {
                drop(stream);
                let request = hyper::Request::get("/ready").header("host", "localhost");
                let request = request.body(http_body_util::Full::default()).expect("a request");
                if common::http(admin, request).await.0 == StatusCode::OK {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it gets ready");
}

fn add_moderator(file: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["user", "add", "ana", "--role", "moderator", "--config"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("its input");
    writeln!(stdin, "{PASSWORD}").expect("a password");
    drop(stdin);
    assert!(child.wait().expect("an end").success(), "the account was not added");
}

/// Says one doubtful line after another and notes each promise, until the connection breaks.
async fn send(chat: SocketAddr, round: u64, sender: usize, promises: Shared<Promises>) {
    let Ok(client) = common::try_connect(chat, &format!("/ws?user=u{sender}"), &[]).await else {
        return;
    };
    let (mut sink, mut stream) = client.split();
    let talk = async {
        for line in 0..15 {
            let said = serde_json::json!({
                "type": "chat", "id": format!("{round}-{sender}-{line}"), "channel": "lobby",
                "user": format!("u{sender}"), "text": "i will snarfle",
            });
            if sink.send(Message::text(said.to_string())).await.is_err() {
                return;
            }
        }
    };
    let listen = async {
        while let Some(Ok(Message::Text(text))) = stream.next().await {
            let notice: Value = serde_json::from_str(&text).expect("JSON");
            if notice["type"] == "notice" && notice["verdict"] == "hold" {
                let id = notice["id"].as_str().expect("an id").to_owned();
                let mut promises = promises.lock().unwrap();
                *promises.held.entry(id).or_default() += 1;
                promises.this_round += 1;
            }
        }
    };
    tokio::join!(talk, listen);
}

/// Releases some of what is held, so that kills also fall into releases.
async fn release_some(console: SocketAddr, released: Shared<HashSet<String>>) {
    let moderator = Moderator::log_in(console, "ana").await;
    loop {
        for row in moderator.queue().await.iter().step_by(2) {
            let id = row["id"].as_str().expect("an id");
            // It may or may not have been taken when the process dies: both are allowed.
            released.lock().unwrap().insert(message_id(row));
            moderator.act(id, "release").await;
        }
        tokio::task::yield_now().await;
    }
}

/// The sender's own id of a held message.
fn message_id(row: &Value) -> String {
    row["message_id"].as_str().expect("the message's own id").to_owned()
}

fn settings(folder: &Folder, room: SocketAddr, ports: [SocketAddr; 3]) -> Config {
    let mut config = config(folder, room, |route| {
        let name = "user".to_owned();
        route.identity = Some(IdentityConfig { from: IdentitySource::Query, name });
    });
    config.listen.chat = ports[0];
    config.listen.console = ports[1];
    config.listen.admin = ports[2];
    config.hold.held_per_sender_max = 10_000;
    config.wordlists.paths = vec![std::path::absolute("tests/data/words").expect("a folder")];
    let flood = tidegate::config::FloodConfig {
        messages_max: 1_000_000,
        repeats_max: 1_000_000,
        window_ms: 1_000,
    };
    let policy = tidegate::config::PolicyConfig {
        flood: Some(flood),
        hold_ms: Some(3_600_000),
        ..Default::default()
    };
    config.policy.insert("standard".to_owned(), policy);
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_promised_is_lost_and_nothing_is_released_twice() {
    let mut room = Room::open().await;
    let folder = Folder::new("kill");
    let ports = [free_port().await, free_port().await, free_port().await];
    let config = settings(&folder, room.address, ports);
    let file = folder.file("tidegate.toml", &toml::to_string(&config).expect("TOML"));
    add_moderator(&file);
    let promises: Shared<Promises> = Arc::default();
    let released: Shared<HashSet<String>> = Arc::default();
    let mut in_room: HashMap<String, u32> = HashMap::new();
    for round in 0..ROUNDS {
        let mut child = spawn(&file);
        ready(ports[2]).await;
        promises.lock().unwrap().this_round = 0;
        let mut tasks: Vec<_> = (0..SENDERS)
            .map(|sender| tokio::spawn(send(ports[0], round, sender, promises.clone())))
            .collect();
        let moderator = tokio::spawn(release_some(ports[1], released.clone()));
        // From "before the first promise" to "after nearly all": another moment each round.
        let moment = (round as usize * 7) % (SENDERS * 15 - 5);
        let wait = async {
            while promises.lock().unwrap().this_round < moment {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, wait).await.expect("promises are made");
        child.kill().expect("a kill");
        child.wait().expect("an end");
        for task in tasks.drain(..) {
            let _ = task.await;
        }
        moderator.abort();
        let _ = moderator.await;
    }

    let mut child = spawn(&file);
    ready(ports[2]).await;
    let moderator = Moderator::log_in(ports[1], "ana").await;
    let mut queued: HashMap<String, u32> = HashMap::new();
    let mut last = None;
    loop {
        let rows = moderator.queue().await;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            *queued.entry(message_id(&row)).or_default() += 1;
            let id = row["id"].as_str().expect("an id").to_owned();
            last = Some((id.clone(), message_id(&row)));
            if moderator.act(&id, "remove").await.0 != StatusCode::OK {
                panic!("{id} cannot be decided");
            }
        }
    }
    while let Some(Some(text)) = room.heard.recv().now_or_never() {
        let said: Value = serde_json::from_str(&text).expect("JSON");
        *in_room.entry(said["id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    let promises = promises.lock().unwrap();
    let released = released.lock().unwrap();
    let lost: Vec<_> = promises
        .held
        .keys()
        .filter(|id| !queued.contains_key(*id) && !released.contains(*id))
        .collect();
    println!(
        "{ROUNDS} kills: {} promises, {} still queued, {} asked to be released, {} in the room",
        promises.held.len(),
        queued.len(),
        released.len(),
        in_room.len()
    );
    assert!(promises.held.len() > ROUNDS as usize, "there was load");
    assert!(!in_room.is_empty(), "something was released");
    assert_eq!(lost, Vec::<&String>::new(), "promised and lost");
    for (what, counts) in [("told", &promises.held), ("queued", &queued), ("released", &in_room)] {
        let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "{what} twice: {twice:?}");
    }
    // One of them is taken back from its removal and released to its sender's new connection.
    let (id, message) = last.expect("something was queued");
    let sender = message.split('-').nth(1).expect("a sender").to_owned();
    let mut client = connect(ports[0], &format!("/ws?user=u{sender}")).await;
    say(&mut client, "here", "back again").await;
    assert!(room.hears().await.contains("here"));
    assert_eq!(moderator.act(&id, "undo").await.0, StatusCode::OK);
    assert_eq!(moderator.act(&id, "release").await.0, StatusCode::OK);
    assert!(room.hears().await.contains(&message), "released after the restart");
    child.kill().expect("a kill");
    child.wait().expect("an end");
}
