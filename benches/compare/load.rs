//! Generates load in a process of its own: closed loop, fixed rate, or connections that idle.
//!
//! Each kind connects, prints `ready`, waits for a line, works, prints its result as JSON and
//! keeps its connections until the input ends: the parent reads the proxy's CPU time in between.

use std::{
    cell::Cell,
    collections::HashSet,
    io::{BufRead, Read, Write, stdin, stdout},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::{JoinSet, LocalSet, spawn_local},
};

use super::{
    Outcome,
    chat::{self, Dice},
    runtime, talk, wire,
};

/// What a kind of load has to say at its end; what does not concern it is 0.
#[derive(Default, Serialize, Deserialize)]
pub struct Result {
    /// Sent; in a closed loop, sent and come back.
    pub messages: u64,
    /// Of those at a fixed rate, how many came back,
    pub returned: u64,
    /// and how many notices did.
    pub notices: u64,
    pub seconds: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    /// How late the generator itself sent, 99th percentile.
    pub lag_p99_ms: f64,
}

pub fn run(words: &[&str]) -> Outcome<()> {
    let number = |word: &str| word.parse::<u64>().map_err(|e| format!("{word}: {e}"));
    runtime()?.block_on(LocalSet::new().run_until(async {
        match words {
            [kind @ ("closed" | "closed-talk"), address, connections, ms, seed] => {
                let phase = Duration::from_millis(number(ms)?);
                let talk = *kind == "closed-talk";
                closed(address, number(connections)?, phase, number(seed)?, talk).await
            }
            [kind @ ("open" | "open-talk"), address, connections, rate, ms, seed] => {
                let (rate, seed, talk) = (number(rate)?, number(seed)?, *kind == "open-talk");
                let plan = Plan { rate, total: rate * number(ms)? / 1000, seed, talk };
                open(address, number(connections)?, plan).await
            }
            ["idle", address, connections] => idle(address, number(connections)?).await,
            _ => Err(format!("no such load: {words:?}")),
        }
    }))
}

/// Says that everything is connected, and waits until the parent has read the clock.
fn ready() -> Outcome<()> {
    println!("ready");
    stdout().flush().map_err(|e| e.to_string())?;
    stdin().lock().read_line(&mut String::new()).map_err(|e| e.to_string())?;
    Ok(())
}

/// Prints the result; the connections stay until the parent has read the clock.
fn finish(result: &Result) -> Outcome<()> {
    println!("{}", serde_json::to_string(result).map_err(|e| e.to_string())?);
    stdout().flush().map_err(|e| e.to_string())?;
    stdin().lock().read_to_end(&mut Vec::new()).map_err(|e| e.to_string())?;
    Ok(())
}

/// One message in flight on each connection, as fast as they come back.
async fn closed(
    address: &str,
    connections: u64,
    phase: Duration,
    seed: u64,
    talk: bool,
) -> Outcome<()> {
    let mut seats = Vec::new();
    for number in 0..connections {
        let dice = Dice::new("closed", seed ^ (number << 32));
        let stream = wire::connect(address).await?;
        seats.push(Seat { stream, inbox: wire::Inbox::default(), dice, said: 0, talk });
    }
    // Buffers, caches and pools as they are in the middle of an evening.
    let (seats, _) = chatter(seats, Instant::now() + Duration::from_millis(300)).await?;
    ready()?;
    let start = Instant::now();
    let (seats, messages) = chatter(seats, start + phase).await?;
    let seconds = start.elapsed().as_secs_f64();
    finish(&Result { messages, seconds, ..Result::default() })?;
    drop(seats);
    Ok(())
}

struct Seat {
    stream: TcpStream,
    inbox: wire::Inbox,
    dice: Dice,
    said: u64,
    /// As in [`Plan`].
    talk: bool,
}

/// Lets every seat chat until `end`; gives the seats back and how many messages came back.
async fn chatter(seats: Vec<Seat>, end: Instant) -> Outcome<(Vec<Seat>, u64)> {
    let count = Rc::new(Cell::new(0));
    let mut tasks = JoinSet::new();
    for mut seat in seats {
        let count = count.clone();
        tasks.spawn_local(async move {
            while Instant::now() < end {
                seat.said += 1;
                exchange(&mut seat).await?;
                count.set(count.get() + 1);
            }
            Ok::<_, String>(seat)
        });
    }
    let mut seats = Vec::new();
    while let Some(seat) = tasks.join_next().await {
        seats.push(seat.map_err(|e| e.to_string())??);
    }
    Ok((seats, count.get()))
}

/// Sends one message and waits for exactly it; in talk, for whatever comes of it.
async fn exchange(seat: &mut Seat) -> Outcome<()> {
    let says = if seat.talk { talk::message } else { chat::message };
    let message = says(seat.said, &mut seat.dice);
    let mut frame = Vec::with_capacity(message.len() + 14);
    wire::write_frame(wire::TEXT, message.as_bytes(), seat.dice.roll() as u32, &mut frame);
    seat.stream.write_all(&frame).await.map_err(|e| e.to_string())?;
    let (opcode, payload) = wire::receive(&mut seat.stream, &mut seat.inbox).await?;
    match opcode == wire::TEXT && (seat.talk || payload == message.as_bytes()) {
        true => Ok(()),
        false => {
            Err(format!("sent {message}\n     came back: {}", String::from_utf8_lossy(&payload)))
        }
    }
}

struct Plan {
    rate: u64,
    total: u64,
    seed: u64,
    /// No text comes twice, and not every message has to come back.
    talk: bool,
}

impl Plan {
    /// When message `number` is due after the start.
    fn due(&self, number: u64) -> Duration {
        Duration::from_nanos(number * 1_000_000_000 / self.rate)
    }

    fn messages(&self, dice: &mut Dice) -> Vec<String> {
        if !self.talk {
            return (0..self.total).map(|id| chat::message(id, dice)).collect();
        }
        let mut said = HashSet::new();
        let mut fresh = |id| loop {
            let message = talk::message(id, dice);
            if said.insert(talk::text_of(&message).to_owned()) {
                break message;
            }
        };
        (0..self.total).map(&mut fresh).collect()
    }
}

/// What came back, and when after the start.
#[derive(Default)]
struct Back {
    arrivals: Vec<Cell<Option<Duration>>>,
    /// Messages; one that came twice counts twice.
    returned: Cell<u64>,
    notices: Cell<u64>,
    last: Cell<Duration>,
}

impl Back {
    fn missing(&self) -> usize {
        self.arrivals.iter().filter(|at| at.get().is_none()).count()
    }

    /// What is still on its way gets two seconds from the last message that was due, and where
    /// messages may be missing from the last that was heard of.
    async fn wait(&self, plan: &Plan, start: Instant) {
        let from = || match plan.talk {
            true => plan.due(plan.total).max(self.last.get()),
            false => plan.due(plan.total),
        };
        while self.missing() > 0 && start.elapsed() < from() + Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Messages at a fixed rate over all connections, whether or not earlier ones came back.
async fn open(address: &str, connections: u64, plan: Plan) -> Outcome<()> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = wire::connect(address).await?;
        // A thread without a reactor will write; it may once this was seen.
        stream.writable().await.map_err(|e| e.to_string())?;
        streams.push(Arc::new(stream));
    }
    let mut dice = Dice::new("open", plan.seed);
    let messages = plan.messages(&mut dice);
    let frames: Vec<Vec<u8>> = messages
        .iter()
        .map(|message| {
            let mut frame = Vec::new();
            wire::write_frame(wire::TEXT, message.as_bytes(), dice.roll() as u32, &mut frame);
            frame
        })
        .collect();
    ready()?;
    let start = Instant::now();
    let arrivals = (0..plan.total).map(|_| Cell::new(None)).collect();
    let back = Rc::new(Back { arrivals, ..Back::default() });
    for stream in &streams {
        spawn_local(note_arrivals(stream.clone(), back.clone(), start));
    }
    let lags: Arc<Vec<AtomicU64>> = Arc::new((0..plan.total).map(|_| AtomicU64::new(0)).collect());
    let plan = Arc::new(plan);
    let sender = {
        let (plan, streams, lags) = (plan.clone(), streams.clone(), lags.clone());
        tokio::task::spawn_blocking(move || send_on_time(&plan, &streams, &frames, &lags, start))
    };
    sender.await.map_err(|e| e.to_string())??;
    back.wait(&plan, start).await;
    // What is missing now is an error and not a sample, unless somebody held it.
    let first = back.arrivals.iter().position(|at| at.get().is_none()).filter(|_| !plan.talk);
    if let Some(first) = first {
        let (count, message) = (back.missing(), &messages[first]);
        return Err(format!("{count} of {} messages never came back: {message}", plan.total));
    }
    let arrival = |id: u64| back.arrivals[id as usize].get();
    let taken = |id: u64| arrival(id).map(|at| at.saturating_sub(plan.due(id)));
    let mut taken: Vec<Duration> = (0..plan.total).filter_map(taken).collect();
    let mut lags: Vec<Duration> =
        lags.iter().map(|lag| Duration::from_nanos(lag.load(Ordering::Relaxed))).collect();
    finish(&Result {
        messages: plan.total,
        returned: back.returned.get(),
        notices: back.notices.get(),
        seconds: plan.due(plan.total).as_secs_f64(),
        p50_ms: percentile(&mut taken, 0.5),
        p99_ms: percentile(&mut taken, 0.99),
        p999_ms: percentile(&mut taken, 0.999),
        lag_p99_ms: percentile(&mut lags, 0.99),
    })
}

/// Writes each frame when it is due. A thread of its own: the runtime's clock ticks in whole
/// milliseconds, which is as long as what is measured.
fn send_on_time(
    plan: &Plan,
    streams: &[Arc<TcpStream>],
    frames: &[Vec<u8>],
    lags: &[AtomicU64],
    start: Instant,
) -> Outcome<()> {
    for (number, frame) in frames.iter().enumerate() {
        let due = plan.due(number as u64);
        while let Some(early) = due.checked_sub(start.elapsed()).filter(|early| !early.is_zero()) {
            std::thread::park_timeout(early);
        }
        let lag = start.elapsed().saturating_sub(due);
        lags[number].store(lag.as_nanos() as u64, Ordering::Relaxed);
        match streams[number % streams.len()].try_write(frame) {
            Ok(written) if written == frame.len() => {}
            Ok(_) => return Err("a socket took half a frame: the proxy does not keep up".into()),
            Err(e) => return Err(format!("message {number}: {e}")),
        }
    }
    Ok(())
}

/// Notes when each message came back; ends with the connection.
async fn note_arrivals(stream: Arc<TcpStream>, back: Rc<Back>, start: Instant) -> Outcome<()> {
    let mut inbox = wire::Inbox::default();
    let mut reader = Reader(stream);
    loop {
        inbox.fill(&mut reader).await?;
        let now = start.elapsed();
        while let Some((opcode, payload)) = inbox.next()? {
            if opcode != wire::TEXT {
                continue;
            }
            back.last.set(now);
            match chat::id_of(payload).map(|id| back.arrivals.get(id)) {
                Some(Some(arrival)) => {
                    arrival.set(Some(now));
                    back.returned.set(back.returned.get() + 1);
                }
                Some(None) => return Err("a message that nobody sent came".into()),
                None => back.notices.set(back.notices.get() + 1),
            }
        }
    }
}

/// Reads a stream that a thread writes to at the same time.
struct Reader(Arc<TcpStream>);

impl tokio::io::AsyncRead for Reader {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        use std::task::{Poll, ready};
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

fn percentile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * part).ceil() as usize).clamp(1, times.len().max(1)) - 1;
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Connections that said one thing each and then nothing.
async fn idle(address: &str, connections: u64) -> Outcome<()> {
    /// Handshakes at once: below every proxy's accept queue.
    const AT_ONCE: u64 = 50;
    let mut open = 0;
    let mut joined = JoinSet::new();
    let mut kept = Vec::new();
    while open < connections || !joined.is_empty() {
        while open < connections && (joined.len() as u64) < AT_ONCE {
            let (address, dice) = (address.to_owned(), Dice::new("idle", open));
            open += 1;
            joined.spawn_local(async move {
                let stream = wire::connect(&address).await?;
                let inbox = wire::Inbox::default();
                let mut seat = Seat { stream, inbox, dice, said: 1, talk: false };
                exchange(&mut seat).await?;
                Ok::<_, String>(seat)
            });
        }
        if let Some(seat) = joined.join_next().await {
            kept.push(seat.map_err(|e| e.to_string())??);
        }
    }
    println!("ready");
    stdout().flush().map_err(|e| e.to_string())?;
    for mut seat in kept {
        // Pings are answered; an end would show in the figure and is therefore an error.
        spawn_local(async move {
            if let Err(cause) = wire::receive(&mut seat.stream, &mut seat.inbox).await {
                eprintln!("an idle connection: {cause}");
                std::process::exit(1);
            }
        });
    }
    let ended = tokio::task::spawn_blocking(|| stdin().lock().read_to_end(&mut Vec::new()));
    ended.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    std::process::exit(0);
}
