//! Serves programs: verdicts, what is held, and what was decided, by HTTP.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
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
mod holds;
mod judge;
mod openai;
mod openapi;
mod perspective;
mod problem;
mod reading;
mod routes;
mod senders;
mod sentences;
mod shields;

use routes::Routes;

pub use {openapi::document, routes::Served};

/// What every route of the API needs; cheap to clone.
#[derive(Clone)]
struct Api {
    doors: Doors,
    requests: Arc<Semaphore>,
    /// Programs that listen at once.
    streams: Arc<Semaphore>,
    /// The first route, whose policy judges; without one the fallback does.
    route: Arc<str>,
}

/// The API's routes; they share the console's port.
pub fn router(doors: Doors) -> Router {
    let requests = Arc::new(Semaphore::new(doors.config.api.requests_max));
    let streams = Arc::new(Semaphore::new(doors.config.api.streams_max));
    let route = doors.config.route.first().map_or("", |route| route.name()).into();
    routes().router().with_state(Api { doors, requests, streams, route })
}

/// Everything that is served, to be held against the description.
pub fn served() -> Vec<Served> {
    routes().served()
}

fn routes() -> Routes {
    let routes = Routes::default()
        .get("/v1/openapi.json", openapi::openapi)
        .post("/v1/judge", judge::judge)
        .get("/v1/holds", holds::list)
        .get("/v1/holds/{id}", holds::one)
        .post("/v1/holds/{id}/release", holds::release)
        .post("/v1/holds/{id}/remove", holds::remove)
        .post("/v1/holds/{id}/time-out", holds::time_out)
        .post("/v1/holds/{id}/undo", holds::undo)
        .get("/v1/decisions/{id}", decisions::decision)
        .get("/v1/events", events::events)
        .get("/v1/senders/{channel}/{sender}", senders::one)
        .post("/v1/senders/{channel}/{sender}/forgive", senders::forgive)
        .post("/v1/senders/{channel}/{sender}/time-out", senders::time_out)
        .post("/v1/senders/{channel}/{sender}/permit", senders::permit)
        .get("/v1/shields", shields::list)
        .put("/v1/shields/{channel}", shields::on)
        .delete("/v1/shields/{channel}", shields::off);
    openai::routes(perspective::routes(routes))
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
