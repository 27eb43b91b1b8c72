//! Maps the attributes that Perspective had to the model's heads and the lists' categories.

use crate::message::{Category, Finding, Head, Scores, Severity};

use Category::{Extremism, Harassment, Hate, Profanity, SelfHarm, Sexual, Threat};

/// One attribute, and where its score comes from.
pub(super) struct Attribute {
    pub name: &'static str,
    /// Whether `NAME_EXPERIMENTAL` was another name for the same.
    twin: bool,
    head: Head,
    /// What the lists and rules find of it.
    categories: &'static [Category],
    /// The least that the score is for such a finding, by its severity of 1 to 4.
    floors: &'static [f32; 4],
}

/// What a list says outright: at severity 1 a mild word, which is no proof; at 4 what must never be
/// seen.
const OWN: [f32; 4] = [0.3, 0.6, 0.8, 0.95];
/// The same where the finding is about something narrower: a swear word alone is no attack.
const BROAD: [f32; 4] = [0.2, 0.4, 0.7, 0.9];
/// Only what is grave says anything about what is severe.
const GRAVE: [f32; 4] = [0.0, 0.0, 0.4, 0.8];

/// The one table; what does not stand here is an unknown attribute.
pub(super) const ATTRIBUTES: [Attribute; 8] = [
    Attribute {
        name: "TOXICITY",
        twin: true,
        head: Head::Toxic,
        categories: &[Threat, Hate, Harassment, Sexual, SelfHarm, Extremism, Profanity],
        floors: &BROAD,
    },
    Attribute {
        name: "SEVERE_TOXICITY",
        twin: true,
        head: Head::Severe,
        categories: &[Threat, Hate, Harassment, Sexual, SelfHarm, Extremism, Profanity],
        floors: &GRAVE,
    },
    Attribute {
        name: "IDENTITY_ATTACK",
        twin: true,
        head: Head::IdentityHate,
        categories: &[Hate],
        floors: &OWN,
    },
    Attribute {
        name: "INSULT",
        twin: true,
        head: Head::Insult,
        categories: &[Harassment],
        floors: &OWN,
    },
    Attribute {
        name: "PROFANITY",
        twin: true,
        head: Head::Obscene,
        categories: &[Profanity],
        floors: &OWN,
    },
    Attribute {
        name: "THREAT",
        twin: true,
        head: Head::Threat,
        categories: &[Threat],
        floors: &OWN,
    },
    Attribute {
        name: "SEXUALLY_EXPLICIT",
        twin: false,
        head: Head::Sexual,
        categories: &[Sexual],
        floors: &OWN,
    },
    Attribute {
        name: "OBSCENE",
        twin: false,
        head: Head::Obscene,
        categories: &[Profanity],
        floors: &OWN,
    },
];

impl Attribute {
    pub fn named(name: &str) -> Option<&'static Attribute> {
        let plain = name.strip_suffix("_EXPERIMENTAL");
        ATTRIBUTES.iter().find(|own| own.name == name || (own.twin && plain == Some(own.name)))
    }

    /// Whether the running model, if there is one, has a head for it.
    pub fn is_known_to(&self, scores: Option<&Scores>) -> bool {
        scores.is_none_or(|scores| scores.of(self.head).is_some())
    }

    /// The model's score, raised to the floor of the worst thing that lists and rules found; the
    /// floor alone without a model.
    pub fn score<'a>(
        &self,
        scores: Option<&Scores>,
        found: impl Iterator<Item = &'a Finding>,
    ) -> f32 {
        let own = found.filter(|finding| self.categories.contains(&finding.category));
        let floor = own.map(|finding| self.floor(finding.severity)).fold(0.0, f32::max);
        scores.and_then(|scores| scores.of(self.head)).unwrap_or(0.0).max(floor)
    }

    fn floor(&self, severity: Severity) -> f32 {
        self.floors[usize::from(severity.level()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::message::ModelCard;

    fn finding(category: Category, severity: u8) -> Finding {
        Finding {
            rule: "term".into(),
            category,
            severity: Severity::new(severity).expect("1 to 4"),
            span: None,
            why: String::new(),
            shadow: false,
            scored: None,
        }
    }

    #[test]
    fn twins_are_the_same_attribute() {
        for (name, expected) in [
            ("TOXICITY", Some("TOXICITY")),
            ("TOXICITY_EXPERIMENTAL", Some("TOXICITY")),
            ("THREAT_EXPERIMENTAL", Some("THREAT")),
            ("SEXUALLY_EXPLICIT", Some("SEXUALLY_EXPLICIT")),
            ("SEXUALLY_EXPLICIT_EXPERIMENTAL", None),
            ("OBSCENE_EXPERIMENTAL", None),
            ("_EXPERIMENTAL", None),
            ("toxicity", None),
            ("FLIRTATION", None),
            ("", None),
        ] {
            assert_eq!(Attribute::named(name).map(|own| own.name), expected, "{name}");
        }
    }

    /// More, or worse, never makes a score lower, and nothing is above 1.
    #[test]
    fn a_score_only_rises() {
        for attribute in &ATTRIBUTES {
            assert!(attribute.floors.is_sorted(), "{}", attribute.name);
            let mut before = 0.0;
            for p in [0.0, 0.1, 0.5, 0.9, 1.0] {
                let heads = vec![Arc::from(attribute.head.name())];
                let model = Arc::new(ModelCard { heads, ..ModelCard::default() });
                let scores = Scores { model, row: vec![p] };
                let plain = attribute.score(Some(&scores), [].iter());
                assert_eq!(plain, p, "{}: without a finding it is the model's", attribute.name);
                let mut worse = plain;
                for severity in 1..=4 {
                    let one = finding(attribute.categories[0], severity);
                    let raised = attribute.score(Some(&scores), [&one].into_iter());
                    assert!((worse..=1.0).contains(&raised), "{} {severity}", attribute.name);
                    let alone = attribute.score(None, [&one].into_iter());
                    assert!(alone <= raised, "{} {severity}", attribute.name);
                    worse = raised;
                }
                assert!(plain >= before);
                before = plain;
            }
            let spam = finding(Category::Spam, 4);
            assert_eq!(attribute.score(None, [&spam].into_iter()), 0.0, "{}", attribute.name);
        }
    }
}
