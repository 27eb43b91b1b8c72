//! Reads numbers as JSON may spell them.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Number;

/// A whole number, which JSON may spell `600.0` too.
pub fn whole<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(input)?;
    // What is beyond every number here becomes the largest: a wait is cut by the settings, and a
    // count with a bound is refused.
    let spelt = |float: &f64| float.fract() == 0.0 && *float >= 0.0;
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

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn a_number_is_whole_however_it_is_spelt() {
        for (text, expected) in [
            ("600", Some(600)),
            ("600.0", Some(600)),
            ("6e2", Some(600)),
            ("18446744073709551615", Some(u64::MAX)),
            ("1.5e35", Some(u64::MAX)),
            ("0.5", None),
            ("-1", None),
            ("\"600\"", None),
        ] {
            let read = whole(&mut serde_json::Deserializer::from_str(text));
            assert_eq!(read.ok(), expected, "{text}");
        }
    }
}
