//! Lists the payments that somebody must refund, as JSON and for a spreadsheet, and forgives.

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, Request},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Console, guard::may, sheet};
use crate::{
    accounts::{Rights, Role},
    doors::{Failure, read_json},
    history::Whose,
    hold::Refunds,
    message::now_ms,
    store::StoreError,
};

/// Payments in one answer; ask again with `after` where there are more.
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
    /// Only what comes after this id: where an earlier answer stopped.
    #[serde(default)]
    after: String,
}

/// Names the id to ask on from, where there are more …
const MORE: HeaderName = HeaderName::from_static("x-tidegate-more");
/// … and how many records could not be read.
const UNREADABLE: HeaderName = HeaderName::from_static("x-tidegate-unreadable");

pub async fn refunds(
    State(console): State<Console>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Moderator).await?;
    let (Refunds { list, more, unreadable }, after) = console.owed(&asked, &session.rights).await?;
    Ok(Json(json!({
        "now_ms": now_ms(),
        "refunds": list,
        "more": more,
        "after": after,
        "unreadable": unreadable,
    })))
}

pub async fn refunds_csv(
    State(console): State<Console>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<(HeaderMap, String), Failure> {
    let session = console.need(&headers, Role::Moderator).await?;
    let (refunds, after) = console.owed(&asked, &session.rights).await?;
    let mut told = sheet::headers("refunds");
    told.insert(UNREADABLE, HeaderValue::from(refunds.unreadable));
    if let Some(after) = after.as_ref().and_then(|after| HeaderValue::from_str(after).ok()) {
        told.insert(MORE, after);
    }
    Ok((told, csv(&refunds, after.as_deref())))
}

impl Console {
    /// Those of the channels that somebody sees, and where to ask on from if there are more.
    async fn owed(
        &self,
        asked: &Asked,
        rights: &Rights,
    ) -> Result<(Refunds, Option<String>), StoreError> {
        let holds = &self.doors.settler.holds;
        let mut refunds = holds.refunds(asked.since_ms, &asked.after, REFUNDS_MAX).await?;
        let after = refunds.list.last().filter(|_| refunds.more).map(|last| last.id.clone());
        refunds.list.retain(|own| rights.reach(&own.route, &own.channel, Role::Moderator));
        Ok((refunds, after))
    }
}

/// Whoever opens the file sees in its last rows that it is not the whole list.
fn csv(Refunds { list: refunds, unreadable, .. }: &Refunds, after: Option<&str>) -> String {
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
        text += &sheet::line(&cells);
    }
    if *unreadable > 0 {
        let line = format!("# {unreadable} records could not be read");
        text += &sheet::line(&[&line]);
    }
    if let Some(after) = after {
        let line = format!("# there are more: ask again with after={after}");
        text += &sheet::line(&[&line]);
    }
    text
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
    let session = console.acts(request.headers()).await?;
    let Pardon { route, channel, sender } = read_json(request, BODY_BYTES_MAX).await?;
    may(&session, Role::Moderator, &route, &console.doors.place(&route, &channel)?)?;
    console
        .doors
        .forgive(Whose { route: &route, channel: &channel, sender: &sender }, &session.name)?;
    Ok(Json(json!({ "now_ms": now_ms() })))
}

#[cfg(test)]
mod tests {
    use super::{Refunds, csv};
    use crate::{hold::Refund, message::Sender};

    #[test]
    fn a_file_that_is_not_the_whole_list_says_so() {
        let refund = Refund {
            id: "00ab".into(),
            ended_ms: 2,
            held_ms: 1,
            route: "/".into(),
            channel: "#a".into(),
            sender: Sender::default(),
            message_id: None,
            amount: "5 EUR".into(),
            cause: "denied",
            by: None,
            found: Vec::new(),
        };
        let check = |more, unreadable, expected: &[&str]| {
            let list = vec![refund.clone()];
            let text = csv(&Refunds { list, more, unreadable }, more.then_some("00ab"));
            let after: Vec<&str> = text.lines().skip(2).collect();
            assert_eq!(after, expected, "{text}");
        };
        let (rest, lost) = (
            "\"# there are more: ask again with after=00ab\"",
            "\"# 3 records could not be read\"",
        );
        check(false, 0, &[]);
        check(true, 0, &[rest]);
        check(true, 3, &[lost, rest]);
    }
}
