//! Lets moderators deal with crowds: shields, slow mode, nukes, and all that is held alike.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::SemaphorePermit;

use super::{BODY_BYTES_MAX, Console, guard::may};
use crate::{
    accounts::{Rights, Role},
    audit::{Event, Record},
    doors::{Failure, acts::refused, place::unfit, read_json},
    history::{Because, Nuke, Pattern},
    hold::{Decision, Hold},
    message::{Category, Finding, Message, Sender, now_ms},
    normalize::normalize,
};

/// Channels offered for a switch; those heard last.
const CHANNELS_MAX: usize = 20;
/// Decided in one request, each with a commit of its own; the rest is asked for again.
const DECIDED_MAX: usize = 500;
/// A day: what lasts longer is a word list's business.
const MINUTES_MAX: u64 = 1_440;
/// What held messages may wait for, and some.
const BACK_MINUTES_MAX: u64 = 60;
/// A nuke is known by how its text begins.
const LABEL_CHARS: usize = 40;
const MINUTE_MS: u64 = 60_000;
/// Bytes of held texts compared before others have a turn on the thread: a fraction of a
/// millisecond. One text is bounded by a frame.
const COMPARED_BYTES: usize = 8 * 1024;
/// Longer texts are no chat message to be nuked; the page takes no more.
const TEXT_CHARS_MAX: usize = 2_000;

/// What somebody changed for a channel, or a channel's shield did by itself.
pub fn record(
    id: String,
    (route, channel): (&str, &str),
    what: String,
    by: &str,
    rules: &str,
) -> Record {
    Record {
        id,
        at_ms: now_ms(),
        route: route.to_owned(),
        channel: channel.to_owned(),
        sender: Sender::default(),
        event: Event::Settings { what, by: by.to_owned(), why: String::new() },
        findings: Vec::new(),
        rules: rules.to_owned(),
        text_sha256: String::new(),
        decided_by: String::new(),
    }
}

/// Shields, slow modes and nukes in force, and the channels that could have one.
pub async fn crowds(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    Ok(Json(console.crowds(&session.rights)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    route: String,
    channel: String,
    /// 0 switches it off.
    minutes: u64,
}

pub async fn shield(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let Switch { route, channel, minutes } = read_json(request, BODY_BYTES_MAX).await?;
    may(&session, Role::Moderator, &route, &console.doors.place(&route, &channel)?)?;
    let because = Because { by: &session.name, why: "" };
    match minutes {
        0 => console.doors.shield_off(&route, &channel, because)?,
        _ => console.doors.shield_on(&route, &channel, minutes, because)?,
    }
    Ok(Json(console.crowds(&session.rights)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    route: String,
    channel: String,
    /// From one message of a sender to the next; 0 switches it off.
    seconds: u64,
    /// Not needed to switch it off.
    #[serde(default)]
    minutes: u64,
}

pub async fn slow(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let Pace { route, channel, seconds, minutes } = read_json(request, BODY_BYTES_MAX).await?;
    may(&session, Role::Moderator, &route, &console.doors.place(&route, &channel)?)?;
    match seconds {
        0 => console.doors.slow_off(&route, &channel, &session.name)?,
        _ => console.doors.slow_on(&route, &channel, (seconds, minutes), &session.name)?,
    }
    Ok(Json(console.crowds(&session.rights)))
}

/// What is to be nuked: a held message, or a text in a channel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    hold: Option<String>,
    route: Option<String>,
    channel: Option<String>,
    text: Option<String>,
    #[serde(default)]
    back_minutes: u64,
    /// Not needed for a preview.
    #[serde(default)]
    forward_minutes: u64,
    #[serde(default)]
    action: Action,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Drop,
    Hold,
}

struct Target {
    route: String,
    channel: String,
    pattern: Pattern,
    label: String,
    text: Arc<str>,
    meant: Meant,
}

/// What a nuke was aimed by.
enum Meant {
    /// Somebody else's words: they stand in the held message's record, and are erased there.
    Hold(String),
    /// The moderator's own.
    Text(String),
}

/// Says what a nuke would meet, and changes nothing.
pub async fn preview(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let asked: Asked = read_json(request, BODY_BYTES_MAX).await?;
    let target = console.target(&asked)?;
    may(&session, Role::Moderator, &target.route, &target.channel)?;
    let back_ms = asked.back_minutes * MINUTE_MS;
    let held = console.held_like(&target, back_ms).await;
    let _turn = console.comparing().await;
    let (said, senders) =
        console.doors.settler.pipeline.history.said(&target.pattern, now_ms(), back_ms);
    let exact = target.pattern.is_exact();
    Ok(Json(json!({ "held": held.len(), "said": said, "senders": senders, "exact": exact })))
}

/// Removes what is held like it, and stops what comes like it for a while.
pub async fn nuke(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let session = console.acts(request.headers()).await?;
    let asked: Asked = read_json(request, BODY_BYTES_MAX).await?;
    let target = console.target(&asked)?;
    may(&session, Role::Moderator, &target.route, &target.channel)?;
    if !(1..=MINUTES_MAX).contains(&asked.forward_minutes) {
        let message = format!("a nuke lasts 1 to {MINUTES_MAX} minutes");
        return Err(unfit("forward_minutes", message));
    }
    let now = now_ms();
    let nuke = Nuke {
        id: 0,
        route: target.route.clone(),
        channel: target.channel.clone(),
        label: target.label.clone(),
        text: target.text.clone(),
        drop: asked.action == Action::Drop,
        by: session.name.clone(),
        since_ms: now,
        until_ms: now + asked.forward_minutes * MINUTE_MS,
        hits: 0,
    };
    let nuke = console.doors.settler.pipeline.history.nuke(target.pattern.clone(), nuke).map_err(
        |max| {
            let message = format!("{max} nukes are the most at once; lift one first");
            Failure::new(StatusCode::CONFLICT, "nukes", message)
        },
    )?;
    // From here on nothing like it comes in, so the list of what is held is whole.
    let what = format!("nuke {} for {} min", nuke.id, asked.forward_minutes);
    let (what, text) = match &target.meant {
        Meant::Hold(id) => (format!("{what}, like {id}"), None),
        Meant::Text(text) => (what, Some(text.as_str())),
    };
    console.record(&nuke, what, &session.name, text);
    let held = console.held_like(&target, asked.back_minutes * MINUTE_MS).await;
    let mut answer = console.decide_all(&held, Decision::Remove, &session.name).await?;
    answer["nuke"] = json!(nuke);
    // Nobody may see it while the moderator wants it gone, whatever becomes of the next like it.
    let since_ms = now.saturating_sub(asked.back_minutes * MINUTE_MS);
    let settler = &console.doors.settler;
    answer["shown"] = json!(settler.take_off_like(&target.route, &target.pattern, since_ms));
    let _ = console.changes.send(());
    Ok((StatusCode::CREATED, Json(answer)))
}

pub async fn lift(
    State(console): State<Console>,
    Path(id): Path<u64>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.acts(request.headers()).await?;
    let history = &console.doors.settler.pipeline.history;
    if let Some(nuke) = history.nukes(now_ms()).iter().find(|nuke| nuke.id == id) {
        may(&session, Role::Moderator, &nuke.route, &nuke.channel)?;
    }
    let Some(nuke) = history.lift_nuke(id) else {
        let message = format!("there is no nuke {id}");
        return Err(Failure::new(StatusCode::NOT_FOUND, "unknown_nuke", message));
    };
    console.record(&nuke, format!("nuke {id} lifted"), &session.name, None);
    let _ = console.changes.send(());
    Ok(Json(console.crowds(&session.rights)))
}

impl Console {
    pub fn crowds(&self, rights: &Rights) -> Value {
        let (history, now) = (&self.doors.settler.pipeline.history, now_ms());
        let sees = |route: &str, channel: &str| rights.reach(route, channel, Role::Viewer);
        let (mut shields, mut nukes) = (history.shields(now), history.nukes(now));
        shields.retain(|shield| sees(&shield.route, &shield.channel));
        nukes.retain(|nuke| sees(&nuke.route, &nuke.channel));
        let mut slow = history.slowed(now);
        slow.retain(|own| sees(&own.route, &own.channel));
        let heard = if rights.everywhere(Role::Viewer) { CHANNELS_MAX } else { usize::MAX };
        let channels = history.channels(heard).into_iter();
        let channels = channels.filter(|(route, channel)| sees(route, channel)).take(CHANNELS_MAX);
        let channels =
            channels.map(|(route, channel)| json!({ "route": route, "channel": channel }));
        json!({
            "now_ms": now,
            "shields": shields,
            "slow": slow,
            "nukes": nukes,
            "channels": channels.collect::<Vec<_>>(),
        })
    }

    fn record(&self, nuke: &Nuke, what: String, by: &str, text: Option<&str>) {
        let id = self.doors.settler.holds.fresh_id();
        let rules = &self.doors.settler.pipeline.rules.load().version;
        let record = record(id, (&nuke.route, &nuke.channel), what, by, rules);
        self.doors.settler.audit.record(record, text);
    }

    /// How many are held like one message, itself included, and by how many senders.
    pub async fn count_alike(&self, id: &str) -> Result<Json<Value>, Failure> {
        let held = self.held_like(&self.target_of(id)?, u64::MAX).await;
        let mut senders: Vec<&str> = held.iter().map(|hold| hold.sender.id.as_str()).collect();
        senders.sort_unstable();
        senders.dedup();
        Ok(Json(json!({ "held": held.len(), "senders": senders.len() })))
    }

    /// Decides all that are held like one message, itself included.
    pub async fn decide_alike(
        &self,
        id: &str,
        decision: Decision,
        by: &str,
    ) -> Result<Json<Value>, Failure> {
        let held = self.held_like(&self.target_of(id)?, u64::MAX).await;
        self.decide_all(&held, decision, by).await.map(Json)
    }

    /// Another's decision on one of them, taken meanwhile, stands.
    async fn decide_all(
        &self,
        held: &[Arc<Hold>],
        decision: Decision,
        by: &str,
    ) -> Result<Value, Failure> {
        let (mut ids, mut undo_until_ms) = (Vec::new(), None);
        for hold in held.iter().take(DECIDED_MAX) {
            match self.doors.settler.holds.decide(&hold.id, decision, by).await {
                Ok(hold) => {
                    // Those removed first are final first.
                    let own = hold.decided.as_ref().map(|decided| decided.undo_until_ms);
                    undo_until_ms = undo_until_ms.or(own);
                    ids.push(hold.id.clone());
                }
                Err(error) => match refused(error) {
                    failure if failure.status == StatusCode::SERVICE_UNAVAILABLE => {
                        return Err(failure);
                    }
                    _ => {}
                },
            }
        }
        let left = held.len().saturating_sub(DECIDED_MAX);
        let now = now_ms();
        Ok(json!({ "now_ms": now, "ids": ids, "left": left, "undo_until_ms": undo_until_ms }))
    }

    /// The undecided of a channel that a text means, oldest first.
    async fn held_like(&self, target: &Target, back_ms: u64) -> Vec<Arc<Hold>> {
        let since_ms = now_ms().saturating_sub(back_ms);
        let mut list = self.doors.settler.holds.list();
        list.retain(|hold| {
            hold.route == target.route && hold.channel == target.channel && hold.held_ms >= since_ms
        });
        let _turn = self.comparing().await;
        let (mut found, mut compared) = (Vec::new(), 0);
        for hold in list {
            if target.pattern.meets(&self.pattern(&hold.route, &hold.channel, &hold.text)) {
                found.push(hold.clone());
            }
            compared += hold.text.len();
            if compared >= COMPARED_BYTES {
                compared = 0;
                tokio::task::yield_now().await;
            }
        }
        found
    }

    /// One look at all that is held or was said at a time: moderators wait for each other rather
    /// than chat for them.
    pub async fn comparing(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.comparing.acquire().await.ok()
    }

    fn target(&self, asked: &Asked) -> Result<Target, Failure> {
        if asked.back_minutes > BACK_MINUTES_MAX {
            let message = format!("it reaches {BACK_MINUTES_MAX} minutes back at most");
            return Err(unfit("back_minutes", message));
        }
        if let Some(id) = &asked.hold {
            return self.target_of(id);
        }
        let (Some(route), Some(channel), Some(text)) = (&asked.route, &asked.channel, &asked.text)
        else {
            return Err(unfit("target", "name a held message, or route, channel and text"));
        };
        if text.trim().is_empty() {
            return Err(unfit("text", "there is no text"));
        }
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err(unfit("text", format!("a text has {TEXT_CHARS_MAX} characters at most")));
        }
        let channel = self.doors.place(route, channel)?;
        let message = said(route, &channel, text);
        let found = self.doors.settler.pipeline.found(&message);
        Ok(Target {
            pattern: self.pattern(route, &channel, text),
            route: route.clone(),
            channel,
            label: label(text, &found),
            text: text.as_str().into(),
            meant: Meant::Text(text.clone()),
        })
    }

    fn target_of(&self, id: &str) -> Result<Target, Failure> {
        let Some(hold) = self.doors.settler.holds.find(id) else {
            let message = format!("there is no held message {id}");
            return Err(Failure::new(StatusCode::NOT_FOUND, "unknown", message));
        };
        if hold.text.trim().is_empty() {
            return Err(unfit("text", "its text was erased"));
        }
        Ok(Target {
            pattern: self.pattern(&hold.route, &hold.channel, &hold.text),
            route: hold.route.clone(),
            channel: hold.channel.clone(),
            label: label(&hold.text, &hold.findings),
            text: hold.text.as_str().into(),
            meant: Meant::Hold(hold.id.clone()),
        })
    }

    fn pattern(&self, route: &str, channel: &str, text: &str) -> Pattern {
        let message = said(route, channel, text);
        self.doors.settler.pipeline.history.pattern(&message, &normalize(text))
    }
}

fn said(route: &str, channel: &str, text: &str) -> Message {
    let (route, channel, text) = (route.into(), channel.to_owned(), text.to_owned());
    Message { route, channel, text, at_ms: now_ms(), ..Message::default() }
}

/// How a text begins, without personal data: every viewer sees it for as long as the nuke lasts.
fn label(text: &str, found: &[Finding]) -> String {
    let personal = |at: usize| {
        let spans = found.iter().filter(|finding| finding.category == Category::Doxxing);
        spans.filter_map(|finding| finding.span.as_ref()).any(|span| span.contains(&at))
    };
    let (mut label, mut length, mut cut) = (String::new(), 0, false);
    for (at, c) in text.char_indices() {
        let hidden = personal(at);
        if !(hidden && cut) {
            label.push(if hidden { '…' } else { c });
            length += 1;
        }
        cut = hidden;
        if length >= LABEL_CHARS {
            break;
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_show_nothing_personal() {
        let severity = crate::message::Severity::new(3).expect("3 is a severity");
        let check = |text: &str, category, spans: &[(usize, usize)], expected: &str| {
            let finding = |(start, end): &(usize, usize)| Finding {
                rule: "personal".into(),
                category,
                severity,
                span: Some(*start..*end),
                why: String::new(),
                shadow: false,
                scored: None,
            };
            let found: Vec<_> = spans.iter().map(finding).collect();
            assert_eq!(label(text, &found), expected, "{text}");
        };
        let number = "call 555 0100 now";
        check(number, Category::Doxxing, &[(5, 13)], "call … now");
        check(number, Category::Doxxing, &[(5, 8), (7, 13)], "call … now");
        check(number, Category::Spam, &[(5, 13)], number);
        check("été 12", Category::Doxxing, &[(0, 8)], "…");
        check(&"a".repeat(50), Category::Doxxing, &[], &"a".repeat(40));
        check(
            &format!("{}5550100", "a".repeat(39)),
            Category::Doxxing,
            &[(39, 46)],
            &format!("{}…", "a".repeat(39)),
        );
    }
}
