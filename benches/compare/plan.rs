//! Plans which messages are sent when: at one rate or at several, one after the other.

use std::{collections::HashSet, fmt, str::FromStr, time::Duration};

use super::{Outcome, chat::Dice, shape::Shape, talk};

/// So many messages a second for so long.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub rate: u64,
    pub ms: u64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}x{}", self.rate, self.ms)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Outcome<Step> {
        let read = || {
            let (rate, ms) = text.split_once('x')?;
            Some(Step { rate: rate.parse().ok()?, ms: ms.parse().ok()? })
        };
        read().ok_or_else(|| format!("{text:?} is no step"))
    }
}

/// Which messages are sent when.
pub struct Plan {
    pub shape: Shape,
    pub seed: u64,
    steps: Vec<Step>,
    /// When each message is due after the start.
    pub due: Vec<Duration>,
    /// Where each step begins, in messages.
    pub begins: Vec<usize>,
}

impl Plan {
    pub fn new(shape: Shape, steps: Vec<Step>, seed: u64) -> Plan {
        let (mut due, mut begins, mut start) = (Vec::new(), Vec::new(), Duration::ZERO);
        for Step { rate, ms } in &steps {
            begins.push(due.len());
            let count = rate * ms / 1000;
            let after = |number: u64| start + Duration::from_nanos(number * 1_000_000_000 / rate);
            due.extend((0..count).map(after));
            start += Duration::from_millis(*ms);
        }
        Plan { shape, seed, steps, due, begins }
    }

    pub fn total(&self) -> usize {
        self.due.len()
    }

    /// When the last step ends.
    pub fn end(&self) -> Duration {
        Duration::from_millis(self.steps.iter().map(|step| step.ms).sum())
    }

    pub fn messages(&self, dice: &mut Dice) -> Vec<String> {
        if self.shape != Shape::Talk {
            return (0..self.total() as u64).map(|id| self.shape.message(id, dice)).collect();
        }
        let mut said = HashSet::new();
        let mut fresh = |id| loop {
            let message = self.shape.message(id, dice);
            if said.insert(talk::text_of(&message).to_owned()) {
                break message;
            }
        };
        (0..self.total() as u64).map(&mut fresh).collect()
    }

    /// After how many seconds of the last step each second's 99th percentile stays as it was
    /// before, or as near as a busy machine allows.
    pub fn calm(
        &self,
        taken: &[Option<Duration>],
        before_ms: f64,
        p99: impl Fn(&[Option<Duration>]) -> f64,
    ) -> Option<f64> {
        let (begin, step) = (*self.begins.last()?, self.steps.last()?);
        let seconds: Vec<f64> = taken[begin..].chunks(step.rate as usize).map(p99).collect();
        let restless = seconds.iter().rposition(|ms| *ms > before_ms * 2.0 + 1.0);
        let calm_s = restless.map_or(0, |last| last + 1);
        (calm_s < seconds.len()).then_some(calm_s as f64)
    }
}
