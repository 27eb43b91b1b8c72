//! Tries what pages of other origins are told in a browser.

use serde_json::json;

use crate::{
    ask,
    house::{Answer, House, house, raw, request},
};

const PAGE: &str = "https://comments.example.org";

async fn open(origins: &[&str]) -> House {
    house(|config| config.api.origins = origins.iter().map(|own| (*own).to_owned()).collect()).await
}

/// What a browser asks before it lets a page send JSON with a token.
async fn preflight(house: &House, path: &str, origin: &str) -> Answer {
    let headers = [
        ("host", "tidegate.internal"),
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    raw(house.console, &request("OPTIONS", path, &headers, "")).await
}

/// The headers that speak to browsers, by name.
fn told(answer: &Answer) -> Vec<&str> {
    let names = answer.head.lines().filter_map(|line| line.split_once(": "));
    names.map(|(name, _)| name).filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_ask_and_read() {
    let house = open(&["https://other.example", PAGE]).await;
    let bearer = format!("Bearer {}", house.token);
    let wanted = json!({ "TOXICITY": {} });
    let comment = json!({ "comment": { "text": "hi" }, "requestedAttributes": wanted });
    let comment = comment.to_string();
    let moderation = json!({ "input": "hi" }).to_string();
    for (path, body) in [
        ("/v1alpha1/comments:analyze", &comment),
        ("/v1alpha1/comments%3Aanalyze", &comment),
        ("/v1/moderations", &moderation),
    ] {
        let may = preflight(&house, path, PAGE).await;
        assert_eq!((may.status, may.body.as_str()), (204, ""), "{path}");
        assert_eq!(may.header("access-control-allow-origin"), Some(PAGE));
        assert_eq!(may.header("access-control-allow-methods"), Some("GET, POST"));
        assert_eq!(may.header("access-control-allow-headers"), Some("authorization, *"));
        assert_eq!(may.header("vary"), Some("origin"));
        assert_eq!(may.header("access-control-allow-credentials"), None);
        let kind = ("content-type", "application/json");
        for (token, good) in [(bearer.as_str(), true), ("Bearer guess", false)] {
            let headers = [("host", "any"), kind, ("origin", PAGE), ("authorization", token)];
            let answer = ask(&house, path, &headers, body).await;
            assert_eq!(answer.status == 200, good, "{path} {}", answer.body);
            // An error that a page cannot read is none that it can show.
            assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{path}");
            assert_eq!(answer.header("vary"), Some("origin"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn other_pages_and_other_paths_are_told_nothing() {
    let (named, none) = (open(&[PAGE]).await, open(&[]).await);
    for (house, path, origin) in [
        (&none, "/v1/moderations", PAGE),
        (&named, "/v1/moderations", "https://comments.example.org.evil.example"),
        (&named, "/v1/moderations", "http://comments.example.org"),
        (&named, "/v1/moderations", "https://comments.example.org:8443"),
        (&named, "/v1/moderations", "https://example.org"),
        (&named, "/v1/moderations", "null"),
        (&named, "/v1/moderations", "*"),
        (&named, "/v1/moderations", ""),
        (&named, "/v1/judge", PAGE),
        (&named, "/v1/holds", PAGE),
        (&named, "/v1/hook/rooms", PAGE),
        (&named, "/api/queue", PAGE),
    ] {
        let answer = preflight(house, path, origin).await;
        assert!(answer.status >= 400, "{path} {origin}: {}", answer.status);
        assert_eq!(told(&answer), Vec::<&str>::new(), "{path} {origin}");
    }
    let bearer = format!("Bearer {}", named.token);
    let headers = [
        ("host", "any"),
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
        ("origin", "https://evil.example"),
    ];
    let answer = ask(&named, "/v1/moderations", &headers, r#"{"input":"hi"}"#).await;
    assert_eq!((answer.status, told(&answer)), (200, vec![]), "as any program");
    assert_eq!(answer.header("vary"), Some("origin"));
}
