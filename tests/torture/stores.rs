//! Damages the store's file in every way that disks do, and has it recovered by the real binary.

mod damage;
mod disks;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;
use tidegate::store::{self, Entries, Expect, StoreError, Table, Write};

use crate::{
    Orders,
    binary::{self, Gate, Ports},
    common::Folder,
    dice::Dice,
    life::{self, Dir},
    wire::{Program, pause},
};
use damage::{Damage, Images};

const FILE: &str = "tidegate.redb";
/// What may be read as the content of a store: all of its tables.
type Content = Vec<Entries>;

pub async fn run(orders: &Orders) -> bool {
    let (seeds, began, mut tally) = (orders.count(24, 200), Instant::now(), Tally::default());
    for seed in 0..seeds {
        one(seed, orders.dice(seed), &mut tally).await;
    }
    println!("stores: {seeds} damaged, seed {}, {} s", orders.seed, began.elapsed().as_secs());
    tally.print();
    let disks = disks::run(orders).await;
    tally.good() && disks
}

#[derive(Default)]
struct Tally {
    /// By damage: nothing was lost, the last commit was (it was never acknowledged), refused.
    ends: BTreeMap<&'static str, [usize; 3]>,
    records: usize,
    wrong: Vec<String>,
}

/// What became of a damaged store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    Before,
    Refused,
}

impl Tally {
    fn print(&self) {
        println!("  {} synced entries in them", self.records);
        println!("  {:>7} {:>7} {:>7}  damage", "whole", "before", "refused");
        for (damage, [whole, before, refused]) in &self.ends {
            println!("  {whole:>7} {before:>7} {refused:>7}  {damage}");
        }
        println!("  {:>7} synced entries lost or false ones believed", self.wrong.len());
        for wrong in self.wrong.iter().take(5) {
            println!("          {wrong}");
        }
    }

    fn good(&self) -> bool {
        let refused = self.ends.values().any(|[_, _, refused]| *refused > 0);
        self.wrong.is_empty() && refused
    }
}

/// A store as it was after its last commit, and just before.
struct Written {
    images: Images,
    before: Content,
    after: Content,
    tokens: Vec<String>,
}

async fn content(store: &dyn store::Store) -> Content {
    let mut tables = Vec::new();
    for table in Table::ALL {
        tables.push(store.scan(table, "", usize::MAX).await.expect("a readable store"));
    }
    tables
}

/// Holds, decides and releases as the product does, and commits a last set of records.
async fn written(dir: &Dir, dice: &mut Dice) -> Written {
    let tokens = binary::tokens(&dir.0, &["ana"]).await;
    let bounds = tidegate::config::HoldConfig { held_max: 1_000, ..life::config() };
    let life = life::live(dir, bounds).await;
    let mut images = Images::default();
    for number in 0..dice.within(5..40) {
        let hold = life.held(1, &format!("sender {number}")).await;
        life.record(&hold);
        let act = match dice.below(4) {
            0 => None,
            1 => Some(tidegate::hold::Decision::Remove),
            _ => Some(tidegate::hold::Decision::Release),
        };
        if let Some(act) = act {
            life.queue.decide(&hold.id, act, "ana").await.expect("the first decision");
        }
        if act == Some(tidegate::hold::Decision::Release) && dice.chance(50) {
            assert!(life.queue.claim(&hold.id).await.expect("a claim"));
            life.queue.written(&hold.id, true).await;
        }
        life.audit.flush().await;
        images.earlier.push(fs::read(dir.0.join(FILE)).expect("a file"));
    }
    let like = life.stored(&life.held(1, "like it").await.id).await.expect("a row");
    let before = content(&*life.store).await;
    images.before = fs::read(dir.0.join(FILE)).expect("a file");
    let writes = (0..dice.within(1..20)).map(|_| another(&life, &like, dice)).collect();
    store::Store::commit(&*life.store, writes).await.expect("a commit");
    images.after = fs::read(dir.0.join(FILE)).expect("a file");
    let after = content(&*life.store).await;
    drop(life);
    // Somebody else's turn, and the file is closed as at a stop.
    while store::open(&dir.0).is_err() {
        pause(Duration::from_millis(1)).await;
    }
    images.closed = fs::read(dir.0.join(FILE)).expect("a file");
    Written { images, before, after, tokens }
}

/// A held message of a size by chance.
fn another(life: &life::Life, like: &Value, dice: &mut Dice) -> Write {
    let mut row = like.clone();
    let id = life.queue.fresh_id();
    row["hold"]["id"] = id.as_str().into();
    row["hold"]["text"] = "blorp ".repeat(dice.within(1..1_500)).into();
    let value = Some(serde_json::to_vec(&row).expect("JSON"));
    Write { table: Table::Holds, key: id, expect: Expect::Absent, value }
}

async fn one(seed: u64, mut dice: Dice, tally: &mut Tally) {
    let dir = Dir::new();
    let written = written(&dir, &mut dice).await;
    drop(dir);
    let damage = Damage::ALL[(seed % Damage::ALL.len() as u64) as usize];
    let closed = dice.chance(50);
    let bytes = damage.apply(&written.images, closed, &mut dice);
    tally.records += written.after.iter().map(Vec::len).sum::<usize>();
    let mut wrong = |cause: String| tally.wrong.push(format!("{} {seed}: {cause}", damage.name()));
    let read = match read(&bytes, &written).await {
        Ok(end) => end,
        Err(cause) => return wrong(cause),
    };
    let started = match started(&bytes, &written).await {
        Ok(end) => end,
        Err(cause) => return wrong(cause),
    };
    if read != started {
        return wrong(format!("the library says {read:?}, the binary {started:?}"));
    }
    // What a crash can do must cost nothing that was acknowledged, and ask nobody for a backup.
    match (read, damage) {
        (End::Refused, Damage::Torn) => return wrong("a torn commit is refused".to_owned()),
        (End::Before, Damage::Torn) => {}
        (End::Before, _) => return wrong("the last commit is missing".to_owned()),
        _ => {}
    }
    tally.ends.entry(damage.name()).or_default()[read as usize] += 1;
}

fn lay(bytes: &[u8], folder: &Folder) -> PathBuf {
    let state = folder.0.join("state");
    store::create_dir(&state).expect("a folder");
    fs::write(state.join(FILE), bytes).expect("a file");
    state
}

/// Opens it with the product's code, and holds every table against what was written.
async fn read(bytes: &[u8], written: &Written) -> Result<End, String> {
    let folder = Folder::new("damaged");
    let state = lay(bytes, &folder);
    match store::open(&state) {
        Ok(store) => match content(&*store).await {
            found if found == written.after => Ok(End::Whole),
            found if found == written.before => Ok(End::Before),
            _ => Err("other data than was written is believed".to_owned()),
        },
        Err(StoreError::Corrupt { .. }) => untouched(&state, bytes),
        Err(other) => Err(other.to_string()),
    }
}

/// What is refused is left as it is: somebody may still read more out of it.
fn untouched(state: &Path, bytes: &[u8]) -> Result<End, String> {
    match fs::read(state.join(FILE)).is_ok_and(|now| now == bytes) {
        true => Ok(End::Refused),
        false => Err("it was refused and changed".to_owned()),
    }
}

/// Starts the binary on it, and holds the queue that it shows against what was written.
async fn started(bytes: &[u8], written: &Written) -> Result<End, String> {
    let (folder, ports) = (Folder::new("damaged"), Ports::free().await);
    let file = binary::write(&folder, &binary::settings(&folder, ports.chat, &ports));
    let state = lay(bytes, &folder);
    let mut gate = Gate::spawn(&file, ports);
    if gate.try_ready().await.is_none() {
        let (status, said) = (gate.ended().await, gate.said());
        let named = said.contains("is damaged") && said.contains("move the file away");
        return match status.code() == Some(1) && named {
            true => untouched(&state, bytes),
            false => Err(format!("it ended with {status} and said {said}")),
        };
    }
    let shown = queue(&mut Program::new(ports.console, &written.tokens[0])).await;
    match shown {
        Some(rows) if rows == held(&written.after) => Ok(End::Whole),
        Some(rows) if rows == held(&written.before) => Ok(End::Before),
        Some(rows) => Err(format!("{} rows, and not those that were held", rows.len())),
        None => Err(format!("it does not answer: {}", gate.said())),
    }
}

type Rows = BTreeMap<String, String>;

/// Id and text of everything that the API lists.
async fn queue(program: &mut Program) -> Option<Rows> {
    let (mut rows, mut after) = (Rows::new(), String::new());
    loop {
        let path = format!("/v1/holds?limit=200&after={after}");
        let (_, body) = program.ask(hyper::Method::GET, &path).await?;
        for row in body["holds"].as_array()? {
            rows.insert(row["id"].as_str()?.to_owned(), row["text"].as_str()?.to_owned());
        }
        match body["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return Some(rows),
        }
    }
}

fn held(content: &Content) -> Rows {
    let holds = Table::ALL.iter().position(|table| *table == Table::Holds).expect("a table");
    let rows = content[holds].iter().map(|(_, bytes)| {
        let row: Value = serde_json::from_slice(bytes).expect("a record");
        row["hold"].clone()
    });
    let text = |hold: &Value, part: &str| hold[part].as_str().expect("text").to_owned();
    let held = rows.filter(|hold| hold["state"] == "held");
    held.map(|hold| (text(&hold, "id"), text(&hold, "text"))).collect()
}
