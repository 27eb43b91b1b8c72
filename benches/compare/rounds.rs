//! Runs every subject once a round, in another order each round, and collects the samples.

use std::{fs, path::Path, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use super::{
    Outcome,
    check::check,
    load,
    options::Options,
    proxies::{self, Kind, Proxy, Setting},
    report::{self, Sample},
    runtime,
    started::{Scratch, Started, pause},
    terms,
};

pub fn run(options: Options) -> Outcome<()> {
    let versions: Vec<String> = options
        .subjects
        .iter()
        .filter_map(|kind| kind.version().transpose())
        .collect::<Outcome<_>>()?;
    let scratch = Scratch::new()?;
    clear_when_told(&scratch.0)?;
    let folder = scratch.0.as_path();
    let listed = terms::invent(options.terms);
    let wordlists = folder.join("lists").join("xx");
    let written = fs::create_dir_all(&wordlists)
        .and_then(|()| fs::write(wordlists.join("hate.txt"), terms::list(&listed)));
    written.map_err(|e| format!("{}: {e}", wordlists.display()))?;
    let mut echo = proxies::role("echo", &["role:echo"], folder)?;
    let upstream = echo.line()?;
    let setting = Setting {
        folder,
        upstream: &upstream,
        wordlists: wordlists.parent(),
        connections: options.idle.max(options.connections),
        model: None,
    };
    // In the middle of the list: neither the first nor the last term that was compiled.
    let term = &listed[listed.len() / 2];
    let mut samples: Vec<(Kind, Vec<Sample>)> =
        options.subjects.iter().map(|kind| (*kind, Vec::new())).collect();
    for round in 0..options.rounds {
        for place in 0..samples.len() {
            let turn = (place + round) % samples.len();
            let (kind, taken) = &mut samples[turn];
            let measured = measure(*kind, &setting, &options, term, round as u64);
            let sample = measured.map_err(|cause| format!("{}: {cause}", kind.title()))?;
            eprintln!(
                "round {} of {}: {}",
                round + 1,
                options.rounds,
                report::line(*kind, &sample)
            );
            taken.push(sample);
        }
    }
    add_p99(&mut samples);
    println!("{}", report::table(&options, &samples, &versions)?);
    Ok(())
}

/// Tells each sample what it added to that of no proxy in its round.
fn add_p99(samples: &mut [(Kind, Vec<Sample>)]) {
    let direct = samples.iter().find(|(kind, _)| *kind == Kind::Direct);
    let direct: Vec<f64> =
        direct.map_or(Vec::new(), |(_, taken)| taken.iter().map(|s| s.p99_ms).collect());
    for (_, taken) in samples.iter_mut().filter(|(kind, _)| *kind != Kind::Direct) {
        for (sample, without) in taken.iter_mut().zip(&direct) {
            sample.added_p99_ms = Some(sample.p99_ms - without);
        }
    }
}

/// One subject, freshly started: correctness, memory, saturation, latency.
fn measure(
    kind: Kind,
    setting: &Setting,
    options: &Options,
    term: &str,
    round: u64,
) -> Outcome<Sample> {
    let proxy = proxies::start(kind, setting)?;
    check(&proxy.address, (kind == Kind::Tidegate).then_some(term))?;
    let idle_bytes = memory(&proxy, setting.folder, options)?;
    let number = |n: usize| n.to_string();
    let (connections, ms) = (number(options.connections), options.phase.as_millis().to_string());
    let seed = number(1 + round as usize);
    let closed = ["role:load", "closed", &proxy.address, &connections, &ms, &seed];
    let (closed, closed_cpu) = loaded(&proxy, &closed, setting.folder)?;
    let rate = number(options.rate);
    let open = ["role:load", "open", &proxy.address, &connections, &rate, &ms, &seed];
    let (open, open_cpu) = loaded(&proxy, &open, setting.folder)?;
    let each = |cpu: Option<f64>, messages: u64| cpu.map(|cpu| cpu * 1e5 / messages.max(1) as f64);
    Ok(Sample {
        full_cpu: each(closed_cpu, closed.messages),
        full_rate: closed.messages as f64 / closed.seconds,
        paced_cpu: each(open_cpu, open.messages),
        p50_ms: open.p50_ms,
        p99_ms: open.p99_ms,
        p999_ms: open.p999_ms,
        // Known when the round has been to the subject that has no proxy.
        added_p99_ms: None,
        lag_p99_ms: open.lag_p99_ms,
        idle_kib: idle_bytes.map(|bytes| bytes / 1024.0 / options.idle as f64),
    })
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
fn memory(proxy: &Proxy, folder: &Path, options: &Options) -> Outcome<Option<f64>> {
    let Some(process) = &proxy.process else { return Ok(None) };
    let (address, count) = (&proxy.address, options.idle.to_string());
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
