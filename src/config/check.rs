//! Checks what a settings file's shape cannot say: ranges, uniqueness, and what belongs together.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use hyper::http::{HeaderName, HeaderValue, Uri};

use super::{Config, Inflow, LOOPBACK, Mode, PRESETS, RouteConfig, ServiceConfig};

mod hooks;
mod policy;

/// A settings file beyond these is a mistake, and each is walked at every start and reload.
const ROUTES_MAX: usize = 1_000;

/// The protocols that read no `[route.json]`.
const PLAIN_PROTOCOLS: [&str; 2] = ["text", "irc"];

/// Channels of one route with a policy of their own.
const CHANNELS_MAX: usize = 10_000;

/// Names stand in metrics, logs and the console.
const NAME_BYTES_MAX: usize = 64;

/// Key and cause of everything that is wrong.
pub(super) fn check(config: &Config) -> Vec<(String, String)> {
    let mut found = Found(Vec::new());
    bounds(config, &mut found);
    listen(config, &mut found);
    for (index, host) in config.console.hosts.iter().enumerate() {
        if host.is_empty() || host.contains(['/', ' ', '*']) {
            let cause = format!("{host:?} (number {index}) is not a host name");
            found.add("console.hosts", cause);
        }
    }
    for origin in config.api.origins.iter().filter(|origin| !is_web_origin(origin)) {
        found.add("api.origins", format!("{origin:?} is not like \"https://example.org:8443\""));
    }
    routes(config, &mut found);
    inflows(config, &mut found);
    hooks::hooks(config, &mut found);
    hooks::webhooks(config, &mut found);
    policy::floor(&config.floor, &mut found);
    policy::policies(config, &mut found);
    found.0
}

/// What works and is open to more people than it may seem: key and cause.
pub(super) fn exposed(config: &Config) -> Vec<(String, String)> {
    let listen = &config.listen;
    let mut found = Found(Vec::new());
    if !listen.console.ip().is_loopback() && listen.tls_cert.is_none() {
        let cause = "is reached from other machines without TLS: put a proxy with TLS before it, \
                     or passwords can be read on their way";
        found.add("listen.console", cause);
    }
    if !listen.admin.ip().is_loopback() {
        let cause = "is reached from other machines: let only those in that operators use";
        found.add("listen.admin", cause);
    }
    #[cfg(unix)]
    if let Ok(about) = std::fs::metadata(&config.state_dir)
        && std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o007 != 0
    {
        let cause = "others on this machine may look into it: it is its owner's alone (chmod 700)";
        found.add("state_dir", cause);
    }
    found.0
}

struct Found(Vec<(String, String)>);

impl Found {
    fn add(&mut self, key: impl Into<String>, cause: impl Into<String>) {
        self.0.push((key.into(), cause.into()));
    }

    fn within(&mut self, key: impl Into<String>, value: u64, range: RangeInclusive<u64>) {
        if !range.contains(&value) {
            self.add(key, format!("{value} is not within {} to {}", range.start(), range.end()));
        }
    }

    fn share(&mut self, key: String, value: Option<f32>) {
        if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            self.add(key, "is not within 0 to 1");
        }
    }
}

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const MIB: u64 = 1024 * 1024;

/// Numbers with their ranges. The lower end is where the part still works at all, the upper one
/// where a slip of the keyboard is likelier than a wish.
fn bounds(config: &Config, found: &mut Found) {
    let (listen, limits, hold) = (&config.listen, &config.limits, &config.hold);
    let (score, console, keep) = (&config.score, &config.console, &config.retention);
    let threads_max = 64;
    let table: [(&str, u64, RangeInclusive<u64>); 54] = [
        ("listen.connections_max", listen.connections_max as u64, 1..=1_000_000),
        ("listen.connections_per_ip_max", listen.connections_per_ip_max as u64, 1..=1_000_000),
        ("listen.accept_per_second", listen.accept_per_second.into(), 1..=1_000_000),
        ("listen.handshake_ms", listen.handshake_ms, 100..=5 * MINUTE_MS),
        ("listen.header_bytes_max", listen.header_bytes_max as u64, 1024..=MIB),
        ("listen.body_bytes_max", listen.body_bytes_max as u64, 0..=1024 * MIB),
        ("listen.drain_ms", listen.drain_ms, 0..=10 * MINUTE_MS),
        ("listen.grace_ms", listen.grace_ms, 100..=60 * MINUTE_MS),
        ("limits.message_bytes_max", limits.message_bytes_max as u64, 128..=16 * MIB),
        ("limits.fragments_max", limits.fragments_max as u64, 1..=1_000_000),
        // Deflate itself comes to no more than 1032.
        ("limits.inflate_ratio_max", limits.inflate_ratio_max as u64, 1..=1032),
        ("limits.partial_ms", limits.partial_ms, 100..=10 * MINUTE_MS),
        ("limits.pings_per_second", limits.pings_per_second.into(), 1..=10_000),
        ("limits.ping_ms", limits.ping_ms, 100..=10 * MINUTE_MS),
        ("limits.dead_ms", limits.dead_ms, 200..=20 * MINUTE_MS),
        ("limits.backlog_bytes_max", limits.backlog_bytes_max as u64, 1024..=256 * MIB),
        ("limits.stall_ms", limits.stall_ms, 100..=10 * MINUTE_MS),
        ("limits.waiting_max", limits.waiting_max as u64, 1..=10_000),
        ("hold.held_max", hold.held_max as u64, 1..=10_000_000),
        ("hold.held_per_sender_max", hold.held_per_sender_max as u64, 1..=10_000),
        ("hold.held_paid_max", hold.held_paid_max as u64, 0..=1_000_000),
        ("hold.undo_ms", hold.undo_ms, 0..=10 * MINUTE_MS),
        ("hold.reconnect_ms", hold.reconnect_ms, 0..=DAY_MS),
        ("retention.text_days", keep.text_days.into(), 0..=3650),
        ("retention.record_days", keep.record_days.into(), 1..=3650),
        ("score.score_deadline_ms", score.score_deadline_ms, 1..=MINUTE_MS),
        ("score.queue_max", score.queue_max as u64, 1..=100_000),
        ("score.batch_max", score.batch_max as u64, 1..=1024),
        ("score.threads", score.threads as u64, 1..=threads_max),
        ("score.cache_max", score.cache_max as u64, 0..=10_000_000),
        ("console.session_hours", console.session_hours.into(), 1..=24 * 90),
        ("console.attempts_max", console.attempts_max.into(), 1..=1000),
        ("console.streams_max", console.streams_max as u64, 1..=100_000),
        ("console.sessions_max", console.sessions_max as u64, 1..=1000),
        ("console.duty_minutes", console.duty_minutes.into(), 1..=24 * 60),
        ("api.body_bytes_max", config.api.body_bytes_max as u64, 1024..=256 * 1024 * 1024),
        ("api.messages_max", config.api.messages_max as u64, 1..=100_000),
        ("api.requests_max", config.api.requests_max as u64, 1..=100_000),
        ("api.streams_max", config.api.streams_max as u64, 0..=100_000),
        ("api.requests_per_second", config.api.requests_per_second.into(), 0..=1_000_000),
        ("api.requests_burst", config.api.requests_burst.into(), 1..=1_000_000),
        ("api.paces_max", config.api.paces_max as u64, 1..=1_000_000),
        ("api.keys_max", config.api.keys_max as u64, 1..=1_000_000),
        ("api.keys_ms", config.api.keys_ms, 1000..=7 * DAY_MS),
        ("api.score_wait_ms", config.api.score_wait_ms, 1..=MINUTE_MS),
        ("api.origins", config.api.origins.len() as u64, 0..=1000),
        ("history.senders_max", config.history.senders_max as u64, 16..=10_000_000),
        ("history.lines_max", config.history.lines_max as u64, 64..=10_000_000),
        ("history.channels_max", config.history.channels_max as u64, 16..=1_000_000),
        ("history.shown_max", config.history.shown_max as u64, 0..=1_000_000),
        ("history.chat_max", config.history.chat_max as u64, 0..=10_000),
        ("history.chat_ms", config.history.chat_ms, 1_000..=60 * MINUTE_MS),
        ("history.decrees_max", config.history.decrees_max as u64, 0..=1_000_000),
        ("wordlists.paths", config.wordlists.paths.len() as u64, 0..=1000),
    ];
    for (key, value, range) in table {
        found.within(key, value, range);
    }
}

fn listen(config: &Config, found: &mut Found) {
    let listen = &config.listen;
    if config.state_dir.as_os_str().is_empty() {
        found.add("state_dir", "is empty");
    }
    let ports = [("chat", listen.chat), ("console", listen.console), ("admin", listen.admin)];
    for (index, (name, address)) in ports.iter().enumerate() {
        let twin = ports[..index].iter().find(|(_, other)| other == address && other.port() != 0);
        if let Some((other, _)) = twin {
            found.add(format!("listen.{name}"), format!("{address} is listen.{other} already"));
        }
    }
    match (&listen.tls_cert, &listen.tls_key) {
        (Some(_), None) => found.add("listen.tls_cert", "needs listen.tls_key beside it"),
        (None, Some(_)) => found.add("listen.tls_key", "needs listen.tls_cert beside it"),
        _ => {}
    }
    if listen.drain_ms > listen.grace_ms {
        found.add("listen.drain_ms", "is longer than listen.grace_ms, which ends the process");
    }
    if config.limits.ping_ms >= config.limits.dead_ms {
        found.add("limits.ping_ms", "must be shorter than limits.dead_ms: a ping needs its answer");
    }
}

fn routes(config: &Config, found: &mut Found) {
    if config.route.len() > ROUTES_MAX {
        return found.add("route", format!("more than {ROUTES_MAX} routes"));
    }
    let mut paths = BTreeMap::new();
    for (index, route) in config.route.iter().enumerate() {
        let key = |name: &str| format!("route[{index}].{name}");
        if let Some(first) = paths.insert(route.path.trim_end_matches('/'), index) {
            let cause = format!("{:?} is the path of route[{first}] already", route.path);
            found.add(key("path"), cause);
        }
        one_route(route, &key, found);
    }
}

/// What routes, bots and hooks have in common: a name of their own, and policies that exist.
fn inflows(config: &Config, found: &mut Found) {
    if config.bot.len() > ROUTES_MAX {
        return found.add("bot", format!("more than {ROUTES_MAX} of them"));
    }
    let (mut names, mut counts) = (BTreeMap::new(), BTreeMap::new());
    for Inflow { kind, name, policy, channels, route, .. } in config.inflows() {
        let count: &mut usize = counts.entry(kind).or_default();
        let at = format!("{kind}[{count}]");
        *count += 1;
        let key = |name: &str| format!("{at}.{name}");
        if let Some(cause) = name_cause(name) {
            found.add(key("name"), cause);
        }
        // A route without a name goes by its path, which is then the thing to mend.
        let named = route.is_none_or(|route| !route.name.is_empty());
        if let Some(first) = names.insert(name, at.clone()).filter(|_| named) {
            found.add(key("name"), format!("{name:?} is the name of {first} already"));
        }
        let missing = |policy: &str| {
            let there = PRESETS.contains(&policy) || config.policy.contains_key(policy);
            (!there).then(|| format!("there is no policy {policy:?}{}", known(config)))
        };
        if let Some(cause) = missing(policy) {
            found.add(key("policy"), cause);
        }
        if channels.len() > CHANNELS_MAX {
            found.add(key("channels"), format!("more than {CHANNELS_MAX} channels"));
        }
        for (channel, policy) in channels {
            let own = || key(&format!("channels.{channel}"));
            let causes = name_cause(channel).into_iter().chain(missing(policy));
            causes.for_each(|cause| found.add(own(), cause));
        }
    }
    for (index, bot) in config.bot.iter().enumerate() {
        let (key, actions) = (|name| format!("bot[{index}].actions.{name}"), &bot.actions);
        found.within(key("time_out_s"), actions.time_out_s, 1..=14 * DAY_MS / 1_000);
        found.within(key("queue_max"), actions.queue_max as u64, 1..=100_000);
    }
}

fn known(config: &Config) -> String {
    let own = config.policy.keys().map(String::as_str);
    let names: BTreeSet<&str> = PRESETS.into_iter().chain(own).take(20).collect();
    format!(" (there are {})", names.into_iter().collect::<Vec<_>>().join(", "))
}

fn one_route(route: &RouteConfig, key: &dyn Fn(&str) -> String, found: &mut Found) {
    if let Some(cause) = path_cause(&route.path) {
        found.add(key("path"), cause);
    }
    if let Some(cause) = upstream_cause(&route.upstream) {
        found.add(key("upstream"), cause);
    }
    for origin in route.origins.iter().filter(|origin| !is_origin(origin)) {
        let cause =
            format!("{origin:?} is neither \"*\", \"loopback\" nor like \"https://example.org\"");
        found.add(key("origins"), cause);
    }
    for path in &route.blocked_paths {
        if let Some(cause) = path_cause(path) {
            found.add(key("blocked_paths"), cause);
        }
    }
    if let Some(identity) = &route.identity
        && HeaderName::from_bytes(identity.name.as_bytes()).is_err()
    {
        let cause = format!("{:?} cannot be a header, cookie or parameter", identity.name);
        found.add(key("identity.name"), cause);
    }
    match (&route.service, route.mode) {
        (Some(_), Mode::Egress) => {
            found.add(key("service"), "has no use in egress: the origin server is never written to")
        }
        (Some(service), Mode::Inline) => service_of(service, key, found),
        (None, _) => {}
    }
    if route.trust_paid && route.mode == Mode::Egress {
        found.add(key("trust_paid"), "has no use in egress: the server is believed there anyway");
    }
    let Some(json) = &route.json else { return };
    if PLAIN_PROTOCOLS.contains(&route.protocol.as_str()) {
        let cause = format!("has no use with protocol {:?}", route.protocol);
        found.add(key("json"), cause);
    }
    if route.mode == Mode::Inline && !route.trust_paid && !json.paid.is_empty() {
        let cause = "inline, clients write their own frames; `trust_paid = true` believes them";
        found.add(key("json.paid"), cause);
    }
    if route.mode == Mode::Inline && !json.roles.is_empty() {
        let cause = "inline, the client writes its own frames: roles there prove nothing";
        found.add(key("json.roles"), cause);
    }
}

fn service_of(service: &ServiceConfig, key: &dyn Fn(&str) -> String, found: &mut Found) {
    if !service.path.is_empty() && !service.path.starts_with('/') {
        found.add(key("service.path"), format!("{:?} does not begin with /", service.path));
    }
    for (name, value) in &service.headers {
        let fits = HeaderName::from_bytes(name.as_bytes()).is_ok();
        // The value may be a secret: it is not repeated.
        if !fits || HeaderValue::from_str(value).is_err() {
            found.add(key("service.headers"), format!("{name:?} cannot be sent as a header"));
        }
    }
    for name in service.header_files.keys() {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            found.add(key("service.header_files"), format!("{name:?} cannot be sent as a header"));
        }
        if service.headers.keys().any(|own| own.eq_ignore_ascii_case(name)) {
            let cause = format!("{name:?} stands in service.headers already");
            found.add(key("service.header_files"), cause);
        }
    }
}

fn name_cause(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".into());
    }
    if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Some(format!("is longer than {NAME_BYTES_MAX} bytes or holds control characters"));
    }
    None
}

fn path_cause(path: &str) -> Option<String> {
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\');
    if !path.starts_with('/') {
        return Some(format!("{path:?} does not begin with /"));
    }
    if path.contains(strange) || path.split('/').any(|part| part == "." || part == "..") {
        return Some(format!("{path:?} is not a plain path"));
    }
    None
}

fn upstream_cause(upstream: &str) -> Option<String> {
    if upstream.is_empty() {
        return Some(
            "is missing: where is the chat server? For instance \"ws://127.0.0.1:9000\"".into(),
        );
    }
    let Ok(uri) = upstream.parse::<Uri>() else {
        return Some(format!("{upstream:?} is not a URL"));
    };
    let known = matches!(uri.scheme_str(), Some("ws" | "wss" | "http" | "https"));
    let Some(authority) = uri.authority().filter(|_| known) else {
        return Some(format!("{upstream:?} does not begin with ws:// or wss:// (or http, https)"));
    };
    if authority.as_str().contains('@') {
        return Some("holds a user or password; send it as a header of its own".into());
    }
    if authority.host().is_empty() {
        return Some(format!("{upstream:?} names no host"));
    }
    None
}

fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else {
        return matches!(origin, "*" | LOOPBACK);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    !scheme.is_empty() && scheme.chars().all(plain) && !host.is_empty() && !host.contains('/')
}

/// An origin as browsers write it, so that it can be compared whole: lower case, no default port,
/// nothing behind the host. Never a pattern.
fn is_web_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.[]:".contains(c);
    let default_port = match scheme {
        "http" => host.ends_with(":80"),
        "https" => host.ends_with(":443"),
        _ => false,
    };
    let named = !scheme.is_empty() && !host.is_empty();
    named && !default_port && scheme.chars().chain(host.chars()).all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_whole_and_as_browsers_write_it() {
        for (origin, good) in [
            ("https://example.org", true),
            ("http://localhost:3000", true),
            ("https://[2001:db8::1]:8443", true),
            ("chrome-extension://abcdef", true),
            ("*", false),
            ("null", false),
            ("https://*.example.org", false),
            ("https://example.org/", false),
            ("https://example.org:443", false),
            ("https://Example.org", false),
            ("https://me@example.org", false),
            ("example.org", false),
            ("https://", false),
        ] {
            assert_eq!(is_web_origin(origin), good, "{origin}");
        }
    }
}
