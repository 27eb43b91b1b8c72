//! Describes the Perspective-shaped methods to clients that build themselves from a description.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::fault::Fault;
use crate::{
    api::Api,
    doors::{Hosts, hosts::single},
};

/// In the format of Google's discovery service; the place where all of it is answered is filled in.
const DOCUMENT: &str = include_str!("discovery.json");
const PLACE: &str = "http://place.invalid/";

/// At the address that other services share: this is told from them by its version.
pub(in crate::api) async fn any(
    state: State<Api>,
    request: Request<Body>,
) -> Result<Response, Fault> {
    let query = request.uri().query().unwrap_or_default();
    let version = query.split('&').find_map(|pair| pair.strip_prefix("version="));
    if version.is_some_and(|version| version != "v1alpha1") {
        let message = "Discovery document not found: the version here is v1alpha1.";
        return Err(Fault::new(StatusCode::NOT_FOUND, "NOT_FOUND", message));
    }
    this(state, request).await
}

pub(in crate::api) async fn this(
    State(api): State<Api>,
    request: Request<Body>,
) -> Result<Response, Fault> {
    let config = &api.doors.config;
    let host = single(request.headers(), &header::HOST).unwrap_or_default();
    // Whatever is sent here goes to this host from now on, key and comments with it.
    if !Hosts::new(config).knows(host) {
        let message = "Tidegate is not reached by that name; see `console.hosts` in its settings.";
        return Err(Fault::new(StatusCode::MISDIRECTED_REQUEST, "INVALID_ARGUMENT", message));
    }
    let forwarded = request.headers().get("x-forwarded-proto");
    let tls = config.listen.tls_cert.is_some() || forwarded.is_some_and(|to| to == "https");
    let scheme = if tls { "https" } else { "http" };
    let document = DOCUMENT.replace(PLACE, &format!("{scheme}://{host}/"));
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], document).into_response())
}
