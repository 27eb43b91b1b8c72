//! Says in which languages a comment can be scored.

use super::{fault::Fault, request::Wanted};
use crate::letters::language::{Detected, detect};

/// Those that the model's base weights have read. What is measured is English and French alone.
const OF_MODEL: [&str; 15] =
    ["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"];
/// Those of the word lists: what there is without a model.
const OF_LISTS: [&str; 2] = ["en", "fr"];
/// ISO 639's code for a language that is not known.
const UNKNOWN: &str = "und";

/// What languages a comment is in, as far as that is said or found.
pub(super) struct Languages {
    pub requested: Vec<String>,
    /// Never empty.
    pub detected: Vec<String>,
    sure: bool,
}

impl Languages {
    pub fn of(text: &str, requested: Vec<String>) -> Languages {
        let found = detect(text);
        let Detected { code, sure } = found.unwrap_or(Detected { code: UNKNOWN, sure: false });
        Languages { requested, detected: vec![code.to_owned()], sure }
    }

    /// Whether this attribute can be scored here. Where the request names languages, one of them
    /// is enough; where it names none, only a language that is found for certain is refused.
    pub fn check(&self, wanted: &Wanted, with_model: bool) -> Result<(), Fault> {
        let known: &[&str] = if with_model { &OF_MODEL } else { &OF_LISTS };
        let knows = |tag: &String| {
            let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
            // Another script than the usual one is not what was read.
            let turned = tag.to_ascii_lowercase().contains("-latn") && !is_latin(&primary);
            known.contains(&primary.as_str()) && !turned
        };
        let (whose, languages, refuses) = match self.requested.is_empty() {
            true => ("detectedLanguages", &self.detected, self.sure),
            false => ("requestedLanguages", &self.requested, true),
        };
        match refuses && !languages.iter().any(knows) {
            true => Err(Fault::language(&wanted.name, whose, languages)),
            false => Ok(()),
        }
    }
}

fn is_latin(primary: &str) -> bool {
    !matches!(primary, "ar" | "ja" | "ko" | "ru" | "th" | "zh")
}
