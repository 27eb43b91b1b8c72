//! Lets only the console's own page act, and only for those who are logged in.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method, Request, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::Console;
use crate::{
    accounts::{COOKIE_NAMES, Role, Session},
    config::Config,
    doors::{Failure, Hosts, hosts::single, marks},
};

/// A header that a form or an image of another site cannot send.
const ACT_HEADER: &str = "x-tidegate";

/// Nothing from elsewhere and nothing inline: text of a hostile sender that got past everything
/// else still is no script.
pub const CSP: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; object-src 'none'";

/// By which names the console is reached, and whether it speaks TLS.
pub struct Guard {
    hosts: Hosts,
    tls: bool,
}

impl Guard {
    pub fn new(config: &Config) -> Guard {
        Guard { hosts: Hosts::new(config), tls: config.listen.tls_cert.is_some() }
    }

    /// Whether a state-changing request came from the console's own page.
    ///
    /// Without TLS of our own a proxy may add it, so either scheme fits then.
    fn own_page(&self, headers: &HeaderMap, host: &str) -> bool {
        let Some(origin) = single(headers, &header::ORIGIN) else { return false };
        let (scheme, place) = origin.split_once("://").unwrap_or_default();
        let scheme_fits = scheme == "https" || (scheme == "http" && !self.tls);
        scheme_fits && place.eq_ignore_ascii_case(host) && headers.contains_key(ACT_HEADER)
    }

    /// Whether the browser speaks TLS, with us or with a proxy before us; an answer that sets a
    /// cookie is to a request with an origin, so this is certain there.
    pub fn secure(&self, headers: &HeaderMap) -> bool {
        self.scheme(headers).unwrap_or(self.tls)
    }

    /// The same; unknown where a proxy may add TLS and the browser names no origin, as it does
    /// not when it only reads.
    fn scheme(&self, headers: &HeaderMap) -> Option<bool> {
        if self.tls {
            return Some(true);
        }
        single(headers, &header::ORIGIN).map(|origin| origin.starts_with("https://"))
    }

    /// The session's secret, from the cookie that fits the scheme and no other: anybody who can
    /// answer for a sibling host or without TLS can plant the plain one.
    ///
    /// Where the scheme is unknown the bound cookie tells it: browsers have one only over TLS.
    pub fn secret<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let [plain, bound] = COOKIE_NAMES;
        match self.scheme(headers) {
            Some(true) => cookie(headers, bound),
            Some(false) => cookie(headers, plain),
            None => cookie(headers, bound).or_else(|| cookie(headers, plain)),
        }
    }
}

/// Checks host and origin before anything else, and marks every answer.
pub async fn check(State(console): State<Console>, request: Request<Body>, next: Next) -> Response {
    let mut response = match permitted(&console.guard, &request) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    // A page that has to reach further says so itself.
    marks::add(response.headers_mut(), CSP);
    response
}

fn permitted(guard: &Guard, request: &Request<Body>) -> Result<(), Failure> {
    let host = single(request.headers(), &header::HOST).unwrap_or_default();
    if !guard.hosts.knows(host) {
        let message = "this console is not reached by that name; see `console.hosts`";
        return Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, "host", message));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !guard.own_page(request.headers(), host) {
        let message = "only the console's own page may do this";
        return Err(Failure::new(StatusCode::FORBIDDEN, "cross_site", message));
    }
    Ok(())
}

impl Console {
    /// Whoever is logged in, if they have such a role anywhere; [`may`] says whether here.
    pub async fn need(&self, headers: &HeaderMap, role: Role) -> Result<Session, Failure> {
        let session = match self.guard.secret(headers) {
            Some(secret) => self.doors.accounts.session(secret).await?,
            None => None,
        };
        let Some(session) = session else {
            let message = "log in first";
            return Err(Failure::new(StatusCode::UNAUTHORIZED, "login", message));
        };
        match session.has(role) {
            true => Ok(session),
            false => Err(refused(&session, role)),
        }
    }

    /// Whether a message that is known is of a channel in which they may decide; what is not known
    /// says so to whoever asks further.
    pub async fn may_decide(&self, session: &Session, id: &str) -> Result<(), Failure> {
        // Whoever may everywhere costs no look at the store.
        if session.rights.everywhere(Role::Moderator) {
            return Ok(());
        }
        match self.doors.settler.holds.look_up(id).await? {
            Some(hold) => may(session, Role::Moderator, &hold.route, &hold.channel),
            None => Ok(()),
        }
    }
}

/// Refuses what somebody may not do in this channel.
pub fn may(session: &Session, role: Role, route: &str, channel: &str) -> Result<(), Failure> {
    match session.rights.reach(route, channel, role) {
        true => Ok(()),
        false => Err(refused(session, role)),
    }
}

/// Refuses what only those may who have the role in every channel.
pub fn may_everywhere(session: &Session, role: Role) -> Result<(), Failure> {
    match session.rights.everywhere(role) {
        true => Ok(()),
        false => Err(refused(session, role)),
    }
}

fn refused(session: &Session, role: Role) -> Failure {
    tracing::warn!(name = session.name, needs = role.name(), "a role did not suffice");
    let message = format!("this needs the role of {} there", role.name());
    Failure::new(StatusCode::FORBIDDEN, "role", message)
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut pairs = pairs.map(|(key, value)| (key.trim(), value.trim()));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn guard(bound: &str, tls: bool) -> Guard {
        let mut config = Config::default();
        config.listen.console = bound.parse().unwrap();
        config.listen.tls_cert = tls.then(|| "cert.pem".into());
        config.console.hosts = vec!["Mod.example.org".into()];
        Guard::new(&config)
    }

    #[test]
    fn only_the_cookie_of_the_scheme_counts() {
        let (plain, tls) = (guard("127.0.0.1:0", false), guard("127.0.0.1:0", true));
        let (http, https) = (Some("http://localhost:7401"), Some("https://localhost:7401"));
        let both = "x=1; tidegate=a; __Host-tidegate=b";
        for (guard, origin, cookies, expected) in [
            (&tls, None, both, Some("b")),
            (&tls, https, both, Some("b")),
            (&tls, http, "tidegate=a", None),
            (&tls, None, "tidegate=a", None),
            (&plain, http, both, Some("a")),
            (&plain, http, "__Host-tidegate=b", None),
            // A proxy before us adds TLS.
            (&plain, https, both, Some("b")),
            (&plain, https, "tidegate=a", None),
            (&plain, None, both, Some("b")),
            (&plain, None, "tidegate=a", Some("a")),
            (&plain, None, "xtidegate=a; tidegate-x=b", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(cookies));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(guard.secret(&headers), expected, "{origin:?} {cookies}");
        }
    }

    #[test]
    fn only_the_own_page_acts() {
        let (plain, tls) = (guard("127.0.0.1:0", false), guard("127.0.0.1:0", true));
        let table = [
            (&plain, Some("http://localhost:7401"), true, true),
            (&plain, Some("https://localhost:7401"), true, true),
            (&plain, Some("http://localhost:7403"), true, false),
            (&plain, Some("http://localhost"), true, false),
            (&plain, Some("http://evil.example"), true, false),
            (&plain, Some("http://localhost:7401.evil.example"), true, false),
            (&plain, Some("null"), true, false),
            (&plain, None, true, false),
            (&plain, Some("http://localhost:7401"), false, false),
            (&tls, Some("http://localhost:7401"), true, false),
            (&tls, Some("https://localhost:7401"), true, true),
        ];
        for (guard, origin, header_sent, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            if header_sent {
                headers.insert(ACT_HEADER, HeaderValue::from_static("1"));
            }
            assert_eq!(guard.own_page(&headers, "localhost:7401"), expected, "{origin:?}");
        }
    }
}
