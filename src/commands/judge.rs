//! Judges standard input line by line, as the proxy would under the same policy.

use std::{
    io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Failure;
use crate::{
    api::answer::Answer,
    config::Config,
    message::{Language, Message, Score, Sender},
    pipeline::Pipeline,
};

/// Longer lines get an error: no chat frame may be that long, and memory is bounded.
pub(super) const LINE_BYTES_MAX: usize = 1024 * 1024;
/// The time between two lines that give none.
const STEP_MS: u64 = 1_000;

#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// Read JSON objects (id, text, optional channel, user, lang, ts) instead of plain lines
    #[arg(long)]
    pub jsonl: bool,
    /// The settings file whose policy judges
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Judge by word lists and rules alone
    #[arg(long)]
    pub no_model: bool,
    /// The route whose policy judges [default: the first one]
    #[arg(long, value_name = "NAME", requires = "config")]
    pub route: Option<String>,
    /// Say why, to sender, moderator and auditor: en or fr
    #[arg(long, value_name = "LANGUAGE", num_args = 0..=1, default_missing_value = "en")]
    #[arg(value_parser = language)]
    pub explain: Option<Language>,
}

fn language(name: &str) -> Result<Language, String> {
    match name {
        "en" => Ok(Language::En),
        "fr" => Ok(Language::Fr),
        _ => Err("neither en nor fr".to_owned()),
    }
}

/// # Errors
/// `Config` for settings or word lists that cannot be used, `No` where reading or writing fails.
pub fn run(args: &JudgeArgs) -> Result<(), Failure> {
    let config = super::settings_or_default(args.config.as_deref())?;
    let judge = Judge::open(&config, args)?;
    let input = BufReader::new(io::stdin().lock());
    let output = BufWriter::new(io::stdout().lock());
    let summary = match judge.all(input, output) {
        // Whoever read the answers has seen enough (`| head`).
        Err(cause) if cause.kind() == ErrorKind::BrokenPipe => return Ok(()),
        result => result.map_err(|cause| Failure::No(cause.to_string()))?,
    };
    let _ = writeln!(io::stderr(), "{summary}");
    Ok(())
}

struct Judge {
    pipeline: Pipeline,
    runtime: tokio::runtime::Runtime,
    route: Arc<str>,
    jsonl: bool,
    explain: Option<Language>,
    /// The time of the last line, in Unix milliseconds.
    clock_ms: u64,
}

/// What a line holds; keys that are not named here are ignored.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    text: String,
    #[serde(default)]
    channel: Value,
    #[serde(default)]
    user: Value,
    /// Unix seconds.
    ts: Option<f64>,
}

#[derive(Serialize)]
struct Bad<'a> {
    id: &'a Value,
    error: String,
}

impl Judge {
    fn open(config: &Config, args: &JudgeArgs) -> Result<Judge, Failure> {
        let route = match &args.route {
            Some(name) if config.route.iter().all(|route| route.name() != name) => {
                return Err(Failure::Usage(format!("there is no route {name:?}")));
            }
            Some(name) => name.as_str(),
            None => config.route.first().map_or("", |route| route.name()),
        };
        Ok(Judge {
            pipeline: super::pipeline(config, args.no_model)?,
            runtime: super::one_thread()?,
            route: route.into(),
            jsonl: args.jsonl,
            explain: args.explain,
            clock_ms: 0,
        })
    }

    fn all(
        mut self,
        mut input: BufReader<impl Read>,
        mut output: impl Write,
    ) -> io::Result<Summary> {
        let mut summary = Summary::default();
        let mut line = Vec::new();
        loop {
            // Whoever waits for an answer before sending the next line must get it.
            if input.buffer().is_empty() {
                output.flush()?;
            }
            let Some(whole) = read_line(&mut input, &mut line)? else { break };
            summary.lines += 1;
            let number = Value::from(summary.lines);
            let parsed = if whole { self.parse(&line) } else { Err(too_long()) };
            match parsed {
                Ok(line) => {
                    let id = if line.id.is_null() { number } else { line.id.clone() };
                    let took = self.answer(&id, line, &mut output)?;
                    summary.note(took);
                }
                Err(error) => {
                    summary.bad += 1;
                    serde_json::to_writer(&mut output, &Bad { id: &number, error })?;
                }
            }
            output.write_all(b"\n")?;
        }
        output.flush()?;
        Ok(summary)
    }

    fn parse(&self, line: &[u8]) -> Result<Line, String> {
        let text = std::str::from_utf8(line).map_err(|e| format!("not UTF-8: {e}"))?;
        if self.jsonl {
            return serde_json::from_str(text).map_err(|e| format!("not such an object: {e}"));
        }
        let (id, channel, user) = (Value::Null, Value::Null, Value::Null);
        Ok(Line { id, text: text.to_owned(), channel, user, ts: None })
    }

    /// Judges one line and writes what came of it; returns the time that judging took.
    fn answer(&mut self, id: &Value, line: Line, output: &mut impl Write) -> io::Result<Duration> {
        let given = line.ts.filter(|ts| ts.is_finite() && *ts >= 0.0);
        self.clock_ms = match given {
            Some(seconds) => (seconds * 1000.0) as u64,
            None => self.clock_ms.saturating_add(STEP_MS),
        };
        let sender = Sender { id: plain(&line.user), name: plain(&line.user), roles: vec![] };
        let message = Message {
            route: self.route.clone(),
            channel: plain(&line.channel),
            sender,
            id: None,
            text: line.text,
            at_ms: self.clock_ms,
            ..Message::default()
        };
        let start = Instant::now();
        let mut judgement = self.runtime.block_on(self.pipeline.judge(&message));
        let took = start.elapsed();
        if judgement.score == Score::Skipped {
            // Every text is scored, also where the policy did not need it.
            judgement.score = self.runtime.block_on(self.pipeline.score(&message.text));
        }
        let answer = Answer::of(id.clone(), judgement, took, self.explain);
        serde_json::to_writer(output, &answer)?;
        Ok(took)
    }
}

/// A name that was given as a string or, as ids often are, as a number.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn too_long() -> String {
    format!("longer than {LINE_BYTES_MAX} bytes")
}

/// Reads one line without its end into `line`; `Some(false)` where it was too long and has been
/// skipped, `None` at the end of the input.
pub(super) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let mut whole = true;
    let mut any = false;
    loop {
        let there = input.fill_buf()?;
        if there.is_empty() {
            break;
        }
        any = true;
        let end = there.iter().position(|byte| *byte == b'\n');
        let piece = &there[..end.unwrap_or(there.len())];
        whole &= line.len() + piece.len() <= LINE_BYTES_MAX;
        if whole {
            line.extend_from_slice(piece);
        }
        let used = piece.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(any.then_some(whole))
}

/// How long judging took, without keeping a figure for every line.
struct Summary {
    lines: u64,
    bad: u64,
    sum: Duration,
    /// Counts by time: sixteen steps for each doubling of nanoseconds, so 6 % apart at most.
    counts: Vec<u64>,
}

const STEPS: u32 = 16;

impl Default for Summary {
    fn default() -> Self {
        Summary { lines: 0, bad: 0, sum: Duration::ZERO, counts: vec![0; 64 * STEPS as usize] }
    }
}

impl Summary {
    fn note(&mut self, took: Duration) {
        self.sum += took;
        let nanos = (took.as_nanos() as u64).max(1);
        let octave = nanos.ilog2();
        let within = (u128::from(nanos - (1 << octave)) * u128::from(STEPS)) >> octave;
        self.counts[(octave * STEPS) as usize + within as usize] += 1;
    }

    /// Microseconds that `share` of the lines did not exceed.
    fn quantile(&self, share: f64) -> f64 {
        let judged: u64 = self.counts.iter().sum();
        let wanted = (judged as f64 * share).ceil() as u64;
        let mut passed = 0;
        for (index, count) in self.counts.iter().enumerate() {
            passed += count;
            if passed >= wanted && passed > 0 {
                let (octave, within) = (index as u32 / STEPS, index as u32 % STEPS);
                let upper = 2f64.powi(octave as i32) * f64::from(STEPS + within + 1);
                return upper / f64::from(STEPS) / 1000.0;
            }
        }
        0.0
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let judged = self.lines - self.bad;
        let mean = self.sum.as_secs_f64() * 1e6 / judged.max(1) as f64;
        let (p50, p99) = (self.quantile(0.5), self.quantile(0.99));
        write!(f, "{} lines ({} bad); microseconds a message: ", self.lines, self.bad)?;
        write!(f, "mean {mean:.1}, p50 {p50:.1}, p99 {p99:.1}")
    }
}
