//! Measures a surge: 8.5 times the messages within a second, for a minute, and what comes after.

use std::time::Duration;

use super::{
    Outcome, load,
    plan::Step,
    proxies::{self, Kind, Setting},
    readings::Readings,
    report::{self, Column, Sample},
    rounds::{Bench, loaded, rounds},
    shape::Shape,
    started::pause,
};

const COLUMNS: [Column; 8] = [
    Column::new("CPU s / 100k", 2),
    Column::new("p99 ms before", 2),
    Column::new("p99 ms in it", 2),
    Column::new("p99 ms after", 2),
    Column::new("s until as before", 0),
    Column::new("MiB before", 1),
    Column::new("MiB at most", 1),
    Column::new("judged of those sent", 3),
];
const SUBJECTS: [Kind; 3] = [Kind::Nginx, Kind::Haproxy, Kind::Tidegate];
const TIMES: f64 = 8.5;
const SURGE: Duration = Duration::from_secs(60);
/// Between two looks at the proxy's memory.
const LOOK: Duration = Duration::from_millis(500);

pub fn table(bench: &Bench) -> Outcome<String> {
    let mut echo = proxies::role("echo", &["role:echo"], bench.folder)?;
    let upstream = echo.line()?;
    let samples =
        rounds(bench, &COLUMNS, &SUBJECTS, |kind, round| measure(bench, kind, &upstream, round))?;
    let [before, surge, after] = steps(bench);
    Ok(format!(
        "{} messages/s for {} s, {} for {} s, {} for {} s.\n\n{}",
        before.rate,
        before.ms / 1000,
        surge.rate,
        surge.ms / 1000,
        after.rate,
        after.ms / 1000,
        report::table(&COLUMNS, &samples)
    ))
}

fn steps(bench: &Bench) -> [Step; 3] {
    let (rate, phase) = (bench.options.rate as u64, bench.options.phase);
    let surge = if bench.options.short { phase } else { SURGE };
    let step = |rate, time: Duration| Step { rate, ms: time.as_millis() as u64 };
    let high = (rate as f64 * TIMES) as u64;
    [step(rate, phase), step(high, surge), step(rate, phase * 2)]
}

fn measure(bench: &Bench, kind: Kind, upstream: &str, round: usize) -> Outcome<Sample> {
    let setting = Setting {
        folder: bench.folder,
        upstream,
        wordlists: Some(bench.wordlists),
        connections: bench.options.connections,
        model: None,
        shape: Shape::Json,
        egress: false,
    };
    let proxy = proxies::start(kind, &setting)?;
    let process = proxy.process.as_ref().ok_or("there is no proxy to look at")?;
    let steps = steps(bench).map(|step| step.to_string()).join(",");
    let (connections, seed) = (bench.options.connections.to_string(), (round + 1).to_string());
    let words = ["role:load", "steps", "json", &proxy.address, &connections, &steps, &seed];
    let count = || proxy.admin.as_deref().map(Readings::of).transpose();
    let (readings, before) = (count()?, process.memory_bytes()?);
    let (sent, highest) = std::thread::scope(|scope| {
        let load = scope.spawn(|| loaded(&proxy, &words, bench.folder));
        let mut highest = before;
        while !load.is_finished() {
            highest = highest.max(process.memory_bytes()?);
            pause(LOOK);
        }
        let sent = load.join().map_err(|_| "the generator's thread panicked")??;
        Ok::<_, String>((sent, highest))
    })?;
    let (load::Result { messages, steps, calm_s, .. }, cpu) = sent;
    let judged = count()?.zip(readings).map(|(after, before)| {
        let counted = after.since(&before);
        counted.by("tidegate_messages_total", "verdict").values().sum::<u64>()
    });
    // The generator has seen all of them come back; one that was not judged has got through.
    if judged.is_some_and(|judged| judged != messages) {
        return Err(format!("{messages} were sent and came back, {judged:?} judged"));
    }
    let p99 = |at: usize| steps.get(at).copied();
    let mib = |bytes: u64| Some(bytes as f64 / f64::from(1 << 20));
    Ok(vec![
        cpu.map(|cpu| cpu * 1e5 / messages.max(1) as f64),
        p99(0),
        p99(1),
        p99(2),
        calm_s,
        mib(before),
        mib(highest),
        judged.map(|judged| judged as f64 / messages.max(1) as f64),
    ])
}
