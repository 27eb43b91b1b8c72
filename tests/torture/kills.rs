//! Kills the binary with SIGKILL at random moments, under load, and accounts for every message.

mod account;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::{
    config::{IdentityConfig, IdentitySource, PolicyConfig, WhileHeld},
    hold::{Hold, State},
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    Orders,
    binary::{self, Gate, Ports},
    common::{Folder, PATIENCE},
    dice::Dice,
    room::Room,
    wire::{Program, connect, pause},
};
use account::{Account, Act, Kind, Tally};

/// Kills of one store. More would make each start slower, because there is more to read.
const LIVES: u64 = 50;
/// Half of them in a channel where later chat waits for what is held.
const SENDERS: u64 = 6;
/// The second decides too, so that two want the same row.
const MODERATORS: [&str; 2] = ["ana", "ben"];
/// A life from ready to kill, at most.
const LIFE_MS: u64 = 300;

pub async fn run(orders: &Orders) -> bool {
    let kills = orders.count(20, 1_000);
    let (began, mut tally) = (Instant::now(), Tally::default());
    let mut left = kills;
    while left > 0 {
        let lives = left.min(LIVES);
        let house = House::build(orders.dice(left)).await;
        house.live(lives, &mut tally).await;
        left -= lives;
        println!("  {} kills after {} s", kills - left, began.elapsed().as_secs());
    }
    println!("kills: {kills} SIGKILLs, seed {}, {} s", orders.seed, began.elapsed().as_secs());
    tally.print();
    tally.good()
}

/// One store, and all who live with the process that owns it.
struct House {
    folder: Folder,
    file: PathBuf,
    ports: Ports,
    room: Room,
    tokens: Vec<String>,
    dice: Dice,
}

impl House {
    async fn build(dice: Dice) -> House {
        let folder = Folder::new("kills");
        let (ports, room) = (Ports::free().await, Room::open(true).await);
        let mut config = binary::settings(&folder, room.address, &ports);
        // A denial is final soon, so that the channel that waits goes on within a life.
        config.hold.undo_ms = 10;
        config.hold.held_max = 1_000_000;
        config.hold.held_per_sender_max = 10_000;
        config.limits.waiting_max = 10_000;
        let route = &mut config.route[0];
        let name = "user".to_owned();
        route.identity = Some(IdentityConfig { from: IdentitySource::Query, name });
        route.channels.insert("slow".to_owned(), "waiting".to_owned());
        let standard = config.policy["standard"].clone();
        let waiting = PolicyConfig { while_held: Some(WhileHeld::Wait), ..standard };
        config.policy.insert("waiting".to_owned(), waiting);
        let file = binary::write(&folder, &config);
        let tokens = binary::tokens(&folder.0.join("state"), &MODERATORS).await;
        House { folder, file, ports, room, tokens, dice }
    }

    async fn live(mut self, lives: u64, tally: &mut Tally) {
        let account = Arc::new(Account::default());
        for life in 0..lives {
            if self.dice.chance(10) {
                self.killed_at_the_start(tally).await;
            } else {
                self.killed_at_work(life, &account).await;
            }
        }
        // As the last kill left it, and once more when everything has come to its end.
        let state = self.folder.0.join("state");
        let stored = binary::records(&state).await;
        account.check(&stored, &self.arrived(), tally);
        self.last_life(lives, &account, &stored).await;
        let stored = binary::records(&state).await;
        let open = |state: State| matches!(state, State::Held | State::Approved);
        let left = stored.iter().filter(|hold| open(hold.state)).count();
        tally.wrong("without an end after all was decided", left, String::new);
        account.check(&stored, &self.arrived(), tally);
        account.sum(&stored, &self.arrived(), tally);
        tally.wrong("audit records that do not verify", usize::from(!verifies(&self.file)), || {
            "tidegate audit verify".to_owned()
        });
    }

    /// In which life which line arrived.
    fn arrived(&self) -> Vec<(u64, String)> {
        let id = |text: &str| {
            let line: Value = serde_json::from_str(text).expect("JSON");
            line["id"].as_str().expect("an id").to_owned()
        };
        self.room.arrivals().iter().map(|(life, text)| (*life, id(text))).collect()
    }

    async fn killed_at_the_start(&mut self, tally: &mut Tally) {
        let mut gate = Gate::spawn(&self.file, self.ports);
        pause(Duration::from_micros(self.dice.below(80_000))).await;
        if !gate.runs() {
            panic!("it does not start: {}", gate.said());
        }
        gate.kill();
        tally.at_the_start += 1;
    }

    async fn killed_at_work(&mut self, life: u64, account: &Arc<Account>) {
        let mut gate = Gate::spawn(&self.file, self.ports);
        gate.ready().await;
        self.room.life(life);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let dice = Dice::new(self.dice.throw());
                tokio::spawn(talk(self.ports, life, sender, dice, account.clone()))
            })
            .collect();
        let moderators: Vec<_> = MODERATORS
            .iter()
            .zip(&self.tokens)
            .map(|(name, token)| {
                let program = Program::new(self.ports.console, token);
                tokio::spawn(moderate(name, program, account.clone(), true))
            })
            .collect();
        pause(Duration::from_micros(self.dice.below(LIFE_MS * 1_000))).await;
        gate.kill();
        for task in senders.into_iter().chain(moderators) {
            timeout(PATIENCE, task).await.expect("it sees the end").expect("no panic");
        }
        self.room.emptied().await;
    }

    /// Everybody is there, nobody says anything new, and all that waits is decided.
    async fn last_life(&mut self, life: u64, account: &Arc<Account>, stored: &[Hold]) {
        let mut gate = Gate::spawn(&self.file, self.ports);
        gate.ready().await;
        self.room.life(life);
        let mut listeners = Vec::new();
        for sender in 0..SENDERS {
            let client = connect(self.ports.chat, &path(sender)).await;
            let mut client = client.expect("a connection");
            listeners
                .push(tokio::spawn(async move { while let Some(Ok(_)) = client.next().await {} }));
        }
        let mut program = Program::new(self.ports.console, &self.tokens[0]);
        let last = Program::new(self.ports.console, &self.tokens[1]);
        moderate(MODERATORS[1], last, account.clone(), false).await;
        // What is approved goes to whoever is back.
        let open = |hold: &&Hold| matches!(hold.state, State::Held | State::Approved);
        let carried = async {
            for hold in stored.iter().filter(open) {
                let path = format!("/v1/holds/{}", hold.id);
                let approved = async |program: &mut Program| {
                    let answer = program.ask(Method::GET, &path).await.expect("an answer");
                    answer.1["state"] == "approved"
                };
                while approved(&mut program).await {
                    pause(Duration::from_millis(2)).await;
                }
            }
        };
        timeout(2 * PATIENCE, carried).await.expect("what was approved is carried");
        gate.stop().await;
        for listener in listeners {
            listener.await.expect("no panic");
        }
        self.room.emptied().await;
    }
}

fn path(sender: u64) -> String {
    format!("/ws?user=u{sender}")
}

/// Says one line after another, and notes what it is told, until the connection breaks.
async fn talk(ports: Ports, life: u64, sender: u64, mut dice: Dice, account: Arc<Account>) {
    let Some(client) = connect(ports.chat, &path(sender)).await else { return };
    let (mut sink, mut stream) = client.split();
    let channel = if sender.is_multiple_of(2) { "lobby" } else { "slow" };
    let talk = async {
        for number in 0.. {
            let (kind, text) = match dice.below(20) {
                0..9 => (Kind::Fine, "what a lovely evening"),
                9..18 => (Kind::Doubtful, "i will snarfle"),
                _ => (Kind::Forbidden, "you grumbix"),
            };
            let id = account::id(life, sender, number, kind);
            let line = json!({
                "type": "chat", "id": id, "channel": channel, "user": format!("u{sender}"),
                "text": text,
            });
            account.said(&id);
            if sink.send(Message::text(line.to_string())).await.is_err() {
                break;
            }
            pause(Duration::from_micros(dice.below(8_000))).await;
        }
        // What it was told before the end is still to be read.
        std::future::pending::<()>().await;
    };
    let listen = async {
        while let Some(Ok(heard)) = stream.next().await {
            let Message::Text(text) = heard else { continue };
            let notice: Value = serde_json::from_str(&text).expect("JSON");
            if notice["type"] == "notice" {
                let part = |name: &str| notice[name].as_str().unwrap_or_default().to_owned();
                account.told(part("id"), part("verdict"));
            }
        }
    };
    tokio::select! {
        () = talk => {}
        () = listen => {}
    }
}

/// Decides whatever waits until the process dies; all of it, and then leaves, where told so.
async fn moderate(
    name: &'static str,
    mut program: Program,
    account: Arc<Account>,
    leaves_some: bool,
) {
    let by = format!("token:{name}");
    while let Some(rows) = program.holds().await {
        if rows.is_empty() && !leaves_some {
            return;
        }
        for row in &rows {
            account.saw(row);
            let id = row["id"].as_str().expect("an id");
            let act = account::wanted(row["message_id"].as_str().expect("an id"), leaves_some);
            let Some(act) = act else { continue };
            let verb = if act == Act::Release { "release" } else { "remove" };
            let path = format!("/v1/holds/{id}/{verb}");
            match program.ask(Method::POST, &path).await {
                Some((StatusCode::OK, _)) => account.decided(id, &by, act),
                Some((StatusCode::CONFLICT, body)) => {
                    account.refused(id, body["by"].as_str().unwrap_or_default());
                }
                Some((status, body)) => panic!("{path}: {status} {body}"),
                None => return,
            }
        }
        pause(Duration::from_millis(2)).await;
    }
}

fn verifies(file: &Path) -> bool {
    let mut command = std::process::Command::new(binary::program());
    let output = command.args(["audit", "verify", "--config"]).arg(file).output();
    output.is_ok_and(|output| output.status.success())
}
