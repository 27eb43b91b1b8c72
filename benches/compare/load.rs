//! Generates load in a process of its own: closed loop, fixed rate, or connections that idle.
//!
//! Each kind connects, prints `ready`, waits for a line, works, prints its result as JSON and
//! keeps its connections until the input ends: the parent reads the proxy's CPU time in between.

use std::{
    cell::Cell,
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
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, LocalSet, spawn_local},
};

use super::{
    Outcome,
    chat::Dice,
    fanout,
    plan::{Plan, Step},
    runtime,
    shape::Shape,
    tls, wire,
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
    /// Until the last viewer has a message; the median over messages.
    pub last_ms: f64,
    /// The 99th percentile of each step.
    pub steps: Vec<f64>,
    /// Seconds into the last step after which it was as quiet as in the first, if it ever was.
    pub calm_s: Option<f64>,
}

pub fn run(words: &[&str]) -> Outcome<()> {
    let number = |word: &str| word.parse::<u64>().map_err(|e| format!("{word}: {e}"));
    runtime()?.block_on(LocalSet::new().run_until(async {
        match words {
            ["closed", shape, address, connections, ms, seed] => {
                let phase = Duration::from_millis(number(ms)?);
                let shape = Shape::named(shape)?;
                closed(address, number(connections)?, phase, number(seed)?, shape).await
            }
            ["open", shape, address, connections, rate, ms, seed] => {
                let steps = vec![Step { rate: number(rate)?, ms: number(ms)? }];
                let plan = Plan::new(Shape::named(shape)?, steps, number(seed)?);
                open(address, number(connections)?, plan).await
            }
            ["steps", shape, address, connections, steps, seed] => {
                let steps = steps.split(',').map(str::parse).collect::<Outcome<_>>()?;
                let plan = Plan::new(Shape::named(shape)?, steps, number(seed)?);
                open(address, number(connections)?, plan).await
            }
            ["viewers", shape, address, server, viewers, ms] => {
                let phase = Duration::from_millis(number(ms)?);
                let viewers = number(viewers)? as usize;
                fanout::watch(Shape::named(shape)?, address, server, viewers, phase).await
            }
            ["idle", address, connections] => idle(address, number(connections)?).await,
            _ => Err(format!("no such load: {words:?}")),
        }
    }))
}

/// Says that everything is connected, and waits until the parent has read the clock.
pub fn ready() -> Outcome<()> {
    println!("ready");
    stdout().flush().map_err(|e| e.to_string())?;
    stdin().lock().read_line(&mut String::new()).map_err(|e| e.to_string())?;
    Ok(())
}

/// Prints the result; the connections stay until the parent has read the clock.
pub fn finish(result: &Result) -> Outcome<()> {
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
    shape: Shape,
) -> Outcome<()> {
    let mut seats = Vec::new();
    for number in 0..connections {
        let dice = Dice::new("closed", seed ^ (number << 32));
        seats.push(Seat::take(address, dice, shape).await?);
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
    stream: Box<dyn Wire>,
    inbox: wire::Inbox,
    dice: Dice,
    said: u64,
    shape: Shape,
}

trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

impl Seat {
    async fn take(address: &str, dice: Dice, shape: Shape) -> Outcome<Seat> {
        let tcp = wire::dial(address).await?;
        let mut stream: Box<dyn Wire> = match shape {
            Shape::Tls => Box::new(tls::connect(tcp).await?),
            _ => Box::new(tcp),
        };
        wire::shake(&mut stream, address, shape == Shape::Deflate).await?;
        Ok(Seat { stream, inbox: wire::Inbox::default(), dice, said: 0, shape })
    }
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
    let message = seat.shape.message(seat.said, &mut seat.dice);
    let mut frame = Vec::with_capacity(message.len() + 14);
    seat.shape.frame(&message, &mut seat.dice, &mut frame)?;
    seat.stream.write_all(&frame).await.map_err(|e| e.to_string())?;
    seat.stream.flush().await.map_err(|e| e.to_string())?;
    let (opcode, payload) = wire::receive(&mut seat.stream, &mut seat.inbox).await?;
    match seat.shape.is(&message, opcode, &payload)? {
        true => Ok(()),
        false => {
            Err(format!("sent {message}\n     came back: {}", String::from_utf8_lossy(&payload)))
        }
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
        let from = || match plan.shape == Shape::Talk {
            true => plan.end().max(self.last.get()),
            false => plan.end(),
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
        let mut stream = wire::dial(address).await?;
        wire::shake(&mut stream, address, plan.shape == Shape::Deflate).await?;
        // A thread without a reactor will write; it may once this was seen.
        stream.writable().await.map_err(|e| e.to_string())?;
        streams.push(Arc::new(stream));
    }
    let mut dice = Dice::new("open", plan.seed);
    let messages = plan.messages(&mut dice);
    let mut framed = |message: &String| {
        let mut frame = Vec::new();
        plan.shape.frame(message, &mut dice, &mut frame).map(|()| frame)
    };
    let frames: Vec<Vec<u8>> = messages.iter().map(&mut framed).collect::<Outcome<_>>()?;
    ready()?;
    let start = Instant::now();
    let arrivals = (0..plan.total()).map(|_| Cell::new(None)).collect();
    let back = Rc::new(Back { arrivals, ..Back::default() });
    for (number, stream) in streams.iter().enumerate() {
        let order = plan.shape.in_order().then_some((number, streams.len()));
        let noted = note_arrivals(stream.clone(), back.clone(), start, plan.shape, order);
        spawn_local(async move {
            if let Err(cause) = noted.await {
                eprintln!("connection {number}: {cause}");
            }
        });
    }
    let lags: Arc<Vec<AtomicU64>> =
        Arc::new((0..plan.total()).map(|_| AtomicU64::new(0)).collect());
    let plan = Arc::new(plan);
    let sender = {
        let (plan, streams, lags) = (plan.clone(), streams.clone(), lags.clone());
        tokio::task::spawn_blocking(move || send_on_time(&plan, &streams, &frames, &lags, start))
    };
    sender.await.map_err(|e| e.to_string())??;
    back.wait(&plan, start).await;
    // What is missing now is an error and not a sample, unless somebody held it.
    let first = back
        .arrivals
        .iter()
        .position(|at| at.get().is_none())
        .filter(|_| plan.shape != Shape::Talk);
    if let Some(first) = first {
        let (count, message) = (back.missing(), &messages[first]);
        return Err(format!("{count} of {} messages never came back: {message}", plan.total()));
    }
    let taken: Vec<Option<Duration>> = back
        .arrivals
        .iter()
        .zip(&plan.due)
        .map(|(at, due)| at.get().map(|at| at.saturating_sub(*due)))
        .collect();
    let lags: Vec<Duration> =
        lags.iter().map(|lag| Duration::from_nanos(lag.load(Ordering::Relaxed))).collect();
    finish(&result(&plan, &back, taken, lags))
}

fn result(
    plan: &Plan,
    back: &Back,
    taken: Vec<Option<Duration>>,
    mut lags: Vec<Duration>,
) -> Result {
    let ends = plan.begins.iter().skip(1).copied().chain([plan.total()]);
    let p99 = |taken: &[Option<Duration>]| {
        percentile(&mut taken.iter().copied().flatten().collect::<Vec<_>>(), 0.99)
    };
    let steps: Vec<f64> =
        plan.begins.iter().zip(ends).map(|(begin, end)| p99(&taken[*begin..end])).collect();
    let calm_s = plan.calm(&taken, steps[0], p99);
    let mut taken: Vec<Duration> = taken.into_iter().flatten().collect();
    Result {
        messages: plan.total() as u64,
        returned: back.returned.get(),
        notices: back.notices.get(),
        seconds: plan.end().as_secs_f64(),
        p50_ms: percentile(&mut taken, 0.5),
        p99_ms: percentile(&mut taken, 0.99),
        p999_ms: percentile(&mut taken, 0.999),
        lag_p99_ms: percentile(&mut lags, 0.99),
        steps,
        calm_s,
        ..Result::default()
    }
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
        let due = plan.due[number];
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

/// Notes when each message came back; ends with the connection. With `order`, the connection's
/// first message and how many there are from one of its own to the next.
async fn note_arrivals(
    stream: Arc<TcpStream>,
    back: Rc<Back>,
    start: Instant,
    shape: Shape,
    order: Option<(usize, usize)>,
) -> Outcome<()> {
    let mut inbox = wire::Inbox::default();
    let mut came = 0;
    let mut reader = Reader(stream);
    loop {
        inbox.fill(&mut reader).await?;
        let now = start.elapsed();
        while let Some((opcode, payload)) = inbox.next()? {
            if !matches!(opcode & !wire::COMPRESSED, wire::TEXT | wire::BINARY) {
                continue;
            }
            back.last.set(now);
            let id = match order {
                Some((first, step)) => Some(first + step * came),
                None => shape.id_of(payload),
            };
            came += 1;
            match id.map(|id| back.arrivals.get(id)) {
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

pub fn percentile(times: &mut [Duration], part: f64) -> f64 {
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
                let mut seat = Seat::take(&address, dice, Shape::Json).await?;
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
