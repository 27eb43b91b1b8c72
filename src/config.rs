//! Parses the settings file: every limit, its default and its reason.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

mod bot;
mod check;
mod hook;
mod network;
mod policy;
mod read;
mod route;
mod senders;
mod service;

pub use bot::{Action, ActionsConfig, BotConfig, Inflow, Position};
pub use hook::{HookConfig, WebhookConfig};
pub use network::Network;
pub use policy::{
    CategoryConfig, CrowdConfig, Enforce, FloodConfig, FloorCategory, FloorConfig, LinksConfig,
    OnExpiry, OnLate, PersonalConfig, PolicyConfig, ShapeConfig, ShieldConfig, Unattended,
    UnattendedConfig, WhenConfig, WhileHeld,
};
pub use read::{Problem, line_of, read_bounded};
pub use route::{
    Compression, HttpMode, IdentityConfig, IdentitySource, JsonConfig, LOOPBACK, Mode, RouteConfig,
    Unjudged,
};
pub use senders::{Consequence, LadderStep, PaidConfig, ProtectedConfig, StrikesConfig};
pub use service::ServiceConfig;

/// What a policy can be built on.
pub const PRESETS: [&str; 5] = ["off", "relaxed", "standard", "strict", "stage"];

/// Every setting with its default and its reason; it loads unchanged.
pub const DEFAULT_FILE: &str = include_str!("config/default.toml");

/// The whole settings file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the embedded store lives; created if missing.
    pub state_dir: PathBuf,
    pub listen: ListenConfig,
    pub limits: LimitsConfig,
    pub hold: HoldConfig,
    pub retention: RetentionConfig,
    pub score: ScoreConfig,
    pub history: HistoryConfig,
    pub console: ConsoleConfig,
    pub api: ApiConfig,
    /// Word lists: files or folders beside the embedded ones.
    pub wordlists: WordlistsConfig,
    pub route: Vec<RouteConfig>,
    pub bot: Vec<BotConfig>,
    pub hook: Vec<HookConfig>,
    pub webhook: Vec<WebhookConfig>,
    /// What no policy may be laxer than.
    pub floor: FloorConfig,
    pub policy: BTreeMap<String, PolicyConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            state_dir: PathBuf::from("tidegate-state"),
            listen: ListenConfig::default(),
            limits: LimitsConfig::default(),
            hold: HoldConfig::default(),
            retention: RetentionConfig::default(),
            score: ScoreConfig::default(),
            history: HistoryConfig::default(),
            console: ConsoleConfig::default(),
            api: ApiConfig::default(),
            wordlists: WordlistsConfig::default(),
            route: Vec::new(),
            bot: Vec::new(),
            hook: Vec::new(),
            webhook: Vec::new(),
            floor: FloorConfig::default(),
            policy: BTreeMap::new(),
        }
    }
}

/// Where Tidegate listens, and how it stops.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenConfig {
    pub chat: SocketAddr,
    pub console: SocketAddr,
    pub admin: SocketAddr,
    /// PEM files; both or neither. They serve TLS on the chat and console ports.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Proxied connections at once; one more is answered 503.
    pub connections_max: usize,
    pub connections_per_ip_max: usize,
    /// New connections a second over all addresses, so that a reconnect storm is spread.
    pub accept_per_second: u32,
    /// For each step up to the 101: TLS, the request's headers, dialling the upstream, its answer,
    /// and the client's taking of ours.
    pub handshake_ms: u64,
    pub header_bytes_max: usize,
    /// The body of a plain HTTP request or answer that is passed through.
    pub body_bytes_max: usize,
    /// Whether clients that offer compression get it.
    pub compression: Compression,
    /// At SIGTERM and after an upgrade, closes with 1012 are spread over this window.
    pub drain_ms: u64,
    /// Then too, whoever is still connected after this is cut off; the process ends then, and up
    /// to four seconds later where something is still being written.
    pub grace_ms: u64,
}

impl Default for ListenConfig {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        ListenConfig {
            chat: local(7400),
            console: local(7401),
            admin: local(7402),
            tls_cert: None,
            tls_key: None,
            connections_max: 10_000,
            connections_per_ip_max: 10_000,
            accept_per_second: 2_000,
            handshake_ms: 10_000,
            header_bytes_max: 16 * 1024,
            body_bytes_max: 8 * 1024 * 1024,
            compression: Compression::Off,
            drain_ms: 5_000,
            grace_ms: 10_000,
        }
    }
}

/// Bounds of one proxied connection.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// One whole message, fragments joined; larger is closed with 1009.
    pub message_bytes_max: usize,
    /// Fragments of one message, empty ones too; more is closed with 1009.
    pub fragments_max: usize,
    /// A compressed message may inflate to so many times its size and 4 KiB; more is closed with
    /// 1009, as is what is larger than `message_bytes_max`.
    pub inflate_ratio_max: usize,
    /// From a message's first byte to its last.
    pub partial_ms: u64,
    /// Pings a second from one peer; more is closed with 1008.
    pub pings_per_second: u32,
    /// A leg that was silent this long is pinged …
    pub ping_ms: u64,
    /// … and dead when nothing came for this long.
    pub dead_ms: u64,
    /// Bytes waiting for a slow reader before the other leg is no longer read.
    pub backlog_bytes_max: usize,
    /// A reader that takes nothing for this long is dropped.
    pub stall_ms: u64,
    /// Messages of one sender that wait behind a held one (`while_held = "wait"`).
    pub waiting_max: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            message_bytes_max: 64 * 1024,
            fragments_max: 1024,
            inflate_ratio_max: 10,
            partial_ms: 10_000,
            pings_per_second: 20,
            ping_ms: 15_000,
            dead_ms: 30_000,
            backlog_bytes_max: 64 * 1024,
            stall_ms: 10_000,
            waiting_max: 32,
        }
    }
}

/// Bounds of the hold queue.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoldConfig {
    /// Held messages in all; one more is treated as `when_full` of its policy says.
    pub held_max: usize,
    pub held_per_sender_max: usize,
    /// Paid messages that may be held beyond `held_max`; the sender's bound is not theirs.
    pub held_paid_max: usize,
    /// How long removing or timing out can be undone.
    pub undo_ms: u64,
    /// How long a release waits for its sender to come back before it ends orphaned.
    pub reconnect_ms: u64,
}

impl Default for HoldConfig {
    fn default() -> Self {
        HoldConfig {
            held_max: 10_000,
            held_per_sender_max: 20,
            held_paid_max: 1_000,
            undo_ms: 5_000,
            reconnect_ms: 60_000,
        }
    }
}

/// How long the text of a decided message is kept; the record outlives it without its text.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Masked, dropped, denied, expired, withdrawn, orphaned. A released text is erased at once.
    pub text_days: u32,
    /// The record itself, who decided what and why.
    pub record_days: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        RetentionConfig { text_days: 7, record_days: 90 }
    }
}

/// The model stage.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoreConfig {
    /// Off: judged by word lists and rules alone.
    pub enabled: bool,
    /// The longest that a message waits for its score.
    pub score_deadline_ms: u64,
    /// Messages waiting to be scored; one more is late at once.
    pub queue_max: usize,
    pub batch_max: usize,
    pub threads: usize,
    /// What runs the model, by name; `auto` takes the fastest that is there.
    pub runtime: String,
    /// The manifest of another model; empty for the one in the binary.
    pub manifest: PathBuf,
    /// Answers that are kept for texts that come again.
    pub cache_max: usize,
}

impl Default for ScoreConfig {
    fn default() -> Self {
        ScoreConfig {
            enabled: true,
            score_deadline_ms: 50,
            queue_max: 256,
            batch_max: 16,
            threads: 1,
            runtime: "auto".into(),
            manifest: PathBuf::new(),
            cache_max: 10_000,
        }
    }
}

/// What is remembered of senders and crowds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistoryConfig {
    /// Senders remembered at once; beyond, those heard longest ago are forgotten.
    pub senders_max: usize,
    /// Lines remembered at once, as hashes, to tell who repeats them.
    pub lines_max: usize,
    /// Channels whose newcomers are counted at once.
    pub channels_max: usize,
    /// Messages on screens (`egress`) that a nuke or a time-out can take off again, as hashes.
    pub shown_max: usize,
    /// Messages that passed kept in memory, texts and all, for replays at the console; 0: none.
    pub chat_max: usize,
    /// How long they are kept.
    pub chat_ms: u64,
    /// Bans, trusted senders and allowed terms at once.
    pub decrees_max: usize,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        HistoryConfig {
            senders_max: 100_000,
            lines_max: 20_000,
            channels_max: 2_000,
            shown_max: 2_000,
            chat_max: 0,
            chat_ms: 300_000,
            decrees_max: 10_000,
        }
    }
}

/// The moderators' console and the programs' doors.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// Hosts by which browsers may reach it beside the address it listens on (`mod.example.org`).
    pub hosts: Vec<String>,
    /// Proxies before it, which are believed on who asks.
    pub proxies: Vec<Network>,
    pub session_hours: u32,
    /// Failed logins in a row before an account waits, doubling each time.
    pub attempts_max: u32,
    /// Consoles that listen at once.
    pub streams_max: usize,
    /// Sessions of one account at once; one more ends the oldest.
    pub sessions_max: usize,
    /// Whoever did nothing at a console for this long is not on duty.
    pub duty_minutes: u32,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        ConsoleConfig {
            hosts: Vec::new(),
            proxies: Vec::new(),
            session_hours: 12,
            attempts_max: 5,
            streams_max: 256,
            sessions_max: 8,
            duty_minutes: 10,
        }
    }
}

/// The programs' door.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// One request's body.
    pub body_bytes_max: usize,
    /// Messages in one request; each is at most `limits.message_bytes_max` long.
    pub messages_max: usize,
    /// Requests being judged at once; one more is answered 503.
    pub requests_max: usize,
    /// Programs that listen to events at once.
    pub streams_max: usize,
    /// Requests of one token in a second; 0 is no limit.
    pub requests_per_second: u32,
    /// Requests of one token at once, after a pause.
    pub requests_burst: u32,
    /// Tokens whose pace is remembered at once.
    pub paces_max: usize,
    /// Answers to acts with an `Idempotency-Key` that are remembered at once, and for how long.
    pub keys_max: usize,
    pub keys_ms: u64,
    /// How long the answers in the shapes of other services wait for the model. They have no way
    /// to say "not known", so that without a score they are a 503.
    pub score_wait_ms: u64,
    /// Who may ask for verdicts without a token.
    pub keyless: Keyless,
    /// Origins whose pages may ask in the shapes of other services from a browser; none: nobody's.
    pub origins: Vec<String>,
}

/// Who needs no token to ask for verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keyless {
    #[default]
    Never,
    /// Programs on this machine.
    Loopback,
}

impl Default for ApiConfig {
    fn default() -> Self {
        ApiConfig {
            body_bytes_max: 1024 * 1024,
            messages_max: 256,
            requests_max: 64,
            streams_max: 64,
            requests_per_second: 1_000,
            requests_burst: 2_000,
            paces_max: 10_000,
            keys_max: 1_000,
            keys_ms: 86_400_000,
            score_wait_ms: 2_000,
            keyless: Keyless::Never,
            origins: Vec::new(),
        }
    }
}

/// Which word lists are read.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WordlistsConfig {
    /// The lists in the binary.
    pub embedded: bool,
    /// Further lists: files, or folders laid out like `wordlists/`.
    pub paths: Vec<PathBuf>,
}

impl Default for WordlistsConfig {
    fn default() -> Self {
        WordlistsConfig { embedded: true, paths: Vec::new() }
    }
}
