//! Measures detection on labelled rows, per head, language and slice.
//!
//! A row is `{"text", "lang", "labels": {head: 0..1}}`, optionally with a `slice`. A head that is
//! absent is unknown and not counted; 0.5 and more is a positive. Found is what any rule found,
//! whatever the policy then does with it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, ErrorKind, Write},
    path::PathBuf,
};

use clap::Args;
use serde::Deserialize;

use super::{Failure, judge};
use crate::{
    config::Config,
    message::{Category, Finding, Message, Sender},
    pipeline::Pipeline,
};

/// Heads of the labels and the category that each means; `toxic` means any of them.
const HEADS: [(&str, Option<Category>); 7] = [
    ("toxic", None),
    ("insult", Some(Category::Harassment)),
    ("threat", Some(Category::Threat)),
    ("identity_hate", Some(Category::Hate)),
    ("obscene", Some(Category::Profanity)),
    ("sexual", Some(Category::Sexual)),
    ("self_harm", Some(Category::SelfHarm)),
];

/// Languages and slices that are counted apart; the rows of others count in `all` alone.
const GROUPS_MAX: usize = 256;

#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Labelled rows, one JSON object a line
    pub file: PathBuf,
    /// The settings file whose word lists and thresholds judge
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Judge by word lists and rules alone
    #[arg(long)]
    pub no_model: bool,
}

#[derive(Deserialize)]
struct Row {
    text: String,
    #[serde(default)]
    lang: String,
    #[serde(default)]
    slice: String,
    labels: BTreeMap<String, f64>,
}

/// # Errors
/// `Config` for settings that cannot be used, `No` where the file cannot be read or has no row.
pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    let config = super::settings_or_default(args.config.as_deref())?;
    let pipeline = super::pipeline(&config, args.no_model)?;
    let runtime = super::one_thread()?;
    let no = |cause: io::Error| Failure::No(format!("{}: {cause}", args.file.display()));
    let mut input = BufReader::new(File::open(&args.file).map_err(no)?);
    let (mut line, mut table) = (Vec::new(), Table::default());
    while let Some(whole) = judge::read_line(&mut input, &mut line).map_err(no)? {
        table.lines += 1;
        let row = if whole { serde_json::from_slice::<Row>(&line).ok() } else { None };
        let Some(row) = row else {
            table.bad += 1;
            continue;
        };
        let found = runtime.block_on(find(&pipeline, &config, row.text.clone()));
        table.count(&row, &found);
    }
    if table.bad == table.lines {
        return Err(Failure::No(format!("{}: no labelled row", args.file.display())));
    }
    match write!(io::stdout(), "{table}") {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(Failure::No(cause.to_string())),
        _ => Ok(()),
    }
}

async fn find(pipeline: &Pipeline, config: &Config, text: String) -> Vec<Finding> {
    let route = config.route.first().map_or("", |route| route.name()).into();
    let (channel, id, sender) = (String::new(), None, Sender::default());
    pipeline.judge(&Message { route, channel, sender, id, text, at_ms: 0 }).await.findings
}

#[derive(Default)]
struct Table {
    lines: u64,
    bad: u64,
    /// By head and group: `all`, `lang en`, `slice reclaimed`.
    counts: BTreeMap<(usize, String), Counts>,
    groups: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    /// Found and meant, found only, meant only, neither.
    hit: u64,
    false_alarm: u64,
    miss: u64,
    quiet: u64,
}

impl Table {
    fn count(&mut self, row: &Row, found: &[Finding]) {
        let mut groups = vec!["all".to_owned()];
        for (kind, name) in [("lang", &row.lang), ("slice", &row.slice)] {
            let group = format!("{kind} {}", shown(name));
            if !name.is_empty() && self.knows(&group) {
                groups.push(group);
            }
        }
        for (index, (head, category)) in HEADS.iter().enumerate() {
            let Some(label) = row.labels.get(*head) else { continue };
            let fits = |f: &Finding| category.is_none_or(|category| f.category == category);
            let found = found.iter().any(fits);
            for group in &groups {
                let own = self.counts.entry((index, group.clone())).or_default();
                own.add(*label >= 0.5, found);
            }
        }
    }

    fn knows(&mut self, group: &String) -> bool {
        let known = self.groups.contains(group);
        let room = self.groups.len() < GROUPS_MAX;
        if !known && room {
            self.groups.push(group.clone());
        }
        known || room
    }
}

/// A name from the file, fit for a terminal.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(24).collect()
}

impl Counts {
    fn add(&mut self, meant: bool, found: bool) {
        match (meant, found) {
            (true, true) => self.hit += 1,
            (false, true) => self.false_alarm += 1,
            (true, false) => self.miss += 1,
            (false, false) => self.quiet += 1,
        }
    }

    fn precision(&self) -> Option<f64> {
        share(self.hit, self.hit + self.false_alarm)
    }

    fn recall(&self) -> Option<f64> {
        share(self.hit, self.hit + self.miss)
    }

    fn f1(&self) -> Option<f64> {
        share(2 * self.hit, 2 * self.hit + self.false_alarm + self.miss)
    }

    fn false_positive_rate(&self) -> Option<f64> {
        share(self.false_alarm, self.false_alarm + self.quiet)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figure = |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{s:.3}"));
        let names = ("rows", "meant", "precision", "recall", "f1", "fpr");
        let (a, b, c, d, e, g) = names;
        writeln!(f, "{:<14}{:<16}{a:>8}{b:>8}{c:>11}{d:>8}{e:>8}{g:>8}", "head", "group")?;
        for ((head, group), own) in &self.counts {
            let meant = own.hit + own.miss;
            let rows = meant + own.false_alarm + own.quiet;
            write!(f, "{:<14}{group:<16}{rows:>8}{meant:>8}", HEADS[*head].0)?;
            write!(f, "{:>11}{:>8}", figure(own.precision()), figure(own.recall()))?;
            writeln!(f, "{:>8}{:>8}", figure(own.f1()), figure(own.false_positive_rate()))?;
        }
        writeln!(f, "{} lines, {} of them no labelled rows", self.lines, self.bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_by_the_book() {
        let counts = |hit, false_alarm, miss, quiet| Counts { hit, false_alarm, miss, quiet };
        for (own, precision, recall, f1, rate) in [
            (counts(3, 1, 1, 5), Some(0.75), Some(0.75), Some(0.75), Some(1.0 / 6.0)),
            (counts(1, 0, 3, 0), Some(1.0), Some(0.25), Some(0.4), None),
            (counts(0, 0, 0, 9), None, None, None, Some(0.0)),
        ] {
            assert_eq!(own.precision(), precision, "{own:?}");
            assert_eq!(own.recall(), recall, "{own:?}");
            assert_eq!(own.f1(), f1, "{own:?}");
            assert_eq!(own.false_positive_rate(), rate, "{own:?}");
        }
    }

    #[test]
    fn unknown_heads_are_not_counted_and_groups_are_bounded() {
        let mut table = Table::default();
        let labels = |heads: &[(&str, f64)]| heads.iter().map(|(h, p)| ((*h).into(), *p)).collect();
        for n in 0..1_000 {
            let (text, slice) = (String::new(), format!("s{n}"));
            let row = Row { text, lang: "en".into(), slice, labels: labels(&[("threat", 0.6)]) };
            table.count(&row, &[]);
        }
        assert_eq!(table.groups.len(), GROUPS_MAX);
        assert_eq!(table.counts.len(), GROUPS_MAX + 1);
        let all = table.counts[&(2, "all".to_owned())];
        assert_eq!(all, Counts { miss: 1_000, ..Counts::default() });
    }
}
