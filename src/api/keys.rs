//! Remembers what was answered to an act, so that whoever asks again with the same key acts once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::Instant;

use super::{Api, caller::bearer, holds::bad, problem::Problem};
use crate::{
    accounts::secret,
    config::ApiConfig,
    doors::{Failure, read_body},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// A UUID has 36.
const KEY_BYTES_MAX: usize = 255;
/// The bodies of acts are a number, a reason, or what an appeal has to say.
const BODY_BYTES_MAX: usize = 8 * 1024;
/// A held message and all that was found in it; of longer answers none is kept.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// What was answered lately, by token and key; cheap to clone.
#[derive(Clone)]
pub(super) struct Keys {
    kept: Arc<Mutex<Kept>>,
    max: usize,
    keep: Duration,
}

#[derive(Default)]
struct Kept {
    slots: HashMap<String, Slot>,
    /// The same keys, the oldest first.
    order: VecDeque<(Instant, String)>,
}

struct Slot {
    /// A digest of the request.
    print: String,
    /// `None` while it is being done.
    answer: Option<Stored>,
}

#[derive(Clone)]
struct Stored {
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

/// What a request with a key meets.
enum Met {
    Nothing(Doing),
    Stored(Stored),
    /// The same is being done.
    Running,
    /// The key came with another request.
    Other,
    /// As many are being done as may be remembered.
    Full,
}

/// A request that is being done; unless it is finished, its key is forgotten again.
struct Doing {
    keys: Keys,
    place: String,
}

impl Keys {
    pub fn new(config: &ApiConfig) -> Keys {
        let keep = Duration::from_millis(config.keys_ms);
        Keys { kept: Arc::default(), max: config.keys_max.max(1), keep }
    }

    fn meet(&self, place: String, print: String, now: Instant) -> Met {
        let mut kept = self.lock();
        kept.forget(now, self.keep);
        match kept.slots.get(&place) {
            Some(slot) if slot.print != print => return Met::Other,
            Some(Slot { answer: Some(answer), .. }) => return Met::Stored(answer.clone()),
            Some(_) => return Met::Running,
            None => {}
        }
        if kept.slots.len() >= self.max && !kept.make_room() {
            return Met::Full;
        }
        kept.slots.insert(place.clone(), Slot { print, answer: None });
        kept.order.push_back((now, place.clone()));
        Met::Nothing(Doing { keys: self.clone(), place })
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// What is being done stays: it must not be done twice.
    fn forget(&mut self, now: Instant, keep: Duration) {
        while let Some((since, place)) = self.order.front() {
            let done = self.slots.get(place).is_none_or(|slot| slot.answer.is_some());
            if !done || now.saturating_duration_since(*since) < keep {
                return;
            }
            self.slots.remove(place);
            self.order.pop_front();
        }
    }

    /// The oldest that is done goes; false where all are being done.
    fn make_room(&mut self) -> bool {
        let done = |(_, place): &(Instant, String)| {
            self.slots.get(place).is_none_or(|slot| slot.answer.is_some())
        };
        let Some(at) = self.order.iter().position(done) else { return false };
        let gone = self.order.remove(at);
        gone.map(|(_, place)| self.slots.remove(&place));
        true
    }
}

impl Doing {
    fn finish(self, answer: Stored) {
        if let Some(slot) = self.keys.lock().slots.get_mut(&self.place) {
            slot.answer = Some(answer);
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        let mut kept = self.keys.lock();
        if kept.slots.get(&self.place).is_some_and(|slot| slot.answer.is_none()) {
            kept.slots.remove(&self.place);
            kept.order.retain(|(_, place)| *place != self.place);
        }
    }
}

/// Does an act once, however often it is asked for with the same `Idempotency-Key`.
pub(super) async fn once(State(api): State<Api>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    api.once(request, next).await.unwrap_or_else(|failure| Problem(failure).into_response())
}

impl Api {
    async fn once(&self, request: Request, next: Next) -> Result<Response, Failure> {
        let key = key(request.headers())?;
        // What it may do is looked at where it is done; what was done is told to the same token.
        self.token(request.headers()).await?;
        let token = secret::digest(bearer(request.headers()).unwrap_or_default());
        let place = secret::digest(&format!("{token}\n{key}"));
        let (parts, body) = request.into_parts();
        let body = read_body(Request::new(body), BODY_BYTES_MAX).await?;
        let print = secret::digest(&format!(
            "{} {}\n{}",
            parts.method,
            parts.uri,
            secret::digest(&String::from_utf8_lossy(&body))
        ));
        let metrics = &self.doors.settler.metrics;
        let met = self.keys.meet(place, print, Instant::now());
        if !matches!(met, Met::Nothing(_)) {
            // What is done takes its own.
            self.paced(&token)?;
        }
        let doing = match met {
            Met::Nothing(doing) => doing,
            Met::Stored(stored) => return Ok(stored.again()),
            Met::Running => {
                let message = "the same request is being done";
                let failure = Failure::new(StatusCode::CONFLICT, "running", message);
                return Err(failure.after(Duration::from_secs(1)));
            }
            Met::Other => {
                let message = "this key came with another request";
                return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "key", message));
            }
            Met::Full => {
                metrics.discard("api_keys");
                let message = "too many requests with a key at once";
                let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
                return Err(failure.after(Duration::from_secs(1)));
            }
        };
        // It is done whether or not whoever asked still listens: that is what they ask again for.
        let request = Request::from_parts(parts, Body::from(body));
        let work = tokio::spawn(async move { done(next.run(request).await, doing).await });
        // It fails only when it panics, which has been reported by then, or while all is shut down.
        work.await.map_err(|_| {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "it was not done to the end")
        })
    }
}

/// Keeps an answer that is the act's own, and passes it on.
async fn done(answer: Response, doing: Doing) -> Response {
    let (parts, body) = answer.into_parts();
    // It is in memory already.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    let lasts = !parts.status.is_server_error() && !passing.contains(&parts.status);
    if lasts && body.len() <= ANSWER_BYTES_MAX {
        let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
        doing.finish(Stored { status: parts.status, kind, body: body.clone() });
    }
    Response::from_parts(parts, Body::from(body))
}

impl Stored {
    fn again(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        match self.kind {
            Some(kind) => headers.insert(header::CONTENT_TYPE, kind),
            None => headers.remove(header::CONTENT_TYPE),
        };
        response
    }
}

fn key(headers: &HeaderMap) -> Result<String, Failure> {
    let mut keys = headers.get_all(KEY).iter();
    let key = keys.next().and_then(|key| key.to_str().ok()).map(str::trim);
    let fits = |key: &&str| {
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    match (key.filter(fits), keys.next()) {
        (Some(key), None) => Ok(key.to_owned()),
        _ => {
            let cause = format!("one key of 1 to {KEY_BYTES_MAX} visible ASCII characters");
            Err(bad("idempotency_key", cause))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Stored {
        Stored { status: StatusCode::OK, kind: None, body: Bytes::from_static(b"{}") }
    }

    fn keys(max: usize) -> Keys {
        Keys::new(&ApiConfig { keys_max: max, keys_ms: 1_000, ..ApiConfig::default() })
    }

    #[test]
    fn a_key_is_for_one_request_and_for_a_while() {
        let (keys, start) = (keys(10), Instant::now());
        let meet = |print: &str, ms| {
            keys.meet("a".into(), print.into(), start + Duration::from_millis(ms))
        };
        let Met::Nothing(doing) = meet("1", 0) else { panic!("it is new") };
        assert!(matches!(meet("1", 5_000), Met::Running), "however long it takes");
        assert!(matches!(meet("2", 0), Met::Other));
        doing.finish(stored());
        assert!(matches!(meet("1", 999), Met::Stored(_)));
        assert!(matches!(meet("2", 999), Met::Other));
        let Met::Nothing(doing) = meet("2", 1_000) else { panic!("it is forgotten") };
        drop(doing);
        assert!(matches!(meet("1", 1_000), Met::Nothing(_)), "what is not done leaves no trace");
    }

    #[test]
    fn the_oldest_that_is_done_makes_room() {
        let (keys, now) = (keys(2), Instant::now());
        let meet = |place: &str| keys.meet(place.into(), "1".into(), now);
        let Met::Nothing(first) = meet("a") else { panic!("it is new") };
        let Met::Nothing(second) = meet("b") else { panic!("it is new") };
        assert!(matches!(meet("c"), Met::Full));
        second.finish(stored());
        let Met::Nothing(third) = meet("c") else { panic!("there is room") };
        assert!(matches!(meet("a"), Met::Running));
        third.finish(stored());
        first.finish(stored());
        assert!(matches!(meet("c"), Met::Stored(_)));
        for n in 0..100 {
            let Met::Nothing(doing) = meet(&n.to_string()) else { panic!("there is room") };
            doing.finish(stored());
        }
        let kept = keys.lock();
        assert_eq!((kept.slots.len(), kept.order.len()), (2, 2));
    }

    #[test]
    fn keys_are_short_and_visible() {
        let long = "a".repeat(256);
        for (key, good) in
            [("a", true), ("\"8e03-a\"", true), ("", false), ("a b", false), (&long, false)]
        {
            let mut headers = HeaderMap::new();
            headers.append(KEY, HeaderValue::from_str(key).unwrap());
            assert_eq!(super::key(&headers).is_ok(), good, "{key}");
            headers.append(KEY, HeaderValue::from_static("b"));
            assert!(super::key(&headers).is_err(), "two are none");
        }
    }
}
