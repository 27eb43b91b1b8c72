//! Tells programs why a request was not done, in the shape of RFC 9457.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::doors::Failure;

/// A failure in the shape of RFC 9457.
pub struct Problem(pub Failure);

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem(failure)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Problem(failure) = self;
        let mut body = json!({
            // No page describes the error, so the status alone is its type.
            "type": "about:blank",
            "title": failure.status.canonical_reason(),
            "status": failure.status.as_u16(),
            "detail": failure.message,
            "error": failure.error,
        });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, failure.more.clone()) {
            // The members of the shape itself are not for others to change.
            more.into_iter().for_each(|(name, value)| _ = body.entry(name).or_insert(value));
        }
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (failure.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(wait) = failure.retry_header() {
            headers.insert(header::RETRY_AFTER, wait);
        }
        if let (StatusCode::TOO_MANY_REQUESTS, Some(wait)) = (failure.status, &failure.retry_after)
        {
            // As the draft of the IETF has it: nothing is left of the token's share.
            let told = format!("\"token\";r=0;t={}", wait.as_secs_f64().ceil().max(1.0));
            let told = HeaderValue::try_from(told).expect("quotes, letters and digits");
            headers.insert(HeaderName::from_static("ratelimit"), told);
        }
        if failure.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
