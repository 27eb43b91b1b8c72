//! Does to the chat port what no honest client does.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{dice::Dice, wire::pause};

/// The one origin that pages may come from.
pub const ORIGIN: &str = "https://good.example";
/// How long a stalled reader reads nothing: longer than the gate waits for it.
const STALLS: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enemy {
    Noise,
    SlowHandshake,
    HeaderFlood,
    Smuggling,
    WrongUpgrade,
    OtherSite,
    LyingUpstream,
    ComesAndGoes,
    HalfOpen,
    PingFlood,
    Oversized,
    Fragments,
    BrokenFrames,
    HalfFrame,
    Unreadable,
    StalledReader,
}

impl Enemy {
    pub const ALL: [Enemy; 16] = [
        Enemy::Noise,
        Enemy::SlowHandshake,
        Enemy::HeaderFlood,
        Enemy::Smuggling,
        Enemy::WrongUpgrade,
        Enemy::OtherSite,
        Enemy::LyingUpstream,
        Enemy::ComesAndGoes,
        Enemy::HalfOpen,
        Enemy::PingFlood,
        Enemy::Oversized,
        Enemy::Fragments,
        Enemy::BrokenFrames,
        Enemy::HalfFrame,
        Enemy::Unreadable,
        Enemy::StalledReader,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Enemy::Noise => "random bytes",
            Enemy::SlowHandshake => "half a head, and then nothing",
            Enemy::HeaderFlood => "headers without end",
            Enemy::Smuggling => "a second request hidden in the first",
            Enemy::WrongUpgrade => "handshakes that are none",
            Enemy::OtherSite => "pages of another site",
            Enemy::LyingUpstream => "a chat server that lies",
            Enemy::ComesAndGoes => "connects and leaves",
            Enemy::HalfOpen => "shakes hands and is gone",
            Enemy::PingFlood => "pings without end",
            Enemy::Oversized => "frames that are too large",
            Enemy::Fragments => "fragments without end",
            Enemy::BrokenFrames => "random bytes for frames",
            Enemy::HalfFrame => "half a frame, and then nothing",
            Enemy::Unreadable => "chat that can be read in two ways",
            Enemy::StalledReader => "asks for much and reads nothing",
        }
    }

    /// One in so many: some need much of the kernel's memory.
    pub fn rarity(self) -> u64 {
        if self == Enemy::StalledReader { 20 } else { 1 }
    }

    pub fn at_once(self) -> usize {
        if self == Enemy::StalledReader { 50 } else { 500 }
    }

    pub fn any(dice: &mut Dice) -> Enemy {
        loop {
            let enemy = Enemy::ALL[dice.within(0..Enemy::ALL.len())];
            if dice.below(enemy.rarity()) == 0 {
                return enemy;
            }
        }
    }

    /// The bytes that it sent, when the gate has ended it or it left.
    pub async fn strike(self, to: SocketAddr, mut dice: Dice) -> u64 {
        let Some(mut stream) = self.connect(to).await else { return 0 };
        let bytes = self.bytes(&mut dice);
        let mut sent = 0;
        while sent < bytes.len() {
            match stream.write(&bytes[sent..]).await {
                Ok(written) if written > 0 => sent += written,
                _ => return sent as u64,
            }
        }
        if self == Enemy::ComesAndGoes {
            return sent as u64;
        }
        if self == Enemy::StalledReader {
            pause(STALLS).await;
        }
        let mut answer = [0; 4096];
        while stream.read(&mut answer).await.is_ok_and(|read| read > 0) {}
        sent as u64
    }

    /// Each from some address of this machine, so that no bound by address answers for the others,
    /// and ports do not run out.
    async fn connect(self, to: SocketAddr) -> Option<TcpStream> {
        let socket = TcpSocket::new_v4().ok()?;
        if self == Enemy::StalledReader {
            socket.set_recv_buffer_size(4096).ok()?;
        }
        let home = Ipv4Addr::new(127, 0, 0, 2 + (self as u8));
        socket.bind(SocketAddr::from((home, 0))).ok()?;
        socket.connect(to).await.ok()
    }

    fn bytes(self, dice: &mut Dice) -> Vec<u8> {
        let good = |path: &str| shake(path, &[&format!("Origin: {ORIGIN}")]).into_bytes();
        let after = |frames: Vec<u8>| [good("/ws"), frames].concat();
        match self {
            Enemy::Noise => {
                let length = dice.within(1..4_000);
                dice.bytes(length)
            }
            Enemy::SlowHandshake => {
                let whole = good("/ws");
                whole[..dice.within(0..whole.len() - 4)].to_vec()
            }
            Enemy::HeaderFlood => match dice.chance(50) {
                true => shake("/ws", &vec!["X: y"; 2_000]).into_bytes(),
                false => shake("/ws", &[&format!("X: {}", "y".repeat(70_000))]).into_bytes(),
            },
            Enemy::Smuggling => smuggled(dice).into_bytes(),
            Enemy::WrongUpgrade => wrong_upgrade(dice).into_bytes(),
            Enemy::OtherSite => {
                let origin = ["https://evil.example", "null", "https://good.example.evil.example"];
                shake("/ws", &[&format!("Origin: {}", origin[dice.within(0..3)])]).into_bytes()
            }
            Enemy::LyingUpstream => good("/liar"),
            Enemy::ComesAndGoes => match dice.chance(50) {
                true => Vec::new(),
                false => after(frame(0x81, b"{}")),
            },
            Enemy::HalfOpen => good("/ws"),
            Enemy::PingFlood => after(frame(0x89, b"are you there").repeat(500)),
            Enemy::Oversized => match dice.chance(50) {
                // It says that a gigabyte follows.
                true => after(vec![0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]),
                false => after(frame(0x82, &[0; 70_000])),
            },
            Enemy::Fragments => after([frame(0x01, b""), frame(0x00, b"a").repeat(3_000)].concat()),
            Enemy::BrokenFrames => {
                let length = dice.within(2..2_000);
                after(dice.bytes(length))
            }
            Enemy::HalfFrame => after(frame(0x81, b"{\"type\":\"chat\"}")[..10].to_vec()),
            Enemy::Unreadable => {
                let doubtful = br#"{"type":"chat","user":"a","text":"fine","text":"you grumbix"}"#;
                after([frame(0x81, doubtful).repeat(20), frame(0x88, &[3, 232])].concat())
            }
            Enemy::StalledReader => good("/flood"),
        }
    }
}

/// A client's handshake.
fn shake(path: &str, headers: &[&str]) -> String {
    let mut head = format!(
        "GET {path} HTTP/1.1\r\nHost: chat.example\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for header in headers {
        head += header;
        head += "\r\n";
    }
    head + "\r\n"
}

fn smuggled(dice: &mut Dice) -> String {
    let hidden = shake("/ws", &[&format!("Origin: {ORIGIN}")]);
    let length = hidden.len();
    match dice.below(4) {
        0 => format!(
            "POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
        1 => format!("GET /ws HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        2 => shake("/ws", &["Host: other.example", "X: a\r\n b"]) + &hidden,
        // The trick that asks for an upgrade with a version that nobody speaks.
        _ => {
            shake("/ws", &[&format!("Origin: {ORIGIN}")]).replace("Version: 13", "Version: 1337")
                + &hidden
        }
    }
}

fn wrong_upgrade(dice: &mut Dice) -> String {
    let good = shake("/ws", &[&format!("Origin: {ORIGIN}")]);
    match dice.below(5) {
        0 => good.replace("Upgrade: websocket", "Upgrade: h2c"),
        1 => good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        2 => good.replace("Connection: Upgrade\r\n", ""),
        3 => good.replace("GET", "POST"),
        _ => good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
    }
}

/// A masked frame: first byte and payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    let key = [7, 77, 177, 23];
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}
