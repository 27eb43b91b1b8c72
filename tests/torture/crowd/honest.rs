//! Chats all the while as people do, and notes how long each line took to come back.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt, future::join_all};
use tokio::{sync::oneshot, time::timeout};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use super::{Bill, enemies::ORIGIN};
use crate::{
    common::{Client, PATIENCE},
    room::Room,
    wire::pause,
};

const TALKERS: usize = 20;
/// Between two lines of one talker.
const PAUSE: Duration = Duration::from_millis(100);
/// Lines of a visitor.
const LINES: usize = 5;

/// Talkers who are there from the beginning to the end, in a room and a thread of their own: what
/// the enemies cost this program is not to be seen in how long lines take.
pub struct Chat {
    /// Where the room is, for a route.
    pub room: SocketAddr,
    begin: Option<oneshot::Sender<SocketAddr>>,
    thread: std::thread::JoinHandle<Vec<String>>,
    waits: Arc<Mutex<Vec<Duration>>>,
    over: Arc<AtomicBool>,
}

impl Chat {
    pub async fn open() -> Chat {
        let (waits, over) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (opened, open) = oneshot::channel();
        let (begin, begun) = oneshot::channel();
        let (noted, ends) = (waits.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let room = Room::open(false).await;
                opened.send(room.address).expect("somebody asks");
                let to = begun.await.expect("it begins");
                let talks = (0..TALKERS).map(|user| talk(to, user, noted.clone(), ends.clone()));
                join_all(talks).await.into_iter().flatten().collect()
            })
        });
        let room = open.await.expect("a room");
        Chat { room, begin: Some(begin), thread, waits, over }
    }

    pub fn begin(&mut self, to: SocketAddr) {
        let begin = self.begin.take().expect("it begins once");
        begin.send(to).expect("the thread waits for it");
    }

    pub fn talkers(&self) -> usize {
        TALKERS
    }

    /// The waits since the last time, sorted.
    pub fn take(&self) -> Vec<Duration> {
        let mut waits = std::mem::take(&mut *self.waits.lock().expect("no panic"));
        waits.sort();
        waits
    }

    /// Why talkers left before they were asked to.
    pub async fn end(self) -> Vec<String> {
        self.over.store(true, Ordering::SeqCst);
        let ended = tokio::task::spawn_blocking(move || self.thread.join());
        ended.await.expect("no panic").expect("no panic")
    }
}

async fn connect(to: SocketAddr, path: &str) -> Option<Client> {
    let stream = tokio::net::TcpStream::connect(to).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let mut request = format!("ws://{to}{path}").into_client_request().ok()?;
    request.headers_mut().insert("origin", ORIGIN.parse().ok()?);
    let shaken = timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await;
    shaken.ok()?.ok().map(|(client, _)| client)
}

fn line(id: &str, user: usize) -> String {
    let text = "what a lovely evening, is it not";
    format!(r#"{{"type":"chat","id":"{id}","channel":"lobby","user":"u{user}","text":"{text}"}}"#)
}

/// Says a line and waits until it comes back.
async fn say(client: &mut Client, line: &str) -> Option<()> {
    client.send(Message::text(line)).await.ok()?;
    let heard = async {
        loop {
            match client.next().await?.ok()? {
                Message::Text(text) if text.as_str() == line => return Some(()),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                _ => return None,
            }
        }
    };
    timeout(PATIENCE, heard).await.ok()?
}

async fn talk(
    to: SocketAddr,
    user: usize,
    waits: Arc<Mutex<Vec<Duration>>>,
    over: Arc<AtomicBool>,
) -> Option<String> {
    let Some(mut client) = connect(to, "/honest").await else {
        return Some(format!("honest talker {user} was not let in"));
    };
    let mut number = 0_u64;
    while !over.load(Ordering::SeqCst) {
        let began = Instant::now();
        if say(&mut client, &line(&format!("{user}-{number}"), user)).await.is_none() {
            return Some(format!("honest talker {user} lost line {number}"));
        }
        waits.lock().expect("no panic").push(began.elapsed());
        number += 1;
        pause(PAUSE.saturating_sub(began.elapsed())).await;
    }
    None
}

/// Comes, says a few lines, goes; the bytes that it sent.
pub async fn visit(to: SocketAddr, user: usize) -> u64 {
    // What a browser sends for a handshake, about.
    const HEAD: u64 = 240;
    let Some(mut client) = connect(to, "/ws").await else { return 0 };
    let mut sent = HEAD;
    for number in 0..LINES {
        let line = line(&format!("v-{number}"), user);
        sent += line.len() as u64 + 8;
        if say(&mut client, &line).await.is_none() {
            return sent;
        }
    }
    let _ = client.close(None).await;
    while let Some(Ok(_)) = client.next().await {}
    sent
}

pub fn heading(honest: &Bill) {
    println!(
        "  {:>7} {:>9} {:>8} {:>7} {:>7} {:>8} {:>7}",
        "", "bytes", "µs CPU", "ns CPU", "", "KiB", ""
    );
    println!(
        "  {:>7} {:>9} {:>8} {:>7} {:>7} {:>8} {:>7}  who",
        "conns", "each", "each", "a byte", "", "each", ""
    );
    honest.print("honest visitors", honest);
}

/// Half of the lines, and 99 of a hundred, came back within …
pub fn latencies(before: &[Duration], during: &[Duration], after: &[Duration]) {
    let at = |waits: &[Duration], share: f64| {
        let place = (waits.len() as f64 * share) as usize;
        waits.get(place.min(waits.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64)
    };
    for (name, waits) in [("before", before), ("during", during), ("after", after)] {
        println!(
            "  honest lines {name}: {}, p50 {:.2} ms, p99 {:.2} ms",
            waits.len(),
            at(waits, 0.5) * 1e3,
            at(waits, 0.99) * 1e3,
        );
    }
    println!("  p99 during / before: {:.2}", at(during, 0.99) / at(before, 0.99).max(1e-9));
}
