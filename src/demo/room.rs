//! Serves the demo's chat room: the service that Tidegate stands in front of.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use axum::extract::Query;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinHandle, JoinSet},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::server::create_response_with_body, protocol::Role},
};

use super::chat::{self, CHANNEL, Hub, Who};

/// Connections at once: far more than a demo has, far fewer than a process can open.
const CONNECTIONS_MAX: usize = 512;
/// From accept to a whole request head.
const HEAD: Duration = Duration::from_secs(10);
/// A request head; hyper takes no bound below 8 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A pause after a failed accept (no descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The page runs its own files only; `connect-src` names sockets because the chat comes by
/// Tidegate's port, which is another origin.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

const PAGES: &[(&str, &str, &[u8])] = &[
    ("/", "text/html; charset=utf-8", include_bytes!("../../console/room/index.html")),
    ("/room.js", "text/javascript; charset=utf-8", include_bytes!("../../console/room/room.js")),
    ("/words.js", "text/javascript; charset=utf-8", include_bytes!("../../console/room/words.js")),
    ("/room.css", "text/css; charset=utf-8", include_bytes!("../../console/room/room.css")),
    ("/icon.svg", "image/svg+xml", include_bytes!("../../console/room/icon.svg")),
];

/// A room that is open.
pub struct Room {
    pub address: SocketAddr,
    /// Whoever connects with it may speak for anybody: Tidegate's own connection.
    service_key: String,
    shared: Arc<Shared>,
    doors: JoinHandle<()>,
}

struct Shared {
    hub: Hub,
    service_key: String,
    links: OnceLock<Links>,
}

/// Where the page finds the chat; known only when Tidegate listens.
#[derive(Clone, Debug, Serialize)]
pub struct Links {
    pub room: String,
    pub chat: String,
    pub console: String,
    pub channel: &'static str,
}

#[derive(Deserialize)]
struct Ticket {
    user: Option<String>,
    service: Option<String>,
}

/// What a handshake asked for, until the connection is free to give it.
type Seat = Arc<Mutex<Option<(OnUpgrade, Who)>>>;

impl Room {
    /// Opens the room; the key is the one by which Tidegate's own connection is known.
    pub async fn open(address: SocketAddr, service_key: String) -> io::Result<Room> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let hub = Hub::new();
        let links = OnceLock::new();
        let shared = Arc::new(Shared { hub, service_key: service_key.clone(), links });
        let doors = tokio::spawn(accept(listener, shared.clone()));
        Ok(Room { address, service_key, shared, doors })
    }

    /// Path and query of the connection that may speak for anybody.
    pub fn service_path(&self) -> String {
        format!("/ws?service={}", self.service_key)
    }

    /// Tells the page where the chat is; the first word counts.
    pub fn point(&self, chat: SocketAddr, console: SocketAddr) {
        let _ = self.shared.links.set(Links {
            room: format!("http://{}", self.address),
            chat: format!("ws://{chat}/ws"),
            console: format!("http://{console}"),
            channel: CHANNEL,
        });
    }

    /// Shuts the doors and ends every connection.
    pub async fn close(self) {
        self.doors.abort();
        // It ends by being aborted, which is the only error it can give.
        let _ = self.doors.await;
    }
}

/// Lets people in; the connections are its own and end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match (accepted, places.clone().try_acquire_owned()) {
                (Ok((stream, _)), Ok(place)) => {
                    connections.spawn(serve(stream, shared.clone(), place));
                }
                (Ok(_), Err(_)) => tracing::warn!("the demo's room is full"),
                (Err(error), _) => {
                    tracing::warn!(%error, "the demo's room cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// Answers requests until one becomes a WebSocket, then serves that.
async fn serve(stream: TcpStream, shared: Arc<Shared>, _place: OwnedSemaphorePermit) {
    // Chat lines are small and wait for nothing.
    let _ = stream.set_nodelay(true);
    let seat = Seat::default();
    let service = service_fn(|request| {
        let response = answer(&shared, &seat, request);
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        return tracing::debug!(%error, "a connection to the demo's room ended early");
    }
    let taken = seat.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((upgrade, who)) = taken else { return };
    let Ok(upgraded) = upgrade.await else { return };
    let config = Some(chat::socket_config());
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, config).await;
    chat::sit(&shared.hub, who, socket).await;
}

fn answer(shared: &Shared, seat: &Seat, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if path == "/ws" {
        return shake(shared, seat, request);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return page(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n");
    }
    if path == "/room.json" {
        return match shared.links.get().and_then(|links| serde_json::to_vec(links).ok()) {
            Some(links) => page(StatusCode::OK, "application/json", links),
            None => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "not open yet\n"),
        };
    }
    match PAGES.iter().find(|(at, _, _)| *at == path) {
        Some((_, kind, body)) => page(StatusCode::OK, kind, Bytes::from_static(body)),
        None => page(StatusCode::NOT_FOUND, "text/plain", "not here\n"),
    }
}

/// Agrees to a WebSocket, or says why not.
fn shake(shared: &Shared, seat: &Seat, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let who = match identify(shared, &request) {
        Ok(who) => who,
        Err((status, why)) => return page(status, "text/plain", why),
    };
    let Ok(response) = create_response_with_body(&request, Full::default) else {
        return page(StatusCode::BAD_REQUEST, "text/plain", "not a WebSocket handshake\n");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    *seat.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, who));
    response
}

fn identify(
    shared: &Shared,
    request: &Request<Incoming>,
) -> Result<Who, (StatusCode, &'static str)> {
    let Ok(Query(ticket)) = Query::<Ticket>::try_from_uri(request.uri()) else {
        return Err((StatusCode::BAD_REQUEST, "the query cannot be read\n"));
    };
    match (ticket.service, ticket.user) {
        (Some(key), _) if key == shared.service_key => Ok(Who::Service),
        (Some(_), _) => Err((StatusCode::FORBIDDEN, "not the service key\n")),
        (None, Some(name)) => {
            Who::named(&name).ok_or((StatusCode::BAD_REQUEST, "not a name of 1 to 40 characters\n"))
        }
        (None, None) => Ok(Who::Guest),
    }
}

fn page(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Embedded files change only with the binary, and then they must change at once.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_tungstenite::{
        client_async,
        tungstenite::{Error, Message, protocol::frame::coding::CloseCode},
    };

    use super::*;

    type Client = WebSocketStream<TcpStream>;

    async fn open() -> Room {
        Room::open(SocketAddr::from(([127, 0, 0, 1], 0)), "key".into()).await.unwrap()
    }

    async fn ask(room: &Room, request: &str) -> String {
        let mut stream = TcpStream::connect(room.address).await.unwrap();
        let head = format!("{request} HTTP/1.1\r\nHost: room\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn knock(room: &Room, query: &str) -> Result<Client, Error> {
        let stream = TcpStream::connect(room.address).await.unwrap();
        let url = format!("ws://{}/ws{query}", room.address);
        client_async(url, stream).await.map(|(client, _)| client)
    }

    /// The next text, or the code of the close that came instead.
    async fn next(client: &mut Client) -> Result<String, CloseCode> {
        loop {
            match client.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn enter(room: &Room, query: &str) -> Client {
        let mut client = knock(room, query).await.unwrap();
        assert!(next(&mut client).await.unwrap().contains("\"welcome\""));
        client
    }

    async fn say(client: &mut Client, text: &str) {
        client.send(Message::text(text)).await.unwrap();
    }

    #[tokio::test]
    async fn pages_come_with_their_policy() {
        let room = open().await;
        let check = async |request: &str, status: &str, holds: &str| {
            let answer = ask(&room, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
            assert!(answer.contains("default-src 'self'; connect-src 'self' ws: wss:"), "{answer}");
            assert!(answer.contains("nosniff"), "{answer}");
            assert!(answer.contains(holds), "{request}: {answer}");
        };
        check("GET /", "200", "<title>").await;
        check("GET /room.js", "200", "text/javascript").await;
        check("GET /words.js", "200", "export const words").await;
        check("GET /room.css", "200", "text/css").await;
        check("GET /icon.svg", "200", "image/svg+xml").await;
        check("GET /../etc/passwd", "404", "not here").await;
        check("POST /", "405", "only GET").await;
        check("GET /room.json", "503", "not open yet").await;
        room.point(room.address, room.address);
        check("GET /room.json", "200", &format!("\"chat\":\"ws://{}/ws\"", room.address)).await;
        room.close().await;
    }

    #[tokio::test]
    async fn only_those_who_say_who_they_are_get_in() {
        let room = open().await;
        let check = async |query: &str, expected: u16| {
            let status = match knock(&room, query).await {
                Ok(_) => 101,
                Err(Error::Http(answer)) => answer.status().as_u16(),
                Err(error) => panic!("{query}: {error}"),
            };
            assert_eq!(status, expected, "{query}");
        };
        check("", 101).await;
        check("?user=Zo%C3%A9", 101).await;
        check("?service=key", 101).await;
        check("?service=guess", 403).await;
        check("?service=guess&user=ada", 403).await;
        check("?user=", 400).await;
        check("?user=a%0Ab", 400).await;
        check("?user=ada&user=bob", 400).await;
        assert!(ask(&room, "GET /ws").await.starts_with("HTTP/1.1 400"));
        room.close().await;
    }

    #[tokio::test]
    async fn everybody_hears_what_is_said() {
        let room = open().await;
        let mut ada = enter(&room, "?user=ada").await;
        let mut bob = enter(&room, "?user=bob").await;
        let mut gate = enter(&room, &room.service_path().replace("/ws", "")).await;
        let said =
            r#"{"type":"chat","id":"1","channel":"main","user":"ada","text":"h\u00e9 \"x\""}"#;
        say(&mut ada, said).await;
        for client in [&mut ada, &mut bob, &mut gate] {
            assert_eq!(next(client).await.unwrap(), said);
        }
        // Not chat: nobody hears it. Bob cannot speak for Ada; Tidegate's connection can.
        say(&mut bob, r#"{"type":"typing"}"#).await;
        say(&mut bob, &said.replace("\"1\"", "\"2\"")).await;
        assert!(
            next(&mut ada).await.unwrap().contains(r#""id":"2","channel":"main","user":"bob""#)
        );
        say(&mut gate, &said.replace("\"1\"", "\"3\"")).await;
        assert!(
            next(&mut ada).await.unwrap().contains(r#""id":"3","channel":"main","user":"ada""#)
        );
        let mut late = enter(&room, "").await;
        let past = next(&mut late).await.unwrap();
        let past: serde_json::Value = serde_json::from_str(&past).unwrap();
        assert_eq!(past["type"], "history");
        let ids: Vec<_> = past["messages"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
        assert_eq!(ids, ["1", "2", "3"]);
        room.close().await;
    }

    #[tokio::test]
    async fn bad_speech_ends_one_connection_and_no_other() {
        let room = open().await;
        let mut ada = enter(&room, "?user=ada").await;
        let mut big = enter(&room, "").await;
        say(&mut big, &"x".repeat(64 * 1024 + 1)).await;
        assert_eq!(next(&mut big).await, Err(CloseCode::Size));
        let stream = TcpStream::connect(room.address).await.unwrap();
        let url = format!("ws://{}/ws", room.address);
        let (raw, _) = client_async(url, stream).await.unwrap();
        let mut raw = raw.into_inner();
        // A reserved opcode, masked with zeros.
        raw.write_all(&[0x83, 0x80, 0, 0, 0, 0]).await.unwrap();
        let mut rest = Vec::new();
        raw.read_to_end(&mut rest).await.unwrap();
        assert!(rest.ends_with(&[0x88, 2, 0x03, 0xea]), "1002: {rest:?}");
        say(&mut ada, r#"{"type":"chat","text":"still here"}"#).await;
        assert!(next(&mut ada).await.unwrap().contains("still here"));
        room.close().await;
    }

    #[tokio::test]
    async fn closing_ends_every_connection() {
        let room = open().await;
        let mut ada = enter(&room, "?user=ada").await;
        let address = room.address;
        room.close().await;
        assert!(!matches!(ada.next().await, Some(Ok(Message::Text(_)))));
        assert!(TcpStream::connect(address).await.is_err());
    }
}
