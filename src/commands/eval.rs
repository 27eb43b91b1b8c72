//! Measures detection on labelled rows, per head, language and slice.
//!
//! A row is `{"text", "lang", "labels": {head: 0..1}}`, optionally with a `slice`. A head that is
//! absent is unknown and not counted; 0.5 and more is a positive. Found is what any rule found and
//! may act on, whatever the policy then does with it.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use futures_util::future::join_all;

use super::{Failure, judge};
use crate::{
    message::{Message, Score, Sender},
    pipeline::Pipeline,
    score::Scorer,
};

mod figures;
mod floor;
mod report;
mod tally;

pub use figures::ScoreFigures;
pub use floor::Floor;
pub use report::{FoundFigures, Group, Measures, Report, Verdicts};

use tally::{Judged, ROWS_MAX, Row, Tally};

/// Rows that are judged side by side, so that the model is asked in batches.
const SIDE_BY_SIDE: usize = 32;

#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Labelled rows, one JSON object a line; - reads standard input
    pub file: PathBuf,
    /// The settings file whose word lists and thresholds judge
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Judge by word lists and rules alone
    #[arg(long)]
    pub no_model: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,
    /// Exit 1 if a figure is below this (above, for fpr, ece and brier); may be repeated.
    /// HEAD:GROUP:FIGURE=VALUE, as in toxic:lang/en:auc=0.9
    #[arg(long = "floor", value_name = "FLOOR")]
    pub floors: Vec<Floor>,
}

/// # Errors
/// `Config` for settings that cannot be used, `No` where the file cannot be read, has no row or
/// too many, `Refused` with every floor that did not hold.
pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    let mut config = super::settings_or_default(args.config.as_deref())?;
    config.score.queue_max = config.score.queue_max.max(SIDE_BY_SIDE);
    let pipeline = super::pipeline(&config, args.no_model)?;
    let route = config.route.first().map_or("", |route| route.name());
    let report = if args.file.as_os_str() == "-" {
        measure(&pipeline, route, io::stdin().lock())
    } else {
        let file = File::open(&args.file);
        file.map_err(|cause| Failure::No(cause.to_string()))
            .and_then(|file| measure(&pipeline, route, BufReader::new(file)))
    };
    let report = report.map_err(|failure| match failure {
        Failure::No(cause) => Failure::No(format!("{}: {cause}", args.file.display())),
        other => other,
    })?;
    let mut out = io::stdout().lock();
    let printed = match args.json {
        true => serde_json::to_writer(&mut out, &report)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out)),
        false => write!(out, "{report}"),
    };
    match printed {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            return Err(Failure::No(cause.to_string()));
        }
        _ => {}
    }
    let mut fallen: Vec<String> = args.floors.iter().filter_map(|f| f.fallen(&report)).collect();
    // A floor says what all rows reach, not those that were easy to answer.
    let unscored = if report.model.is_some() { report.unscored } else { 0 };
    if !args.floors.is_empty() && report.bad + unscored > 0 {
        let cause = format!("{} rows cannot be read, {unscored} have no score", report.bad);
        fallen.push(cause);
    }
    if fallen.is_empty() { Ok(()) } else { Err(Failure::Refused(fallen)) }
}

/// Judges every row as the proxy would on that route, and measures what came of it.
///
/// # Errors
/// `No` where the rows cannot be read, or there are none or too many.
pub fn measure(
    pipeline: &Pipeline,
    route: &str,
    mut input: impl BufRead,
) -> Result<Report, Failure> {
    let runtime = super::one_thread()?;
    let gates = Gates { with: pipeline.clone(), route: route.into() };
    let no = |cause: io::Error| Failure::No(cause.to_string());
    let (mut line, mut tally) = (Vec::new(), Tally::default());
    let mut rows: Vec<Row> = Vec::with_capacity(SIDE_BY_SIDE);
    loop {
        let read = judge::read_line(&mut input, &mut line).map_err(no)?;
        if read.is_none() || rows.len() == SIDE_BY_SIDE {
            let judged = runtime.block_on(join_all(rows.iter().map(|row| gates.judge(row))));
            rows.drain(..).zip(judged).for_each(|(row, judged)| tally.add(&row, &judged));
        }
        let Some(whole) = read else { break };
        tally.lines += 1;
        match whole.then(|| serde_json::from_slice(&line)) {
            Some(Ok(row)) => rows.push(row),
            Some(Err(_)) | None => tally.bad += 1,
        }
        if tally.lines - tally.bad > ROWS_MAX as u64 {
            let cause = format!("more than {ROWS_MAX} labelled rows; measure them in parts");
            return Err(Failure::No(cause));
        }
    }
    if tally.bad == tally.lines {
        return Err(Failure::No("no labelled row".to_owned()));
    }
    let policy = pipeline.rules.load().policy(route, "").name.clone();
    Ok(tally.report(&policy))
}

struct Gates {
    with: Pipeline,
    route: Arc<str>,
}

impl Gates {
    async fn judge(&self, row: &Row) -> Judged {
        let message = Message {
            route: self.route.clone(),
            channel: String::new(),
            // A sender without an id leaves no trace, so that no row knows of another.
            sender: Sender::default(),
            id: None,
            text: row.text.clone(),
            at_ms: 0,
            ..Message::default()
        };
        let judgement = self.with.judge(&message).await;
        let alone = Pipeline { scorer: Scorer::none(), ..self.with.clone() };
        let without = alone.judge(&message).await.verdict;
        let score = match &judgement.score {
            Score::Skipped => self.with.score(&message.text).await,
            score => score.clone(),
        };
        Judged { judgement, without, score }
    }
}
