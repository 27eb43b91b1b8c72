//! Tells Perspective's clients why a request was not done, in the shape that they know.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::doors::Failure;

/// An error as Google's services have it: status, a code of gRPC, a sentence and details.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Vec<Value>,
    retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Fault {
        let message = message.into();
        Fault { status, code, message, details: Vec::new(), retry_after: None }
    }

    /// What is wrong with the comment or with what is asked of it.
    pub fn comment(kind: &'static str, message: impl Into<String>) -> Fault {
        Fault::invalid(message).detailed(json!({
            "@type": "type.googleapis.com/google.commentanalyzer.v1alpha1.Error",
            "errorType": kind,
        }))
    }

    pub fn request(message: impl Into<String>) -> Fault {
        Fault::comment("INVALID_REQUEST", message)
    }

    /// None of the languages is one in which this attribute is scored; `whose` tells whether the
    /// request named them or they were found.
    pub fn language(attribute: &str, whose: &str, languages: &[String]) -> Fault {
        let listed = languages.join(", ");
        Fault::invalid(format!(
            "Attribute {attribute} does not support request languages: {listed}"
        ))
        .detailed(json!({
            "@type": "type.googleapis.com/google.commentanalyzer.v1alpha1.Error",
            "errorType": "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            "languageNotSupportedByAttributeError": { whose: languages, "attribute": attribute },
        }))
    }

    /// The body is not the JSON that the method takes; `field` is where.
    pub fn payload(field: &str, description: impl Into<String>) -> Fault {
        let description = description.into();
        let violation = match field {
            "" => json!({ "description": description }),
            field => json!({ "field": field, "description": description }),
        };
        Fault::invalid(description).detailed(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [violation],
        }))
    }

    /// The model has not answered in time, and a score of 0 would be a lie.
    pub fn late() -> Fault {
        let message = "The model did not answer in time. Please try again.";
        Fault {
            retry_after: Some(Duration::from_secs(1)),
            ..Fault::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
        }
    }

    /// Why the caller may not; `keyed` tells whether there was a key at all.
    pub fn caller(failure: Failure, keyed: bool) -> Fault {
        if failure.status != StatusCode::UNAUTHORIZED {
            return failure.into();
        }
        if keyed {
            let message = "API key not valid. Please pass a valid API key.";
            return Fault::invalid(message).detailed(json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": { "service": "commentanalyzer.googleapis.com" },
            }));
        }
        let message = "Method doesn't allow unregistered callers. Please use an API key: a token \
            of this Tidegate with the scope judge.";
        Fault::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    fn invalid(message: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
    }

    fn detailed(mut self, detail: Value) -> Fault {
        self.details.push(detail);
        self
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        let code = match failure.status {
            StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
            StatusCode::FORBIDDEN => "PERMISSION_DENIED",
            StatusCode::REQUEST_TIMEOUT => "DEADLINE_EXCEEDED",
            StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
            StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
            StatusCode::METHOD_NOT_ALLOWED => "UNIMPLEMENTED",
            status if status.is_server_error() => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        };
        let retry_after = failure.retry_after;
        Fault { retry_after, ..Fault::new(failure.status, code, failure.message) }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let wait = Failure { retry_after: self.retry_after, ..Failure::new(self.status, "", "") };
        let mut error = json!({
            "code": self.status.as_u16(),
            "message": self.message,
            "status": self.code,
        });
        if !self.details.is_empty() {
            error["details"] = Value::Array(self.details);
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = wait.retry_header() {
            headers.insert(header::RETRY_AFTER, wait);
        }
        response
    }
}
