//! Calls other servers over HTTP, with bounds on time and size.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio_rustls::rustls::ClientConfig;

/// For an answer, its body included.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// What platforms answer is a page of JSON.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A connection that was quiet for longer may have been forgotten at the other end.
const IDLE: Duration = Duration::from_secs(30);
/// What is read of an answer of which only the status counts, so that its connection can be used
/// again; of longer or slower ones the connection is closed.
const DRAINED_BYTES_MAX: usize = 64 * 1024;
const DRAIN_WAIT: Duration = Duration::from_millis(500);
/// Who asks for more than an hour means: not today.
const ASKED_WAIT_MAX: Duration = Duration::from_secs(60 * 60);
const AGENT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// A client whose connections are used again; cheap to clone.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{0} cannot be asked: {1}")]
    Request(String, String),
    #[error("{0} does not answer: {1}")]
    Unreachable(String, String),
    #[error("{0} did not answer in time")]
    Late(String),
}

impl Http {
    pub fn new(tls: &Arc<ClientConfig>) -> Http {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(ANSWER_WAIT));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(tls))
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Http { client }
    }

    /// Asks and reads the whole answer. `body` is sent as JSON where it is not null.
    ///
    /// # Errors
    /// No answer, or none in time; a status is no error.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: &Value,
    ) -> Result<Reply, CallError> {
        let (kind, body) = match body {
            Value::Null => ("", Bytes::new()),
            body => ("application/json", Bytes::from(body.to_string())),
        };
        self.send(method, url, headers, kind, body).await
    }

    /// The same with a body that is written already; without one `kind` is empty.
    ///
    /// # Errors
    /// As above.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        kind: &str,
        body: Bytes,
    ) -> Result<Reply, CallError> {
        let request = request(method, url, headers, kind, body)?;
        let answered = tokio::time::timeout(ANSWER_WAIT, async {
            let lost = |cause: String| CallError::Unreachable(place(url), cause);
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|cause| lost(chain(&cause)))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|cause| lost(cause.to_string()))?.to_bytes();
            Ok(Reply { status: head.status, headers: head.headers, body })
        });
        answered.await.map_err(|_| CallError::Late(place(url)))?
    }

    /// Posts JSON that is written already and reads the answer's status and headers, whatever its
    /// body is; `wait` is for these. The answer's body stays empty.
    ///
    /// # Errors
    /// As above.
    pub async fn post(
        &self,
        url: &str,
        headers: &HeaderMap,
        body: Bytes,
        wait: Duration,
    ) -> Result<Reply, CallError> {
        let request = request(Method::POST, url, headers, "application/json", body)?;
        let answered = tokio::time::timeout(wait, self.client.request(request)).await;
        let answer = answered.map_err(|_| CallError::Late(place(url)))?;
        let lost = |cause| CallError::Unreachable(place(url), chain(&cause));
        let (head, body) = answer.map_err(lost)?.into_parts();
        let rest = Limited::new(body, DRAINED_BYTES_MAX).collect();
        // Whatever becomes of the rest: the peer has said what it had to say.
        let _ = tokio::time::timeout(DRAIN_WAIT, rest).await;
        Ok(Reply { status: head.status, headers: head.headers, body: Bytes::new() })
    }
}

/// Paths and queries may carry secrets, and errors are logged.
fn place(url: &str) -> String {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.host()?)));
    let port = uri.as_ref().and_then(Uri::port).map_or(String::new(), |port| format!(":{port}"));
    host.map_or_else(String::new, |(scheme, host)| format!("{scheme}://{host}{port}"))
}

fn request(
    method: Method,
    url: &str,
    headers: &HeaderMap,
    kind: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, CallError> {
    let wrong = |cause: &dyn std::fmt::Display| CallError::Request(place(url), cause.to_string());
    let uri: Uri = url.parse().map_err(|cause| wrong(&cause))?;
    let mut request = Request::builder().method(method).uri(uri);
    request = request.header(header::USER_AGENT, AGENT);
    if !kind.is_empty() {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let mut request = request.body(Full::new(body)).map_err(|cause| wrong(&cause))?;
    request.headers_mut().extend(headers.clone());
    Ok(request)
}

impl Reply {
    /// # Errors
    /// What is not as it should be, and where in the answer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("a strange answer: {error}"))
    }

    /// How long a `Retry-After` header asks to wait; more than an hour is no answer.
    pub fn retry_after(&self) -> Option<Duration> {
        self.asked_wait().filter(|wait| *wait <= ASKED_WAIT_MAX)
    }

    /// The same, however long: seconds, or a date.
    pub fn asked_wait(&self) -> Option<Duration> {
        let value = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        asked_wait(value.trim(), SystemTime::now())
    }
}

fn asked_wait(value: &str, now: SystemTime) -> Option<Duration> {
    match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => {
            // A date of HTTP is one of mails, always in GMT.
            let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
            Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
        }
    }
}

/// `name=value` pairs as forms and queries carry them.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| format!("{}={}", percent(name), percent(value));
    pairs.iter().map(one).collect::<Vec<_>>().join("&")
}

/// Text as it may stand in one part of a URL.
pub fn percent(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte));
            }
            _ => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

/// The library's error says little; what caused it says more.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_may_ask_for_time_in_seconds_or_by_a_date() {
        // Sun, 06 Nov 1994 08:49:37 GMT, the date of the standard.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("3600", Some(3_600)),
            ("7200", Some(7_200)),
            ("-1", None),
            ("NaN", None),
            ("1e300", None),
            ("soon", None),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(86_400)),
        ] {
            let wait = asked_wait(value, now).map(|wait| wait.as_secs());
            assert_eq!(wait, expected, "{value}");
        }
    }
}
