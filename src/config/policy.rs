//! Names what one policy may say of what was found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LadderStep, PaidConfig, ProtectedConfig, StrikesConfig, Unjudged};
use crate::message::{Category, Head, Role, Verdict};

/// What one policy does with what was found.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// `off`, `relaxed`, `standard` or `strict`: what everything unsaid below is.
    pub preset: Option<String>,
    pub while_held: Option<WhileHeld>,
    /// How long a held message waits for a moderator.
    pub hold_ms: Option<u64>,
    pub on_expiry: Option<OnExpiry>,
    /// A message that should be held while the queue is full or the store fails.
    pub when_full: Option<Unjudged>,
    /// The model did not answer in time.
    pub on_late: Option<OnLate>,
    pub exempt_roles: Option<Vec<Role>>,
    pub exempt_users: Option<Vec<String>>,
    /// Whether senders are told of what became of their messages.
    pub notices: Option<bool>,
    pub flood: Option<FloodConfig>,
    /// The score from which a head counts as found, where it is not to be the model's own.
    pub heads: Option<BTreeMap<Head, f32>>,
    /// Below it in every hostile head, a message is harmless and a listed word in it one milder.
    pub harmless: Option<f32>,
    /// Whose names nobody else may go by.
    pub protected: Option<ProtectedConfig>,
    pub strikes: Option<StrikesConfig>,
    /// What strikes lead to, from the fewest on.
    pub ladder: Option<Vec<LadderStep>>,
    /// Messages that somebody paid for.
    pub paid: Option<PaidConfig>,

    pub threat: Option<CategoryConfig>,
    pub hate: Option<CategoryConfig>,
    pub harassment: Option<CategoryConfig>,
    pub sexual: Option<CategoryConfig>,
    pub self_harm: Option<CategoryConfig>,
    pub doxxing: Option<CategoryConfig>,
    pub extremism: Option<CategoryConfig>,
    pub profanity: Option<CategoryConfig>,
    pub spam: Option<CategoryConfig>,
    pub link: Option<CategoryConfig>,
    pub impersonation: Option<CategoryConfig>,
}

impl PolicyConfig {
    pub fn category(&self, category: Category) -> Option<&CategoryConfig> {
        let own = match category {
            Category::Threat => &self.threat,
            Category::Hate => &self.hate,
            Category::Harassment => &self.harassment,
            Category::Sexual => &self.sexual,
            Category::SelfHarm => &self.self_harm,
            Category::Doxxing => &self.doxxing,
            Category::Extremism => &self.extremism,
            Category::Profanity => &self.profanity,
            Category::Spam => &self.spam,
            Category::Link => &self.link,
            Category::Impersonation => &self.impersonation,
        };
        own.as_ref()
    }
}

/// What one policy does with one category.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CategoryConfig {
    /// The verdict at severity 1, 2, 3 and 4.
    pub action: Option<[Verdict; 4]>,
    /// The model's score from which it counts as found, 0 to 1.
    pub threshold: Option<f32>,
    pub on_expiry: Option<OnExpiry>,
    /// Recorded, never acted on.
    pub shadow: Option<bool>,
}

/// One sender's pace.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FloodConfig {
    /// More messages than this within the window are spam.
    pub messages_max: u32,
    /// The same text more often than this within the window is spam.
    pub repeats_max: u32,
    pub window_ms: u64,
}

impl Default for FloodConfig {
    fn default() -> Self {
        FloodConfig { messages_max: 10, repeats_max: 3, window_ms: 10_000 }
    }
}

/// What becomes of a sender's later chat in a channel while one message is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhileHeld {
    #[default]
    Pass,
    Wait,
    Hold,
}

/// What becomes of a held message that nobody decided in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    #[default]
    Drop,
    Release,
}

/// What becomes of a message whose score came too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLate {
    #[default]
    Pass,
    Hold,
}
