//! Lets people look after their own account: where they are logged in, password, second factor.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Console};
use crate::{
    accounts::{Role, Session},
    doors::{Failure, client, read_json},
    message::now_ms,
};

/// The browsers that are logged in by this account, and whether it has a second factor.
pub async fn account(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    console.own(&headers, &session).await.map(Json)
}

/// Ends one session, or with `others` all but this one.
pub async fn end(
    State(console): State<Console>,
    Path(seat): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    let secret = console.guard.secret(&headers).unwrap_or_default();
    let seat = (seat != "others").then_some(seat.as_str());
    console.doors.accounts.end_seats(&session.name, seat, secret).await?;
    console.own(&headers, &session).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passwords {
    old: String,
    new: String,
}

/// Changes the password and ends all other sessions.
pub async fn password(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.need(request.headers(), Role::Viewer).await?;
    let (from, headers) = (console.client(&request), request.headers().clone());
    let Passwords { old, new } = read_json(request, BODY_BYTES_MAX).await?;
    let accounts = &console.doors.accounts;
    accounts.confirm(&session.name, &old, from).await?;
    let secret = console.guard.secret(&headers).unwrap_or_default();
    accounts.set_password(&session.name, &new, secret).await?;
    console.note_by(("", ""), "has a new password".to_owned(), &session.name);
    console.own(&headers, &session).await.map(Json)
}

/// A secret for an authenticator, which counts only when a code of it comes back.
pub async fn set_up(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    Ok(Json(json!(console.doors.accounts.set_up_factor(&session.name)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Factor {
    password: String,
    /// Not needed to switch it off.
    #[serde(default)]
    secret: String,
    #[serde(default)]
    code: String,
}

/// `on` or `off`.
pub async fn factor(
    State(console): State<Console>,
    Path(act): Path<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.need(request.headers(), Role::Viewer).await?;
    let (from, headers) = (console.client(&request), request.headers().clone());
    let Factor { password, secret, code } = read_json(request, BODY_BYTES_MAX).await?;
    let accounts = &console.doors.accounts;
    accounts.confirm(&session.name, &password, from).await?;
    match act.as_str() {
        "on" => accounts.add_factor(&session.name, &secret, &code).await?,
        "off" => accounts.remove_factor(&session.name).await?,
        _ => return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here")),
    }
    console.note_by(("", ""), format!("second factor {act}"), &session.name);
    console.own(&headers, &session).await.map(Json)
}

impl Console {
    async fn own(&self, headers: &HeaderMap, session: &Session) -> Result<Value, Failure> {
        let accounts = &self.doors.accounts;
        let secret = self.guard.secret(headers).unwrap_or_default();
        let person = accounts.person(&session.name).await?;
        let seats = accounts.seats(&session.name, secret).await?;
        Ok(json!({
            "now_ms": now_ms(),
            "name": person.name,
            "role": person.rights.role,
            "places": person.rights.places,
            "second_factor": person.second_factor,
            "seats": seats,
        }))
    }

    /// Who asks, as far as the network says.
    fn client(&self, request: &Request<Body>) -> std::net::IpAddr {
        client(request, &self.doors.config.console.proxies)
    }
}
