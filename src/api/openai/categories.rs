//! Maps the categories that OpenAI has to the model's heads and to those of Tidegate.

use crate::message::{Category, Finding, Head, Scores};

use Category::{Extremism, Harassment, Hate, SelfHarm, Sexual, Threat};

/// One of OpenAI's categories, and where its score comes from.
pub(super) struct Known {
    pub name: &'static str,
    /// Its score is the lowest of theirs: `hate/threatening` is both. Empty where nothing here
    /// tells it from what is harmless.
    heads: &'static [Head],
    /// A finding in each of these makes it true.
    categories: &'static [&'static [Category]],
}

/// All thirteen, in OpenAI's order.
pub(super) const CATEGORIES: [Known; 13] = [
    known("harassment", &[Head::Insult], &[&[Harassment]]),
    known("harassment/threatening", &[Head::Threat], &[&[Threat]]),
    known("hate", &[Head::IdentityHate], &[&[Hate]]),
    known("hate/threatening", &[Head::IdentityHate, Head::Threat], &[&[Hate], &[Threat]]),
    known("illicit", &[], &[]),
    known("illicit/violent", &[], &[]),
    known("self-harm", &[Head::SelfHarm], &[&[SelfHarm]]),
    known("self-harm/intent", &[], &[]),
    known("self-harm/instructions", &[], &[]),
    known("sexual", &[Head::Sexual], &[&[Sexual]]),
    known("sexual/minors", &[], &[]),
    known("violence", &[Head::Threat], &[&[Threat, Extremism]]),
    known("violence/graphic", &[], &[]),
];

const fn known(
    name: &'static str,
    heads: &'static [Head],
    categories: &'static [&'static [Category]],
) -> Known {
    Known { name, heads, categories }
}

/// The least that a score is for a finding of severity 1 to 4 on which the policy acts, as for
/// Perspective's attributes.
const FLOORS: [f32; 4] = [0.3, 0.6, 0.8, 0.95];

impl Known {
    pub fn is_scored(&self) -> bool {
        !self.categories.is_empty()
    }

    /// Whether these findings are of it.
    pub fn applies(&self, found: &[&Finding]) -> bool {
        let among = |own: &&[Category]| found.iter().any(|finding| own.contains(&finding.category));
        self.is_scored() && self.categories.iter().all(among)
    }

    /// The model's score, raised to what was found: by lists and rules to the floor of its
    /// severity, by the model to the score that it was found by.
    pub fn score(&self, scores: Option<&Scores>, found: &[Finding]) -> f32 {
        let head = |head: &Head| scores.and_then(|scores| scores.of(*head)).unwrap_or(0.0);
        let model = self.heads.iter().map(head).reduce(f32::min).unwrap_or(0.0);
        let worst = |own: &&[Category]| {
            let own = found.iter().filter(|finding| own.contains(&finding.category));
            own.map(weight).fold(0.0, f32::max)
        };
        let found = self.categories.iter().map(worst).reduce(f32::min).unwrap_or(0.0);
        model.max(found)
    }
}

fn weight(finding: &Finding) -> f32 {
    match &finding.scored {
        Some(scored) => scored.score,
        None => FLOORS[usize::from(finding.severity.level()) - 1],
    }
}
