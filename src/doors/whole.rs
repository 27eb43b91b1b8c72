//! Reads numbers as JSON may spell them.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Number;

/// A whole number, which JSON may spell `600.0` too.
pub fn whole<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(input)?;
    // Beyond 2^53 a float is no exact number any more.
    let spelt = |float: &f64| float.fract() == 0.0 && (0.0..9e15).contains(float);
    let whole = number.as_u64().or_else(|| number.as_f64().filter(spelt).map(|float| float as u64));
    whole.ok_or_else(|| D::Error::custom(format!("{number} is no whole number from 0 on")))
}

/// The same where there may be none.
pub fn whole_if_any<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    match Option::<Number>::deserialize(input)? {
        None => Ok(None),
        Some(number) => whole(number).map(Some).map_err(D::Error::custom),
    }
}
