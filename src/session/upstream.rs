//! Dials a route's chat server and shakes hands with it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{self, HeaderValue},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, rustls::ClientConfig};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::{
    deflate::{self, Deflate},
    headers::has_token,
    route::{Route, Upstream},
    wire::Wire,
};

/// Why the upstream could not be reached or believed; each is answered 502 or 504.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("{place} cannot be reached: {cause}")]
    Unreachable { place: String, cause: String },
    #[error("{place} did not answer in time")]
    Late { place: String },
    /// It answered 101 but did not shake hands: nothing it sends may be believed.
    #[error("{place} shook hands wrongly: {cause}")]
    Misbehaved { place: String, cause: &'static str },
}

/// How the upstream answered a handshake.
pub enum Answer {
    /// It speaks WebSocket: its 101 (the transport is to be taken once upgraded), and what it
    /// agreed to of compression.
    Upgraded(Box<Response<Incoming>>, Option<Deflate>),
    /// Anything else, which the client is to see as it is.
    Refused(Box<Response<Incoming>>),
}

/// Opens a transport to the upstream.
pub async fn dial(
    upstream: &Upstream,
    tls: &Arc<ClientConfig>,
    limit: Duration,
) -> Result<Wire, UpstreamError> {
    let place = || upstream.authority.clone();
    let unreachable = |cause: String| UpstreamError::Unreachable { place: place(), cause };
    let connected = timeout(limit, async {
        let stream = TcpStream::connect((upstream.host.as_str(), upstream.port))
            .await
            .map_err(|cause| unreachable(cause.to_string()))?;
        // Chat is small and must not wait for more of it.
        stream.set_nodelay(true).map_err(|cause| unreachable(cause.to_string()))?;
        let Some(name) = upstream.tls.clone() else { return Ok(Wire::plain(stream)) };
        let stream = TlsConnector::from(tls.clone())
            .connect(name, stream)
            .await
            .map_err(|cause| unreachable(format!("TLS: {cause}")))?;
        Ok(Wire::over(stream))
    });
    connected.await.map_err(|_| UpstreamError::Late { place: place() })?
}

/// Asks the upstream to speak WebSocket, with a key of our own; `offers` compression or does not.
pub async fn shake_hands(
    wire: Wire,
    route: &Route,
    target: &str,
    mut headers: HeaderMap,
    limit: Duration,
    offers: bool,
) -> Result<Answer, UpstreamError> {
    let place = || route.upstream.authority.clone();
    let misbehaved = |cause| UpstreamError::Misbehaved { place: place(), cause };
    let asked: Vec<String> = subprotocols(&headers);
    let key = generate_key();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    let key_value = HeaderValue::from_str(&key).map_err(|_| misbehaved("no key"))?;
    headers.insert(header::SEC_WEBSOCKET_KEY, key_value);
    // The client's offers end here: what Tidegate cannot read it cannot judge.
    headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    if offers {
        let offer = HeaderValue::from_static(deflate::OFFER);
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, offer);
    }
    let authority = &route.upstream.authority;
    let answer = request(wire, target, headers, Empty::<Bytes>::new(), authority);
    let answer =
        timeout(limit, answer).await.map_err(|_| UpstreamError::Late { place: place() })??;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Answer::Refused(Box::new(answer)));
    }
    let sent = answer.headers();
    let accept = sent.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(misbehaved("wrong Sec-WebSocket-Accept"));
    }
    if !has_token(sent, &header::UPGRADE, "websocket")
        || !has_token(sent, &header::CONNECTION, "upgrade")
    {
        return Err(misbehaved("101 without Upgrade: websocket"));
    }
    let agreed = deflate::agreed(sent, offers).map_err(misbehaved)?;
    match subprotocols(sent).as_slice() {
        [] => {}
        [chosen] if asked.contains(chosen) => {}
        _ => return Err(misbehaved("a subprotocol that was not offered")),
    }
    Ok(Answer::Upgraded(Box::new(answer), agreed))
}

/// Sends one request over a transport; the connection lives as long as the answer needs it.
pub async fn request<B>(
    wire: Wire,
    target: &str,
    headers: HeaderMap,
    body: B,
    place: &str,
) -> Result<Response<Incoming>, UpstreamError>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut request = Request::new(body);
    *request.headers_mut() = headers;
    *request.uri_mut() = target.parse().map_err(|_| UpstreamError::Unreachable {
        place: place.to_owned(),
        cause: "the path is not one".to_owned(),
    })?;
    send(wire, request, place).await
}

/// Sends a prepared request over a transport.
pub async fn send<B>(
    wire: Wire,
    request: Request<B>,
    place: &str,
) -> Result<Response<Incoming>, UpstreamError>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let unreachable = |cause: hyper::Error| UpstreamError::Unreachable {
        place: place.to_owned(),
        cause: cause.to_string(),
    };
    let handshake = http1::Builder::new().max_headers(128).handshake(TokioIo::new(wire));
    let (mut sender, connection) = handshake.await.map_err(unreachable)?;
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.map_err(unreachable)
}

/// The subprotocols that a handshake names.
pub fn subprotocols(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let names = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// The transport below an upgraded connection, and the bytes that came with the handshake.
///
/// Taking it out spares the buffers and the boxes that the HTTP codec needed.
pub fn unwrap_upgraded(upgraded: Upgraded) -> Option<(Wire, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<Wire>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf))
}
