//! Logs moderators in and out, and tells the page who is looking.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, Console};
use crate::{
    accounts::{AccountError, Attempt, COOKIE_NAMES, Role, Session},
    doors::{Failure, client, read_json},
};

/// The lengths of a time-out that the page offers: a breath, a break, an hour, a day.
const TIME_OUTS_S: [u64; 4] = [60, 600, 3600, 86_400];
/// How long what is allowed or trusted lasts: an hour, a long stream, until it is lifted.
const LASTING_S: [Option<u64>; 3] = [Some(3600), Some(43_200), None];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    password: String,
    /// Of the second factor.
    #[serde(default)]
    code: Option<String>,
}

pub async fn log_in(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<Response, Failure> {
    let from = client(&request, &console.doors.config.console.proxies);
    let headers = request.headers().clone();
    let Credentials { name, password, code } = read_json(request, BODY_BYTES_MAX).await?;
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let attempt = Attempt {
        name: &name,
        password: &password,
        code: code.as_deref(),
        from,
        agent: agent.unwrap_or_default(),
        // A secret that was there before the login is worthless after it: it may be an attacker's.
        rotated: console.guard.secret(&headers),
    };
    let login = match console.doors.accounts.log_in(attempt).await {
        Ok(login) => login,
        Err(error) => {
            let wrong = |error: &AccountError| {
                use AccountError::{Code, Locked, Refused};
                matches!(error, Refused | Code | Locked(_))
            };
            if wrong(&error) {
                tracing::warn!(%from, %error, "a login failed");
                console.doors.settler.metrics.login("refused");
            }
            return Err(error.into());
        }
    };
    console.doors.settler.metrics.login("ok");
    tracing::info!(name = login.session.name, %from, "logged in");
    let seconds = u64::from(console.doors.config.console.session_hours) * 3600;
    let cookie = cookie(&console, &headers, &login.secret, seconds);
    Ok(([(header::SET_COOKIE, cookie)], Json(about(&console, &login.session))).into_response())
}

pub async fn log_out(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if let Some(secret) = console.guard.secret(&headers) {
        console.doors.accounts.log_out(secret).await?;
    }
    let cookie = cookie(&console, &headers, "", 0);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

pub async fn me(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Viewer).await?;
    Ok(Json(about(&console, &session)))
}

fn about(console: &Console, session: &Session) -> Value {
    json!({
        "name": session.name,
        // The highest that they have anywhere; each message says whether they may decide it.
        "role": session.rights.highest(),
        "everywhere": session.rights.role,
        "places": session.rights.places,
        "may_decide": session.has(Role::Moderator),
        "expires_ms": session.expires_ms,
        "undo_ms": console.doors.config.hold.undo_ms,
        "time_outs_s": TIME_OUTS_S,
        "lasting_s": LASTING_S,
    })
}

fn cookie(console: &Console, headers: &HeaderMap, secret: &str, seconds: u64) -> String {
    let secure = console.guard.secure(headers);
    let [plain, bound] = COOKIE_NAMES;
    let name = if secure { bound } else { plain };
    let end = if secure { "; Secure" } else { "" };
    format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{end}")
}
