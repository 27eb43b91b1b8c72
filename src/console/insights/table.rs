//! Writes each table of the insights for a spreadsheet.

use serde::Deserialize;

use super::{
    super::sheet::line,
    tally::{Stopped, Sum},
};

/// One of the tables behind the plots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    #[default]
    Times,
    Categories,
    Rules,
    People,
}

impl Table {
    pub const fn name(self) -> &'static str {
        match self {
            Table::Times => "times",
            Table::Categories => "categories",
            Table::Rules => "rules",
            Table::People => "people",
        }
    }

    pub fn sheet(self, sum: &Sum) -> String {
        match self {
            Table::Times => times(sum),
            Table::Categories => categories(sum),
            Table::Rules => rules(sum),
            Table::People => people(sum),
        }
    }
}

/// A number that there may be none of.
fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn row(cells: &[String]) -> String {
    line(&cells.iter().map(String::as_str).collect::<Vec<_>>())
}

fn stopped(own: &Stopped) -> [String; 3] {
    [own.mask, own.hold, own.drop].map(|count| count.to_string())
}

fn times(sum: &Sum) -> String {
    let mut text = line(&[
        "at_ms", "pass", "mask", "hold", "drop", "released", "removed", "expired", "p50_ms",
        "p95_ms",
    ]);
    for bar in &sum.bars {
        let [mask, hold, drop] = stopped(&bar.stopped);
        text += &row(&[
            bar.at_ms.to_string(),
            bar.pass.to_string(),
            mask,
            hold,
            drop,
            bar.ends.released.to_string(),
            bar.ends.removed.to_string(),
            bar.ends.expired.to_string(),
            number(bar.p50_ms),
            number(bar.p95_ms),
        ]);
    }
    text
}

fn categories(sum: &Sum) -> String {
    let mut text = line(&["category", "mask", "hold", "drop"]);
    for own in &sum.categories {
        let [mask, hold, drop] = stopped(&own.stopped);
        text += &row(&[own.category.name().to_owned(), mask, hold, drop]);
    }
    text
}

fn rules(sum: &Sum) -> String {
    let mut text =
        line(&["rule", "mask", "hold", "drop", "released", "removed", "expired", "overturned"]);
    for own in &sum.rules {
        let [mask, hold, drop] = stopped(&own.stopped);
        text += &row(&[
            own.rule.to_string(),
            mask,
            hold,
            drop,
            own.ends.released.to_string(),
            own.ends.removed.to_string(),
            own.ends.expired.to_string(),
            number(own.overturned.map(|share| format!("{share:.3}"))),
        ]);
    }
    text
}

fn people(sum: &Sum) -> String {
    let mut text = line(&["name", "released", "removed", "p50_ms", "p95_ms"]);
    for own in &sum.people {
        text += &row(&[
            own.name.to_string(),
            own.ends.released.to_string(),
            own.ends.removed.to_string(),
            number(own.p50_ms),
            number(own.p95_ms),
        ]);
    }
    text
}
