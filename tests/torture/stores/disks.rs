//! Fills, slows and locks the disk under the running binary: policy happens, and is said.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::Value;
use tidegate::{
    config::{PolicyConfig, ShapeConfig, Unjudged},
    hold::Hold,
};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    Orders,
    binary::{self, Gate, Ports},
    common::{
        Folder, PATIENCE,
        console::{Moderator, PASSWORD},
    },
    room::Room,
    wire::{Program, connect, fate, pause},
};

/// Doubtful lines while the disk is full, half of them where policy drops what cannot be held.
const LINES: usize = 200;
/// What one sync takes on the slow disk.
const SLOW: Duration = Duration::from_millis(200);

pub async fn run(_orders: &Orders) -> bool {
    let wrongs = [("full", full().await), ("read-only", read_only().await), ("slow", slow().await)];
    for (disk, wrong) in &wrongs {
        for cause in wrong {
            println!("  {disk} disk: WRONG: {cause}");
        }
    }
    wrongs.iter().all(|(_, wrong)| wrong.is_empty())
}

/// A gate over a disk, with one channel that drops what cannot be held and one that passes it.
struct Stage {
    folder: Folder,
    file: PathBuf,
    ports: Ports,
    room: Room,
    token: String,
}

impl Stage {
    async fn build() -> Stage {
        let folder = Folder::new("disk");
        let (ports, room) = (Ports::free().await, Room::open(true).await);
        let mut config = binary::settings(&folder, room.address, &ports);
        config.hold.held_per_sender_max = 10_000;
        let shape = Some(ShapeConfig { length_max: 0, ..ShapeConfig::default() });
        let standard = PolicyConfig { shape, ..config.policy["standard"].clone() };
        let open = PolicyConfig { when_full: Some(Unjudged::Pass), ..standard.clone() };
        config.policy.insert("standard".to_owned(), standard);
        config.policy.insert("open".to_owned(), open);
        config.route[0].channels.insert("open".to_owned(), "open".to_owned());
        let file = binary::write(&folder, &config);
        let state = folder.0.join("state");
        let token = binary::tokens(&state, &["ana"]).await.remove(0);
        binary::account(&state, "eve", PASSWORD).await;
        Stage { folder, file, ports, room, token }
    }

    fn state(&self) -> PathBuf {
        self.folder.0.join("state")
    }

    async fn arrived(&self) -> HashMap<String, usize> {
        let mut arrived = HashMap::new();
        for (_, text) in self.room.arrivals() {
            let line: Value = serde_json::from_str(&text).expect("JSON");
            *arrived.entry(line["id"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
        arrived
    }
}

fn limit_files(gate: &Gate, soft: &str) {
    let pid = gate.pid().to_string();
    let status = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={soft}:")])
        .status()
        .expect("prlimit of util-linux");
    assert!(status.success(), "no limit");
}

/// A file may not grow any more, as on a full disk; later there is room again.
async fn full() -> Vec<String> {
    let stage = Stage::build().await;
    // The signal that comes with the limit is ignored, so that writes fail as on a full disk.
    let mut shell = Command::new("bash");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary::program());
    let mut gate = Gate::spawn_by(shell, &stage.file, stage.ports);
    gate.ready().await;
    let mut client = connect(stage.ports.chat, "/ws").await.expect("a connection");
    let mut program = Program::new(stage.ports.console, &stage.token);
    let mut wrong = Vec::new();
    if fate(&mut client, "lobby", "first", "i will snarfle").await != "hold" {
        wrong.push("nothing is held before the disk is full".to_owned());
    }
    let length = std::fs::metadata(stage.state().join(super::FILE)).expect("a file").len();
    limit_files(&gate, &length.to_string());
    let mut fates: HashMap<String, String> = HashMap::new();
    for number in 0..LINES {
        let channel = if number % 2 == 0 { "lobby" } else { "open" };
        let id = format!("{channel}-{number}");
        let text = format!("i will snarfle {}", "o ".repeat(8_000));
        fates.insert(id.clone(), fate(&mut client, channel, &id, &text).await);
        if number % 10 == 0 {
            let id = format!("fine-{number}");
            if fate(&mut client, "lobby", &id, "what a lovely evening").await != "chat" {
                wrong.push("a fine line does not pass on a full disk".to_owned());
            }
        }
    }
    let failed = gate.figure("tidegate_discarded_total{reason=\"hold_store_failed\"}").await;
    let moderator = Moderator::log_in(stage.ports.console, "eve").await;
    let said = |page: &str| page.contains("\"store_failing\":true");
    if !said(&moderator.read("/api/queue").await.1) {
        wrong.push("the console does not say that nothing can be held".to_owned());
    }
    let row = program.holds().await.and_then(|rows| rows.into_iter().next()).expect("a row");
    let path = format!("/v1/holds/{}/remove", row["id"].as_str().expect("an id"));
    let (decided, _) = program.ask(Method::POST, &path).await.expect("an answer");
    limit_files(&gate, "unlimited");
    let healed = async {
        for number in 0.. {
            let id = format!("healed-{number}");
            if fate(&mut client, "lobby", &id, "i will snarfle").await == "hold" {
                fates.insert(id, "hold".to_owned());
                return;
            }
            pause(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, healed).await.expect("it holds again when there is room");
    if said(&moderator.read("/api/queue").await.1) {
        wrong.push("the console says that nothing can be held, when it can".to_owned());
    }
    gate.kill();
    stage.room.emptied().await;
    let stored = binary::records(&stage.state()).await;
    accounted(&stage, &fates, &stored, failed, &mut wrong).await;
    println!("  full disk: a decision in the meantime was answered {decided}");
    wrong
}

/// Each line met the one fate that it was told, and what could not be held is counted.
async fn accounted(
    stage: &Stage,
    fates: &HashMap<String, String>,
    stored: &[Hold],
    failed: f64,
    wrong: &mut Vec<String>,
) {
    let held: Vec<&str> = stored.iter().filter_map(|hold| hold.message_id.as_deref()).collect();
    let arrived = stage.arrived().await;
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for (id, fate) in fates {
        let channel = if id.starts_with("open") { "open" } else { "lobby" };
        *counts.entry((channel, fate.as_str())).or_default() += 1;
        let is = (held.contains(&id.as_str()), arrived.contains_key(id));
        let good = match (channel, fate.as_str()) {
            (_, "hold") => is == (true, false),
            ("lobby", "drop") => is == (false, false),
            ("open", "chat") => is == (false, true),
            _ => false,
        };
        if !good {
            wrong.push(format!("{id} was told {fate}; on record and in the room: {is:?}"));
        }
    }
    let turned = |key| counts.get(&key).copied().unwrap_or(0);
    let (dropped, passed) = (turned(("lobby", "drop")), turned(("open", "chat")));
    println!(
        "  full disk: of {} doubtful lines {} held, {dropped} dropped, {passed} passed; \
         {failed} counted as not held",
        fates.len(),
        turned(("lobby", "hold")) + turned(("open", "hold")),
    );
    if dropped == 0 || passed == 0 {
        wrong.push("the disk was not full".to_owned());
    }
    if failed < (dropped + passed) as f64 {
        wrong.push("not all that could not be held was counted".to_owned());
    }
}

/// A state folder that may not be written: refused by name, before any port is bound.
async fn read_only() -> Vec<String> {
    let stage = Stage::build().await;
    let state = stage.state();
    let mode = |mode: &str, path: &Path| {
        let status = Command::new("chmod").args(["-R", mode]).arg(path).status();
        assert!(status.is_ok_and(|status| status.success()), "no chmod");
    };
    mode("a-w,a+rX", &state);
    mode("a+rX", &stage.folder.0);
    // To root nothing is read-only.
    let root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout == b"0\n");
    let command = match root {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.arg(binary::program());
            command
        }
        false => Command::new(binary::program()),
    };
    let mut gate = Gate::spawn_by(command, &stage.file, stage.ports);
    let started = gate.try_ready().await.is_some();
    let mut wrong = Vec::new();
    if started {
        wrong.push("it started".to_owned());
    } else {
        let (status, said) = (gate.ended().await, gate.said());
        if status.code() != Some(1) || !said.contains(&state.display().to_string()) {
            wrong.push(format!("it ended with {status} and said {said}"));
        }
    }
    if TcpStream::connect(stage.ports.chat).await.is_ok() {
        wrong.push("the chat port is bound".to_owned());
    }
    mode("u+w", &state);
    println!("  read-only folder: {}", gate.said().lines().next_back().unwrap_or_default());
    wrong
}

/// Each sync takes its time: whoever must wait for it does, and nobody else.
async fn slow() -> Vec<String> {
    let stage = Stage::build().await;
    let source = stage.folder.file("slow.c", SLOW_C);
    let library = stage.folder.0.join("slow.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(built.is_ok_and(|status| status.success()), "cc builds a library");
    let mut command = Command::new(binary::program());
    command.env("LD_PRELOAD", &library).env("SLOW_US", SLOW.as_micros().to_string());
    let mut gate = Gate::spawn_by(command, &stage.file, stage.ports);
    gate.ready().await;
    let chat = stage.ports.chat;
    let doubter = tokio::spawn(async move {
        let mut client = connect(chat, "/ws").await.expect("a connection");
        let (mut told, mut waits) = (Vec::new(), Vec::new());
        for number in 0..10 {
            let (id, began) = (format!("doubtful-{number}"), Instant::now());
            let verdict = fate(&mut client, "lobby", &id, "i will snarfle").await;
            waits.push(began.elapsed());
            told.push((id, verdict));
        }
        (told, waits)
    });
    let mut fine = connect(chat, "/ws").await.expect("a connection");
    let (mut lines, mut waits) = (0, Vec::new());
    while !doubter.is_finished() {
        let began = Instant::now();
        fate(&mut fine, "lobby", &format!("fine-{lines}"), "what a lovely evening").await;
        waits.push(began.elapsed());
        lines += 1;
        pause(Duration::from_millis(2)).await;
    }
    let (told, held_waits) = doubter.await.expect("no panic");
    gate.kill();
    let stored = binary::records(&stage.state()).await;
    let mut wrong = Vec::new();
    for (id, verdict) in told {
        let recorded = stored.iter().any(|hold| hold.message_id.as_deref() == Some(&id));
        if verdict != "hold" || !recorded {
            wrong.push(format!("{id} was told {verdict}; on record: {recorded}"));
        }
    }
    waits.sort();
    let slowest = waits.last().copied().unwrap_or_default();
    let quickest = held_waits.iter().min().copied().unwrap_or_default();
    println!(
        "  slow disk ({SLOW:?} a sync): the quickest hold took {quickest:?}; of {lines} fine lines \
         beside it half took {:?}, the slowest {slowest:?}",
        waits[waits.len() / 2],
    );
    if quickest < SLOW {
        wrong.push("a sender was told before the disk had it".to_owned());
    }
    wrong
}

/// Waits before each sync; in C, because the product's own language forbids what it takes here.
const SLOW_C: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static int slowly(const char *name, int file) {
    const char *time = getenv("SLOW_US");
    if (time) usleep(atoi(time));
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return next(file);
}
int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
"#;
