//! Serves operators: whether it lives, whether it is ready, its figures, and the control door.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    accounts::{Person, Rights, Role, Scope, Token},
    audit,
    doors::{Doors, Failure, marks, read_json},
    message::now_ms,
    score::About,
};

const BODY_BYTES_MAX: usize = 8 * 1024;
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The operators' routes, on a port of their own.
///
/// `/control/*` opens only with the token in `control.json`; the rest tells nothing secret, but
/// belongs on an address that only operators reach.
pub fn router(doors: Doors) -> Router {
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/control/user", post(add_user))
        .route("/control/users", get(users))
        .route("/control/user/remove", post(remove_user))
        .route("/control/token", post(issue_token))
        .route("/control/tokens", get(tokens))
        .route("/control/tokens/revoke", post(revoke_tokens))
        .route("/control/audit", get(verify_audit))
        .route("/control/erase", post(erase))
        .route("/control/upgrade", post(upgrade))
        .fallback(|| async { Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here") })
        .layer(middleware::from_fn(marks::mark))
        .with_state(doors)
}

/// A new account, as the command sends it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    pub name: String,
    pub role: Role,
    /// The channels in which they have the role; without one they have it everywhere.
    #[serde(default)]
    pub places: Vec<(String, String)>,
    pub password: String,
    /// Gives an existing account a new role and password.
    #[serde(default)]
    pub replace: bool,
}

/// A new token, as the command sends it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// How long it is good; without it until it is taken back.
    #[serde(default)]
    pub days: Option<u32>,
}

impl NewUser {
    pub fn rights(&self) -> Rights {
        let mut rights = Rights::default();
        match self.places.is_empty() {
            true => rights.role = Some(self.role),
            false => self.places.iter().for_each(|(route, channel)| {
                rights.put(route, channel, Some(self.role));
            }),
        }
        rights
    }
}

impl NewToken {
    pub fn life(&self) -> Option<Duration> {
        self.days.map(|days| Duration::from_secs(u64::from(days) * 86_400))
    }
}

/// Whose account or tokens are meant, as the command sends it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OfName {
    pub name: String,
}

/// Whose texts are to be erased, as the command sends it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    pub route: String,
    /// The sender's id.
    pub sender: String,
}

async fn ready(State(doors): State<Doors>) -> (StatusCode, Json<Value>) {
    let store = doors.accounts.store_answers().await;
    let ready = doors.ready.is() && store;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready,
        "store": store,
        "rules": doors.settler.pipeline.rules.load().version.as_ref(),
        "model": doors.settler.pipeline.scorer.about().map(model),
    });
    (status, Json(body))
}

/// Which model runs and in what, for whoever looks after the machine.
fn model(about: About) -> Value {
    json!({
        "name": about.name,
        // The first twelve digits of the model file's SHA-256, as findings name it.
        "id": about.id.as_ref(),
        "runtime": about.runtime,
        "version": about.version,
        "library": about.library,
    })
}

async fn metrics(State(doors): State<Doors>) -> Response {
    // What goes down by itself does so when somebody looks.
    doors.settler.pipeline.scorer.overload();
    doors
        .settler
        .metrics
        .shields
        .set(doors.settler.pipeline.history.shields(now_ms()).len() as i64);
    ([(header::CONTENT_TYPE, OPENMETRICS)], doors.settler.metrics.render()).into_response()
}

async fn add_user(
    State(doors): State<Doors>,
    request: Request<Body>,
) -> Result<StatusCode, Failure> {
    permit(&doors, request.headers())?;
    let mut new: NewUser = read_json(request, BODY_BYTES_MAX).await?;
    for (route, channel) in &mut new.places {
        *channel = doors.place(route, channel)?;
    }
    doors.accounts.add(&new.name, new.rights(), &new.password, new.replace).await?;
    tracing::info!(name = new.name, role = ?new.role, "an account was written");
    Ok(StatusCode::CREATED)
}

async fn users(
    State(doors): State<Doors>,
    headers: HeaderMap,
) -> Result<Json<Vec<Person>>, Failure> {
    permit(&doors, &headers)?;
    Ok(Json(doors.accounts.list().await?))
}

async fn remove_user(
    State(doors): State<Doors>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    permit(&doors, request.headers())?;
    let OfName { name } = read_json(request, BODY_BYTES_MAX).await?;
    let removed = doors.accounts.remove(&name).await?;
    tracing::info!(name, removed, "an account was removed");
    Ok(Json(json!({ "removed": removed })))
}

async fn issue_token(
    State(doors): State<Doors>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    permit(&doors, request.headers())?;
    let new: NewToken = read_json(request, BODY_BYTES_MAX).await?;
    let secret = doors.accounts.issue_token_for(&new.name, &new.scopes, new.life()).await?;
    tracing::info!(name = new.name, "a token was issued");
    Ok((StatusCode::CREATED, Json(json!({ "token": secret }))))
}

async fn tokens(
    State(doors): State<Doors>,
    headers: HeaderMap,
) -> Result<Json<Vec<Token>>, Failure> {
    permit(&doors, &headers)?;
    Ok(Json(doors.accounts.tokens().await?))
}

async fn revoke_tokens(
    State(doors): State<Doors>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    permit(&doors, request.headers())?;
    let OfName { name } = read_json(request, BODY_BYTES_MAX).await?;
    let revoked = doors.accounts.revoke_tokens(&name).await?;
    tracing::info!(name, revoked, "tokens were taken back");
    Ok(Json(json!({ "revoked": revoked })))
}

async fn verify_audit(
    State(doors): State<Doors>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    permit(&doors, &headers)?;
    doors.settler.audit.flush().await;
    let answer = match audit::verify(doors.store.as_ref()).await {
        Ok(verified) => json!({ "ok": true, "records": verified.records }),
        Err(broken) => json!({ "ok": false, "message": broken.to_string() }),
    };
    Ok(Json(answer))
}

async fn erase(State(doors): State<Doors>, request: Request<Body>) -> Result<Json<Value>, Failure> {
    permit(&doors, request.headers())?;
    let whose: Erasure = read_json(request, BODY_BYTES_MAX).await?;
    let erased = doors.settler.holds.erase_sender(&whose.route, &whose.sender).await?;
    let chat = doors.settler.pipeline.history.chat.forget(&whose.route, &whose.sender);
    let erased = erased + chat;
    doors.settler.audit.flush().await;
    // Who it was is what they want forgotten.
    tracing::info!(route = whose.route, erased, "a sender's texts were erased");
    Ok(Json(json!({ "erased": erased })))
}

async fn upgrade(State(doors): State<Doors>, headers: HeaderMap) -> Result<Json<Value>, Failure> {
    permit(&doors, &headers)?;
    match doors.control.upgrade().await {
        Ok(pid) => Ok(Json(json!({ "pid": pid }))),
        Err(cause) => Err(Failure::new(StatusCode::CONFLICT, "not_upgraded", cause)),
    }
}

fn permit(doors: &Doors, headers: &HeaderMap) -> Result<(), Failure> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    match doors.control.opens(token) {
        true => Ok(()),
        false => {
            let message = "this door opens with the token in control.json";
            Err(Failure::new(StatusCode::UNAUTHORIZED, "token", message))
        }
    }
}
