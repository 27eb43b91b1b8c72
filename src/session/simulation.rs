//! Runs sessions, store, clock and moderators on seeded dice, and checks what was promised.
//!
//! One seed is one run: connections over cables that are late and get cut, a disk that is slow,
//! full or breaks off, moderators who decide at the same time, and crashes after which a new
//! process opens what the old one left. Time is the runtime's own and stands still while anybody
//! works.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::DuplexStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message as Frame, protocol::Role},
};

use super::{Gate, Leg, Once, Route, Session, Wire};
use crate::{
    audit::{Audit, Record},
    config::{Config, Mode, OnExpiry, Unjudged, WhileHeld},
    history::History,
    hold::{Hold, HoldQueue, Live},
    message::WALL_CLOCK_MS,
    metrics::Metrics,
    pipeline::Pipeline,
    protocol::Seat,
    rules::Ruleset,
    score::Scorer,
    settle::Settler,
    store::{Store, Table},
};

mod cable;
mod dice;
mod disk;
mod moderators;
mod oracle;
#[cfg(test)]
mod tests;

use cable::cable;
use dice::Dice;
use disk::Disk;
use moderators::moderator;
use oracle::{Act, Answer, Event, Kind, Promise, Told, Via};

/// After the last trouble: longer than any message waits for anybody.
const QUIET: Duration = Duration::from_secs(900);
const CLIENTS: u64 = 4;
const MESSAGES_MAX: u64 = 40;

/// What one run came to.
struct Run {
    events: Vec<Event>,
    end: End,
    promise: Promise,
}

/// What is there when all is quiet.
struct End {
    /// How the held messages ended.
    holds: Vec<Arc<Hold>>,
    /// The audit log, oldest first.
    records: Vec<Record>,
    /// The messages whose removal came with a ban, by the bans' rows.
    bans: Vec<String>,
}

impl Run {
    fn violations(&self) -> Vec<String> {
        let (promise, events) = (&self.promise, &self.events[..]);
        let End { holds, records, bans } = &self.end;
        oracle::violations(&Told { promise, events, holds, records, bans })
    }

    /// The same for the same seed.
    fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Ids hold the time of day.
        for event in &self.events {
            match event {
                Event::Asked { act, .. } => act.hash(&mut hasher),
                Event::Acted { act, answer, .. } => (act, answer).hash(&mut hasher),
                event => event.hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

/// What goes wrong in a run.
struct Weather {
    crashes: u64,
    /// One connection in so many is cut; none where it is 0.
    cuts: u64,
    late_ms: u64,
    fills: bool,
}

/// What outlives a process.
struct World {
    dice: Mutex<Dice>,
    disk: Arc<Disk>,
    events: Arc<Mutex<Vec<Event>>>,
    config: Arc<Config>,
    rules: Arc<Ruleset>,
    weather: Weather,
    /// Numbers of messages and connections.
    last: Mutex<(u32, u32)>,
    /// Nobody ends a process in order here.
    draining: watch::Sender<bool>,
    /// What moderators have asked for and were not answered yet.
    asked: Mutex<Vec<(String, Act)>>,
}

/// Everything about one seed.
fn run(seed: u64) -> Run {
    let mut dice = Dice::new(seed);
    let promise = Promise {
        while_held: dice.pick(&[WhileHeld::Pass, WhileHeld::Wait, WhileHeld::Hold]),
        on_expiry: dice.pick(&[OnExpiry::Drop, OnExpiry::Release]),
        when_full: dice.pick(&[Unjudged::Drop, Unjudged::Drop, Unjudged::Drop, Unjudged::Pass]),
        held_max: dice.pick(&[3, 10_000]),
    };
    let weather = Weather {
        crashes: dice.pick(&[0, 0, 1, 2]),
        cuts: dice.pick(&[0, 3, 2]),
        late_ms: dice.pick(&[0, 20, 400]),
        fills: dice.one_in(3),
    };
    let (slow_ms, fails) = (dice.pick(&[0, 5, 200]), dice.pick(&[0, 0, 20, 5]));
    // What was passed because it could not be held, and was written all the same, is found held by
    // whoever starts after a crash: nobody promises otherwise.
    let doubtful = weather.crashes == 0 || promise.when_full == Unjudged::Drop;
    let config = config(&promise, &mut dice);
    let world = Arc::new(World {
        disk: Disk::new(dice.apart(), slow_ms, fails, doubtful),
        events: Arc::default(),
        rules: Arc::new(Ruleset::build(&config).expect("the rules compile")),
        config: Arc::new(config),
        weather,
        last: Mutex::default(),
        asked: Mutex::default(),
        draining: watch::Sender::new(false),
        dice: Mutex::new(dice),
    });
    // Each process starts at a time of its own: the clock was set, or it stood still for long.
    let mut wall_ms = 1_800_000_000_000;
    for _ in 0..world.weather.crashes {
        let life = world.throw(|dice| dice.wait(20_000));
        let world = &world;
        in_a_process(wall_ms, async move {
            // Whatever runs then runs no further.
            let _ = timeout(life, world.live(false)).await;
        });
        world.crash();
        wall_ms += world.throw(|dice| dice.pick(&[0, 15_000, 3_600_000]));
    }
    let end = in_a_process(wall_ms, world.live(true));
    let events = std::mem::take(&mut *world.events.lock().expect("a log"));
    Run { events, end, promise }
}

/// A runtime of its own, which takes everything with it that runs on it.
fn in_a_process<T>(wall_ms: u64, life: impl Future<Output = T>) -> T {
    WALL_CLOCK_MS.set(Some(wall_ms));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    let end = runtime.block_on(life);
    drop(runtime);
    WALL_CLOCK_MS.set(None);
    end
}

fn config(promise: &Promise, dice: &mut Dice) -> Config {
    let hold_ms = 1_000 + dice.below(20_000);
    let undo_ms = dice.pick(&[0, 200, 2_000]);
    let reconnect_ms = dice.pick(&[1_000, 10_000]);
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let text = format!(
        r#"
[hold]
held_max = {held_max}
undo_ms = {undo_ms}
reconnect_ms = {reconnect_ms}
[score]
enabled = false
[wordlists]
embedded = false
paths = ["tests/data/words"]
[[route]]
path = "/"
upstream = "ws://127.0.0.1:9"
protocol = "generic"
policy = "p"
[policy.p]
preset = "standard"
while_held = "{while_held}"
on_expiry = "{on_expiry}"
when_full = "{when_full}"
hold_ms = {hold_ms}
ladder = []
[policy.p.flood]
messages_max = 100
repeats_max = 100
[policy.p.crowd]
action = "pass"
[policy.p.shield]
auto = false
"#,
        held_max = promise.held_max,
        while_held = word(json!(promise.while_held)),
        on_expiry = word(json!(promise.on_expiry)),
        when_full = word(json!(promise.when_full)),
    );
    Config::parse(&text, "simulation.toml").expect("the settings are good")
}

impl World {
    fn throw<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut self.dice.lock().expect("dice"))
    }

    fn note(&self, event: Event) {
        self.events.lock().expect("a log").push(event);
    }

    fn crash(&self) {
        // Nobody will ever say whether it was done.
        for (hold, act) in std::mem::take(&mut *self.asked.lock().expect("acts")) {
            self.note(Event::Acted { hold, act, answer: Answer::Unknown });
        }
        self.note(Event::Crashed);
        let (_, connections) = *self.last.lock().expect("numbers");
        (1..=connections).for_each(|connection| self.note(Event::Lost { connection }));
        // A process that was killed is started again when there is room on the disk.
        self.disk.set_full(false);
    }

    /// One process, from its start on; the last one goes on until all is quiet, and says what is
    /// there then.
    async fn live(self: &Arc<World>, last: bool) -> End {
        let gate = self.open().await;
        let holds = gate.settler.holds.clone();
        let mut people = Vec::new();
        for user in 0..CLIENTS {
            let (world, gate, dice) = (self.clone(), gate.clone(), self.throw(Dice::apart));
            people.push(tokio::spawn(client(world, gate, user, dice)));
        }
        for name in ["ana", "ben"] {
            let (world, holds, dice) = (self.clone(), holds.clone(), self.throw(Dice::apart));
            tokio::spawn(moderator(world, holds, name, dice));
        }
        if self.weather.fills {
            let (disk, mut dice) = (self.disk.clone(), self.throw(Dice::apart));
            tokio::spawn(async move {
                loop {
                    pass(dice.wait(5_000)).await;
                    disk.set_full(true);
                    pass(dice.wait(2_000)).await;
                    disk.set_full(false);
                }
            });
        }
        if !last {
            return std::future::pending().await;
        }
        pass(Duration::from_secs(60)).await;
        self.disk.mend();
        pass(QUIET).await;
        gate.settler.audit.flush().await;
        for person in people {
            person.abort();
        }
        let records = gate.settler.audit.after(0, usize::MAX).await.expect("a good disk");
        let bans = self.disk.scan(Table::Decrees, "", usize::MAX).await.expect("a good disk");
        let mut ended = holds.recent(usize::MAX);
        ended.extend(holds.list());
        End {
            holds: ended,
            records: records.into_iter().map(|(_, record)| record).collect(),
            bans: bans.into_iter().map(|(id, _)| id).collect(),
        }
    }

    async fn open(self: &Arc<World>) -> Arc<Gate> {
        let (config, metrics) = (self.config.clone(), Arc::new(Metrics::new()));
        // A start that fails is tried again, as by a supervisor.
        let (audit, holds) = loop {
            let store = self.disk.clone();
            let Ok(audit) = Audit::open(store.clone(), metrics.clone(), 7, 90).await else {
                pass(Duration::from_secs(1)).await;
                continue;
            };
            let (hold, retention) = (config.hold.clone(), config.retention.clone());
            let opened =
                HoldQueue::open(store, audit.clone(), metrics.clone(), hold, retention).await;
            match opened {
                Ok(holds) => break (audit, holds),
                Err(_) => pass(Duration::from_secs(1)).await,
            }
        };
        let pipeline = Pipeline {
            rules: Arc::new(ArcSwap::from(self.rules.clone())),
            history: Arc::new(History::open(&config.history)),
            scorer: Scorer::none(),
        };
        let routes = config.route.iter().map(|route| Route::compile(route).expect("a route"));
        let routes: Vec<Arc<Route>> = routes.map(Arc::new).collect();
        self.serve(&holds, &routes[0].name);
        let settler = Arc::new(Settler { pipeline, holds, audit, metrics });
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let draining = self.draining.subscribe();
        let (secret, once) = (vec![7; 32], Once::new(100));
        Arc::new(Gate { config, routes, settler, tls: Arc::new(tls), secret, once, draining })
    }

    /// The route's own connection: slow, sometimes broken, sometimes stuck.
    fn serve(self: &Arc<World>, holds: &HoldQueue, route: &str) {
        let (world, dice) = (self.clone(), Arc::new(Mutex::new(self.throw(Dice::apart))));
        let service: crate::hold::Service = Arc::new(move |frame| {
            let world = world.clone();
            let (wait, broken, stuck) = {
                let mut dice = dice.lock().expect("dice");
                (dice.wait(300), dice.one_in(10), dice.one_in(50))
            };
            Box::pin(async move {
                pass(if stuck { Duration::from_secs(30) } else { wait }).await;
                if broken {
                    return Err("it is broken".to_owned());
                }
                world.arrived(Via::Service, frame.bytes());
                Ok(())
            })
        });
        holds.serve(route, service);
    }

    fn arrived(&self, via: Via, frame: &[u8]) {
        let said: Value = serde_json::from_slice(frame).unwrap_or_default();
        let number = said["id"].as_str().and_then(|id| id.parse().ok());
        if let (Some(message), Some(text)) = (number, said["text"].as_str()) {
            self.note(Event::Arrived { via, message, text: text.to_owned() });
        }
    }
}

/// Lets time pass that costs none: the runtime's, which stands still while anybody works.
async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

/// Comes again and again, says a few things each time, and is cut off sometimes.
async fn client(world: Arc<World>, gate: Arc<Gate>, user: u64, mut dice: Dice) {
    let mut left = dice.below(MESSAGES_MAX);
    loop {
        pass(dice.wait(500)).await;
        let connection = {
            let mut last = world.last.lock().expect("numbers");
            last.1 += 1;
            last.1
        };
        let late_ms = world.weather.late_ms;
        let (mut ours, theirs, cut) = cable(&mut dice, late_ms);
        let (to_server, server, cut_server) = cable(&mut dice, late_ms);
        begin(&gate, user, theirs, to_server);
        tokio::spawn(room(world.clone(), connection, server));
        let is_cut = world.weather.cuts > 0 && dice.one_in(world.weather.cuts);
        let cut_after = dice.below(8);
        let mut chat = WebSocketStream::from_raw_socket(&mut ours, Role::Client, None).await;
        let mut said = 0;
        loop {
            let wait = if left > 0 { dice.wait(1_500) } else { QUIET };
            let heard = timeout(wait, chat.next()).await;
            match heard {
                Ok(Some(Ok(frame))) => told(&world, &frame),
                Ok(_) => break,
                Err(_) if is_cut && said >= cut_after => break,
                Err(_) if left == 0 => {}
                Err(_) => {
                    (left, said) = (left - 1, said + 1);
                    let frame = say(&world, connection, user, &mut dice);
                    if chat.send(frame).await.is_err() {
                        break;
                    }
                }
            }
        }
        world.note(Event::Lost { connection });
        cut.cut();
        if dice.one_in(2) {
            cut_server.cut();
        }
    }
}

/// The proxy's session between two cables.
fn begin(gate: &Arc<Gate>, user: u64, client: DuplexStream, server: DuplexStream) {
    let (route, limits) = (gate.routes[0].clone(), &gate.config.limits);
    let seat = Seat {
        route: route.name.clone(),
        mode: Mode::Inline,
        path: "/".to_owned(),
        query: String::new(),
        subprotocol: None,
    };
    let live = Live {
        route: route.name.clone(),
        mode: Mode::Inline.into(),
        identity: Some(format!("user {user}")),
    };
    let client = Leg::to_client(Wire::over(client), &[], limits, None);
    let server = Leg::to_server(Wire::over(server), &[], limits, None);
    let protocol = route.dialect.open(seat);
    let session = Box::new(Session::new(gate.clone(), route, client, server, protocol, live));
    tokio::spawn(session.relay(Arc::new(())));
}

/// The chat server, as far as it is asked here: it hears.
async fn room(world: Arc<World>, connection: u32, wire: DuplexStream) {
    let mut chat = WebSocketStream::from_raw_socket(wire, Role::Server, None).await;
    while let Some(Ok(frame)) = chat.next().await {
        if let Frame::Text(text) = frame {
            world.arrived(Via::Connection(connection), text.as_bytes());
        }
    }
}

fn say(world: &World, connection: u32, user: u64, dice: &mut Dice) -> Frame {
    let (kind, text) = dice.pick(&[
        (Kind::Plain, "good evening"),
        (Kind::Plain, "what a save"),
        (Kind::Masked, "what a blorp"),
        (Kind::Held, "i will snarfle"),
        (Kind::Held, "they will snarfle"),
        (Kind::Dropped, "you grumbix"),
    ]);
    let message = {
        let mut last = world.last.lock().expect("numbers");
        last.0 += 1;
        last.0
    };
    world.note(Event::Sent { connection, message, kind });
    let (id, user) = (message.to_string(), format!("u{user}"));
    let said = json!({ "type": "chat", "id": id, "channel": "main", "user": user, "text": text });
    Frame::text(said.to_string())
}

fn told(world: &World, frame: &Frame) {
    let Frame::Text(text) = frame else { return };
    let notice: Value = serde_json::from_str(text).unwrap_or_default();
    let number = notice["id"].as_str().and_then(|id| id.parse().ok());
    if let (Some(message), Some(verdict)) = (number, notice["verdict"].as_str()) {
        world.note(Event::Told { message, verdict: verdict.to_owned() });
    }
}
