//! Opens WebSockets to a process that may die in the middle of it, and asks its API.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{Client, PATIENCE};

/// Lets time pass on purpose: a load has a pace of its own, and a kill comes at its moment.
pub async fn pause(time: Duration) {
    tokio::time::sleep_until(Instant::now() + time).await;
}

/// Nothing where the process does not answer, or dies meanwhile.
pub async fn connect(to: SocketAddr, path: &str) -> Option<Client> {
    let stream = TcpStream::connect(to).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let url = format!("ws://{to}{path}");
    let shaken = timeout(PATIENCE, tokio_tungstenite::client_async(url, stream)).await;
    shaken.ok()?.ok().map(|(client, _)| client)
}

/// Says one line and waits for what becomes of it: `hold`, `drop`, or `chat` where it came back.
pub async fn fate(client: &mut Client, channel: &str, id: &str, text: &str) -> String {
    let line = json!({ "type": "chat", "id": id, "channel": channel, "user": "u1", "text": text });
    client.send(Message::text(line.to_string())).await.expect("an open connection");
    let heard = async {
        loop {
            let heard = client.next().await.expect("an open connection").expect("a frame");
            let Message::Text(text) = heard else { continue };
            let heard: Value = serde_json::from_str(&text).expect("JSON");
            if heard["id"] == id {
                let verdict = heard["verdict"].as_str().or(heard["type"].as_str());
                return verdict.unwrap_or_default().to_owned();
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("nothing is dropped in silence")
}

/// A program with a token at `/v1`, over one connection that is kept.
pub struct Program {
    console: SocketAddr,
    token: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Program {
    pub fn new(console: SocketAddr, token: &str) -> Program {
        Program { console, token: token.to_owned(), sender: None }
    }

    /// Status and body; nothing where the process died meanwhile.
    pub async fn ask(&mut self, method: Method, path: &str) -> Option<(StatusCode, Value)> {
        let asked = timeout(PATIENCE, self.exchange(method, path)).await.ok()?;
        if asked.is_none() {
            self.sender = None;
        }
        asked
    }

    async fn exchange(&mut self, method: Method, path: &str) -> Option<(StatusCode, Value)> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.console).await.ok()?;
            stream.set_nodelay(true).ok()?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.console.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Full::default())
            .expect("a request");
        let sender = self.sender.as_mut()?;
        sender.ready().await.ok()?;
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// What waits, up to 200 rows.
    pub async fn holds(&mut self) -> Option<Vec<Value>> {
        let (status, body) = self.ask(Method::GET, "/v1/holds?limit=200").await?;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["holds"].as_array().cloned()
    }
}
