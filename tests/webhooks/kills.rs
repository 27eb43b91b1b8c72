//! Kills the real process in the middle of delivering: what is on record arrives all the same.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tidegate::{
    config::{Config, HookConfig, WebhookConfig},
    store::{self, Table},
};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    PATIENCE, SECRET,
    house::{self, Answer},
    receiver::{Act, Receiver},
};

/// SIGKILLs, each after so many more deliveries.
const ROUNDS: usize = 5;
const LINES: usize = 12;
/// Everybody's phone number is doubtful.
const DOUBTFUL: &str = "call her at +33 6 12 34 56 78 tonight";

async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("its address")
}

fn tidegate(arguments: &[&str], file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).arg("--config").arg(file).stderr(Stdio::null());
    command
}

/// A settings file, with everything that belongs to it.
struct Place {
    dir: PathBuf,
    file: PathBuf,
    console: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Place {
    async fn new(url: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("tidegate-kills-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary folder");
        let secret = dir.join("webhook.secret");
        std::fs::write(&secret, SECRET).expect("a temporary file");
        let mut config = Config { state_dir: dir.join("state"), ..Config::default() };
        config.score.enabled = false;
        config.listen.chat = free_port().await;
        config.listen.console = free_port().await;
        config.listen.admin = free_port().await;
        config.hold.held_per_sender_max = 10_000;
        config.hook = vec![HookConfig { name: "rooms".into(), ..HookConfig::default() }];
        config.webhook = vec![WebhookConfig {
            name: "panel".into(),
            url: url.to_owned(),
            secret_file: Some(secret),
            retry_ms: 10,
            ..WebhookConfig::default()
        }];
        let file = dir.join("tidegate.toml");
        let text = toml::to_string(&config).expect("settings");
        std::fs::write(&file, text).expect("a temporary file");
        Place { console: config.listen.console, admin: config.listen.admin, dir, file }
    }

    async fn start(&self) -> Child {
        let child = tidegate(&["run"], &self.file).stdout(Stdio::null()).spawn();
        let child = child.expect("the binary starts");
        let ready = async {
            let asked = house::request("GET", "/ready", &[("host", "localhost")], "");
            loop {
                if tokio::net::TcpStream::connect(self.admin).await.is_ok()
                    && house::raw(self.admin, &asked).await.status == 200
                {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, ready).await.expect("it gets ready");
        child
    }

    fn token(&self) -> String {
        let made = tidegate(&["user", "token", "rooms", "--scope", "hook"], &self.file).output();
        let made = made.expect("the binary starts");
        assert!(made.status.success(), "no token");
        let text = String::from_utf8(made.stdout).expect("UTF-8");
        text.split_whitespace().find(|word| word.starts_with("tg_")).expect("a token").to_owned()
    }

    async fn ask(&self, token: &str, id: &str, sender: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = json!({ "id": id, "channel": "lobby", "sender": { "id": sender },
            "text": DOUBTFUL });
        let headers = [
            ("host", "localhost"),
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let asked = house::request("POST", "/v1/hook/rooms", &headers, &body.to_string());
        house::raw(self.console, &asked).await
    }

    /// Everything on record that is to be told, by its place in the chain.
    async fn on_record(&self) -> Vec<u64> {
        let store = store::open(&self.dir.join("state")).expect("a store");
        let rows = store.scan(Table::Records, "", 10_000).await.expect("records");
        let held = rows.into_iter().filter_map(|(key, bytes)| {
            let row: Value = serde_json::from_slice(&bytes).expect("a record");
            let event = &row["record"]["event"];
            let told = event["judged"] == "hold" || event["raid"].is_object();
            told.then(|| key.parse().expect("a number"))
        });
        held.collect()
    }
}

#[tokio::test]
async fn every_kill_loses_nothing_of_what_is_on_record() {
    let receiver = Receiver::open(SECRET).await;
    let place = Place::new(&receiver.url).await;
    let mut child = place.start().await;
    let token = place.token();
    for round in 0..ROUNDS {
        // Some are refused once, so that kills fall between a try and its repeat too.
        let plan = [Act::Take, Act::Status(500), Act::Take, Act::HangUp, Act::Take];
        receiver.plan(plan, Act::Take);
        for line in 0..LINES {
            let answer = place.ask(&token, &format!("{round}-{line}"), &format!("u{line}")).await;
            assert_eq!(answer.json()["action"], "hold", "{}", answer.body);
        }
        receiver.taken(round * (LINES - 4) + 3 + round % 3).await;
        child.kill().expect("SIGKILL is sent");
        child.wait().expect("an end");
        child = place.start().await;
    }
    let last = receiver.got().last().map(|got| got.seq());
    let answer = place.ask(&token, "the last", "u").await;
    let id = answer.json()["decision"].as_str().expect("a decision").to_owned();
    let got = receiver
        .until("the last one arrives", |got| {
            got.last().is_some_and(|got| got.taken && got.body["data"]["decision"] == id.as_str())
        })
        .await;
    child.kill().expect("SIGKILL is sent");
    child.wait().expect("an end");
    assert!(got.last().map(|got| got.seq()) > last);
    crate::assert_order(&got);
    let mut arrived = crate::seqs(&got);
    arrived.dedup();
    let expected = place.on_record().await;
    assert!(expected.len() > ROUNDS * LINES / 2, "{} are on record", expected.len());
    assert_eq!(arrived, expected);
}
