//! Turns samples into the table that stands in the README.

use super::{Outcome, machine, options::Options, proxies::Kind};

/// One subject in one round. CPU is in seconds per 100,000 messages.
pub struct Sample {
    /// Closed loop: every connection always has a message in flight.
    pub full_cpu: Option<f64>,
    pub full_rate: f64,
    /// At the fixed rate.
    pub paced_cpu: Option<f64>,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    /// Over what it is without a proxy, in the same round.
    pub added_p99_ms: Option<f64>,
    pub lag_p99_ms: f64,
    pub idle_kib: Option<f64>,
}

/// One column: its title, its value and how many decimals mean something.
struct Column {
    title: &'static str,
    value: fn(&Sample) -> Option<f64>,
    decimals: usize,
    /// It is what is left of one figure less another.
    difference: bool,
}

const COLUMNS: [Column; 7] = [
    Column {
        title: "CPU s / 100k, saturated",
        value: |s| s.full_cpu,
        decimals: 2,
        difference: false,
    },
    Column { title: "CPU s / 100k, paced", value: |s| s.paced_cpu, decimals: 2, difference: false },
    Column { title: "p50 ms", value: |s| Some(s.p50_ms), decimals: 2, difference: false },
    Column { title: "p99 ms", value: |s| Some(s.p99_ms), decimals: 2, difference: false },
    Column { title: "added p99 ms", value: |s| s.added_p99_ms, decimals: 2, difference: true },
    Column { title: "p99.9 ms", value: |s| Some(s.p999_ms), decimals: 2, difference: false },
    Column {
        title: "idle KiB / connection",
        value: |s| s.idle_kib,
        decimals: 1,
        difference: false,
    },
];

/// What one sample says, for whoever waits.
pub fn line(kind: Kind, sample: &Sample) -> String {
    let values = COLUMNS.iter().map(|column| match (column.value)(sample) {
        Some(value) => format!("{} {value:.1$}", column.title, column.decimals),
        None => format!("{} –", column.title),
    });
    let values: Vec<_> = values.collect();
    format!(
        "{}: {}; {:.0} messages/s saturated; generator late by {:.2} ms (p99)",
        kind.title(),
        values.join(", "),
        sample.full_rate,
        sample.lag_p99_ms
    )
}

pub fn table(
    options: &Options,
    samples: &[(Kind, Vec<Sample>)],
    versions: &[String],
) -> Outcome<String> {
    let mut text = heading(options, versions)?;
    let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    text.push_str(&format!("| | {} |\n|---|", titles.join(" | ")));
    text.push_str(&"---|".repeat(COLUMNS.len()));
    text.push('\n');
    let base = samples.iter().find(|(kind, _)| *kind == Kind::Nginx).map(|(_, taken)| taken);
    for (kind, taken) in samples {
        let cells = COLUMNS.iter().map(|column| cell(column, taken, base.map(Vec::as_slice)));
        let cells: Vec<_> = cells.collect();
        text.push_str(&format!("| {} | {} |\n", kind.title(), cells.join(" | ")));
    }
    Ok(text)
}

fn heading(options: &Options, versions: &[String]) -> Outcome<String> {
    let machine = machine::about()?;
    let warning = warning(options);
    Ok(format!(
        "{warning}{machine}; {}.\n\
         Rounds: {}; medians [lowest to highest], and in brackets the median of the ratios to \
         nginx in the same round. {} connections; paced: {} messages/s; idle: {} connections; \
         Tidegate with {} terms beside its own lists, no model. `cargo bench --bench compare`\n\n",
        versions.join(", "),
        options.rounds,
        options.connections,
        options.rate,
        options.idle,
        options.terms,
    ))
}

/// What stands above figures that mean nothing.
pub fn warning(options: &Options) -> &'static str {
    match options.short {
        true => "**A short run: it proves that the benchmark runs; its figures mean nothing.**\n\n",
        false => "",
    }
}

/// `2.39 [2.10 to 2.61] (1.00×)`.
fn cell(column: &Column, taken: &[Sample], base: Option<&[Sample]>) -> String {
    let decimals = column.decimals;
    let mut values: Vec<f64> = taken.iter().filter_map(column.value).collect();
    let Some(middle) = median(&mut values) else { return "–".into() };
    let mut cell = format!("{middle:.decimals$}");
    if let (Some(low), Some(high), true) = (values.first(), values.last(), values.len() > 1) {
        cell.push_str(&format!(" [{low:.decimals$} to {high:.decimals$}]"));
    }
    if let Some(ratio) = ratio(column, middle, taken, base.unwrap_or_default()) {
        cell.push_str(&format!(" ({ratio:.2}×)"));
    }
    cell
}

/// The median of the ratios within each round. A difference can be near 0 in a round, and a ratio
/// to that says nothing: there it is the ratio of the medians.
fn ratio(column: &Column, middle: f64, taken: &[Sample], base: &[Sample]) -> Option<f64> {
    let over = |own: f64, other: f64| (other > 0.0).then(|| own / other);
    if column.difference {
        let mut others: Vec<f64> = base.iter().filter_map(column.value).collect();
        return over(middle, median(&mut others)?);
    }
    let pairs = taken.iter().zip(base);
    let ratios =
        pairs.filter_map(|(own, other)| over((column.value)(own)?, (column.value)(other)?));
    median(&mut ratios.collect::<Vec<_>>())
}

/// The middle one, sorting; of two, their mean.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[half]),
        _ => Some((values[half - 1] + values[half]) / 2.0),
    }
}
