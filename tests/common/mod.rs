//! Starts the real gate before a real chat server, for the tests that go through sockets.
#![allow(dead_code)]

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tidegate::config::{Config, RouteConfig};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, mpsc},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::client::generate_key},
};

pub mod console;

/// Nothing here takes this long; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Client = WebSocketStream<TcpStream>;

/// A folder of its own, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("the system has randomness");
        let unique = format!("tidegate-{name}-{:016x}", u64::from_le_bytes(random));
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a temporary file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Settings on free ports, with one route to `upstream` and the lists of `tests/data/words`.
pub fn config(
    folder: &Folder,
    upstream: SocketAddr,
    change: impl FnOnce(&mut RouteConfig),
) -> Config {
    let mut config = Config::default();
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    config.state_dir = folder.0.join("state");
    config.listen.chat = free;
    config.listen.console = free;
    config.listen.admin = free;
    config.listen.drain_ms = 10;
    config.listen.grace_ms = 1_000;
    config.wordlists.embedded = false;
    config.wordlists.paths = vec![PathBuf::from("tests/data/words")];
    // What a model thinks of invented words is no part of these tests, and loading it takes time.
    config.score.enabled = false;
    let mut route = RouteConfig { upstream: format!("ws://{upstream}"), ..RouteConfig::default() };
    change(&mut route);
    config.route = vec![route];
    config
}

/// Opens a WebSocket the short way; `path` may have a query.
pub async fn connect(to: SocketAddr, path: &str) -> Client {
    try_connect(to, path, &[]).await.expect("a WebSocket")
}

/// The handshake's status where it is refused.
pub async fn try_connect(
    to: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Client, StatusCode> {
    let Ok(stream) = TcpStream::connect(to).await else { return Err(StatusCode::BAD_GATEWAY) };
    let mut request = Request::builder()
        .uri(format!("ws://{to}{path}"))
        .header(header::HOST, to.to_string())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    match timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await {
        Ok(Ok((client, _))) => Ok(client),
        Ok(Err(tokio_tungstenite::tungstenite::Error::Http(answer))) => Err(answer.status()),
        // The process died meanwhile.
        Ok(Err(tokio_tungstenite::tungstenite::Error::Io(_))) => Err(StatusCode::BAD_GATEWAY),
        Ok(Err(cause)) => panic!("no handshake: {cause}"),
        Err(_) => panic!("the handshake took too long"),
    }
}

/// The next message, within patience.
pub async fn next(client: &mut Client) -> Message {
    let next = timeout(PATIENCE, client.next()).await.expect("a message in time");
    next.expect("a connection that is open").expect("a message")
}

/// The next text frame as JSON, pings left aside.
pub async fn next_json(client: &mut Client) -> Value {
    loop {
        if let Message::Text(text) = next(client).await {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

pub async fn say(client: &mut Client, id: &str, text: &str) {
    let said = serde_json::json!({
        "type": "chat", "id": id, "channel": "lobby", "user": "ana", "text": text,
    });
    client.send(Message::text(said.to_string())).await.expect("an open connection");
}

/// A chat room: whatever one client says, every client receives, and so does the test.
pub struct Room {
    pub address: SocketAddr,
    pub heard: mpsc::Receiver<String>,
}

impl Room {
    pub async fn open() -> Room {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (hear, heard) = mpsc::channel(100_000);
        let (all, _) = broadcast::channel::<String>(10_000);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(seat(stream, all.clone(), hear.clone()));
            }
        });
        Room { address, heard }
    }

    pub async fn hears(&mut self) -> String {
        timeout(PATIENCE, self.heard.recv()).await.expect("in time").expect("an open room")
    }
}

async fn seat(stream: TcpStream, all: broadcast::Sender<String>, hear: mpsc::Sender<String>) {
    let Ok(ws) = tokio_tungstenite::accept_async(stream).await else { return };
    let (mut sink, mut stream) = ws.split();
    let mut listen = all.subscribe();
    loop {
        tokio::select! {
            said = stream.next() => match said {
                Some(Ok(Message::Text(text))) => {
                    let _ = hear.send(text.to_string()).await;
                    let _ = all.send(text.to_string());
                }
                Some(Ok(_)) => {}
                _ => return,
            },
            said = listen.recv() => {
                let Ok(said) = said else { continue };
                // Whoever is gone may have said something before: that is still to be read.
                let _ = sink.send(Message::text(said)).await;
            }
        }
    }
}

/// One HTTP request; status, headers and body of the answer.
pub async fn http(
    to: SocketAddr,
    request: Request<Full<Bytes>>,
) -> (StatusCode, hyper::HeaderMap, Bytes) {
    try_http(to, request).await.expect("an answer in time")
}

/// The same of a process that may die meanwhile.
pub async fn try_http(
    to: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Option<(StatusCode, hyper::HeaderMap, Bytes)> {
    let asked = async {
        let stream = TcpStream::connect(to).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.ok()?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some((parts.status, parts.headers, body))
    };
    timeout(PATIENCE, asked).await.ok()?
}

/// The gate in this process.
pub async fn gate(config: Config) -> tidegate::listen::Running {
    match tidegate::listen::start(config, None).await {
        Ok(running) => running,
        Err(cause) => panic!("Tidegate does not start: {cause}"),
    }
}

/// Shared between a test's tasks.
pub type Shared<T> = Arc<std::sync::Mutex<T>>;
