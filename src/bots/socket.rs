//! Speaks WebSocket to a platform as a client, with bounds on time and size.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use hyper::{HeaderMap, Uri};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, rustls::ClientConfig};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

/// To connect and shake hands.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// One message: a page of chat at most.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open connection.
pub struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    place: String,
    /// When anything came last, a ping as well.
    last: Instant,
}

/// What came.
#[derive(Debug)]
pub enum Came {
    Text(String),
    /// The peer closed, with its code where it gave one.
    Closed(Option<u16>),
    /// Nothing for as long as was waited.
    Nothing,
}

impl Socket {
    /// Connects to a `ws` or `wss` URL.
    ///
    /// # Errors
    /// What went wrong, and where; never the URL's query, which may hold a secret.
    pub async fn connect(
        tls: &Arc<ClientConfig>,
        url: &str,
        headers: &HeaderMap,
    ) -> Result<Socket, String> {
        Socket::connect_for(tls, url, headers, MESSAGE_BYTES_MAX).await
    }

    /// The same where one message may be so large.
    ///
    /// # Errors
    /// As above.
    pub async fn connect_for(
        tls: &Arc<ClientConfig>,
        url: &str,
        headers: &HeaderMap,
        bytes_max: usize,
    ) -> Result<Socket, String> {
        let place = url.split(['?', '#']).next().unwrap_or_default().to_owned();
        let connected = timeout(CONNECT_WAIT, open(tls, url, headers, bytes_max)).await;
        match connected {
            Ok(Ok(stream)) => Ok(Socket { stream, place, last: Instant::now() }),
            Ok(Err(cause)) => Err(format!("{place}: {cause}")),
            Err(_) => Err(format!("{place} did not answer in time")),
        }
    }

    /// The next text; pings are answered meanwhile and do not count as something.
    ///
    /// # Errors
    /// The connection broke, or the peer does not speak WebSocket.
    pub async fn next(&mut self, wait: Duration) -> Result<Came, String> {
        let next = timeout(wait, async {
            loop {
                let next = self.stream.next().await;
                self.last = Instant::now();
                match next {
                    Some(Ok(Message::Text(text))) => return Ok(Came::Text(text.to_string())),
                    Some(Ok(Message::Close(frame))) => {
                        return Ok(Came::Closed(frame.map(|frame| frame.code.into())));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(cause)) => return Err(format!("{}: {cause}", self.place)),
                    None => return Ok(Came::Closed(None)),
                }
            }
        });
        next.await.unwrap_or(Ok(Came::Nothing))
    }

    /// For how long nothing came at all, not even a ping.
    pub fn quiet(&self) -> Duration {
        self.last.elapsed()
    }

    /// # Errors
    /// The connection broke, or nothing is taken.
    pub async fn send(&mut self, text: String) -> Result<(), String> {
        let sent = timeout(WRITE_WAIT, self.stream.send(Message::text(text))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => Err(format!("{}: {cause}", self.place)),
            Err(_) => Err(format!("{} takes nothing", self.place)),
        }
    }

    /// Says goodbye; whether it is heard does not matter.
    pub async fn close(mut self) {
        let _ = timeout(WRITE_WAIT, self.stream.close(None)).await;
    }
}

async fn open(
    tls: &Arc<ClientConfig>,
    url: &str,
    headers: &HeaderMap,
    bytes_max: usize,
) -> Result<WebSocketStream<Box<dyn Stream>>, String> {
    let text = |cause: &dyn std::fmt::Display| cause.to_string();
    let uri: Uri = url.parse().map_err(|cause| text(&cause))?;
    let host = uri.host().ok_or("there is no host in it")?;
    let secure = match uri.scheme_str() {
        Some("wss") => true,
        Some("ws") => false,
        _ => return Err("it begins neither with ws:// nor with wss://".into()),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port)).await.map_err(|cause| text(&cause))?;
    tcp.set_nodelay(true).map_err(|cause| text(&cause))?;
    let wire: Box<dyn Stream> = match secure {
        false => Box::new(tcp),
        true => {
            let name = ServerName::try_from(bare.to_owned()).map_err(|cause| text(&cause))?;
            let wire = TlsConnector::from(tls.clone()).connect(name, tcp).await;
            Box::new(wire.map_err(|cause| format!("TLS: {cause}"))?)
        }
    };
    let mut request = uri.into_client_request().map_err(|cause| text(&cause))?;
    request.headers_mut().extend(headers.clone());
    let config = WebSocketConfig::default()
        .max_message_size(Some(bytes_max))
        .max_frame_size(Some(bytes_max));
    let shaken = client_async_with_config(request, wire, Some(config)).await;
    Ok(shaken.map_err(|cause| text(&cause))?.0)
}
