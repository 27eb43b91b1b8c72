//! Plays chat servers that lie in the handshake, or send without end.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What one stalled reader is sent: more than the kernel keeps for a connection on the way.
const FLOOD_BYTES: usize = 24 << 20;

async fn serve<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

async fn asked(stream: &mut TcpStream) -> Option<String> {
    let (mut asked, mut part) = (String::new(), [0; 4096]);
    while !asked.contains("\r\n\r\n") {
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        asked += str::from_utf8(&part[..read]).ok()?;
    }
    Some(asked)
}

fn switched(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Says 101 with another connection's key, and a body that somebody may take for frames.
pub async fn liar() -> SocketAddr {
    serve(|mut stream| async move {
        asked(&mut stream).await?;
        let lie = switched("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") + "\u{1}\u{5}hello";
        stream.write_all(lie.as_bytes()).await.ok()
    })
    .await
}

/// Shakes hands well and then sends frames until nobody takes them; it counts them, for who asks
/// for them is its accomplice.
pub async fn flood(sent: Arc<AtomicU64>) -> SocketAddr {
    serve(move |stream| pour(stream, sent.clone())).await
}

async fn pour(mut stream: TcpStream, sent: Arc<AtomicU64>) -> Option<()> {
    let asked = asked(&mut stream).await?;
    let headers = asked.lines().filter_map(|line| line.split_once(": "));
    let mut keys = headers.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let accept = derive_accept_key(keys.next()?.1.as_bytes());
    stream.write_all(switched(&accept).as_bytes()).await.ok()?;
    // A text frame of 32 KiB that is no chat.
    let text = format!("{{\"type\":\"noise\",\"of\":\"{}\"}}", "x".repeat(32 << 10));
    let mut frame = vec![0x81, 126];
    frame.extend((text.len() as u16).to_be_bytes());
    frame.extend(text.as_bytes());
    for _ in 0..FLOOD_BYTES / frame.len() {
        stream.write_all(&frame).await.ok()?;
        sent.fetch_add(frame.len() as u64, Ordering::Relaxed);
    }
    let mut rest = [0; 64];
    while stream.read(&mut rest).await.ok()? > 0 {}
    Some(())
}
