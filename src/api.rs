//! Serves programs: verdicts, what is held, and what was decided, by HTTP.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    middleware,
    routing::{delete, get, post, put},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use crate::{
    accounts::{Scope, Token, secret},
    config::ApiConfig,
    doors::{Doors, Failure, Pace, marks},
};

pub mod answer;
mod appeals;
mod caller;
mod cors;
mod decisions;
mod decrees;
mod events;
mod feed;
mod holds;
mod hook;
mod judge;
mod keys;
mod name;
mod openai;
mod openapi;
mod perspective;
mod problem;
mod reading;
mod routes;
mod senders;
mod sentences;
mod shields;
mod together;
mod told;
pub mod webhooks;

use caller::bearer;
use keys::Keys;
use routes::Routes;

pub use {openapi::document, routes::Served};

/// What every route of the API needs; cheap to clone.
#[derive(Clone)]
struct Api {
    doors: Doors,
    requests: Arc<Semaphore>,
    /// Programs that listen at once.
    streams: Arc<Semaphore>,
    hooks: hook::Hooks,
    /// Texts that wait for the model beside those that are being judged.
    scoring: Arc<Semaphore>,
    pace: Arc<Pace>,
    keys: Keys,
    /// The first route, whose policy judges; without one the fallback does.
    route: Arc<str>,
}

/// The API's routes; they share the console's port.
pub fn router(doors: Doors) -> Router {
    let requests = Arc::new(Semaphore::new(doors.config.api.requests_max));
    let streams = Arc::new(Semaphore::new(doors.config.api.streams_max));
    let hooks = hook::Hooks::open(&doors);
    let route = doors.config.route.first().map_or("", |route| route.name()).into();
    let scoring = Arc::new(Semaphore::new((doors.config.score.queue_max / 4).max(1)));
    let pace = Arc::new(pace(&doors.config.api));
    let keys = Keys::new(&doors.config.api);
    let api = Api { doors, requests, streams, scoring, hooks, pace, keys, route };
    routes().router(&api).with_state(api).layer(middleware::from_fn(marks::mark))
}

/// The pace of tokens, known by their digests.
fn pace(config: &ApiConfig) -> Pace {
    let cost = match config.requests_per_second {
        0 => Duration::ZERO,
        rate => Duration::from_secs(1) / rate,
    };
    Pace::new(cost, config.requests_burst, config.paces_max)
}

/// Everything that is served, to be held against the description.
pub fn served() -> Vec<Served> {
    routes().served()
}

fn routes() -> Routes {
    let routes = Routes::default()
        .own("get", "/v1/openapi.json", get(openapi::openapi))
        .own("post", "/v1/judge", post(judge::judge))
        .own("get", "/v1/holds", get(holds::list))
        .own("get", "/v1/holds/{id}", get(holds::one))
        .act("post", "/v1/holds/{id}/release", post(holds::release))
        .act("post", "/v1/holds/{id}/remove", post(holds::remove))
        .act("post", "/v1/holds/{id}/time-out", post(holds::time_out))
        .act("post", "/v1/holds/{id}/undo", post(holds::undo))
        .act("post", "/v1/holds/{id}/ban", post(decrees::ban_with))
        .act("post", "/v1/holds/{id}/trust", post(decrees::trust_with))
        .act("post", "/v1/holds/{id}/allow", post(decrees::allow_with))
        .own("get", "/v1/decrees", get(decrees::list))
        .act("delete", "/v1/decrees/{id}", delete(decrees::lift))
        .own("get", "/v1/decisions/{id}", get(decisions::decision))
        .own("get", "/v1/decisions/{id}/appeal", get(appeals::state))
        .act("post", "/v1/decisions/{id}/appeal", post(appeals::appeal))
        .own("get", "/v1/events", get(events::events))
        .own("post", "/v1/hook/{name}", post(hook::ask))
        .act("post", "/v1/hook/{name}/withdraw", post(hook::withdraw))
        .own("get", "/v1/senders/{channel}/{sender}", get(senders::one))
        .act("post", "/v1/senders/{channel}/{sender}/forgive", post(senders::forgive))
        .act("post", "/v1/senders/{channel}/{sender}/time-out", post(senders::time_out))
        .act("delete", "/v1/senders/{channel}/{sender}/time-out", delete(senders::lift))
        .act("post", "/v1/senders/{channel}/{sender}/permit", post(senders::permit))
        .act("post", "/v1/senders/{channel}/{sender}/ban", post(decrees::ban))
        .act("post", "/v1/senders/{channel}/{sender}/unban", post(decrees::unban))
        .act("post", "/v1/senders/{channel}/{sender}/trust", post(decrees::trust))
        .act("post", "/v1/senders/{channel}/{sender}/untrust", post(decrees::untrust))
        .own("get", "/v1/shields", get(shields::list))
        .act("put", "/v1/shields/{channel}", put(shields::on))
        .act("delete", "/v1/shields/{channel}", delete(shields::off));
    openai::routes(perspective::routes(routes))
}

impl Api {
    /// Who calls, if the token is one of this Tidegate's, opens `scope` and does not ask too often.
    async fn permit(&self, headers: &HeaderMap, scope: Scope) -> Result<Token, Failure> {
        let token = self.known(headers, scope).await?;
        self.paced(&secret::digest(bearer(headers).unwrap_or_default()))?;
        Ok(token)
    }

    /// The same, however often it asks.
    async fn known(&self, headers: &HeaderMap, scope: Scope) -> Result<Token, Failure> {
        let token = self.token(headers).await?;
        if !token.scopes.contains(&scope) {
            tracing::warn!(name = token.name, needs = scope.name(), "a scope did not suffice");
            let message = format!("this token may not {}", scope.name());
            return Err(Failure::new(StatusCode::FORBIDDEN, "scope", message));
        }
        Ok(token)
    }

    /// Who calls, whatever they may do.
    async fn token(&self, headers: &HeaderMap) -> Result<Token, Failure> {
        let token = match bearer(headers) {
            Some(secret) => self.doors.accounts.token(secret).await?,
            None => None,
        };
        token.ok_or_else(|| {
            let message = "send `Authorization: Bearer` with a token of this Tidegate";
            Failure::new(StatusCode::UNAUTHORIZED, "token", message)
        })
    }

    /// Takes one request of a token, known by its digest.
    fn paced(&self, token: &str) -> Result<(), Failure> {
        self.pace.take(token, Instant::now()).map_err(|wait| {
            self.doors.settler.metrics.discard("api_rate");
            let rate = self.doors.config.api.requests_per_second;
            let message = format!("a token may ask {rate} times a second");
            Failure::new(StatusCode::TOO_MANY_REQUESTS, "rate", message).after(wait)
        })
    }

    /// A place among the requests that are worked on at once. It is taken when the body is there:
    /// whoever sends slowly keeps nobody out.
    fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.place_of(&self.requests, "api_requests")
    }

    /// A place among others that are as many as may be; `reason` is what is counted where they are.
    fn place_of<'a>(
        &self,
        places: &'a Semaphore,
        reason: &'static str,
    ) -> Result<SemaphorePermit<'a>, Failure> {
        places.try_acquire().map_err(|_| {
            self.doors.settler.metrics.discard(reason);
            let message = "too many requests at once";
            let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
            failure.after(Duration::from_secs(1))
        })
    }
}
