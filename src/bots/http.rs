//! Calls other servers over HTTP, with bounds on time and size.

use std::{sync::Arc, time::Duration};

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
use tokio_rustls::rustls::ClientConfig;

/// For an answer, its body included.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// What platforms answer is a page of JSON.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A connection that was quiet for longer may have been forgotten at the other end.
const IDLE: Duration = Duration::from_secs(30);
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
        // Queries may carry secrets, and errors are logged.
        let place = || url.split(['?', '#']).next().unwrap_or_default().to_owned();
        let wrong = |cause: &dyn std::fmt::Display| CallError::Request(place(), cause.to_string());
        let uri: Uri = url.parse().map_err(|cause| wrong(&cause))?;
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header(header::USER_AGENT, AGENT);
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let mut request = request.body(Full::new(body)).map_err(|cause| wrong(&cause))?;
        request.headers_mut().extend(headers.clone());
        let answered = tokio::time::timeout(ANSWER_WAIT, async {
            let lost = |cause: String| CallError::Unreachable(place(), cause);
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|cause| lost(chain(&cause)))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|cause| lost(cause.to_string()))?.to_bytes();
            Ok(Reply { status: head.status, headers: head.headers, body })
        });
        answered.await.map_err(|_| CallError::Late(place()))?
    }
}

impl Reply {
    /// # Errors
    /// What is not as it should be, and where in the answer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("a strange answer: {error}"))
    }

    /// Seconds of a `Retry-After` header, where it holds a number.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        let seconds: f64 = value.trim().parse().ok()?;
        // A platform that asks for more than an hour means: not today.
        (0.0..=3_600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
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
