//! Opens a port for a fake platform: real HTTP and real WebSocket on one address.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Response, StatusCode, body::Incoming, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::handshake::server::{ErrorResponse, Request, Response as Shaken},
};

pub type Seat = WebSocketStream<TcpStream>;

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request, whole.
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Ask {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, which must be JSON and say so.
    pub fn json(&self) -> Option<Value> {
        let said = self.header("content-type") == "application/json";
        said.then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }
}

/// What a fake answers.
pub enum Answer {
    Reply {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Value,
    },
    /// The connection breaks before anything is answered.
    HangUp,
    /// Nothing before this is true; not every platform dawdles.
    #[allow(dead_code)]
    Once(watch::Receiver<bool>, Box<Answer>),
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Answer {
        Answer::Reply { status, headers: Vec::new(), body }
    }
}

pub trait Site: Send + Sync + 'static {
    fn answer(&self, ask: Ask) -> Answer;

    /// Serves a WebSocket that was opened at this path and query.
    fn seat(self: Arc<Self>, at: String, seat: Seat) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A site that is made once its address is known.
pub struct Later<S>(OnceLock<Arc<S>>);

impl<S> Default for Later<S> {
    fn default() -> Self {
        Later(OnceLock::new())
    }
}

impl<S: Site> Later<S> {
    pub fn set(&self, site: Arc<S>) {
        assert!(self.0.set(site).is_ok(), "it is made once");
    }

    fn site(&self) -> Arc<S> {
        self.0.get().expect("nobody knows the address before").clone()
    }
}

impl<S: Site> Site for Later<S> {
    fn answer(&self, ask: Ask) -> Answer {
        self.site().answer(ask)
    }

    fn seat(self: Arc<Self>, at: String, seat: Seat) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.site().seat(at, seat)
    }
}

/// What a fake knows and what was done to it; tests wait for what they want to see there.
pub struct Book<T> {
    pages: Mutex<T>,
    turned: watch::Sender<u64>,
}

impl<T> Book<T> {
    pub fn new(pages: T) -> Book<T> {
        Book { pages: Mutex::new(pages), turned: watch::Sender::new(0) }
    }

    pub fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.pages.lock().expect("no test panics while it writes"));
        self.turned.send_modify(|turn| *turn += 1);
        result
    }

    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.pages.lock().expect("no test panics while it writes"))
    }

    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turned.subscribe()
    }

    pub async fn until(&self, what: &str, mut seen: impl FnMut(&T) -> bool) {
        let mut turns = self.turns();
        let waited = timeout(PATIENCE, async {
            while !self.read(&mut seen) {
                turns.changed().await.expect("the book is still there");
            }
        });
        assert!(waited.await.is_ok(), "waited in vain: {what}");
    }
}

/// Opens the port; it serves for as long as the test runs.
pub async fn open(site: Arc<impl Site>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(visit(site.clone(), stream));
        }
    });
    address
}

async fn visit(site: Arc<impl Site>, stream: TcpStream) {
    let mut head = [0; 4096];
    let Ok(count) = stream.peek(&mut head).await else { return };
    let head = String::from_utf8_lossy(&head[..count]).to_lowercase();
    if head.contains("upgrade: websocket") {
        upgrade(site, stream).await
    } else {
        serve(site, stream).await
    }
}

// The library's answer to a handshake is large.
#[allow(clippy::result_large_err)]
async fn upgrade(site: Arc<impl Site>, stream: TcpStream) {
    let mut at = String::new();
    let note = |request: &Request, answer: Shaken| -> Result<Shaken, ErrorResponse> {
        at = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        Ok(answer)
    };
    if let Ok(seat) = accept_hdr_async(stream, note).await {
        site.seat(at, seat).await;
    }
}

async fn serve(site: Arc<impl Site>, stream: TcpStream) {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let site = site.clone();
        async move {
            let (head, body) = request.into_parts();
            let ask = Ask {
                method: head.method,
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers,
                body: body.collect().await.map_err(|_| "broken")?.to_bytes(),
            };
            let mut answer = site.answer(ask);
            while let Answer::Once(mut when, then) = answer {
                when.wait_for(|so| *so).await.map_err(|_| "nobody opens")?;
                answer = *then;
            }
            match answer {
                Answer::HangUp | Answer::Once(..) => Err("hung up"),
                Answer::Reply { status, headers, body } => Ok(reply(status, &headers, &body)),
            }
        }
    });
    // It ends when the client goes, or the fake hangs up.
    let _: Result<(), _> =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn reply(status: u16, headers: &[(&'static str, String)], body: &Value) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(status).expect("a status");
    let mut reply = Response::builder().status(status);
    for (name, value) in headers {
        reply = reply.header(*name, value);
    }
    let body = match body {
        Value::Null => Bytes::new(),
        body => {
            reply = reply.header("content-type", "application/json");
            Bytes::from(body.to_string())
        }
    };
    reply.body(Full::new(body)).expect("a reply")
}
