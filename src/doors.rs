//! Holds what console, API and admin share: the parts behind them, and their errors.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::ConnectInfo,
    http::{HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    accounts::{AccountError, Accounts},
    config::{Config, Network},
    settle::Settler,
    store::{Store, StoreError},
};

pub mod acts;
pub mod appeals;
pub mod control;
pub mod decrees;
mod foresight;
pub mod hosts;
pub mod marks;
pub mod overrides;
mod pace;
pub mod place;
mod senders;
mod together;
mod whole;

pub use control::Control;
pub use decrees::Decrees;
pub use hosts::Hosts;
pub use overrides::Overriding;
pub use pace::Pace;
pub use whole::{whole, whole_if_any};

/// A body that trickles in longer than this is given up.
const STORE_PAUSE: Duration = Duration::from_secs(1);
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Everything behind the doors; cheap to clone.
#[derive(Clone)]
pub struct Doors {
    pub config: Arc<Config>,
    pub store: Arc<dyn Store>,
    pub settler: Arc<Settler>,
    pub accounts: Accounts,
    pub decrees: Decrees,
    pub overriding: Overriding,
    pub ready: Ready,
    pub control: Control,
}

/// Whether every port answers and nothing is being shut down; false until it is set.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<watch::Sender<Phase>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Starting,
    Ready,
    Ending,
}

impl Ready {
    pub fn set(&self, ready: bool) {
        self.0.send_modify(|phase| {
            *phase = match (ready, *phase) {
                (true, _) => Phase::Ready,
                (false, Phase::Starting) => Phase::Starting,
                (false, Phase::Ready | Phase::Ending) => Phase::Ending,
            }
        });
    }

    pub fn is(&self) -> bool {
        *self.0.borrow() == Phase::Ready
    }

    /// Waits until all is being shut down: what would keep the store open ends then.
    pub async fn ending(&self) {
        let mut phases = self.0.subscribe();
        // It fails only when the sender is gone, and this keeps one.
        let _ = phases.wait_for(|phase| *phase == Phase::Ending).await;
    }
}

/// The peer's address, as whoever accepted the connection noted it.
///
/// Without a note (a server that gives none) all callers count as one address, the safe side.
pub fn peer(request: &Request<Body>) -> IpAddr {
    let noted = request.extensions().get::<ConnectInfo<SocketAddr>>();
    noted.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}

/// Who asks: the peer, or where that is a proxy of the house, the last address that is none in what
/// it and those before it say. What stands before that in the header is anybody's word.
pub fn client(request: &Request<Body>, proxies: &[Network]) -> IpAddr {
    let ours = |address: IpAddr| proxies.iter().any(|network| network.holds(address));
    let peer = peer(request);
    if !ours(peer) {
        return peer;
    }
    let lines = request.headers().get_all("x-forwarded-for").iter().rev();
    let said = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for word in said {
        match word.trim().parse::<IpAddr>() {
            Ok(address) if ours(address) => {}
            Ok(address) => return address,
            // A proxy of the house writes addresses: whatever this is, nothing before it counts.
            Err(_) => break,
        }
    }
    peer
}

/// Why a request was not done: a status, a word for programs and a sentence for people.
#[derive(Debug)]
pub struct Failure {
    pub status: StatusCode,
    pub error: &'static str,
    pub message: String,
    /// Further members of the answer.
    pub more: Value,
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, error, message: message.into(), more: Value::Null, retry_after: None }
    }

    pub fn with(mut self, more: Value) -> Failure {
        self.more = more;
        self
    }

    pub fn after(mut self, wait: Duration) -> Failure {
        self.retry_after = Some(wait);
        self
    }

    /// `Retry-After` in whole seconds, never zero.
    pub fn retry_header(&self) -> Option<HeaderValue> {
        self.retry_after.map(|wait| HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error, "message": self.message });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), &self.more) {
            body.extend(more.clone());
        }
        let mut response = (self.status, axum::Json(body)).into_response();
        if let Some(wait) = self.retry_header() {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        // The cause names paths of the machine: for the log, not for the caller.
        tracing::error!(%error, "the store failed at a door");
        let message = "the store does not answer";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "store", message).after(STORE_PAUSE)
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Failure {
        let message = error.to_string();
        match error {
            AccountError::Name => Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "name", message),
            AccountError::Password | AccountError::Obvious => {
                Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "password", message)
            }
            AccountError::Exists(_) => Failure::new(StatusCode::CONFLICT, "exists", message),
            AccountError::Unknown(_) => Failure::new(StatusCode::NOT_FOUND, "unknown", message),
            AccountError::Places => {
                Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "places", message)
            }
            AccountError::Invitation => Failure::new(StatusCode::GONE, "invitation", message),
            AccountError::Invitations => Failure::new(StatusCode::CONFLICT, "invitations", message),
            AccountError::CodeNeeded => {
                Failure::new(StatusCode::UNAUTHORIZED, "code_needed", message)
            }
            AccountError::Code => Failure::new(StatusCode::UNAUTHORIZED, "code", message),
            AccountError::Refused => Failure::new(StatusCode::UNAUTHORIZED, "refused", message),
            AccountError::Locked(wait) => {
                Failure::new(StatusCode::TOO_MANY_REQUESTS, "locked", message).after(wait)
            }
            AccountError::Busy => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
                .after(Duration::from_secs(1)),
            AccountError::Store(error) => error.into(),
        }
    }
}

/// Reads a JSON body of at most `bytes_max`; it must be declared as JSON.
pub async fn read_json<T: DeserializeOwned>(
    request: Request<Body>,
    bytes_max: usize,
) -> Result<T, Failure> {
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let kind = declared.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = "the body must be application/json";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", message));
    }
    let bytes = read_body(request, bytes_max).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(StatusCode::BAD_REQUEST, "json", error.to_string()))
}

/// Reads a body of at most `bytes_max`, whatever it is declared as.
pub async fn read_body(request: Request<Body>, bytes_max: usize) -> Result<Bytes, Failure> {
    match tokio::time::timeout(BODY_WAIT, to_bytes(request.into_body(), bytes_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // A body that breaks off has nobody left to read the answer, so one status fits both.
        Ok(Err(_)) => {
            let message = format!("the body may have {bytes_max} bytes");
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
        }
        Err(_) => {
            let message = "the body took too long";
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "timeout", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_of_the_house_are_believed_on_who_asks() {
        let proxies = ["10.0.0.0/8", "::1"].map(|text| text.parse().expect("a network"));
        for (peer, headers, expected) in [
            ("192.0.2.7", &["203.0.113.9"][..], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::1", &["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            // The client wrote the first itself.
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9, x"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, "], "10.0.0.1"),
            ("10.0.0.1", &["2001:db8::5"], "2001:db8::5"),
            ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.1"),
        ] {
            let mut request = Request::builder().uri("/login");
            for value in headers {
                request = request.header("X-Forwarded-For", *value);
            }
            let mut request = request.body(Body::empty()).expect("a request");
            let peer: IpAddr = peer.parse().expect("an address");
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 4000))));
            let expected: IpAddr = expected.parse().expect("an address");
            assert_eq!(client(&request, &proxies), expected, "{peer} {headers:?}");
        }
    }
}
