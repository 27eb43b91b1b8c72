//! Acts on platforms that Tidegate cannot stand in front of: hears what is said, does what follows.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;

use crate::{
    config::{BotConfig, Config},
    http::{self, Http},
    message::{Finding, Message, Severity},
    settle::Settler,
    store::Store,
};

mod clock;
mod defences;
pub(crate) mod discord;
mod ears;
pub(crate) mod kick;
mod lenient;
mod oauth;
pub(crate) mod owncast;
mod pace;
mod pending;
mod queue;
mod seen;
pub mod socket;
mod token;
pub(crate) mod twitch;
mod work;
pub(crate) mod youtube;

pub use defences::Defence;
pub use ears::Ears;
pub use pace::Pace;

/// Every platform by its name.
pub const BOTS: &[(&str, Open)] = &[
    ("discord", discord::open),
    ("kick", kick::open),
    ("owncast", owncast::open),
    ("twitch", twitch::open),
    ("youtube", youtube::open),
];

/// Reads a platform's settings; the error names the key.
pub type Open = fn(&BotConfig, &Tools) -> Result<Arc<dyn Platform>, String>;

/// What platforms reach the network with; cheap to clone.
#[derive(Clone)]
pub struct Tools {
    pub http: Http,
    pub tls: Arc<ClientConfig>,
}

impl Tools {
    pub fn new(tls: Arc<ClientConfig>) -> Tools {
        Tools { http: Http::new(&tls), tls }
    }
}

/// A platform where others keep the chat.
pub trait Platform: Send + Sync {
    /// Connects and hears until the connection ends; it is called again after a pause, which
    /// starts from the shortest once [`Ears::ready`] was called.
    ///
    /// Whatever the platform delivers twice may be told twice: the ears know it again.
    fn hear<'a>(&'a self, ears: &'a Ears) -> BoxFuture<'a, Result<(), HearError>>;

    /// Does one thing on the platform. It must be safe to do again: after a broken connection
    /// nobody knows whether it was done.
    fn act<'a>(&'a self, deed: &'a Deed) -> BoxFuture<'a, Result<(), ActError>>;

    /// Whether it knows [`Platform::defend`].
    fn defends(&self) -> bool {
        false
    }

    /// Changes one of a channel's own defences; the channel is named as in messages. What is up by
    /// it can be taken back by the id that it gives, which may be empty; `None` where it was up
    /// before, by somebody else. It must be safe to do again.
    fn defend<'a>(
        &'a self,
        _channel: &'a str,
        _defence: Defence<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, ActError>> {
        Box::pin(async { Err(ActError::Refused("the platform has no such defence".into())) })
    }

    /// How fast it may be asked to act.
    fn pace(&self) -> Pace;

    /// Whether it takes events in that are judged later. Then [`Platform::hear`] takes no more at
    /// [`Ears::closing`], and ends when all are judged; of the others it is dropped.
    fn owes(&self) -> bool {
        false
    }
}

/// How a message that the platform held back ended there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    Shown {
        by: String,
    },
    Denied {
        by: String,
    },
    /// Nobody decided in time.
    Lapsed,
}

/// Something that was said on a platform.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The platform's id of the event, by which a second delivery is known.
    pub event: String,
    /// Its `route` is filled in by the ears. It needs `id` and `sender.id` to be acted on.
    pub message: Message,
    pub target: Target,
    /// Why the platform itself holds it back, until somebody allows or denies it.
    pub pending: Option<Finding>,
}

/// What the platform needs to know to act on a message or its sender; stored with what is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The channel as the platform's API names it.
    pub channel: String,
    pub message: String,
    pub user: String,
}

/// One thing to do on a platform.
#[derive(Clone, Debug)]
pub struct Deed {
    pub what: What,
    pub target: Target,
    /// For the platform's own log and, where it shows one, the sender: which rule, never the words.
    pub reason: String,
    /// The decision that it follows from.
    pub decision: String,
    /// The route, channel and sender of that decision, for the log.
    pub message: Arc<Message>,
    pub severity: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Delete,
    Warn,
    TimeOut {
        seconds: u64,
    },
    Ban,
    /// Shows what the platform holds back, or does not.
    Allow,
    Deny,
}

impl What {
    pub const fn name(self) -> &'static str {
        match self {
            What::Delete => "delete",
            What::Warn => "warn",
            What::TimeOut { .. } => "time_out",
            What::Ban => "ban",
            What::Allow => "allow",
            What::Deny => "deny",
        }
    }
}

/// Why a platform is not heard any more.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// The platform's or the network's: tried again.
    #[error("{0}")]
    Lost(String),
    /// The operator's: wrong settings, a token that was taken back. Tried again seldom.
    #[error("{0}")]
    Refused(String),
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Tried again, after this time where the platform names one.
    #[error("{cause}")]
    Later { cause: String, after: Option<Duration> },
    /// Not yet: as much as may be of its kind was done just now. Others need not wait, and it was
    /// not tried.
    #[error("not yet")]
    Busy { after: Duration },
    /// There is nothing left to do it to; it counts as done.
    #[error("it is gone")]
    Gone,
    /// It will never be done: a permission is missing, or the platform does not know how.
    #[error("{0}")]
    Refused(String),
}

impl ActError {
    pub fn later(cause: impl std::fmt::Display) -> ActError {
        ActError::Later { cause: cause.to_string(), after: None }
    }
}

/// A bot, ready to start.
pub struct Bot {
    config: BotConfig,
    platform: Arc<dyn Platform>,
}

/// Reads every bot's settings.
///
/// # Errors
/// What is wrong, with bot and key.
pub fn open(config: &Config, tools: &Tools) -> Result<Vec<Bot>, Vec<String>> {
    let mut wrong = Vec::new();
    let mut bots = Vec::new();
    for config in &config.bot {
        let place = |cause: String| format!("bot {:?}: {cause}", config.name());
        let known = BOTS.iter().find(|(name, _)| *name == config.platform);
        let opened = match known {
            Some((_, open)) => open(config, tools),
            None => {
                let names: Vec<&str> = BOTS.iter().map(|(name, _)| *name).collect();
                let (named, names) = (&config.platform, names.join(", "));
                Err(format!("there is no platform {named:?} (there are {names})"))
            }
        };
        match opened {
            Ok(platform) => {
                let BotConfig { actions, platform: named, .. } = config;
                if (actions.shield || actions.block) && !platform.defends() {
                    let key = if actions.shield { "shield" } else { "block" };
                    let cause = format!("actions.{key}: {named} has nothing of the kind");
                    wrong.push(place(cause));
                }
                bots.push(Bot { config: config.clone(), platform });
            }
            Err(cause) => wrong.push(place(cause)),
        }
    }
    if wrong.is_empty() { Ok(bots) } else { Err(wrong) }
}

impl Bot {
    /// Works until `closing` is true, and then ends what is under way, in a few seconds at most.
    pub async fn run(
        self,
        settler: Arc<Settler>,
        store: Arc<dyn Store>,
        closing: watch::Receiver<bool>,
    ) {
        work::run(self.config, self.platform, settler, store, closing).await;
    }
}

/// Reads a platform's own table; the error names the key.
pub fn settings<T: for<'de> Deserialize<'de>>(config: &BotConfig) -> Result<T, String> {
    let parsed = config.settings.clone().try_into();
    parsed.map_err(|error: toml::de::Error| format!("settings: {}", error.message()))
}
