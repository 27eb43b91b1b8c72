//! Moderates chats of Twitch: hears them by EventSub, acts and answers AutoMod by Helix.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use hyper::header::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    ActError, Deed, Defence, Ears, HearError, Pace, Platform, Tools,
    oauth::{Client, Grant, Tokens, secret_of},
    settings,
    socket::{Came, Socket},
};
use crate::config::BotConfig;

pub(crate) mod event;
mod helix;

use event::{Envelope, News};
use helix::{Channel, Helix};

/// Channels of one bot: each takes three of the 300 subscriptions that a connection may have.
const CHANNELS_MAX: usize = 90;
/// Twitch wants a token looked at every hour.
const VALIDATE: Duration = Duration::from_secs(3_600);
/// From connecting to the welcome; Twitch sends it at once.
const WELCOME_WAIT: Duration = Duration::from_secs(10);
/// Beyond the time after which a keepalive is due.
const SLACK: Duration = Duration::from_secs(5);
const KEEPALIVE_MAX_S: u64 = 600;
/// What the old connection still has to say when the new one is there.
const REST_WAIT: Duration = Duration::from_millis(250);
/// Of the 800 points a minute, some are left for others who use the same client.
const CALLS_A_MINUTE: u32 = 700;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    client_id: String,
    client_secret_file: PathBuf,
    /// Of the account that moderates; Tidegate writes it anew when Twitch changes it.
    refresh_token_file: PathBuf,
    /// Logins of the broadcasters.
    channels: Vec<String>,
    api_url: String,
    auth_url: String,
    eventsub_url: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            client_id: String::new(),
            client_secret_file: PathBuf::new(),
            refresh_token_file: PathBuf::new(),
            channels: Vec::new(),
            api_url: "https://api.twitch.tv/helix".into(),
            auth_url: "https://id.twitch.tv/oauth2".into(),
            eventsub_url: "wss://eventsub.wss.twitch.tv/ws".into(),
        }
    }
}

struct Twitch {
    tools: Tools,
    helix: Helix,
    channels: Vec<String>,
    eventsub_url: String,
    /// Which scopes the bot needs for what its settings ask of it.
    needs: Vec<&'static str>,
}

/// Reads the settings; the error names the key.
pub fn open(config: &BotConfig, tools: &Tools) -> Result<Arc<dyn Platform>, String> {
    let read: Settings = settings(config)?;
    let plain = |text: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
    };
    if !plain(&read.client_id) {
        return Err("settings.client_id: is missing or no client id".into());
    }
    if read.channels.is_empty() || read.channels.len() > CHANNELS_MAX {
        return Err(format!("settings.channels: names 1 to {CHANNELS_MAX} broadcasters"));
    }
    if let Some(strange) = read.channels.iter().find(|login| !plain(login)) {
        return Err(format!("settings.channels: {strange:?} is no login"));
    }
    let at = |name: &str, cause: String| format!("settings.{name}: {cause}");
    let secret = secret_of(&read.client_secret_file);
    let secret = secret.map_err(|cause| at("client_secret_file", cause))?;
    secret_of(&read.refresh_token_file).map_err(|cause| at("refresh_token_file", cause))?;
    let id = HeaderValue::from_str(&read.client_id).map_err(|c| at("client_id", c.to_string()))?;
    let auth = read.auth_url.trim_end_matches('/').to_owned();
    let client = Client { url: format!("{auth}/token"), id: read.client_id, secret };
    let tokens = Tokens::new(tools.http.clone(), client, Grant::Refresh(read.refresh_token_file));
    let api = read.api_url.trim_end_matches('/').to_owned();
    Ok(Arc::new(Twitch {
        tools: tools.clone(),
        helix: Helix::new(tokens.with_header("client-id", id), api, format!("{auth}/validate")),
        channels: read.channels.iter().map(|login| login.to_ascii_lowercase()).collect(),
        eventsub_url: read.eventsub_url,
        needs: helix::needs(config),
    }))
}

impl Platform for Twitch {
    fn hear<'a>(&'a self, ears: &'a Ears) -> BoxFuture<'a, Result<(), HearError>> {
        Box::pin(self.listen(ears))
    }

    fn act<'a>(&'a self, deed: &'a Deed) -> BoxFuture<'a, Result<(), ActError>> {
        Box::pin(self.helix.act(deed))
    }

    fn defends(&self) -> bool {
        true
    }

    fn defend<'a>(
        &'a self,
        channel: &'a str,
        defence: Defence<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, ActError>> {
        Box::pin(self.helix.defend(channel, defence))
    }

    fn pace(&self) -> Pace {
        Pace::new(CALLS_A_MINUTE, Duration::from_secs(60))
    }
}

/// A connection that was welcomed.
struct Line {
    socket: Socket,
    session: String,
    /// Nothing for so long means that it is dead.
    quiet_max: Duration,
}

impl Twitch {
    async fn listen(&self, ears: &Ears) -> Result<(), HearError> {
        let mut lacking = self.helix.validate(&self.needs).await?;
        let channels = self.helix.channels(&self.channels).await?;
        let mut line = self.connect(&self.eventsub_url).await?;
        let (unheard, moved) = self.subscribe(ears, &channels, &mut line).await?;
        lacking.extend(unheard);
        ears.ready(&lacking);
        if let Some(url) = moved {
            line = self.move_on(ears, &channels, line, &url).await?;
        }
        let mut validated = Instant::now();
        loop {
            match line.socket.next(line.quiet_max).await.map_err(HearError::Lost)? {
                Came::Text(text) => {
                    if let Some(url) = self.told(ears, &channels, &text).await? {
                        line = self.move_on(ears, &channels, line, &url).await?;
                    }
                }
                Came::Closed(code) => return Err(closed(code)),
                Came::Nothing => return Err(lost("no keepalive came")),
            }
            if validated.elapsed() >= VALIDATE {
                // A token that is refused ends it; that it could not be asked about does not.
                match self.helix.validate(&self.needs).await {
                    Err(refused @ HearError::Refused(_)) => return Err(refused),
                    Err(HearError::Lost(cause)) => {
                        tracing::warn!(bot = ears.name(), cause, "the token is not looked at");
                    }
                    Ok(_) => {}
                }
                validated = Instant::now();
            }
        }
    }

    /// Subscribes to every channel: what will not be told, and where to connect to if it was told.
    ///
    /// The connection is read meanwhile. Many channels take half a minute, and whoever does not
    /// answer pings for so long is thrown out.
    async fn subscribe(
        &self,
        ears: &Ears,
        channels: &[Channel],
        line: &mut Line,
    ) -> Result<(Vec<String>, Option<String>), HearError> {
        let (session, mut moved) = (line.session.clone(), None);
        let mut subscribed = std::pin::pin!(async {
            let mut lacking = Vec::new();
            for channel in channels {
                lacking.extend(self.helix.subscribe(channel, &session).await?);
            }
            Ok::<_, HearError>(lacking)
        });
        loop {
            tokio::select! {
                lacking = &mut subscribed => return Ok((lacking?, moved)),
                came = line.socket.next(line.quiet_max) => match came.map_err(HearError::Lost)? {
                    Came::Text(text) => {
                        moved = self.told(ears, channels, &text).await?.or(moved);
                    }
                    Came::Closed(code) => return Err(closed(code)),
                    Came::Nothing => return Err(lost("no keepalive came")),
                },
            }
        }
    }

    async fn connect(&self, url: &str) -> Result<Line, HearError> {
        let headers = hyper::HeaderMap::new();
        let connected = Socket::connect(&self.tools.tls, url, &headers).await;
        let mut socket = connected.map_err(HearError::Lost)?;
        let text = match socket.next(WELCOME_WAIT).await.map_err(HearError::Lost)? {
            Came::Text(text) => text,
            Came::Closed(code) => return Err(closed(code)),
            Came::Nothing => return Err(lost("no welcome came")),
        };
        let envelope: Result<Envelope, _> = serde_json::from_str(&text);
        match envelope.map(Envelope::news) {
            Ok(News::Welcome { session, keepalive_s }) => {
                let keepalive = Duration::from_secs(keepalive_s.clamp(1, KEEPALIVE_MAX_S));
                Ok(Line { socket, session, quiet_max: keepalive + SLACK })
            }
            _ => Err(lost("something else than a welcome came")),
        }
    }

    /// Does what a text says; where to connect to, if it says so.
    async fn told(
        &self,
        ears: &Ears,
        channels: &[Channel],
        text: &str,
    ) -> Result<Option<String>, HearError> {
        let envelope: Envelope = match serde_json::from_str(text) {
            Ok(envelope) => envelope,
            Err(cause) => {
                ears.strange(&cause);
                return Ok(None);
            }
        };
        match envelope.news() {
            News::Said(heard) => {
                // A bot does not judge itself, and hears only those whom it was asked to.
                let own = heard.target.user == self.helix.me();
                if !own && channels.iter().any(|channel| channel.id == heard.target.channel) {
                    ears.hear(*heard).await;
                }
            }
            News::Resolved { message, how } => ears.resolved(&message, how).await,
            News::Moved { url } => return Ok(Some(url)),
            News::Revoked { kind, status } if kind == helix::CHAT => {
                return Err(HearError::Refused(format!("Twitch tells no more of chat: {status}")));
            }
            News::Revoked { kind, status } => {
                tracing::warn!(bot = ears.name(), kind, status, "Twitch tells no more of it");
            }
            News::Strange => ears.strange(&"an event without what it needs"),
            News::Welcome { .. } | News::Nothing => {}
        }
        Ok(None)
    }

    /// Connects anew while the old connection is still read; subscriptions move along, and what
    /// both deliver is known again by its id.
    async fn move_on(
        &self,
        ears: &Ears,
        channels: &[Channel],
        mut old: Line,
        url: &str,
    ) -> Result<Line, HearError> {
        // Nobody may lead it to a place with less protection.
        let safe = url.starts_with("wss://") || self.eventsub_url.starts_with("ws://");
        if !safe {
            return Err(lost("Twitch leads to an address without TLS"));
        }
        let mut coming = std::pin::pin!(self.connect(url));
        let mut old_speaks = true;
        let new = loop {
            tokio::select! {
                new = &mut coming => break new?,
                came = old.socket.next(WELCOME_WAIT), if old_speaks => match came {
                    Ok(Came::Text(text)) => _ = self.told(ears, channels, &text).await?,
                    Ok(Came::Nothing) => {}
                    // The subscriptions have moved: what is said from now on comes by the new one.
                    Ok(Came::Closed(_)) | Err(_) => old_speaks = false,
                },
            }
        };
        while old_speaks && let Ok(Came::Text(text)) = old.socket.next(REST_WAIT).await {
            self.told(ears, channels, &text).await?;
        }
        old.socket.close().await;
        Ok(new)
    }
}

/// Why EventSub closed, by its own codes.
fn closed(code: Option<u16>) -> HearError {
    match code {
        Some(4001) => lost("Twitch says that it was written to"),
        Some(4003) => lost("Twitch says that nothing was subscribed to in time"),
        Some(4007) => lost("Twitch does not know the address to reconnect to"),
        Some(code) => HearError::Lost(format!("EventSub closed with code {code}")),
        None => lost("EventSub closed"),
    }
}

fn lost(cause: &str) -> HearError {
    HearError::Lost(cause.to_owned())
}
