//! Upgrades the real binary under connections: nobody is refused, nothing promised is lost.

mod common;
#[path = "common/process.rs"]
mod process;

use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use common::{Client, Folder, PATIENCE, Room, connect, console::Moderator, next_json, say};
use futures_util::StreamExt;
use hyper::StatusCode;
use process::{add_moderator, free_port};
use serde_json::Value;
use tidegate::{
    config::{Config, CrowdConfig, IdentityConfig, IdentitySource, PolicyConfig, ShieldConfig},
    message::Verdict,
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

const CONNECTIONS: usize = 20;

/// A running binary, its settings and its chat server.
struct Gate {
    folder: Folder,
    file: PathBuf,
    config: Config,
    room: Room,
    child: Child,
    /// Of the process that runs now.
    pid: u32,
    systemd: UnixDatagram,
}

impl Gate {
    /// `drain_ms`: how long connections have to come back.
    async fn start(drain_ms: u64) -> Gate {
        let (folder, room) = (Folder::new("upgrade"), Room::open().await);
        let mut config = common::config(&folder, room.address, |route| {
            let name = "user".to_owned();
            route.identity = Some(IdentityConfig { from: IdentitySource::Query, name });
        });
        let listen = &mut config.listen;
        listen.drain_ms = drain_ms;
        listen.grace_ms = drain_ms + 5_000;
        for port in [&mut listen.chat, &mut listen.console, &mut listen.admin] {
            *port = free_port().await;
        }
        config.policy.insert("standard".to_owned(), unhurried());
        let file = folder.file("tidegate.toml", &toml::to_string(&config).expect("TOML"));
        add_moderator(&file);
        let socket = folder.0.join("notify");
        let systemd = UnixDatagram::bind(&socket).expect("a socket");
        systemd.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["run", "--config"])
            .arg(&file)
            .env("NOTIFY_SOCKET", socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.0.join("log")).expect("a log"))
            .spawn()
            .expect("the binary starts");
        let pid = child.id();
        let gate = Gate { folder, file, config, room, child, pid, systemd };
        assert_eq!(gate.notified(), "READY=1", "{}", gate.log());
        gate
    }

    /// What systemd is told next.
    fn notified(&self) -> String {
        let mut said = [0; 256];
        let length = self.systemd.recv(&mut said).unwrap_or_else(|_| panic!("{}", self.log()));
        String::from_utf8_lossy(&said[..length]).trim().to_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.0.join("log")).unwrap_or_default()
    }

    fn chat(&self) -> SocketAddr {
        self.config.listen.chat
    }

    async fn moderator(&self) -> Moderator {
        Moderator::log_in(self.config.listen.console, "ana").await
    }

    /// `tidegate upgrade`.
    async fn upgrade(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["upgrade", "--config"]).arg(&self.file);
        let done = tokio::task::spawn_blocking(move || command.output().expect("the binary"));
        done.await.expect("no panic")
    }

    /// The same, where another process is meant to take over.
    async fn upgraded(&mut self) {
        let done = self.upgrade().await;
        assert!(done.status.success(), "{done:?}: {}", self.log());
        self.note_successor();
        let said = format!("process {} has taken over\n", self.pid);
        assert_eq!(String::from_utf8_lossy(&done.stdout), said);
    }

    /// Waits until systemd is told which process is the main one now.
    fn note_successor(&mut self) {
        let said = self.notified();
        let pid = said.strip_prefix("MAINPID=").unwrap_or_else(|| panic!("{said}"));
        self.pid = pid.parse().expect("a number");
    }

    fn signal(&self, name: &str) {
        let pid = self.pid.to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no {name}");
    }

    /// Waits until the first process has ended by itself.
    async fn drained(&mut self) {
        let wait = async {
            while self.child.try_wait().expect("a child").is_none() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{}", self.log()));
        let status = self.child.wait().expect("an end");
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.pid.to_string()]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a connection ends.
async fn end(client: &mut Client) -> Option<CloseCode> {
    let heard = async {
        loop {
            match client.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("it ends")
}

/// Many say the same at once here, and that is no raid.
fn unhurried() -> PolicyConfig {
    let crowd = CrowdConfig { action: Verdict::Pass, ..CrowdConfig::default() };
    let shield = ShieldConfig { auto: false, ..ShieldConfig::default() };
    let hold_ms = Some(3_600_000);
    let (crowd, shield) = (Some(crowd), Some(shield));
    PolicyConfig { crowd, shield, hold_ms, ..PolicyConfig::default() }
}

async fn connections(gate: &Gate) -> Vec<Client> {
    let mut clients = Vec::new();
    for number in 0..CONNECTIONS {
        clients.push(connect(gate.chat(), &format!("/ws?user=u{number}")).await);
    }
    clients
}

/// Waits until all of these have arrived in the room, and says what else has.
async fn arrived(gate: &mut Gate, mut awaited: HashSet<String>) -> Vec<String> {
    let mut others = Vec::new();
    while !awaited.is_empty() {
        let said: Value = serde_json::from_str(&gate.room.hears().await).expect("JSON");
        let id = said["id"].as_str().expect("an id").to_owned();
        if !awaited.remove(&id) {
            others.push(id);
        }
    }
    others
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_takes_over_and_nobody_is_refused() {
    let mut gate = Gate::start(300).await;
    let mut clients = connections(&gate).await;
    say(&mut clients[0], "held", "i will snarfle").await;
    assert_eq!(next_json(&mut clients[0]).await["verdict"], "hold");

    // Whoever comes while it changes hands is served by the one or the other.
    let over = Arc::new(AtomicBool::new(false));
    let (chat, ended) = (gate.chat(), over.clone());
    let newcomers = tokio::spawn(async move {
        let mut count = 0;
        while !ended.load(Ordering::SeqCst) {
            let mut client = connect(chat, "/ws?user=new").await;
            client.close(None).await.expect("a connection");
            count += 1;
        }
        count
    });
    gate.upgraded().await;
    over.store(true, Ordering::SeqCst);
    assert!(newcomers.await.expect("nobody is refused") > 0);

    // What is said before the close was read arrives.
    let mut said = HashSet::new();
    for (number, client) in clients.iter_mut().enumerate() {
        let id = format!("late-{number}");
        say(client, &id, "what a lovely evening").await;
        said.insert(id);
    }
    for client in &mut clients {
        assert_eq!(end(client).await, Some(CloseCode::Restart), "{}", gate.log());
    }
    assert_eq!(arrived(&mut gate, said).await, [""; 0]);
    gate.drained().await;

    // What was held is there, and goes to its sender's new connection, once.
    let moderator = gate.moderator().await;
    let rows = moderator.queue().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "back", "back again").await;
    arrived(&mut gate, ["back".to_owned()].into()).await;
    let id = rows[0]["id"].as_str().expect("an id");
    assert_eq!(moderator.act(id, "release").await.0, StatusCode::OK);
    assert_eq!(arrived(&mut gate, ["held".to_owned()].into()).await, [""; 0]);

    // And again, by a signal.
    gate.signal("USR2");
    gate.note_successor();
    assert_eq!(end(&mut client).await, Some(CloseCode::Restart));
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "last", "still here").await;
    assert_eq!(arrived(&mut gate, ["last".to_owned()].into()).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_while_the_old_process_drains_is_held_by_the_new_one() {
    let mut gate = Gate::start(60_000).await;
    let mut clients = connections(&gate).await;
    gate.upgraded().await;
    let mut held = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        let id = format!("late-{number}");
        say(client, &id, "i will snarfle").await;
        // One in some thousands is asked to leave just now.
        if let Message::Text(told) = common::next(client).await {
            assert!(told.contains("\"hold\""), "{told}");
            held.push(id);
        }
    }
    assert!(held.len() > CONNECTIONS / 2, "{held:?}: {}", gate.log());
    let rows = gate.moderator().await.queue().await;
    for id in &held {
        let same = rows.iter().filter(|row| row["message_id"] == id.as_str()).count();
        assert_eq!(same, 1, "{id} was promised, and is there {same} times");
    }
    // The process before has not ended.
    let again = gate.upgrade().await;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && said.contains("not ended yet"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_new_process_does_not_start_the_old_one_goes_on() {
    let gate = Gate::start(300).await;
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "held", "i will snarfle").await;
    assert_eq!(next_json(&mut client).await["verdict"], "hold");
    let good = fs::read_to_string(&gate.file).expect("the settings");
    let chat = gate.chat().to_string();
    let state = gate.config.state_dir.display().to_string();
    for (bad, why) in [
        // A model that is not there, and an address that is not this machine's.
        (format!("state_dir = {state:?}\n[score]\nmanifest = \"nowhere.toml\"\n"), "nowhere.toml"),
        (good.replace(&chat, "192.0.2.1:7400"), "192.0.2.1"),
    ] {
        fs::write(&gate.file, bad).expect("a file");
        let done = gate.upgrade().await;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
        assert!(gate.log().contains("not upgraded"), "{}", gate.log());
        say(&mut client, "fine", "what a lovely evening").await;
        while next_json(&mut client).await["id"] != "fine" {}
    }
    let rows = gate.moderator().await.queue().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_new_process_cannot_have_the_store_the_old_one_takes_it_up_again() {
    let gate = Gate::start(300).await;
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "held", "i will snarfle").await;
    assert_eq!(next_json(&mut client).await["verdict"], "hold");
    let good = fs::read_to_string(&gate.file).expect("the settings");
    let state = gate.config.state_dir.display().to_string();
    fs::write(&gate.file, good.replace(&state, "/proc/nowhere")).expect("a file");
    gate.signal("USR2");
    // The old process had given up its store by then.
    assert_eq!(end(&mut client).await, Some(CloseCode::Restart), "{}", gate.log());
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "again", "i will snarfle").await;
    assert_eq!(next_json(&mut client).await["verdict"], "hold");
    let rows = gate.moderator().await.queue().await;
    assert_eq!(rows.len(), 2, "{rows:?}: {}", gate.log());
    assert!(gate.log().contains("/proc/nowhere"), "{}", gate.log());
}
