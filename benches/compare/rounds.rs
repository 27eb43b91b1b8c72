//! Runs every subject of a workload once a round and collects the samples.

use std::{fs, path::Path, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use super::{
    Outcome,
    check::check,
    fanout, load,
    options::Options,
    proxies::{self, Kind, Proxy, Setting},
    report::{self, Column, Sample},
    runtime,
    shape::Shape,
    started::{Scratch, Started, pause},
    surge, terms, tls,
    workload::{Phases, Workload},
};

const COLUMNS: [Column; 8] = [
    Column::new("CPU s / 100k, saturated", 2),
    Column::new("CPU s / 100k, paced", 2),
    Column::new("p50 ms", 2),
    Column::new("p99 ms", 2),
    Column { title: "added p99 ms", decimals: 2, difference: true },
    Column::new("p99.9 ms", 2),
    Column::new("idle KiB / connection", 1),
    Column::new("generator late, p99 ms", 2),
];
const P99: usize = 3;
const ADDED_P99: usize = 4;

/// Where the parts run and what they need there.
pub struct Bench<'a> {
    pub options: &'a Options,
    pub folder: &'a Path,
    pub wordlists: &'a Path,
    /// One of the invented terms.
    pub term: &'a str,
}

pub fn run(options: Options) -> Outcome<()> {
    let versions: Vec<String> = options
        .subjects
        .iter()
        .filter_map(|kind| kind.version().transpose())
        .collect::<Outcome<_>>()?;
    let scratch = Scratch::new()?;
    clear_when_told(&scratch.0)?;
    let folder = scratch.0.as_path();
    tls::make(folder)?;
    let listed = terms::invent(options.terms);
    let wordlists = folder.join("lists").join("xx");
    let written = fs::create_dir_all(&wordlists)
        .and_then(|()| fs::write(wordlists.join("hate.txt"), terms::list(&listed)));
    written.map_err(|e| format!("{}: {e}", wordlists.display()))?;
    let bench = Bench {
        options: &options,
        folder,
        wordlists: &folder.join("lists"),
        // In the middle of the list: neither the first nor the last term that was compiled.
        term: &listed[listed.len() / 2],
    };
    let mut tables = Vec::new();
    for workload in &options.workloads {
        let (name, title) = (workload.name(), workload.title());
        eprintln!("{name}: {title}");
        let table = match (workload, workload.phases(&options)) {
            (_, Some(phases)) => pumped(&bench, &phases),
            (Workload::Fanout, None) => fanout::table(&bench),
            (_, None) => surge::table(&bench),
        };
        let table = table.map_err(|cause| format!("{name}: {cause}"))?;
        tables.push(format!("`--workload {name}`: {title}.\n\n{table}"));
    }
    println!("{}\n{}", report::heading(&options, &versions)?, tables.join("\n"));
    Ok(())
}

fn pumped(bench: &Bench, phases: &Phases) -> Outcome<String> {
    let mut echo = proxies::role("echo", &["role:echo"], bench.folder)?;
    let upstream = echo.line()?;
    let mut samples = rounds(bench, &COLUMNS, phases.subjects, |kind, round| {
        measure(bench, kind, phases, &upstream, round)
    })?;
    add_p99(&mut samples);
    let idle = phases.idle.map_or(String::new(), |count| format!("{count} idle connections.\n\n"));
    Ok(format!("{idle}{}", report::table(&COLUMNS, &samples)))
}

/// Takes a sample of every subject in every round, in another order each round.
pub fn rounds(
    bench: &Bench,
    columns: &[Column],
    subjects: &[Kind],
    mut take: impl FnMut(Kind, usize) -> Outcome<Sample>,
) -> Outcome<Vec<(Kind, Vec<Sample>)>> {
    let asked = subjects.iter().filter(|kind| bench.options.subjects.contains(kind));
    let mut samples: Vec<(Kind, Vec<Sample>)> = asked.map(|kind| (*kind, Vec::new())).collect();
    let count = samples.len();
    for round in 0..bench.options.rounds {
        for place in 0..count {
            let (kind, taken) = &mut samples[(place + round) % count];
            let sample =
                take(*kind, round).map_err(|cause| format!("{}: {cause}", kind.title()))?;
            let line = report::line(columns, *kind, &sample);
            eprintln!("round {} of {}: {line}", round + 1, bench.options.rounds);
            taken.push(sample);
        }
    }
    Ok(samples)
}

/// Tells each sample what it added to that of no proxy in its round.
fn add_p99(samples: &mut [(Kind, Vec<Sample>)]) {
    let direct = samples.iter().find(|(kind, _)| *kind == Kind::Direct);
    let direct: Vec<Option<f64>> =
        direct.map_or(Vec::new(), |(_, taken)| taken.iter().map(|s| s[P99]).collect());
    for (_, taken) in samples.iter_mut().filter(|(kind, _)| *kind != Kind::Direct) {
        for (sample, without) in taken.iter_mut().zip(&direct) {
            sample[ADDED_P99] = sample[P99].zip(*without).map(|(own, without)| own - without);
        }
    }
}

/// One subject, freshly started: correctness, memory, saturation, latency.
fn measure(
    bench: &Bench,
    kind: Kind,
    phases: &Phases,
    upstream: &str,
    round: usize,
) -> Outcome<Sample> {
    let (options, folder) = (bench.options, bench.folder);
    let setting = Setting {
        folder,
        upstream,
        wordlists: Some(bench.wordlists),
        connections: phases.idle.unwrap_or(0).max(options.connections),
        model: None,
        shape: phases.shape,
        egress: false,
    };
    let proxy = proxies::start(kind, &setting)?;
    if phases.checked {
        check(&proxy.address, (kind == Kind::Tidegate).then_some(bench.term))?;
    }
    let idle_kib = match phases.idle {
        Some(count) => memory(&proxy, folder, count)?.map(|b| b / 1024.0 / count as f64),
        None => None,
    };
    let shape = if kind == Kind::Unread { Shape::Unread } else { phases.shape };
    let number = |n: usize| n.to_string();
    let (connections, ms) = (number(options.connections), options.phase.as_millis().to_string());
    let seed = number(1 + round);
    let each = |cpu: Option<f64>, messages: u64| cpu.map(|cpu| cpu * 1e5 / messages.max(1) as f64);
    let (shape, address) = (shape.name(), proxy.address.as_str());
    let mut full_cpu = None;
    if phases.closed {
        let words = ["role:load", "closed", shape, address, &connections, &ms, &seed];
        let (closed, cpu) = loaded(&proxy, &words, folder)?;
        full_cpu = each(cpu, closed.messages);
    }
    let mut sample = vec![full_cpu, None, None, None, None, None, idle_kib, None];
    if let Some(rate) = phases.paced {
        let rate = number(rate);
        let words = ["role:load", "open", shape, address, &connections, &rate, &ms, &seed];
        let (open, cpu) = loaded(&proxy, &words, folder)?;
        sample[1] = each(cpu, open.messages);
        sample[2] = Some(open.p50_ms);
        sample[P99] = Some(open.p99_ms);
        sample[5] = Some(open.p999_ms);
        sample[7] = Some(open.lag_p99_ms);
    }
    Ok(sample)
}

/// Runs a load and says what the proxy's CPU did meanwhile.
pub fn loaded(
    proxy: &Proxy,
    words: &[&str],
    folder: &Path,
) -> Outcome<(load::Result, Option<f64>)> {
    let cpu = || proxy.process.as_ref().map(Started::cpu_seconds).transpose();
    let mut generator = proxies::role("load", words, folder)?;
    generator.line()?;
    let before = cpu()?;
    generator.go()?;
    let said = generator.line()?;
    let used = cpu()?.zip(before).map(|(after, before)| after - before);
    generator.end()?;
    let result = serde_json::from_str(&said).map_err(|e| format!("the generator: {e}: {said}"))?;
    Ok((result, used))
}

/// By how many bytes the proxy grew for all idle connections together.
pub fn memory(proxy: &Proxy, folder: &Path, count: usize) -> Outcome<Option<f64>> {
    let Some(process) = &proxy.process else { return Ok(None) };
    let (address, count) = (&proxy.address, count.to_string());
    let before = process.memory_bytes()?;
    let mut generator = proxies::role("idle", &["role:load", "idle", address, &count], folder)?;
    generator.line()?;
    // What a proxy frees after a handshake is freed by then.
    pause(Duration::from_secs(1));
    let after = process.memory_bytes()?;
    generator.end()?;
    // Both ends of every connection are closed before the next phase is timed.
    pause(Duration::from_millis(500));
    Ok(Some(after as f64 - before as f64))
}

/// Ctrl-C and `kill` remove the folder too; the processes end with this one.
pub fn clear_when_told(folder: &Path) -> Outcome<()> {
    let folder = folder.to_owned();
    let runtime = runtime()?;
    let (mut interrupt, mut terminate) = runtime
        .block_on(async {
            Ok::<_, std::io::Error>((
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            ))
        })
        .map_err(|e| format!("no signals: {e}"))?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Nothing can be done about a folder that will not go.
        let _ = fs::remove_dir_all(folder);
        std::process::exit(130);
    });
    Ok(())
}
