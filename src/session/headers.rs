//! Decides which headers cross the proxy.

use hyper::{
    HeaderMap, Method, Request,
    header::{self, HeaderName, HeaderValue},
};

use super::route::{Peer, Route};

/// Headers that belong to one connection, and those that the proxy states itself.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a proxy must never believe from a client: it says these itself.
const FORWARDED: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-real-ip",
];

/// The end-to-end headers of a message: hop-by-hop ones and those that `Connection` names go.
pub fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let hop = HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|n| n == name.as_str());
        if !hop {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// What the upstream is sent: end-to-end headers, our own word on who forwards for whom.
pub fn to_upstream(headers: &HeaderMap, route: &Route, peer: Peer) -> HeaderMap {
    let mut sent = end_to_end(headers);
    for name in FORWARDED {
        sent.remove(*name);
    }
    let host = headers.get(header::HOST).cloned();
    let ip = HeaderValue::from_str(&peer.addr.ip().to_canonical().to_string());
    if let Ok(ip) = ip {
        sent.insert("x-forwarded-for", ip.clone());
        sent.insert("x-real-ip", ip);
    }
    let proto = if peer.secure { "https" } else { "http" };
    sent.insert("x-forwarded-proto", HeaderValue::from_static(proto));
    if let Some(host) = &host {
        sent.insert("x-forwarded-host", host.clone());
    }
    // A server beside us should see the name that its clients use; one reached over TLS answers
    // to the name in its certificate.
    let authority = HeaderValue::from_str(&route.upstream.authority).ok();
    let host = if route.upstream.tls.is_some() { authority } else { host.or(authority) };
    if let Some(host) = host {
        sent.insert(header::HOST, host);
    }
    sent
}

/// Why a request is not a WebSocket handshake that can be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHandshake {
    Method,
    Version,
    Key,
    Connection,
}

/// Whether the request asks for WebSocket at all, and if so whether it asks correctly.
pub fn websocket_asked<B>(request: &Request<B>) -> Option<Result<(), BadHandshake>> {
    let headers = request.headers();
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return None;
    }
    Some(check_handshake(request.method(), headers))
}

fn check_handshake(method: &Method, headers: &HeaderMap) -> Result<(), BadHandshake> {
    if method != Method::GET {
        return Err(BadHandshake::Method);
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(BadHandshake::Connection);
    }
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    if only(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(BadHandshake::Version);
    }
    // Sixteen bytes in base64 are 22 characters and two of padding.
    let key = only(header::SEC_WEBSOCKET_KEY).unwrap_or_default();
    match base64::Engine::decode(&base64::engine::general_purpose::STANDARD, key) {
        Ok(bytes) if bytes.len() == 16 => Ok(()),
        _ => Err(BadHandshake::Key),
    }
}

/// Whether a comma-separated header holds a token, in any case.
pub fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
}

/// A request that two servers could read differently: refused before anything else is looked at.
pub fn is_ambiguous<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let hosts = headers.get_all(header::HOST).iter().count();
    let both = headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH);
    hosts != 1 || both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (key, value) in headers {
            let key = HeaderName::from_bytes(key.as_bytes()).expect("a header name");
            map.append(key, value.parse().expect("a header value"));
        }
        map
    }

    #[test]
    fn hop_by_hop_headers_stay_behind() {
        let kept = end_to_end(&map(&[
            ("connection", "Upgrade, X-Secret"),
            ("upgrade", "websocket"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("cookie", "a=b"),
            ("x-custom", "kept"),
        ]));
        let names: Vec<_> = kept.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["cookie", "x-custom"]);
    }

    #[test]
    fn handshakes_are_checked_whole() {
        let good = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let check = |method: Method, change: Option<(usize, &'static str)>, expected| {
            let mut headers = good;
            if let Some((at, value)) = change {
                headers[at].1 = value;
            }
            assert_eq!(check_handshake(&method, &map(&headers)), expected);
        };
        check(Method::GET, None, Ok(()));
        check(Method::POST, None, Err(BadHandshake::Method));
        check(Method::GET, Some((0, "close")), Err(BadHandshake::Connection));
        check(Method::GET, Some((2, "8")), Err(BadHandshake::Version));
        check(Method::GET, Some((3, "short")), Err(BadHandshake::Key));
        check(Method::GET, Some((3, "")), Err(BadHandshake::Key));
    }
}
