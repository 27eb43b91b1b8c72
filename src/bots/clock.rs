//! Reads the times that platforms tell, and believes them within bounds.

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
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let signs = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    if signs.iter().any(|(at, sign)| text.get(*at..at + 1) != Some(*sign)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    let rest = text.get(19..)?;
    let fraction = rest
        .strip_prefix('.')
        .map_or("", |rest| &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()]);
    let milli: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let zone = rest.strip_prefix('.').map_or(rest, |rest| &rest[fraction.len()..]);
    let away = minutes(zone)?;
    // Howard Hinnant's days-from-civil: years start in March, so that a leap day comes last.
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + (minute - away) * 60 + second;
    u64::try_from(seconds * 1_000 + milli).ok()
}

/// Minutes east of Greenwich.
fn minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let two = |text: &str| -> Option<i64> {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let away = two(hours)? * 60 + two(minutes)?;
    match sign {
        "+" => Some(away),
        "-" => Some(-away),
        _ => None,
    }
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
