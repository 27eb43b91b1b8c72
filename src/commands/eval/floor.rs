//! Holds a report to floors, so that a check in CI can fail by name.

use std::{fmt, str::FromStr};

use super::report::{Measures, Report};
use crate::message::Head;

/// `head:group:metric=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    head: Head,
    group: String,
    metric: Metric,
    value: f64,
}

/// A figure that a floor can be set for, and whether less of it is better.
#[derive(Clone, Copy)]
struct Metric {
    name: &'static str,
    ceiling: bool,
    figure: fn(&Measures) -> Option<f64>,
}

const METRICS: [Metric; 10] = [
    Metric { name: "precision", ceiling: false, figure: |m| m.found.as_ref()?.precision },
    Metric { name: "recall", ceiling: false, figure: |m| m.found.as_ref()?.recall },
    Metric { name: "f1", ceiling: false, figure: |m| m.found.as_ref()?.f1 },
    Metric { name: "fpr", ceiling: true, figure: |m| m.found.as_ref()?.fpr },
    Metric { name: "auc", ceiling: false, figure: |m| m.score.as_ref()?.auc },
    Metric { name: "f1_half", ceiling: false, figure: |m| m.score.as_ref()?.f1_half },
    Metric { name: "f1_best", ceiling: false, figure: |m| m.score.as_ref()?.f1_best },
    Metric { name: "recall_fpr1", ceiling: false, figure: |m| m.score.as_ref()?.recall_fpr1 },
    Metric { name: "ece", ceiling: true, figure: |m| m.score.as_ref()?.ece },
    Metric { name: "brier", ceiling: true, figure: |m| m.score.as_ref()?.brier },
];

impl PartialEq for Metric {
    fn eq(&self, other: &Metric) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Floor {
    type Err = String;

    fn from_str(text: &str) -> Result<Floor, String> {
        let parts = text.rsplit_once('=').and_then(|(name, value)| {
            let (head, rest) = name.split_once(':')?;
            let (group, metric) = rest.rsplit_once(':')?;
            Some((head, group, metric, value))
        });
        let (head, group, metric, value) =
            parts.ok_or("not head:group:metric=value, as in toxic:lang/en:auc=0.9")?;
        let named = |names: Vec<&str>| names.join(", ");
        let head = Head::named(head).ok_or_else(|| {
            let heads = named(Head::ALL.map(Head::name).to_vec());
            format!("there is no head {head:?}; there are {heads}")
        })?;
        let metric = METRICS.into_iter().find(|own| own.name == metric).ok_or_else(|| {
            let metrics = named(METRICS.map(|own| own.name).to_vec());
            format!("there is no figure {metric:?}; there are {metrics}")
        })?;
        let number = value.parse().ok().filter(|value| (0.0..=1.0).contains(value));
        let value = number.ok_or_else(|| format!("{value:?} is not within 0 to 1"))?;
        Ok(Floor { head, group: group.to_owned(), metric, value })
    }
}

impl Floor {
    /// What fell below, in words; nothing where the report holds.
    ///
    /// A group or figure that is not there has fallen: a check must not pass because its rows are
    /// gone.
    pub fn fallen(&self, report: &Report) -> Option<String> {
        let Floor { head, group, metric, value } = self;
        let name = format!("{head}:{group}:{}", metric.name);
        let measures = report.groups.get(group).and_then(|group| group.heads.get(head));
        let Some(figure) = measures.and_then(metric.figure) else {
            return Some(format!("{name}: the rows do not say, and it should be {value}"));
        };
        let (fell, how) = match metric.ceiling {
            true => (figure > *value, "above"),
            false => (figure < *value, "below"),
        };
        fell.then(|| format!("{name}: {figure:.4} is {how} {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_read_and_refused() {
        let floor: Floor = "toxic:slice/a:b:auc=0.9".parse().expect("a floor");
        assert_eq!((floor.head, floor.group.as_str()), (Head::Toxic, "slice/a:b"));
        assert_eq!((floor.metric.name, floor.value), ("auc", 0.9));
        for (text, part) in [
            ("toxic:all:auc", "not head:group:metric=value"),
            ("toxic:auc=1", "not head:group:metric=value"),
            ("sarcasm:all:auc=1", "no head \"sarcasm\""),
            ("toxic:all:wit=1", "no figure \"wit\""),
            ("toxic:all:auc=x", "not within 0 to 1"),
            ("toxic:all:auc=nan", "not within 0 to 1"),
        ] {
            let cause = text.parse::<Floor>().expect_err(text);
            assert!(cause.contains(part), "{text}: {cause}");
        }
    }
}
