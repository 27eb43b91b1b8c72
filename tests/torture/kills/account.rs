//! Holds what was said, promised, decided and delivered against what the store says.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Mutex,
};

use serde_json::Value;
use tidegate::hold::{Hold, State};

/// What becomes of a line, by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Fine,
    Doubtful,
    Forbidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Release,
    Remove,
}

/// The id of a line says all about it.
pub fn id(life: u64, sender: u64, number: u64, kind: Kind) -> String {
    format!("{life}-{sender}-{number}-{kind:?}")
}

struct Line {
    life: u64,
    sender: u64,
    number: u64,
    kind: Kind,
}

fn line(id: &str) -> Line {
    let parts: Vec<&str> = id.split('-').collect();
    let number = |n: usize| parts[n].parse().expect("a number");
    let kind = match parts[3] {
        "Fine" => Kind::Fine,
        "Doubtful" => Kind::Doubtful,
        _ => Kind::Forbidden,
    };
    Line { life: number(0), sender: number(1), number: number(2), kind }
}

/// What is to become of a held line: three of five are released, one removed, and one is left for
/// the end, so that there is always something held when a kill comes.
pub fn wanted(message_id: &str, leaves_some: bool) -> Option<Act> {
    let line = line(message_id);
    // In the channel that waits, whoever is never decided says nothing more.
    let lobby = line.sender.is_multiple_of(2);
    match (line.life + line.sender + line.number) % 5 {
        0 if leaves_some && lobby => None,
        0 | 1 => Some(Act::Remove),
        _ => Some(Act::Release),
    }
}

/// What those outside have seen of one store.
#[derive(Default)]
pub struct Account(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    said: HashSet<String>,
    /// By message id and verdict, how often.
    told: HashMap<(String, String), u32>,
    /// Message ids of the rows that the API listed.
    listed: HashSet<String>,
    /// By hold id: whose decision was taken.
    decided: HashMap<String, Vec<(String, Act)>>,
    /// By hold id: who was named as the first to whoever came second.
    refused: HashMap<String, Vec<String>>,
}

impl Account {
    fn with<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.0.lock().expect("no panic"))
    }

    pub fn said(&self, id: &str) {
        self.with(|seen| seen.said.insert(id.to_owned()));
    }

    pub fn told(&self, id: String, verdict: String) {
        self.with(|seen| *seen.told.entry((id, verdict)).or_default() += 1);
    }

    pub fn saw(&self, row: &Value) {
        let id = row["message_id"].as_str().expect("an id").to_owned();
        self.with(|seen| seen.listed.insert(id));
    }

    pub fn decided(&self, hold: &str, by: &str, act: Act) {
        let decision = (by.to_owned(), act);
        self.with(|seen| seen.decided.entry(hold.to_owned()).or_default().push(decision));
    }

    pub fn refused(&self, hold: &str, by: &str) {
        self.with(|seen| seen.refused.entry(hold.to_owned()).or_default().push(by.to_owned()));
    }

    /// Everything that must be true of a store whose process was killed at any moment.
    pub fn check(&self, stored: &[Hold], arrivals: &[(u64, String)], tally: &mut Tally) {
        let mut by_message: HashMap<&str, Vec<&Hold>> = HashMap::new();
        for hold in stored {
            by_message.entry(hold.message_id.as_deref().expect("an id")).or_default().push(hold);
        }
        let arrived = count(arrivals);
        self.with(|seen| {
            promises(seen, &by_message, tally);
            decisions(seen, stored, tally);
        });
        for (id, holds) in &by_message {
            tally.wrong("held twice", holds.len() - 1, || id.to_string());
            delivered(holds[0], arrived.get(*id).copied().unwrap_or(0), tally);
        }
        for (id, times) in &arrived {
            tally.wrong("arrived twice", times - 1, || id.clone());
            let line = line(id);
            let unheld = line.kind == Kind::Doubtful && !by_message.contains_key(id.as_str());
            tally.wrong("doubtful, never held, and shown", usize::from(unheld), || id.clone());
            let forbidden = usize::from(line.kind == Kind::Forbidden);
            tally.wrong("forbidden and shown", forbidden, || id.clone());
        }
        let settled = |id: &str| arrived.contains_key(id) || by_message.contains_key(id);
        self.with(|seen| in_order(arrivals, &seen.said, settled, tally));
    }

    /// Adds what there was of everything.
    pub fn sum(&self, stored: &[Hold], arrivals: &[(u64, String)], tally: &mut Tally) {
        self.with(|seen| {
            tally.add("lines said", seen.said.len());
            let held = |((_, verdict), _): &(&(String, String), &u32)| verdict == "hold";
            tally.add("senders told that a line is held", seen.told.iter().filter(held).count());
            tally.add("decisions taken", seen.decided.len());
            tally.add("second decisions refused", seen.refused.values().map(Vec::len).sum());
        });
        tally.add("lines held", stored.len());
        tally.add("lines that arrived", arrivals.len());
        let late = arrivals.iter().filter(|(life, id)| line(id).life < *life).count();
        tally.add("releases delivered after a kill", late);
        let written = |hold: &&Hold| hold.decided.as_ref().is_some_and(|d| d.written.is_some());
        let released = || stored.iter().filter(|hold| hold.state == State::Released);
        tally.add("lines released", released().count());
        let unknown = released().filter(|hold| !written(hold)).count();
        tally.add("of these with a write that is unknown", unknown);
    }
}

fn count(arrivals: &[(u64, String)]) -> HashMap<String, usize> {
    let mut arrived: HashMap<String, usize> = HashMap::new();
    for (_, id) in arrivals {
        *arrived.entry(id.clone()).or_default() += 1;
    }
    arrived
}

fn promises(seen: &Seen, by_message: &HashMap<&str, Vec<&Hold>>, tally: &mut Tally) {
    for ((id, verdict), times) in &seen.told {
        if verdict == "hold" {
            tally.wrong("told twice that it is held", *times as usize - 1, || id.clone());
            let lost = usize::from(!by_message.contains_key(id.as_str()));
            tally.wrong("promised to its sender and lost", lost, || id.clone());
        }
    }
    for id in &seen.listed {
        let lost = usize::from(!by_message.contains_key(id.as_str()));
        tally.wrong("seen in the queue and lost", lost, || id.clone());
    }
}

/// The first decision wins, is kept, and is the one that others are told of.
fn decisions(seen: &Seen, stored: &[Hold], tally: &mut Tally) {
    let by_id: HashMap<&str, &Hold> = stored.iter().map(|hold| (hold.id.as_str(), hold)).collect();
    let decider = |id: &str| {
        let decided = by_id.get(id).and_then(|hold| hold.decided.as_ref());
        decided.map(|decided| decided.by.as_str()).unwrap_or_default().to_owned()
    };
    for (id, taken) in &seen.decided {
        tally.wrong("decided twice", taken.len() - 1, || format!("{id}: {taken:?}"));
        let (by, act) = &taken[0];
        let kept = by_id.get(id.as_str()).is_some_and(|hold| match act {
            Act::Release => matches!(hold.state, State::Approved | State::Released),
            Act::Remove => hold.state == State::Denied,
        });
        let lost = usize::from(!kept || decider(id) != *by);
        tally.wrong("a decision that was taken and not kept", lost, || format!("{id} by {by}"));
    }
    for (id, named) in &seen.refused {
        let false_names = named.iter().filter(|by| **by != decider(id)).count();
        tally.wrong("told of another winner", false_names, || format!("{id}: {named:?}"));
    }
}

fn delivered(hold: &Hold, arrived: usize, tally: &mut Tally) {
    let id = || format!("{:?} {:?}", hold.message_id, hold.state);
    let written = hold.decided.as_ref().and_then(|decided| decided.written);
    match hold.state {
        State::Released if written == Some(true) => {
            tally.wrong("written, and never arrived", usize::from(arrived == 0), id);
        }
        State::Released if written == Some(false) => {
            tally.wrong("not written, and arrived", arrived, id);
        }
        // Killed between the commit and the note that it was written: either is true.
        State::Released => {}
        State::Held | State::Approved | State::Denied => {
            tally.wrong("not released, and shown", arrived, id);
        }
        _ => tally.wrong("ended as nobody asked for", 1, id),
    }
}

/// A line that arrived in its own life proves that everything before it of that connection was
/// dealt with: fine ones have arrived, doubtful ones are on record. And none overtakes another,
/// but in the lobby, where a held one is overtaken by design.
fn in_order(
    arrivals: &[(u64, String)],
    said: &HashSet<String>,
    settled: impl Fn(&str) -> bool,
    tally: &mut Tally,
) {
    let mut next: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for (life, id) in arrivals {
        let Line { life: own, sender, number, kind } = line(id);
        let waits = sender % 2 == 1;
        if own != *life || (kind != Kind::Fine && !waits) {
            continue;
        }
        let next = next.entry((own, sender)).or_default();
        tally.wrong("out of order", usize::from(number < *next), || id.clone());
        for earlier in *next..number {
            for kind in [Kind::Fine, Kind::Doubtful] {
                let id = self::id(own, sender, earlier, kind);
                let silent = said.contains(&id) && !settled(&id);
                tally.wrong("passed over in silence", usize::from(silent), || id);
            }
        }
        *next = number + 1;
    }
}

/// What was found over all stores.
#[derive(Default)]
pub struct Tally {
    pub at_the_start: u64,
    sums: Vec<(&'static str, usize)>,
    wrongs: BTreeMap<&'static str, (usize, Vec<String>)>,
}

impl Tally {
    pub fn wrong(&mut self, what: &'static str, times: usize, which: impl FnOnce() -> String) {
        let (count, examples) = self.wrongs.entry(what).or_default();
        *count += times;
        if times > 0 && examples.len() < 5 {
            examples.push(which());
        }
    }

    fn add(&mut self, what: &'static str, count: usize) {
        match self.sums.iter_mut().find(|(other, _)| *other == what) {
            Some((_, sum)) => *sum += count,
            None => self.sums.push((what, count)),
        }
    }

    pub fn print(&self) {
        println!("  {} of the kills came before it was ready", self.at_the_start);
        for (what, sum) in &self.sums {
            println!("  {sum:>9} {what}");
        }
        for (what, (count, examples)) in &self.wrongs {
            println!("  {count:>9} {what} {}", examples.join(", "));
        }
    }

    /// Nothing wrong, and enough happened for that to mean something.
    pub fn good(&self) -> bool {
        // In few kills, none may have come right between a claim and its note.
        let may_be_idle = ["of these with a write that is unknown"];
        let idle = |(what, sum): &(&str, usize)| *sum == 0 && !may_be_idle.contains(what);
        let busy = !self.sums.is_empty() && !self.sums.iter().any(idle);
        busy && self.wrongs.values().all(|(count, _)| *count == 0)
    }
}
