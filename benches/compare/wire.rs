//! Speaks just enough WebSocket as a client to cost the load generator little.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Outcome;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
/// RSV1, by which permessage-deflate marks a compressed message.
pub const COMPRESSED: u8 = 0x40;
/// Each message for itself, either way: what a chat server offers that has many viewers.
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate; \
                       server_no_context_takeover; client_no_context_takeover\r\n";

/// Opens a WebSocket on `address` (`127.0.0.1:7400`).
pub async fn connect(address: &str) -> Outcome<TcpStream> {
    let mut stream = dial(address).await?;
    shake(&mut stream, address, false).await?;
    Ok(stream)
}

pub async fn dial(address: &str) -> Outcome<TcpStream> {
    let said = |e: std::io::Error| format!("{address}: {e}");
    let stream = TcpStream::connect(address).await.map_err(said)?;
    stream.set_nodelay(true).map_err(said)?;
    Ok(stream)
}

/// Shakes hands as a client; with `deflate` the server must agree to compression.
pub async fn shake(
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
    address: &str,
    deflate: bool,
) -> Outcome<()> {
    let said = |e: std::io::Error| format!("{address}: {e}");
    let extensions = if deflate { DEFLATE } else { "" };
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGlkZWdhdGUgY29tcGFyZQ==\r\nSec-WebSocket-Version: 13\r\n\
         {extensions}\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(said)?;
    stream.flush().await.map_err(said)?;
    let mut head = Vec::new();
    // One byte at a time: nothing that follows the head may be swallowed.
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.map_err(said)?;
        head.push(byte);
        if head.len() > 16 * 1024 {
            return Err(format!("{address}: an endless answer to the handshake"));
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if !head.starts_with("HTTP/1.1 101") {
        return Err(format!("{address} refused: {head}"));
    }
    match deflate && !head.to_lowercase().contains("permessage-deflate") {
        true => Err(format!("{address} does not compress: {head}")),
        false => Ok(()),
    }
}

/// Appends one whole client frame, masked as RFC 6455 asks.
pub fn write_frame(opcode: u8, payload: &[u8], mask: u32, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        long => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    let mask = mask.to_be_bytes();
    out.extend_from_slice(&mask);
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
}

/// Cuts what a server sends into frames.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// What was handed out already.
    taken: usize,
}

impl Inbox {
    /// The next whole frame that is here.
    pub fn next(&mut self) -> Outcome<Option<(u8, &[u8])>> {
        let rest = &self.bytes[self.taken..];
        let [first, second, ..] = *rest else { return Ok(None) };
        if first & 0x80 == 0 || second & 0x80 != 0 {
            return Err(format!("a frame that starts {first:#x} {second:#x} was not expected"));
        }
        let (head, length) = match (second, rest.get(2..4)) {
            (0..126, _) => (2, second as usize),
            (126, Some(length)) => (4, u16::from_be_bytes([length[0], length[1]]) as usize),
            (126, None) => return Ok(None),
            _ => return Err("a frame of over 64 KiB was not expected".into()),
        };
        if rest.len() < head + length {
            return Ok(None);
        }
        let start = self.taken + head;
        self.taken = start + length;
        Ok(Some((first & (COMPRESSED | 0x0f), &self.bytes[start..start + length])))
    }

    /// Waits for more bytes.
    pub async fn fill(&mut self, stream: &mut (impl AsyncReadExt + Unpin)) -> Outcome<()> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        match stream.read_buf(&mut self.bytes).await {
            Ok(0) => Err("the connection ended".into()),
            Ok(_) => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// Waits for the next frame that carries data; answers pings meanwhile.
pub async fn receive(
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
    inbox: &mut Inbox,
) -> Outcome<(u8, Vec<u8>)> {
    loop {
        let mut pong = Vec::new();
        match inbox.next()? {
            Some((PING, payload)) => write_frame(PONG, payload, 0, &mut pong),
            Some((PONG, _)) => continue,
            Some((CLOSE, payload)) => {
                return Err(format!("closed: {:?}", String::from_utf8_lossy(payload)));
            }
            Some((opcode, payload)) => return Ok((opcode, payload.to_vec())),
            None => inbox.fill(stream).await?,
        }
        stream.write_all(&pong).await.map_err(|e| e.to_string())?;
    }
}
