//! Tries who gets in: roles, origins, hosts, sessions, lockout, sizes.

use std::fs;

use crate::house::{PASSWORD, house, raw, request};

/// A request, and how it is answered: to nobody who is known, a viewer, a moderator, an admin.
type Reach = (&'static str, &'static str, &'static str, [u16; 4]);

const REACH: &[Reach] = &[
    ("GET", "/", "", [200, 200, 200, 200]),
    ("GET", "/app.js", "", [200, 200, 200, 200]),
    ("GET", "/api/me", "", [401, 200, 200, 200]),
    ("GET", "/api/queue", "", [401, 200, 200, 200]),
    // Who may decide is told that there is no such message.
    ("POST", "/api/holds/none/release", "{}", [401, 403, 404, 404]),
    ("POST", "/api/holds/none/remove", "{}", [401, 403, 404, 404]),
    ("POST", "/api/holds/none/time-out", r#"{"seconds":60}"#, [401, 403, 404, 404]),
    ("POST", "/api/holds/none/undo", "{}", [401, 403, 404, 404]),
    ("POST", "/api/holds/none/ban", "{}", [401, 403, 404, 404]),
    ("POST", "/api/holds/none/trust", "{}", [401, 403, 404, 404]),
    ("POST", "/api/holds/none/allow", "{}", [401, 403, 404, 404]),
    ("POST", "/api/holds/none/foresee", "{}", [401, 403, 404, 404]),
    ("POST", "/api/holds/none/dance", "{}", [401, 403, 404, 404]),
    ("GET", "/api/holds/none/release", "", [405, 405, 405, 405]),
    ("GET", "/api/crowds", "", [401, 200, 200, 200]),
    ("POST", "/api/active", "{}", [401, 403, 200, 200]),
    ("POST", "/api/slow", "{}", [401, 403, 400, 400]),
    ("POST", "/api/look", r#"{"hold":null}"#, [401, 403, 200, 200]),
    // Whoever may act is told what is wrong with an empty act.
    ("POST", "/api/marked", "{}", [401, 403, 400, 400]),
    ("POST", "/api/permits", "{}", [401, 403, 400, 400]),
    ("POST", "/api/shield", "{}", [401, 403, 400, 400]),
    ("POST", "/api/nukes", "{}", [401, 403, 422, 422]),
    ("POST", "/api/nukes/preview", "{}", [401, 403, 422, 422]),
    ("POST", "/api/nukes/1/lift", "{}", [401, 403, 404, 404]),
    ("GET", "/api/decrees", "", [401, 200, 200, 200]),
    ("POST", "/api/decrees/none/lift", "{}", [401, 403, 404, 404]),
    ("GET", "/api/refunds", "", [401, 403, 200, 200]),
    ("GET", "/api/refunds.csv", "", [401, 403, 200, 200]),
    ("POST", "/api/senders/pardon", "{}", [401, 403, 400, 400]),
    ("GET", "/api/lists", "", [401, 403, 200, 200]),
    ("GET", "/api/lists/hate", "", [401, 403, 200, 200]),
    ("GET", "/api/lists/hate/7", "", [401, 403, 404, 404]),
    ("GET", "/api/lists/none", "", [401, 403, 404, 404]),
    ("POST", "/api/lists/hate", r#"{"text":"","base":0}"#, [401, 403, 200, 200]),
    ("POST", "/api/lists/allow", r#"{"text":"","base":0}"#, [401, 403, 403, 200]),
    ("POST", "/api/lists/left_out", r#"{"text":"","base":0}"#, [401, 403, 403, 200]),
    ("POST", "/api/lists/hate/lint", r#"{"text":""}"#, [401, 403, 200, 200]),
    ("GET", "/api/strictness?route=", "", [401, 200, 200, 200]),
    ("POST", "/api/strictness", "{}", [401, 403, 400, 400]),
    ("GET", "/api/policies", "", [401, 403, 200, 200]),
    ("POST", "/api/try", "{}", [401, 403, 400, 400]),
    ("POST", "/api/replay", "{}", [401, 403, 400, 400]),
    ("GET", "/api/insights", "", [401, 403, 200, 200]),
    ("GET", "/api/insights.csv", "", [401, 403, 200, 200]),
    ("GET", "/api/appeals", "", [401, 403, 200, 200]),
    ("POST", "/api/appeals/none/overturn", "{}", [401, 403, 404, 404]),
    ("POST", "/api/appeals/none/uphold", "{}", [401, 403, 404, 404]),
    ("GET", "/join", "", [200, 200, 200, 200]),
    ("POST", "/join", "{}", [400, 400, 400, 400]),
    ("GET", "/api/account", "", [401, 200, 200, 200]),
    ("POST", "/api/account/seats/none/end", "{}", [401, 200, 200, 200]),
    ("POST", "/api/account/password", "{}", [401, 400, 400, 400]),
    ("POST", "/api/account/factor", "{}", [401, 200, 200, 200]),
    ("POST", "/api/account/factor/on", "{}", [401, 400, 400, 400]),
    ("GET", "/api/people", "", [401, 403, 403, 200]),
    ("POST", "/api/people/none/grant", r#"{"role":null}"#, [401, 403, 403, 404]),
    ("POST", "/api/people/none/remove", "{}", [401, 403, 403, 404]),
    ("POST", "/api/people/none/log-out", "{}", [401, 403, 403, 404]),
    ("POST", "/api/people/none/factor-off", "{}", [401, 403, 403, 404]),
    ("POST", "/api/invitations", "{}", [401, 403, 403, 422]),
    ("POST", "/api/invitations/none/take-back", "{}", [401, 403, 403, 410]),
    ("GET", "/account", "", [200, 200, 200, 200]),
    ("GET", "/appeals", "", [200, 200, 200, 200]),
    ("GET", "/insights", "", [200, 200, 200, 200]),
    ("GET", "/try", "", [200, 200, 200, 200]),
    ("GET", "/elsewhere", "", [404, 404, 404, 404]),
    ("POST", "/logout", "{}", [204, 204, 204, 204]),
    ("GET", "/api/me", "", [401, 401, 401, 401]),
];

#[tokio::test]
async fn each_role_reaches_what_it_may() {
    let house = house(|_| {}).await;
    let mut cookies = vec![String::new()];
    for name in ["vera", "ana", "adam"] {
        cookies.push(house.cookie(name).await);
    }
    for (method, path, body, expected) in REACH {
        for (cookie, expected) in cookies.iter().zip(expected) {
            let answer = house.page(method, path, cookie, body).await;
            assert_eq!(answer.status, *expected, "{method} {path} as {cookie}: {}", answer.body);
        }
    }
    every_route_is_tried(&REACH.iter().map(|(_, path, ..)| *path).collect::<Vec<_>>());
}

/// A route that is new is one more line above; two have tests of their own.
fn every_route_is_tried(tried: &[&str]) {
    let served = include_str!("../../src/console.rs").split(".route(\"").skip(1);
    let served: Vec<&str> = served.filter_map(|rest| rest.split('"').next()).collect();
    assert!(served.len() > 10, "{served:?}");
    for path in served.iter().filter(|path| !["/login", "/api/stream"].contains(path)) {
        let fits = |tried: &str| {
            let (tried, path) = (tried.split('/'), path.split('/'));
            tried.clone().count() == path.clone().count()
                && tried.zip(path).all(|(own, part)| own == part || part.starts_with('{'))
        };
        assert!(tried.iter().any(|tried| fits(tried)), "nobody tried {path}");
    }
}

#[tokio::test]
async fn a_cookie_is_bound_to_its_host_where_the_browser_speaks_tls() {
    let house = house(|config| config.console.hosts = vec!["mod.example.org".into()]).await;
    house.settle("ana").await;
    let body = format!(r#"{{"name":"ana","password":"{PASSWORD}"}}"#);
    let headers = [
        ("host", "mod.example.org"),
        ("origin", "https://mod.example.org"),
        ("x-tidegate", "1"),
        ("content-type", "application/json"),
    ];
    let answer = raw(house.console, &request("POST", "/login", &headers, &body)).await;
    let cookie = answer.header("set-cookie").expect("a cookie is set");
    assert!(cookie.starts_with("__Host-tidegate="), "{cookie}");
    for flag in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(flag), "{flag}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn only_the_own_page_may_act() {
    let house = house(|_| {}).await;
    let cookie = house.cookie("ana").await;
    let (host, own) = (house.console.to_string(), house.origin());
    let room = format!("http://127.0.0.1:{}", house.admin.port());
    let login = format!(r#"{{"name":"ana","password":"{PASSWORD}"}}"#);
    let table = [
        (Some(own.as_str()), true, [404, 404, 404, 200]),
        (Some(own.as_str()), false, [403; 4]),
        (None, true, [403; 4]),
        (None, false, [403; 4]),
        (Some("null"), true, [403; 4]),
        (Some("http://evil.example"), true, [403; 4]),
        // Another port of the same host shares the cookie, and is another origin all the same.
        (Some(room.as_str()), true, [403; 4]),
    ];
    for (origin, own_header, expected) in table {
        let mut headers = vec![("host", host.as_str()), ("cookie", cookie.as_str())];
        headers.push(("content-type", "application/json"));
        headers.extend(origin.map(|origin| ("origin", origin)));
        headers.extend(own_header.then_some(("x-tidegate", "1")));
        let acts = ["/api/holds/none/release", "/api/holds/none/ban", "/api/decrees/none/lift"];
        let acts = acts.map(|path| (path, "{}")).into_iter();
        for ((path, body), expected) in acts.chain([("/login", login.as_str())]).zip(expected) {
            // The cookie would be rotated away by a login that succeeds.
            let headers: Vec<_> = match path {
                "/login" => headers.iter().filter(|(n, _)| *n != "cookie").copied().collect(),
                _ => headers.clone(),
            };
            let answer = raw(house.console, &request("POST", path, &headers, body)).await;
            assert_eq!(answer.status, expected, "{path} from {origin:?}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_name_that_was_pointed_here_is_not_served() {
    let house = house(|config| config.console.hosts = vec!["mod.example.org".into()]).await;
    let port = house.console.port();
    let table = [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        ("mod.example.org".to_owned(), 200),
        (format!("evil.example:{port}"), 421),
        ("mod.example.org.evil.example".to_owned(), 421),
    ];
    for (host, expected) in table {
        let answer = raw(house.console, &request("GET", "/", &[("host", host.as_str())], "")).await;
        assert_eq!(answer.status, expected, "{host}");
    }
    let two = [("host", "localhost"), ("host", "evil.example")];
    let answer = raw(house.console, &request("GET", "/", &two, "")).await;
    assert!(matches!(answer.status, 400 | 421), "two hosts: {}", answer.status);
}

#[tokio::test]
async fn a_login_starts_a_new_session_and_ends_the_old() {
    let house = house(|config| config.console.sessions_max = 2).await;
    house.settle("ana").await;
    let body = format!(r#"{{"name":"ana","password":"{PASSWORD}"}}"#);
    let planted = "tidegate=planted-by-an-attacker";
    let first = house.page("POST", "/login", planted, &body).await;
    let flags = first.header("set-cookie").expect("a cookie is set").to_owned();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(flags.contains(flag), "{flags}");
    }
    let first = first.cookie();
    assert_ne!(first, planted);
    assert_eq!(house.page("GET", "/api/me", planted, "").await.status, 401);
    assert_eq!(house.page("GET", "/api/me", &first, "").await.status, 200);

    let second = house.page("POST", "/login", &first, &body).await.cookie();
    assert_eq!(house.page("GET", "/api/me", &first, "").await.status, 401, "rotated");
    assert_eq!(house.page("GET", "/api/me", &second, "").await.status, 200);

    let third = house.cookie("ana").await;
    let fourth = house.cookie("ana").await;
    for (cookie, expected) in [(&second, 401), (&third, 200), (&fourth, 200)] {
        let status = house.page("GET", "/api/me", cookie, "").await.status;
        assert_eq!(status, expected, "two sessions at most, the oldest goes");
    }
}

#[tokio::test]
async fn failures_lock_an_account_whether_it_exists_or_not() {
    let house = house(|config| config.console.attempts_max = 3).await;
    let mut seen = Vec::new();
    for name in ["ana", "nobody"] {
        for attempt in 0..3 {
            let answer = house.log_in(name, "wrong horse battery").await;
            assert_eq!(answer.status, 401, "{name}, attempt {attempt}");
            seen.push(answer.body);
        }
        // Even the right password waits now.
        let locked = house.log_in(name, PASSWORD).await;
        assert_eq!(locked.status, 429, "{name}: {}", locked.body);
        assert!(locked.header("retry-after").is_some_and(|wait| wait != "0"));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "an answer must not tell which names exist: {seen:?}");
    assert_eq!(house.log_in("ben", PASSWORD).await.status, 200, "others are not locked out");
}

#[tokio::test]
async fn behind_a_proxy_one_who_guesses_makes_nobody_else_wait() {
    let house = house(|config| {
        config.console.attempts_max = 1;
        config.console.proxies = vec!["127.0.0.1".parse().expect("an address")];
    })
    .await;
    house.settle("ana").await;
    let (host, origin) = (house.console.to_string(), house.origin());
    let log_in = async |from: &str, name: &str, password: &str| {
        let headers = [
            ("host", host.as_str()),
            ("origin", &origin),
            ("x-tidegate", "1"),
            ("content-type", "application/json"),
            ("x-forwarded-for", from),
        ];
        let body = format!(r#"{{"name":"{name}","password":"{password}"}}"#);
        raw(house.console, &request("POST", "/login", &headers, &body)).await.status
    };
    for n in 0..4 {
        let status = log_in("203.0.113.9", &format!("nobody{n}"), "wrong horse battery").await;
        assert_eq!(status, 401);
    }
    assert_eq!(log_in("203.0.113.9", "ana", PASSWORD).await, 429, "whoever guessed waits");
    assert_eq!(log_in("198.51.100.1, 203.0.113.9", "ana", PASSWORD).await, 429, "a claim");
    assert_eq!(log_in("192.0.2.7", "ana", PASSWORD).await, 200, "others do not");
}

#[tokio::test]
async fn bodies_are_bounded_and_of_their_kind() {
    let house = house(|_| {}).await;
    let (host, origin) = (house.console.to_string(), house.origin());
    let long = format!(r#"{{"name":"ana","password":"{}"}}"#, "a".repeat(9000));
    let table = [
        ("application/json", long.as_str(), 413),
        ("application/json", "{", 400),
        ("application/json", r#"{"name":"ana"}"#, 400),
        ("application/json", r#"{"name":"ana","password":"x","role":"admin"}"#, 400),
        ("application/x-www-form-urlencoded", "name=ana&password=x", 415),
        ("text/plain", r#"{"name":"ana","password":"x"}"#, 415),
    ];
    for (kind, body, expected) in table {
        let headers = [
            ("host", host.as_str()),
            ("origin", &origin),
            ("x-tidegate", "1"),
            ("content-type", kind),
        ];
        let answer = raw(house.console, &request("POST", "/login", &headers, body)).await;
        assert_eq!(answer.status, expected, "{kind} {:.60}", body);
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn every_answer_forbids_what_is_inline_or_from_elsewhere() {
    let house = house(|_| {}).await;
    for path in ["/", "/app.js", "/api/me", "/nothing"] {
        let answer = house.page("GET", path, "", "").await;
        let csp = answer.header("content-security-policy").expect("a policy");
        assert!(csp.starts_with("default-src 'self'") && !csp.contains("unsafe"), "{csp}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    }
    // What programs and operators are answered is no page at all.
    for (door, path) in [
        (house.console, "/v1/holds"),
        (house.console, "/v1/openapi.json"),
        (house.console, "/v1/nothing"),
        (house.admin, "/live"),
        (house.admin, "/control/tokens"),
        (house.admin, "/nothing"),
    ] {
        let answer = raw(door, &request("GET", path, &[("host", "localhost")], "")).await;
        let csp = answer.header("content-security-policy").expect(path);
        assert!(csp.starts_with("default-src 'none'") && csp.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("cache-control").is_some(), "{path}");
    }
}

#[test]
fn the_page_never_parses_text_as_markup() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/console");
    let barred = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "createContextualFragment",
        "DOMParser",
        " style=",
        "<style",
        "onclick=\"",
        "javascript:",
        "http://",
        "https://",
    ];
    let mut read = 0;
    for entry in fs::read_dir(folder).expect("the page is there") {
        let path = entry.expect("it can be listed").path();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if !matches!(kind, "html" | "js" | "css") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it can be read");
        for word in barred {
            assert!(!text.contains(word), "{word} in {}", path.display());
        }
        read += 1;
    }
    assert!(read >= 9, "only {read} files were found");
}
