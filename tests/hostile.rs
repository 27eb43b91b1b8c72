//! Sends what no honest peer sends, beside an honest connection that must notice nothing.

mod common;

use std::net::SocketAddr;

use common::{Client, Folder, PATIENCE, Room, config, connect, gate, next_json, say, try_connect};
use futures_util::{SinkExt, StreamExt};
use hyper::StatusCode;
use tidegate::{config::Config, listen::Running};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    Message, handshake::derive_accept_key, protocol::frame::coding::CloseCode,
};

struct Stage {
    running: Running,
    honest: Client,
    said: u32,
    _folder: Folder,
}

impl Stage {
    async fn set(change: impl FnOnce(&mut Config)) -> Stage {
        let room = Room::open().await;
        let folder = Folder::new("hostile");
        let mut config = config(&folder, room.address, |_| {});
        config.limits.message_bytes_max = 4096;
        config.limits.fragments_max = 64;
        change(&mut config);
        let running = gate(config).await;
        let honest = connect(running.chat, "/ws").await;
        Stage { running, honest, said: 0, _folder: folder }
    }

    /// The connection that was there all along still works.
    async fn undisturbed(&mut self) {
        self.said += 1;
        let id = format!("honest-{}", self.said);
        say(&mut self.honest, &id, &format!("line {id}")).await;
        loop {
            if next_json(&mut self.honest).await["id"] == id.as_str() {
                return;
            }
        }
    }
}

/// Sends raw bytes and returns the first line of the answer.
async fn status_line(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.expect("a listening port");
    stream.write_all(request.as_bytes()).await.expect("a write");
    let mut answer = vec![0; 1024];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await.expect("in time").unwrap_or(0);
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

#[tokio::test]
async fn malformed_handshakes_are_refused_by_name() {
    let mut stage = Stage::set(|config| {
        config.route[0].path = "/ws".to_owned();
        config.route[0].blocked_paths = vec!["/ws/history".to_owned()];
        config.route[0].origins = vec!["https://good.example".to_owned()];
    })
    .await;
    let get =
        |path: &str, headers: &[&str]| format!("GET {path} HTTP/1.1\r\n{}\r\n", headers.concat());
    let host = "Host: x\r\n";
    let cases = [
        ("no host", get("/ws", &[UPGRADE, VERSION, KEY]), "400"),
        ("two hosts", get("/ws", &[host, host, UPGRADE, VERSION, KEY]), "400"),
        ("old version", get("/ws", &[host, UPGRADE, "Sec-WebSocket-Version: 8\r\n", KEY]), "426"),
        ("no version", get("/ws", &[host, UPGRADE, KEY]), "426"),
        ("no key", get("/ws", &[host, UPGRADE, VERSION]), "400"),
        ("two keys", get("/ws", &[host, UPGRADE, VERSION, KEY, KEY]), "400"),
        ("bad key", get("/ws", &[host, UPGRADE, VERSION, "Sec-WebSocket-Key: x\r\n"]), "400"),
        ("no upgrade", get("/ws", &[host, VERSION, KEY]), "426"),
        ("no connection", get("/ws", &[host, "Upgrade: websocket\r\n", VERSION, KEY]), "400"),
        ("a post", get("/ws", &[host, UPGRADE, VERSION, KEY]).replace("GET", "POST"), "405"),
        ("no route", get("/other", &[host, UPGRADE, VERSION, KEY]), "404"),
        ("blocked", get("/ws/history", &[host, UPGRADE, VERSION, KEY]), "403"),
        ("blocked, encoded", get("/ws/%68istory", &[host, UPGRADE, VERSION, KEY]), "400"),
        ("blocked, two slashes", get("/ws//history", &[host, UPGRADE, VERSION, KEY]), "400"),
        ("blocked, dots", get("/ws/x/../history", &[host, UPGRADE, VERSION, KEY]), "400"),
        ("blocked, capitals", get("/ws/History", &[host, UPGRADE, VERSION, KEY]), "403"),
        (
            "bad origin",
            get("/ws", &[host, UPGRADE, VERSION, KEY, "Origin: https://evil.example\r\n"]),
            "403",
        ),
        ("null origin", get("/ws", &[host, UPGRADE, VERSION, KEY, "Origin: null\r\n"]), "403"),
        (
            "a suffix of a good origin",
            get("/ws", &[host, UPGRADE, VERSION, KEY, "Origin: https://good.example.evil\r\n"]),
            "403",
        ),
        ("not HTTP", "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), "400"),
        ("folded header", get("/ws", &[host, "X: a\r\n b\r\n", UPGRADE, VERSION, KEY]), "400"),
        (
            "a length and chunks",
            "POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            "4",
        ),
        ("a header flood", get("/ws", &[host, &"X: y\r\n".repeat(2000)]), "431"),
        ("a huge header", get("/ws", &[host, &format!("X: {}\r\n", "y".repeat(70_000))]), "431"),
    ];
    for (name, request, expected) in cases {
        let line = status_line(stage.running.chat, &request).await;
        assert!(line.starts_with(&format!("HTTP/1.1 {expected}")), "{name}: {line:?}");
    }
    stage.undisturbed().await;
    stage.running.stop().await;
}

/// A frame as bytes: first byte, masked or not, payload.
fn frame(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask = if masked { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..=125 => bytes.push(mask | length as u8),
        length @ 126..=65_535 => {
            bytes.push(mask | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    let key = [1, 2, 3, 4];
    if masked {
        bytes.extend(key);
    }
    let scrambled = payload.iter().zip(key.iter().cycle());
    bytes.extend(scrambled.map(|(byte, key)| if masked { byte ^ key } else { *byte }));
    bytes
}

/// Sends raw bytes after a good handshake, and returns the code of the close frame that comes.
async fn close_code(to: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let client = connect(to, "/ws").await;
    let mut stream = client.into_inner();
    // A flood may find the connection closed before its end.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends in time");
    // Whatever came before it, the last frame is the close: 0x88, its length, the code.
    let at = answer.windows(2).position(|pair| pair[0] == 0x88 && pair[1] < 126)?;
    Some(u16::from_be_bytes([*answer.get(at + 2)?, *answer.get(at + 3)?]))
}

#[tokio::test]
async fn broken_frames_close_with_the_right_code() {
    let mut stage = Stage::set(|config| config.limits.pings_per_second = 50).await;
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", frame(0x81, false, b"hi"), 1002),
        ("reserved bit", frame(0xc1, true, b"hi"), 1002),
        ("reserved data opcode", frame(0x83, true, b"hi"), 1002),
        ("reserved control opcode", frame(0x8b, true, b"hi"), 1002),
        ("fragmented ping", frame(0x09, true, b"hi"), 1002),
        ("long ping", frame(0x89, true, &[0; 126]), 1002),
        ("continuation of nothing", frame(0x80, true, b"hi"), 1002),
        ("text within a text", [frame(0x01, true, b"a"), frame(0x81, true, b"b")].concat(), 1002),
        ("close with one byte", frame(0x88, true, &[3]), 1002),
        ("close with 1005", frame(0x88, true, &1005_u16.to_be_bytes()), 1002),
        ("close with 1006", frame(0x88, true, &1006_u16.to_be_bytes()), 1002),
        ("close with 999", frame(0x88, true, &999_u16.to_be_bytes()), 1002),
        ("invalid UTF-8", frame(0x81, true, b"\xff\xfe"), 1007),
        (
            "invalid UTF-8 over fragments",
            [frame(0x01, true, b"\xe2\x82"), frame(0x80, true, b"x")].concat(),
            1007,
        ),
        ("oversize", frame(0x82, true, &[0; 5000]), 1009),
        (
            "oversize in fragments",
            [frame(0x02, true, &[0; 3000]), frame(0x80, true, &[0; 3000])].concat(),
            1009,
        ),
        ("endless", [frame(0x01, true, b""), frame(0x00, true, b"").repeat(5_000)].concat(), 1009),
        ("a flood of pings", frame(0x89, true, b"").repeat(500), 1008),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(close_code(stage.running.chat, &bytes).await, Some(expected), "{name}");
        stage.undisturbed().await;
    }
    stage.running.stop().await;
}

/// An upstream that answers the handshake with these bytes.
async fn lying_upstream(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

#[tokio::test]
async fn an_upstream_that_refuses_is_mirrored_and_one_that_lies_is_not_believed() {
    let cases = [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 502),
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            502,
        ),
        ("nonsense\r\n\r\n", 502),
        ("", 502),
    ];
    for (answer, expected) in cases {
        let upstream = lying_upstream(answer).await;
        let folder = Folder::new("lying");
        let running = gate(config(&folder, upstream, |_| {})).await;
        let refused = try_connect(running.chat, "/ws", &[]).await.err();
        assert_eq!(refused.map(|status| status.as_u16()), Some(expected), "{answer:?}");
        running.stop().await;
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_502() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("its address")
    };
    let folder = Folder::new("nobody");
    let running = gate(config(&folder, nobody, |_| {})).await;
    let refused = try_connect(running.chat, "/ws", &[]).await.err();
    assert_eq!(refused, Some(StatusCode::BAD_GATEWAY));
    running.stop().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    // In all, and of one address.
    for (all, of_one) in [(2, 10), (10, 2)] {
        let mut stage = Stage::set(|config| {
            config.listen.connections_max = all;
            config.listen.connections_per_ip_max = of_one;
        })
        .await;
        let second = connect(stage.running.chat, "/ws").await;
        let line = status_line(stage.running.chat, "GET /ws HTTP/1.1\r\n").await;
        assert_eq!(line, "HTTP/1.1 503 Service Unavailable", "{all} {of_one}");
        drop(second);
        stage.undisturbed().await;
        stage.running.stop().await;
    }
}

#[tokio::test]
async fn one_address_takes_no_more_than_its_share_of_the_console() {
    for (proxies, expected) in [(vec![], "503 Service Unavailable"), (vec!["127.0.0.1"], "200 OK")]
    {
        let stage = Stage::set(|config| {
            config.listen.connections_per_ip_max = 2;
            config.console.proxies =
                proxies.iter().map(|text| text.parse().expect("a network")).collect();
        })
        .await;
        let console = stage.running.console;
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(console).await.expect("it listens");
            // A connection counts from when it was accepted: it has been once it is answered.
            let asked = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(asked.as_bytes()).await.expect("it is there");
            stream.read_u8().await.expect("an answer");
            kept.push(stream);
        }
        let line = status_line(console, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(line, format!("HTTP/1.1 {expected}"), "{proxies:?}");
        drop(kept);
        stage.running.stop().await;
    }
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_dropped_and_the_others_are_served() {
    let mut stage = Stage::set(|config| {
        config.limits.stall_ms = 300;
        config.limits.backlog_bytes_max = 16 * 1024;
    })
    .await;
    let metrics = stage.running.admin;
    let stalled = connect(stage.running.chat, "/ws").await;
    let filler = "x".repeat(3000);
    let mut dropped = false;
    // The kernel's buffers on the way take some megabytes before anything stalls.
    for round in 0..20_000 {
        say(&mut stage.honest, &format!("fill-{round}"), &filler).await;
        next_json(&mut stage.honest).await;
        if round % 500 == 499 && connections(metrics).await == 1 {
            dropped = true;
            break;
        }
    }
    assert!(dropped, "the stalled reader is still there");
    drop(stalled);
    stage.running.stop().await;
}

async fn connections(admin: SocketAddr) -> u32 {
    let request = hyper::Request::get("/metrics").header("host", "localhost");
    let request = request.body(http_body_util::Full::default()).expect("a request");
    let (_, _, body) = common::http(admin, request).await;
    let text = String::from_utf8_lossy(&body).into_owned();
    let line = text.lines().find(|line| line.starts_with("tidegate_connections "));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("the gauge")
}

#[tokio::test]
async fn a_stop_closes_with_1012() {
    let mut stage = Stage::set(|_| {}).await;
    stage.undisturbed().await;
    let listen = async {
        loop {
            match stage.honest.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    };
    let (code, ()) = tokio::join!(timeout(PATIENCE, listen), stage.running.stop());
    assert_eq!(code.expect("in time"), Some(CloseCode::Restart));
}

#[tokio::test]
async fn frames_that_cannot_be_judged_without_doubt_do_not_pass() {
    let mut stage = Stage::set(|_| {}).await;
    let doubtful = [
        r#"{"type":"chat","user":"a","text":"fine","text":"you grumbix"}"#,
        r#"{"type":"chat","user":"a","text":"a\ud800b"}"#,
        r#"{"type":"chat","user":"a","text":"fine"} {"#,
        r#"{"type":"chat","user":"a","text":"fine""#,
    ];
    for frame in doubtful {
        stage.honest.send(Message::text(frame)).await.expect("an open connection");
        // The next line that comes back is the honest one: nothing else went through.
        stage.said += 1;
        let id = format!("after-{}", stage.said);
        say(&mut stage.honest, &id, &format!("line {id}")).await;
        assert_eq!(next_json(&mut stage.honest).await["id"], id.as_str(), "{frame}");
    }
    stage.running.stop().await;
}

#[tokio::test]
async fn whoever_never_finishes_is_cut_off() {
    let mut stage = Stage::set(|config| {
        config.listen.handshake_ms = 200;
        (config.limits.partial_ms, config.limits.ping_ms) = (200, 300);
    })
    .await;
    for head in ["", "GET /ws HTT", "GET /ws HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(stage.running.chat).await.expect("a listening port");
        stream.write_all(head.as_bytes()).await.expect("a write");
        let mut answer = Vec::new();
        let end = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "half a head keeps its connection: {head:?}");
    }
    let half = &frame(0x81, true, b"hello")[..8];
    assert_eq!(close_code(stage.running.chat, half).await, Some(1008), "half a frame");
    stage.undisturbed().await;
    stage.running.stop().await;
}

/// A compressed frame could not be read, and a small one may be a large one. That the bit which
/// says "compressed" is refused is a line of `broken_frames_close_with_the_right_code`.
#[tokio::test]
async fn compression_is_asked_for_by_nobody_and_taken_from_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let (mut asked, mut part) = (String::new(), [0; 4096]);
        while !asked.contains("\r\n\r\n") {
            let read = stream.read(&mut part).await.expect("a request");
            asked += str::from_utf8(&part[..read]).expect("text");
        }
        let mut headers = asked.lines().filter_map(|line| line.split_once(": "));
        let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let accept = derive_accept_key(key.expect("a key").1.as_bytes());
        // A good handshake, but for what nobody asked for.
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\n{UPGRADE}Sec-WebSocket-Accept: {accept}\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.expect("a write");
        (asked, stream)
    });
    let folder = Folder::new("compressed");
    let running = gate(config(&folder, address, |_| {})).await;
    let offer = [("sec-websocket-extensions", "permessage-deflate")];
    let refused = try_connect(running.chat, "/ws", &offer).await.err();
    assert_eq!(refused.map(|status| status.as_u16()), Some(502));
    let (asked, _stream) = timeout(PATIENCE, upstream).await.expect("in time").expect("an answer");
    assert!(!asked.to_ascii_lowercase().contains("sec-websocket-extensions"), "{asked}");
    running.stop().await;
}
