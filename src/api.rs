//! Serves programs: verdicts, what is held, and what was decided, by HTTP.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    routing::{get, post},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    accounts::{Scope, Token},
    doors::{Doors, Failure},
};

pub mod answer;
mod caller;
mod decisions;
mod events;
mod feed;
mod holds;
mod hook;
mod judge;
mod openai;
mod perspective;
mod problem;
mod reading;
mod sentences;
mod told;
pub mod webhooks;

use problem::Problem;

/// What every route of the API needs; cheap to clone.
#[derive(Clone)]
struct Api {
    doors: Doors,
    requests: Arc<Semaphore>,
    /// Programs that listen at once.
    streams: Arc<Semaphore>,
    hooks: hook::Hooks,
    /// The first route, whose policy judges; without one the fallback does.
    route: Arc<str>,
}

/// The API's routes; they share the console's port.
pub fn router(doors: Doors) -> Router {
    let requests = Arc::new(Semaphore::new(doors.config.api.requests_max));
    let streams = Arc::new(Semaphore::new(doors.config.api.streams_max));
    let hooks = hook::Hooks::open(&doors);
    let route = doors.config.route.first().map_or("", |route| route.name()).into();
    let wrong_method = || async {
        let message = "this is answered to POST";
        Problem(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method", message))
    };
    Router::new()
        .route("/v1/judge", post(judge::judge).fallback(wrong_method))
        .route("/v1/holds", get(holds::list))
        .route("/v1/holds/{id}", get(holds::one))
        .route("/v1/holds/{id}/{act}", post(holds::act))
        .route("/v1/decisions/{id}", get(decisions::decision))
        .route("/v1/events", get(events::events))
        .route("/v1/hook/{name}", post(hook::ask))
        .merge(perspective::routes())
        .merge(openai::routes())
        .with_state(Api { doors, requests, streams, hooks, route })
}

impl Api {
    /// Who calls, if the token is one of this Tidegate's and opens `scope`.
    async fn permit(&self, headers: &HeaderMap, scope: Scope) -> Result<Token, Failure> {
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
        if !token.scopes.contains(&scope) {
            let message = format!("this token may not {}", scope.name());
            return Err(Failure::new(StatusCode::FORBIDDEN, "scope", message));
        }
        Ok(token)
    }

    /// A place among the requests that are worked on at once.
    fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.requests.try_acquire().map_err(|_| {
            self.doors.settler.metrics.discard("api_requests");
            let message = "too many requests at once";
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
            failure.after(Duration::from_secs(1))
        })
    }
}
