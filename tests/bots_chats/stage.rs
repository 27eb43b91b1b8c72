//! Starts Tidegate with one bot, and reads its metrics and its log.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::SocketAddr,
    sync::LazyLock,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header};
use tidegate::{
    config::{BotConfig, Config, Enforce, PolicyConfig},
    listen::Running,
};
use tokio::time::timeout;

use crate::{
    common::{Folder, PATIENCE, config, gate, http},
    fake_door::Book,
};

/// Everything that is logged at a warning or above, of all tests: each bot has a name of its own.
static LOG: LazyLock<Book<String>> = LazyLock::new(|| {
    let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::WARN);
    log.with_writer(|| Pen).init();
    Book::new(String::new())
});

struct Pen;

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        LOG.write(|log| log.push_str(&text));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub struct Stage {
    pub running: Running,
    _folder: Folder,
    name: String,
}

impl Stage {
    /// A bot of this name; `settings` are the platform's own, in TOML, but for the token.
    pub async fn set(
        name: &str,
        platform: &str,
        token: &str,
        settings: &str,
        change: impl FnOnce(&mut BotConfig, &mut PolicyConfig),
    ) -> Stage {
        LazyLock::force(&LOG);
        let folder = Folder::new(name);
        let file = folder.file("token", token);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut config: Config = config(&folder, nowhere, |_| {});
        config.route.clear();
        let mut policy = PolicyConfig::default();
        // Whoever plays a whole chat says much that is alike, and says it fast.
        let shadow = ["crowd", "flood"].map(|rule| (rule.to_owned(), Enforce::Shadow));
        policy.rules = Some(shadow.into());
        let mut settings: toml::Table = settings.parse().expect("settings");
        settings.insert("token_file".into(), file.display().to_string().into());
        let mut bot = BotConfig {
            name: name.into(),
            platform: platform.into(),
            act: true,
            settings,
            ..BotConfig::default()
        };
        change(&mut bot, &mut policy);
        config.bot = vec![bot];
        config.policy = [("standard".to_owned(), policy)].into();
        Stage { running: gate(config).await, _folder: folder, name: name.into() }
    }

    async fn metrics(&self) -> String {
        let request = Request::get("/metrics").header(header::HOST, "localhost");
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        let (_, _, metrics) = http(self.running.admin, request).await;
        String::from_utf8_lossy(&metrics).into_owned()
    }

    /// The sum of all lines of a metric in which every part stands.
    pub async fn metric(&self, name: &str, parts: &[&str]) -> u64 {
        let metrics = self.metrics().await;
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        let lines = lines.filter(|line| parts.iter().all(|part| line.contains(part)));
        let number = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
        lines.filter_map(number).sum()
    }

    /// Waits until a metric is so much at least.
    pub async fn until(&self, name: &str, parts: &[&str], least: u64) {
        let waited = timeout(PATIENCE, async { while self.metric(name, parts).await < least {} });
        if waited.await.is_err() {
            panic!("{name} {parts:?} is not {least}:\n{}", self.metrics().await);
        }
    }

    pub async fn deeds(&self, what: &str, result: &str) -> u64 {
        let parts = [format!("what=\"{what}\""), format!("result=\"{result}\"")];
        let parts = parts.each_ref().map(String::as_str);
        self.metric("tidegate_bot_deeds_total", &parts).await
    }

    pub async fn until_deeds(&self, what: &str, result: &str, least: u64) {
        let parts = [format!("what=\"{what}\""), format!("result=\"{result}\"")];
        let parts = parts.each_ref().map(String::as_str);
        self.until("tidegate_bot_deeds_total", &parts, least).await;
    }

    pub async fn until_connected(&self) {
        self.until("tidegate_bots_connected", &[], 1).await;
    }

    /// Waits for a line of the log about this bot.
    pub async fn until_logged(&self, part: &str) {
        let bot = format!("bot=\"{}\"", self.name);
        let about = |line: &str| line.contains(&bot) && line.contains(part);
        LOG.until(part, |log| log.lines().any(about)).await;
    }

    /// Whether the log says it of this bot.
    pub fn logged(&self, part: &str) -> bool {
        let bot = format!("bot=\"{}\"", self.name);
        LOG.read(|log| log.lines().any(|line| line.contains(&bot) && line.contains(part)))
    }
}

/// No id twice.
pub fn once<'a>(ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for id in ids {
        assert!(seen.insert(id.to_owned()), "{id} twice");
    }
    seen
}

pub fn print_delays(of: &str, mut delays: Vec<u128>) {
    delays.sort_unstable();
    let at = |share: usize| delays.get((delays.len().max(1) - 1) * share / 100);
    let count = delays.len();
    println!("{of}: {count} deeds, ms p50 {:?} p95 {:?} max {:?}", at(50), at(95), at(100));
}
