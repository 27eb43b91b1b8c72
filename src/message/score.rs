//! Names what a model says of a text, and how its word is to be read.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Category;

/// What a model can score, in the manifest's spelling; heads of other names are shown, and no
/// rule knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    Toxic,
    Severe,
    Insult,
    Threat,
    IdentityHate,
    Obscene,
    Sexual,
    SelfHarm,
}

impl Head {
    pub const ALL: [Head; 8] = [
        Head::Toxic,
        Head::Severe,
        Head::Insult,
        Head::Threat,
        Head::IdentityHate,
        Head::Obscene,
        Head::Sexual,
        Head::SelfHarm,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Head::Toxic => "toxic",
            Head::Severe => "severe",
            Head::Insult => "insult",
            Head::Threat => "threat",
            Head::IdentityHate => "identity_hate",
            Head::Obscene => "obscene",
            Head::Sexual => "sexual",
            Head::SelfHarm => "self_harm",
        }
    }

    pub fn named(name: &str) -> Option<Head> {
        Head::ALL.into_iter().find(|head| head.name() == name)
    }

    /// What a finding of this head is about; `severe` makes others worse and finds nothing.
    pub const fn category(self) -> Option<Category> {
        match self {
            Head::Toxic | Head::Insult => Some(Category::Harassment),
            Head::Severe => None,
            Head::Threat => Some(Category::Threat),
            Head::IdentityHate => Some(Category::Hate),
            Head::Obscene => Some(Category::Profanity),
            Head::Sexual => Some(Category::Sexual),
            Head::SelfHarm => Some(Category::SelfHarm),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which model it is and how its word is to be read; it travels with every answer, so that no
/// answer is read by another model's thresholds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelCard {
    /// The first twelve hex digits of the model file's SHA-256; of both where two answer as one.
    pub id: Arc<str>,
    /// The heads' names in the order of every row.
    pub heads: Vec<Arc<str>>,
    /// Heads that saw too little data: they never act alone.
    pub weak: Vec<Head>,
    /// By policy preset, then by head; a head that is absent has no say there.
    pub thresholds: BTreeMap<String, BTreeMap<Head, f32>>,
}

impl ModelCard {
    pub fn is_weak(&self, head: Head) -> bool {
        self.weak.contains(&head)
    }

    pub fn threshold(&self, preset: &str, head: Head) -> Option<f32> {
        self.thresholds.get(preset)?.get(&head).copied()
    }
}

/// What the model said, or why it said nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Score {
    Known(Scores),
    /// The deadline passed, the queue was full, or the model failed.
    Late,
    /// No model, or nothing it could say would change the verdict.
    Skipped,
}

/// A model's answer for one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    pub model: Arc<ModelCard>,
    /// Probabilities, in the order of the model's heads.
    pub row: Vec<f32>,
}

impl Scores {
    /// Every head's name and probability, in the manifest's order.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<str>, f32)> {
        self.model.heads.iter().zip(self.row.iter().copied())
    }

    /// The probability of a head, if the model has it and it is a number.
    pub fn of(&self, head: Head) -> Option<f32> {
        let own = self.all().find(|(name, _)| ***name == *head.name());
        own.map(|(_, p)| p).filter(|p| p.is_finite())
    }
}

/// The model's part in a finding: what it said, and the number that it was held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    pub head: Head,
    pub score: f32,
    /// Reached or passed where the head found something; not reached where it found the whole
    /// message harmless.
    pub threshold: f32,
    /// The model's id: the first twelve hex digits of its file's SHA-256.
    pub model: String,
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scored { head, score, threshold, model } = self;
        write!(f, "{head} {score:.2}, threshold {threshold:.2}, model {model}")
    }
}
