//! Delivers events to one endpoint, one after the other and each until it is taken.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use hyper::{HeaderMap, StatusCode, header::HeaderValue};
use tokio::time::sleep;

use super::{
    Webhook, at,
    letter::{Letter, text_of},
};
use crate::{
    api::{
        feed::{Feed, Step},
        told,
    },
    audit::Record,
    http::{CallError, Http, Reply},
    message::now_ms,
    settle::Settler,
    store::{Store, StoreError, Table},
};

/// Between two tries; the first pause is in the settings.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// The longest that an endpoint may ask to wait.
const ASKED_WAIT_MAX: Duration = Duration::from_secs(60 * 60);
/// A store that does not answer is asked again after this.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// Records that do not concern the endpoint until its place is written again.
const PASSED_MAX: u64 = 100;

/// Who delivers to one endpoint.
pub struct Courier {
    hook: Webhook,
    http: Http,
    store: Arc<dyn Store>,
    settler: Arc<Settler>,
    /// The last place whose event was delivered or given up, and the one that is written down.
    last: u64,
    written: u64,
}

/// What became of one event.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Delivered,
    /// Given up: the next one is tried.
    Dead,
    /// The endpoint wants nothing any more.
    Stopped,
}

/// What one try came to.
enum Tried {
    Taken,
    Gone,
    /// It answered, and will not have it.
    Refused(StatusCode, Option<Duration>),
    /// It cannot take anything now.
    Away(String, Option<Duration>),
}

/// Why following ended.
enum End {
    Stopped,
    Closed,
}

impl Courier {
    pub fn new(hook: Webhook, http: Http, store: Arc<dyn Store>, settler: Arc<Settler>) -> Courier {
        Courier { hook, http, store, settler, last: 0, written: 0 }
    }

    /// Delivers until the endpoint wants nothing any more, or its task is aborted.
    pub async fn run(mut self) {
        loop {
            match self.follow().await {
                Ok(End::Stopped) => {
                    let webhook = self.name();
                    tracing::error!(webhook, "the endpoint is gone (410): nothing is sent to it");
                    return;
                }
                Ok(End::Closed) => return,
                Err(error) => {
                    tracing::warn!(webhook = self.name(), %error, "events cannot be read");
                    sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    fn name(&self) -> &str {
        &self.hook.config.name
    }

    /// Goes on from the place that is written down.
    async fn follow(&mut self) -> Result<End, StoreError> {
        let place = self.store.load(Table::Meta, &self.hook.place()).await?;
        let place = place.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        let mut feed = Feed::open(&self.settler.audit, place).await?;
        (self.last, self.written) = (feed.last(), feed.last());
        let mut told = true;
        loop {
            if told || feed.is_idle() {
                self.measure().await;
            }
            let Some(step) = feed.next().await? else { return Ok(End::Closed) };
            let letter = match step {
                Step::Gap(missing, kept) => Some(Letter::gap(missing, kept)),
                Step::Reset(asked, head) => Some(Letter::reset(asked, head)),
                Step::Record(seq, record) if self.wants(&record) => {
                    let config = &self.hook.config;
                    let text = match config.include_text {
                        true => text_of(&self.settler, &record).await,
                        false => None,
                    };
                    let why = config.include_why || config.include_text;
                    Some(Letter::event(seq, &record, text, why))
                }
                Step::Record(..) => None,
            };
            told = letter.is_some();
            if let Some(letter) = letter
                && self.deliver(&letter).await == Fate::Stopped
            {
                return Ok(End::Stopped);
            }
            self.last = feed.last();
            if told || self.last - self.written >= PASSED_MAX {
                self.write_down().await;
            }
        }
    }

    /// Where that fails it goes on: what was told since the last time is told again after a
    /// restart, under the same ids.
    async fn write_down(&mut self) {
        match self.store.commit(vec![at(self.hook.place(), Some(self.last))]).await {
            Ok(()) => self.written = self.last,
            Err(error) => {
                tracing::warn!(webhook = self.name(), %error, "its place was not written down");
            }
        }
    }

    fn wants(&self, record: &Record) -> bool {
        let channels = &self.hook.config.channels;
        let here = channels.is_empty() || channels.contains(&record.channel);
        here && self.hook.kinds.contains(&told::kind(record))
    }

    /// How far behind it is; a store that does not answer says so elsewhere.
    async fn measure(&self) {
        if let Ok(head) = self.settler.audit.head().await {
            self.settler.metrics.webhook_lag(self.name(), head.saturating_sub(self.last));
        }
    }

    /// Tries until it is taken or there is no hope.
    async fn deliver(&self, letter: &Letter) -> Fate {
        let (config, metrics) = (&self.hook.config, &self.settler.metrics);
        let mut pause = Duration::from_millis(config.retry_ms);
        let mut refusals = 0;
        loop {
            let (cause, asked) = match self.attempt(letter).await {
                Tried::Taken => {
                    metrics.webhook(self.name(), "delivered");
                    return Fate::Delivered;
                }
                Tried::Gone => {
                    metrics.webhook(self.name(), "stopped");
                    return Fate::Stopped;
                }
                Tried::Refused(status, asked) => {
                    refusals += 1;
                    (format!("it answers {}", status.as_u16()), asked)
                }
                Tried::Away(cause, asked) => (cause, asked),
            };
            let age_ms = now_ms().saturating_sub(letter.at_ms);
            if refusals >= config.refusals_max || age_ms > config.age_max_s.saturating_mul(1_000) {
                metrics.webhook(self.name(), "dead");
                let Letter { id, kind, decision, .. } = letter;
                let webhook = self.name();
                tracing::error!(webhook, id, kind, decision, cause, "an event was given up");
                return Fate::Dead;
            }
            metrics.webhook(self.name(), "retried");
            tracing::warn!(webhook = self.name(), id = letter.id, cause, "an event was not taken");
            sleep(jittered(pause).max(asked.unwrap_or_default().min(ASKED_WAIT_MAX))).await;
            pause = (pause * 2).min(PAUSE_MAX);
            self.measure().await;
        }
    }

    /// One try; each is signed with its own time, because receivers refuse old ones.
    async fn attempt(&self, letter: &Letter) -> Tried {
        let at_s = now_ms() / 1_000;
        let signature = self.hook.keys.sign(&letter.id, at_s, &letter.body);
        let mut headers = HeaderMap::new();
        headers.insert("webhook-timestamp", HeaderValue::from(at_s));
        for (name, value) in [("webhook-id", &letter.id), ("webhook-signature", &signature)] {
            let Ok(value) = HeaderValue::from_str(value) else { continue };
            headers.insert(name, value);
        }
        let (url, body) = (&self.hook.config.url, letter.body.clone());
        tried(self.http.post(url, &headers, body, self.hook.timeout()).await)
    }
}

fn tried(answer: Result<Reply, CallError>) -> Tried {
    let reply = match answer {
        Ok(reply) => reply,
        Err(cause) => return Tried::Away(cause.to_string(), None),
    };
    let asked = reply.asked_wait();
    match reply.status {
        status if status.is_success() => Tried::Taken,
        StatusCode::GONE => Tried::Gone,
        status if is_passing(status) => {
            Tried::Away(format!("it answers {}", status.as_u16()), asked)
        }
        status => Tried::Refused(status, asked),
    }
}

/// Says that the endpoint is down, overloaded or broken, and no word about this event.
fn is_passing(status: StatusCode) -> bool {
    let asks_again =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || asks_again.contains(&status)
}

/// Half of it to all of it, so that many do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
    pause.mul_f64(0.5 + share / 2.0)
}
