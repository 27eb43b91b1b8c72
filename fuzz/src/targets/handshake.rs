//! Reads HTTP heads as the chat port does, and holds what is sent on to what may cross the proxy.

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    HeaderMap, Method, Request, Response, Uri, body::Incoming, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tidegate::{
    config::{IdentityConfig, IdentitySource, RouteConfig},
    fuzzing::{accept, agreed, end_to_end, is_ambiguous, is_plain, to_upstream, websocket_asked},
    session::{Peer, Route},
};
use tokio::{
    io::{AsyncWriteExt, duplex},
    runtime::{Builder, Runtime},
};

/// What the door gives a head at least.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BLOCKED: &str = "/api";
/// What a connection's own headers must not do: cross.
const OWN: [&str; 8] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const OURS: [&str; 4] = ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "x-forwarded-host"];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime of one thread"));

static ROUTES: LazyLock<Vec<Arc<Route>>> = LazyLock::new(|| {
    let route = |path: &str, upstream: &str| {
        let config = RouteConfig {
            path: path.into(),
            upstream: upstream.into(),
            protocol: "text".into(),
            blocked_paths: vec![BLOCKED.into()],
            origins: vec!["loopback".into(), "https://a.example".into()],
            identity: Some(IdentityConfig { from: IdentitySource::Cookie, name: "sid".into() }),
            ..RouteConfig::default()
        };
        Arc::new(Route::compile(&config).expect("the settings are right"))
    };
    vec![route("/", "ws://h:1"), route("/chat", "wss://h.example/socket/")]
});

pub fn check(bytes: &[u8]) {
    RUNTIME.block_on(async {
        let (mut near, far) = duplex(bytes.len().max(1) + 64 * 1024);
        near.write_all(bytes).await.expect("there is room for all of it");
        near.shutdown().await.expect("an open pipe");
        let service = service_fn(|request: Request<Incoming>| {
            examine(&request);
            async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
        });
        // What is wrong with the bytes is the peer's affair.
        let _ = http1::Builder::new()
            .half_close(true)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(far), service)
            .await;
    });
}

fn examine(request: &Request<Incoming>) {
    let (uri, headers) = (request.uri(), request.headers());
    if is_ambiguous(request) || !is_plain(uri.path()) {
        return;
    }
    for route in ROUTES.iter() {
        check_target(route, uri);
        check_headers(route, headers);
        if route.allows_origin(headers) {
            assert!(headers.get_all(header::ORIGIN).iter().count() <= 1, "two origins");
        }
        let identity = route.identity(b"secret", headers, uri);
        assert!(identity.is_none_or(|identity| identity.len() == 32));
    }
    if websocket_asked(request) == Some(Ok(())) {
        assert_eq!(request.method(), Method::GET);
        let only = |name| headers.get_all(name).iter().count() == 1;
        assert!(only(header::SEC_WEBSOCKET_KEY) && only(header::SEC_WEBSOCKET_VERSION));
    }
    if let Some((deflate, answer)) = accept(headers) {
        assert!((9..=15).contains(&deflate.window));
        let mut answered = HeaderMap::new();
        answered.insert(header::SEC_WEBSOCKET_EXTENSIONS, answer);
        assert!(matches!(agreed(&answered, true), Ok(Some(_))), "an answer that we would refuse");
    }
    // An upstream may answer anything at all.
    if let Ok(Some(deflate)) = agreed(headers, true) {
        assert!((9..=15).contains(&deflate.window));
    }
}

fn check_target(route: &Route, uri: &Uri) {
    let target = route.upstream_target(uri);
    let parsed = target.parse::<Uri>();
    assert!(parsed.is_ok() && target.starts_with('/'), "{target:?} is no target");
    // However a server reads it, what is blocked is blocked.
    let lower = decoded(uri.path()).to_lowercase();
    let below = format!("{BLOCKED}/");
    if lower == BLOCKED || lower.starts_with(&below) {
        assert!(route.blocks(uri.path()), "{:?} reads as {lower:?}", uri.path());
    }
}

/// A path as the most obliging server reads it.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        (bytes, rest) = match (first, byte) {
            (b'%', Some(byte)) => ([bytes, vec![byte]].concat(), &after[2..]),
            _ => ([bytes, vec![*first]].concat(), after),
        };
    }
    let text = String::from_utf8_lossy(&bytes).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn check_headers(route: &Route, headers: &HeaderMap) {
    let once = end_to_end(headers);
    assert_eq!(lines(&end_to_end(&once)), lines(&once), "cleaned once and twice");
    let peer = Peer { addr: ([192, 0, 2, 7], 5000).into(), secure: true };
    let sent = to_upstream(headers, route, peer);
    for (name, value) in &sent {
        let name = name.as_str();
        assert!(!OWN.contains(&name) && name != "connection", "{name} crossed");
        let spelt = name.replace('_', "-");
        if spelt.starts_with("x-forwarded") || spelt == "x-real-ip" || spelt == "forwarded" {
            assert!(OURS.contains(&name), "{name} crossed");
        }
        if name == "cookie" {
            let ours = |pair: &[u8]| {
                let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
                matches!(name.trim_ascii(), b"tidegate" | b"__Host-tidegate")
            };
            assert!(!value.as_bytes().split(|byte| *byte == b';').any(ours), "our own cookie");
        }
    }
    for name in OURS.into_iter().chain(["host"]) {
        assert!(sent.get_all(name).iter().count() <= 1, "{name} twice");
    }
    assert_eq!(sent.get("x-forwarded-for").map(|ip| ip.as_bytes()), Some(&b"192.0.2.7"[..]));
}

fn lines(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let line = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        (name.to_string(), value.as_bytes().to_vec())
    };
    headers.iter().map(line).collect()
}
