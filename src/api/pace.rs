//! Lets each token ask so many times a second, and a burst at once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::config::ApiConfig;

/// A token bucket for each token of a program, as one time: when the bucket will be full again.
pub(super) struct Pace {
    full_at: Mutex<HashMap<String, Instant>>,
    /// What one request costs; zero where there is no limit.
    cost: Duration,
    /// What may be spent at once.
    burst: Duration,
    tokens_max: usize,
}

impl Pace {
    pub fn new(config: &ApiConfig) -> Pace {
        let cost = match config.requests_per_second {
            0 => Duration::ZERO,
            rate => Duration::from_secs(1) / rate,
        };
        let burst = cost.saturating_mul(config.requests_burst.max(1));
        Pace { full_at: Mutex::default(), cost, burst, tokens_max: config.paces_max.max(1) }
    }

    /// Takes one request of a token, known by its digest.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn take(&self, token: &str, now: Instant) -> Result<(), Duration> {
        if self.cost.is_zero() {
            return Ok(());
        }
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= self.tokens_max && !all.contains_key(token) {
            make_room(&mut all, now);
        }
        let full_at = all.get(token).copied().unwrap_or(now).max(now) + self.cost;
        let spent = full_at - now;
        if spent > self.burst {
            return Err(spent - self.burst);
        }
        all.insert(token.to_owned(), full_at);
        Ok(())
    }
}

/// Full buckets are as good as none; where none is full, the fullest goes.
fn make_room(all: &mut HashMap<String, Instant>, now: Instant) {
    let before = all.len();
    all.retain(|_, full_at| *full_at > now);
    if all.len() == before {
        let fullest = all.iter().min_by_key(|(_, full_at)| **full_at);
        let fullest = fullest.map(|(token, _)| token.clone());
        fullest.map(|token| all.remove(&token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(requests_per_second: u32, requests_burst: u32) -> Pace {
        let config =
            ApiConfig { requests_per_second, requests_burst, paces_max: 2, ..ApiConfig::default() };
        Pace::new(&config)
    }

    #[test]
    fn a_burst_is_taken_at_once_and_then_the_rate() {
        let (pace, start) = (pace(10, 3), Instant::now());
        let at =
            |ms| pace.take("a", start + Duration::from_millis(ms)).map_err(|wait| wait.as_millis());
        assert_eq!([at(0), at(0), at(0)], [Ok(()); 3]);
        assert_eq!([at(0), at(60), at(100), at(100)], [Err(100), Err(40), Ok(()), Err(100)]);
        // After a while it is full again, and no fuller.
        assert_eq!(
            [at(9_000), at(9_000), at(9_000), at(9_000)],
            [Ok(()), Ok(()), Ok(()), Err(100)]
        );
    }

    #[test]
    fn tokens_are_apart_and_their_number_is_bounded() {
        let (pace, start) = (pace(10, 1), Instant::now());
        let take = |token: &str, ms| pace.take(token, start + Duration::from_millis(ms)).is_ok();
        assert!(take("a", 0) && !take("a", 0) && take("b", 50));
        assert!(take("c", 60), "a is the fullest, and makes room");
        assert!(!take("b", 60) && take("a", 60));
        assert_eq!(pace.full_at.lock().unwrap().len(), 2);
        assert!((0..1_000).all(|n| take(&n.to_string(), 61)));
        assert_eq!(pace.full_at.lock().unwrap().len(), 2);
    }

    #[test]
    fn zero_is_no_limit() {
        let (pace, now) = (pace(0, 1), Instant::now());
        assert!((0..10_000).all(|_| pace.take("a", now).is_ok()));
    }
}
