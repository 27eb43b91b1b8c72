//! Gives the hold queue a way to the upstream for releases whose sender is gone.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    route::Route,
    upstream::{self, Answer},
};
use crate::{hold::Service, protocol::Frame};

/// Dialling, greeting, writing and closing together may take this long.
const LIMIT: Duration = Duration::from_secs(10);

/// The route's service connection, opened for each release; `None` where it has none.
///
/// Releases over it are rare, so nothing is kept open that could go stale unnoticed.
pub fn service(route: &Arc<Route>, tls: &Arc<ClientConfig>) -> Option<Service> {
    route.config.service.as_ref()?;
    let (route, tls) = (route.clone(), tls.clone());
    Some(Arc::new(move |frame| {
        let (route, tls) = (route.clone(), tls.clone());
        Box::pin(async move {
            let sent = tokio::time::timeout(LIMIT, send(&route, &tls, frame)).await;
            sent.map_err(|_| "the chat server did not answer in time".to_owned())?
        })
    }))
}

async fn send(route: &Route, tls: &Arc<ClientConfig>, frame: Frame) -> Result<(), String> {
    let Some(service) = &route.config.service else { return Err("no service".into()) };
    let text = |cause: &dyn std::fmt::Display| cause.to_string();
    let mut headers = HeaderMap::new();
    let authority = HeaderValue::from_str(&route.upstream.authority).map_err(|c| text(&c))?;
    headers.insert(header::HOST, authority);
    let wrong = |(key, cause): (&str, String)| format!("service.{key}: {cause}");
    for (name, value) in &service.sent_headers().map_err(wrong)? {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|c| text(&c))?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|c| text(&c))?);
    }
    let hello = service.sent_hello().map_err(wrong)?;
    let target = match (service.path.as_str(), route.upstream.path.as_str()) {
        ("", "") => route.config.path.as_str(),
        ("", path) => path,
        (path, _) => path,
    };
    let wire = upstream::dial(&route.upstream, tls, LIMIT).await.map_err(|c| text(&c))?;
    let answer = upstream::shake_hands(wire, route, target, headers, LIMIT, false).await;
    let mut answer = match answer.map_err(|c| text(&c))? {
        Answer::Upgraded(answer, _) => *answer,
        Answer::Refused(answer) => return Err(format!("answered {}", answer.status())),
    };
    let upgraded = hyper::upgrade::on(&mut answer).await.map_err(|c| text(&c))?;
    let Some((wire, read)) = upstream::unwrap_upgraded(upgraded) else {
        return Err("the upgrade was lost".into());
    };
    // What the upstream says meanwhile is read only to find its close.
    let config = WebSocketConfig::default().read_buffer_size(4096).max_message_size(Some(1 << 20));
    let read = read.to_vec();
    let mut ws = WebSocketStream::from_partially_read(wire, read, Role::Client, Some(config)).await;
    for hello in &hello {
        ws.feed(Message::text(hello.as_str())).await.map_err(|c| text(&c))?;
    }
    let message = match frame {
        Frame::Text(text) => Message::Text(text),
        Frame::Binary(bytes) => Message::Binary(bytes),
    };
    ws.send(message).await.map_err(|c| text(&c))?;
    ws.close(None).await.map_err(|c| text(&c))?;
    // Only the answer to our close proves that the frame before it was read; a server that closes
    // for a reason of its own, or resets, has proved nothing.
    while let Some(heard) = ws.next().await {
        if let Message::Close(frame) = heard.map_err(|c| text(&c))? {
            return match frame {
                None => Ok(()),
                Some(frame) if frame.code == CloseCode::Normal => Ok(()),
                Some(frame) => Err(format!("closed with {}", frame.code)),
            };
        }
    }
    Err("gone without an answer".to_owned())
}
