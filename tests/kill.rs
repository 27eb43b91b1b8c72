//! Kills the process at random moments under load: what was promised to senders must be there.

mod common;
#[path = "common/process.rs"]
mod process;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use common::{Folder, PATIENCE, Room, Shared, config, connect, console::Moderator, say};
use futures_util::{SinkExt, StreamExt};
use hyper::StatusCode;
use process::{add_moderator, free_port};
use serde_json::Value;
use tidegate::{
    config::{Config, IdentityConfig, IdentitySource},
    hold::{Hold, State},
    store::Table,
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// SIGKILLs; each at a moment that the number of promises so far decides.
const ROUNDS: u64 = 50;
const SENDERS: usize = 4;
/// Doubtful lines of each sender in each life.
const LINES: usize = 15;

/// What the senders were told, over all rounds: message id to the number of times.
#[derive(Default)]
struct Promises {
    held: HashMap<String, u32>,
    this_round: usize,
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
            let request = hyper::Request::get("/ready").header("host", "localhost");
            let request = request.body(http_body_util::Full::default()).expect("a request");
            let answer = common::try_http(admin, request).await;
            if answer.is_some_and(|(status, _, _)| status == StatusCode::OK) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it gets ready");
}

/// Says one doubtful line after another and notes each promise, until the connection breaks.
async fn send(chat: SocketAddr, round: u64, sender: usize, promises: Shared<Promises>) {
    let Ok(client) = common::try_connect(chat, &format!("/ws?user=u{sender}"), &[]).await else {
        return;
    };
    let (mut sink, mut stream) = client.split();
    let talk = async {
        for line in 0..LINES {
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
                let mut promises = promises.lock().expect("no panic");
                *promises.held.entry(id).or_default() += 1;
                promises.this_round += 1;
            }
        }
    };
    tokio::join!(talk, listen);
}

/// The sender's own id of a held message.
fn message_id(row: &Value) -> String {
    row["message_id"].as_str().expect("the message's own id").to_owned()
}

/// Every record in the store of a process that was killed, by the sender's own id.
async fn records(folder: &Folder) -> HashMap<String, Vec<Hold>> {
    let store = tidegate::store::open(&folder.0.join("state")).expect("a store");
    let mut all: HashMap<String, Vec<Hold>> = HashMap::new();
    let mut after = String::new();
    loop {
        let entries = store.scan(Table::Holds, &after, 500).await.expect("records");
        let Some((last, _)) = entries.last() else { return all };
        after = last.clone();
        for (_, bytes) in entries {
            let row: Value = serde_json::from_slice(&bytes).expect("a record");
            let hold: Hold = serde_json::from_value(row["hold"].clone()).expect("a held message");
            all.entry(hold.message_id.clone().expect("an id")).or_default().push(hold);
        }
    }
}

/// One life of the process: load, releases, and a SIGKILL in the middle of both.
async fn live_and_die(
    file: &Path,
    ports: [SocketAddr; 3],
    round: u64,
    moderator: &mut Option<Moderator>,
    promises: &Shared<Promises>,
) -> usize {
    let mut child = spawn(file);
    ready(ports[2]).await;
    let moderator = match moderator {
        Some(moderator) => moderator.clone(),
        None => moderator.insert(Moderator::log_in(ports[1], "ana").await).clone(),
    };
    promises.lock().expect("no panic").this_round = 0;
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| tokio::spawn(send(ports[0], round, sender, promises.clone())))
        .collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let releasing = tokio::spawn(async move {
        loop {
            counted.fetch_add(moderator.try_release().await.len(), Ordering::Relaxed);
        }
    });
    // From "before the first promise" to "after nearly all": another moment each round.
    let moment = (round as usize * 7) % (SENDERS * LINES - 5);
    let wait = async {
        while promises.lock().expect("no panic").this_round < moment {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("promises are made");
    child.kill().expect("a kill");
    child.wait().expect("an end");
    for sender in senders {
        let _ = sender.await;
    }
    releasing.abort();
    let _ = releasing.await;
    asked.load(Ordering::Relaxed)
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
    let flood =
        tidegate::config::FloodConfig { messages_max: 100, repeats_max: 100, window_ms: 100 };
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
    let (mut moderator, mut asked) = (None, 0);
    for round in 0..ROUNDS {
        asked += live_and_die(&file, ports, round, &mut moderator, &promises).await;
    }
    let stored = records(&folder).await;
    let mut in_room: HashMap<String, u32> = HashMap::new();
    while let Ok(text) = room.heard.try_recv() {
        let said: Value = serde_json::from_str(&text).expect("JSON");
        *in_room.entry(said["id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    let told = promises.lock().expect("no panic").held.clone();
    println!(
        "{ROUNDS} kills: {} promises, {} records, {asked} releases asked for, {} in the room",
        told.len(),
        stored.len(),
        in_room.len()
    );
    assert!(told.len() > ROUNDS as usize, "there was load");
    assert!(in_room.len() > ROUNDS as usize / 2, "kills fell into releases");
    check(&told, &stored, &in_room);
    after_the_last_restart(&file, ports, &mut room, &stored).await;
}

/// Nothing lost, nothing twice, and every record true.
fn check(
    told: &HashMap<String, u32>,
    stored: &HashMap<String, Vec<Hold>>,
    in_room: &HashMap<String, u32>,
) {
    for (id, times) in told {
        assert_eq!(*times, 1, "{id} was promised twice");
        assert_eq!(stored.get(id).map_or(0, Vec::len), 1, "{id} was promised and has no record");
    }
    for (id, times) in in_room {
        assert_eq!(*times, 1, "{id} was released twice");
        assert!(stored.contains_key(id), "{id} is in the room and has no record");
    }
    for (id, holds) in stored {
        let shown = in_room.contains_key(id);
        let written = holds[0].decided.as_ref().and_then(|decided| decided.written);
        match holds[0].state {
            State::Held | State::Approved => assert!(!shown, "{id} is in the room undecided"),
            State::Released if written == Some(true) => assert!(shown, "{id} never arrived"),
            // Killed between the commit and the note that it was written: either is true.
            State::Released => {}
            other => panic!("{id} ended as {other:?}, which nobody asked for"),
        }
    }
}

/// What was held is in the queue, once, and one of it is released to its sender's new connection.
async fn after_the_last_restart(
    file: &Path,
    ports: [SocketAddr; 3],
    room: &mut Room,
    stored: &HashMap<String, Vec<Hold>>,
) {
    let mut child = spawn(file);
    ready(ports[2]).await;
    let moderator = Moderator::log_in(ports[1], "ana").await;
    let mut queued = HashSet::new();
    let mut last = None;
    loop {
        let rows = moderator.queue().await;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let id = row["id"].as_str().expect("an id").to_owned();
            assert!(queued.insert(message_id(&row)), "{row} is there twice");
            assert_eq!(moderator.act(&id, "remove").await.0, StatusCode::OK);
            last = Some((id, message_id(&row)));
        }
    }
    let held = stored.iter().filter(|(_, holds)| holds[0].state == State::Held);
    let held: HashSet<String> = held.map(|(id, _)| id.clone()).collect();
    assert_eq!(queued, held, "the queue is what the store says");
    let (id, message) = last.expect("something was queued");
    assert_eq!(moderator.act(&id, "undo").await.0, StatusCode::OK);
    let sender = message.split('-').nth(1).expect("a sender").to_owned();
    let mut client = connect(ports[0], &format!("/ws?user=u{sender}")).await;
    say(&mut client, "here", "back again").await;
    while !room.hears().await.contains("here") {}
    assert_eq!(moderator.act(&id, "release").await.0, StatusCode::OK);
    while !room.hears().await.contains(&message) {}
    child.kill().expect("a kill");
    child.wait().expect("an end");
}
