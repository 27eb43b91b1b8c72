//! Sends a crowd of enemies while honest clients chat, and measures what it cost whom.

mod enemies;
mod honest;
mod upstreams;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use tokio::{
    sync::Mutex,
    time::{interval, timeout},
};

use crate::{
    Orders,
    binary::{self, Gate, Ports},
    common::Folder,
    dice::Dice,
    room::Room,
    system,
    wire::pause,
};
use enemies::Enemy;
use honest::Chat;

/// Enemies at once in the mixed crowd.
const AT_ONCE: usize = 1_000;
/// Between one enemy and the next: a thousand a second at most.
const PACE: Duration = Duration::from_millis(1);
/// The packets that open and close a connection, whoever it is: five of 54 bytes.
const PACKETS: u64 = 270;
/// Memory after the crowd over that before it, at most: a twentieth, and what an allocator's
/// arenas keep for the next crowd.
const MEMORY_SHARE: f64 = 1.05;
const MEMORY_KEPT: u64 = 8 << 20;
/// No enemy may keep its connection longer; the gate's own limits are all below five seconds here.
const KEPT_MAX: Duration = Duration::from_secs(15);

pub async fn run(orders: &Orders) -> bool {
    let total = orders.count(2_000, 100_000);
    let began = Instant::now();
    let folder = Folder::new("crowd");
    let (ports, room) = (Ports::free().await, Room::open(false).await);
    let liar = upstreams::liar().await;
    let poured = Arc::<AtomicU64>::default();
    let flood = upstreams::flood(poured.clone()).await;
    let mut config = binary::settings(&folder, room.address, &ports);
    // Shorter than anybody would set them, so that a crowd has its end.
    config.listen.handshake_ms = 1_000;
    config.limits.partial_ms = 1_000;
    config.limits.stall_ms = 1_000;
    (config.limits.ping_ms, config.limits.dead_ms) = (1_500, 3_000);
    let mut route = config.route.remove(0);
    route.origins = vec![enemies::ORIGIN.to_owned()];
    let chat = Chat::open().await;
    let upstreams =
        [("/liar", liar), ("/flood", flood), ("/honest", chat.room), ("/", room.address)];
    for (path, upstream) in upstreams {
        let upstream = format!("ws://{upstream}");
        let (name, path) = (path.to_owned(), path.to_owned());
        config.route.push(tidegate::config::RouteConfig { name, path, upstream, ..route.clone() });
    }
    let file = binary::write(&folder, &config);
    let mut fight = Fight { file, ports, dice: orders.dice(0), poured };
    println!("crowd: {total} hostile connections, seed {}", orders.seed);
    let honest = fight.visitors((total / 50).max(500)).await;
    honest::heading(&honest);
    let (each, mut wrong) = (total * 2 / 5 / Enemy::ALL.len() as u64, Vec::new());
    // Each kind's own bill takes a while and means nothing over a few connections.
    for enemy in Enemy::ALL.into_iter().filter(|_| orders.full) {
        let bill = fight.trial(enemy, each / enemy.rarity()).await;
        bill.print(enemy.name(), &honest);
        wrong.extend(bill.wrong());
    }
    wrong.extend(fight.all(chat, total, orders.full, &honest).await);
    wrong.iter().for_each(|cause| println!("  WRONG: {cause}"));
    println!("  {} s", began.elapsed().as_secs());
    wrong.is_empty()
}

/// Waits until only those are left who belong there.
async fn settle(gate: &Gate, talkers: usize) {
    let wait = async {
        while gate.figure("tidegate_connections").await as usize > talkers {
            pause(Duration::from_millis(50)).await;
        }
    };
    let _ = timeout(KEPT_MAX, wait).await;
    // Connections that never got so far as to be counted end by the handshake's limit.
    pause(Duration::from_secs(2)).await;
}

/// What the process had before the crowd came.
struct Before {
    memory: u64,
    files: usize,
}

impl Before {
    fn look(gate: &Gate) -> Before {
        Before { memory: system::memory(gate.pid()), files: system::files(gate.pid()) }
    }

    fn compare(&self, gate: &Gate) -> Vec<String> {
        let after = Before::look(gate);
        let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
        println!(
            "  memory {:.1} MiB before, {:.1} MiB after ({:+.1} %); open files {} before, {} after",
            mib(self.memory),
            mib(after.memory),
            (after.memory as f64 / self.memory as f64 - 1.0) * 100.0,
            self.files,
            after.files,
        );
        let mut wrong = Vec::new();
        if after.memory as f64 > self.memory as f64 * MEMORY_SHARE + MEMORY_KEPT as f64 {
            wrong.push("memory did not come back".to_owned());
        }
        if after.files > self.files {
            wrong.push("files stay open".to_owned());
        }
        wrong
    }
}

/// What a crowd of one kind sent, and what it cost the gate.
pub struct Bill {
    connections: u64,
    /// Bytes sent, with those of the packets around them.
    bytes: u64,
    cpu: Duration,
    /// The most memory beyond what there was.
    memory: u64,
    /// The most connections at once.
    at_once: u64,
    kept: u64,
}

impl Bill {
    /// Seconds of processor for a byte.
    fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() / self.bytes.max(1) as f64
    }

    /// Bytes of memory for a byte of those who were there at once.
    fn memory_each(&self) -> f64 {
        let bytes_each = self.bytes as f64 / self.connections.max(1) as f64;
        self.memory as f64 / (self.at_once.max(1) as f64 * bytes_each.max(1.0))
    }

    fn print(&self, name: &str, honest: &Bill) {
        let each = self.connections.max(1) as f64;
        println!(
            "  {:>7} {:>9.0} {:>8.0} {:>7.1} {:>6.2}x {:>8.0} {:>6.2}x  {name}",
            self.connections,
            self.bytes as f64 / each,
            self.cpu.as_secs_f64() * 1e6 / each,
            self.cpu_each() * 1e9,
            self.cpu_each() / honest.cpu_each(),
            self.memory as f64 / 1024.0 / self.at_once.max(1) as f64,
            self.memory_each() / honest.memory_each().max(1e-9),
        );
    }

    fn wrong(&self) -> Option<String> {
        let what = "kept their connections beyond every limit";
        (self.kept > 0).then(|| format!("{} of {} {what}", self.kept, self.connections))
    }
}

/// Who is against whom.
struct Fight {
    file: PathBuf,
    ports: Ports,
    dice: Dice,
    /// What the flooding server has sent so far.
    poured: Arc<AtomicU64>,
}

impl Fight {
    async fn gate(&self) -> Gate {
        let mut gate = Gate::spawn(&self.file, self.ports);
        gate.ready().await;
        gate
    }

    /// One kind alone against a fresh process, so that the bill is theirs.
    async fn trial(&mut self, enemy: Enemy, count: u64) -> Bill {
        let gate = self.gate().await;
        let bill = self.attack(gate.pid(), Some(enemy), count).await;
        gate.kill();
        bill
    }

    /// So many honest people who come, say five lines and go.
    async fn visitors(&mut self, count: u64) -> Bill {
        let gate = self.gate().await;
        let to = self.ports.chat;
        let visits = (0..count as usize)
            .map(|user| async move { (honest::visit(to, 1_000 + user).await, 0) });
        let bill = bill(gate.pid(), visits.collect(), 500).await;
        gate.kill();
        bill
    }

    /// So many enemies, of all kinds where none is named.
    async fn attack(&mut self, pid: u32, of: Option<Enemy>, count: u64) -> Bill {
        let to = self.ports.chat;
        let enemies = (0..count).map(|_| {
            let mut dice = Dice::new(self.dice.throw());
            let enemy = of.unwrap_or_else(|| Enemy::any(&mut dice));
            async move {
                match timeout(KEPT_MAX, enemy.strike(to, dice)).await {
                    Ok(sent) => (sent, 0),
                    Err(_) => (0, 1),
                }
            }
        });
        let poured = self.poured.load(Ordering::Relaxed);
        let mut bill = bill(pid, enemies.collect(), of.map_or(AT_ONCE, Enemy::at_once)).await;
        bill.bytes += self.poured.load(Ordering::Relaxed) - poured;
        bill
    }

    /// All kinds at once, while honest people chat.
    async fn all(&mut self, mut chat: Chat, total: u64, full: bool, honest: &Bill) -> Vec<String> {
        let mut gate = self.gate().await;
        let pid = gate.pid();
        chat.begin(self.ports.chat);
        // Whatever grows once and stays, has grown.
        self.attack(pid, None, (total / 10).max(AT_ONCE as u64)).await;
        settle(&gate, chat.talkers()).await;
        let before = Before::look(&gate);
        let _ = chat.take();
        let quiet = Duration::from_secs(if full { 15 } else { 3 });
        let cpu = system::cpu(pid);
        pause(quiet).await;
        let rate = (system::cpu(pid) - cpu).as_secs_f64() / quiet.as_secs_f64();
        let calm = chat.take();
        let began = Instant::now();
        let mut bill = self.attack(pid, None, if full { total * 3 / 5 } else { total }).await;
        // What the chat itself costs is not the enemies'.
        let chats = Duration::from_secs_f64(rate * began.elapsed().as_secs_f64());
        bill.cpu = bill.cpu.saturating_sub(chats);
        bill.print("all of them at once", honest);
        let storm = chat.take();
        settle(&gate, chat.talkers()).await;
        let mut wrong = before.compare(&gate);
        let _ = chat.take();
        pause(quiet).await;
        let after = chat.take();
        honest::latencies(&calm, &storm, &after);
        wrong.extend(bill.wrong());
        wrong.extend(chat.end().await);
        if !gate.runs() || gate.said().contains("panicked") {
            wrong.push(format!("it crashed: {}", gate.said()));
        }
        wrong
    }
}

/// Lets parties come, so many at once; each says what it sent, and whether it was kept too long.
async fn bill<F>(pid: u32, parties: Vec<F>, at_once: usize) -> Bill
where
    F: Future<Output = (u64, u64)> + Send + 'static,
{
    let connections = parties.len() as u64;
    let (cpu, memory) = (system::cpu(pid), system::memory(pid));
    let peak = Arc::new(AtomicU64::new(memory));
    let highest = peak.clone();
    let watch = tokio::spawn(async move {
        loop {
            highest.fetch_max(system::memory(pid), Ordering::Relaxed);
            pause(Duration::from_millis(20)).await;
        }
    });
    // At a steady pace, like the wire of an attacker, and not all at one moment.
    let pace = Arc::new(Mutex::new(interval(PACE)));
    let open = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let paced = parties.into_iter().map(|party| {
        let (pace, open) = (pace.clone(), open.clone());
        tokio::spawn(async move {
            pace.lock().await.tick().await;
            let (now, most) = &*open;
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let end = party.await;
            now.fetch_sub(1, Ordering::Relaxed);
            end
        })
    });
    let mut ends = stream::iter(paced).buffer_unordered(at_once);
    let (mut bytes, mut kept) = (connections * PACKETS, 0);
    while let Some(end) = ends.next().await {
        let (sent, held) = end.expect("no panic");
        bytes += sent;
        kept += held;
    }
    watch.abort();
    Bill {
        connections,
        bytes,
        cpu: system::cpu(pid).saturating_sub(cpu),
        memory: peak.load(Ordering::Relaxed).saturating_sub(memory),
        at_once: open.1.load(Ordering::Relaxed),
        kept,
    }
}
