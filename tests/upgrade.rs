//! Upgrades the real binary under connections: nobody is refused, nothing promised is lost.

mod common;

use std::{
    fs,
    net::SocketAddr,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::{Client, Folder, PATIENCE, Room, connect, console, next_json, say};
use console::{Moderator, PASSWORD};
use futures_util::{SinkExt, StreamExt};
use hyper::StatusCode;
use tidegate::config::{Config, IdentityConfig, IdentitySource};
use tokio::{net::TcpListener, time::timeout};
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
    async fn start() -> Gate {
        let (folder, room) = (Folder::new("upgrade"), Room::open().await);
        let mut config = common::config(&folder, room.address, |route| {
            let name = "user".to_owned();
            route.identity = Some(IdentityConfig { from: IdentitySource::Query, name });
        });
        let listen = &mut config.listen;
        listen.drain_ms = 300;
        listen.grace_ms = 5_000;
        for port in [&mut listen.chat, &mut listen.console, &mut listen.admin] {
            *port = free_port().await;
        }
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
        let said = self.notified();
        let pid = said.strip_prefix("READY=1").map(|_| self.notified()).unwrap_or(said);
        let pid = pid.strip_prefix("MAINPID=").expect("the new process").to_owned();
        assert_eq!(
            String::from_utf8_lossy(&done.stdout).trim(),
            format!("process {pid} has taken over")
        );
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

async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("its address")
}

fn add_moderator(file: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["user", "add", "ana", "--role", "moderator", "--config"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("its input");
    std::io::Write::write_all(&mut stdin, format!("{PASSWORD}\n").as_bytes()).expect("a password");
    drop(stdin);
    assert!(child.wait().expect("an end").success(), "the account was not added");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_takes_over_and_nobody_is_refused() {
    let mut gate = Gate::start().await;
    let mut clients = Vec::new();
    for number in 0..CONNECTIONS {
        clients.push(connect(gate.chat(), &format!("/ws?user=u{number}")).await);
    }
    say(&mut clients[0], "held-before", "i will snarfle").await;
    assert_eq!(next_json(&mut clients[0]).await["verdict"], "hold");

    // Whoever comes while it changes hands is served by the one or the other.
    let (chat, began) = (gate.chat(), Instant::now());
    let newcomers = tokio::spawn(async move {
        let mut came = Vec::new();
        while came.is_empty() || began.elapsed() < Duration::from_millis(500) {
            came.push(connect(chat, "/ws?user=new").await);
        }
        came
    });
    gate.upgraded().await;
    let mut newcomers = newcomers.await.expect("nobody is refused");

    // What an old connection says while the other process has the store.
    let mut told = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        told.push(format!("late-{number}"));
        let line = serde_json::json!({
            "type": "chat", "id": told[number], "channel": "lobby", "user": format!("u{number}"),
            "text": "what a lovely evening",
        });
        // It may have been closed by now: then nothing is said.
        if client.send(Message::text(line.to_string())).await.is_err() {
            told.pop();
            told.push(String::new());
        }
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(end(client).await, Some(CloseCode::Restart), "{number}: {}", gate.log());
    }
    gate.drained().await;
    for client in &mut newcomers {
        // Those that the old process served still are asked back, the others are not.
        say(client, "n", "hello there").await;
    }
    let moderator = gate.moderator().await;
    let rows = moderator.queue().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["message_id"], "held-before");

    // It is released to its sender's new connection, once.
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "here", "back again").await;
    while !gate.room.hears().await.contains("\"here\"") {}
    let id = rows[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(moderator.act(&id, "release").await.0, StatusCode::OK);
    while !gate.room.hears().await.contains("held-before") {}

    // And again, by a signal.
    gate.signal("USR2");
    let said = gate.notified();
    let said = if said == "READY=1" { gate.notified() } else { said };
    let pid = said.strip_prefix("MAINPID=").expect("the third process").to_owned();
    assert_eq!(end(&mut client).await, Some(CloseCode::Restart));
    gate.pid = pid.parse().expect("a number");
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "last", "still here").await;
    while !gate.room.hears().await.contains("\"last\"") {}
}

/// What an old connection's messages come to while another process has the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_while_it_drains_is_held_by_the_other_process() {
    let mut gate = Gate::start().await;
    // All of it takes long enough for the connection to be there still.
    let mut settings = gate.config.clone();
    settings.listen.drain_ms = 5_000;
    settings.listen.grace_ms = 10_000;
    let text = toml::to_string(&settings).expect("TOML");
    fs::write(&gate.file, text).expect("a file");
    gate.upgraded().await;
    gate.drained().await;
    let mut clients = Vec::new();
    for number in 0..CONNECTIONS {
        clients.push(connect(gate.chat(), &format!("/ws?user=u{number}")).await);
    }
    gate.upgraded().await;
    let mut held = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        let id = format!("late-{number}");
        say(client, &id, "i will snarfle").await;
        let heard = async {
            while let Some(Ok(heard)) = client.next().await {
                match heard {
                    Message::Text(text) if text.contains("hold") => return true,
                    Message::Close(_) => return false,
                    _ => {}
                }
            }
            false
        };
        if timeout(PATIENCE, heard).await.expect("an end") {
            held.push(id);
        }
    }
    assert!(held.len() > CONNECTIONS / 2, "{held:?}: {}", gate.log());
    let rows = gate.moderator().await.queue().await;
    for id in &held {
        let same = rows.iter().filter(|row| row["message_id"] == id.as_str()).count();
        assert_eq!(same, 1, "{id} was promised, and is there {same} times");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_new_process_does_not_start_the_old_one_goes_on() {
    let gate = Gate::start().await;
    let mut client = connect(gate.chat(), "/ws?user=u0").await;
    say(&mut client, "held", "i will snarfle").await;
    assert_eq!(next_json(&mut client).await["verdict"], "hold");
    let good = fs::read_to_string(&gate.file).expect("the settings");
    let state = gate.config.state_dir.display().to_string();
    for (bad, why) in [
        // Not even TOML, in the part that the command itself does not need.
        (format!("state_dir = {state:?}\n[score]\nmanifest = \"nowhere.toml\"\n"), "nowhere.toml"),
        (good.replace("127.0.0.1", "192.0.2.1"), "192.0.2.1"),
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
