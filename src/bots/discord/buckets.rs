//! Knows how many calls of each kind may still be made, as the platform tells with each answer.

use std::{collections::HashMap, time::Duration};

use hyper::HeaderMap;
use tokio::time::Instant;

use super::Id;

/// One kind of call in each of a guild's channels, and two in the guild.
const BUCKETS_MAX: usize = 2_000;
/// While nothing is known yet, one call asks and the others wait for its answer.
const ASKING: Duration = Duration::from_millis(100);
/// An answer that never came does not block its kind for ever.
const ASKED_MAX: Duration = Duration::from_secs(15);

/// Calls that are counted together: of one kind, in one channel or guild.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    pub kind: &'static str,
    pub place: Id,
}

/// What an answer tells.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The platform's own name of what it counts together; two kinds may share one.
    bucket: Option<String>,
    limit: Option<u32>,
    remaining: Option<u32>,
    reset_after: Option<Duration>,
}

impl Told {
    pub fn of(headers: &HeaderMap) -> Told {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let seconds = text("x-ratelimit-reset-after").and_then(|text| text.parse::<f64>().ok());
        let seconds = seconds.filter(|seconds| (0.0..=3_600.0).contains(seconds));
        Told {
            bucket: text("x-ratelimit-bucket").map(|text| text.chars().take(100).collect()),
            limit: text("x-ratelimit-limit").and_then(|text| text.parse().ok()),
            remaining: text("x-ratelimit-remaining").and_then(|text| text.parse().ok()),
            reset_after: seconds.map(Duration::from_secs_f64),
        }
    }
}

/// Every kind of call that was made, by the platform's name for it and its place.
#[derive(Default)]
pub struct Buckets {
    names: HashMap<&'static str, String>,
    buckets: HashMap<(String, Id), Bucket>,
}

struct Bucket {
    /// 0: nothing is known yet.
    limit: u32,
    remaining: u32,
    /// On their way, not counted in what was told last.
    asked: u32,
    reset: Instant,
    every: Duration,
}

impl Buckets {
    /// Takes one call; or how long until it may be.
    pub fn take(&mut self, route: &Route, now: Instant) -> Result<(), Duration> {
        if self.buckets.len() >= BUCKETS_MAX {
            // What is on its way of the others is late, or its answer was filed elsewhere.
            self.buckets.retain(|_, bucket| bucket.reset > now);
        }
        if self.buckets.len() >= BUCKETS_MAX {
            let soonest = self.buckets.iter().min_by_key(|(_, bucket)| bucket.reset);
            if let Some(key) = soonest.map(|(key, _)| key.clone()) {
                self.buckets.remove(&key);
            }
        }
        let fresh = Bucket {
            limit: 0,
            remaining: 1,
            asked: 0,
            reset: now + ASKED_MAX,
            every: Duration::from_secs(1),
        };
        let bucket = self.buckets.entry(self.key(route)).or_insert(fresh);
        if now >= bucket.reset {
            bucket.remaining = bucket.limit.max(1);
            bucket.reset = now + if bucket.limit == 0 { ASKED_MAX } else { bucket.every };
            bucket.asked = 0;
        }
        if bucket.remaining == 0 {
            let wait = bucket.reset - now;
            return Err(if bucket.limit == 0 { wait.min(ASKING) } else { wait });
        }
        bucket.remaining -= 1;
        bucket.asked += 1;
        Ok(())
    }

    /// Notes what an answer told, or that none came.
    pub fn told(&mut self, route: &Route, told: Option<Told>, now: Instant) {
        let mut key = self.key(route);
        if !self.buckets.contains_key(&key) {
            // It was asked before another answer told the kind's name.
            key.0 = route.kind.to_owned();
        }
        let Some(bucket) = self.buckets.get_mut(&key) else { return };
        bucket.asked = bucket.asked.saturating_sub(1);
        let Some(Told { bucket: name, limit, remaining, reset_after }) = told else {
            // Not known any better than before.
            bucket.remaining += u32::from(bucket.limit == 0);
            return;
        };
        match (limit, remaining, reset_after) {
            (Some(limit), Some(remaining), Some(after)) => {
                bucket.limit = limit.max(1);
                // What is on its way was not counted there.
                bucket.remaining = remaining.saturating_sub(bucket.asked);
                bucket.reset = now + after;
                bucket.every = bucket.every.max(after);
            }
            _ if bucket.limit == 0 => bucket.remaining = 1,
            _ => {}
        }
        if let Some(name) = name.filter(|name| *name != key.0) {
            self.names.insert(route.kind, name);
            if let Some(bucket) = self.buckets.remove(&key) {
                self.buckets.insert(self.key(route), bucket);
            }
        }
    }

    /// Takes none until then: the platform said so.
    pub fn rest(&mut self, route: &Route, until: Instant) {
        let key = self.key(route);
        if let Some(bucket) = self.buckets.get_mut(&key) {
            (bucket.remaining, bucket.reset) = (0, until);
            bucket.limit = bucket.limit.max(1);
        }
    }

    fn key(&self, route: &Route) -> (String, Id) {
        let name = self.names.get(route.kind).cloned();
        (name.unwrap_or_else(|| route.kind.to_owned()), route.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn route(kind: &'static str) -> Route {
        Route { kind, place: Id::default() }
    }

    fn told(bucket: &str, limit: u32, remaining: u32, after: Duration) -> Option<Told> {
        Some(Told {
            bucket: Some(bucket.into()),
            limit: Some(limit),
            remaining: Some(remaining),
            reset_after: Some(after),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn one_asks_first_and_then_as_many_as_may() {
        let (mut buckets, delete) = (Buckets::default(), route("delete"));
        let start = Instant::now();
        assert_eq!(buckets.take(&delete, start), Ok(()));
        assert_eq!(buckets.take(&delete, start), Err(ASKING));
        buckets.told(&delete, told("x", 3, 2, SECOND), start);
        let take = |buckets: &mut Buckets, now| buckets.take(&delete, now);
        assert_eq!([(); 2].map(|()| take(&mut buckets, start)), [Ok(()); 2]);
        assert_eq!(take(&mut buckets, start), Err(SECOND));
        // The two are on their way: the answer to the first does not count the second.
        buckets.told(&delete, told("x", 3, 1, SECOND), start);
        assert_eq!(take(&mut buckets, start), Err(SECOND));
        let later = start + SECOND;
        assert_eq!([(); 3].map(|()| take(&mut buckets, later)), [Ok(()); 3]);
        assert!(take(&mut buckets, later).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_counted_apart_and_shared_buckets_together() {
        let mut buckets = Buckets::default();
        let start = Instant::now();
        for kind in ["ban", "time_out"] {
            assert_eq!(buckets.take(&route(kind), start), Ok(()));
            buckets.told(&route(kind), told("members", 2, 1, SECOND), start);
        }
        assert_eq!(buckets.take(&route("ban"), start), Ok(()));
        assert_eq!(buckets.take(&route("time_out"), start), Err(SECOND));
        let elsewhere = Route { kind: "ban", place: Id::read("7").expect("an id") };
        assert_eq!(buckets.take(&elsewhere, start), Ok(()));
        buckets.rest(&elsewhere, start + 5 * SECOND);
        assert_eq!(buckets.take(&elsewhere, start), Err(5 * SECOND));
        assert_eq!(buckets.take(&elsewhere, start + 5 * SECOND), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn places_that_come_and_go_are_forgotten() {
        let mut buckets = Buckets::default();
        let start = Instant::now();
        let place = |n: usize| Id::read(&n.to_string()).expect("an id");
        let route = |n| Route { kind: "delete", place: place(n) };
        // All ask before any is answered, and the first answer gives the kind its name.
        for n in 0..BUCKETS_MAX + 100 {
            assert_eq!(buckets.take(&route(n), start), Ok(()), "{n}");
            assert!(buckets.buckets.len() <= BUCKETS_MAX, "{n}");
        }
        for n in 0..BUCKETS_MAX + 100 {
            buckets.told(&route(n), told("x", 3, 2, SECOND), start);
        }
        assert!(buckets.buckets.keys().all(|(name, _)| name == "x"));
        let later = start + ASKED_MAX;
        assert_eq!(buckets.take(&route(0), later), Ok(()));
        assert_eq!(buckets.buckets.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_says_nothing_or_never_comes_blocks_nobody() {
        let (mut buckets, delete) = (Buckets::default(), route("delete"));
        let start = Instant::now();
        for silent in [None, Some(Told::default())] {
            assert_eq!(buckets.take(&delete, start), Ok(()));
            buckets.told(&delete, silent, start);
        }
        assert_eq!(buckets.take(&delete, start), Ok(()));
        assert_eq!(buckets.take(&delete, start), Err(ASKING));
        assert_eq!(buckets.take(&delete, start + ASKED_MAX), Ok(()));
    }
}
