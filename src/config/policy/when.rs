//! Names how far a rule is enforced, and what a condition says.

use serde::{Deserialize, Serialize};

use crate::message::{Category, Verdict};

/// How far a rule, a word list or a condition is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Spelled", into = "Spelled")]
pub enum Enforce {
    #[default]
    Always,
    /// Recorded, never acted on.
    Shadow,
    /// Acted on for so many senders in a hundred, and recorded for the others.
    Percent(u8),
}

/// As it stands in the file: `"enforce"`, `"shadow"` or a number.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Spelled {
    Word(String),
    Percent(i64),
}

impl TryFrom<Spelled> for Enforce {
    type Error = String;

    fn try_from(spelled: Spelled) -> Result<Enforce, String> {
        match spelled {
            Spelled::Word(word) if word == "enforce" => Ok(Enforce::Always),
            Spelled::Word(word) if word == "shadow" => Ok(Enforce::Shadow),
            Spelled::Word(word) => {
                Err(format!("{word:?} is neither \"enforce\", \"shadow\" nor a percentage"))
            }
            Spelled::Percent(share) => match u8::try_from(share) {
                Ok(share @ 0..=100) => Ok(Enforce::Percent(share)),
                _ => Err(format!("{share} is not a percentage from 0 to 100")),
            },
        }
    }
}

impl From<Enforce> for Spelled {
    fn from(enforce: Enforce) -> Spelled {
        match enforce {
            Enforce::Always => Spelled::Word("enforce".into()),
            Enforce::Shadow => Spelled::Word("shadow".into()),
            Enforce::Percent(share) => Spelled::Percent(share.into()),
        }
    }
}

/// One condition over everything that is known of a message.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WhenConfig {
    /// A CEL expression that is true or false.
    #[serde(rename = "if")]
    pub condition: String,
    /// The verdict where it is true.
    pub then: Verdict,
    /// The rule's name, which senders are told.
    pub rule: String,
    /// For moderators.
    #[serde(default)]
    pub why: String,
    #[serde(default)]
    pub mode: Enforce,
    /// What its finding is filed under; unsaid: as the worst of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
}
