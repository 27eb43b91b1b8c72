//! Starts the real binary, signals and kills it, and looks at it as the system sees it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use hyper::StatusCode;
use tidegate::{
    accounts::{Accounts, Role, Scope},
    config::Config,
};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    common::{self, Folder, PATIENCE},
    wire::pause,
};

/// The binary under test, from `TIDEGATE`.
pub fn program() -> PathBuf {
    let named = std::env::var_os("TIDEGATE").expect("TIDEGATE names the binary");
    std::path::absolute(named).expect("a path")
}

#[derive(Clone, Copy)]
pub struct Ports {
    pub chat: SocketAddr,
    pub console: SocketAddr,
    pub admin: SocketAddr,
}

impl Ports {
    /// Three that are free now, for a process that is started again and again on them.
    pub async fn free() -> Ports {
        let mut free = Vec::new();
        for _ in 0..3 {
            free.push(TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
        }
        let at = |n: usize| free[n].local_addr().expect("its address");
        Ports { chat: at(0), console: at(1), admin: at(2) }
    }

    pub fn set(&self, config: &mut Config) {
        config.listen.chat = self.chat;
        config.listen.console = self.console;
        config.listen.admin = self.admin;
    }
}

/// Settings for a torture: the room behind it, invented words, nothing that paces senders.
pub fn settings(folder: &Folder, room: SocketAddr, ports: &Ports) -> Config {
    let mut config = common::config(folder, room, |_| {});
    ports.set(&mut config);
    config.wordlists.paths = vec![std::path::absolute("tests/data/words").expect("a folder")];
    // The widest that may be set.
    let flood =
        tidegate::config::FloodConfig { messages_max: 100, repeats_max: 100, window_ms: 100 };
    let crowd = tidegate::config::CrowdConfig {
        action: tidegate::message::Verdict::Pass,
        ..Default::default()
    };
    let shield = tidegate::config::ShieldConfig { auto: false, ..Default::default() };
    let policy = tidegate::config::PolicyConfig {
        flood: Some(flood),
        crowd: Some(crowd),
        shield: Some(shield),
        hold_ms: Some(3_600_000),
        ..Default::default()
    };
    config.policy.insert("standard".to_owned(), policy);
    config
}

pub fn write(folder: &Folder, config: &Config) -> PathBuf {
    folder.file("tidegate.toml", &toml::to_string(config).expect("TOML"))
}

/// A token for each name, in a store that no process has open.
pub async fn tokens(state: &Path, names: &[&str]) -> Vec<String> {
    let store = tidegate::store::open(state).expect("a store");
    let accounts = Accounts::open(store, &Default::default());
    let mut tokens = Vec::new();
    for name in names {
        let token = accounts.issue_token(name, &[Scope::Read, Scope::Decide]).await;
        tokens.push(token.expect("a token"));
    }
    tokens
}

/// An account for the console, in such a store.
pub async fn account(state: &Path, name: &str, password: &str) {
    let store = tidegate::store::open(state).expect("a store");
    let accounts = Accounts::open(store, &Default::default());
    accounts.add(name, Role::Moderator, password, false).await.expect("an account");
}

/// The running binary; killed when dropped.
pub struct Gate {
    child: Child,
    pub ports: Ports,
    log: PathBuf,
}

impl Gate {
    pub fn spawn(file: &Path, ports: Ports) -> Gate {
        Gate::spawn_by(Command::new(program()), file, ports)
    }

    /// By a program before it, that sets limits and then becomes it.
    pub fn spawn_by(mut command: Command, file: &Path, ports: Ports) -> Gate {
        let log = file.with_extension("log");
        let to = fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let child = command
            .args(["run", "--config"])
            .arg(file)
            .env("TIDEGATE_LOG", "warn")
            .env("TOKIO_WORKER_THREADS", "2")
            .stdout(Stdio::null())
            .stderr(to)
            .spawn()
            .expect("the binary starts");
        Gate { child, ports, log }
    }

    /// Waits until it says that it is ready; nothing where it ended instead.
    pub async fn try_ready(&mut self) -> Option<()> {
        let wait = async {
            while self.child.try_wait().expect("a child").is_none() {
                if ready(self.ports.admin).await {
                    return Some(());
                }
                pause(Duration::from_millis(2)).await;
            }
            None
        };
        timeout(PATIENCE, wait).await.expect("it gets ready or ends")
    }

    pub async fn ready(&mut self) {
        if self.try_ready().await.is_none() {
            panic!("it does not start: {}", self.said());
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no {name}");
    }

    pub fn kill(mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }

    /// Ends it as an operator would.
    pub async fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended().await;
        assert!(status.success(), "it ended with {status}: {}", self.said());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let wait = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status;
                }
                pause(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("it ends")
    }

    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// The end of what it logged.
    pub fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(3_000);
        text.get(from..).unwrap_or(&text).to_owned()
    }

    /// One figure of `/metrics`, by its name and labels as they stand there; 0 where it is not.
    pub async fn figure(&self, name: &str) -> f64 {
        let request = hyper::Request::get("/metrics").header("host", "localhost");
        let request = request.body(Default::default()).expect("a request");
        let Some((_, _, body)) = common::try_http(self.ports.admin, request).await else {
            return 0.0;
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|figure| figure.trim().parse().ok()).unwrap_or(0.0)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ready(admin: SocketAddr) -> bool {
    let request = hyper::Request::get("/ready").header("host", "localhost");
    let request = request.body(Default::default()).expect("a request");
    let answer = common::try_http(admin, request).await;
    answer.is_some_and(|(status, _, _)| status == StatusCode::OK)
}

/// Every held message in the store of a process that has ended, by the sender's own id.
pub async fn records(state: &Path) -> Vec<tidegate::hold::Hold> {
    let store: Arc<dyn tidegate::store::Store> =
        tidegate::store::open(state).unwrap_or_else(|cause| panic!("no store: {cause}"));
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = store.scan(tidegate::store::Table::Holds, &after, 500).await.expect("records");
        let Some((last, _)) = page.last() else { return all };
        after = last.clone();
        for (_, bytes) in page {
            let row: serde_json::Value = serde_json::from_slice(&bytes).expect("a record");
            all.push(serde_json::from_value(row["hold"].clone()).expect("a held message"));
        }
    }
}
