//! Kills a process that holds, decides and releases under load, and counts what it promised.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use tidegate::{
    config::HoldConfig,
    hold::{Decision, Hold, Service, State, StoredFrame},
};

use super::life::{Dir, Life, live};

/// Set in the child: the directory to work in.
const LOAD: &str = "TIDEGATE_TEST_LOAD_DIR";
const ROUNDS: usize = 4;
/// Lives of one directory, each ended by a kill but the last.
const LIVES: usize = 3;

fn config() -> HoldConfig {
    HoldConfig { held_max: 1_000_000, undo_ms: 5, ..HoldConfig::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// Says each release on standard output in the moment it is written.
fn speak(life: &Life) {
    let service: Service = std::sync::Arc::new(|frame| {
        println!("wrote {}", String::from_utf8_lossy(frame.bytes()));
        Box::pin(async { Ok(()) })
    });
    life.queue.serve("/chat", service);
}

/// Holds and decides without end, and says what was promised.
async fn load(dir: &Path) {
    // The directory is the parent's to remove.
    let dir = std::mem::ManuallyDrop::new(Dir(dir.to_owned()));
    let life = std::sync::Arc::new(live(&dir, config()).await);
    speak(&life);
    let tasks = (0..8).map(|task: u64| {
        let life = life.clone();
        tokio::spawn(async move {
            for number in 0_u64.. {
                let message = life.message(task, &format!("sender {task} {number}"));
                let frame = StoredFrame { binary: false, bytes: message.id.clone().into_bytes() };
                let hold = life.queue.hold(Hold { frame, ..message }).await.unwrap();
                println!("held {}", hold.id);
                let decision = match number % 4 {
                    0 => continue,
                    1 => Decision::Remove,
                    _ => Decision::Release,
                };
                life.queue.decide(&hold.id, decision, "ana").await.unwrap();
                println!("decided {} {}", hold.id, number % 4 != 1);
            }
        })
    });
    futures_util::future::join_all(tasks.collect::<Vec<_>>()).await;
}

/// What the killed processes said of one directory.
#[derive(Default)]
struct Said {
    held: HashSet<String>,
    decided: HashMap<String, bool>,
    wrote: Vec<String>,
}

impl Said {
    fn line(&mut self, line: &str) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("held"), Some(id), None) => drop(self.held.insert(id.to_owned())),
            (Some("wrote"), Some(id), None) => self.wrote.push(id.to_owned()),
            (Some("decided"), Some(id), Some(released)) => {
                self.decided.insert(id.to_owned(), released == "true");
            }
            _ => {}
        }
    }
}

/// Runs this test again as the load, until it has said so many lines.
fn killed_after(lines: usize, dir: &Dir, said: &mut Said) {
    let name = "kill::killed_at_any_moment_it_loses_nothing_and_repeats_nothing";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(LOAD, &dir.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in heard.by_ref().take(lines) {
        said.line(&line.unwrap());
    }
    child.kill().unwrap();
    // What it said between our last look and its end counts too.
    heard.map_while(Result::ok).for_each(|line| said.line(&line));
    child.wait().unwrap();
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_repeats_nothing() {
    if let Some(dir) = std::env::var_os(LOAD) {
        runtime().block_on(load(Path::new(&dir)));
        unreachable!("the load has no end but a kill");
    }
    for round in 0..ROUNDS {
        let (dir, mut said) = (Dir::new(), Said::default());
        for life in 1..LIVES {
            killed_after(30 + 61 * round + 41 * life, &dir, &mut said);
        }
        assert!(said.held.len() > 20, "round {round}: only {} were held", said.held.len());
        runtime().block_on(check(&dir, &said, round));
    }
}

async fn check(dir: &Dir, said: &Said, round: usize) {
    let once: HashSet<_> = said.wrote.iter().collect();
    assert_eq!(once.len(), said.wrote.len(), "round {round}: written twice");
    let life = live(dir, config()).await;
    let listed: HashSet<_> = life.queue.list().iter().map(|hold| hold.id.clone()).collect();
    for id in &said.held {
        let stored = life.stored(id).await;
        let state = stored.unwrap_or_else(|| panic!("round {round}: {id} is lost"));
        let state: State = serde_json::from_value(state["hold"]["state"].clone()).unwrap();
        let promised = match said.decided.get(id) {
            Some(true) => matches!(state, State::Approved | State::Released),
            Some(false) => state == State::Denied,
            // The kill may have come between the decision and its answer.
            None => true,
        };
        assert!(promised, "round {round}: {id} is {state:?}");
        assert!(!once.contains(id) || state == State::Released, "round {round}: {id} {state:?}");
        assert_eq!(listed.contains(id), state == State::Held, "round {round}: {id}");
    }
    // What was approved and not written goes out now, and nothing else.
    let written = life.service(Ok(()));
    let approved = said.decided.iter().filter(|(_, released)| **released);
    for (id, _) in approved {
        life.until(id, State::Released).await;
    }
    for id in written.lock().unwrap().iter() {
        assert!(!once.contains(id), "round {round}: {id} was written before the kill");
    }
}
