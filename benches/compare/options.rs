//! Parses the benchmark's command line.

use std::time::Duration;

use super::{Outcome, proxies::Kind, workload::Workload};

const USAGE: &str = "\
cargo bench --bench compare -- [options]
cargo bench --bench compare -- --overload [--seconds N] [--connections N] [--runtime NAME] [--short]

  --workload A,B    of chat, text, irc, deflate, tls, idle, model, fanout, surge (chat)
  --all             every workload
  --rounds N        how often each subject is measured (5)
  --seconds N       length of each timed phase (5)
  --connections N   connections that chat (100)
  --rate N          messages a second in the latency phase (1000)
  --idle N          connections in the memory phase of `chat` (2000)
  --terms N         listed terms beside the embedded lists (10000)
  --only A,B        of direct, raw, nginx, haproxy, unread (Tidegate passing what it does not read),
                    tidegate, model (Tidegate with it); nginx is what ratios are to
  --short           seconds long: proves that it runs; its figures mean nothing

  --overload        no comparison: three times the messages that the model can score
  --seconds N       length of the overload (20)
  --connections N   at least so many; more where each would say over four messages a second
  --runtime NAME    what runs the model (embedded), as the settings name it";

pub struct Options {
    pub rounds: usize,
    pub phase: Duration,
    pub connections: usize,
    pub rate: usize,
    pub idle: usize,
    pub terms: usize,
    /// Of each workload's subjects, those that are measured.
    pub subjects: Vec<Kind>,
    pub workloads: Vec<Workload>,
    pub short: bool,
    /// The model is overloaded, and no proxy compared.
    pub overload: bool,
    pub runtime: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            // An odd number, so that the median is one that was measured.
            rounds: 5,
            phase: Duration::from_secs(5),
            connections: 100,
            rate: 1000,
            idle: 2000,
            terms: 10_000,
            subjects: Kind::ALL.to_vec(),
            workloads: vec![Workload::Chat],
            short: false,
            overload: false,
            runtime: "embedded".to_owned(),
        }
    }
}

/// The options, or `None` where nothing is to be run.
pub fn parse(words: &[&str]) -> Outcome<Option<Options>> {
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    if !words.contains(&"--bench") && words.iter().all(|word| *word == "--test") {
        println!("nothing measured; run: cargo bench --bench compare");
        return Ok(None);
    }
    let mut options = Options::default();
    if words.contains(&"--overload") {
        options.overload = true;
        // Long enough that the queue, the cache and the pools are as they stay.
        options.phase = Duration::from_secs(20);
    }
    let own = |word: &&str| !matches!(*word, "--bench" | "--overload");
    let mut rest = words.iter().copied().filter(own);
    while let Some(name) = rest.next() {
        if name == "--short" {
            shorten(&mut options);
            continue;
        }
        if name == "--all" {
            options.workloads = Workload::ALL.to_vec();
            continue;
        }
        if matches!(name, "--help" | "-h") {
            println!("{USAGE}");
            return Ok(None);
        }
        let value = rest.next().ok_or_else(|| format!("{name} wants a value\n\n{USAGE}"))?;
        if name == "--only" {
            options.subjects = value.split(',').map(Kind::named).collect::<Outcome<_>>()?;
            continue;
        }
        if name == "--workload" {
            options.workloads = value.split(',').map(Workload::named).collect::<Outcome<_>>()?;
            continue;
        }
        if name == "--runtime" {
            options.runtime = value.to_owned();
            continue;
        }
        let number: usize = value.parse().map_err(|_| format!("{name} {value}: not a number"))?;
        if number == 0 {
            return Err(format!("{name} 0: nothing would be measured"));
        }
        match name {
            "--rounds" => options.rounds = number,
            "--seconds" => options.phase = Duration::from_secs(number as u64),
            "--connections" => options.connections = number,
            "--rate" => options.rate = number,
            "--idle" => options.idle = number,
            "--terms" => options.terms = number,
            _ => return Err(format!("{name} is not an option\n\n{USAGE}")),
        }
    }
    Ok(Some(options))
}

fn shorten(options: &mut Options) {
    options.short = true;
    options.rounds = 1;
    options.phase = Duration::from_secs(if options.overload { 5 } else { 1 });
    options.idle = 100;
    options.terms = 1_000;
}
