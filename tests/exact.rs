//! Compares what crosses Tidegate with what crosses no proxy: random traffic must look the same.

mod common;

use std::net::SocketAddr;

use bytes::Bytes;
use common::{Client, Folder, PATIENCE, config, connect, gate};
use futures_util::{SinkExt, StreamExt};
use tidegate::{
    config::{CategoryConfig, CrowdConfig, FloodConfig, PolicyConfig, ShapeConfig},
    message::Verdict,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

/// One thing that a client does.
#[derive(Clone, Debug)]
enum Act {
    Text(String),
    Binary(Vec<u8>),
    /// A text in pieces, cut at any byte, also within a character; pings in between.
    Pieces(String, Vec<usize>),
    Ping(Vec<u8>),
    /// The client closes.
    Close(Option<(u16, String)>),
    /// The client asks the server to close.
    AskClose(Option<(u16, String)>),
}

/// What one side heard, pings and pongs left aside: they belong to each leg.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Close(Option<(u16, String)>),
    Lost,
}

/// A small generator (splitmix64), so that a failure is replayed by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn text(&mut self, length: usize) -> String {
        const LETTERS: [&str; 12] =
            ["a", "e", "Z", " ", "é", "ß", "日", "😀", "0", ".", "\n", "\""];
        (0..length).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }

    /// Any code that may be sent, with and without a reason, or no code at all.
    fn close(&mut self) -> Option<(u16, String)> {
        const CODES: [u16; 15] = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
            4999,
        ];
        match self.below(CODES.len() + 1) {
            0 => None,
            n => {
                let length = self.below(20);
                Some((CODES[n - 1], self.text(length)))
            }
        }
    }

    fn script(&mut self, chat: bool) -> Vec<Act> {
        let count = self.below(40);
        let mut script: Vec<Act> = (0..count).map(|_| self.act(chat)).collect();
        let close = self.close();
        script.push(if self.below(2) == 0 { Act::Close(close) } else { Act::AskClose(close) });
        script
    }

    fn act(&mut self, chat: bool) -> Act {
        let length = [0, 1, 5, 125, 126, 300, 5000][self.below(7)];
        match self.below(5) {
            0 | 1 => Act::Text(self.says(length, chat)),
            2 => Act::Binary((0..length).map(|_| self.below(256) as u8).collect()),
            3 => {
                let text = self.says(length, chat);
                let mut cuts: Vec<usize> =
                    (0..self.below(6)).map(|_| self.below(text.len() + 1)).collect();
                cuts.sort_unstable();
                Act::Pieces(text, cuts)
            }
            _ => Act::Ping((0..self.below(126)).map(|_| 7).collect()),
        }
    }

    /// Free text, or a chat message as the `generic` preset has it.
    fn says(&mut self, length: usize, chat: bool) -> String {
        let text = self.text(length);
        match (chat, self.below(4)) {
            (false, _) => text,
            (true, 0) => format!(r#"{{"type":"typing","user":"ana","n":{length}}}"#),
            (true, _) => {
                let text = serde_json::to_string(&text).expect("a string");
                format!(r#"{{ "type":"chat", "channel":"x","user":"u{length}","text":{text} }}"#)
            }
        }
    }
}

fn close_frame(close: &Option<(u16, String)>) -> Option<CloseFrame> {
    let (code, reason) = close.as_ref()?;
    Some(CloseFrame { code: (*code).into(), reason: reason.as_str().into() })
}

fn heard_close(frame: Option<CloseFrame>) -> Heard {
    Heard::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
}

/// Echoes everything, closes as it is asked to, and reports what it heard.
async fn server(reports: mpsc::Sender<Vec<Heard>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ws = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
            let reports = reports.clone();
            tokio::spawn(async move {
                let _ = reports.send(echo(ws).await).await;
            });
        }
    });
    address
}

async fn echo(mut ws: Client) -> Vec<Heard> {
    let mut heard = Vec::new();
    loop {
        match ws.next().await {
            Some(Ok(Message::Text(text))) => {
                heard.push(Heard::Text(text.to_string()));
                if let Some(asked) = text.strip_prefix("close ") {
                    let close: Option<(u16, String)> =
                        serde_json::from_str(asked).expect("a close");
                    let _ = ws.close(close_frame(&close)).await;
                } else {
                    let _ = ws.send(Message::Text(text)).await;
                }
            }
            Some(Ok(Message::Binary(bytes))) => {
                heard.push(Heard::Binary(bytes.to_vec()));
                let _ = ws.send(Message::Binary(bytes)).await;
            }
            Some(Ok(Message::Close(frame))) => heard.push(heard_close(frame)),
            Some(Ok(_)) => {}
            Some(Err(_)) => heard.push(Heard::Lost),
            None => return heard,
        }
    }
}

async fn play(address: SocketAddr, script: &[Act]) -> Vec<Heard> {
    let client = connect(address, "/ws").await;
    let (mut sink, mut stream) = client.split();
    let perform = async {
        for act in script {
            for message in messages(act) {
                // A server that has closed already takes no more: what it heard is compared.
                let _ = sink.feed(message).await;
            }
        }
        let _ = sink.flush().await;
    };
    let listen = async {
        let mut heard = Vec::new();
        while let Some(message) = stream.next().await {
            match message {
                Ok(Message::Text(text)) => heard.push(Heard::Text(text.to_string())),
                Ok(Message::Binary(bytes)) => heard.push(Heard::Binary(bytes.to_vec())),
                Ok(Message::Close(frame)) => heard.push(heard_close(frame)),
                Ok(_) => {}
                Err(_) => heard.push(Heard::Lost),
            }
        }
        heard
    };
    let ((), heard) =
        timeout(PATIENCE, async { tokio::join!(perform, listen) }).await.expect("the script ends");
    heard
}

fn messages(act: &Act) -> Vec<Message> {
    match act {
        Act::Text(text) => vec![Message::text(text.as_str())],
        Act::Binary(bytes) => vec![Message::binary(bytes.clone())],
        Act::Ping(payload) => vec![Message::Ping(Bytes::from(payload.clone()))],
        Act::Close(close) => vec![Message::Close(close_frame(close))],
        Act::AskClose(close) => {
            let close = serde_json::to_string(close).expect("a close");
            vec![Message::text(format!("close {close}"))]
        }
        Act::Pieces(text, cuts) => {
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.iter().copied().chain([text.len()]) {
                let opcode = if pieces.is_empty() { Data::Text } else { Data::Continue };
                let payload = text.as_bytes()[from..cut].to_vec();
                let fragment = Frame::message(payload, OpCode::Data(opcode), false);
                pieces.push(Message::Frame(fragment));
                pieces.push(Message::Ping(Bytes::new()));
                from = cut;
            }
            let last = Frame::message(Vec::new(), OpCode::Data(Data::Continue), true);
            pieces.push(Message::Frame(last));
            pieces
        }
    }
}

/// Where two pairs of accounts part, in few words.
fn difference(direct: &(Vec<Heard>, Vec<Heard>), through: &(Vec<Heard>, Vec<Heard>)) -> String {
    let short = |heard: Option<&Heard>| {
        let text = format!("{heard:?}");
        text.chars().take(120).collect::<String>()
    };
    for (who, a, b) in [("client", &direct.0, &through.0), ("server", &direct.1, &through.1)] {
        let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        if at < a.len().max(b.len()) {
            let (direct, through) = (short(a.get(at)), short(b.get(at)));
            return format!("the {who}'s {at}th of {}: {direct}, not {through}", a.len());
        }
    }
    "none".to_owned()
}

/// Runs scripts directly and through Tidegate, and compares what both sides heard.
async fn compare(protocol: &str, seeds: std::ops::Range<u64>) {
    let (reports, mut reported) = mpsc::channel(16);
    let server = server(reports).await;
    let folder = Folder::new("exact");
    let mut config = config(&folder, server, |route| {
        route.protocol = protocol.to_owned();
        // Free text on a JSON route is not chat; that it may be dropped is tested elsewhere.
        route.on_unreadable = tidegate::config::Unjudged::Pass;
        route.on_binary = tidegate::config::Unjudged::Pass;
    });
    let flood = FloodConfig { messages_max: 100, repeats_max: 100, window_ms: 100 };
    // Random texts of five letters are all alike, and everybody is new. Noise is loud, and has
    // names with endings in it; all of it is to pass.
    let crowd = Some(CrowdConfig { action: Verdict::Pass, ..CrowdConfig::default() });
    let shape = Some(ShapeConfig { art: Some(Verdict::Pass), ..ShapeConfig::default() });
    let pass = || Some(CategoryConfig { action: Some([Verdict::Pass; 4]), ..Default::default() });
    let policy = PolicyConfig {
        flood: Some(flood),
        crowd,
        shape,
        spam: pass(),
        link: pass(),
        ..PolicyConfig::default()
    };
    config.policy.insert("standard".to_owned(), policy);
    config.limits.pings_per_second = 1_000_000;
    let running = gate(config).await;
    for seed in seeds {
        let script = Random(seed).script(protocol != "text");
        let mut sides = Vec::new();
        for address in [server, running.chat] {
            let client = play(address, &script).await;
            let server = timeout(PATIENCE, reported.recv()).await.expect("in time");
            sides.push((client, server.expect("a report")));
        }
        assert!(sides[0] == sides[1], "seed {seed}: {}", difference(&sides[0], &sides[1]));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_text_looks_the_same() {
    compare("text", 0..150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chat_in_json_looks_the_same() {
    compare("generic", 1000..1150).await;
}
