//! Keeps access tokens fresh, by OAuth 2 refresh tokens or client credentials.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode, header, header::HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{
    ActError, HearError,
    http::{CallError, Http, Reply, query},
};
use crate::config::read_bounded;

/// A token that ends sooner is renewed before it is used.
const MARGIN: Duration = Duration::from_secs(60);
/// Where a platform does not say how long a token is good for.
const LIFE: Duration = Duration::from_secs(3_600);
/// Nobody asks again for so long where no token came; doubled each time.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Between two tries to write a refresh token down.
const SAVE_PAUSE: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded";

/// Where tokens come from, and who asks for them.
pub struct Client {
    pub url: String,
    pub id: String,
    pub secret: String,
}

/// On what grounds a token is given.
pub enum Grant {
    /// A person's consent, in a file; it is written anew where the platform changes it.
    Refresh(PathBuf),
    /// Nothing but the client.
    Credentials,
}

/// Why a call was not made, or not answered.
#[derive(Clone, Debug)]
pub enum Trouble {
    Later(String),
    /// No token is given. That may pass, or be mended by whoever consents anew.
    NoToken(String),
    Refused(String),
}

/// Calls a platform with a token that is good.
pub struct Tokens {
    source: Arc<Source>,
    /// What every call carries besides the token.
    headers: HeaderMap,
}

struct Source {
    http: Http,
    client: Client,
    grant: Grant,
    now: Mutex<State>,
    /// In a row: tokens that did not come, or came and were not taken.
    failures: AtomicU32,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    unsaved: Option<Unsaved>,
    /// Why no token came, and until when nobody asks.
    failed: Option<(Instant, Trouble)>,
}

/// A refresh token that could not be written down.
struct Unsaved {
    token: String,
    /// What its file holds: anything else was put there by somebody, and is newer.
    old: String,
    tried: Instant,
}

#[derive(Clone)]
struct Held {
    access: Arc<str>,
    until: Instant,
    /// Unknown where the platform does not say.
    scopes: Option<Arc<[String]>>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_token: Option<String>,
    /// Words in one text, or a list of them.
    #[serde(default)]
    scope: Value,
}

impl Tokens {
    pub fn new(http: Http, client: Client, grant: Grant) -> Tokens {
        let (now, failures) = (Mutex::default(), AtomicU32::new(0));
        let source = Arc::new(Source { http, client, grant, now, failures });
        Tokens { source, headers: HeaderMap::new() }
    }

    /// The same with a header in every call.
    pub fn with_header(mut self, name: &'static str, value: HeaderValue) -> Tokens {
        self.headers.insert(name, value);
        self
    }

    /// Calls with a token; where that is refused, once more with a fresh one.
    ///
    /// # Errors
    /// No token, or no answer; a status is no error, but for 401.
    pub async fn call(&self, method: Method, url: &str, body: &Value) -> Result<Reply, Trouble> {
        self.call_as("Bearer", method, url, body).await
    }

    /// The same where the token goes by another scheme.
    ///
    /// # Errors
    /// As above.
    pub async fn call_as(
        &self,
        scheme: &str,
        method: Method,
        url: &str,
        body: &Value,
    ) -> Result<Reply, Trouble> {
        let held = self.held(None).await?;
        let reply = self.ask((scheme, &held.access), method.clone(), url, body).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            self.source.failures.store(0, Ordering::Relaxed);
            return Ok(reply);
        }
        // Some platforms say so where the token is good and its consent too narrow.
        if reply.body.windows(5).any(|part| part.eq_ignore_ascii_case(b"scope")) {
            return Err(Trouble::Refused("the token lacks a scope".into()));
        }
        let fresh = self.held(Some(&held.access)).await?;
        let reply = self.ask((scheme, &fresh.access), method, url, body).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            self.source.failures.store(0, Ordering::Relaxed);
            return Ok(reply);
        }
        let trouble = Trouble::Later("a fresh token is refused".into());
        // Otherwise each call would use up a refresh token.
        self.source.rest(&fresh.access, &trouble).await;
        Err(trouble)
    }

    /// The scopes of `wanted` that the token lacks: each is a choice of which one is enough.
    ///
    /// # Errors
    /// No token.
    pub async fn lacking(&self, wanted: &[&[&str]]) -> Result<Vec<String>, Trouble> {
        let held = self.held(None).await?;
        let Some(scopes) = held.scopes else { return Ok(Vec::new()) };
        let has = |choice: &&&[&str]| choice.iter().any(|one| scopes.iter().any(|s| s == one));
        let missing = wanted.iter().filter(|choice| !has(choice));
        Ok(missing.map(|choice| choice.join(" or ")).collect())
    }

    async fn ask(
        &self,
        (scheme, access): (&str, &str),
        method: Method,
        url: &str,
        body: &Value,
    ) -> Result<Reply, Trouble> {
        let bearer = HeaderValue::from_str(&format!("{scheme} {access}"));
        let mut bearer = bearer.map_err(|_| Trouble::Refused("the token is no token".into()))?;
        bearer.set_sensitive(true);
        let mut headers = self.headers.clone();
        headers.insert(header::AUTHORIZATION, bearer);
        Ok(self.source.http.call(method, url, &headers, body).await?)
    }

    /// A token that is good for a while and is not `stale`.
    async fn held(&self, stale: Option<&str>) -> Result<Held, Trouble> {
        let (source, stale) = (self.source.clone(), stale.map(str::to_owned));
        // A task of its own: whoever asks may not wait for the answer, and with it a refresh token
        // would be lost that is good for one use.
        let held = tokio::spawn(async move { source.held(stale.as_deref()).await });
        held.await.unwrap_or_else(|lost| Err(Trouble::Later(lost.to_string())))
    }
}

impl Source {
    async fn held(&self, stale: Option<&str>) -> Result<Held, Trouble> {
        // One renews, the others wait for it: a refresh token may be good for one use only.
        let mut state = self.now.lock().await;
        self.save_again(&mut state);
        let now = Instant::now();
        let good = |held: &&Held| held.until > now && stale != Some(&*held.access);
        if let Some(held) = state.held.as_ref().filter(good) {
            return Ok(held.clone());
        }
        if let Some((until, trouble)) = &state.failed
            && now < *until
        {
            return Err(trouble.clone());
        }
        let renewed = self.renew(&mut state).await;
        if let Err(Trouble::NoToken(cause)) = &renewed {
            tracing::error!(client = self.client.id, cause, "a bot gets no token");
        }
        state.failed = renewed.as_ref().err().map(|trouble| (self.pause(), trouble.clone()));
        renewed
    }

    /// Asks for none for a while, because a fresh one was refused; calls that were made at once
    /// count once.
    async fn rest(&self, refused: &str, trouble: &Trouble) {
        let mut state = self.now.lock().await;
        let is_ours = state.held.as_ref().is_some_and(|held| &*held.access == refused);
        let rests = state.failed.as_ref().is_some_and(|(until, _)| Instant::now() < *until);
        if is_ours && !rests {
            state.failed = Some((self.pause(), trouble.clone()));
        }
    }

    /// Until when nobody asks after one more failure.
    fn pause(&self) -> Instant {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        Instant::now() + (PAUSE * 2_u32.pow(before.min(6))).min(PAUSE_MAX)
    }

    /// The refresh token to ask with; none where the client alone is enough.
    fn refresh(&self, state: &mut State) -> Result<Option<String>, Trouble> {
        let Grant::Refresh(file) = &self.grant else { return Ok(None) };
        let kept = secret_of(file);
        if let Some(unsaved) = &state.unsaved {
            if kept.as_ref().map_or(true, |kept| *kept == unsaved.old) {
                return Ok(Some(unsaved.token.clone()));
            }
            state.unsaved = None;
        }
        kept.map(Some).map_err(Trouble::NoToken)
    }

    async fn renew(&self, state: &mut State) -> Result<Held, Trouble> {
        let Client { url, id, secret } = &self.client;
        let refresh = self.refresh(state)?;
        let grant = if refresh.is_some() { "refresh_token" } else { "client_credentials" };
        let mut form = vec![("grant_type", grant), ("client_id", id), ("client_secret", secret)];
        form.extend(refresh.as_deref().map(|token| ("refresh_token", token)));
        let body = Bytes::from(query(&form));
        let reply = self.http.send(Method::POST, url, &HeaderMap::new(), FORM, body).await?;
        if !reply.status.is_success() {
            return Err(refusal(&reply));
        }
        let answer: Answer = reply.json().map_err(Trouble::Later)?;
        self.save(state, refresh, answer.refresh_token);
        let scopes = scopes(&answer.scope);
        let held = Held {
            access: answer.access_token.into(),
            until: Instant::now() + life(&answer.expires_in),
            scopes,
        };
        state.held = Some(held.clone());
        Ok(held)
    }

    fn save(&self, state: &mut State, old: Option<String>, new: Option<String>) {
        let (Grant::Refresh(file), Some(old), Some(new)) = (&self.grant, old, new) else { return };
        if new.is_empty() || old == new {
            return;
        }
        // The file may hold one that is older still.
        let old = state.unsaved.take().map_or(old, |unsaved| unsaved.old);
        if let Err(cause) = write_secret(file, &new) {
            let file = file.display();
            tracing::error!(%file, %cause, "a new refresh token is not written: it is tried again");
            state.unsaved = Some(Unsaved { token: new, old, tried: Instant::now() });
        }
    }

    /// Writes down what could not be, unless somebody has put another token there meanwhile.
    fn save_again(&self, state: &mut State) {
        let (Grant::Refresh(file), Some(unsaved)) = (&self.grant, &mut state.unsaved) else {
            return;
        };
        if unsaved.tried.elapsed() < SAVE_PAUSE {
            return;
        }
        unsaved.tried = Instant::now();
        let is_ours = secret_of(file).map_or(true, |kept| kept == unsaved.old);
        if is_ours && write_secret(file, &unsaved.token).is_ok() {
            tracing::info!(file = %file.display(), "the new refresh token is written");
            state.unsaved = None;
        }
    }
}

/// Unknown where nothing is said of them.
fn scopes(scope: &Value) -> Option<Arc<[String]>> {
    let words = match scope {
        Value::String(text) => text.split([' ', ',']).collect::<Vec<_>>(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    Some(words.into_iter().filter(|one| !one.is_empty()).map(str::to_owned).collect())
}

/// Some of a token's life is left for the call.
fn life(expires_in: &Value) -> Duration {
    let text = expires_in.as_str().and_then(|text| text.parse().ok());
    let seconds = expires_in.as_u64().or(text).filter(|seconds| *seconds <= 366 * 86_400);
    let life = seconds.map_or(LIFE, Duration::from_secs);
    life.saturating_sub(MARGIN).max(life / 2)
}

fn refusal(reply: &Reply) -> Trouble {
    let answer: Value = reply.json().unwrap_or_default();
    let error: String = answer["error"].as_str().unwrap_or_default().chars().take(60).collect();
    let cause = format!("no token is given: {} {}", reply.status, error.escape_debug());
    match reply.status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Trouble::Later(cause),
        status if status.is_client_error() => Trouble::NoToken(cause),
        _ => Trouble::Later(cause),
    }
}

/// A secret from a file, without the line's end.
pub fn secret_of(file: &Path) -> Result<String, String> {
    let place = |cause| format!("{}: {cause}", file.display());
    let secret = read_bounded(file).map_err(place)?.trim().to_owned();
    let plain = !secret.is_empty() && secret.chars().all(|c| c.is_ascii_graphic());
    plain.then_some(secret).ok_or_else(|| place("there is no secret in it".to_owned()))
}

/// Whole or not at all: a crash must not leave half a token.
fn write_secret(file: &Path, secret: &str) -> std::io::Result<()> {
    // Beside each file one of its own: several tokens may lie in one folder.
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut new = options.open(beside)?;
    new.write_all(secret.as_bytes())?;
    new.sync_all()?;
    fs::rename(beside, file)
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Trouble {
        match error {
            CallError::Request(..) => Trouble::Refused(error.to_string()),
            CallError::Unreachable(..) | CallError::Late(_) => Trouble::Later(error.to_string()),
        }
    }
}

impl From<Trouble> for HearError {
    fn from(trouble: Trouble) -> HearError {
        match trouble {
            // A minute of silence would be long for what may pass in a second.
            Trouble::Later(cause) | Trouble::NoToken(cause) => HearError::Lost(cause),
            Trouble::Refused(cause) => HearError::Refused(cause),
        }
    }
}

impl From<Trouble> for ActError {
    fn from(trouble: Trouble) -> ActError {
        match trouble {
            // What is to be done need not be lost with a token.
            Trouble::Later(cause) | Trouble::NoToken(cause) => ActError::later(cause),
            Trouble::Refused(cause) => ActError::Refused(cause),
        }
    }
}

#[cfg(test)]
mod tests;
