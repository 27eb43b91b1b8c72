//! Relays bytes between a client and the upstream: the least that any proxy can do.

use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpListener, TcpStream},
};

use super::{Outcome, echo, runtime};

/// The same buffers that Tidegate's legs have.
const BUFFER_BYTES: usize = 4096;

pub fn run(upstream: &str) -> Outcome<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
        echo::announce(&listener)?;
        loop {
            let (client, _) = listener.accept().await.map_err(|e| e.to_string())?;
            tokio::spawn(relay(client, upstream.to_owned()));
        }
    })
}

async fn relay(mut client: TcpStream, upstream: String) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (up, down) = (BUFFER_BYTES, BUFFER_BYTES);
    copy_bidirectional_with_sizes(&mut client, &mut server, up, down).await?;
    Ok(())
}
