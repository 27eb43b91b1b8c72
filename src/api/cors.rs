//! Lets pages of the origins in the settings ask from a browser, as they asked the other services.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::Api;
use crate::doors::hosts::single;

/// What such a page may read beside the body.
const SHOWN: &str = "retry-after, tidegate-model, tidegate-unscored";
/// What it may send: a star stands for all but a token where no cookie goes along.
const SENT: &str = "authorization, *";
/// How long a browser remembers that it may; what it is then answered is checked again.
const REMEMBERED_S: &str = "600";

/// Says to browsers whether the page may read the answer. Cookies never go along, so that a page
/// can do no more than whoever holds its token.
pub(super) async fn cors(State(api): State<Api>, request: Request<Body>, next: Next) -> Response {
    let origins = &api.doors.config.api.origins;
    if origins.is_empty() {
        return next.run(request).await;
    }
    let origin = single(request.headers(), &header::ORIGIN);
    let origin = origin.filter(|origin| origins.iter().any(|own| own == origin));
    let origin = origin.and_then(|origin| HeaderValue::from_str(origin).ok());
    let asks_first = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match asks_first && origin.is_some() {
        true => preflight(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    // No cache may give one page the answer of another.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
    }
    response
}

fn preflight() -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_S),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    (StatusCode::NO_CONTENT, headers).into_response()
}
