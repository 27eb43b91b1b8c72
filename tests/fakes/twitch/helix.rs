//! Answers what is asked over HTTP: tokens, Helix, and whoever plays with it from outside.

use std::{collections::HashMap, time::Instant};

use serde_json::{Value, json};
use tidegate::{message::now_ms, protocol::rfc3339};

use super::{
    BOT, CHANNEL, CLIENT, Done, Held, LOGIN, SCOPES, SECRET, Subscription, Trouble, Twitch,
};
use crate::fake_door::{Answer, Ask};

pub fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({ "status": status, "error": "", "message": message }))
}

fn pairs(text: &str) -> HashMap<String, String> {
    let read = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'%' => {
                    let hex: String = rest.by_ref().take(2).map(char::from).collect();
                    bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let split = text.split('&').filter_map(|pair| pair.split_once('='));
    split.map(|(name, value)| (read(name), read(value))).collect()
}

impl Twitch {
    /// What whoever plays with it from outside wants said or held, or wants to know.
    pub(super) fn told_by(&self, ask: &Ask) -> Answer {
        let body = ask.json().unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match ask.path.as_str() {
            "/fake/say" => {
                Answer::json(200, json!({ "id": self.say(&text("user"), &text("text")) }))
            }
            "/fake/hold" => {
                let id = self.hold(&text("user"), &text("text"), &text("category"), &[]);
                Answer::json(200, json!({ "id": id }))
            }
            "/fake/done" => self.book.read(|pages| {
                let done = pages.done.iter().map(|done| json!([done.what, done.id]));
                let done: Vec<_> = done.collect();
                Answer::json(200, json!({ "done": done, "wrong": pages.wrong }))
            }),
            _ => error(404, "not found"),
        }
    }

    pub(super) fn token(&self, ask: &Ask) -> Answer {
        let form = pairs(&String::from_utf8_lossy(&ask.body));
        let is = |name: &str, value: &str| form.get(name).is_some_and(|own| own == value);
        if ask.header("content-type") != "application/x-www-form-urlencoded"
            || !is("grant_type", "refresh_token")
            || !is("client_id", CLIENT)
            || !is("client_secret", SECRET)
        {
            self.wrong("a strange request for a token".into());
            return error(400, "invalid request");
        }
        self.book.write(|pages| {
            if let Some(status) = pages.no_token.pop_front() {
                return error(status, "no token");
            }
            if !is("refresh_token", &pages.refresh) {
                return error(400, "Invalid refresh token");
            }
            pages.tokens += 1;
            pages.access = format!("access-{}", pages.tokens);
            pages.refresh = format!("refresh-{}", pages.tokens);
            Answer::json(
                200,
                json!({
                    "access_token": pages.access, "refresh_token": pages.refresh,
                    "expires_in": 14_000, "scope": pages.scopes, "token_type": "bearer",
                }),
            )
        })
    }

    pub(super) fn validate(&self, ask: &Ask) -> Answer {
        self.book.read(|pages| match ask.header("authorization") {
            sent if sent == format!("OAuth {}", pages.access) => Answer::json(
                200,
                json!({
                    "client_id": CLIENT, "login": "thebot", "user_id": BOT,
                    "scopes": pages.scopes, "expires_in": 5_000,
                }),
            ),
            _ => error(401, "invalid access token"),
        })
    }

    pub(super) fn helix(&self, ask: &Ask) -> Answer {
        if ask.header("client-id") != CLIENT {
            self.wrong("no client id".into());
            return error(401, "Client ID is missing");
        }
        let bearer = self.book.read(|pages| format!("Bearer {}", pages.access));
        if ask.header("authorization") != bearer {
            return error(401, "Invalid OAuth token");
        }
        let query = pairs(&ask.query);
        let path = ask.path.trim_start_matches("/helix/");
        match (ask.method.as_str(), path) {
            ("GET", "users") if query.get("login").is_some_and(|login| login == LOGIN) => {
                Answer::json(200, json!({ "data": [{ "id": CHANNEL, "login": LOGIN }] }))
            }
            ("GET", "users") => Answer::json(200, json!({ "data": [] })),
            ("POST", "eventsub/subscriptions") => self.subscribe(ask),
            _ => self.act(ask, path, &query),
        }
    }

    fn subscribe(&self, ask: &Ask) -> Answer {
        let Some(body) = ask.json() else { return error(400, "no JSON") };
        let (kind, condition) = (body["type"].as_str().unwrap_or_default(), &body["condition"]);
        let (versions, role, scope) = match kind {
            "channel.chat.message" => (&["1"][..], "user_id", SCOPES[0]),
            "automod.message.hold" | "automod.message.update" => {
                (&["1", "2"][..], "moderator_user_id", SCOPES[1])
            }
            _ => return error(400, "invalid subscription type"),
        };
        let version = body["version"].as_str().unwrap_or_default();
        let good = versions.contains(&version)
            && condition["broadcaster_user_id"] == CHANNEL
            && condition[role] == BOT
            && condition.as_object().is_some_and(|all| all.len() == 2)
            && body["transport"]["method"] == "websocket";
        if !good {
            self.wrong(format!("subscription: {body}"));
            return error(400, "invalid condition");
        }
        let answer = self.book.write(|pages| {
            if !pages.scopes.contains(&scope) {
                return error(403, "subscription missing proper authorization");
            }
            let session = body["transport"]["session_id"].as_str().unwrap_or_default().to_owned();
            pages.tokens += 1;
            let one = Subscription {
                id: format!("subscription-{}", pages.tokens),
                kind: kind.to_owned(),
                version: version.to_owned(),
                session,
            };
            let same = |own: &&Subscription| {
                (&own.kind, &own.version, &own.session) == (&one.kind, &one.version, &one.session)
            };
            if pages.subscriptions.iter().find(same).is_some() {
                return error(409, "subscription already exists");
            }
            let id = one.id.clone();
            pages.subscriptions.push(one);
            Answer::json(202, json!({ "data": [{ "id": id, "status": "enabled" }], "total": 1 }))
        });
        match kind {
            "channel.chat.message" => answer,
            _ => Answer::Once(self.quick.subscribe(), Box::new(answer)),
        }
    }

    fn act(&self, ask: &Ask, path: &str, query: &HashMap<String, String>) -> Answer {
        let trouble = self.book.write(|pages| pages.trouble.pop_front());
        match trouble {
            Some(Trouble::Status(status)) => return error(status, "trouble"),
            Some(Trouble::Lost) => return Answer::HangUp,
            Some(Trouble::Limited) => {
                self.book.write(|pages| pages.limited += 1);
                let reset = (now_ms() / 1_000 + 1).to_string();
                return Answer::Reply {
                    status: 429,
                    headers: vec![
                        ("ratelimit-limit", "800".into()),
                        ("ratelimit-remaining", "0".into()),
                        ("ratelimit-reset", reset),
                    ],
                    body: json!({ "status": 429, "message": "Too Many Requests" }),
                };
            }
            Some(Trouble::DoneAndLost) | None => {}
        }
        let answer = self.done(ask, path, query);
        if matches!(trouble, Some(Trouble::DoneAndLost)) { Answer::HangUp } else { answer }
    }

    fn done(&self, ask: &Ask, path: &str, query: &HashMap<String, String>) -> Answer {
        let is = |name: &str, value: &str| query.get(name).is_some_and(|own| own == value);
        let own = is("broadcaster_id", CHANNEL) && is("moderator_id", BOT);
        let body = ask.json().unwrap_or_default();
        let needs = match path {
            "moderation/chat" => SCOPES[2],
            "moderation/bans" => SCOPES[3],
            "moderation/warnings" => SCOPES[4],
            "moderation/shield_mode" => SCOPES[5],
            "moderation/blocked_terms" => SCOPES[6],
            _ => SCOPES[1],
        };
        if !self.book.read(|pages| pages.scopes.contains(&needs)) {
            return error(401, &format!("Missing scope: {needs}"));
        }
        match (ask.method.as_str(), path) {
            ("DELETE", "moderation/chat") if own && query.len() == 3 => {
                let id = query.get("message_id").cloned().unwrap_or_default();
                self.delete(id)
            }
            ("POST", "moderation/bans") if own && query.len() == 2 => {
                let data = &body["data"];
                let duration = data.get("duration");
                let sane =
                    duration.is_none_or(|d| (1..=1_209_600).contains(&d.as_u64().unwrap_or(0)));
                if !sane || data["reason"].as_str().is_none_or(|reason| reason.len() > 500) {
                    self.wrong(format!("ban: {body}"));
                    return error(400, "bad request");
                }
                let what = if duration.is_some() { "time_out" } else { "ban" };
                self.note(what, data["user_id"].as_str().unwrap_or_default(), data.clone());
                Answer::json(200, json!({ "data": [{}] }))
            }
            ("POST", "moderation/warnings") if own && query.len() == 2 => {
                let user = body["data"]["user_id"].as_str().unwrap_or_default().to_owned();
                self.note("warn", &user, body["data"].clone());
                Answer::json(200, json!({ "data": [{}] }))
            }
            ("GET", "moderation/shield_mode") if own && query.len() == 2 => {
                let is_active = self.book.read(|pages| pages.shield);
                Answer::json(200, json!({ "data": [{ "is_active": is_active }] }))
            }
            ("PUT", "moderation/shield_mode") if own && query.len() == 2 => {
                let Some(on) = body["is_active"].as_bool() else {
                    self.wrong(format!("shield: {body}"));
                    return error(400, "bad request");
                };
                self.book.write(|pages| pages.shield = on);
                self.note(if on { "shield_on" } else { "shield_off" }, CHANNEL, Value::Null);
                Answer::json(200, json!({ "data": [{ "is_active": on }] }))
            }
            ("POST", "moderation/blocked_terms") if own && query.len() == 2 => self.block(&body),
            ("DELETE", "moderation/blocked_terms") if own && query.len() == 3 => {
                let id = query.get("id").cloned().unwrap_or_default();
                match self.book.write(|pages| pages.blocked.remove(&id)) {
                    Some((_, text)) => self.note("unblock", &text, Value::Null),
                    None => return error(404, "the blocked term was not found"),
                }
                Answer::json(204, Value::Null)
            }
            ("POST", "moderation/automod/message") if query.is_empty() => self.automod(&body),
            (method, path) => {
                self.wrong(format!("{method} {path} {query:?}"));
                error(400, "bad request")
            }
        }
    }

    fn delete(&self, id: String) -> Answer {
        self.book.write(|pages| {
            if !pages.said.contains_key(&id) || pages.deleted.contains(&id) {
                return error(404, "the message was not found");
            }
            pages.deleted.push(id.clone());
            let done = Done { what: "delete", id, detail: Value::Null, at: Instant::now() };
            pages.done.push(done);
            Answer::json(204, Value::Null)
        })
    }

    fn block(&self, body: &Value) -> Answer {
        let text = body["text"].as_str().unwrap_or_default().to_owned();
        if !(2..=500).contains(&text.chars().count()) {
            self.wrong(format!("blocked term: {body}"));
            return error(400, "the term is too short or too long");
        }
        // The same again is what was there before.
        let known = self.book.read(|pages| {
            let known = pages.blocked.iter().find(|(_, (_, own))| *own == text);
            known.map(|(id, (by, _))| (id.clone(), by.clone()))
        });
        let (id, by) = known.unwrap_or_else(|| {
            let id = self.fresh("term");
            let term = (BOT.to_owned(), text.clone());
            self.book.write(|pages| pages.blocked.insert(id.clone(), term));
            self.note("block", &text, Value::Null);
            (id, BOT.to_owned())
        });
        let term = json!({
            "broadcaster_id": CHANNEL, "moderator_id": by, "id": id, "text": text,
            "created_at": rfc3339(now_ms()), "updated_at": rfc3339(now_ms()), "expires_at": null,
        });
        Answer::json(200, json!({ "data": [term] }))
    }

    fn automod(&self, body: &Value) -> Answer {
        let id = body["msg_id"].as_str().unwrap_or_default().to_owned();
        let state = match body["action"].as_str() {
            Some("ALLOW") => Held::Allowed,
            Some("DENY") => Held::Denied,
            _ => Held::Waiting,
        };
        if body["user_id"] != BOT || state == Held::Waiting {
            self.wrong(format!("automod: {body}"));
            return error(400, "bad request");
        }
        let (done, answer) = self.book.write(|pages| match pages.held.get_mut(&id) {
            None => (false, error(404, "the message was not found")),
            Some((Held::Waiting, _)) => {
                pages.held.get_mut(&id).expect("it is held").0 = state;
                let what = if state == Held::Allowed { "allow" } else { "deny" };
                let done = Done { what, id: id.clone(), detail: Value::Null, at: Instant::now() };
                pages.done.push(done);
                (true, Answer::json(204, Value::Null))
            }
            Some(_) => (false, error(400, "The message has already been processed")),
        });
        if done {
            self.update(&id, if state == Held::Allowed { "approved" } else { "denied" });
        }
        answer
    }

    fn note(&self, what: &'static str, id: &str, detail: Value) {
        let done = Done { what, id: id.to_owned(), detail, at: Instant::now() };
        self.book.write(|pages| pages.done.push(done));
    }
}
