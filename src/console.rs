//! Serves moderators: the page, logins, the live queue and its decisions.

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use tokio::sync::Semaphore;

use crate::{
    doors::{Doors, Failure},
    history::Duty,
};

mod appeals;
mod crowds;
mod decrees;
mod duty;
mod ended;
mod guard;
mod insights;
mod lists;
mod login;
mod looks;
mod marked;
mod own;
mod page;
mod people;
mod permit;
mod queue;
mod refunds;
mod replay;
mod sheet;
mod shown;
mod stage;
mod stream;
mod strictness;
mod trial;
mod turns;
mod view;

use ended::Ended;
use guard::Guard;
use insights::Insights;
use looks::Looks;
use trial::Trials;

/// The bodies of this door are a password, a number of seconds, a line of chat to be nuked, or the
/// ids of what is marked.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// What every route of the console needs; cheap to clone.
#[derive(Clone)]
struct Console {
    doors: Doors,
    guard: Arc<Guard>,
    streams: Arc<Semaphore>,
    /// Comparing all that is held is heavy: one at a time.
    comparing: Arc<Semaphore>,
    ended: Ended,
    changes: turns::Changes,
    trials: Arc<Trials>,
    insights: Arc<Insights>,
    looks: Looks,
    duty: Duty,
}

/// The console's routes; call it within a runtime.
///
/// The server must note the peer's address as `ConnectInfo<SocketAddr>` in each request.
pub fn router(doors: Doors) -> Router {
    let console = Console {
        guard: Arc::new(Guard::new(&doors.config)),
        streams: Arc::new(Semaphore::new(doors.config.console.streams_max)),
        comparing: Arc::new(Semaphore::new(1)),
        ended: Ended::follow(&doors.settler.holds),
        changes: turns::follow(&doors),
        trials: Arc::new(Trials::new()),
        insights: Insights::follow(&doors),
        looks: Looks::new(doors.config.console.streams_max),
        duty: duty::follow(&doors),
        doors,
    };
    page::routes()
        .merge(stage::routes())
        .route("/login", post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/join", get(page::join).post(people::join))
        .route("/api/me", get(login::me))
        .route("/api/account", get(own::account))
        .route("/api/account/seats/{seat}/end", post(own::end))
        .route("/api/account/password", post(own::password))
        .route("/api/account/factor", post(own::set_up))
        .route("/api/account/factor/{act}", post(own::factor))
        .route("/api/people", get(people::list))
        .route("/api/people/{name}/grant", post(people::grant))
        .route("/api/people/{name}/{act}", post(people::act))
        .route("/api/invitations", post(people::invite))
        .route("/api/invitations/{id}/take-back", post(people::take_back))
        .route("/api/queue", get(queue::queue))
        .route("/api/stream", get(stream::stream))
        .route("/api/holds/{id}/{act}", post(queue::act))
        .route("/api/marked", post(marked::decide))
        .route("/api/look", post(looks::look))
        .route("/api/active", post(duty::active))
        .route("/api/permits", post(permit::permit))
        .route("/api/crowds", get(crowds::crowds))
        .route("/api/shield", post(crowds::shield))
        .route("/api/slow", post(crowds::slow))
        .route("/api/nukes", post(crowds::nuke))
        .route("/api/nukes/preview", post(crowds::preview))
        .route("/api/nukes/{id}/lift", post(crowds::lift))
        .route("/api/decrees", get(decrees::list))
        .route("/api/decrees/{id}/lift", post(decrees::lift))
        .route("/api/refunds", get(refunds::refunds))
        .route("/api/refunds.csv", get(refunds::refunds_csv))
        .route("/api/lists", get(lists::all))
        .route("/api/lists/{name}", get(lists::one).post(lists::save))
        .route("/api/lists/{name}/lint", post(lists::lint))
        .route("/api/lists/{name}/{version}", get(lists::version))
        .route("/api/strictness", get(strictness::show).post(strictness::set))
        .route("/api/policies", get(trial::policies))
        .route("/api/try", post(trial::try_out))
        .route("/api/replay", post(replay::replay))
        .route("/api/insights", get(insights::insights))
        .route("/api/insights.csv", get(insights::insights_csv))
        .route("/api/appeals", get(appeals::list))
        .route("/api/appeals/{decision}/{act}", post(appeals::end))
        .route("/api/senders/pardon", post(refunds::pardon))
        .fallback(|| async { Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here") })
        .layer(middleware::from_fn_with_state(console.clone(), guard::check))
        .with_state(console)
}
