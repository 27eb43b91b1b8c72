//! Answers the API's calls, strictly: who asks, what, how often, with which body.

use std::time::Instant;

use serde_json::{Value, json};
use tidegate::message::now_ms;

use super::{Discord, Done, GUILD, Trouble};
use crate::fake_door::{Answer, Ask};

/// Twenty-eight days.
const TIME_OUT_MAX_MS: u64 = 28 * 24 * 60 * 60 * 1_000;

/// A call that is understood.
struct Meant {
    what: &'static str,
    place: String,
    id: String,
}

impl Discord {
    pub(super) fn call(&self, ask: &Ask) -> Answer {
        let token = self.book.read(|pages| pages.token);
        if ask.header("authorization") != format!("Bot {token}") {
            return Answer::json(401, json!({ "code": 0, "message": "401: Unauthorized" }));
        }
        if !ask.header("user-agent").starts_with("DiscordBot (https://") {
            self.wrong(format!("it calls itself {}", ask.header("user-agent")));
        }
        if ask.path == "/api/v10/gateway/bot" && ask.method == "GET" {
            return Answer::json(
                200,
                json!({
                    "url": format!("ws://{}/gateway", self.address),
                    "shards": 1,
                    "session_start_limit":
                        { "total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1 },
                }),
            );
        }
        match meant(ask) {
            Ok(meant) => self.counted(&meant),
            Err(cause) => {
                self.wrong(format!("{} {}: {cause}", ask.method, ask.path));
                Answer::json(400, json!({ "code": 50035, "message": "Invalid Form Body" }))
            }
        }
    }

    fn counted(&self, meant: &Meant) -> Answer {
        let (may, headers) = self.book.write(|pages| pages.counted(meant.what, &meant.place));
        let reply = |status, headers, body| Answer::Reply { status, headers, body };
        if !may {
            let after: f64 = headers[2].1.parse().expect("it was written as a number");
            let body = json!({ "message": "slower", "retry_after": after, "global": false });
            return reply(429, headers, body);
        }
        match self.book.write(|pages| pages.trouble.pop_front()) {
            None => {
                let (status, body) = self.done(meant);
                reply(status, headers, body)
            }
            Some(Trouble::Status(status)) => reply(status, headers, Value::Null),
            Some(Trouble::Global(after)) => {
                let body = json!({ "message": "slower", "retry_after": after, "global": true });
                reply(429, vec![("x-ratelimit-global", "true".into())], body)
            }
            Some(Trouble::DoneAndLost) => {
                self.done(meant);
                Answer::HangUp
            }
            Some(Trouble::Lost) => Answer::HangUp,
        }
    }

    fn done(&self, meant: &Meant) -> (u16, Value) {
        let Meant { what, place, id } = meant;
        let done = self.book.write(|pages| {
            if pages.forbidden {
                return (403, json!({ "code": 50013, "message": "Missing Permissions" }));
            }
            if *what == "delete" {
                let known = pages.said.get_mut(id);
                match known.filter(|said| !said.deleted && said.channel == place) {
                    Some(said) => said.deleted = true,
                    None => return (404, json!({ "code": 10008, "message": "Unknown Message" })),
                }
            }
            pages.done.push(Done { what, id: id.clone(), at: Instant::now() });
            (if *what == "time_out" { 200 } else { 204 }, Value::Null)
        });
        if *what == "delete" && done.0 == 204 {
            let gone = json!({ "id": id, "channel_id": place, "guild_id": GUILD });
            self.event("MESSAGE_DELETE", gone);
        }
        done
    }
}

fn meant(ask: &Ask) -> Result<Meant, String> {
    let reason = ask.header("x-audit-log-reason");
    if !reason.starts_with("Tidegate%3A%20") || reason.len() > 512 {
        return Err(format!("the reason {reason:?}"));
    }
    let path = ask.path.strip_prefix("/api/v10/").ok_or("another version")?;
    let parts: Vec<&str> = path.split('/').collect();
    let meant = |what, place: &str, id: &str| {
        Ok(Meant { what, place: place.to_owned(), id: id.to_owned() })
    };
    match (ask.method.as_str(), parts.as_slice()) {
        ("DELETE", ["channels", channel, "messages", message]) if ask.body.is_empty() => {
            meant("delete", channel, message)
        }
        ("PATCH", ["guilds", GUILD, "members", user]) => {
            let body = ask.json().ok_or("no JSON")?;
            let until = body["communication_disabled_until"].as_str().ok_or("until when?")?;
            let now = tidegate::protocol::rfc3339(now_ms());
            let last = tidegate::protocol::rfc3339(now_ms() + TIME_OUT_MAX_MS);
            // All in UTC and of one length: they compare as they are.
            if until.len() != now.len() || until <= now.as_str() || until > last.as_str() {
                return Err(format!("until {until}"));
            }
            meant("time_out", GUILD, user)
        }
        ("PUT", ["guilds", GUILD, "bans", user]) => {
            match ask.json() == Some(json!({ "delete_message_seconds": 0 })) {
                true => meant("ban", GUILD, user),
                false => Err("another body".into()),
            }
        }
        _ => Err("no such call".into()),
    }
}
