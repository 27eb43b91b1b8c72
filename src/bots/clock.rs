//! Reads the times that platforms tell, and believes them within bounds.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::message::now_ms;

/// A connection that was lost is back sooner; what is said to be older has a clock that is wrong.
const BACK_MAX_MS: u64 = 10 * 60 * 1_000;

/// When something was said, in Unix milliseconds: as the platform tells it where that can be, so
/// that what comes late and all at once is not taken for a flood; else now.
pub fn said_ms(told: Option<u64>) -> u64 {
    let now = now_ms();
    told.filter(|told| (now.saturating_sub(BACK_MAX_MS)..=now).contains(told)).unwrap_or(now)
}

/// The Unix milliseconds of an RFC 3339 time; `None` for what is none, or before 1970.
pub fn read_rfc3339(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::rfc3339;

    #[test]
    fn times_are_read() {
        let check = |text: &str, expected| assert_eq!(read_rfc3339(text), expected, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("1970-01-01T00:00:01.5Z", Some(1_500));
        check("2024-02-29T12:00:00.123456789Z", Some(1_709_208_000_123));
        check("2024-02-29T04:00:00.123-08:00", Some(1_709_208_000_123));
        check("2024-02-29T13:30:00+01:30", Some(1_709_208_000_000));
        for strange in [
            "",
            "now",
            "2024-02-29",
            "2024-02-29T12:00:00",
            "2024-13-29T12:00:00Z",
            "2024-02-29T12:00:00+0130",
            "2024-02-29T12:00:00.Zé",
            "2024-02-2éT12:00:00Z",
            "1960-01-01T00:00:00Z",
        ] {
            check(strange, None);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for ms in (0..4_000_000_000_000).step_by(86_399_000_123) {
            assert_eq!(read_rfc3339(&rfc3339(ms)), Some(ms), "{ms}");
        }
    }

    #[test]
    fn times_that_cannot_be_are_now() {
        let now = now_ms();
        assert_eq!(said_ms(Some(now - 5_000)), now - 5_000);
        for strange in [None, Some(0), Some(now + 3_600_000)] {
            assert!((now..now + 60_000).contains(&said_ms(strange)), "{strange:?}");
        }
    }
}
