//! Decides which headers cross the proxy.

use hyper::{
    HeaderMap, Method, Request,
    header::{self, HeaderName, HeaderValue},
};

use super::route::{Peer, Route};
use crate::accounts::COOKIE_NAMES;

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

/// What a proxy must never believe from a client: it says these itself. Many servers read `_` as
/// `-`, and hyper's names are lower case already.
fn forwards(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name.starts_with("x-forwarded") || matches!(name.as_str(), "forwarded" | "x-real-ip")
}

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
    let forwarding: Vec<HeaderName> = sent.keys().filter(|name| forwards(name)).cloned().collect();
    for name in forwarding {
        sent.remove(name);
    }
    drop_console_cookies(&mut sent);
    if has_token(headers, &header::UPGRADE, "websocket") {
        // A handshake is sent on without a body, so nothing may announce one.
        sent.remove(header::CONTENT_LENGTH);
        sent.remove(header::EXPECT);
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

/// Takes the console's session out of the cookies: browsers send it to every port of its host.
fn drop_console_cookies(headers: &mut HeaderMap) {
    let ours = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        COOKIE_NAMES.iter().any(|own| own.as_bytes() == name)
    };
    let pairs = |line: &HeaderValue| {
        let kept = line.as_bytes().split(|byte| *byte == b';').filter(|pair| !ours(pair));
        let kept = kept.map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty());
        kept.collect::<Vec<_>>().join(&b"; "[..])
    };
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    headers.remove(header::COOKIE);
    for line in lines {
        let kept = pairs(&line);
        match HeaderValue::from_bytes(&kept) {
            Ok(kept) if !kept.is_empty() => drop(headers.append(header::COOKIE, kept)),
            _ => {}
        }
    }
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
    use crate::config::RouteConfig;

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

    fn sent(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let config = RouteConfig {
            upstream: "ws://h".into(),
            protocol: "text".into(),
            ..RouteConfig::default()
        };
        let route = Route::compile(&config).expect("a valid route");
        let peer = Peer { addr: ([192, 0, 2, 7], 5000).into(), secure: true };
        let sent = to_upstream(&map(headers), &route, peer);
        let text = |value: &HeaderValue| value.to_str().expect("readable").to_owned();
        sent.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn the_upstream_hears_our_word_on_who_asks_and_no_other() {
        let mut sent = sent(&[
            ("host", "chat.example"),
            ("Forwarded", "for=198.51.100.9"),
            ("X-Forwarded-For", "198.51.100.9"),
            ("x_forwarded_for", "198.51.100.9"),
            ("X_Forwarded-Proto", "http"),
            ("x-forwarded-user", "root"),
            ("x-forwarded-prefix", "/admin"),
            ("X_Real_IP", "198.51.100.9"),
            ("x-real-name", "kept"),
        ]);
        sent.sort();
        let expected = [
            ("host", "chat.example"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-host", "chat.example"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "192.0.2.7"),
            ("x-real-name", "kept"),
        ];
        assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_moderators_session_stays_here() {
        for (cookies, expected) in [
            (&["tidegate=secret"][..], &[][..]),
            (&["__Host-tidegate=secret;"], &[]),
            (&["a=1;  tidegate=secret;b=tidegate=2"], &["a=1; b=tidegate=2"]),
            (&["tidegate=x; __Host-tidegate=y", "c=3"], &["c=3"]),
            (&["tidegate", " tidegate =x"], &[]),
            (&["tidegates=1; Xtidegate=2; lone"], &["tidegates=1; Xtidegate=2; lone"]),
        ] {
            let headers: Vec<_> = cookies.iter().map(|line| ("cookie", *line)).collect();
            let sent = sent(&headers);
            let kept = sent.iter().filter(|(name, _)| name == "cookie");
            let kept: Vec<_> = kept.map(|(_, value)| value.as_str()).collect();
            assert_eq!(kept, expected, "{cookies:?}");
        }
    }

    #[test]
    fn a_handshake_announces_no_body() {
        let body = [("content-length", "5"), ("expect", "100-continue")];
        let announced = |upgrade: &[(&str, &str)]| {
            let sent = sent(&[&body[..], upgrade].concat());
            sent.iter().filter(|(name, _)| body.iter().any(|(own, _)| own == name)).count()
        };
        assert_eq!((announced(&[]), announced(&[("upgrade", "WebSocket")])), (2, 0));
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
