//! Words a record for programs: what happened, to whom and why, and never the text.

use serde_json::{Value, json};

use super::answer::AnswerFinding;
use crate::audit::{Event, Record};

/// Every kind there is, for whoever chooses.
pub const KINDS: [&str; 28] = [
    "held",
    "masked",
    "dropped",
    "approved",
    "released",
    "denied",
    "expired",
    "withdrawn",
    "orphaned",
    "undone",
    "timed_out",
    "permitted",
    "shield_on",
    "shield_off",
    "ladder",
    "pardoned",
    "appealed",
    "appeal_upheld",
    "appeal_overturned",
    "appeal_lapsed",
    "banned",
    "trusted",
    "allowed",
    "lifted",
    "acted",
    "refund",
    "settings",
    "raid",
];

/// What happened, in a word.
pub fn kind(record: &Record) -> &str {
    match &record.event {
        Event::Judged(verdict) => match verdict.name() {
            "hold" => "held",
            "mask" => "masked",
            "drop" => "dropped",
            _ => "passed",
        },
        Event::Decided { state, .. } => state,
        Event::Undone { .. } => "undone",
        Event::TimedOut { .. } => "timed_out",
        Event::Permitted { .. } => "permitted",
        Event::Settings { what, .. } if what == "shield on" => "shield_on",
        Event::Settings { what, .. } if what == "shield off" => "shield_off",
        Event::Settings { .. } => "settings",
        Event::Refund { .. } => "refund",
        Event::Ladder { .. } => "ladder",
        Event::Raid { .. } => "raid",
        Event::Pardoned { .. } => "pardoned",
        Event::Appealed { .. } => "appealed",
        Event::AppealEnded { outcome, .. } if outcome == "upheld" => "appeal_upheld",
        Event::AppealEnded { outcome, .. } if outcome == "lapsed" => "appeal_lapsed",
        Event::AppealEnded { .. } => "appeal_overturned",
        Event::Acted { .. } => "acted",
        Event::Banned { .. } => "banned",
        Event::Trusted { .. } => "trusted",
        Event::Allowed { .. } => "allowed",
        Event::Lifted { .. } => "lifted",
    }
}

/// An event as programs see it; its id is its place in the chain.
pub fn event(seq: u64, record: &Record) -> Value {
    let mut told = told(record);
    told["id"] = seq.into();
    told
}

/// Says that the records from `first_missing` to before `first_kept` are gone.
pub fn gap(first_missing: u64, first_kept: u64) -> Value {
    json!({
        "id": first_kept - 1,
        "kind": "gap",
        "first_missing": first_missing,
        "first_kept": first_kept,
    })
}

/// Says that the place `asked` is not in this chain, which ends at `head`.
pub fn reset(asked: u64, head: u64) -> Value {
    json!({ "id": head, "kind": "reset", "asked": asked })
}

/// A record as programs see it: never the text.
pub fn told(record: &Record) -> Value {
    let findings: Vec<AnswerFinding> =
        record.findings.iter().cloned().map(AnswerFinding::of).collect();
    let mut told = json!({
        "kind": kind(record),
        "at_ms": record.at_ms,
        "decision": record.id,
        "route": record.route,
        "channel": record.channel,
        "sender": record.sender,
        "findings": findings,
        "decided_by": record.decided_by,
        "rules": record.rules,
    });
    let more = match &record.event {
        Event::Judged(_) => json!({}),
        Event::Decided { by, .. }
        | Event::Undone { by }
        | Event::Pardoned { by }
        | Event::Banned { by } => json!({ "by": by }),
        Event::Trusted { until_ms, by } => json!({ "by": by, "until_ms": until_ms }),
        Event::Allowed { what, until_ms, by } => {
            json!({ "what": what, "by": by, "until_ms": until_ms })
        }
        Event::Lifted { what, by } => json!({ "what": what, "by": by }),
        Event::TimedOut { until_ms, by } | Event::Permitted { until_ms, by } => {
            json!({ "by": by, "until_ms": until_ms })
        }
        Event::Appealed { of, by } | Event::AppealEnded { of, by, .. } => {
            json!({ "of": of, "by": by })
        }
        Event::Settings { what, by, why } => json!({ "what": what, "by": by, "why": why }),
        Event::Refund { amount, message_id, cause } => {
            json!({ "amount": amount, "message_id": message_id, "cause": cause })
        }
        Event::Ladder { then, until_ms } => json!({ "then": then, "until_ms": until_ms }),
        Event::Raid { by, copies, senders, newcomers } => {
            json!({ "by": by, "copies": copies, "senders": senders, "newcomers": newcomers })
        }
        Event::Acted { what, result, cause } => {
            json!({ "what": what, "result": result, "cause": cause })
        }
    };
    if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    told
}
