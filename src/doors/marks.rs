//! Marks every answer, so that no browser takes it for something else, embeds it or keeps it.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, header},
    middleware::Next,
    response::Response,
};

/// What programs and operators are answered is no page: it loads nothing and is in none.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; object-src 'none'";

/// Marks the answers of a door that serves no page.
pub async fn mark(request: Request<Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    add(response.headers_mut(), NOTHING);
    response
}

/// Adds what every answer says; a policy and a rule for caches only where it has none of its own.
pub fn add(headers: &mut HeaderMap, csp: &'static str) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| HeaderValue::from_static(csp));
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| HeaderValue::from_static("no-store"));
}
