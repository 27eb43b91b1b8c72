//! Shapes holds for the page, with spans in the units that JavaScript counts in.

use std::ops::Range;

use serde::Serialize;

use crate::{
    accounts::{Rights, Role},
    config::{OnExpiry, Position},
    doors::Doors,
    hold::{Decided, Hold, State, Way},
    message::{Category, Finding, Language, Scored, Sender, Severity},
};

/// A held message as the page sees it: nothing that it does not show, no frame and no identity.
#[derive(Serialize)]
pub struct Shown<'a> {
    id: &'a str,
    route: &'a str,
    mode: Position,
    channel: &'a str,
    sender: &'a Sender,
    message_id: Option<&'a str>,
    language: Language,
    text: &'a str,
    findings: Vec<ShownFinding<'a>>,
    decided_by: &'a str,
    categories: Vec<Category>,
    severity: u8,
    held_ms: u64,
    expires_ms: u64,
    on_expiry: OnExpiry,
    /// The clock ends it only after somebody was on duty for its hold time.
    waits_for_duty: bool,
    state: State,
    decided: Option<&'a Decided>,
    /// How a release would go now; only of what is undecided.
    way: Option<Way>,
    /// A sender without an id cannot be told from others.
    can_time_out: bool,
    /// What it is held for are listed terms that may be allowed; only of what is undecided.
    can_allow: bool,
    /// What was paid for it, as it is shown.
    paid: Option<&'a str>,
    /// Nothing was heard of the sender here lately.
    first: bool,
    strikes: f32,
    /// Whoever reads this may decide it.
    may_decide: bool,
}

#[derive(Serialize)]
pub struct ShownFinding<'a> {
    rule: &'a str,
    category: Category,
    severity: Severity,
    /// UTF-16 code units of `text`, end exclusive: what `String.prototype.slice` takes.
    span: Option<Range<usize>>,
    why: &'a str,
    shadow: bool,
    /// The model's part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    scored: Option<&'a Scored>,
}

pub fn shown<'a>(doors: &Doors, hold: &'a Hold, rights: &Rights) -> Shown<'a> {
    let acting = || hold.findings.iter().filter(|finding| !finding.shadow);
    let mut categories: Vec<Category> = acting().map(|finding| finding.category).collect();
    categories.sort_unstable();
    categories.dedup();
    let open = hold.state == State::Held;
    Shown {
        id: &hold.id,
        route: &hold.route,
        mode: hold.mode,
        channel: &hold.channel,
        sender: &hold.sender,
        message_id: hold.message_id.as_deref(),
        language: hold.language,
        text: &hold.text,
        findings: findings(&hold.text, &hold.findings),
        decided_by: &hold.decided_by,
        categories,
        severity: hold.severity(),
        held_ms: hold.held_ms,
        expires_ms: hold.expires_ms,
        on_expiry: hold.on_expiry,
        waits_for_duty: hold.attended_ms.is_some(),
        state: hold.state,
        decided: hold.decided.as_ref(),
        way: open.then(|| doors.settler.holds.way(hold)),
        can_time_out: !hold.sender.id.is_empty(),
        can_allow: open && doors.may_allow(hold),
        paid: hold.paid.as_ref().map(|paid| paid.amount.as_str()),
        first: hold.standing.first,
        strikes: hold.standing.strikes,
        may_decide: rights.reach(&hold.route, &hold.channel, Role::Moderator),
    }
}

/// Findings with spans in the units of the page.
pub fn findings<'a>(text: &str, findings: &'a [Finding]) -> Vec<ShownFinding<'a>> {
    let shape = |finding: &'a Finding| ShownFinding {
        rule: &finding.rule,
        category: finding.category,
        severity: finding.severity,
        span: finding.span.as_ref().and_then(|span| utf16(text, span)),
        why: &finding.why,
        shadow: finding.shadow,
        scored: finding.scored.as_ref(),
    };
    findings.iter().map(shape).collect()
}

/// A byte span as UTF-16 code units. `None` for one that is not of this text: a text that was
/// erased keeps its findings.
pub fn utf16(text: &str, span: &Range<usize>) -> Option<Range<usize>> {
    let before = text.get(..span.start)?.encode_utf16().count();
    let inside = text.get(span.clone())?.encode_utf16().count();
    Some(before..before + inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_in_utf16() {
        let table = [
            ("so blorp", 3..8, Some(3..8)),
            // é: 2 bytes, 1 unit.
            ("é blorp", 3..8, Some(2..7)),
            // An emoji outside the basic plane: 4 bytes, 2 units.
            ("🌊 blorp", 5..10, Some(3..8)),
            ("a🌊b", 1..5, Some(1..3)),
            ("", 0..0, Some(0..0)),
            ("", 3..8, None),
            ("é", 1..2, None),
        ];
        for (text, bytes, expected) in table {
            assert_eq!(utf16(text, &bytes), expected, "{text:?} {bytes:?}");
        }
    }
}
