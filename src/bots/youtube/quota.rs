//! Counts the units that a day's calls cost, and knows when the next day's begin.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use time::{Date, Month, OffsetDateTime};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// What one call costs, by YouTube's own table.
pub const LIST: u64 = 5;
pub const LOOK: u64 = 1;
pub const DELETE: u64 = 20;
pub const BAN: u64 = 50;

/// What was spent today, as far as this process knows: other programs may share the project.
pub struct Quota {
    /// 0: YouTube alone says when it is over.
    max: u64,
    day: Mutex<Day>,
}

#[derive(Default)]
struct Day {
    ends_ms: u64,
    used: u64,
    over: bool,
}

impl Quota {
    pub fn new(max: u64) -> Quota {
        Quota { max, day: Mutex::default() }
    }

    /// Spends units.
    ///
    /// # Errors
    /// There are not enough; how long until there are again.
    pub fn spend(&self, units: u64, now_ms: u64) -> Result<(), Duration> {
        let mut day = self.today(now_ms);
        if self.max > 0 && day.used + units > self.max {
            day.over = true;
        }
        if day.over {
            return Err(left(&day, now_ms));
        }
        day.used += units;
        Ok(())
    }

    /// YouTube says that the day's units are used up.
    pub fn end(&self, now_ms: u64) -> Duration {
        let mut day = self.today(now_ms);
        day.over = true;
        left(&day, now_ms)
    }

    /// How long there will be none.
    pub fn rest(&self, now_ms: u64) -> Option<Duration> {
        let day = self.today(now_ms);
        day.over.then(|| left(&day, now_ms))
    }

    fn today(&self, now_ms: u64) -> MutexGuard<'_, Day> {
        // Whoever panicked left whole numbers behind.
        let mut day = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ms >= day.ends_ms {
            *day = Day { ends_ms: midnight_after(now_ms), used: 0, over: false };
        }
        day
    }
}

fn left(day: &Day, now_ms: u64) -> Duration {
    Duration::from_millis(day.ends_ms.saturating_sub(now_ms))
}

/// The next midnight in California, where the day of quotas begins.
fn midnight_after(now_ms: u64) -> u64 {
    let now = now_ms as i64;
    let today = (now - behind_ms(now)).div_euclid(DAY_MS);
    let midnight = (today + 1) * DAY_MS;
    // The clocks change at two in the morning, so at midnight the offset of the day before holds.
    let guess = midnight + behind_ms(now);
    (midnight + behind_ms(guess - 1)) as u64
}

/// How far California is behind UTC.
fn behind_ms(now: i64) -> i64 {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(now / 1_000) else { return 8 * HOUR_MS };
    // Summer time: from the second Sunday of March to the first of November, at two in the morning.
    let starts = sunday(time.year(), Month::March, 8) + (2 + 8) * HOUR_MS;
    let ends = sunday(time.year(), Month::November, 1) + (2 + 7) * HOUR_MS;
    if (starts..ends).contains(&now) { 7 * HOUR_MS } else { 8 * HOUR_MS }
}

/// When the first Sunday on a day or after it begins.
fn sunday(year: i32, month: Month, day: u8) -> i64 {
    let Ok(day) = Date::from_calendar_date(year, month, day) else { return 0 };
    let later = (7 - day.weekday().number_days_from_sunday()) % 7;
    day.midnight().assume_utc().unix_timestamp() * 1_000 + i64::from(later) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bots::clock::read_rfc3339;

    #[test]
    fn the_day_ends_at_midnight_in_california() {
        for (now, midnight) in [
            ("2026-01-15T12:00:00Z", "2026-01-16T08:00:00Z"),
            ("2026-01-16T07:59:59Z", "2026-01-16T08:00:00Z"),
            ("2026-01-16T08:00:00Z", "2026-01-17T08:00:00Z"),
            ("2026-07-01T06:59:59Z", "2026-07-01T07:00:00Z"),
            // 2026: from the 8th of March to the 1st of November.
            ("2026-03-08T07:30:00Z", "2026-03-08T08:00:00Z"),
            ("2026-03-08T09:00:00Z", "2026-03-09T07:00:00Z"),
            ("2026-03-08T12:00:00Z", "2026-03-09T07:00:00Z"),
            ("2026-11-01T08:00:00Z", "2026-11-02T08:00:00Z"),
            ("2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"),
        ] {
            let ms = |text| read_rfc3339(text).expect("a time");
            assert_eq!(midnight_after(ms(now)), ms(midnight), "{now}");
        }
    }

    #[test]
    fn units_end_and_come_back_the_next_day() {
        let quota = Quota::new(10);
        assert_eq!((quota.spend(5, 0), quota.spend(5, 0)), (Ok(()), Ok(())));
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        assert_eq!(quota.spend(1, 0), Err(hours(8)));
        assert_eq!(quota.rest(hours(7).as_millis() as u64), Some(hours(1)));
        let tomorrow = hours(8).as_millis() as u64;
        assert_eq!((quota.rest(tomorrow), quota.spend(10, tomorrow)), (None, Ok(())));
        // Unknown how many: only YouTube ends them.
        let quota = Quota::new(0);
        assert_eq!(quota.spend(1_000_000, 0), Ok(()));
        assert_eq!((quota.end(0), quota.spend(1, 0)), (hours(8), Err(hours(8))));
    }
}
