//! Tells who calls: a program with a token or, where the settings say so, any on this machine.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Request, header},
};

use super::Api;
use crate::{
    accounts::Scope,
    config::{Config, Keyless},
    doors::{Failure, hosts::is_here},
};

/// Where Google's clients put a key that is not in the address.
const KEY_HEADER: &str = "x-goog-api-key";

/// Who asks for a verdict.
pub(super) enum Caller {
    /// By a token.
    Known,
    /// On this machine, where that is enough. What it says leaves no trace in history.
    Keyless,
}

impl Caller {
    pub fn is_known(&self) -> bool {
        matches!(self, Caller::Known)
    }
}

impl Api {
    /// Who asks for a verdict, by a bearer token or, where the settings say so, by none.
    ///
    /// What the request says is read at once: its body cannot be lent over a wait.
    pub(super) fn asks<'a>(
        &'a self,
        request: &Request<Body>,
    ) -> impl Future<Output = Result<Caller, Failure>> + use<'a> {
        let keyless = is_keyless(&self.doors.config, request);
        self.admit(keyless, request.headers().clone())
    }

    /// The same, where the token may also stand in the places of an API key.
    pub(super) fn asks_by_key<'a>(
        &'a self,
        request: &Request<Body>,
    ) -> impl Future<Output = Result<Caller, Failure>> + use<'a> {
        let keyless = is_keyless(&self.doors.config, request);
        let mut headers = request.headers().clone();
        headers.remove(header::AUTHORIZATION);
        let key = key(request).and_then(|key| HeaderValue::try_from(format!("Bearer {key}")).ok());
        headers.extend(key.map(|bearer| (header::AUTHORIZATION, bearer)));
        self.admit(keyless, headers)
    }

    async fn admit(&self, keyless: bool, headers: HeaderMap) -> Result<Caller, Failure> {
        if keyless {
            return Ok(Caller::Keyless);
        }
        self.permit(&headers, Scope::Judge).await.map(|_| Caller::Known)
    }
}

/// The secret of a bearer token.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The key of a request: in the address, in its own header, or as a bearer token.
pub(super) fn key(request: &Request<Body>) -> Option<&str> {
    let query = request.uri().query().unwrap_or_default();
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("key="));
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let bearer = || bearer(request.headers());
    let full = |key: &&str| !key.is_empty();
    in_query.filter(full).or_else(|| text(KEY_HEADER).filter(full)).or_else(bearer).filter(full)
}

/// Whether whoever sent this is on this machine, where that is enough.
fn is_keyless(config: &Config, request: &Request<Body>) -> bool {
    config.api.keyless == Keyless::Loopback && is_here(request)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;

    use super::*;

    fn keyless(keyless: Keyless, from: &str, headers: &[(&str, &str)]) -> bool {
        let mut config = Config::default();
        config.api.keyless = keyless;
        let from: SocketAddr = from.parse().expect("an address");
        let mut request = Request::builder().uri("/v1/judge");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        request.extensions_mut().insert(ConnectInfo(from));
        is_keyless(&config, &request)
    }

    #[test]
    fn only_this_machine_itself_needs_no_key() {
        let (host, here) = (("host", "localhost:7401"), "127.0.0.1:40000");
        let on = Keyless::Loopback;
        assert!(!keyless(Keyless::Never, here, &[host]));
        for (from, headers, expected) in [
            (here, vec![host], true),
            ("[::1]:40000", vec![("host", "[::1]:7401")], true),
            ("[::ffff:127.0.0.1]:40000", vec![host], true),
            ("192.0.2.7:40000", vec![host], false),
            ("0.0.0.0:0", vec![host], false),
            (here, vec![], false),
            (here, vec![("host", "tidegate.example")], false),
            // A name that an attacker points at this machine.
            (here, vec![("host", "localhost.evil.example")], false),
            (here, vec![host, ("host", "evil.example")], false),
            (here, vec![host, ("origin", "http://localhost:3000")], true),
            (here, vec![host, ("origin", "https://evil.example")], false),
            (here, vec![host, ("origin", "null")], false),
            (here, vec![host, ("x-forwarded-for", "192.0.2.7")], false),
            (here, vec![host, ("X-Forwarded-Host", "localhost")], false),
            (here, vec![host, ("forwarded", "for=192.0.2.7")], false),
            (here, vec![host, ("via", "1.1 proxy")], false),
            (here, vec![host, ("x-real-ip", "127.0.0.1")], false),
        ] {
            assert_eq!(keyless(on, from, &headers), expected, "{from} {headers:?}");
        }
    }

    #[test]
    fn a_key_is_found_in_each_of_its_places() {
        for (uri, headers, expected) in [
            ("/x?key=a", vec![], Some("a")),
            ("/x?alt=json&key=a&prettyPrint=false", vec![], Some("a")),
            ("/x?mykey=a", vec![], None),
            ("/x?key=", vec![("x-goog-api-key", "b")], Some("b")),
            ("/x", vec![("X-Goog-Api-Key", "b")], Some("b")),
            ("/x", vec![("authorization", "bearer  c")], Some("c")),
            ("/x", vec![("authorization", "Basic c")], None),
            ("/x", vec![], None),
        ] {
            let mut request = Request::builder().uri(uri);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let request = request.body(Body::empty()).expect("a request");
            assert_eq!(key(&request), expected, "{uri}");
        }
    }
}
