//! Says on what grounds a message got its verdict, so that it can be explained and recorded.

use std::{fmt, sync::Arc};

use super::{Category, Head, Severity};

/// What had the last word on a message, and what else a verdict hung on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grounds {
    /// The policy's name.
    pub policy: Arc<str>,
    pub word: Word,
    /// The policy in force was the stricter one of the shield.
    pub shield: bool,
    /// Findings of this sender are recorded and do not act, the floor's and time-outs apart.
    pub exempt: bool,
    /// By head, as [`Head::ALL`] has them: the scores from which they count, where one was known.
    pub thresholds: [Option<f32>; Head::ALL.len()],
    /// Rules that are enforced for a share of senders, where one of them found something.
    pub shares: Vec<Share>,
    /// Conditions that could not be told, with the reason; they did not apply.
    pub failed: Vec<(String, String)>,
}

/// Who had the last word.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Word {
    /// Nothing that was found asked for more than to pass.
    #[default]
    Nobody,
    /// The policy's table, for a category at a severity.
    Table(Category, Severity),
    /// The same, where the policy alone would have been milder.
    Floor(Category, Severity),
    /// A condition of the policy, by its rule's name.
    Condition { rule: String, why: String },
    /// A rule that answers to no table: `time_out`, `late`, `while_held`.
    Rule(String),
}

/// A rule that is enforced for a share of senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub rule: String,
    pub percent: u8,
    /// 0 to 99, always the same for one sender and rule; below `percent` it is enforced.
    pub bucket: u8,
}

impl Grounds {
    /// The rule as the sender may be told it; empty where nothing acted.
    pub fn rule(&self) -> &str {
        match &self.word {
            Word::Nobody => "",
            Word::Table(category, _) | Word::Floor(category, _) => category.name(),
            Word::Condition { rule, .. } | Word::Rule(rule) => rule,
        }
    }
}

/// As records have it: `policy mine, hate 3`.
impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shield = if self.shield { ", shield" } else { "" };
        write!(f, "policy {}{shield}", self.policy)?;
        match &self.word {
            Word::Nobody => Ok(()),
            Word::Table(category, severity) => write!(f, ", {category} {}", severity.level()),
            Word::Floor(category, severity) => {
                write!(f, ", floor, {category} {}", severity.level())
            }
            Word::Condition { rule, why } if why.is_empty() => write!(f, ", condition {rule}"),
            Word::Condition { rule, why } => write!(f, ", condition {rule}: {why}"),
            Word::Rule(rule) => write!(f, ", {rule}"),
        }
    }
}
