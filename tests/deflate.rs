//! Sends compressed frames through the real gate, on each leg alone and on both.

mod common;

use std::net::SocketAddr;

use common::{Folder, PATIENCE, config, gate};
use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress};
use tidegate::config::Compression;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const OFFER: &str = "permessage-deflate; client_max_window_bits";
const RSV1: u8 = 0x40;

/// The headers of a request or an answer, read byte by byte so that no frame is taken along.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect("a head"));
    }
    String::from_utf8(head).expect("text")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The first byte and the payload of the next frame, unmasked.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let read = async {
        let (first, second) = (stream.read_u8().await?, stream.read_u8().await?);
        let length = match second & 0x7f {
            126 => usize::from(stream.read_u16().await?),
            127 => stream.read_u64().await? as usize,
            short => usize::from(short),
        };
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            stream.read_exact(&mut mask).await?;
        }
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        std::io::Result::Ok((first, payload))
    };
    timeout(PATIENCE, read).await.expect("in time").expect("a frame")
}

/// A frame; masked with zeros where a client sends it.
fn framed(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        short @ ..126 => bytes.push(bit | short as u8),
        long => {
            bytes.push(bit | 126);
            bytes.extend(u16::try_from(long).expect("a short frame").to_be_bytes());
        }
    }
    bytes.extend(if masked { &[0; 4][..] } else { &[] });
    bytes.extend(payload);
    bytes
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 100);
    let mut compress = Compress::new(Level::default(), false);
    compress.compress_vec(bytes, &mut out, FlushCompress::Sync).expect("room");
    out.truncate(out.len() - 4);
    out
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(100_000);
    let whole = [bytes, &[0, 0, 0xff, 0xff]].concat();
    let mut inflate = Decompress::new(false);
    inflate.decompress_vec(&whole, &mut out, FlushDecompress::Sync).expect("deflated data");
    out
}

/// A client, the server behind the gate, and what each read of the other's handshake.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    answered: Option<String>,
    offered: Option<String>,
    _running: tidegate::listen::Running,
    _folder: Folder,
}

/// Opens both legs; `answer` is what the server says to an offer.
async fn pair(client_on: bool, server_on: bool, answer: Option<&str>) -> Pair {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let folder = Folder::new("deflate");
    let upstream = listener.local_addr().expect("its address");
    let of = |on| if on { Compression::On } else { Compression::Off };
    let mut config = config(&folder, upstream, |route| route.compression = of(server_on));
    config.listen.compression = of(client_on);
    let running = gate(config).await;
    let accepting = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let asked = head(&mut stream).await;
        let key = header(&asked, "sec-websocket-key").expect("a key");
        let accept = derive_accept_key(key.as_bytes());
        let mut reply = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n"
        );
        if let Some(answer) = answer {
            reply.push_str(&format!("Sec-WebSocket-Extensions: {answer}\r\n"));
        }
        reply.push_str("\r\n");
        stream.write_all(reply.as_bytes()).await.expect("an open connection");
        (stream, header(&asked, "sec-websocket-extensions").map(str::to_owned))
    };
    let (mut client, (server, offered)) = tokio::join!(knock(running.chat), accepting);
    let said = head(&mut client).await;
    assert!(
        said.starts_with(if offered.is_none() && answer.is_some() {
            "HTTP/1.1 502"
        } else {
            "HTTP/1.1 101"
        }),
        "{said}"
    );
    let answered = header(&said, "sec-websocket-extensions").map(str::to_owned);
    Pair { client, server, answered, offered, _running: running, _folder: folder }
}

async fn knock(chat: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(chat).await.expect("a listening port");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {chat}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: {OFFER}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("an open connection");
    stream
}

const AGREED: &str = "permessage-deflate; server_no_context_takeover";

#[tokio::test]
async fn each_leg_is_compressed_as_it_agreed() {
    // Long enough to be worth it, different enough to be honest.
    let words: Vec<String> = (0..400).map(|n| format!("w{}", n * 7919 % 1000)).collect();
    let long = serde_json::json!({ "type": "list", "names": words }).to_string().into_bytes();
    let short = br#"{"type":"hello"}"#.to_vec();
    for (client_on, server_on) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut pair = pair(client_on, server_on, server_on.then_some(AGREED)).await;
        assert_eq!(pair.offered.is_some(), server_on);
        let no_context =
            |said: &String| said.contains("server_no_context_takeover; client_no_context_takeover");
        assert_eq!(pair.answered.as_ref().is_some_and(no_context), client_on);
        for text in [&long, &short] {
            let payload = if client_on { deflated(text) } else { text.clone() };
            let bit = if client_on { RSV1 } else { 0 };
            // In two fragments: the bit is on the first alone.
            let (one, two) = payload.split_at(payload.len() / 2);
            pair.client.write_all(&framed(0x01 | bit, one, true)).await.expect("open");
            pair.client.write_all(&framed(0x80, two, true)).await.expect("open");
            let (first, heard) = frame(&mut pair.server).await;
            check(first, heard, text, server_on);

            let payload = if server_on { deflated(text) } else { text.clone() };
            let bit = if server_on { RSV1 } else { 0 };
            pair.server.write_all(&framed(0x81 | bit, &payload, false)).await.expect("open");
            let (first, heard) = frame(&mut pair.client).await;
            check(first, heard, text, client_on);
        }
    }
}

/// Compressed where that was agreed and is worth it, and the same text either way.
fn check(first: u8, heard: Vec<u8>, text: &[u8], on: bool) {
    let compressed = first & RSV1 != 0;
    assert_eq!(compressed, on && text.len() >= 1024);
    let heard = if compressed { inflated(&heard) } else { heard };
    assert!(heard == text, "another text arrived");
}

#[tokio::test]
async fn what_must_not_be_sent_is_closed_with_its_code() {
    let bomb = deflated(&[b' '; 60_000]);
    let hello = deflated(b"{}");
    for (client_on, sent, code) in [
        (true, framed(0xc1, &bomb, true), 1009_u16),
        (true, framed(0xc1, &[0xff; 20], true), 1007),
        (true, framed(0xc9, b"", true), 1002),
        (true, framed(0xc0, &hello, true), 1002),
        (false, framed(0xc1, &hello, true), 1002),
    ] {
        let mut pair = pair(client_on, false, None).await;
        pair.client.write_all(&sent).await.expect("open");
        let (first, said) = frame(&mut pair.client).await;
        let heard = said.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
        assert_eq!((first, heard), (0x88, Some(code)), "{sent:?}");
    }
}

#[tokio::test]
async fn a_server_that_answers_what_was_not_offered_is_not_believed() {
    let pair = pair(true, false, Some(AGREED)).await;
    assert_eq!(pair.answered, None);
}
