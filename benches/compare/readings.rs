//! Reads what the proxy counts, from its own `/metrics`.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::Outcome;

/// A reading costs the proxy's one thread some tenths of a millisecond: ten a second are not felt.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// Whoever does not answer an operator in this time is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every series and its value at one moment, or the difference of two moments.
pub struct Readings(BTreeMap<String, f64>);

impl Readings {
    pub fn of(admin: &str) -> Outcome<Readings> {
        let text = body(admin, "/metrics")?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(Readings(series.collect()))
    }

    /// What was added since `before`.
    pub fn since(&self, before: &Readings) -> Readings {
        let added = |(name, value): (&String, &f64)| (name.clone(), value - before.one(name));
        Readings(self.0.iter().map(added).collect())
    }

    /// The value of a series as it is spelled there; 0 for what was never counted.
    pub fn one(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or(0.0)
    }

    /// A counter by one of its labels, the others summed; without those that are 0.
    pub fn by(&self, metric: &str, label: &str) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for (series, value) in self.0.iter().filter(|(_, value)| **value != 0.0) {
            let labels = series.strip_prefix(metric).and_then(|rest| rest.strip_prefix('{'));
            let own = labels.and_then(|labels| labels.split_once(&format!("{label}=\"")));
            if let Some((own, _)) = own.and_then(|(_, rest)| rest.split_once('"')) {
                *sums.entry(own.to_owned()).or_default() += *value as u64;
            }
        }
        sums
    }
}

/// Looks at a gauge again and again, and keeps its highest value.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<f64>>,
}

impl Watch {
    pub fn start(admin: &str, gauge: &'static str) -> Watch {
        let (admin, stop) = (admin.to_owned(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut highest = 0.0f64;
            while !stopped.load(Ordering::Relaxed) {
                highest = highest.max(Readings::of(&admin)?.one(gauge));
                std::thread::park_timeout(WATCH_EVERY);
            }
            Ok(highest)
        });
        Watch { stop, thread }
    }

    pub fn end(self) -> Outcome<f64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| "the watch on the queue panicked")?
    }
}

/// What the operators' port answers.
pub fn body(admin: &str, path: &str) -> Outcome<String> {
    let said = |e: std::io::Error| format!("{admin}{path}: {e}");
    let mut stream = TcpStream::connect(admin).map_err(said)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(said)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(said)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(format!("{admin}{path}: {}", answer.lines().next().unwrap_or("no answer"))),
    }
}
