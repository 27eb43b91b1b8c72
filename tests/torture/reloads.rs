//! Changes word lists, policies and settings under load, and counts whom it cost what.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt, stream};
use serde_json::json;
use tidegate::config::{CategoryConfig, Config};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    Orders,
    binary::{self, Gate, Ports},
    common::{Client, Folder, PATIENCE},
    dice::Dice,
    room::Room,
    wire::{connect, fate, pause},
};

/// A connection says a line this often.
const PACE: Duration = Duration::from_secs(2);

pub async fn run(orders: &Orders) -> bool {
    let reloads = orders.count(5, 50);
    let connections = if orders.full { 2_000 } else { 200 };
    let began = Instant::now();
    let house = House::build().await;
    let mut gate = Gate::spawn(&house.file, house.ports);
    gate.ready().await;
    let load = Load::start(house.ports, connections, orders.dice(0)).await;
    pause(2 * PACE).await;
    let calm = load.take();
    let mut wrong = Vec::new();
    let mut probe = connect(house.ports.chat, "/ws").await.expect("a connection");
    for number in 0..reloads {
        if let Err(cause) = house.change(number, &gate, &mut probe).await {
            wrong.push(format!("reload {number}: {cause}"));
        }
    }
    let busy = load.take();
    let refused = gate.figure("tidegate_reloads_total{result=\"refused\"}").await;
    let loaded = gate.figure("tidegate_reloads_total{result=\"ok\"}").await;
    let ended = load.end().await;
    println!(
        "reloads: {loaded} taken over and {refused} refused as they should be, under {connections} \
         connections, seed {}, {} s",
        orders.seed,
        began.elapsed().as_secs(),
    );
    ended.print(&calm, &busy);
    if !gate.runs() {
        wrong.push(format!("it crashed: {}", gate.said()));
    }
    wrong.iter().for_each(|cause| println!("  WRONG: {cause}"));
    wrong.is_empty() && ended.dropped == 0 && ended.lost() == 0 && ended.sent > 0
}

/// Settings that change, and the words of the moment.
struct House {
    folder: Folder,
    config: Config,
    file: PathBuf,
    ports: Ports,
    words: PathBuf,
    _room: Room,
}

/// What is changed, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Another word list, found by itself.
    Words,
    /// Another policy, found by itself.
    Policy,
    /// Both, at SIGHUP.
    Signal,
    /// Settings with a mistake: the old ones go on.
    Mistake,
}

const CHANGES: [Change; 5] =
    [Change::Words, Change::Policy, Change::Signal, Change::Mistake, Change::Signal];

impl House {
    async fn build() -> House {
        let folder = Folder::new("reloads");
        let (ports, room) = (Ports::free().await, Room::open(false).await);
        let mut config = binary::settings(&folder, room.address, &ports);
        let words = folder.0.join("words");
        fs::create_dir_all(words.join("en")).expect("a folder");
        config.wordlists.paths.push(words.clone());
        // One sender says all that is to be held.
        config.hold.held_per_sender_max = 10_000;
        // As large a ruleset as it has.
        config.wordlists.embedded = true;
        let file = binary::write(&folder, &config);
        let house = House { folder, config, file, ports, words, _room: room };
        house.list("none");
        house
    }

    /// A list of five thousand invented words, and this one.
    fn list(&self, word: &str) {
        let many: String = (0..5_000).map(|n| format!("2 word zq{}vx\n", letters(n))).collect();
        let text = format!("# Invented.\n{many}4 word {word}\n");
        self.replace(&self.words.join("en").join("hate.txt"), &text);
    }

    /// Whole or not at all, as editors and Kubernetes do it.
    fn replace(&self, file: &Path, text: &str) {
        let new = self.folder.file("next", text);
        fs::rename(&new, file).expect("a place");
    }

    /// Settings by which mild words pass, or not.
    fn settings(&self, passes: bool) -> String {
        use tidegate::message::Verdict::{Drop, Hold, Pass};
        let mut config = self.config.clone();
        let action = if passes { [Pass; 4] } else { [Hold, Hold, Hold, Drop] };
        let category = CategoryConfig { action: Some(action), ..CategoryConfig::default() };
        let policy = config.policy.get_mut("standard").expect("a policy");
        policy.profanity = Some(category);
        toml::to_string(&config).expect("TOML")
    }

    /// Makes one change, and sees that it is in force, or that it is refused and said so.
    async fn change(&self, number: u64, gate: &Gate, probe: &mut Client) -> Result<(), String> {
        let change = CHANGES[number as usize % CHANGES.len()];
        let word = format!("zork{}", letters(number));
        let passes = number.is_multiple_of(2);
        if matches!(change, Change::Words | Change::Signal) {
            let before = fate(probe, "probe", &format!("early-{number}"), &word).await;
            if before != "chat" {
                return Err(format!("{word} was {before} before it was listed"));
            }
            self.list(&word);
        }
        match change {
            Change::Words => {}
            Change::Policy | Change::Signal => self.replace(&self.file, &self.settings(passes)),
            Change::Mistake => self.replace(&self.file, "[policy.standard]\nhold_ms = \"soon\"\n"),
        }
        if change == Change::Signal {
            gate.signal("HUP");
        }
        if change == Change::Mistake {
            let name = "tidegate_reloads_total{result=\"refused\"}";
            let refusals = gate.figure(name).await;
            let refused = async || gate.figure(name).await > refusals;
            until(refused).await.ok_or("a mistake was not refused")?;
            // The last good word list is in force still.
            self.replace(&self.file, &self.settings(passes));
        }
        if matches!(change, Change::Words | Change::Signal) {
            self.see(probe, number, &word, "drop").await?;
        }
        if change != Change::Words {
            let expected = if passes { "chat" } else { "hold" };
            self.see(probe, number, "blorp", expected).await?;
        }
        Ok(())
    }

    async fn see(&self, probe: &mut Client, n: u64, word: &str, end: &str) -> Result<(), String> {
        let mut tries = 0;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let seen = fate(probe, "probe", &format!("{word}-{n}-{tries}"), word).await;
            if seen == end {
                return Ok(());
            }
            tries += 1;
            pause(Duration::from_millis(20)).await;
        }
        Err(format!("{word} is not {end} after {} s", began.elapsed().as_secs()))
    }
}

async fn until(mut is: impl AsyncFnMut() -> bool) -> Option<()> {
    let wait = async {
        while !is().await {
            pause(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.ok()
}

/// A number in letters, so that it is part of the word.
fn letters(number: u64) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'b')).collect()
}

/// Connections that chat while everything changes.
struct Load {
    tasks: Vec<tokio::task::JoinHandle<bool>>,
    shared: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    over: AtomicBool,
    sent: AtomicUsize,
    back: AtomicUsize,
    waits: Mutex<Vec<Duration>>,
}

struct Ended {
    sent: usize,
    back: usize,
    dropped: usize,
}

impl Load {
    async fn start(ports: Ports, connections: usize, mut dice: Dice) -> Load {
        let shared = Arc::<Counts>::default();
        let opened = (0..connections).map(|_| connect(ports.chat, "/ws"));
        let clients: Vec<_> = stream::iter(opened).buffer_unordered(50).collect().await;
        let mut tasks = Vec::new();
        for (number, client) in clients.into_iter().enumerate() {
            let client = client.expect("a connection");
            let first = Duration::from_micros(dice.below(PACE.as_micros() as u64));
            tasks.push(tokio::spawn(chat(client, number, first, shared.clone())));
        }
        Load { tasks, shared }
    }

    /// The waits since the last time, sorted.
    fn take(&self) -> Vec<Duration> {
        let mut waits = std::mem::take(&mut *self.shared.waits.lock().expect("no panic"));
        waits.sort();
        waits
    }

    async fn end(self) -> Ended {
        self.shared.over.store(true, Ordering::SeqCst);
        let mut dropped = 0;
        for task in self.tasks {
            dropped += usize::from(!task.await.expect("no panic"));
        }
        let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        Ended { sent: count(&self.shared.sent), back: count(&self.shared.back), dropped }
    }
}

impl Ended {
    fn lost(&self) -> usize {
        self.sent - self.back
    }

    fn print(&self, calm: &[Duration], busy: &[Duration]) {
        println!("  {} lines said, {} lost", self.sent, self.lost());
        println!("  {} connections dropped", self.dropped);
        for (when, waits) in [("before", calm), ("during", busy)] {
            let at = |share: f64| {
                let place = (waits.len() as f64 * share) as usize;
                let wait = waits.get(place.min(waits.len().saturating_sub(1)));
                wait.map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
            };
            println!(
                "  {when} the reloads: {} lines came back, p50 {:.2} ms, p99 {:.2}, slowest {:.1}",
                waits.len(),
                at(0.5),
                at(0.99),
                at(1.0),
            );
        }
    }
}

/// Says lines at its pace until told to stop; false where the connection ended before.
async fn chat(mut client: Client, user: usize, first: Duration, counts: Arc<Counts>) -> bool {
    pause(first).await;
    let mut number = 0_u64;
    while !counts.over.load(Ordering::SeqCst) {
        let began = Instant::now();
        let line = json!({
            "type": "chat", "id": format!("{user}-{number}"), "channel": "lobby",
            "user": format!("u{user}"), "text": "what a lovely evening",
        });
        let line = line.to_string();
        counts.sent.fetch_add(1, Ordering::SeqCst);
        if client.send(Message::text(line.as_str())).await.is_err() {
            return false;
        }
        let heard = async {
            while let Some(Ok(heard)) = client.next().await {
                if matches!(&heard, Message::Text(text) if text.as_str() == line) {
                    return true;
                }
            }
            false
        };
        match timeout(PATIENCE, heard).await {
            Ok(true) => {}
            Ok(false) => return false,
            // Lost, and the connection is there still.
            Err(_) => continue,
        }
        counts.back.fetch_add(1, Ordering::SeqCst);
        counts.waits.lock().expect("no panic").push(began.elapsed());
        number += 1;
        pause(PACE.saturating_sub(began.elapsed())).await;
    }
    true
}
