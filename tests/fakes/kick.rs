//! Plays Kick: signs webhooks, sends them again, rotates tokens, and is strict about its API.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{body::Body, http::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio_rustls::rustls::{
    SignatureScheme, crypto::ring::sign::any_supported_type, sign::SigningKey,
};

use crate::common::try_http;
use crate::media::{Asked, Fake, Mishap, Shared, Tokens, broken, json, serve, time};

pub const CHANNEL: u64 = 123_456_789;
/// As often as Kick tries.
const TRIES: u32 = 3;

pub struct State {
    pub tokens: Tokens,
    pub scope: String,
    pub refresh: String,
    /// The key that is published, in PEM.
    pub key: String,
    pub subscribed: Vec<String>,
    pub keys_asked: u32,
}

/// What a test does to a delivery.
#[derive(Clone, Default)]
pub struct Forged {
    pub id: Option<String>,
    /// Seconds from now.
    pub age: i64,
    pub body: Option<String>,
    pub signature: Option<String>,
    pub other_key: bool,
}

pub struct Kick {
    pub shared: Fake<State>,
    pub address: SocketAddr,
    pub webhook: SocketAddr,
    keys: [Arc<dyn SigningKey>; 2],
    count: AtomicU64,
}

fn key(name: &str) -> Arc<dyn SigningKey> {
    let file = format!("tests/data/keys/{name}.pem");
    let key = PrivateKeyDer::from_pem_file(file).expect("a key");
    any_supported_type(&key).expect("an RSA key")
}

pub fn public(name: &str) -> String {
    std::fs::read_to_string(format!("tests/data/keys/{name}.pub.pem")).expect("a key")
}

impl Kick {
    pub async fn open() -> Kick {
        let shared = Arc::new(Shared::new(State {
            tokens: Tokens::new(u32::MAX),
            scope: "events:subscribe moderation:ban moderation:chat_message:manage".into(),
            refresh: "refresh-0".into(),
            key: public("test-only"),
            subscribed: Vec::new(),
            keys_asked: 0,
        }));
        let own = shared.clone();
        let address = serve(move |asked| answer(&own, &asked)).await;
        // Free a moment ago; the bot binds it.
        let webhook = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let webhook = webhook.expect("a free port");
        let keys = [key("test-only"), key("test-only-other")];
        Kick { shared, address, webhook, keys, count: AtomicU64::new(0) }
    }

    /// Until the bot listens: it subscribes after that.
    pub async fn subscribed(&self) {
        let all = |state: &State| state.subscribed.len() == 4;
        self.shared.until("a subscription", |_, state| all(state)).await;
    }

    pub fn chat(&self, sender: u64, text: &str) -> Value {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        json!({
            "message_id": format!("01978f4e-{count:08}"),
            "replies_to": null,
            "broadcaster": {
                "is_anonymous": false, "user_id": CHANNEL, "username": "owner",
                "is_verified": true, "profile_picture": "", "channel_slug": "owner",
                "identity": null,
            },
            "sender": {
                "is_anonymous": false, "user_id": sender, "username": format!("user{sender}"),
                "is_verified": false, "profile_picture": "", "channel_slug": "x",
                "identity": { "username_color": "#FF5733", "badges": [] },
            },
            "content": text, "emotes": null, "created_at": time(0),
        })
    }

    /// Delivers until it is taken, as often as Kick tries; the last status.
    pub async fn send(&self, kind: &str, body: &Value) -> StatusCode {
        let id = self.fresh_id();
        let mut status = StatusCode::IM_A_TEAPOT;
        for _ in 0..TRIES {
            let forged = Forged { id: Some(id.clone()), ..Forged::default() };
            status = self.send_as(kind, body, forged).await;
            if status == StatusCode::OK {
                break;
            }
        }
        status
    }

    fn fresh_id(&self) -> String {
        format!("01JH{:022}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Delivers once.
    pub async fn send_as(&self, kind: &str, body: &Value, forged: Forged) -> StatusCode {
        let Forged { id, age, body: other, signature, other_key } = forged;
        let (id, at) = (id.unwrap_or_else(|| self.fresh_id()), time(age));
        let body = body.to_string();
        let signer = self.keys[usize::from(other_key)]
            .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
            .expect("RSA signs so");
        let signed = signer.sign(format!("{id}.{at}.{body}").as_bytes()).expect("a signature");
        let request = Request::post("/hooks/kick")
            .header("host", "bot.example")
            .header("content-type", "application/json")
            .header("kick-event-message-id", id)
            .header("kick-event-message-timestamp", at)
            .header("kick-event-signature", signature.unwrap_or_else(|| STANDARD.encode(signed)))
            .header("kick-event-subscription-id", "s")
            .header("kick-event-type", kind)
            .header("kick-event-version", "1")
            .body(Full::new(Bytes::from(other.unwrap_or(body))))
            .expect("a request");
        let answered = try_http(self.webhook, request).await;
        answered.map_or(StatusCode::BAD_GATEWAY, |(status, ..)| status)
    }
}

fn fault(status: u16, message: &str) -> Response<Body> {
    json(status, &json!({ "data": {}, "message": message }))
}

fn answer(shared: &Fake<State>, asked: &Asked) -> Response<Body> {
    if asked.path == "/oauth/token" {
        return token(shared, asked);
    }
    let mishap = shared.mishap();
    match mishap {
        Mishap::Fails => return fault(503, "unavailable"),
        Mishap::BreaksBefore => return broken(),
        Mishap::TooFast => return fault(500, "oops"),
        Mishap::None | Mishap::BreaksAfter => {}
    }
    let lost = mishap == Mishap::BreaksAfter;
    let answer = route(shared, asked, lost);
    shared.tell();
    if lost { broken() } else { answer }
}

fn route(shared: &Fake<State>, asked: &Asked, lost: bool) -> Response<Body> {
    let path = asked.path.strip_prefix("/public/v1").unwrap_or_default();
    let may = |prefix: &str| shared.state().tokens.take(&asked.headers, prefix);
    match (asked.method.as_str(), path) {
        ("GET", "/public-key") => {
            let mut state = shared.state();
            state.keys_asked += 1;
            json(200, &json!({ "data": { "public_key": state.key }, "message": "OK" }))
        }
        (_, "/events/subscriptions") if !may("app") => fault(401, "Unauthorized"),
        ("GET", "/events/subscriptions") => listed(shared, asked),
        ("POST", "/events/subscriptions") => subscribe(shared, &asked.json()),
        _ if !may("person") => fault(401, "Unauthorized"),
        ("DELETE", path) if path.starts_with("/chat/") => delete(shared, &path[6..], lost),
        ("POST", "/moderation/bans") => ban(shared, &asked.json(), lost),
        (method, path) => {
            shared.complain(format!("there is no {method} {path}"));
            fault(404, "Not Found")
        }
    }
}

fn token(shared: &Fake<State>, asked: &Asked) -> Response<Body> {
    let form = asked.form();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if field("client_id") != "the app" || field("client_secret") != "hush&hush=" {
        return json(401, &json!({ "error": "invalid_client" }));
    }
    let mut state = shared.state();
    match field("grant_type") {
        "client_credentials" => {
            let token = state.tokens.give("app");
            json(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }))
        }
        // Each is good once.
        "refresh_token" if field("refresh_token") == state.refresh => {
            let token = state.tokens.give("person");
            state.refresh = format!("refresh-{token}");
            let answer = json!({
                "access_token": token, "token_type": "Bearer", "expires_in": "7200",
                "refresh_token": state.refresh, "scope": state.scope,
            });
            json(200, &answer)
        }
        other => {
            shared.complain(format!("no token for {other}: {}", field("refresh_token")));
            json(400, &json!({ "error": "invalid_grant" }))
        }
    }
}

fn listed(shared: &Fake<State>, asked: &Asked) -> Response<Body> {
    if asked.pairs.get("broadcaster_user_id") != Some(&CHANNEL.to_string()) {
        shared.complain(format!("subscriptions of {:?}", asked.pairs));
    }
    let state = shared.state();
    let all: Vec<_> = state
        .subscribed
        .iter()
        .map(|event| {
            json!({ "id": "s", "app_id": "a", "event": event, "version": 1, "method": "webhook",
                "broadcaster_user_id": CHANNEL, "created_at": time(0), "updated_at": time(0) })
        })
        .collect();
    json(200, &json!({ "data": all, "message": "OK" }))
}

fn subscribe(shared: &Fake<State>, body: &Value) -> Response<Body> {
    let events = body["events"].as_array().cloned().unwrap_or_default();
    let strange = events.iter().any(|event| event["version"] != 1 || !event["name"].is_string());
    if body["method"] != "webhook" || body["broadcaster_user_id"] != CHANNEL || strange {
        shared.complain(format!("a strange subscription: {body}"));
        return fault(400, "Invalid request");
    }
    let mut state = shared.state();
    let mut made = Vec::new();
    for name in events.iter().filter_map(|event| event["name"].as_str()) {
        if state.subscribed.iter().any(|one| one == name) {
            shared.complain(format!("{name} is subscribed to twice"));
        }
        state.subscribed.push(name.to_owned());
        made.push(json!({ "name": name, "version": 1, "subscription_id": "s", "error": "" }));
    }
    json(200, &json!({ "data": made, "message": "OK" }))
}

fn delete(shared: &Fake<State>, id: &str, lost: bool) -> Response<Body> {
    if !shared.state().scope.contains("moderation:chat_message:manage") {
        return fault(403, "Forbidden");
    }
    let was_there = !shared.ids("delete").iter().any(|one| one == id);
    shared.done("delete", id, Value::Null, lost);
    if was_there { json(204, &Value::Null) } else { fault(404, "Not Found") }
}

fn ban(shared: &Fake<State>, body: &Value, lost: bool) -> Response<Body> {
    let fields = ["broadcaster_user_id", "user_id", "reason", "duration"];
    let known = body.as_object().is_some_and(|all| all.keys().all(|k| fields.contains(&&**k)));
    let minutes = body.get("duration").map(|duration| duration.as_u64());
    let fits = minutes.is_none_or(|minutes| minutes.is_some_and(|n| (1..=10_080).contains(&n)));
    let reason = body["reason"].as_str().map_or(0, str::len);
    let user = body["user_id"].as_u64();
    if !known || !fits || reason > 100 || user.is_none() || body["broadcaster_user_id"] != CHANNEL {
        shared.complain(format!("a strange ban: {body}"));
        return fault(400, "Invalid request");
    }
    if !shared.state().scope.contains("moderation:ban") {
        return fault(403, "Forbidden");
    }
    shared.done("ban", &user.unwrap_or_default().to_string(), body.clone(), lost);
    json(200, &json!({ "data": {}, "message": "OK" }))
}
