//! Measures scores against labels: ranks, thresholds and calibration.

use serde::Serialize;

/// The share of harmless rows that a threshold may flag, where a platform's own patience ends.
const FPR: f64 = 0.01;
/// Bins of about equal size for calibration: enough to see a bend, few enough to be full.
const BINS: usize = 10;
/// Where a calibrated score says that it is likelier than not.
const HALF: f32 = 0.5;

/// How found and meant go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Found and meant, found only, meant only, neither.
    pub hit: u64,
    pub false_alarm: u64,
    pub miss: u64,
    pub quiet: u64,
}

impl Counts {
    pub fn add(&mut self, meant: bool, found: bool) {
        match (meant, found) {
            (true, true) => self.hit += 1,
            (false, true) => self.false_alarm += 1,
            (true, false) => self.miss += 1,
            (false, false) => self.quiet += 1,
        }
    }

    pub fn precision(&self) -> Option<f64> {
        share(self.hit, self.hit + self.false_alarm)
    }

    pub fn recall(&self) -> Option<f64> {
        share(self.hit, self.hit + self.miss)
    }

    pub fn f1(&self) -> Option<f64> {
        share(2 * self.hit, 2 * self.hit + self.false_alarm + self.miss)
    }

    pub fn false_positive_rate(&self) -> Option<f64> {
        share(self.false_alarm, self.false_alarm + self.quiet)
    }
}

pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// One score and whether it should have been high.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub score: f32,
    pub meant: bool,
}

/// What the scores of one head are worth, whatever a policy's thresholds are; `None` where the
/// rows do not say, for instance without a positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ScoreFigures {
    /// The chance that a positive row scores above a negative one, ties counting half.
    pub auc: Option<f64>,
    /// F1 with everything from 0.5 on as found.
    pub f1_half: Option<f64>,
    /// The best F1 over all thresholds, and the highest threshold that has it.
    pub f1_best: Option<f64>,
    pub f1_best_at: Option<f64>,
    /// The lowest threshold that flags at most 1 % of the negative rows, and the recall there.
    pub fpr1_at: Option<f64>,
    pub recall_fpr1: Option<f64>,
    /// Expected calibration error: over ten bins of about equal size, how far the mean score is
    /// from the share of positives, weighted by size.
    pub ece: Option<f64>,
    /// The mean squared distance of score and label.
    pub brier: Option<f64>,
}

/// Sorts the pairs, and measures them.
pub fn measure(pairs: &mut [Pair]) -> ScoreFigures {
    pairs.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    let half = pairs.iter().fold(Counts::default(), |mut counts, pair| {
        counts.add(pair.meant, pair.score >= HALF);
        counts
    });
    let swept = sweep(pairs);
    ScoreFigures { f1_half: half.f1(), ece: ece(pairs), brier: brier(pairs), ..swept }
}

/// The figures that look at every threshold: one walk from the highest score down, equal scores
/// taken together.
fn sweep(pairs: &[Pair]) -> ScoreFigures {
    let positives = pairs.iter().filter(|pair| pair.meant).count() as u64;
    let negatives = pairs.len() as u64 - positives;
    let mut figures = ScoreFigures::default();
    let (mut hit, mut false_alarm) = (0, 0);
    // Twice the number of ordered pairs, so that a tie is a whole number.
    let mut above = 0u128;
    // Above every score nothing is flagged and nothing is found.
    figures.recall_fpr1 = (positives > 0 && negatives > 0).then_some(0.0);
    for equal in pairs.chunk_by(|a, b| a.score == b.score) {
        let meant = equal.iter().filter(|pair| pair.meant).count() as u64;
        let other = equal.len() as u64 - meant;
        above += u128::from(other) * u128::from(2 * hit + meant);
        (hit, false_alarm) = (hit + meant, false_alarm + other);
        let here = f64::from(equal[0].score);
        let counts = Counts { hit, false_alarm, miss: positives - hit, quiet: 0 };
        if positives > 0 && counts.f1() > figures.f1_best {
            (figures.f1_best, figures.f1_best_at) = (counts.f1(), Some(here));
        }
        if share(false_alarm, negatives).is_some_and(|rate| rate <= FPR) {
            (figures.fpr1_at, figures.recall_fpr1) = (Some(here), share(hit, positives));
        }
    }
    let ordered = 2 * u128::from(positives) * u128::from(negatives);
    figures.auc = (ordered > 0).then(|| above as f64 / ordered as f64);
    figures
}

/// Equal scores stay in one bin, so that the order of the file does not matter.
fn ece(sorted: &[Pair]) -> Option<f64> {
    let all = sorted.len();
    let (mut start, mut sum) = (0, 0.0);
    for bin in 1..=BINS {
        let mut end = (bin * all / BINS).max(start);
        while end > start && end < all && sorted[end].score == sorted[end - 1].score {
            end += 1;
        }
        // The distance of the two means times the bin's size.
        sum += sorted[start..end].iter().map(Pair::error).sum::<f64>().abs();
        start = end;
    }
    (all > 0).then(|| sum / all as f64)
}

fn brier(pairs: &[Pair]) -> Option<f64> {
    let sum: f64 = pairs.iter().map(|pair| pair.error() * pair.error()).sum();
    (!pairs.is_empty()).then(|| sum / pairs.len() as f64)
}

impl Pair {
    fn error(&self) -> f64 {
        f64::from(self.score) - f64::from(u8::from(self.meant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_by_the_book() {
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

    fn pairs(scores: &[(f32, bool)]) -> Vec<Pair> {
        scores.iter().map(|(score, meant)| Pair { score: *score, meant: *meant }).collect()
    }

    fn close(found: Option<f64>, expected: Option<f64>, what: &str) {
        let near = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            (found, expected) => found == expected,
        };
        assert!(near, "{what}: {found:?} is not {expected:?}");
    }

    #[test]
    fn ranks_count_ties_as_half() {
        let (yes, no) = (true, false);
        for (scores, expected) in [
            (&[(0.9, yes), (0.1, no)][..], Some(1.0)),
            (&[(0.1, yes), (0.9, no)], Some(0.0)),
            (&[(0.5, yes), (0.5, no)], Some(0.5)),
            // Positives .9 .5 .3, negatives .5 .2: 2, 1.5 and 1 of 2 below.
            (&[(0.9, yes), (0.5, yes), (0.3, yes), (0.5, no), (0.2, no)], Some(4.5 / 6.0)),
            (&[(0.9, yes)], None),
            (&[(0.9, no)], None),
            (&[], None),
        ] {
            close(measure(&mut pairs(scores)).auc, expected, &format!("{scores:?}"));
        }
    }

    #[test]
    fn thresholds_are_found_by_hand_too() {
        let (yes, no) = (true, false);
        // From the top: F1 2/5 (1 of 1), 4/6, 4/7, 6/8 at 0.4, 6/9, 8/10 at 0.2, 8/11.
        let mut all = pairs(&[
            (0.9, yes),
            (0.8, yes),
            (0.6, no),
            (0.4, yes),
            (0.3, no),
            (0.2, yes),
            (0.1, no),
        ]);
        let figures = measure(&mut all);
        close(figures.f1_half, Some(4.0 / 7.0), "at half");
        close(figures.f1_best, Some(0.8), "best");
        close(figures.f1_best_at, Some(0.2), "best at");
        close(figures.fpr1_at, Some(0.8), "no false alarm");
        close(figures.recall_fpr1, Some(0.5), "recall there");
        close(figures.auc, Some(9.0 / 12.0), "auc");

        // 200 negatives: one percent is two of them.
        let mut many: Vec<(f32, bool)> = (0..197).map(|_| (0.0, no)).collect();
        many.extend([(0.9, no), (0.8, yes), (0.7, no), (0.6, yes), (0.5, no), (0.4, yes)]);
        let figures = measure(&mut pairs(&many));
        close(figures.fpr1_at, Some(0.6), "two may be flagged");
        close(figures.recall_fpr1, Some(2.0 / 3.0), "two of three");

        let figures = measure(&mut pairs(&[(0.9, no), (0.5, yes)]));
        close(figures.fpr1_at, None, "the highest is a false alarm");
        close(figures.recall_fpr1, Some(0.0), "nothing is found without it");
        let figures = measure(&mut pairs(&[(0.9, no), (0.5, no)]));
        close(figures.f1_best, None, "nothing to find");
        close(figures.recall_fpr1, None, "nothing to find");
        assert_eq!(measure(&mut []), ScoreFigures::default());
    }

    #[test]
    fn calibration_is_the_distance_of_two_means() {
        let (yes, no) = (true, false);
        // Ten rows in ten bins: each is its own distance.
        let ten: Vec<(f32, bool)> = (0..10).map(|n| (0.05 + 0.1 * n as f32, n >= 5)).collect();
        let figures = measure(&mut pairs(&ten));
        close(figures.ece, Some(0.25), "0.05 … 0.45 on either side");
        close(figures.brier, Some(0.0825), "their squares");
        // Equal scores are one bin: four of five at 0.8 are right.
        let five = [(0.8, yes), (0.8, yes), (0.8, no), (0.8, yes), (0.8, yes)];
        let figures = measure(&mut pairs(&five));
        close(figures.ece, Some(0.0), "eight in ten");
        close(figures.brier, Some(0.16), "p (1 - p)");
        // Two bins' worth: sure and wrong, sure and right.
        let figures = measure(&mut pairs(&[(1.0, no), (1.0, no), (0.0, no), (0.0, no)]));
        close(figures.ece, Some(0.5), "half of the rows is off by one");
    }
}
