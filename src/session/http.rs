//! Passes plain HTTP through unchanged and unjudged, so that a whole chat site can stand behind.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited, combinators::BoxBody};
use hyper::{Request, Response, StatusCode, body::Incoming, header};

use super::{
    Gate,
    headers::{end_to_end, to_upstream},
    route::{Peer, Route},
    upstream::{self, UpstreamError},
};

pub type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Sends a request on to the route's upstream and streams the answer back.
pub async fn pass(
    gate: &Gate,
    route: &Route,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let limit = gate.config.listen.body_bytes_max;
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|declared| declared > limit) {
        return say(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large");
    }
    let target = route.upstream_target(request.uri());
    let headers = to_upstream(request.headers(), route, peer);
    let (parts, body) = request.into_parts();
    let mut onward = Request::new(Limited::new(body, limit));
    *onward.method_mut() = parts.method;
    *onward.headers_mut() = headers;
    match target.parse() {
        Ok(uri) => *onward.uri_mut() = uri,
        Err(_) => return say(StatusCode::BAD_REQUEST, "the path is not one"),
    }
    let wait = Duration::from_millis(gate.config.listen.handshake_ms);
    let answer = async {
        let wire = upstream::dial(&route.upstream, &gate.tls, wait).await?;
        let place = &route.upstream.authority;
        let late = || UpstreamError::Late { place: place.clone() };
        tokio::time::timeout(wait, upstream::send(wire, onward, place)).await.map_err(|_| late())?
    };
    match answer.await {
        Ok(answer) => mirror(answer),
        Err(cause) => failed(&cause),
    }
}

/// The upstream's answer as the client is to see it: same status, end-to-end headers and body.
pub fn mirror(answer: Response<Incoming>) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let mut mirrored = Response::new(body.map_err(Into::into).boxed());
    *mirrored.status_mut() = parts.status;
    *mirrored.headers_mut() = end_to_end(&parts.headers);
    mirrored
}

/// 502 or 504, with the cause in the log and not in the answer.
pub fn failed(cause: &UpstreamError) -> Response<Body> {
    tracing::warn!(%cause, "upstream failed");
    match cause {
        UpstreamError::Late { .. } => {
            say(StatusCode::GATEWAY_TIMEOUT, "the chat server did not answer in time")
        }
        UpstreamError::Unreachable { .. } => {
            say(StatusCode::BAD_GATEWAY, "the chat server cannot be reached")
        }
        UpstreamError::Misbehaved { .. } => {
            say(StatusCode::BAD_GATEWAY, "the chat server does not speak WebSocket")
        }
    }
}

/// A short answer of our own.
pub fn say(status: StatusCode, text: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from(format!("{text}\n")));
    let mut answer = Response::new(body.map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    answer
}
