//! Serves as the chat server behind every proxy: sends each message back to whoever sent it.

use std::io::{Read, Write, stdin, stdout};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
        protocol::WebSocketConfig,
    },
};

use super::{Outcome, runtime};

const EXTENSIONS: &str = "sec-websocket-extensions";
/// What it agrees to: each message for itself, either way.
const DEFLATE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

pub fn run() -> Outcome<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
        announce(&listener)?;
        loop {
            let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
            tokio::spawn(serve(stream));
        }
    })
}

/// Tells the parent the port, and ends this process when the parent is gone.
pub fn announce(listener: &TcpListener) -> Outcome<()> {
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    println!("{address}");
    stdout().flush().map_err(|e| e.to_string())?;
    std::thread::spawn(|| {
        // Ends at the end of the input, which is the end of the parent.
        let ended = stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(ended.is_err()));
    });
    Ok(())
}

async fn serve(stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 4096;
    config.write_buffer_size = 0;
    let mut deflates = false;
    // The callback's type is the library's.
    #[allow(clippy::result_large_err)]
    let agree = |request: &Request, mut response: Response| {
        deflates = request.headers().contains_key(EXTENSIONS);
        if deflates {
            response.headers_mut().insert(EXTENSIONS, HeaderValue::from_static(DEFLATE));
        }
        Ok(response)
    };
    let accepted = accept_hdr_async_with_config(stream, agree, Some(config)).await;
    let Ok(mut socket) = accepted else { return };
    // A client that is gone is no error here: the generator counts what is missing.
    if deflates {
        let _ = send_back(socket.into_inner()).await;
        return;
    }
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(_) | Message::Binary(_) = message
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}

/// Sends every frame back as it came, but for the mask, compressed or not.
async fn send_back(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufStream::new(stream);
    loop {
        let frame = read_frame(&mut stream).await?;
        stream.write_all(&frame).await?;
        stream.flush().await?;
    }
}

/// Reads a client's frame of under 64 KiB; the same as a server sends it.
pub async fn read_frame(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let first = stream.read_u8().await?;
    let short = stream.read_u8().await? & 0x7f;
    let mut frame = vec![first, short];
    let mut length = usize::from(short);
    if short >= 126 {
        let long = stream.read_u16().await?;
        length = usize::from(long);
        frame.extend(long.to_be_bytes());
    }
    let head = frame.len();
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await?;
    frame.resize(head + length, 0);
    stream.read_exact(&mut frame[head..]).await?;
    frame[head..].iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok(frame)
}
