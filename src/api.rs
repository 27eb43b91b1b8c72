//! Serves programs: a verdict for a text, by HTTP.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    accounts::Scope,
    doors::{Doors, Failure, read_json},
    message::{Language, Message, Sender, now_ms},
};

pub mod answer;

use answer::Answer;

#[derive(Clone)]
struct Api {
    doors: Doors,
    requests: Arc<Semaphore>,
    /// The first route, whose policy judges; without one the fallback does.
    route: Arc<str>,
}

/// The API's routes; they share the console's port.
pub fn router(doors: Doors) -> Router {
    let requests = Arc::new(Semaphore::new(doors.config.api.requests_max));
    let route = doors.config.route.first().map_or("", |route| route.name()).into();
    let wrong_method = || async {
        let message = "this is answered to POST";
        Problem(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method", message))
    };
    Router::new().route("/v1/judge", post(judge).fallback(wrong_method)).with_state(Api {
        doors,
        requests,
        route,
    })
}

/// One message, or several below `messages`. Unknown keys are ignored: the same objects fit
/// `tidegate judge`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Question {
    Several { messages: Vec<Value> },
    One(Asked),
}

#[derive(Deserialize)]
struct Asked {
    /// Echoed as it came.
    #[serde(default)]
    id: Value,
    text: String,
    /// Told apart for what is remembered of a sender.
    #[serde(default)]
    channel: Value,
    /// Without it the message leaves no trace and knows of none.
    #[serde(default)]
    user: Value,
    /// `true`, or the language: the answer says why.
    #[serde(default)]
    explain: Explain,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Explain {
    In(Language),
    Yes(bool),
    #[default]
    Unsaid,
}

impl Explain {
    fn language(&self) -> Option<Language> {
        match self {
            Explain::In(language) => Some(*language),
            Explain::Yes(true) => Some(Language::default()),
            Explain::Yes(false) | Explain::Unsaid => None,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Line {
    Judged(Answer),
    Bad { id: Value, error: String },
}

async fn judge(State(api): State<Api>, request: Request<Body>) -> Result<Response, Problem> {
    api.permit(request.headers()).await?;
    let Ok(_place) = api.requests.try_acquire() else {
        api.doors.metrics.discard("api_requests");
        let failure =
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many requests at once");
        return Err(failure.after(Duration::from_secs(1)).into());
    };
    let limits = &api.doors.config.api;
    match read_json(request, limits.body_bytes_max).await? {
        Question::One(asked) => match api.line(asked).await {
            Line::Judged(answer) => Ok(Json(answer).into_response()),
            Line::Bad { error, .. } => {
                Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "text", error).into())
            }
        },
        Question::Several { messages } if messages.len() > limits.messages_max => {
            let message = format!("{} messages are the most in one request", limits.messages_max);
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", message).into())
        }
        Question::Several { messages } => {
            let mut lines = Vec::with_capacity(messages.len());
            for message in messages {
                lines.push(api.line_of(message).await);
                // A long request must not keep the chat from the thread.
                tokio::task::yield_now().await;
            }
            Ok(Json(json!({ "messages": lines })).into_response())
        }
    }
}

impl Api {
    async fn permit(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, secret) = value.and_then(|v| v.split_once(' ')).unwrap_or_default();
        let token = match scheme.eq_ignore_ascii_case("bearer") {
            true => self.doors.accounts.token(secret.trim()).await?,
            false => None,
        };
        let Some(token) = token else {
            let message = "send `Authorization: Bearer` with a token of this Tidegate";
            return Err(Failure::new(StatusCode::UNAUTHORIZED, "token", message));
        };
        if !token.scopes.contains(&Scope::Judge) {
            let message = "this token may not judge";
            return Err(Failure::new(StatusCode::FORBIDDEN, "scope", message));
        }
        Ok(())
    }

    /// A bad line gets an answer of its own; the others are judged all the same.
    async fn line_of(&self, message: Value) -> Line {
        let id = message.get("id").cloned().unwrap_or_default();
        match serde_json::from_value(message) {
            Ok(asked) => self.line(asked).await,
            Err(error) => Line::Bad { id, error: error.to_string() },
        }
    }

    async fn line(&self, asked: Asked) -> Line {
        let bytes_max = self.doors.config.limits.message_bytes_max;
        if asked.text.len() > bytes_max {
            let error = format!("a text may have {bytes_max} bytes");
            return Line::Bad { id: asked.id, error };
        }
        let user = plain(&asked.user);
        let message = Message {
            route: self.route.clone(),
            channel: plain(&asked.channel),
            sender: Sender { id: user.clone(), name: user, roles: Vec::new() },
            id: None,
            text: asked.text,
            at_ms: now_ms(),
            ..Message::default()
        };
        let (pipeline, explain) = (&self.doors.pipeline, asked.explain.language());
        Line::Judged(answer::judge(pipeline, &message, asked.id, explain).await)
    }
}

/// A name that was given as a string or, as ids often are, as a number.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A failure in the shape of RFC 9457.
struct Problem(Failure);

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem(failure)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem(failure) = self;
        let body = json!({
            // No page describes the error, so the status alone is its type.
            "type": "about:blank",
            "title": failure.status.canonical_reason(),
            "status": failure.status.as_u16(),
            "detail": failure.message,
            "error": failure.error,
        });
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (failure.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(wait) = failure.retry_header() {
            headers.insert(header::RETRY_AFTER, wait);
        }
        if failure.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
