//! Keeps to how often a platform may be asked.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket: `burst` at once, then one every `every`.
#[derive(Clone, Debug)]
pub struct Pace {
    every: Duration,
    burst: u32,
    /// When the bucket was, or will be, full again.
    full: Instant,
}

impl Pace {
    /// `count` within `window`, all of them at once if need be.
    pub fn new(count: u32, window: Duration) -> Pace {
        let burst = count.max(1);
        Pace { every: window / burst, burst, full: Instant::now() }
    }

    /// How long until one may be taken; zero where it may be now.
    pub fn wait(&self, now: Instant) -> Duration {
        let ahead = (self.full.max(now) + self.every).duration_since(now);
        ahead.saturating_sub(self.every * self.burst)
    }

    /// Takes one, whether it may be taken or not.
    pub fn take(&mut self, now: Instant) {
        self.full = self.full.max(now) + self.every;
    }

    /// Gives back one that was taken and not needed.
    pub fn give_back(&mut self) {
        self.full = self.full.checked_sub(self.every).unwrap_or(self.full);
    }

    /// Takes none for so long: the platform said so.
    pub fn rest(&mut self, now: Instant, pause: Duration) {
        self.full = self.full.max(now + pause + self.every * (self.burst - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_one_at_a_time() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(3, 3 * second);
        let start = Instant::now();
        let mut take = |now| {
            let wait = pace.wait(now);
            wait.is_zero().then(|| pace.take(now)).ok_or(wait)
        };
        assert_eq!([(); 3].map(|()| take(start)), [Ok(()); 3]);
        assert_eq!(take(start), Err(second));
        assert_eq!((take(start + second), take(start + second)), (Ok(()), Err(second)));
        pace.give_back();
        assert_eq!((pace.wait(start + second), pace.wait(start)), (Duration::ZERO, second));
        pace.take(start + second);
        let mut take = |now| {
            let wait = pace.wait(now);
            wait.is_zero().then(|| pace.take(now)).ok_or(wait)
        };
        // Quiet for long: three at once, and no more.
        let later = start + 100 * second;
        assert_eq!([(); 3].map(|()| take(later)), [Ok(()); 3]);
        assert_eq!(take(later), Err(second));
    }

    #[tokio::test(start_paused = true)]
    async fn rests_as_long_as_it_was_told() {
        let mut pace = Pace::new(3, Duration::from_secs(3));
        let (start, pause) = (Instant::now(), Duration::from_secs(10));
        pace.rest(start, pause);
        assert_eq!((pace.wait(start), pace.wait(start + pause)), (pause, Duration::ZERO));
    }
}
