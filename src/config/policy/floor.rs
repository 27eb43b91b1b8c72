//! Names what the floor may say: what no policy may be laxer than.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{OnExpiry, OnLate};
use crate::{
    config::Unjudged,
    message::{Category, Head, Verdict},
};

/// What holds under every policy, whatever it says.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FloorConfig {
    /// `hold`: no policy may let a message pass because its score was late.
    pub on_late: Option<OnLate>,
    /// `drop`: no policy may let a message pass because it could not be held.
    pub when_full: Option<Unjudged>,
    /// No policy's threshold for a head is higher.
    pub heads: Option<BTreeMap<Head, f32>>,
    /// No policy's `harmless` is higher.
    pub harmless: Option<f32>,

    pub threat: Option<FloorCategory>,
    pub hate: Option<FloorCategory>,
    pub harassment: Option<FloorCategory>,
    pub sexual: Option<FloorCategory>,
    pub self_harm: Option<FloorCategory>,
    pub doxxing: Option<FloorCategory>,
    pub extremism: Option<FloorCategory>,
    pub profanity: Option<FloorCategory>,
    pub spam: Option<FloorCategory>,
    pub link: Option<FloorCategory>,
    pub impersonation: Option<FloorCategory>,
}

/// What holds for one category.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FloorCategory {
    /// The mildest verdict at severity 1, 2, 3 and 4.
    pub action: Option<[Verdict; 4]>,
    /// No policy's threshold for the category's heads is higher.
    pub threshold: Option<f32>,
    /// Whether a policy may exempt senders from it; unsaid: below severity 4.
    pub exempts: Option<bool>,
    /// `release`: what the floor holds may be released when nobody decides.
    pub on_expiry: Option<OnExpiry>,
}

impl FloorConfig {
    pub fn category(&self, category: Category) -> Option<&FloorCategory> {
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
