//! Serves as the chat server behind every proxy: sends each message back to whoever sent it.

use std::io::{Read, Write, stdin, stdout};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{Outcome, runtime};

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
    let Ok(mut socket) = accept_async_with_config(stream, Some(config)).await else { return };
    // A client that is gone is no error here: the generator counts what is missing.
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(_) | Message::Binary(_) = message
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}
