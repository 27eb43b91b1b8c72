//! Gives fake platforms what they share: mishaps, tokens that end, and a record of what was done.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Response, StatusCode, Uri},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, time::Instant};

use crate::common::PATIENCE;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    None,
    Fails,
    /// The connection breaks before anything is done, or after it.
    BreaksBefore,
    BreaksAfter,
    TooFast,
}

/// Something that was done, in order.
#[derive(Clone, Debug)]
pub struct Done {
    pub what: &'static str,
    pub id: String,
    pub detail: Value,
    pub at: Instant,
    /// Whoever asked for it did not learn that it was done.
    pub broken: bool,
}

/// What a fake writes down.
#[derive(Default)]
pub struct Log {
    pub done: Vec<Done>,
    /// What a strict platform would not have stood for.
    pub complaints: Vec<String>,
    pub requests: u64,
    /// From now on every so many requests go wrong.
    pub storm: bool,
}

/// The log, and word of every change to it.
pub struct Shared<S> {
    pub log: Mutex<Log>,
    pub state: Mutex<S>,
    changed: watch::Sender<u64>,
}

impl<S> Shared<S> {
    pub fn new(state: S) -> Shared<S> {
        let (log, state) = (Mutex::default(), Mutex::new(state));
        Shared { log, state, changed: watch::channel(0).0 }
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no test panicked here")
    }

    pub fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock().expect("no test panicked here")
    }

    pub fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub fn complain(&self, cause: String) {
        self.log().complaints.push(cause);
    }

    pub fn done(&self, what: &'static str, id: &str, detail: Value, broken: bool) {
        let done = Done { what, id: id.to_owned(), detail, at: Instant::now(), broken };
        self.log().done.push(done);
        self.tell();
    }

    /// What goes wrong with the next request, by the storm's plan.
    pub fn mishap(&self) -> Mishap {
        let mut log = self.log();
        log.requests += 1;
        let count = log.requests;
        match log.storm {
            true if count.is_multiple_of(7) => Mishap::Fails,
            true if count.is_multiple_of(11) => Mishap::BreaksBefore,
            true if count.is_multiple_of(13) => Mishap::BreaksAfter,
            true if count.is_multiple_of(17) => Mishap::TooFast,
            _ => Mishap::None,
        }
    }

    /// Waits until the log and the state are as they should be.
    pub async fn until(&self, what: &str, mut is_so: impl FnMut(&Log, &S) -> bool) {
        let mut changed = self.changed.subscribe();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                // Seen before it is looked at: what changes meanwhile is looked at again.
                changed.borrow_and_update();
                if self.both(&mut is_so) {
                    return;
                }
                let _ = changed.changed().await;
            }
        });
        if waited.await.is_err() {
            let log = self.log();
            panic!("{what} never came: {:?} {:#?}", log.complaints, log.done);
        }
    }

    /// Locked in this order, as everywhere.
    fn both(&self, is_so: &mut impl FnMut(&Log, &S) -> bool) -> bool {
        let state = self.state();
        is_so(&self.log(), &state)
    }

    pub fn ids(&self, what: &str) -> Vec<String> {
        let log = self.log();
        log.done.iter().filter(|done| done.what == what).map(|done| done.id.clone()).collect()
    }

    /// Fails with whatever the platform would not have stood for.
    pub fn assert_content(&self) {
        let log = self.log();
        assert!(log.complaints.is_empty(), "{:#?}", log.complaints);
    }
}

/// Access tokens, each good for so many uses.
pub struct Tokens {
    pub uses: u32,
    good: HashMap<String, u32>,
    given: u32,
}

impl Tokens {
    pub fn new(uses: u32) -> Tokens {
        Tokens { uses, good: HashMap::new(), given: 0 }
    }

    pub fn give(&mut self, prefix: &str) -> String {
        self.given += 1;
        let token = format!("{prefix}-{}", self.given);
        self.good.insert(token.clone(), self.uses);
        token
    }

    /// Whether a request carries one that is good, and begins so.
    pub fn take(&mut self, headers: &HeaderMap, prefix: &str) -> bool {
        let value = headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let Some(left) = self.good.get_mut(token).filter(|_| token.starts_with(prefix)) else {
            return false;
        };
        if *left == 0 {
            return false;
        }
        *left -= 1;
        true
    }
}

/// One request as a fake sees it.
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub pairs: HashMap<String, String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn form(&self) -> HashMap<String, String> {
        decode(std::str::from_utf8(&self.body).unwrap_or_default())
    }
}

/// Serves a fake on a port of its own.
pub async fn serve<F>(answer: F) -> SocketAddr
where
    F: Fn(Asked) -> Response<Body> + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let router = Router::new().fallback(
        move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let pairs = decode(uri.query().unwrap_or_default());
            answer(Asked { method, path: uri.path().to_owned(), pairs, headers, body })
        },
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

pub fn json(status: u16, value: &Value) -> Response<Body> {
    let status = StatusCode::from_u16(status).expect("a status");
    let body = if value.is_null() { Body::empty() } else { Body::from(value.to_string()) };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}

/// An answer that breaks off.
pub fn broken() -> Response<Body> {
    let lost = io::Error::from(io::ErrorKind::ConnectionReset);
    Response::new(Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(lost)])))
}

fn decode(query: &str) -> HashMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}

fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let coded = after.get(..2).filter(|_| *first == b'%');
        let coded = coded.and_then(|hex| std::str::from_utf8(hex).ok());
        match coded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(if *first == b'+' { b' ' } else { *first }),
        }
    }
    String::from_utf8(bytes).expect("text")
}

/// RFC 3339 in UTC, so many seconds from now.
pub fn time(ahead_s: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let second = now.as_secs() as i64 + ahead_s;
    let (mut days, of_day) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    let mut year = 1970;
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let milli = now.subsec_millis();
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", days + 1)
}

/// A platform that a test holds.
pub type Fake<S> = Arc<Shared<S>>;
