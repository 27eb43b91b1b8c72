//! Serves the page that overlays show, to this machine alone.
//!
//! It holds no secret and needs no login: it shows what the chat port would tell anybody. That it
//! is for this machine alone spares a secret in its address, which would stand in the settings of a
//! streaming program and on the screen whenever somebody shows them.

use std::fmt::Write;

use axum::{
    Json, Router,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};

use super::{
    Console,
    page::{CSS, HTML, JS, file},
};
use crate::{
    config::{Mode, RouteConfig},
    doors::{
        Failure,
        hosts::{self, single},
        place::unfit,
    },
    protocol::{self, Reader},
};

const PAGE: &str = include_str!("../../console/stage/index.html");

/// Path, type and bytes of every file but the page itself.
const FILES: &[(&str, &str, &str)] = &[
    ("/stage/stage.css", CSS, include_str!("../../console/stage/stage.css")),
    ("/stage/stage.js", JS, include_str!("../../console/stage/stage.js")),
    ("/stage/options.js", JS, include_str!("../../console/stage/options.js")),
    ("/stage/readers.js", JS, include_str!("../../console/stage/readers.js")),
    ("/stage/voice.js", JS, include_str!("../../console/stage/voice.js")),
];

/// Numbers of readers have five digits: names that nobody has, as far as one can tell.
const NUMBERS: u32 = 90_000;

pub fn routes() -> Router<Console> {
    let router = Router::new()
        .route("/stage", get(page))
        .route("/stage/", get(page))
        .route("/stage/route", get(route));
    let files = FILES.iter().fold(router, |router, (path, kind, text)| {
        router.route(path, get(async || file(kind, text)))
    });
    files.layer(middleware::from_fn(here_alone))
}

async fn here_alone(request: Request<Body>, next: Next) -> Response {
    match hosts::is_here(&request) {
        true => next.run(request).await,
        false => {
            let message =
                "the stage is shown on the machine that Tidegate runs on, and by no proxy";
            Failure::new(StatusCode::FORBIDDEN, "elsewhere", message).into_response()
        }
    }
}

/// The page, which may listen to the chat port of the host that it came from, and nothing else.
async fn page(State(console): State<Console>, headers: HeaderMap) -> Response {
    let host = single(&headers, &header::HOST).unwrap_or_default();
    let name = match hosts::without_port(host) {
        // A policy cannot name an address of version 6.
        name if name.starts_with('[') => "*",
        name => name,
    };
    let listen = &console.doors.config.listen;
    let scheme = if listen.tls_cert.is_some() { "wss" } else { "ws" };
    let mut policy = super::guard::CSP.to_owned();
    let port = listen.chat.port();
    // Writing into a String cannot fail.
    let _ = write!(policy, "; connect-src 'self' {scheme}://{name}:{port}");
    let mut response = file(HTML, PAGE);
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    route: String,
    #[serde(default)]
    channel: String,
}

/// Where the page finds the chat, and how it speaks.
#[derive(Serialize)]
struct Place {
    #[serde(flatten)]
    reader: Reader,
    port: u16,
    path: String,
    secure: bool,
}

async fn route(
    State(console): State<Console>,
    Query(asked): Query<Asked>,
) -> Result<Json<Place>, Failure> {
    let config = &console.doors.config;
    let route = chosen(&config.route, &asked.route)?;
    let channel = console.doors.place(route.name(), &asked.channel)?;
    let wrong = |cause| unfit("route", cause);
    let dialect = protocol::dialect(route).map_err(wrong)?;
    let reader = dialect.reader(&channel, number()?).map_err(|cause| unfit("channel", cause))?;
    Ok(Json(Place {
        reader,
        port: config.listen.chat.port(),
        path: route.path.clone(),
        secure: config.listen.tls_cert.is_some(),
    }))
}

/// The route of that name, or the only one there is; nothing is shown that was not judged for a
/// screen.
fn chosen<'a>(routes: &'a [RouteConfig], name: &str) -> Result<&'a RouteConfig, Failure> {
    let mut stages = routes.iter().filter(|route| route.mode == Mode::Egress);
    let named = |route: &&RouteConfig| route.name() == name;
    let found = match name.is_empty() {
        false => stages.find(named),
        true => stages.next().filter(|_| stages.next().is_none()),
    };
    found.ok_or_else(|| {
        let all = routes.iter().filter(|route| route.mode == Mode::Egress).map(RouteConfig::name);
        let all: Vec<_> = all.take(20).collect();
        let message = match all.as_slice() {
            [] => "no route has mode = \"egress\"".to_owned(),
            all => format!("add route=NAME to the address: {}", all.join(", ")),
        };
        Failure::new(StatusCode::NOT_FOUND, "unknown_route", message)
    })
}

fn number() -> Result<u32, Failure> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|cause| {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "random", cause.to_string())
    })?;
    Ok(10_000 + u32::from_le_bytes(bytes) % NUMBERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_judged_for_a_screen_is_shown() {
        let route =
            |name: &str, mode| RouteConfig { name: name.into(), mode, ..RouteConfig::default() };
        let (room, stage) = (route("room", Mode::Inline), route("stage", Mode::Egress));
        let other = route("other", Mode::Egress);
        let check = |routes: &[&RouteConfig], name: &str, expected: Option<&str>| {
            let routes: Vec<_> = routes.iter().map(|route| (*route).clone()).collect();
            let found = chosen(&routes, name).ok().map(RouteConfig::name);
            assert_eq!(found, expected, "{name:?}");
        };
        check(&[&room, &stage], "", Some("stage"));
        check(&[&room, &stage], "stage", Some("stage"));
        check(&[&room, &stage], "room", None);
        check(&[&room, &stage, &other], "", None);
        check(&[&room, &stage, &other], "other", Some("other"));
        check(&[&room], "", None);
        check(&[], "", None);
    }
}
