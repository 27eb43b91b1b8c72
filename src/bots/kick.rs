//! Moderates Kick's chat: takes its webhooks and acts by its public API.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream};
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{
    ActError, Deed, Ears, HearError, Pace, Platform, Tools, What,
    oauth::{Client, Grant, Tokens, Trouble, secret_of},
    settings,
};
use crate::config::{BotConfig, read_bounded};

mod api;
pub(crate) mod event;
mod receive;
pub(crate) mod seal;

use api::Api;
use receive::Door;
use seal::Seal;

/// Messages that are judged at once.
const JUDGED_AT_ONCE: usize = 16;
const CHANNELS_MAX: usize = 100;
/// Before a call that failed is made again; doubled each time.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Where the webhooks come in: behind a proxy that speaks TLS.
    listen: SocketAddr,
    path: String,
    /// The channels, by `broadcaster_user_id`.
    channels: Vec<u64>,
    client_id: String,
    client_secret_file: PathBuf,
    /// Written anew whenever Kick changes it; not needed to listen only.
    refresh_token_file: PathBuf,
    /// Kick's key in PEM; asked for at Kick where there is none.
    public_key_file: PathBuf,
    /// How old, or how far ahead, an event's time may be.
    tolerance_s: u64,
    /// Events that wait to be judged; beyond, Kick is told to send them again.
    queue_max: usize,
    body_bytes_max: usize,
    /// Whether it subscribes by itself.
    subscribe: bool,
    /// Between two looks at the subscriptions.
    check_s: u64,
    /// Deletions and bans a second; Kick names no pace.
    acts_per_s: u32,
    api: String,
    token_url: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 7410)),
            path: "/".into(),
            channels: Vec::new(),
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            refresh_token_file: PathBuf::new(),
            public_key_file: PathBuf::new(),
            tolerance_s: 600,
            queue_max: 1_000,
            body_bytes_max: 65_536,
            subscribe: true,
            check_s: 300,
            acts_per_s: 5,
            api: "https://api.kick.com/public/v1".into(),
            token_url: "https://id.kick.com/oauth/token".into(),
        }
    }
}

struct Kick {
    settings: Settings,
    api: Api,
    seal: Arc<Seal>,
    act: bool,
}

/// Reads the settings; the error names the key.
pub fn open(config: &BotConfig, tools: &Tools) -> Result<Arc<dyn Platform>, String> {
    let read: Settings = settings(config)?;
    check(&read, config.act)?;
    let at = |name: &str, cause: String| format!("settings.{name}: {cause}");
    let secret = secret_of(&read.client_secret_file);
    let secret = secret.map_err(|cause| at("client_secret_file", cause))?;
    let tokens = |grant| {
        let (url, id, secret) = (read.token_url.clone(), read.client_id.clone(), secret.clone());
        Tokens::new(tools.http.clone(), Client { url, id, secret }, grant)
    };
    let file = &read.refresh_token_file;
    let person = match file.as_os_str().is_empty() {
        true => None,
        false => {
            secret_of(file).map_err(|cause| at("refresh_token_file", cause))?;
            Some(tokens(Grant::Refresh(file.clone())))
        }
    };
    let seal = Arc::new(Seal::default());
    if !read.public_key_file.as_os_str().is_empty() {
        let key = read_bounded(&read.public_key_file).and_then(|pem| seal.trust(&pem));
        key.map_err(|cause| at("public_key_file", cause))?;
    }
    let base = read.api.trim_end_matches('/').to_owned();
    let api = Api { http: tools.http.clone(), base, app: tokens(Grant::Credentials), person };
    Ok(Arc::new(Kick { settings: read, api, seal, act: config.act }))
}

fn check(read: &Settings, act: bool) -> Result<(), String> {
    if read.client_id.is_empty() {
        return Err("settings.client_id: is missing".into());
    }
    if !(1..=CHANNELS_MAX).contains(&read.channels.len()) {
        return Err(format!("settings.channels: not one to {CHANNELS_MAX} of them"));
    }
    if !read.path.starts_with('/') {
        return Err("settings.path: does not begin with '/'".into());
    }
    if act && read.refresh_token_file.as_os_str().is_empty() {
        return Err("settings.refresh_token_file: is missing, and `act` needs it".into());
    }
    for (name, value, range) in [
        ("tolerance_s", read.tolerance_s, 1..=86_400),
        ("queue_max", read.queue_max as u64, 1..=100_000),
        ("body_bytes_max", read.body_bytes_max as u64, 1_024..=1_048_576),
        ("check_s", read.check_s, 1..=86_400),
        ("acts_per_s", read.acts_per_s.into(), 1..=100),
    ] {
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            return Err(format!("settings.{name}: {value} is not within {least} to {most}"));
        }
    }
    Ok(())
}

impl Platform for Kick {
    fn hear<'a>(&'a self, ears: &'a Ears) -> BoxFuture<'a, Result<(), HearError>> {
        Box::pin(self.listen(ears))
    }

    fn act<'a>(&'a self, deed: &'a Deed) -> BoxFuture<'a, Result<(), ActError>> {
        Box::pin(async move {
            let Deed { what, target, reason, .. } = deed;
            let ban = |seconds| self.api.ban(&target.channel, &target.user, seconds, reason);
            match what {
                What::Delete => self.api.delete(&target.message).await,
                What::TimeOut { seconds } => ban(Some(*seconds)).await,
                What::Ban => ban(None).await,
                What::Warn => Err(ActError::Refused("nobody can be warned there".into())),
                What::Allow | What::Deny => {
                    Err(ActError::Refused("nothing is held back there".into()))
                }
            }
        })
    }

    fn pace(&self) -> Pace {
        Pace::new(2 * self.settings.acts_per_s, Duration::from_secs(2))
    }

    /// Kick was told that they are taken, and does not send them again.
    fn owes(&self) -> bool {
        true
    }
}

impl Kick {
    async fn listen(&self, ears: &Ears) -> Result<(), HearError> {
        let Settings { listen, queue_max, .. } = &self.settings;
        let listener = TcpListener::bind(listen).await.map_err(|cause| {
            HearError::Refused(format!("settings.listen: {listen} cannot be listened on: {cause}"))
        })?;
        let door = Arc::new(Door {
            path: self.settings.path.clone(),
            body_bytes_max: self.settings.body_bytes_max,
            tolerance_ms: self.settings.tolerance_s * 1_000,
            channels: self.settings.channels.clone(),
            seal: self.seal.clone(),
            metrics: ears.settler.metrics.clone(),
        });
        let (queue, mut queued) = mpsc::channel(*queue_max);
        let taken = async move {
            tokio::select! {
                () = receive::serve(listener, door, queue) => Ok(()),
                () = ears.closing() => Ok(()),
                refused = self.keep_up(ears) => Err(refused),
            }
        };
        // What Kick was told is taken is judged, also when the port is shut.
        let heard = stream::poll_fn(move |context| queued.poll_recv(context));
        let heard = heard.map(|heard| ears.hear(heard));
        let judged = heard.buffer_unordered(JUDGED_AT_ONCE).collect::<()>();
        tokio::join!(taken, judged).0
    }

    /// Keeps the key and the subscriptions; ends where Kick will have none of it.
    async fn keep_up(&self, ears: &Ears) -> HearError {
        let check = Duration::from_secs(self.settings.check_s);
        let (mut ready, mut pause) = (false, PAUSE);
        let mut due = Instant::now();
        loop {
            // A forged event costs Kick a look at the key, and not one at each subscription.
            let wait = due.saturating_duration_since(Instant::now());
            if timeout(wait, self.seal.doubted()).await.is_ok() {
                self.renew_key(ears).await;
                sleep(PAUSE).await;
                continue;
            }
            let next = match self.renew(ears).await {
                Ok(()) => {
                    if !ready {
                        let lacking = if self.act { self.api.lacking().await } else { Vec::new() };
                        ears.ready(&lacking);
                    }
                    (ready, pause) = (true, PAUSE);
                    check
                }
                Err(Trouble::Refused(cause)) => return HearError::Refused(cause),
                // What is subscribed to is told without a token.
                Err(Trouble::Later(cause) | Trouble::NoToken(cause)) => {
                    tracing::warn!(bot = ears.name(), cause, "Kick does not answer");
                    pause = (pause * 2).min(PAUSE_MAX);
                    pause
                }
            };
            due = Instant::now() + next;
        }
    }

    async fn renew(&self, ears: &Ears) -> Result<(), Trouble> {
        if !self.seal.has_key() {
            let key = self.api.public_key().await?;
            self.seal.trust(&key).map_err(Trouble::Later)?;
        }
        if !self.settings.subscribe {
            return Ok(());
        }
        for &channel in &self.settings.channels {
            let fresh = self.api.subscribe(channel).await?;
            if !fresh.is_empty() {
                let events = fresh.join(", ");
                tracing::info!(bot = ears.name(), channel, events, "Kick tells of a channel");
            }
        }
        Ok(())
    }

    /// Asks for the key again, because something was not signed with it.
    async fn renew_key(&self, ears: &Ears) {
        if !self.settings.public_key_file.as_os_str().is_empty() {
            return;
        }
        let renewed = self.api.public_key().await;
        let renewed = renewed.map(|key| self.seal.trust(&key));
        if !matches!(renewed, Ok(Ok(()))) {
            tracing::warn!(bot = ears.name(), "Kick's key does not come");
        }
    }
}
