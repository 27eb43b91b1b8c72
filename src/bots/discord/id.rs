//! Reads the platform's ids, which are numbers that tell when something came to be.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// The first millisecond of 2015, from which the platform counts.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// The id of a guild, channel, message, role or user: a number, so that none can be anything else
/// in an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

impl Id {
    pub fn read(text: &str) -> Option<Id> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().map(Id)
    }

    /// When it was given, in Unix milliseconds.
    pub fn at_ms(self) -> u64 {
        (self.0 >> 22) + EPOCH_MS
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A string of digits: as numbers they would not survive everybody's JSON.
impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = String::deserialize(deserializer)?;
        let cut: String = text.chars().take(30).collect();
        Id::read(&text).ok_or_else(|| de::Error::custom(format!("{cut:?} is no id")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_digits_and_nothing_else() {
        let id = Id::read("175928847299117063").expect("an id");
        assert_eq!((id.to_string(), id.at_ms()), ("175928847299117063".into(), 1_462_015_105_796));
        for strange in ["", "x", "1/2", "-1", "+1", "99999999999999999999", "١"] {
            assert_eq!(Id::read(strange), None, "{strange}");
        }
    }
}
