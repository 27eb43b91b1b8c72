//! Fills the template of a JSON notice.

use crate::{message::Message, protocol::Notice};

/// The template with every placeholder filled, each value escaped to stand in a JSON string.
pub fn fill(template: &str, about: &Message, notice: &Notice) -> String {
    fill_with(template, |name| {
        Some(match name {
            "id" => about.id.clone().unwrap_or_default(),
            "verdict" => notice.kind.name().to_owned(),
            "rule" => notice.rule_name(),
            "text" => notice.text(),
            "time" => rfc3339(about.at_ms),
            _ => return None,
        })
    })
}

/// The same for what takes a message away.
pub fn fill_removal(template: &str, id: &str, now_ms: u64) -> String {
    fill_with(template, |name| match name {
        "id" => Some(id.to_owned()),
        "time" => Some(rfc3339(now_ms)),
        _ => None,
    })
}

fn fill_with(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    // One pass: what a value contains is never taken for a placeholder.
    let mut filled = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        let close = rest.find('}').unwrap_or(0);
        match rest.get(1..close).and_then(&value) {
            Some(value) => {
                let quoted = serde_json::Value::String(value).to_string();
                filled.push_str(&quoted[1..quoted.len() - 1]);
                rest = &rest[close + 1..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled + rest
}

/// Unix milliseconds as RFC 3339 in UTC.
pub fn rfc3339(ms: u64) -> String {
    let (days, second, milli) = (ms / 86_400_000, ms / 1000 % 86_400, ms % 1000);
    // Howard Hinnant's civil-from-days: years start in March, so that a leap day comes last.
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Language, Sender},
        protocol::NoticeKind,
    };

    #[test]
    fn time_is_written() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
            (1_798_761_599_000, "2026-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), expected);
        }
    }

    #[test]
    fn values_are_escaped_and_never_templates() {
        let about = Message {
            route: "r".into(),
            channel: String::new(),
            sender: Sender::default(),
            id: Some("\"{rule}\\".into()),
            text: String::new(),
            at_ms: 0,
            ..Message::default()
        };
        let notice =
            Notice { kind: NoticeKind::Held, language: Language::En, rule: "flood".into() };
        let filled = fill(r#"{"id":"{id}","x":{},"v":"{verdict}","{no}":"{rule"#, &about, &notice);
        assert_eq!(filled, r#"{"id":"\"{rule}\\","x":{},"v":"hold","{no}":"{rule"#);
    }
}
