//! Writes what is delivered: an id that a repeat has too, and the body.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::super::told;
use crate::{audit::Record, message::now_ms, settle::Settler};

/// One event on its way to one endpoint.
#[derive(Debug)]
pub struct Letter {
    /// The same for every try and after a restart; no other event has it.
    pub id: String,
    pub kind: String,
    /// The message's decision id, for the log.
    pub decision: String,
    /// When it happened, in Unix milliseconds.
    pub at_ms: u64,
    pub body: Bytes,
}

impl Letter {
    /// Without `why` nothing is in it that quotes what somebody wrote, or pointed at.
    pub fn event(seq: u64, record: &Record, text: Option<String>, why: bool) -> Letter {
        let kind = told::kind(record).to_owned();
        let mut data = told::event(seq, record);
        let findings = data["findings"].as_array_mut().filter(|_| !why);
        for finding in findings.into_iter().flatten() {
            finding["why"] = "".into();
        }
        if let Some(text) = text {
            data["text"] = text.into();
        }
        let parts = [seq.to_string(), record.at_ms.to_string(), kind.clone(), record.id.clone()];
        let (id, body) = (id(&parts), body(&kind, record.at_ms, &data));
        Letter { id, kind, decision: record.id.clone(), at_ms: record.at_ms, body }
    }

    /// Says that records are gone that nobody was told of.
    pub fn gap(first_missing: u64, first_kept: u64) -> Letter {
        let places = [first_missing, first_kept];
        Letter::of_chain("gap", places, &told::gap(first_missing, first_kept))
    }

    /// Says that the endpoint's place is not in this chain.
    pub fn reset(asked: u64, head: u64) -> Letter {
        Letter::of_chain("reset", [asked, head], &told::reset(asked, head))
    }

    fn of_chain(kind: &str, places: [u64; 2], data: &Value) -> Letter {
        let (kind, at_ms) = (kind.to_owned(), now_ms());
        let [one, other] = places.map(|place| place.to_string());
        let (id, body) = (id(&[kind.clone(), one, other]), body(&kind, at_ms, data));
        Letter { id, kind, decision: String::new(), at_ms, body }
    }
}

/// The text of the message that a record is about, where it is still stored.
pub async fn text_of(settler: &Settler, record: &Record) -> Option<String> {
    let held = settler.holds.find(&record.id).map(|hold| hold.text.clone());
    if let Some(text) = held.filter(|text| !text.is_empty()) {
        return Some(text);
    }
    // A store that does not answer is no reason to keep the event back.
    settler.audit.text(&record.id).await.ok().flatten()
}

/// Half a digest of what tells the event from any other, also from one that had its place in a
/// store that was thrown away.
fn id(parts: &[String]) -> String {
    let digest = Sha256::digest(parts.join("\n"));
    let hex = digest[..16].iter().map(|byte| format!("{byte:02x}"));
    format!("msg_{}", hex.collect::<String>())
}

fn body(kind: &str, at_ms: u64, data: &Value) -> Bytes {
    let whole = json!({ "type": kind, "timestamp": timestamp(at_ms), "data": data });
    Bytes::from(whole.to_string())
}

/// RFC 3339 in UTC, to the millisecond.
fn timestamp(at_ms: u64) -> String {
    let at = i64::try_from(at_ms / 1_000).ok();
    let at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at_ms % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_millisecond() {
        for (at_ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_007, "2000-02-28T23:59:59.007Z"),
            (1_614_265_330_120, "2021-02-25T15:02:10.120Z"),
        ] {
            assert_eq!(timestamp(at_ms), expected);
        }
    }

    #[test]
    fn a_gap_has_the_same_id_whenever_it_is_written() {
        let (one, two) = (Letter::gap(3, 9), Letter::gap(3, 9));
        assert_eq!(one.id, two.id);
        assert_ne!(one.id, Letter::gap(3, 10).id);
        assert_ne!(one.id, Letter::gap(39, 0x10).id);
        let body: Value = serde_json::from_slice(&one.body).expect("JSON");
        assert_eq!((&body["type"], &body["data"]["first_missing"]), (&json!("gap"), &json!(3)));
    }
}
