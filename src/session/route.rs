//! Compiles the settings' routes and finds the one for a request.

use std::{net::SocketAddr, sync::Arc};

use hyper::{HeaderMap, Uri, header};
use rustls_pki_types::ServerName;
use sha2::{Digest, Sha256};

use crate::{
    config::{IdentityConfig, IdentitySource, LOOPBACK, RouteConfig, ServiceConfig},
    doors::hosts::is_loopback,
    protocol::{self, Dialect},
    settle::Inlet,
};

/// A route, ready to use.
pub struct Route {
    pub name: Arc<str>,
    pub inlet: Inlet,
    pub config: RouteConfig,
    pub dialect: Arc<dyn Dialect>,
    pub upstream: Upstream,
}

/// Where a chat server is.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub host: String,
    pub port: u16,
    /// The name to verify, where the upstream is reached over TLS.
    pub tls: Option<ServerName<'static>>,
    /// The authority as the settings spell it, for the Host header.
    pub authority: String,
    /// Replaces the route's prefix in the request's path, where not empty.
    pub path: String,
}

impl Route {
    /// # Errors
    /// What is wrong with the route's settings, with its key.
    pub fn compile(config: &RouteConfig) -> Result<Route, String> {
        let name = if config.name.is_empty() { &config.path } else { &config.name };
        let place = |cause: String| format!("route {name:?}: {cause}");
        let mut wrong = config.service.iter().flat_map(ServiceConfig::wrong_files);
        if let Some((key, cause)) = wrong.next() {
            return Err(place(format!("service.{key}: {cause}")));
        }
        let name: Arc<str> = name.as_str().into();
        let inlet =
            Inlet { name: name.clone(), position: config.mode.into(), language: config.language };
        Ok(Route {
            name,
            inlet,
            dialect: protocol::dialect(config).map_err(place)?,
            upstream: Upstream::parse(&config.upstream).map_err(place)?,
            config: config.clone(),
        })
    }

    /// The path and query to ask the upstream for.
    pub fn upstream_target(&self, uri: &Uri) -> String {
        let path = uri.path();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        if self.upstream.path.is_empty() {
            return format!("{path}{query}");
        }
        let rest = path.strip_prefix(self.config.path.as_str()).unwrap_or(path);
        let base = self.upstream.path.trim_end_matches('/');
        match rest.trim_start_matches('/') {
            "" => format!("{}{query}", self.upstream.path),
            rest => format!("{base}/{rest}{query}"),
        }
    }

    /// In any case of letters: many servers tell none apart, and blocking too much is the safe
    /// side.
    pub fn blocks(&self, path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        self.config.blocked_paths.iter().any(|blocked| covers(&blocked.to_ascii_lowercase(), &path))
    }

    /// Whether a browser page of this origin may open a chat here.
    pub fn allows_origin(&self, headers: &HeaderMap) -> bool {
        let allowed = &self.config.origins;
        if allowed.iter().any(|origin| origin == "*") {
            return true;
        }
        let mut sent = headers.get_all(header::ORIGIN).iter();
        match (sent.next(), sent.next()) {
            // Not a browser: browsers always send an origin with a WebSocket handshake.
            (None, _) => true,
            (Some(origin), None) => origin.to_str().is_ok_and(|origin| {
                let local = || origin.split_once("://").is_some_and(|(_, host)| is_loopback(host));
                allowed.iter().any(|allowed| {
                    allowed.eq_ignore_ascii_case(origin) || (allowed == LOOPBACK && local())
                })
            }),
            (Some(_), Some(_)) => false,
        }
    }

    /// A keyed hash of who the handshake says the client is, where the route trusts it to.
    pub fn identity(&self, secret: &[u8], headers: &HeaderMap, uri: &Uri) -> Option<String> {
        let value = identity_value(self.config.identity.as_ref()?, headers, uri)?;
        if value.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for part in [secret, self.name.as_bytes(), value.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Some(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

fn identity_value(identity: &IdentityConfig, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    match identity.from {
        IdentitySource::Header => {
            let mut values = headers.get_all(&identity.name).iter();
            let value = values.next()?.to_str().ok()?;
            // Two of them: somebody tries to be two people.
            values.next().is_none().then(|| value.to_owned())
        }
        IdentitySource::Cookie => {
            let cookies = headers.get_all(header::COOKIE).iter().filter_map(|c| c.to_str().ok());
            let pairs = cookies.flat_map(|line| line.split(';')).filter_map(|c| c.split_once('='));
            only_value(pairs.map(|(name, value)| (name.trim(), value.trim())), &identity.name)
        }
        IdentitySource::Query => {
            let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
            only_value(pairs, &identity.name)
        }
    }
}

fn only_value<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>, name: &str) -> Option<String> {
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then(|| value.to_owned())
}

/// Whether `path` is `prefix` or lies below it.
fn covers(prefix: &str, path: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether every server reads this path alike, so that comparing it as it stands is enough.
///
/// A chat server may undo percent-encoding, merge slashes and resolve dots only after we looked:
/// then a blocked path, or another route's, could be spelt so that nothing here recognises it.
pub fn is_plain(path: &str) -> bool {
    let Some(inner) = path.strip_prefix('/') else { return false };
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let segments = || inner.split('/');
    let dots = segments().any(|segment| matches!(segment, "." | ".."));
    let gaps = path != "/" && segments().any(str::is_empty);
    !dots && !gaps && !path.contains('\\') && path.split('%').skip(1).all(must_be_encoded)
}

/// Whether what follows a `%` is an encoded byte that means something else when it is not.
fn must_be_encoded(rest: &str) -> bool {
    let digits = rest.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
        return false;
    };
    let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !unreserved && !byte.is_ascii_control() && !b"/\\".contains(&byte)
}

/// The route with the longest prefix of `path`.
pub fn find<'a>(routes: &'a [Arc<Route>], path: &str) -> Option<&'a Arc<Route>> {
    let fitting = routes.iter().filter(|route| covers(&route.config.path, path));
    fitting.max_by_key(|route| route.config.path.len())
}

impl Upstream {
    fn parse(url: &str) -> Result<Upstream, String> {
        let uri: Uri = url.parse().map_err(|cause| format!("upstream {url:?}: {cause}"))?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(format!("upstream {url:?} starts with neither ws:// nor wss://")),
        };
        let authority = uri.authority().ok_or(format!("upstream {url:?} names no host"))?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = match secure {
            true => Some(ServerName::try_from(host.clone()).map_err(|cause| cause.to_string())?),
            false => None,
        };
        Ok(Upstream {
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            host,
            tls,
            authority: authority.as_str().to_owned(),
            path: if uri.path() == "/" { String::new() } else { uri.path().to_owned() },
        })
    }
}

/// Who is at the other end of an accepted connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub addr: SocketAddr,
    pub secure: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_cover_whole_segments() {
        let check = |prefix, path, expected| assert_eq!(covers(prefix, path), expected, "{path}");
        check("/", "/", true);
        check("/", "/ws", true);
        check("/chat", "/chat", true);
        check("/chat", "/chat/ws", true);
        check("/chat/", "/chat", true);
        check("/chat", "/chatter", false);
        check("/chat", "/", false);
    }

    #[test]
    fn only_paths_that_all_read_alike_are_plain() {
        for (path, expected) in [
            ("/", true),
            ("/ws", true),
            ("/api/history/", true),
            ("/hls/a%20name%C3%A9%2b.m3u8", true),
            ("/.well-known/a..b/...", true),
            ("/a%252e", true),
            ("", false),
            ("*", false),
            ("//", false),
            ("/api//history", false),
            ("/api/history//", false),
            ("//api/history", false),
            ("/x/../api/history", false),
            ("/x/..", false),
            ("/./api", false),
            ("/api/.", false),
            ("/x/%2e%2E/api", false),
            ("/x/.%2e/api", false),
            ("/api/%68istory", false),
            ("/api%2fhistory", false),
            ("/api%5Chistory", false),
            ("/api\\history", false),
            ("/api/history%00.png", false),
            ("/api/%7Ehistory", false),
            ("/api/%", false),
            ("/api/%4", false),
            ("/api/%+4", false),
        ] {
            assert_eq!(is_plain(path), expected, "{path}");
        }
    }

    #[test]
    fn blocked_paths_are_blocked_in_any_case() {
        let config = RouteConfig {
            upstream: "ws://h".into(),
            protocol: "text".into(),
            blocked_paths: vec!["/Api/history".into()],
            ..RouteConfig::default()
        };
        let route = Route::compile(&config).expect("a valid route");
        for (path, expected) in [
            ("/api/history", true),
            ("/API/History/1", true),
            ("/api/historyless", false),
            ("/api", false),
        ] {
            assert_eq!(route.blocks(path), expected, "{path}");
        }
    }

    #[test]
    fn targets_replace_the_prefix_only_where_the_upstream_has_a_path() {
        let check = |path: &str, upstream: &str, asked: &str, expected: &str| {
            let config = RouteConfig {
                path: path.into(),
                upstream: upstream.into(),
                protocol: "text".into(),
                ..RouteConfig::default()
            };
            let route = Route::compile(&config).expect("a valid route");
            assert_eq!(route.upstream_target(&asked.parse().expect("a uri")), expected);
        };
        check("/", "ws://h:1", "/ws?a=b", "/ws?a=b");
        check("/chat", "ws://h", "/chat/ws", "/chat/ws");
        check("/chat", "ws://h/socket", "/chat?x", "/socket?x");
        check("/chat", "ws://h/socket/", "/chat/a", "/socket/a");
    }

    #[test]
    fn an_identity_that_is_said_twice_is_none() {
        let check =
            |from, name: &str, headers: &[(&str, &str)], uri: &str, expected: Option<&str>| {
                let mut map = HeaderMap::new();
                for (key, value) in headers {
                    let key =
                        hyper::header::HeaderName::from_bytes(key.as_bytes()).expect("a name");
                    map.append(key, value.parse().expect("a value"));
                }
                let identity = IdentityConfig { from, name: name.into() };
                let found = identity_value(&identity, &map, &uri.parse().expect("a uri"));
                assert_eq!(found.as_deref(), expected);
            };
        use IdentitySource::{Cookie, Header, Query};
        check(Query, "user", &[], "/ws?user=ana&x=1", Some("ana"));
        check(Query, "user", &[], "/ws?user=ana&user=bob", None);
        check(Query, "user", &[], "/ws", None);
        check(Cookie, "sid", &[("cookie", "a=1; sid=xyz")], "/", Some("xyz"));
        check(Cookie, "sid", &[("cookie", "sid=1"), ("cookie", "sid=2")], "/", None);
        check(Header, "x-user", &[("x-user", "ana")], "/", Some("ana"));
        check(Header, "x-user", &[("x-user", "ana"), ("x-user", "bob")], "/", None);
    }
}
