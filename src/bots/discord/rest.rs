//! Calls the platform's API, within its rate limits.

use std::{
    fmt::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Id,
    buckets::{Buckets, Route, Told},
};
use crate::bots::{
    ActError, HearError,
    http::{Http, Reply},
};

/// The platform wants to be told who asks, in this form.
const AGENT: &str =
    concat!("DiscordBot (https://github.com/tidegate/tidegate, ", env!("CARGO_PKG_VERSION"), ")");
const REASON: HeaderName = HeaderName::from_static("x-audit-log-reason");
/// The platform's bound, in characters.
const REASON_CHARS_MAX: usize = 512;
const MESSAGE_CHARS_MAX: usize = 200;
/// Whoever is to wait longer is to ask another day.
const PAUSE_MAX_S: f64 = 86_400.0;

pub struct Rest {
    http: Http,
    base: String,
    buckets: Mutex<Buckets>,
}

/// One call.
pub struct Call {
    route: Route,
    method: Method,
    path: String,
    body: Value,
}

impl Call {
    pub fn delete(channel: Id, message: Id) -> Call {
        Call {
            route: Route { kind: "delete", place: channel },
            method: Method::DELETE,
            path: format!("/channels/{channel}/messages/{message}"),
            body: Value::Null,
        }
    }

    pub fn time_out(guild: Id, user: Id, until: &str) -> Call {
        Call {
            route: Route { kind: "time_out", place: guild },
            method: Method::PATCH,
            path: format!("/guilds/{guild}/members/{user}"),
            body: json!({ "communication_disabled_until": until }),
        }
    }

    pub fn ban(guild: Id, user: Id) -> Call {
        Call {
            route: Route { kind: "ban", place: guild },
            method: Method::PUT,
            path: format!("/guilds/{guild}/bans/{user}"),
            // What was said before was judged already.
            body: json!({ "delete_message_seconds": 0 }),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrong {
    code: u64,
    message: String,
    retry_after: Option<f64>,
    global: bool,
}

impl Rest {
    pub fn new(http: Http, base: String) -> Rest {
        Rest { http, base, buckets: Mutex::default() }
    }

    /// # Errors
    /// Why it was not done; what is not to be asked now is not asked.
    pub async fn call(&self, token: &str, call: &Call, reason: &str) -> Result<(), ActError> {
        let taken = self.buckets().take(&call.route, Instant::now());
        taken.map_err(|after| ActError::Busy { after })?;
        let mut headers = headers(token).map_err(ActError::Refused)?;
        let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
        // All that it holds is percent signs, letters and digits.
        headers.extend(HeaderValue::try_from(escaped(&reason)).ok().map(|value| (REASON, value)));
        let url = format!("{}{}", self.base, call.path);
        let asked = self.http.call(call.method.clone(), &url, &headers, &call.body).await;
        let told = asked.as_ref().ok().map(|reply| Told::of(&reply.headers));
        self.buckets().told(&call.route, told, Instant::now());
        let reply = asked.map_err(ActError::later)?;
        self.outcome(call, &reply)
    }

    fn outcome(&self, call: &Call, reply: &Reply) -> Result<(), ActError> {
        let status = reply.status;
        if status.is_success() {
            return Ok(());
        }
        let wrong: Wrong = reply.json().unwrap_or_default();
        let said: String = wrong.message.chars().take(MESSAGE_CHARS_MAX).collect();
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                let pause = pause(&wrong, reply);
                let global = wrong.global || reply.headers.contains_key("x-ratelimit-global");
                if global {
                    let cause = "the platform is asked too often".into();
                    return Err(ActError::Later { cause, after: Some(pause) });
                }
                self.buckets().rest(&call.route, Instant::now() + pause);
                Err(ActError::Busy { after: pause })
            }
            StatusCode::NOT_FOUND => Err(ActError::Gone),
            // The gateway throws the bot out as well, and then the token is read anew.
            StatusCode::UNAUTHORIZED => Err(ActError::later("the token is not valid any more")),
            StatusCode::FORBIDDEN => Err(ActError::Refused(format!(
                "a permission is missing, or it is somebody whose role is not below the bot's \
                 ({} {said})",
                wrong.code
            ))),
            status if status.is_server_error() => Err(ActError::Later {
                cause: format!("the platform answers {status}"),
                after: reply.retry_after(),
            }),
            status => Err(ActError::Refused(format!(
                "the platform answers {status}: {} {said}",
                wrong.code
            ))),
        }
    }

    /// Where the gateway is.
    ///
    /// # Errors
    /// The token is not valid, no session may be started, or no answer.
    pub async fn gateway(&self, token: &str) -> Result<String, HearError> {
        #[derive(Deserialize)]
        struct Gateway {
            url: String,
            session_start_limit: Option<Limit>,
        }
        #[derive(Deserialize)]
        struct Limit {
            remaining: u64,
            reset_after: u64,
        }
        let headers = headers(token).map_err(HearError::Refused)?;
        let url = format!("{}/gateway/bot", self.base);
        let asked = self.http.call(Method::GET, &url, &headers, &Value::Null).await;
        let reply = asked.map_err(|cause| HearError::Lost(cause.to_string()))?;
        match reply.status {
            StatusCode::OK => {
                let found: Gateway = reply.json().map_err(HearError::Lost)?;
                if let Some(Limit { remaining: 0, reset_after }) = found.session_start_limit {
                    let hours = reset_after.div_ceil(3_600_000);
                    let cause = format!("no session may be started for the next {hours} hours");
                    return Err(HearError::Refused(cause));
                }
                Ok(found.url.trim_end_matches('/').to_owned())
            }
            StatusCode::UNAUTHORIZED => Err(HearError::Refused("the token is not valid".into())),
            status => Err(HearError::Lost(format!("the platform answers {status}"))),
        }
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn headers(token: &str) -> Result<HeaderMap, String> {
    let value = HeaderValue::try_from(format!("Bot {token}"));
    let mut value = value.map_err(|_| "the token cannot stand in a header")?;
    value.set_sensitive(true);
    Ok([(AUTHORIZATION, value), (USER_AGENT, HeaderValue::from_static(AGENT))]
        .into_iter()
        .collect())
}

fn pause(wrong: &Wrong, reply: &Reply) -> Duration {
    let told = wrong.retry_after.filter(|seconds| (0.0..=PAUSE_MAX_S).contains(seconds));
    let told = told.map(Duration::from_secs_f64).or_else(|| reply.retry_after());
    told.unwrap_or(Duration::from_secs(1))
}

/// As it stands in a header, which is ASCII there.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                escaped.push(char::from(byte));
            }
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}
