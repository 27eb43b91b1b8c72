//! Takes what Kick posts, within bounds, and only what it signed lately.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{event::Event, seal::Seal};
use crate::{
    bots::{Heard, clock::read_rfc3339},
    message::now_ms,
    metrics::Metrics,
};

/// Kick needs one; a TLS proxy in front keeps some open.
const CONNECTIONS_MAX: usize = 64;
const HEAD_WAIT: Duration = Duration::from_secs(10);
const BODY_WAIT: Duration = Duration::from_secs(10);
/// Whoever keeps a connection longer can open another.
const CONNECTION_MAX: Duration = Duration::from_secs(300);
/// When no connection can be accepted, for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where Kick posts its events.
pub struct Door {
    pub path: String,
    pub body_bytes_max: usize,
    pub tolerance_ms: u64,
    pub channels: Vec<u64>,
    pub seal: Arc<Seal>,
    pub metrics: Arc<Metrics>,
}

/// Why an event is not taken: what Kick is told, and what it is counted as.
struct Refusal(StatusCode, &'static str);

/// Accepts for ever; connections end with the future.
pub async fn serve(listener: TcpListener, door: Arc<Door>, queue: mpsc::Sender<Heard>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut open = JoinSet::new();
    loop {
        let permit = room.clone().acquire_owned().await.ok();
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (door, queue) = (door.clone(), queue.clone());
                    open.spawn(async move {
                        let _permit = permit;
                        converse(stream, door, queue).await;
                    });
                }
                Err(cause) => {
                    tracing::warn!(%cause, "a bot's port accepts nothing");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

async fn converse(stream: TcpStream, door: Arc<Door>, queue: mpsc::Sender<Heard>) {
    let answer = hyper::service::service_fn(move |request| {
        let (door, queue) = (door.clone(), queue.clone());
        async move { Ok::<_, Infallible>(door.answer(request, &queue).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), answer);
    // A peer that breaks off has its own reasons.
    let _ = timeout(CONNECTION_MAX, connection).await;
}

impl Door {
    async fn answer(
        &self,
        request: Request<Incoming>,
        queue: &mpsc::Sender<Heard>,
    ) -> Response<Full<Bytes>> {
        let status = match self.take(request, queue).await {
            Ok(()) => StatusCode::OK,
            Err(Refusal(status, reason)) => {
                self.metrics.discard(reason);
                status
            }
        };
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = status;
        answer
    }

    async fn take(
        &self,
        request: Request<Incoming>,
        queue: &mpsc::Sender<Heard>,
    ) -> Result<(), Refusal> {
        if request.uri().path() != self.path {
            return Err(Refusal(StatusCode::NOT_FOUND, "webhook_unknown"));
        }
        if request.method() != Method::POST {
            return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "webhook_unknown"));
        }
        let (head, body) = request.into_parts();
        let header = |name: &str| {
            let value = head.headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or(Refusal(StatusCode::BAD_REQUEST, "webhook_unknown"))
        };
        let id = header("kick-event-message-id")?;
        let timestamp = header("kick-event-message-timestamp")?;
        let signature = header("kick-event-signature")?;
        let kind = header("kick-event-type")?;
        let version = header("kick-event-version")?;
        // Before anything costs something: most of what is not Kick's ends here.
        let at_ms = read_rfc3339(timestamp);
        if at_ms.is_none_or(|at_ms| at_ms.abs_diff(now_ms()) > self.tolerance_ms) {
            return Err(Refusal(StatusCode::FORBIDDEN, "webhook_stale"));
        }
        let body = timeout(BODY_WAIT, Limited::new(body, self.body_bytes_max).collect()).await;
        let body = match body {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "webhook_large")),
            Err(_) => return Err(Refusal(StatusCode::REQUEST_TIMEOUT, "webhook_late")),
        };
        if !self.seal.has_key() {
            self.seal.doubt();
            return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, "webhook_no_key"));
        }
        if !self.seal.holds(id, timestamp, &body, signature) {
            self.seal.doubt();
            return Err(Refusal(StatusCode::FORBIDDEN, "webhook_forged"));
        }
        if version != "1" {
            // Signed, so it would come again and again; what it means nobody here knows.
            self.metrics.discard("bot_strange");
            return Ok(());
        }
        match Event::read(id, kind, &body, &self.channels) {
            // Kick sends again what is not taken, and takes away the subscription in the end.
            Event::Said(heard) => queue
                .try_send(*heard)
                .map_err(|_| Refusal(StatusCode::SERVICE_UNAVAILABLE, "webhook_queue_full")),
            Event::Noted => {
                let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
                let kind: String = kind.chars().filter(plain).take(64).collect();
                tracing::debug!(kind, "an event that is no chat");
                Ok(())
            }
            Event::Strange => {
                self.metrics.discard("bot_strange");
                Ok(())
            }
        }
    }
}
