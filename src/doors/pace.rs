//! Lets each caller ask so many times a second, and a burst at once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A token bucket for each caller, as one time: when the bucket will be full again.
pub struct Pace {
    full_at: Mutex<HashMap<String, Instant>>,
    /// What one request costs; zero where there is no limit.
    cost: Duration,
    /// What may be spent at once.
    burst: Duration,
    callers_max: usize,
}

impl Pace {
    /// One request for each `cost` of time, and `burst` of them at once; of so many callers the
    /// pace is remembered.
    pub fn new(cost: Duration, burst: u32, callers_max: usize) -> Pace {
        let burst = cost.saturating_mul(burst.max(1));
        Pace { full_at: Mutex::default(), cost, burst, callers_max: callers_max.max(1) }
    }

    /// Takes one request of a caller.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn take(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        self.take_many(caller, 1, now)
    }

    /// Takes a request that costs as much as so many.
    ///
    /// # Errors
    /// As above; what costs more than the burst is never let through.
    pub fn take_many(&self, caller: &str, count: u32, now: Instant) -> Result<(), Duration> {
        if self.cost.is_zero() {
            return Ok(());
        }
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= self.callers_max && !all.contains_key(caller) {
            make_room(&mut all, now);
        }
        let cost = self.cost.saturating_mul(count);
        let full_at = all.get(caller).copied().unwrap_or(now).max(now) + cost;
        let spent = full_at - now;
        if spent > self.burst {
            return Err(spent - self.burst);
        }
        all.insert(caller.to_owned(), full_at);
        Ok(())
    }
}

/// Full buckets are as good as none; where none is full, the fullest goes.
fn make_room(all: &mut HashMap<String, Instant>, now: Instant) {
    let before = all.len();
    all.retain(|_, full_at| *full_at > now);
    if all.len() == before {
        let fullest = all.iter().min_by_key(|(_, full_at)| **full_at);
        let fullest = fullest.map(|(caller, _)| caller.clone());
        fullest.map(|caller| all.remove(&caller));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(per_second: u32, burst: u32) -> Pace {
        Pace::new(Duration::from_secs(1) / per_second, burst, 2)
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
    fn callers_are_apart_and_their_number_is_bounded() {
        let (pace, start) = (pace(10, 1), Instant::now());
        let take = |caller: &str, ms| pace.take(caller, start + Duration::from_millis(ms)).is_ok();
        assert!(take("a", 0) && !take("a", 0) && take("b", 50));
        assert!(take("c", 60), "a is the fullest, and makes room");
        assert!(!take("b", 60) && take("a", 60));
        assert_eq!(pace.full_at.lock().unwrap().len(), 2);
        assert!((0..1_000).all(|n| take(&n.to_string(), 61)));
        assert_eq!(pace.full_at.lock().unwrap().len(), 2);
    }

    #[test]
    fn what_costs_more_takes_more() {
        let (pace, start) = (pace(10, 4), Instant::now());
        let many = |count| pace.take_many("a", count, start).map_err(|wait| wait.as_millis());
        assert_eq!([many(3), many(3), many(1), many(1)], [Ok(()), Err(200), Ok(()), Err(100)]);
    }

    #[test]
    fn zero_is_no_limit() {
        let (pace, now) = (Pace::new(Duration::ZERO, 1, 2), Instant::now());
        assert!((0..10_000).all(|_| pace.take("a", now).is_ok()));
    }
}
