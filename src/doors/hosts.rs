//! Knows the names by which this Tidegate is reached, and which of them are this machine's own.

use std::net::IpAddr;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, Request, header},
};

use super::peer;
use crate::config::Config;

/// What proxies add: with one of them the peer's address is not the client's.
const FORWARDED: [&str; 7] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-original-host",
];
const FORWARDED_PREFIX: &str = "x-forwarded";

/// The names that a `Host` header may say.
pub struct Hosts {
    names: Vec<String>,
    /// Listening on every address: any literal address is one of them. A name that an attacker
    /// points here is none.
    any_address: bool,
}

impl Hosts {
    pub fn new(config: &Config) -> Hosts {
        let bound = config.listen.console.ip();
        let mut names = vec!["localhost".into(), "127.0.0.1".into(), "[::1]".into()];
        names.push(match bound {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        });
        names.extend(config.console.hosts.iter().map(|host| host.to_ascii_lowercase()));
        Hosts { names, any_address: bound.is_unspecified() }
    }

    /// Whether the `Host` header names this console, with or without a port.
    pub fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = without_port(&host);
        (self.any_address && literal(name).is_some())
            || self.names.iter().any(|h| *h == name || *h == host)
    }
}

/// Whether a host, with or without a port, is this machine whoever resolves the name.
pub fn is_loopback(host: &str) -> bool {
    let name = without_port(host);
    name.eq_ignore_ascii_case("localhost") || literal(name).is_some_and(|ip| ip.is_loopback())
}

/// Whether whoever sent this is on this machine and nobody sent it for somebody else: no proxy,
/// and no page of another site in a browser here.
pub fn is_here(request: &Request<Body>) -> bool {
    let headers = request.headers();
    let forwarded = |name: &str| FORWARDED.contains(&name) || name.starts_with(FORWARDED_PREFIX);
    let own_page = match headers.contains_key(header::ORIGIN) {
        false => true,
        true => single(headers, &header::ORIGIN)
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, place)| is_loopback(place)),
    };
    peer(request).to_canonical().is_loopback()
        && single(headers, &header::HOST).is_some_and(is_loopback)
        && request.uri().host().is_none_or(is_loopback)
        && !headers.keys().any(|name| forwarded(name.as_str()))
        && own_page
}

/// The header's value if it is there exactly once.
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// A literal address, those of version 6 in brackets.
fn literal(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

pub fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(bound: &str) -> Hosts {
        let mut config = Config::default();
        config.listen.console = bound.parse().unwrap();
        config.console.hosts = vec!["Mod.example.org".into()];
        Hosts::new(&config)
    }

    #[test]
    fn only_known_hosts_are_served() {
        let local = hosts("127.0.0.1:0");
        let every = hosts("0.0.0.0:7401");
        let lan = hosts("192.0.2.7:7401");
        let table = [
            (&local, "127.0.0.1:7401", true),
            (&local, "localhost", true),
            (&local, "LOCALHOST:1", true),
            (&local, "[::1]:7401", true),
            (&local, "mod.example.org:7401", true),
            (&local, "evil.example:7401", false),
            (&local, "127.0.0.1.evil.example", false),
            (&local, "localhost.evil.example", false),
            (&local, "192.0.2.7", false),
            (&local, "", false),
            (&local, ":7401", false),
            (&every, "192.0.2.7:7401", true),
            (&every, "[2001:db8::1]:7401", true),
            (&every, "evil.example", false),
            (&lan, "192.0.2.7:7401", true),
            (&lan, "192.0.2.8:7401", false),
        ];
        for (hosts, host, expected) in table {
            assert_eq!(hosts.knows(host), expected, "{host}");
        }
    }

    #[test]
    fn loopback_is_what_no_resolver_can_move() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:7401", true),
            ("127.0.0.1:7401", true),
            ("127.9.9.9", true),
            ("[::1]:7401", true),
            ("localhost.evil.example:7401", false),
            ("127.0.0.1.evil.example", false),
            ("192.0.2.7", false),
            ("0.0.0.0:7401", false),
            ("[::]:7401", false),
            ("", false),
            (":7401", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
