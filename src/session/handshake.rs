//! Answers one request: dials the upstream first, then upgrades the client.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    upgrade::Upgraded,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Gate, Session,
    deflate::{self, Deflate},
    headers::{self, BadHandshake},
    http::{self, Body, failed, mirror, say},
    leg::Leg,
    route::{self, Peer, Route},
    upstream::{self, Answer},
};
use crate::{
    config::{Compression, HttpMode},
    hold::Live,
    protocol::Seat,
};

/// A place among the connections, given back when the last of them lets go.
pub type Place = Arc<dyn Send + Sync>;

/// Answers a request on the chat port; a WebSocket one goes on as a session of its own.
pub async fn answer(
    gate: Arc<Gate>,
    peer: Peer,
    place: Place,
    request: Request<Incoming>,
) -> Response<Body> {
    if headers::is_ambiguous(&request) || !route::is_plain(request.uri().path()) {
        gate.settler.metrics.refuse("ambiguous");
        return say(StatusCode::BAD_REQUEST, "the request can be read in two ways");
    }
    let path = request.uri().path();
    let Some(route) = route::find(&gate.routes, path).cloned() else {
        gate.settler.metrics.refuse("no_route");
        return say(StatusCode::NOT_FOUND, "no route has this path");
    };
    if route.blocks(path) {
        gate.settler.metrics.refuse("blocked_path");
        return say(StatusCode::FORBIDDEN, "this path is blocked");
    }
    match headers::websocket_asked(&request) {
        None if route.config.http == HttpMode::Pass => {
            http::pass(&gate, &route, peer, request).await
        }
        None => with_header(
            say(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket"),
            header::UPGRADE,
            "websocket",
        ),
        Some(Err(wrong)) => {
            gate.settler.metrics.refuse("bad_handshake");
            refuse(wrong)
        }
        Some(Ok(())) if !route.allows_origin(request.headers()) => {
            gate.settler.metrics.refuse("origin");
            say(StatusCode::FORBIDDEN, "this origin may not open a chat here")
        }
        Some(Ok(())) => open(gate, route, peer, place, request).await,
    }
}

fn refuse(wrong: BadHandshake) -> Response<Body> {
    match wrong {
        BadHandshake::Method => say(StatusCode::METHOD_NOT_ALLOWED, "a handshake is a GET"),
        BadHandshake::Key => say(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes"),
        BadHandshake::Connection => say(StatusCode::BAD_REQUEST, "Connection does not say Upgrade"),
        BadHandshake::Version => with_header(
            say(StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken"),
            header::SEC_WEBSOCKET_VERSION,
            "13",
        ),
    }
}

fn with_header(
    mut answer: Response<Body>,
    name: header::HeaderName,
    value: &'static str,
) -> Response<Body> {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

/// Shakes hands with the upstream, then with the client, and starts relaying.
async fn open(
    gate: Arc<Gate>,
    route: Arc<Route>,
    peer: Peer,
    place: Place,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let limit = Duration::from_millis(gate.config.listen.handshake_ms);
    let target = route.upstream_target(request.uri());
    let onward = headers::to_upstream(request.headers(), &route, peer);
    let wire = match upstream::dial(&route.upstream, &gate.tls, limit).await {
        Ok(wire) => wire,
        Err(cause) => return refuse_upstream(&gate, &cause),
    };
    let offers = route.config.compression == Compression::On;
    let answer = upstream::shake_hands(wire, &route, &target, onward, limit, offers).await;
    let (mut answer, to_server) = match answer {
        Err(cause) => return refuse_upstream(&gate, &cause),
        Ok(Answer::Refused(answer)) => {
            gate.settler.metrics.refuse("upstream_refused");
            return mirror(*answer);
        }
        Ok(Answer::Upgraded(answer, deflate)) => (*answer, deflate),
    };
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return refuse(BadHandshake::Key);
    };
    let (reply, to_client) = switch(&gate, &request, key, answer.headers());
    let seat = Seat {
        route: route.name.clone(),
        mode: route.config.mode,
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        subprotocol: upstream::subprotocols(answer.headers()).into_iter().next(),
    };
    let live = Live {
        route: route.name.clone(),
        mode: route.config.mode.into(),
        identity: route.identity(&gate.secret, request.headers(), request.uri()),
    };
    let client = hyper::upgrade::on(&mut request);
    let server = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        // Both upgrades are under way; a client that never takes its 101 must not stay for ever.
        let both = async { tokio::try_join!(client, server) };
        let opened = match Box::pin(tokio::time::timeout(limit, both)).await {
            Ok(Ok((client, server))) => {
                let deflate = (to_client, to_server);
                begin(gate, route, (client, server), deflate, seat, live)
            }
            _ => return gate.settler.metrics.refuse("upgrade_unfinished"),
        };
        // An upgrade from something else than our own transport: nobody makes one.
        let Some(session) = opened else { return };
        session.relay(place).await;
    });
    reply
}

/// Our own 101 to the client, and what is agreed with it on compression: each leg for itself.
fn switch(
    gate: &Gate,
    request: &Request<Incoming>,
    key: &HeaderValue,
    answered: &HeaderMap,
) -> (Response<Body>, Option<Deflate>) {
    let mut reply = say(StatusCode::SWITCHING_PROTOCOLS, "");
    *reply.body_mut() = empty();
    *reply.headers_mut() = headers::end_to_end(answered);
    let sent = reply.headers_mut();
    sent.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    sent.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        sent.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    sent.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    let agreed = match gate.config.listen.compression {
        Compression::On => deflate::accept(request.headers()),
        Compression::Off => None,
    };
    let deflate = agreed.map(|(deflate, said)| {
        sent.insert(header::SEC_WEBSOCKET_EXTENSIONS, said);
        deflate
    });
    (reply, deflate)
}

/// Boxed, so that a quiet connection's task is no larger than its session.
fn begin(
    gate: Arc<Gate>,
    route: Arc<Route>,
    (client, server): (Upgraded, Upgraded),
    (to_client, to_server): (Option<Deflate>, Option<Deflate>),
    seat: Seat,
    live: Live,
) -> Option<Box<Session>> {
    let (client, server) = (upstream::unwrap_upgraded(client)?, upstream::unwrap_upgraded(server)?);
    let limits = &gate.config.limits;
    let client = Leg::to_client(client.0, &client.1, limits, to_client);
    let server = Leg::to_server(server.0, &server.1, limits, to_server);
    let protocol = route.dialect.open(seat);
    Some(Box::new(Session::new(gate, route, client, server, protocol, live)))
}

fn refuse_upstream(gate: &Gate, cause: &upstream::UpstreamError) -> Response<Body> {
    gate.settler.metrics.refuse("upstream_failed");
    failed(cause)
}

fn empty() -> Body {
    use http_body_util::BodyExt;
    http_body_util::Empty::new().map_err(|never| match never {}).boxed()
}
