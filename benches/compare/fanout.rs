//! Measures a channel: what one speaker says reaches thousands of viewers through the proxy.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::{JoinSet, spawn_local},
};
use tokio_tungstenite::accept_async;

use super::{
    Outcome,
    chat::{self, Dice},
    echo,
    load::{self, percentile},
    proxies::{self, Kind, Setting},
    report::{self, Column, Sample},
    rounds::{Bench, loaded, rounds},
    runtime,
    shape::Shape,
    wire,
};

const COLUMNS: [Column; 4] = [
    Column::new("CPU s / 100k deliveries", 2),
    Column::new("p50 ms", 1),
    Column::new("p99 ms", 1),
    Column::new("last viewer ms", 1),
];
const SUBJECTS: [Kind; 6] =
    [Kind::Direct, Kind::Raw, Kind::Nginx, Kind::Haproxy, Kind::Unread, Kind::Tidegate];
const VIEWERS: usize = 5_000;
/// Between two messages: all viewers have one before the next.
const EVERY: Duration = Duration::from_millis(500);
/// Handshakes at once: below every proxy's accept queue.
const AT_ONCE: usize = 50;
/// Messages that a viewer may be behind before it is cut off.
const BEHIND_MAX: usize = 64;
/// After the last message.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn table(bench: &Bench) -> Outcome<String> {
    let samples = rounds(bench, &COLUMNS, &SUBJECTS, |kind, _| measure(bench, kind))?;
    let viewers = viewers(bench);
    Ok(format!("{viewers} viewers.\n\n{}", report::table(&COLUMNS, &samples)))
}

fn viewers(bench: &Bench) -> usize {
    if bench.options.short { 100 } else { VIEWERS }
}

fn measure(bench: &Bench, kind: Kind) -> Outcome<Sample> {
    let mut server = proxies::role("speaker", &["role:speaker"], bench.folder)?;
    let upstream = server.line()?;
    let setting = Setting {
        folder: bench.folder,
        upstream: &upstream,
        wordlists: Some(bench.wordlists),
        connections: viewers(bench),
        model: None,
        shape: Shape::Json,
        egress: true,
    };
    let proxy = proxies::start(kind, &setting)?;
    let shape = if kind == Kind::Unread { Shape::Unread } else { Shape::Json };
    let (count, ms) = (viewers(bench).to_string(), bench.options.phase.as_millis().to_string());
    let words = ["role:load", "viewers", shape.name(), &proxy.address, &upstream, &count, &ms];
    let (heard, cpu) = loaded(&proxy, &words, bench.folder)?;
    let cpu = cpu.map(|cpu| cpu * 1e5 / heard.messages.max(1) as f64);
    Ok(vec![cpu, Some(heard.p50_ms), Some(heard.p99_ms), Some(heard.last_ms)])
}

/// The chat server: whatever a connection says, all hear.
pub fn serve() -> Outcome<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
        echo::announce(&listener)?;
        let said = broadcast::Sender::new(BEHIND_MAX);
        loop {
            let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
            tokio::spawn(seat(stream, said.clone()));
        }
    })
}

async fn seat(stream: TcpStream, said: broadcast::Sender<Arc<[u8]>>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // A viewer that is gone is no error here: the generator counts what is missing.
    let Ok(socket) = accept_async(stream).await else { return };
    let (reading, mut writing) = socket.into_inner().into_split();
    let mut heard = said.subscribe();
    tokio::spawn(async move {
        let mut reading = BufReader::new(reading);
        while let Ok(frame) = echo::read_frame(&mut reading).await {
            let _ = said.send(frame.into());
        }
    });
    while let Ok(frame) = heard.recv().await {
        if writing.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// What viewers have heard.
struct Heard {
    sent: RefCell<Vec<Instant>>,
    delays: RefCell<Vec<Duration>>,
    /// The longest of each message.
    last: RefCell<Vec<Duration>>,
    wrong: Cell<usize>,
}

/// The generator: viewers by the proxy, the speaker at the server itself.
pub async fn watch(
    shape: Shape,
    address: &str,
    server: &str,
    viewers: usize,
    phase: Duration,
) -> Outcome<()> {
    let count = (phase.as_millis() / EVERY.as_millis()).max(1) as usize;
    let mut joined = JoinSet::new();
    let mut streams = Vec::new();
    for number in 0..viewers {
        if number >= AT_ONCE {
            streams.extend(joined.join_next().await);
        }
        let address = address.to_owned();
        joined.spawn_local(async move { wire::connect(&address).await });
    }
    streams.extend(joined.join_all().await.into_iter().map(Ok));
    let heard = Rc::new(Heard {
        sent: RefCell::default(),
        delays: RefCell::default(),
        last: RefCell::new(vec![Duration::ZERO; count]),
        wrong: Cell::new(0),
    });
    let mut dice = Dice::new("fanout", 1);
    let messages: Rc<Vec<String>> =
        Rc::new((0..count).map(|id| chat::message(id as u64, &mut dice)).collect());
    for stream in streams {
        let stream = stream.map_err(|e| e.to_string())??;
        spawn_local(listen(stream, shape, messages.clone(), heard.clone()));
    }
    let mut speaker = wire::connect(server).await?;
    load::ready()?;
    for message in messages.iter() {
        let mut frame = Vec::new();
        shape.frame(message, &mut dice, &mut frame)?;
        heard.sent.borrow_mut().push(Instant::now());
        speaker.write_all(&frame).await.map_err(|e| e.to_string())?;
        tokio::time::sleep(EVERY).await;
    }
    let (all, end) = (viewers * count, Instant::now() + PATIENCE);
    while heard.delays.borrow().len() < all && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut delays = heard.delays.take();
    if delays.len() != all || heard.wrong.get() > 0 {
        let (came, wrong) = (delays.len(), heard.wrong.get());
        return Err(format!("{came} of {all} came, and {wrong} that nobody said"));
    }
    let mut last = heard.last.take();
    load::finish(&load::Result {
        messages: all as u64,
        p50_ms: percentile(&mut delays, 0.5),
        p99_ms: percentile(&mut delays, 0.99),
        last_ms: percentile(&mut last, 0.5),
        ..load::Result::default()
    })
}

/// A viewer: hears each message once, in order.
async fn listen(mut stream: TcpStream, shape: Shape, messages: Rc<Vec<String>>, heard: Rc<Heard>) {
    let mut inbox = wire::Inbox::default();
    for (number, message) in messages.iter().enumerate() {
        let Ok((opcode, payload)) = wire::receive(&mut stream, &mut inbox).await else { return };
        let delay = heard.sent.borrow().get(number).map(Instant::elapsed);
        match (delay, shape.is(message, opcode, &payload)) {
            (Some(delay), Ok(true)) => {
                heard.delays.borrow_mut().push(delay);
                let last = &mut heard.last.borrow_mut()[number];
                *last = delay.max(*last);
            }
            _ => heard.wrong.set(heard.wrong.get() + 1),
        }
    }
    // It stays until all have heard.
    let _ = wire::receive(&mut stream, &mut inbox).await;
}
