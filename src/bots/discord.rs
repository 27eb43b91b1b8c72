//! Hears the channels of a Discord guild, and deletes, times out and bans there.
//!
//! The libraries for this (twilight, serenity) bring a second WebSocket library along, and say that
//! an event was received before it was judged: after a crash of the connection in between it would
//! not come again.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use hyper::Uri;
use serde::Deserialize;

use super::{
    ActError, Deed, Ears, HearError, Pace, Platform, Tools, What,
    clock::said_ms,
    seen::SeenEvents,
    settings,
    token::{Token, TokenPlace},
};
use crate::{
    config::{Action, BotConfig},
    message::now_ms,
    protocol::rfc3339,
};
use gateway::Session;
use guild::{Guild, Needs};
use id::Id;
use rest::{Call, Rest};

mod buckets;
mod gateway;
pub(crate) mod guild;
pub(crate) mod id;
mod rest;
mod said;

const API: &str = "https://discord.com/api/v10";
/// The platform's own bound on all calls of a bot together.
const CALLS_A_SECOND: u32 = 50;
/// Its longest time-out; a minute less, because its clock is not ours.
const TIME_OUT_MAX: Duration = Duration::from_secs(28 * 24 * 60 * 60 - 60);
/// Messages that are known to be deleted, so that nobody asks for it.
const DELETED_MAX: usize = 4_000;
const ROLES_MAX: usize = 250;
const CHANNELS_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    guild: Id,
    /// Only these, and their threads; all where none is named.
    #[serde(default)]
    channels: Vec<Id>,
    /// Where none is named, whoever may delete other people's messages is a moderator.
    #[serde(default)]
    moderator_roles: Vec<Id>,
    #[serde(default)]
    vip_roles: Vec<Id>,
    #[serde(default)]
    subscriber_roles: Vec<Id>,
    #[serde(default = "api_url")]
    api_url: String,
    /// Asked for at the API where it is empty.
    #[serde(default)]
    gateway_url: String,
}

fn api_url() -> String {
    API.to_owned()
}

struct Discord {
    tools: Tools,
    token: Token,
    settings: Settings,
    needs: Needs,
    rest: Rest,
    session: Mutex<Option<Session>>,
    guild: Mutex<Guild>,
    deleted: Mutex<SeenEvents>,
}

pub fn open(config: &BotConfig, tools: &Tools) -> Result<Arc<dyn Platform>, String> {
    let mut settings: Settings = settings(config)?;
    for (name, url, schemes) in [
        ("api_url", &mut settings.api_url, ["http", "https"]),
        ("gateway_url", &mut settings.gateway_url, ["ws", "wss"]),
    ] {
        *url = url.trim_end_matches('/').to_owned();
        let known = url.parse::<Uri>().is_ok_and(|uri| {
            uri.host().is_some() && uri.scheme_str().is_some_and(|named| schemes.contains(&named))
        });
        if !(known || name == "gateway_url" && url.is_empty()) || url.contains(['?', '#']) {
            return Err(format!("settings.{name}: {url:?} is no {} address", schemes.join(" or ")));
        }
    }
    let roles = [&settings.moderator_roles, &settings.vip_roles, &settings.subscriber_roles];
    if roles.iter().any(|roles| roles.len() > ROLES_MAX) {
        return Err(format!("settings: more than {ROLES_MAX} roles"));
    }
    if settings.channels.len() > CHANNELS_MAX {
        return Err(format!("settings.channels: more than {CHANNELS_MAX} channels"));
    }
    let actions = &config.actions;
    let asked = |action| [actions.mask, actions.hold, actions.drop].contains(&action);
    let place = TokenPlace {
        token_file: settings.token_file.clone(),
        token_env: settings.token_env.clone(),
    };
    Ok(Arc::new(Discord {
        tools: tools.clone(),
        token: Token::open(place)?,
        needs: Needs {
            time_out: actions.ladder || asked(Action::TimeOut),
            ban: actions.ladder || asked(Action::Ban),
        },
        rest: Rest::new(tools.http.clone(), settings.api_url.clone()),
        session: Mutex::default(),
        guild: Mutex::new(Guild::new(settings.guild)),
        deleted: Mutex::new(SeenEvents::new(DELETED_MAX)),
        settings,
    }))
}

impl Platform for Discord {
    fn hear<'a>(&'a self, ears: &'a Ears) -> BoxFuture<'a, Result<(), HearError>> {
        Box::pin(self.listen(ears))
    }

    fn act<'a>(&'a self, deed: &'a Deed) -> BoxFuture<'a, Result<(), ActError>> {
        Box::pin(self.done(deed))
    }

    fn pace(&self) -> Pace {
        Pace::new(CALLS_A_SECOND, Duration::from_secs(1))
    }
}

impl Discord {
    async fn done(&self, deed: &Deed) -> Result<(), ActError> {
        let refused = |cause: &str| Err(ActError::Refused(cause.to_owned()));
        let guild = self.settings.guild;
        // What is stored may be of another version, or of another platform.
        let id = |text: &str| {
            Id::read(text).ok_or_else(|| ActError::Refused(format!("{text:?} is no id")))
        };
        let target = &deed.target;
        let call = match deed.what {
            What::Delete => {
                let (channel, message) = (id(&target.channel)?, id(&target.message)?);
                if self.deleted().knows(&message) {
                    return Err(ActError::Gone);
                }
                Call::delete(channel, message)
            }
            What::TimeOut { seconds } => {
                let wait = Duration::from_secs(seconds).min(TIME_OUT_MAX);
                let until = now_ms() + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                Call::time_out(guild, id(&target.user)?, &rfc3339(until))
            }
            What::Ban => Call::ban(guild, id(&target.user)?),
            What::Warn => return refused("nobody can be warned there"),
            What::Allow | What::Deny => return refused("nothing is held back there"),
        };
        self.rest.call(&self.token.known(), &call, &deed.reason).await?;
        Ok(())
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guild(&self) -> MutexGuard<'_, Guild> {
        self.guild.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deleted(&self) -> MutexGuard<'_, SeenEvents> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
