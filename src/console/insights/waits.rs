//! Keeps how long decisions took, by steps instead of one by one.

use std::collections::BTreeMap;

/// Steps in each doubling: neighbours are 19 % apart.
const STEPS: f64 = 4.0;
/// The first step, in milliseconds: nobody decides faster.
const FIRST_MS: f64 = 100.0;
/// The last is beyond a week.
const STEP_MAX: u8 = 100;

/// Lengths of time, counted by step.
#[derive(Clone, Debug, Default)]
pub struct Waits(BTreeMap<u8, u32>);

impl Waits {
    pub fn add(&mut self, ms: u64) {
        *self.0.entry(step(ms)).or_default() += 1;
    }

    /// Takes one back that was added.
    pub fn take(&mut self, ms: u64) {
        if let Some(count) = self.0.get_mut(&step(ms)) {
            *count = count.saturating_sub(1);
        }
    }

    pub fn merge(&mut self, other: &Waits) {
        for (step, count) in &other.0 {
            *self.0.entry(*step).or_default() += count;
        }
    }

    /// Milliseconds that this share of them did not exceed, to the end of a step.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let all: u32 = self.0.values().sum();
        let wanted = (f64::from(all) * share).ceil().max(1.0) as u32;
        let mut passed = 0;
        for (step, count) in &self.0 {
            passed += count;
            if passed >= wanted {
                return Some((FIRST_MS * 2_f64.powf(f64::from(*step) / STEPS)).round() as u64);
            }
        }
        None
    }
}

/// The first step whose end is not before it.
fn step(ms: u64) -> u8 {
    let steps = ((ms as f64 / FIRST_MS).log2() * STEPS).ceil();
    // What is below the first step has a negative number, and zero none.
    steps.clamp(0.0, f64::from(STEP_MAX)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_step() {
        let mut waits = Waits::default();
        assert_eq!(waits.quantile(0.5), None);
        (1..=1_000).for_each(|n| waits.add(n * 100));
        for (share, exact) in [(0.0, 100.0), (0.5, 50_000.0), (0.95, 95_000.0), (1.0, 100_000.0)] {
            let told = waits.quantile(share).expect("there are some") as f64;
            assert!(told >= exact - 1.0 && told <= exact * 1.19, "{share}: {told}");
        }
        for (ms, least) in [(0, 100), (1, 100), (100, 100), (u64::MAX, 604_800_000)] {
            let mut one = Waits::default();
            one.add(ms);
            assert!(one.quantile(0.5).is_some_and(|told| told >= least), "{ms}");
            one.take(ms);
            assert_eq!(one.quantile(0.5), None);
        }
    }
}
