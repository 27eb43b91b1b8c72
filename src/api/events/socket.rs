//! Sends events over a WebSocket: the same as over the stream, one JSON object a frame.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::server::create_response_with_body,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{BEAT, Listener, Next};
use crate::doors::Failure;

/// A listener who takes nothing for so long is cut off; what it missed waits in the chain.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// A listener answers pings within three of these, or is gone.
const SILENT_BEATS: u32 = 3;
/// For both sides to say goodbye.
const PARTING_WAIT: Duration = Duration::from_secs(1);
/// Listeners have nothing to say.
const HEARD_BYTES_MAX: usize = 4096;

/// The answer to a request for an upgrade; `None` where none is asked for.
///
/// # Errors
/// A handshake that is none.
pub fn asked(request: &Request<Body>) -> Result<Option<Response>, Failure> {
    let values = request.headers().get_all(header::UPGRADE).iter();
    let mut tokens = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    if !tokens.any(|token| token.trim().eq_ignore_ascii_case("websocket")) {
        return Ok(None);
    }
    let accepted = create_response_with_body(request, Body::empty);
    let wrong = |cause| Failure::new(StatusCode::BAD_REQUEST, "handshake", format!("{cause}"));
    accepted.map(Some).map_err(wrong)
}

/// Accepts, and sends events once the connection has changed over.
pub fn answer(listener: Listener, accepted: Response, mut request: Request<Body>) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // Whoever goes away before is heard no more.
        let Ok(wire) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            .max_message_size(Some(HEARD_BYTES_MAX))
            .max_frame_size(Some(HEARD_BYTES_MAX));
        let wire = TokioIo::new(wire);
        let socket = WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await;
        send(listener, socket).await;
    });
    accepted
}

/// Why it ended, as the listener is told.
enum End {
    /// It is gone, or takes nothing: there is nobody to tell.
    Gone,
    Told(CloseCode, &'static str),
}

async fn send<W: AsyncRead + AsyncWrite + Unpin>(
    mut listener: Listener,
    mut socket: WebSocketStream<W>,
) {
    let ready = listener.api.doors.ready.clone();
    let end = tokio::select! {
        end = relay(&mut listener, &mut socket) => end,
        () = ready.ending() => End::Told(CloseCode::Restart, "come back with ?after=ID"),
    };
    let frame = match end {
        End::Gone => None,
        End::Told(code, reason) => Some(CloseFrame { code, reason: reason.into() }),
    };
    // Answers a close, too. What is still on its way is read, or the peer would hear of a broken
    // connection instead; whether it hears anything at all does not matter.
    let parting = async {
        let _ = socket.close(frame).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = timeout(PARTING_WAIT, parting).await;
}

async fn relay<W: AsyncRead + AsyncWrite + Unpin>(
    listener: &mut Listener,
    socket: &mut WebSocketStream<W>,
) -> End {
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            came = socket.next() => match came {
                // Pings are answered by the library; what else is said means nothing here.
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return End::Gone,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            next = listener.next() => match next {
                Next::Event(told) => Message::text(told.to_string()),
                Next::Beat if heard.elapsed() > BEAT * SILENT_BEATS => return End::Gone,
                Next::Beat if listener.may().await => Message::Ping(Default::default()),
                Next::Beat => return End::Told(CloseCode::Policy, "the token opens this no more"),
                Next::Over => return End::Told(CloseCode::Again, "come back with ?after=ID"),
            },
        };
        match timeout(WRITE_WAIT, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::Gone,
            Err(_) => {
                listener.api.doors.settler.metrics.discard("api_listener_slow");
                return End::Gone;
            }
        }
    }
}
