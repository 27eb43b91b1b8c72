//! Lists the payments that somebody must refund, as JSON and for a spreadsheet, and forgives.

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, Request, header},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Console};
use crate::{
    accounts::Role,
    audit::{Event, Record, jsonl::escaped},
    doors::{Failure, read_json},
    history::Whose,
    hold::Refund,
    message::{Sender, now_ms},
};

/// Payments in one answer; ask again with `since_ms` where there are more.
const REFUNDS_MAX: usize = 10_000;

const COLUMNS: [&str; 11] = [
    "id",
    "ended_ms",
    "held_ms",
    "route",
    "channel",
    "sender_id",
    "sender_name",
    "message_id",
    "amount",
    "cause",
    "by",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Only what ended then or later, in Unix milliseconds.
    #[serde(default)]
    since_ms: u64,
}

pub async fn refunds(
    State(console): State<Console>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    console.need(&headers, Role::Moderator).await?;
    let (refunds, more) = console.doors.holds.refunds(asked.since_ms, REFUNDS_MAX).await?;
    Ok(Json(json!({ "now_ms": now_ms(), "refunds": refunds, "more": more })))
}

pub async fn refunds_csv(
    State(console): State<Console>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], String), Failure> {
    console.need(&headers, Role::Moderator).await?;
    let (refunds, _) = console.doors.holds.refunds(asked.since_ms, REFUNDS_MAX).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"refunds.csv\""),
    ];
    Ok((headers, csv(&refunds)))
}

fn csv(refunds: &[Refund]) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for refund in refunds {
        let cells = [
            refund.id.as_str(),
            &refund.ended_ms.to_string(),
            &refund.held_ms.to_string(),
            &refund.route,
            &refund.channel,
            &refund.sender.id,
            &refund.sender.name,
            refund.message_id.as_deref().unwrap_or_default(),
            &refund.amount,
            refund.cause,
            refund.by.as_deref().unwrap_or_default(),
        ];
        text += &(cells.map(cell).join(",") + "\r\n");
    }
    text
}

/// A cell that no spreadsheet takes for a formula, and nothing in it moves what stands around it.
fn cell(value: &str) -> String {
    let plain = escaped(value).replace('"', "\"\"");
    let formula = value.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '|', '%']);
    format!("\"{}{plain}\"", if formula { "'" } else { "" })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pardon {
    route: String,
    channel: String,
    sender: String,
}

/// Forgets a sender's strikes, holds and time-outs in a channel.
pub async fn pardon(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.need(request.headers(), Role::Moderator).await?;
    let Pardon { route, channel, sender } = read_json(request, BODY_BYTES_MAX).await?;
    let whose = Whose { route: &route, channel: &channel, sender: &sender };
    console.doors.pipeline.history.pardon(whose);
    let record = Record {
        id: console.doors.holds.fresh_id(),
        at_ms: now_ms(),
        route,
        channel,
        sender: Sender { id: sender, ..Sender::default() },
        event: Event::Pardoned { by: session.name },
        findings: Vec::new(),
        rules: String::new(),
        text_sha256: String::new(),
        decided_by: String::new(),
    };
    console.doors.audit.record(record, None);
    Ok(Json(json!({ "now_ms": now_ms() })))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_text_to_every_spreadsheet() {
        let check = |value, expected| assert_eq!(cell(value), expected, "{value:?}");
        check("ana", "\"ana\"");
        check("", "\"\"");
        check("say \"hi\", you", "\"say \"\"hi\"\", you\"");
        check("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\"");
        check(" =1+1", "\"' =1+1\"");
        check("+1", "\"'+1\"");
        check("-1", "\"'-1\"");
        check("@a", "\"'@a\"");
        check("\t=1", "\"'\\u0009=1\"");
        check("a\r\nb\u{202e}", "\"a\\u000d\\u000ab\\u202e\"");
    }
}
