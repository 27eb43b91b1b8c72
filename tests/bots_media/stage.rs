//! Starts Tidegate with one bot, and reads its metrics and its log.

use std::{
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header};
use serde_json::Value;
use tidegate::{
    accounts::Role,
    config::{Action, BotConfig, Config, PolicyConfig, ShieldConfig},
    listen::Running,
};
use tokio::{sync::watch, time::timeout};

use crate::{
    common::{
        Folder, PATIENCE, config,
        console::{Moderator, PASSWORD},
        gate, http,
    },
    media::Done,
};

/// A listed word of severity 4, and how a line with it is dropped.
pub const HOSTILE: &str = "you grumbix";

pub struct Stage {
    pub running: Running,
    pub folder: Folder,
    pub name: String,
}

/// What a bot may do, and how its platform's own settings begin.
pub struct Plan {
    pub act: bool,
    pub drop: Action,
    pub paid: Action,
    /// Whether the platform's own defences go up and down with Tidegate's.
    pub defences: bool,
    /// What stands in the file of the refresh token; none where it is empty.
    pub refresh: &'static str,
    pub settings: toml::Table,
}

impl Plan {
    pub fn new(act: bool) -> Plan {
        let settings = toml::Table::new();
        let (drop, paid) = (Action::Delete, Action::Leave);
        Plan { act, drop, paid, defences: false, refresh: "", settings }
    }

    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> Plan {
        self.settings.insert(key.to_owned(), value.into());
        self
    }
}

impl Stage {
    /// `name` is the test's own, by which its lines in the log are known.
    pub async fn set(name: &str, platform: &str, plan: Plan) -> Stage {
        capture();
        Stage::set_in(Folder::new(name), name, platform, plan).await
    }

    /// The same where it was set before: the settings are new, what was stored is there.
    pub async fn set_in(folder: Folder, name: &str, platform: &str, plan: Plan) -> Stage {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut config = config(&folder, nowhere, |_| {});
        // A storm that is fast enough is a raid, and under the shield the innocent wait as well.
        let shield = Some(ShieldConfig { auto: false, ..ShieldConfig::default() });
        let policy = PolicyConfig { shield, ..PolicyConfig::default() };
        config.policy = [("standard".to_owned(), policy)].into();
        config.bot = vec![bot(name, platform, &folder, plan)];
        let running = gate(config).await;
        // In a folder that was used before she is known.
        let _ = running.accounts.add("ana", Role::Moderator, PASSWORD, false).await;
        Stage { running, folder, name: name.to_owned() }
    }

    /// One metric's value, by its name and labels as they are written.
    pub async fn metric(&self, line: &str) -> f64 {
        let request = Request::get("/metrics").header(header::HOST, "localhost");
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        let (_, _, metrics) = http(self.running.admin, request).await;
        let metrics = String::from_utf8_lossy(&metrics).into_owned();
        let line = line.replace("BOT", &self.name);
        let value = metrics.lines().find_map(|one| one.strip_prefix(&line)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a metric has come so far.
    pub async fn metric_is(&self, line: &str, least: f64) {
        let waited = timeout(PATIENCE, async { while self.metric(line).await < least {} }).await;
        assert!(waited.is_ok(), "{line} did not come to {least}");
    }

    pub async fn deeds(&self, what: &str, result: &str) -> f64 {
        let labels = format!("bot=\"BOT\",what=\"{what}\",result=\"{result}\"");
        self.metric(&format!("tidegate_bot_deeds_total{{{labels}}}")).await
    }

    pub async fn refunds(&self) -> Vec<Value> {
        let moderator = Moderator::log_in(self.running.console, "ana").await;
        let (_, answer) = moderator.read("/api/refunds").await;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["refunds"].as_array().expect("a list").clone()
    }
}

fn bot(name: &str, platform: &str, folder: &Folder, plan: Plan) -> BotConfig {
    let secret = folder.file("client-secret", "hush&hush=\n");
    let mut settings = plan.settings;
    let text = |path: PathBuf| toml::Value::String(path.display().to_string());
    settings.entry("client_id").or_insert("the app".into());
    settings.insert("client_secret_file".into(), text(secret));
    if !plan.refresh.is_empty() {
        settings.insert("refresh_token_file".into(), text(folder.file("refresh", plan.refresh)));
    }
    let mut bot = BotConfig {
        name: name.into(),
        platform: platform.into(),
        act: plan.act,
        settings,
        ..Default::default()
    };
    bot.actions.drop = plan.drop;
    bot.actions.paid = plan.paid;
    (bot.actions.shield, bot.actions.block) = (plan.defences, plan.defences);
    // One offence of each sender is enough for these tests; what follows from many is tested
    // elsewhere.
    bot.actions.ladder = false;
    bot
}

/// Whether the settings are taken at all; what is wrong with them.
pub async fn refused(platform: &str, plan: Plan) -> String {
    let folder = Folder::new("refused");
    let mut all: Config = config(&folder, SocketAddr::from(([127, 0, 0, 1], 9)), |_| {});
    all.bot = vec![bot("refused", platform, &folder, plan)];
    match tidegate::listen::start(all, None).await {
        Ok(_) => String::new(),
        Err(cause) => cause.to_string(),
    }
}

static LOG: OnceLock<(Mutex<String>, watch::Sender<()>)> = OnceLock::new();

fn log() -> &'static (Mutex<String>, watch::Sender<()>) {
    LOG.get_or_init(|| (Mutex::default(), watch::channel(()).0))
}

#[derive(Clone)]
struct Captured;

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let (text, changed) = log();
        let mut text = text.lock().expect("no test panicked here");
        text.push_str(&String::from_utf8_lossy(bytes));
        changed.send_replace(());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn capture() {
    // The first test starts it, for all of them.
    let _ = tracing_subscriber::fmt()
        .with_writer(|| Captured)
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .try_init();
}

/// Lines of the log that speak of a bot and hold these words.
pub fn logged(bot: &str, words: &str) -> usize {
    let text = log().0.lock().expect("no test panicked here");
    text.lines().filter(|line| line.contains(bot) && line.contains(words)).count()
}

/// Waits for such a line.
pub async fn said(bot: &str, words: &str) {
    let mut changed = log().1.subscribe();
    let waited = timeout(PATIENCE, async {
        while logged(bot, words) == 0 {
            let _ = changed.changed().await;
        }
    });
    assert!(waited.await.is_ok(), "{bot} never said {words:?}");
}

/// Prints how long it took from saying to acting: medians and the longest.
pub fn print_times(platform: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).or(times.last());
    println!(
        "{platform}: {} acts, from saying to acting: half within {:?}, 95 % within {:?}, all \
         within {:?}",
        times.len(),
        at(50).copied().unwrap_or_default(),
        at(95).copied().unwrap_or_default(),
        times.last().copied().unwrap_or_default(),
    );
}

/// Fails unless each was asked for once: those whose answer broke off do not count, because nobody
/// could know.
pub fn assert_once(done: &[Done], what: &str, expected: &mut [String]) {
    let all = done.iter().filter(|done| done.what == what);
    let mut known: Vec<String> =
        all.clone().filter(|done| !done.broken).map(|done| done.id.clone()).collect();
    known.sort();
    expected.sort();
    assert_eq!(known, expected, "told of once each, and nothing else");
    for id in expected.iter() {
        let (mine, broken) = (all.clone().filter(|d| d.id == *id), |d: &&Done| d.broken);
        assert_eq!(mine.clone().count(), 1 + mine.filter(broken).count(), "{id}");
    }
}
