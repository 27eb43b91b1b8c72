//! Reads the times that platforms write.

const DAY_MS: i64 = 86_400_000;

/// Unix milliseconds of an RFC 3339 time; `None` where it is none, or before 1970.
pub fn rfc3339_ms(text: &str) -> Option<u64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, zone) = (rest.get(..8)?, rest.get(8..)?);
    let [year, month, day] = parts(date, '-')?;
    let [hour, minute, second] = parts(time, ':')?;
    let fraction = zone.strip_prefix('.').unwrap_or("");
    let digits = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
    let zone = if zone.starts_with('.') { zone.get(digits + 1..)? } else { zone };
    if zone.len() > 6 || (zone.is_empty() || digits > 12) {
        return None;
    }
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let milli: i64 = format!("{:0<3}", &fraction[..digits]).get(..3)?.parse().ok()?;
    let local = ((hour * 60 + minute) * 60 + second) * 1_000 + milli;
    let ms = days(year, month, day) * DAY_MS + local - offset_ms(zone)?;
    u64::try_from(ms).ok()
}

fn parts(text: &str, by: char) -> Option<[i64; 3]> {
    let mut parts = text.split(by).map(|part| {
        let plain = part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| plain)
    });
    let all = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(all)
}

fn offset_ms(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let [hour, minute, _] = parts(&format!("{rest}:0"), ':')?;
    (hour < 24 && minute < 60).then_some(sign * (hour * 60 + minute) * 60_000)
}

/// Days since 1970 of a day in the Gregorian calendar (Howard Hinnant's days-from-civil).
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// The year that a day since 1970 lies in.
pub fn year_of(day: i64) -> i64 {
    let guess = 1970 + day.div_euclid(366);
    (guess..).find(|year| days(year + 1, 1, 1) > day).unwrap_or(guess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_nonsense_is_not() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2025-01-14T16:08:06Z", Some(1_736_870_886_000)),
            ("2025-01-14T16:08:06.5Z", Some(1_736_870_886_500)),
            ("2025-01-14T16:08:06.123456789Z", Some(1_736_870_886_123)),
            ("2025-01-01T11:00:00+11:00", Some(1_735_689_600_000)),
            ("2024-02-29t23:59:59-01:30", Some(1_709_256_599_000)),
            ("2025-01-14T16:08:06", None),
            ("2025-13-14T16:08:06Z", None),
            ("2025-01-14T25:08:06Z", None),
            ("2025-01-14T16:08:06+1", None),
            ("2025-01-14T16:08:06.Z", Some(1_736_870_886_000)),
            ("1969-12-31T23:59:59Z", None),
            ("+025-01-14T16:08:06Z", None),
            ("tomorrow", None),
            ("2025-01-14Tüüüü", None),
            ("", None),
        ] {
            assert_eq!(rfc3339_ms(text), expected, "{text:?}");
        }
    }

    #[test]
    fn years_are_found() {
        for year in [1970, 1971, 1972, 1973, 2000, 2024, 2025, 2100] {
            assert_eq!(year_of(days(year, 1, 1)), year);
            assert_eq!(year_of(days(year, 12, 31)), year);
        }
    }
}
