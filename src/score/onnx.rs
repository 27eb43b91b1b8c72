//! Scores texts with an ONNX classifier, in whichever runtime this machine has.

use std::{borrow::Cow, path::PathBuf, sync::Arc};

use super::{About, Model, manifest::ModelEntry, pieces::Pieces};
use crate::message::ModelCard;

mod graph;
mod library;
mod ort;
mod rten;
mod silence;
mod wire;

pub use graph::check;
pub use silence::ensure as ensure_silence;

/// Rows of one run. A runtime gains nothing from more, and its memory grows with them.
const ROWS_MAX: usize = 32;
/// What a run costs beside its rows, in ids: `cargo bench --bench model` shows between 10 and 20.
/// Padding costs as much as text, so that rows of unlike length are better run apart.
const RUN_COST: usize = 15;
const PAD: i32 = 0;

/// Runs one graph: rows of ids in, one row of probabilities for each out.
trait Runtime: Send + Sync {
    /// # Errors
    /// Why there is no answer.
    fn run(&self, ids: Vec<i32>, rows: usize) -> Result<Vec<f32>, String>;
}

/// A graph that is ready, and what runs it.
struct Opened {
    runtime: Box<dyn Runtime>,
    version: String,
    /// Where it was found, if it is no part of this program.
    library: Option<PathBuf>,
}

/// Opens a checked file for that many threads.
type Open = fn(Cow<'static, [u8]>, usize) -> Result<Opened, Closed>;

/// Why a runtime does not take a model.
enum Closed {
    /// This machine does not have it.
    Absent(String),
    Failed(String),
}

/// What can run a model, the fastest first.
const RUNTIMES: [(&str, Open); 2] = [("onnxruntime", ort::open), ("embedded", rten::open)];

/// The first runtime that works.
const AUTO: &str = "auto";

/// Why a runtime's name in the settings cannot be used.
pub fn runtime_cause(name: &str) -> Option<String> {
    let known = || RUNTIMES.iter().map(|(name, _)| *name).chain([AUTO]);
    let list = || known().collect::<Vec<_>>().join(", ");
    (!known().any(|known| known == name)).then(|| format!("{name:?} is not one of {}", list()))
}

/// Opens a file whose digest is known to be right; `runtime` is a name of the settings.
///
/// # Errors
/// Why no runtime takes it.
pub fn open(
    entry: &ModelEntry,
    file: Cow<'static, [u8]>,
    pieces: Pieces,
    runtime: &str,
    threads: usize,
) -> Result<Classifier, String> {
    check(&file, entry.heads.len()).map_err(|cause| format!("{}: {cause}", entry.file))?;
    if let Some(cause) = runtime_cause(runtime) {
        return Err(format!("score.runtime: {cause}"));
    }
    let mut causes = Vec::new();
    for (name, open) in RUNTIMES.iter().filter(|(name, _)| runtime == AUTO || runtime == *name) {
        let cause = match open(file.clone(), threads) {
            Ok(opened) => return Ok(Classifier::new(entry, pieces, name, opened)),
            Err(Closed::Absent(cause)) => cause,
            Err(Closed::Failed(cause)) => {
                // Whoever has it installed thinks that it is used.
                tracing::warn!(runtime = name, cause, "a runtime that is there cannot be used");
                cause
            }
        };
        causes.push(format!("{name}: {cause}"));
    }
    Err(causes.join("; "))
}

/// A classifier of texts: pieces, windows, runs and the highest score of each head.
pub struct Classifier {
    about: About,
    card: Arc<ModelCard>,
    pieces: Pieces,
    input_max: usize,
    runtime: Box<dyn Runtime>,
}

/// What one run reads of one text.
struct Row {
    text: usize,
    ids: Vec<i32>,
}

impl Classifier {
    fn new(
        entry: &ModelEntry,
        pieces: Pieces,
        runtime: &'static str,
        opened: Opened,
    ) -> Classifier {
        let card = Arc::new(entry.card());
        let about = About {
            name: entry.name.clone(),
            id: card.id.clone(),
            runtime,
            version: opened.version,
            library: opened.library,
        };
        Classifier { about, card, pieces, input_max: entry.input_max, runtime: opened.runtime }
    }

    fn rows(&self, texts: &[&str]) -> Vec<Row> {
        let windows = |text: usize| {
            let rows = self.pieces.windows(texts[text], self.input_max).into_iter();
            rows.map(move |ids| Row { text, ids })
        };
        let mut rows: Vec<Row> = (0..texts.len()).flat_map(windows).collect();
        rows.sort_by_key(|row| row.ids.len());
        rows
    }

    /// One run; every row of its answer is whole and a probability.
    fn run(&self, rows: &[Row]) -> Result<Vec<f32>, String> {
        let width = rows.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(rows.len() * width);
        for row in rows {
            ids.extend_from_slice(&row.ids);
            ids.resize(ids.len() + width - row.ids.len(), PAD);
        }
        let answer = self.runtime.run(ids, rows.len())?;
        if answer.len() != rows.len() * self.card.heads.len() {
            return Err(format!("{} numbers for {} rows", answer.len(), rows.len()));
        }
        match answer.iter().all(|p| p.is_finite()) {
            true => Ok(answer),
            false => Err("an answer that is not a number".to_owned()),
        }
    }
}

impl Model for Classifier {
    fn about(&self) -> &About {
        &self.about
    }

    fn card(&self) -> &Arc<ModelCard> {
        &self.card
    }

    fn score(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        let mut scores = vec![vec![0.0f32; self.card.heads.len()]; texts.len()];
        let rows = self.rows(texts);
        let mut rest = rows.as_slice();
        for count in runs(&rows.iter().map(|row| row.ids.len()).collect::<Vec<_>>()) {
            let (run, behind) = rest.split_at(count);
            let answer = self.run(run)?;
            for (row, own) in run.iter().zip(answer.chunks(self.card.heads.len())) {
                for (score, p) in scores[row.text].iter_mut().zip(own) {
                    *score = score.max(*p);
                }
            }
            rest = behind;
        }
        Ok(scores)
    }
}

/// How many rows each run takes of rows in order of length, so that all of it costs least.
fn runs(lengths: &[usize]) -> Vec<usize> {
    // For each number of rows, the least cost of running them, and how many the last run takes.
    let mut least = vec![(0, 0)];
    for (index, length) in lengths.iter().enumerate() {
        let behind = (1..=ROWS_MAX.min(index + 1)).map(|count| {
            let before: (usize, usize) = least[index + 1 - count];
            (before.0 + RUN_COST + count * length, count)
        });
        least.push(behind.min().unwrap_or_default());
    }
    let mut counts = Vec::new();
    let mut left = lengths.len();
    while left > 0 {
        counts.push(least[left].1);
        left -= least[left].1;
    }
    counts.reverse();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_like_length_run_together() {
        for (lengths, expected) in [
            (vec![], vec![]),
            (vec![7], vec![1]),
            (vec![7, 7, 7], vec![3]),
            (vec![4, 5, 6, 40, 41], vec![3, 2]),
            (vec![4, 64], vec![1, 1]),
            (vec![10; 70], vec![32, 32, 6]),
        ] {
            assert_eq!(runs(&lengths), expected, "{lengths:?}");
        }
    }
}
