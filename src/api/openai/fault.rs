//! Tells OpenAI's clients why a request was not done, in the shape that they know.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::doors::Failure;

/// An error as OpenAI has it: a sentence, a kind, the parameter that is wrong and a code.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    kind: &'static str,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
    retry_after: Option<Duration>,
}

impl Fault {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Fault {
        let message = message.into();
        Fault { status, kind, message, param: None, code: None, retry_after: None }
    }

    /// What is wrong with a parameter.
    pub fn param(
        param: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Fault {
        Fault {
            param: Some(param.into()),
            code: Some(code),
            ..Fault::new(StatusCode::BAD_REQUEST, INVALID, message)
        }
    }

    pub fn json(cause: &serde_json::Error) -> Fault {
        let message = format!("We could not parse the JSON body of your request: {cause}");
        Fault::new(StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// The model has not answered in time, and "not flagged" would be a lie.
    pub fn late() -> Fault {
        let message = "The model did not answer in time. Please try again.";
        Fault {
            code: Some("model_late"),
            retry_after: Some(Duration::from_secs(1)),
            ..Fault::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", message)
        }
    }
}

const INVALID: &str = "invalid_request_error";

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        let (kind, code) = match failure.status {
            StatusCode::UNAUTHORIZED => (INVALID, Some("invalid_api_key")),
            StatusCode::FORBIDDEN => (INVALID, Some("insufficient_permissions")),
            StatusCode::TOO_MANY_REQUESTS => ("requests", Some("rate_limit_exceeded")),
            status if status.is_server_error() => ("server_error", None),
            _ => (INVALID, None),
        };
        let retry_after = failure.retry_after;
        Fault { code, retry_after, ..Fault::new(failure.status, kind, failure.message) }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let wait = Failure { retry_after: self.retry_after, ..Failure::new(self.status, "", "") };
        let error = json!({
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        });
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = wait.retry_header() {
            headers.insert(header::RETRY_AFTER, wait);
        }
        response
    }
}
