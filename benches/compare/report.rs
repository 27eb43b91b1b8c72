//! Turns samples into tables as they stand in the README and in docs/benchmarks.md.

use super::{Outcome, machine, options::Options, proxies::Kind};

/// What one subject came to in one round, by column; `None` where it has no such figure.
pub type Sample = Vec<Option<f64>>;

/// One column: its title and how many decimals mean something.
pub struct Column {
    pub title: &'static str,
    pub decimals: usize,
    /// It is what is left of one figure less another.
    pub difference: bool,
}

impl Column {
    pub const fn new(title: &'static str, decimals: usize) -> Column {
        Column { title, decimals, difference: false }
    }
}

/// What one sample says, for whoever waits.
pub fn line(columns: &[Column], kind: Kind, sample: &Sample) -> String {
    let known = columns.iter().zip(sample).filter_map(|(column, value)| {
        value.map(|value| format!("{} {value:.1$}", column.title, column.decimals))
    });
    format!("{}: {}", kind.title(), known.collect::<Vec<_>>().join(", "))
}

/// The table of one workload; columns in which nobody has a figure are left out.
pub fn table(columns: &[Column], samples: &[(Kind, Vec<Sample>)]) -> String {
    let has = |at: usize| samples.iter().flat_map(|(_, taken)| taken).any(|s| s[at].is_some());
    let shown: Vec<usize> = (0..columns.len()).filter(|at| has(*at)).collect();
    let titles: Vec<&str> = shown.iter().map(|at| columns[*at].title).collect();
    let mut text = format!("| | {} |\n|---|", titles.join(" | "));
    text.push_str(&"---|".repeat(shown.len()));
    text.push('\n');
    let base = samples.iter().find(|(kind, _)| *kind == Kind::Nginx).map(|(_, taken)| taken);
    for (kind, taken) in samples {
        let of = |taken: &[Sample], at: usize| taken.iter().map(|sample| sample[at]).collect();
        let cells = shown.iter().map(|at| {
            let base: Vec<Option<f64>> = base.map_or(Vec::new(), |base| of(base, *at));
            cell(&columns[*at], &of(taken, *at), &base)
        });
        let cells: Vec<_> = cells.collect();
        text.push_str(&format!("| {} | {} |\n", kind.title(), cells.join(" | ")));
    }
    text
}

/// What stands above all tables.
pub fn heading(options: &Options, versions: &[String]) -> Outcome<String> {
    Ok(format!(
        "{}{}; {}.\nRounds: {}; medians [lowest to highest], and in brackets the median of the \
         ratios to nginx in the same round. {} connections; paced: {} messages/s; phases of {} s; \
         Tidegate with {} terms beside its own lists.\n",
        warning(options),
        machine::about()?,
        versions.join(", "),
        options.rounds,
        options.connections,
        options.rate,
        options.phase.as_secs_f64(),
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
fn cell(column: &Column, taken: &[Option<f64>], base: &[Option<f64>]) -> String {
    let decimals = column.decimals;
    let mut values: Vec<f64> = taken.iter().copied().flatten().collect();
    let Some(middle) = median(&mut values) else { return "–".into() };
    let mut cell = format!("{middle:.decimals$}");
    if let (Some(low), Some(high), true) = (values.first(), values.last(), values.len() > 1) {
        cell.push_str(&format!(" [{low:.decimals$} to {high:.decimals$}]"));
    }
    if let Some(ratio) = ratio(column, middle, taken, base) {
        cell.push_str(&format!(" ({ratio:.2}×)"));
    }
    cell
}

/// The median of the ratios within each round. A difference can be near 0 in a round, and a ratio
/// to that says nothing: there it is the ratio of the medians.
fn ratio(column: &Column, middle: f64, taken: &[Option<f64>], base: &[Option<f64>]) -> Option<f64> {
    let over = |own: f64, other: f64| (other > 0.0).then(|| own / other);
    if column.difference {
        let mut others: Vec<f64> = base.iter().copied().flatten().collect();
        return over(middle, median(&mut others)?);
    }
    let pairs = taken.iter().zip(base);
    let ratios = pairs.filter_map(|(own, other)| over((*own)?, (*other)?));
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
