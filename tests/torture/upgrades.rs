//! Lets one process after the other take over under load, and counts whom it cost what.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::{
    config::{IdentityConfig, IdentitySource},
    hold::{Hold, State},
};
use tokio::{task::JoinHandle, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{
    Orders,
    binary::{self, Gate, Ports},
    common::{Client, Folder, PATIENCE},
    dice::Dice,
    room::Room,
    system,
    wire::{Program, connect, pause},
};

/// A connection says a line this often.
const PACE: Duration = Duration::from_secs(2);
/// One line of so many is held.
const HELD_OF: u64 = 20;

pub async fn run(orders: &Orders) -> bool {
    let upgrades = orders.count(2, 20);
    let (connections, window_ms) = if orders.full { (2_000, 5_000) } else { (200, 1_000) };
    let began = Instant::now();
    let house = House::build(window_ms).await;
    let mut gate = Gate::spawn(&house.file, house.ports);
    gate.ready().await;
    let counts = Arc::<Counts>::default();
    let chats = crowd(house.ports, connections, orders.dice(0), &counts).await;
    let program = Program::new(house.ports.console, &house.token);
    let moderator = tokio::spawn(moderate(program, counts.clone()));
    pause(PACE).await;
    let (mut pid, mut wrong) = (gate.pid(), Vec::new());
    for number in 0..upgrades {
        match house.upgrade(pid).await {
            Ok(next) => pid = next,
            Err(cause) => wrong.push(format!("upgrade {number}: {cause}")),
        }
    }
    pause(PACE).await;
    counts.over.store(true, Ordering::SeqCst);
    for chat in chats {
        chat.await.expect("no panic");
    }
    moderator.await.expect("no panic");
    house.end(pid).await;
    house.room.emptied().await;
    println!(
        "upgrades: {upgrades} under {connections} connections, {window_ms} ms to come back in, \
         seed {}, {} s",
        orders.seed,
        began.elapsed().as_secs(),
    );
    let stored = binary::records(&house.folder.0.join("state")).await;
    wrong.extend(counts.check(&stored, &house.room));
    if wrong.iter().any(|cause| cause.starts_with("upgrade")) {
        println!("{}", gate.said());
    }
    wrong.iter().for_each(|cause| println!("  WRONG: {cause}"));
    wrong.is_empty()
}

/// What all processes share.
struct House {
    folder: Folder,
    file: PathBuf,
    ports: Ports,
    room: Room,
    token: String,
    window: Duration,
}

impl House {
    async fn build(window_ms: u64) -> House {
        let folder = Folder::new("upgrades");
        let (ports, room) = (Ports::free().await, Room::open(true).await);
        let mut config = binary::settings(&folder, room.address, &ports);
        config.listen.drain_ms = window_ms;
        config.listen.grace_ms = 2 * window_ms + 5_000;
        config.hold.held_max = 1_000_000;
        config.hold.held_per_sender_max = 10_000;
        let name = "user".to_owned();
        config.route[0].identity = Some(IdentityConfig { from: IdentitySource::Query, name });
        let file = binary::write(&folder, &config);
        let token = binary::tokens(&folder.0.join("state"), &["ana"]).await.remove(0);
        let window = Duration::from_millis(window_ms);
        House { folder, file, ports, room, token, window }
    }

    /// Has a new process take over, and waits until the old one has ended by itself.
    async fn upgrade(&self, old: u32) -> Result<u32, String> {
        let mut command = Command::new(binary::program());
        command.args(["upgrade", "--config"]).arg(&self.file);
        let done = tokio::task::spawn_blocking(move || command.output().expect("the binary"));
        let done = done.await.expect("no panic");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let number = said.split(' ').nth(1).and_then(|number| number.parse().ok());
        let Some(new) = number.filter(|_| done.status.success()) else {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        };
        let ended = async {
            while system::runs(old) {
                pause(Duration::from_millis(20)).await;
            }
        };
        let limit = PATIENCE + 2 * self.window;
        timeout(limit, ended).await.map_err(|_| format!("process {old} does not end"))?;
        Ok(new)
    }

    async fn end(&self, pid: u32) {
        let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no process {pid}");
        let ended = async {
            while system::runs(pid) {
                pause(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE + 2 * self.window, ended).await.expect("it ends");
    }
}

/// What those outside have seen.
#[derive(Default)]
struct Counts {
    over: AtomicBool,
    refused: AtomicUsize,
    asked_back: AtomicUsize,
    cut_off: AtomicUsize,
    /// Decisions that the API did not take, and did not say why.
    unanswered: AtomicUsize,
    said: Mutex<HashSet<String>>,
    told_held: Mutex<HashSet<String>>,
    decided: Mutex<HashSet<String>>,
    /// What a connection took from the first packet to its 101.
    waits: Mutex<Vec<Duration>>,
}

/// Opens connections that chat, and come back when they are asked to.
async fn crowd(
    ports: Ports,
    connections: usize,
    mut dice: Dice,
    counts: &Arc<Counts>,
) -> Vec<JoinHandle<()>> {
    let mut chats = Vec::new();
    for user in 0..connections {
        let dice = Dice::new(dice.throw());
        let client = counts.open(ports, user).await.expect("a connection");
        chats.push(tokio::spawn(chat(client, ports, user, dice, counts.clone())));
    }
    // Those of the start tell nothing.
    counts.waits.lock().expect("no panic").clear();
    chats
}

impl Counts {
    async fn open(&self, ports: Ports, user: usize) -> Option<Client> {
        let began = Instant::now();
        let client = connect(ports.chat, &format!("/ws?user=u{user}")).await;
        match client.is_some() {
            true => self.waits.lock().expect("no panic").push(began.elapsed()),
            false => drop(self.refused.fetch_add(1, Ordering::SeqCst)),
        }
        client
    }
}

/// Says lines at its pace until all is over, over one connection after the other.
async fn chat(first: Client, ports: Ports, user: usize, mut dice: Dice, counts: Arc<Counts>) {
    let (mut client, mut number) = (first, 0_u64);
    let mut next = Instant::now() + PACE.mul_f64(dice.below(1_000) as f64 / 1_000.0);
    while !counts.over.load(Ordering::SeqCst) {
        let heard = tokio::select! {
            heard = client.next() => heard,
            () = pause(next.saturating_duration_since(Instant::now())) => {
                let held = dice.below(HELD_OF) == 0;
                let text = if held { "i will snarfle" } else { "what a lovely evening" };
                let id = format!("{user}-{number}-{}", if held { "held" } else { "fine" });
                let line = json!({
                    "type": "chat", "id": id, "channel": "lobby", "user": format!("u{user}"),
                    "text": text,
                });
                if client.send(Message::text(line.to_string())).await.is_ok() {
                    counts.said.lock().expect("no panic").insert(id);
                }
                (number, next) = (number + 1, next + PACE);
                continue;
            }
        };
        let code = match heard {
            Some(Ok(Message::Text(text))) => {
                counts.hear(&text);
                continue;
            }
            Some(Ok(Message::Close(frame))) => frame.map(|frame| frame.code),
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => None,
        };
        let counter = match code {
            Some(CloseCode::Restart) => &counts.asked_back,
            _ => &counts.cut_off,
        };
        counter.fetch_add(1, Ordering::SeqCst);
        // The answer to the close goes out with this, behind everything that was said.
        while let Some(Ok(_)) = client.next().await {}
        client = loop {
            if let Some(client) = counts.open(ports, user).await {
                break client;
            }
            pause(Duration::from_millis(100)).await;
        };
    }
    let _ = client.close(None).await;
    while let Some(Ok(heard)) = client.next().await {
        if let Message::Text(text) = heard {
            counts.hear(&text);
        }
    }
}

/// Releases whatever waits, until all is over and nothing does.
async fn moderate(mut program: Program, counts: Arc<Counts>) {
    loop {
        let over = counts.over.load(Ordering::SeqCst);
        let rows = match program.ask(Method::GET, "/v1/holds?limit=200").await {
            Some((StatusCode::OK, body)) => body["holds"].as_array().cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        for row in &rows {
            let id = row["id"].as_str().expect("an id");
            let path = format!("/v1/holds/{id}/release");
            match program.ask(Method::POST, &path).await {
                Some((StatusCode::OK, _)) => {
                    let message = row["message_id"].as_str().expect("an id").to_owned();
                    counts.decided.lock().expect("no panic").insert(message);
                }
                // By the process that could not answer any more, perhaps.
                Some((StatusCode::CONFLICT, _)) => {}
                _ => drop(counts.unanswered.fetch_add(1, Ordering::SeqCst)),
            }
        }
        if over {
            return;
        }
        pause(Duration::from_millis(20)).await;
    }
}

impl Counts {
    fn hear(&self, text: &str) {
        let heard: Value = serde_json::from_str(text).expect("JSON");
        if heard["type"] == "notice" && heard["verdict"] == "hold" {
            let id = heard["id"].as_str().expect("an id").to_owned();
            self.told_held.lock().expect("no panic").insert(id);
        }
    }

    /// Everything against everything; what is wrong comes back.
    fn check(&self, stored: &[Hold], room: &Room) -> Vec<String> {
        let mut arrived: HashMap<String, usize> = HashMap::new();
        for (_, text) in room.arrivals() {
            let line: Value = serde_json::from_str(&text).expect("JSON");
            *arrived.entry(line["id"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
        let by_message: HashMap<&str, &Hold> =
            stored.iter().map(|hold| (hold.message_id.as_deref().expect("an id"), hold)).collect();
        let (said, told, decided) = (
            self.said.lock().expect("no panic"),
            self.told_held.lock().expect("no panic"),
            self.decided.lock().expect("no panic"),
        );
        let dealt_with =
            |id: &String| arrived.contains_key(id) || by_message.contains_key(id.as_str());
        let kept = |id: &&String| {
            let state = by_message.get(id.as_str()).map(|hold| hold.state);
            matches!(state, Some(State::Approved | State::Released))
        };
        let unknown = |hold: &&Hold| {
            let written = hold.decided.as_ref().and_then(|decided| decided.written);
            hold.state == State::Released && written.is_none()
        };
        let released = stored.iter().filter(|hold| hold.state == State::Released).count();
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        println!("  {:>9} lines said", said.len());
        println!("  {:>9} lines held, {released} of them released", stored.len());
        println!("  {:>9} releases with a write that is unknown", {
            stored.iter().filter(unknown).count()
        });
        println!("  {:>9} connections asked to come back (1012)", count(&self.asked_back));
        println!("  {:>9} decisions that met no answer and were asked again", {
            count(&self.unanswered)
        });
        self.print_waits();
        let twice = arrived.values().filter(|times| **times > 1).count();
        let wrongs = [
            ("connections refused", count(&self.refused)),
            ("connections closed without 1012", count(&self.cut_off)),
            ("lines lost", said.iter().filter(|id| !dealt_with(id)).count()),
            ("promised to be held, and lost", {
                told.iter().filter(|id| !by_message.contains_key(id.as_str())).count()
            }),
            ("held twice", stored.len() - by_message.len()),
            ("arrived twice", twice),
            ("decisions taken and not kept", decided.iter().filter(|id| !kept(id)).count()),
            ("of too little to mean anything", {
                let little = told.is_empty() || decided.is_empty() || count(&self.asked_back) == 0;
                usize::from(little)
            }),
        ];
        let mut found = Vec::new();
        for (what, times) in wrongs {
            println!("  {times:>9} {what}");
            if times > 0 {
                found.push(format!("{times} {what}"));
            }
        }
        found
    }

    fn print_waits(&self) {
        let mut waits = std::mem::take(&mut *self.waits.lock().expect("no panic"));
        waits.sort();
        let at = |share: f64| {
            let place = (waits.len() as f64 * share) as usize;
            let wait = waits.get(place.min(waits.len().saturating_sub(1)));
            wait.map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
        };
        println!(
            "  to be connected again took p50 {:.1} ms, p99 {:.1}, slowest {:.1}",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}
